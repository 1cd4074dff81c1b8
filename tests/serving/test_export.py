import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving import export as program
from serving.engine.servable import Servable
from tests.cases import fixed_weights, smooth_images
from tests.serving.local import picture
from tfpix2pix import InputError, checkpointing, export, families, inference, runs
from tfpix2pix.data import codecs, images
from tfpix2pix.networks import unet_generator

ROOT = Path(__file__).parents[2]
SECONDS = 120


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """`(generator, version)` of an export with all signatures."""
    generator = fixed_weights(unet_generator((None, None, 3), depth=3, base_filters=4))
    return generator, export.export(generator, tmp_path_factory.mktemp("exports") / "tiny")[0]


def run_by_cli(version, signature, to, inputs):
    """Returns the one output of a signature as `saved_model_cli` computes it."""
    command = [Path(sys.executable).with_name("saved_model_cli"), "run", "--dir", version]
    command += [
        "--tag_set",
        "serve",
        "--signature_def",
        signature,
        "--outdir",
        to,
        "--inputs",
        inputs,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = to.glob("*.npy")
    return np.load(file, allow_pickle=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    "signature", ["float", "uint8", "serving_default", "sampled", "model_card"]
)
def test_saved_model_cli_runs_every_signature_with_equal_results(served, tmp_path, signature):
    generator, version = served
    file, pixels = picture(3, (9, 7))
    signed = images.to_signed(pixels)[tf.newaxis]
    smooth = smooth_images((2, 6, 9, 3))
    files, seeds = np.array([file], object), np.array([6])
    request = {
        "float": {"image": smooth},
        "uint8": {"image": pixels[np.newaxis]},
        "serving_default": {"image_bytes": files},
        "sampled": {"image_bytes": files, "seed": seeds},
        "model_card": {"request": files},
    }[signature]
    for alias, value in request.items():
        np.save(tmp_path / f"{alias}.npy", value)
    inputs = ";".join(f"{alias}={tmp_path / alias}.npy" for alias in request)
    output = run_by_cli(version, signature, tmp_path / "out", inputs)
    if signature == "model_card":
        card = export.read_card(version)
        assert json.loads(output[0]).items() <= card.items()
    elif signature == "float":
        expected = inference.translate(generator, smooth)
        np.testing.assert_allclose(output, expected, atol=1e-5)
    else:
        noise = {"samples": 1, "seed": 6} if signature == "sampled" else {}
        expected = np.reshape(inference.translate(generator, signed, **noise), pixels.shape)
        decoded = output[0] if signature == "uint8" else codecs.decode(output[0]).pixels
        assert np.abs(decoded - (expected + 1) * 127.5).max() < 1.01


EXPORT = """
import sys, time
from tests.cases import open_generator
from tfpix2pix.export import export

def finish(part):
    (part / "finishing").touch()
    time.sleep(600)

export(open_generator(), sys.argv[1], finish=finish)
"""


@pytest.mark.slow
@pytest.mark.parametrize("sign", ["*.part", "*.part/finishing"])
def test_an_export_that_is_killed_leaves_no_version(tmp_path, sign):
    command = [sys.executable, "-c", EXPORT, tmp_path]
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            deadline = time.monotonic() + SECONDS
            while not list(tmp_path.glob(sign)):
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
        finally:
            process.kill()
    assert process.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name == f".1.{process.pid}.part"
    assert export.versions(tmp_path) == []
    version, _ = export.export(unet_generator((None, None, 3), depth=2, base_filters=2), tmp_path)
    assert version == tmp_path / "1"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose data are gone."""
    folder = tmp_path_factory.mktemp("run")
    quickstart = families.preset("quickstart")
    config = replace(
        quickstart,
        data=replace(quickstart.data, folder=str(folder / "gone"), image_size=(32, 32)),
        model=replace(quickstart.model, base_filters=4, depth=3),
    )
    runs.save_config(config, folder)
    step = tf.Variable(20, dtype="int64")
    checkpointing.checkpoint(runs.float32_model(config), step).save(
        folder / checkpointing.CHECKPOINTS / "ckpt"
    )
    return folder


def run_program(*arguments, cwd):
    command = [sys.executable, "-m", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


DIFFERENCE = r"(0|\de-\d\d)"  # Small ones are equal to the bit on some processors.
NOTE = "note: the model card shows no examples, for the data were not found. "


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "path"),
    [("saved_model", "tiny/1"), ("tflite", "tiny.tflite"), ("onnx", "tiny.onnx")],
)
def test_the_screen_of_an_export_shows_our_words_alone(run, tmp_path, format, path):
    if format == "onnx":
        pytest.importorskip("tf2onnx")
    arguments = ["--run", run, "--to", "tiny", "--format", format]
    done = run_program("serving.export", *arguments, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    note, agrees = done.stdout.splitlines()
    assert note.startswith(NOTE)
    assert str(run / "gone") in note
    agreement = rf"agrees with the trained model within {DIFFERENCE}\."
    assert re.fullmatch(f"{re.escape(path)} {agreement}", agrees)
    assert (tmp_path / path).exists()


@pytest.mark.slow
def test_an_export_of_half_the_bytes_is_served_and_tells_what_rounding_moves(run, tmp_path, capsys):
    program.main(str(run), str(tmp_path / "half"), weights="float16")
    screen = capsys.readouterr().out.splitlines()[-1]
    assert re.fullmatch(
        re.escape(str(tmp_path / "half/1"))
        + r" agrees with the trained model of float16 weights, 0\.\d+ from the trained one, within "
        rf"{DIFFERENCE}\.",
        screen,
    )
    program.main(str(run), str(tmp_path / "whole"))
    half, whole = (
        (tmp_path / name / "1/variables/variables.data-00000-of-00001").stat().st_size
        for name in ("half", "whole")
    )
    assert half < 0.51 * whole + 5000
    image = np.random.default_rng(0).uniform(-1, 1, (1, 40, 24, 3)).astype("float32")
    answers = []
    for name in ("half", "whole"):
        servable = Servable(tmp_path / name / "1")
        _, outputs = servable.predict("float", {"image": tf.make_tensor_proto(image)}, ())
        answers.append(outputs["output"])
    assert 0 < np.abs(np.subtract(*answers)).max() < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("size", [(9, 14), (32, 32)])
def test_the_screen_of_a_translation_shows_our_words_alone(run, served, tmp_path, size):
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype("uint8")
    for index in range(7):
        codecs.write(pixels[index % 2 :], tmp_path / f"in/{index}.png")
    for name, source in (
        ("training.translate", ["--run", run]),
        ("serving.translate", ["--export", served[1]]),
    ):
        done = run_program(name, "in", *source, "--to", name, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"{name}: 7 translations made, 0 were there already.\n"
        bars = re.sub(r"(\d+)%\|.*?\| \d/7 \[.*?\]", "", done.stderr)
        assert not bars.strip(), done.stderr
        assert "100%" in done.stderr


def refused(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


def test_options_that_do_not_fit_a_format_are_refused(run, tmp_path):
    with refused(
        "--keep is for versions of a served model. Received: --format onnx, a single file that is "
        "replaced. Leave --keep out."
    ):
        program.main(str(run), str(tmp_path / "x"), format="onnx", keep=2)
    with refused(
        "--direction is for a single file, since a version has all directions. Received: "
        "--direction AtoB, --format saved_model. Leave --direction out."
    ):
        program.main(str(run), str(tmp_path / "x"), direction="AtoB")
    with refused(
        "--weights is for versions of a served model. Received: --weights float16, --format "
        "tflite. Leave --weights out."
    ):
        program.main(str(run), str(tmp_path / "x"), format="tflite", weights="float16")
    with refused(
        "A direction must be one of translate. Received: 'AtoB'. Leave it out for translate."
    ):
        program.main(str(run), str(tmp_path / "x"), format="tflite", direction="AtoB")
    assert list(tmp_path.iterdir()) == []
