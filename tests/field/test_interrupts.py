"""Ctrl-C at any moment of a program."""

import collections
import os
import signal
import subprocess
import sys
import time

import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix import errors
from tfpix2pix.data import codecs, folders
from tfpix2pix.datasets import synthetic

# Of a program that loads for three seconds, and of its work.
MOMENTS = (0.3, 1.5, 4.0)


def interrupted(moment, module, *arguments):
    """Returns the status of a program and what it has written to the standard error."""
    program = subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # Programs behind a test that was started in the background would be deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    time.sleep(moment)
    program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=60)
    return program.returncode, said


class Closed:
    """Stands for what TensorFlow destroys while it builds graphs."""

    def __del__(self):
        signal.raise_signal(signal.SIGINT)


def test_an_interrupt_amid_a_destructor_is_not_lost():
    def program():
        with errors.reported():
            Closed()
            time.sleep(20)

    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            program()
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - started < 10


def flattened():
    """Has TensorFlow's C++ read a mapping, amid which Ctrl-C comes: it raises a RuntimeError."""

    class Mapping(collections.UserDict):
        def __getitem__(self, key):
            signal.raise_signal(signal.SIGINT)

    tf.nest.flatten(Mapping(a=1))


def refused():
    """As code that takes any error for that of a file."""
    try:
        signal.raise_signal(signal.SIGINT)
    except BaseException as error:
        raise errors.InputError("A rule. Received: x. A cure.") from error


@pytest.mark.parametrize("work", [flattened, refused])
def test_an_interrupt_that_becomes_another_error_ends_the_program_as_one(work):
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        with pytest.raises(KeyboardInterrupt), errors.reported():
            work()
        # The next program's errors are its own.
        with pytest.raises(TypeError), errors.reported():
            raise TypeError
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
def test_a_client_that_waits_for_its_server_ends(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "a.png")
    options = ["--model", "m", "--address", "localhost:1", "--to", tmp_path / "out"]
    status, said = interrupted(0.8, "serving.client", tmp_path / "a.png", *options)
    assert status == -signal.SIGINT
    assert "Traceback" not in said
    assert not (tmp_path / "out").exists() or not folders.image_files(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
def test_every_program_ends_in_silence_and_leaves_nothing_half_written(
    tmp_path, facades, exported, moment
):
    photos = tmp_path / "photos"
    for index in range(40):
        photo, _ = synthetic.facade((256, 256), index)
        codecs.write(photo, photos / f"{index}.png")
    train = ("training.train", "pix2pix_debug", "--data", facades, "--run", tmp_path / "run")
    export = exported[1] / "tiny"
    programs = [
        (*train, "--train.steps", "5000"),
        ("training.prepare", "edges", photos, "--to", tmp_path / "edges"),
        ("serving.translate", photos, "--export", export, "--to", tmp_path / "out"),
        ("serving.server", "--models", exported[1], "--port", "0"),
        ("serving.demo", "--export", export, "--port", "0"),
    ]
    for program in programs:
        status, said = interrupted(moment, *program)
        # A training saves and a server finishes: this is no failure.
        assert status in (-signal.SIGINT, 0), program
        assert "Traceback" not in said, said
        assert "Error" not in said, said
    for place in ("edges", "out"):
        if (tmp_path / place).exists():
            for file in folders.image_files(tmp_path / place):
                codecs.read(file)
    # It goes on from where it was, or starts.
    result = subprocess.run(
        [sys.executable, "-m", *map(str, train), "--train.steps", "5"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
