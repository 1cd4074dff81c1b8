import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving.publishing import run_card
from tests.cases import fixed_weights, smooth_images
from tests.serving.local import picture
from tfpix2pix import config, export, factory, inference, runs
from tfpix2pix.data import codecs, images
from tfpix2pix.networks import unet_generator
from tfpix2pix.presets import QUICKSTART

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
    asked = {
        "float": {"image": smooth},
        "uint8": {"image": pixels[np.newaxis]},
        "serving_default": {"image_bytes": files},
        "sampled": {"image_bytes": files, "seed": seeds},
        "model_card": {"request": files},
    }[signature]
    for alias, value in asked.items():
        np.save(tmp_path / f"{alias}.npy", value)
    inputs = ";".join(f"{alias}={tmp_path / alias}.npy" for alias in asked)
    made = run_by_cli(version, signature, tmp_path / "out", inputs)
    if signature == "model_card":
        card = export.read_card(version)
        assert json.loads(made[0]).items() <= card.items()
    elif signature == "float":
        own = inference.translate(generator, smooth)
        np.testing.assert_allclose(made, own, atol=1e-5)
    else:
        noise = {"samples": 1, "seed": 6} if signature == "sampled" else {}
        own = np.reshape(inference.translate(generator, signed, **noise), pixels.shape)
        decoded = made[0] if signature == "uint8" else codecs.decode(made[0]).pixels
        assert np.abs(decoded - (own + 1) * 127.5).max() < 1.01


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


def trained(run, data, **options):
    """Writes the parts of a run that a card is made of, and returns its configuration."""
    of_data = config.dataclasses.replace(
        QUICKSTART.data, folder=str(data), image_size=(32, 32), direction="BtoA", **options
    )
    saved = config.dataclasses.replace(QUICKSTART, data=of_data)
    runs.save_config(saved, run)
    step = tf.Variable(20, dtype="int64")
    tf.train.Checkpoint(step=step).save(str(run / factory.CHECKPOINTS / "ckpt"))
    notes = [{"step": 10, "held_out/l1": 0.5}, {"step": 20, "loss": 1.0}]
    notes += [{"step": 30, "held_out/l1": 0.1}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(note) + "\n" for note in notes))
    return saved


@pytest.mark.slow
def test_a_card_tells_of_a_run_at_its_checkpoint_and_of_its_data(tmp_path):
    for split, count in (("train", 9), ("test", 8)):
        for index in range(count):
            photo = np.random.default_rng(index).integers(0, 256, (64, 64, 3)).astype("uint8")
            lines = np.full((64, 64, 3), 255, "uint8")
            lines[8 + index : 10 + index, 4:60] = 0
            pair = np.concatenate([photo, lines], axis=1)
            codecs.write(pair, tmp_path / f"data/{split}/{index}.png")
    saved = trained(tmp_path / "run", tmp_path / "data")
    card = run_card.card_of_run(tmp_path / "run", saved)
    assert (card["step"], card["metrics"]) == (20, {"l1": 0.5})
    assert card["config"]["data"]["direction"] == "BtoA"
    white, black = [255, 255, 255], [0, 0, 0]
    width = {"line_width": pytest.approx(1.0, abs=0.25)}  # 2 pixels, of 64 that become 32.
    drawing = card["drawings"]["translate"]
    assert drawing == {"kind": "lines", "background": white, "line_color": black, **width}
    examples = card["examples"]["translate"]
    tops = [int(np.argmax((example < 200).any(axis=(1, 2)))) for example in examples]
    assert tops == [4, 4, 5, 6, 7, 7]  # Of the held-out lines 0, 1, 3, 4, 6 and 7: of all 8.
    assert {example.shape for example in examples} == {(32, 32, 3)}


@pytest.mark.slow
def test_without_its_data_a_card_shows_no_examples_and_a_note_is_printed(tmp_path, capsys):
    saved = trained(tmp_path / "run", tmp_path / "gone")
    card = run_card.card_of_run(tmp_path / "run", saved)
    assert card["drawings"]["translate"] == {"kind": "picture", "background": [255, 255, 255]}
    assert "examples" not in card
    assert re.match(
        "note: the model card shows no examples, for the data were not found. .*gone",
        capsys.readouterr().out,
    )
