"""Images larger than memory, among small ones."""

import os
import resource
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix import memory
from tfpix2pix.data import base_task, images
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.datasets import synthetic
from tfpix2pix.inference.strips import convert_in_strips
from tfpix2pix.translation.reasons import reason_of

COLOR = PixelFormat(3, "uint8", (0.0, 255.0))


@pytest.mark.parametrize(
    ("text", "room"),
    [("max\n", None), ("1073741824\n", 2**30 - memory.RESIDENT), ("9000000", memory.LEAST)],
)
def test_what_a_container_may_have_is_what_is_asked_for(tmp_path, monkeypatch, text, room):
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(memory, "CONTAINERS", (str(tmp_path / "memory.max"), "no-such-file"))
    assert memory.limit() == room


@pytest.mark.parametrize("name", [name for name in base_task.kinds() if name != "inpainting"])
def test_pixels_of_tasks_are_converted_by_rows_as_at_once(name):
    task = base_task.kind_of(name).of((COLOR,) * 2, (None, None))
    assert task.pixelwise
    noise = np.random.default_rng(0).integers(0, 256, (5, 7, task.source_format.channels), "uint8")
    source = convert_in_strips(task.source, noise, rows=2)
    np.testing.assert_allclose(source, task.source(noise), atol=1e-6)
    translated = images.to_signed(tf.repeat(noise[..., :1], task.channels[1], axis=-1)).numpy()
    picture = convert_in_strips(task.picture, source, translated, rows=3)
    expected = task.picture(source, translated).numpy().astype(int)
    np.testing.assert_allclose(picture.astype(int), expected, atol=1)  # Rounded otherwise.


def test_what_lacks_in_the_middle_of_a_graph_is_memory():
    """oneDNN says so at the end of 40 lines."""
    text = "Graph execution error:\n" + "at line\n" * 99 + "could not create a primitive, in file"
    assert reason_of(tf.errors.AbortedError(None, None, text), "Use less.") == (
        "there is too little memory for it: could not create a primitive. Use less."
    )


@pytest.mark.slow
def test_a_photo_of_24_megapixels_fails_alone_and_its_cure_works(tmp_path):
    """It ended the program by a segmentation fault, and what came after it was not made."""
    synthetic.write_pairs(tmp_path / "data/train", 2, (32, 32), seed=0)
    (tmp_path / "photos").mkdir()
    for name, size in (("1.png", (60, 40)), ("2.jpg", (6000, 4000)), ("3.png", (60, 40))):
        Image.new("RGB", size, (9, 99, 200)).save(tmp_path / "photos" / name)

    def python(module, *arguments, addresses=resource.RLIM_INFINITY):
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (addresses, addresses)),
            capture_output=True,
            text=True,
            check=False,
        )

    run = str(tmp_path / "run")
    options = ["--train.steps", "1", "--data", str(tmp_path / "data"), "--run", run]
    assert python("training.train", "pix2pix_debug", *options).returncode == 0
    options = [str(tmp_path / "photos"), "--run", run, "--to", str(tmp_path / "out")]
    # What 4 GB are where threads of more processors reserve addresses.
    addresses = 2**20 * (3700 + 100 * os.cpu_count())
    whole = python("training.translate", *options, addresses=addresses)
    assert whole.returncode == 1
    assert whole.stderr.splitlines()[-1] == (
        f"{tmp_path}/photos/2.jpg: there is too little memory for it: OOM when allocating tensor "
        "with shape[4000,6000,3]. Set `strip` to 64 rows, or use a smaller `size`."
    )
    strips = python("training.translate", *options, "--strip", "64", addresses=addresses)
    assert (strips.returncode, strips.stdout) == (
        0,
        f"{tmp_path}/out: 1 translation made, 2 were there already.\n",
    )
    with Image.open(tmp_path / "out/2.png") as image:
        assert image.size == (6000, 4000)
