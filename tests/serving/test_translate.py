import numpy as np
import pytest
from PIL import Image

from serving import translate
from tfpix2pix import atomic, inference
from tfpix2pix.data import codecs, images

PHOTO = np.random.default_rng(0).integers(0, 256, (11, 14, 3)).astype("uint8")


@pytest.fixture(autouse=True)
def _photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    codecs.write(PHOTO, "photos/rome/1.png")


def test_a_folder_is_translated_once_and_shown(exported, capsys):
    generator, exports = exported
    arguments = ["photos", "--export", str(exports / "tiny"), "--to", "out", "--grid", "grid.png"]
    for numbers in ("1 translation made, 0 were", "0 translations made, 1 was"):
        translate.main(arguments)
        printed = capsys.readouterr()
        assert printed.out == f"out: {numbers} there already.\n"
        assert "1/1" in printed.err
    expected = inference.translate(generator, images.to_signed(PHOTO)[np.newaxis])
    output = codecs.read("out/rome/1.png").astype(int)
    assert np.abs(output - images.to_pixels(expected)[0]).max() <= 1
    with Image.open("grid.png") as sheet:
        assert sheet.size == (2 * 264 + 8, 32 + 264 + 8)


def test_options_decide_what_is_written(exported):
    options = ["--size", "7", "--kernel", "nearest", "--format", "webp"]
    export = ["--export", str(exported[1] / "tiny/1")]
    translate.main(["photos/rome/1.png", *export, "--to", "out", *options])
    nearest = np.asarray(Image.fromarray(PHOTO).resize((7, 6), Image.NEAREST))
    expected = inference.translate(exported[0], images.to_signed(nearest)[np.newaxis])
    output = codecs.read("out/1.webp").astype(int)
    assert output.shape == (6, 7, 3)
    assert np.abs(output - images.to_pixels(expected)[0]).max() <= 1


def test_what_failed_is_listed_at_the_end(exported):
    atomic.write_bytes(b"Dear diary", "photos/3.png")
    with pytest.raises(SystemExit) as caught:
        translate.main(["photos", "--export", str(exported[1] / "tiny"), "--to", "out"])
    assert caught.value.code == (
        "error: 1 translation made, 0 were there already, 1 file failed:\n"
        "photos/3.png: it cannot be decoded: it is no image of a known format"
    )
