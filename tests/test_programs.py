"""The programs as a user starts them: whole, in processes of their own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
TINY = [
    *("--data.image_size", "32", "--model.base_filters", "4", "--model.receptive_field", "34"),
    *("--train.steps", "40", "--train.checkpoint_every", "10"),
]


PROGRAMS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for top in ("training", "serving")
    for path in (ROOT / top).rglob("*.py")
    if 'prog="python -m' in path.read_text("utf-8")
)


@pytest.mark.parametrize("module", PROGRAMS)
def test_a_program_loads_tensorflow_by_the_library(module):
    """Else TensorFlow 2.21 fills the screen, and may take Keras 3."""
    code = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert "tensorflow" not in loaded or (
        loaded.index("tfpix2pix.lines") < loaded.index("tensorflow")
    )


def start(module, *arguments, folder):
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(module, *arguments, folder, fails=False):
    """Returns what a program prints; for one that has to fail, its error."""
    with start(module, *arguments, folder=folder) as process:
        output, errors = process.communicate(timeout=300)
    assert (process.returncode != 0) == fails, errors
    return errors if fails else output


def weights(run_folder):
    reader = tf.train.load_checkpoint(run_folder / "checkpoints")
    names = [n for n in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in n]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


def test_the_quickstart_does_what_the_readme_says(tmp_path):
    output = run("training.quickstart", folder=tmp_path)
    folder = tmp_path / "runs/quickstart"
    ratio = float(re.search(r"L1 [\d.]+, ([\d.]+) of the mean image's", output).group(1))
    assert ratio < 0.5
    equal = float(re.search(r"([\d.]+)% of the served values equal", output).group(1))
    assert equal > 99
    with Image.open(folder / "report.png") as picture:
        assert picture.size[0] > 3 * 128
        assert np.std(picture) > 40
    for name in ("data", "config.yaml", "metrics.jsonl", "samples", "checkpoints", "outputs"):
        assert (folder / name).exists()
        assert name in output
    assert output.splitlines()[-1] == (
        "Draw a cat, with a model that is trained already: python -m serving.demo"
    )
    assert (folder / "exports/quickstart/1/saved_model.pb").exists()


def test_a_quickstart_that_learned_too_little_says_so(tmp_path):
    error = run("training.quickstart", "--steps", "2", folder=tmp_path, fails=True)
    assert re.search(
        r"error: The held-out L1 must be below half of the mean image's, 0\.1\d\d\. Received: "
        r"\d\.\d\d\d\. Train for more --steps\.\n$",
        error,
    )
    assert not (tmp_path / "runs/quickstart/exports").exists()


def test_train_export_serve_and_query_by_command(facades, tmp_path):
    train = ("facades", "--data", facades, "--run", "runs/facades", *TINY)
    assert "is trained for 40 of 40 steps." in run("training.train", *train, folder=tmp_path)
    exports = ("--run", "runs/facades", "--to", "exports/facades")
    assert "exports/facades/1 agrees" in run("serving.export", *exports, folder=tmp_path)
    serve = ("--models", "exports", "--port", "0")
    with start("serving.server", *serve, folder=tmp_path) as server:
        try:
            line = server.stdout.readline()
            address = re.search(r"at (127\.0\.0\.1:\d+) with facades/1", line).group(1)
            files = sorted((facades / "test").glob("*.png"))
            options = ("--model", "facades", "--address", address, "--to", "out", "--half", "right")
            output = run("serving.client", *files, *options, folder=tmp_path)
        finally:
            server.terminate()
    assert server.returncode == 0
    assert "3 of 3 images translated to out." in output
    for file in files:
        with Image.open(tmp_path / "out" / file.name) as image:
            assert image.size == (32, 32)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_training_saves_and_ends_as_if_it_had_not_been(facades, tmp_path, number):
    train = ("facades", "--data", facades, *TINY)
    run("training.train", *train, "--run", "whole", folder=tmp_path)
    with start("training.train", *train, "--run", "parts", folder=tmp_path) as process:
        while not (tmp_path / "parts/samples/000010.png").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "the same command goes on from there" in output
    run("training.train", *train, "--run", "parts", folder=tmp_path)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert set(whole) == set(parts)
    for name, value in whole.items():
        np.testing.assert_array_equal(parts[name], value, err_msg=name)


@pytest.mark.parametrize(
    ("module", "arguments", "error"),
    [
        (
            "training.train",
            ("facades", "--data", "none", "--run", "r"),
            "error: The data must be a folder of images or a manifest (.csv, .jsonl). Received: "
            "'none', where there is nothing. Give the folder that holds the images or their "
            "`train` folder, and check the spelling.",
        ),
        (
            "serving.export",
            ("--run", "none", "--to", "exports/none"),
            "error: A run is a folder with a config.yaml, as training makes it. "
            "Received: 'none', which has none. Check the spelling or train it first.",
        ),
        (
            "serving.server",
            ("--models", "none"),
            "error: The folder of models must contain MODEL/VERSION folders, versions whole "
            "numbers. Received: 'none', which has none. Make one with `python -m serving.export "
            "--run RUN --to none/NAME`.",
        ),
    ],
)
def test_bad_input_ends_in_one_paragraph_and_writes_nothing(tmp_path, module, arguments, error):
    errors = run(module, *arguments, folder=tmp_path, fails=True)
    assert errors.splitlines()[-1] == error
    assert "Traceback" not in errors
    assert list(tmp_path.iterdir()) == []


def test_the_wheel_holds_the_library_alone(tmp_path):
    checkout = tmp_path / "checkout"  # A copy, since the build leaves files in the checkout.
    for top in ("tfpix2pix", "training", "serving", "tests"):
        shutil.copytree(ROOT / top, checkout / top, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, checkout)
    command = ["-m", "pip", "wheel", ".", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    subprocess.run([sys.executable, *command], cwd=checkout, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("tfpix2pix-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names} == {"tfpix2pix", "tfpix2pix-0.1.0.dist-info"}
    modules = {str(p.relative_to(ROOT)) for p in (ROOT / "tfpix2pix").rglob("*.py")}
    assert modules == {name for name in names if name.endswith(".py")}
