import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.cases import fixed_weights
from tfpix2pix import InputError, atomic, checkpointing, inference, load_run, runs
from tfpix2pix.config import DataConfig, ExperimentConfig
from tfpix2pix.data import codecs
from tfpix2pix.families.pix2pix import Pix2PixConfig
from training import translate

PHOTO = np.random.default_rng(0).integers(0, 256, (11, 14, 3)).astype("uint8")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run that was never trained, with batch norm and dropout, other weights in its best."""
    folder = tmp_path_factory.mktemp("run")
    model = Pix2PixConfig(base_filters=2, depth=3, norm="batch", receptive_field=16)
    data = DataConfig(image_size=(16, 16), target_dtype="uint16")
    config = ExperimentConfig("tiny", "", data=data, model=model)
    untrained = runs.float32_model(config)
    saved = checkpointing.checkpoint(untrained, tf.Variable(0, dtype="int64"))
    for place in (checkpointing.BEST, checkpointing.CHECKPOINTS):
        saved.save(folder / place / "ckpt")
        fixed_weights(untrained.generator)
    runs.save_config(config, folder)
    return folder


@pytest.fixture(autouse=True)
def _photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    codecs.write(PHOTO, "photos/rome/1.png")
    codecs.write(PHOTO[:, ::-1], "photos/2.jpg")


def translated(run, **options):
    _, direction = load_run(run, best=options.pop("best", False)).direction()
    source = tf.constant(PHOTO[np.newaxis] / np.float32(127.5) - 1)
    return (inference.translate(direction.network, source, **options).numpy() + 1) * 32767.5


def test_a_folder_is_translated_once_and_shown(run, capsys):
    arguments = ["photos", "--run", str(run), "--to", "out", "--grid", "grid.png"]
    for numbers in ("2 translations made, 0 were", "0 translations made, 2 were"):
        translate.main(arguments)
        printed = capsys.readouterr()
        assert printed.out == f"out: {numbers} there already.\n"
        assert "2/2" in printed.err
        with Image.open("grid.png") as sheet:
            assert sheet.size == (2 * 264 + 8, 32 + 2 * 264 + 8)
    output = codecs.read("out/rome/1.png")
    assert output.dtype == "uint16"
    np.testing.assert_allclose(output, translated(run)[0], atol=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["--best", "true"], {"best": True}),
        (["--statistics", "moving"], {"statistics": "moving"}),
    ],
)
def test_options_decide_what_translates(run, arguments, options):
    translate.main(["photos/rome/1.png", "--run", str(run), "--to", "out", *arguments])
    output = codecs.read("out/1.png")
    np.testing.assert_allclose(output, translated(run, **options)[0], atol=7)
    assert np.abs(output - translated(run)[0]).max() > 100


@pytest.mark.slow
def test_samples_are_numbered(run):
    options = ["--samples", "2", "--seed", "9", "--format", "tiff"]
    translate.main(["photos/rome/1.png", "--run", str(run), "--to", "out", *options])
    expected = translated(run, samples=2, seed=9)
    for index in range(2):
        output = codecs.read(f"out/1_{index}.tiff")
        np.testing.assert_allclose(output, expected[index, 0], atol=7)


def test_what_failed_is_listed_at_the_end(run):
    atomic.write_bytes(b"Dear diary", "photos/3.png")
    with pytest.raises(SystemExit) as caught:
        translate.main(["photos", "--run", str(run), "--to", "out", "--size", "8"])
    assert caught.value.code == (
        "error: 2 translations made, 0 were there already, 1 file failed:\n"
        "photos/3.png: it cannot be decoded: it is no image of a known format"
    )
    assert codecs.read("out/rome/1.png").shape == (6, 8, 3)


def test_16_bits_are_not_written_as_8(run):
    message = (
        "The format of a file must hold the channels and bits of its image. Received: 3 channels "
        "of uint16 for '.jpg'. Use .png or .tif or .tiff or .npy."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        translate.main(["photos", "--run", str(run), "--to", "out", "--format", "jpg"])
