"""Machines as people have them."""

import io
import os
import subprocess
import sys

import pytest

from tfpix2pix import InputError
from tfpix2pix.errors import reported
from training.engine import devices


@pytest.mark.parametrize("count", [0, -1])
def test_no_devices_are_refused(count):
    """`--devices -1` means all in other programs; here 0 trained on one in silence."""
    with pytest.raises(InputError) as caught:
        devices.strategy(count)
    assert str(caught.value) == (
        f"There must be at least one device to train on. Received: {count}. Leave --devices out "
        "for all that there are."
    )


def test_devices_beside_a_cluster_are_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1"]}}')
    with pytest.raises(InputError) as caught:
        devices.strategy(2)
    assert str(caught.value) == (
        "The machines of TF_CONFIG train on all of their GPUs. Received: --devices 2 beside it. "
        "Leave --devices out; CUDA_VISIBLE_DEVICES hides GPUs."
    )


# coqui-ai/TTS #394, sd-scripts #232: the table of an evaluation ended in a UnicodeEncodeError.
@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_no_character_ends_a_program(encoding, monkeypatch):
    consoles = [io.TextIOWrapper(io.BytesIO(), encoding) for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", consoles[0])
    monkeypatch.setattr(sys, "stderr", consoles[1])
    with reported():
        for console in consoles:
            print("Colour distance, \N{GREEK CAPITAL LETTER DELTA}E", file=console, flush=True)
    for console in consoles:
        assert console.buffer.getvalue() == b"Colour distance, \\u0394E" + os.linesep.encode()


# huggingface/transformers #40391: the variable is set for other programs.
def test_the_variable_of_legacy_keras_alone_breaks_nothing():
    code = "import tfpix2pix, tensorflow as tf; print(tf.keras.layers.Dense(1).name)"
    variables = {**os.environ, "TF_USE_LEGACY_KERAS": "1"}
    told = subprocess.run(
        [sys.executable, "-c", code], env=variables, check=True, capture_output=True, text=True
    )
    assert told.stdout == "dense\n"
