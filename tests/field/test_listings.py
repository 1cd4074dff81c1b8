"""Folders of images as machines leave them, and side-by-side files, through every program."""

import jsonargparse
import numpy as np
import pytest
import tensorflow as tf

from serving.client import image_files
from tfpix2pix import InputError
from tfpix2pix.data import codecs, folders
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.translation import Translator, program, translate_files

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 8, 3)).astype("uint8")
COLOR = PixelFormat(3, "uint8", (0.0, 255.0))
ECHO = Translator(lambda pixels: [pixels], COLOR, COLOR)


def made(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))


def test_what_macos_and_notebooks_leave_is_no_image(tmp_path):
    """Of archives from a Mac, and of folders that Jupyter looked into."""
    codecs.write(PIXELS, tmp_path / "in/a.png")
    codecs.write(PIXELS, tmp_path / "in/deep/b.jpg")
    for name in ("._a.png", ".ipynb_checkpoints/a.png", "__MACOSX/c.png", "__MACOSX/._a.png"):
        path = tmp_path / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "in/deep/itself").symlink_to(tmp_path / "in/deep")
    files = [tmp_path / "in/a.png", tmp_path / "in/deep/b.jpg"]
    assert image_files.found(tmp_path / "in") == folders.image_files(tmp_path / "in") == files


def test_files_that_differ_in_their_suffix_are_all_translated(tmp_path):
    """A photo, and what a program saved beside it."""
    for name in ("a.png", "a.bmp", "b.png", "deep/a.png"):
        codecs.write(PIXELS, tmp_path / "in" / name)
    translate_files(ECHO, tmp_path / "in", tmp_path / "out")
    sent = image_files.results([tmp_path / "in"], tmp_path / "out")
    names = ["a.bmp.png", "a.png.png", "b.png", "deep/a.png"]
    assert made(tmp_path / "out") == sorted(map(str, names))
    assert sorted(path.relative_to(tmp_path / "out").as_posix() for path in sent) == names
    codecs.write(PIXELS, tmp_path / "in/a.png.bmp")  # Nobody can have all names.
    with pytest.raises(InputError, match=r"^The images of a folder must differ in more than"):
        translate_files(ECHO, tmp_path / "in", tmp_path / "out")


@pytest.mark.parametrize(("half", "columns"), [("left", slice(0, 4)), ("right", slice(4, 8))])
def test_a_half_of_side_by_side_files_is_translated(tmp_path, half, columns):
    """As data sets are stored; the client has cut the same."""
    codecs.write(PIXELS, tmp_path / "in/pair.png")
    translate_files(ECHO, tmp_path / "in", tmp_path / "out", half=half)
    np.testing.assert_array_equal(codecs.read(tmp_path / "out/pair.png"), PIXELS[:, columns])
    sent = codecs.decode(image_files.read_image(tmp_path / "in/pair.png", half)).pixels
    np.testing.assert_array_equal(sent, PIXELS[:, columns])
    with pytest.raises(InputError) as caught:
        translate_files(ECHO, tmp_path / "in", tmp_path / "new", half="A")
    assert str(caught.value) == "`half` must be left or right. Received: 'A'. Leave it out for all."


def test_pairs_that_are_translated_whole_are_told(tmp_path, capsys):
    """Of people who give the test images of a data set as they are."""
    codecs.write(PIXELS, tmp_path / "in/pair.png")
    codecs.write(PIXELS[:, :4], tmp_path / "in/single.png")

    def translate(*options, size=(16, 16)):
        def open_echo(*, controls):
            return ECHO._replace(size=size)

        parser = jsonargparse.ArgumentParser()
        parser.add_argument("--control", **program.CONTROL)
        paths = [str(tmp_path / "in"), "--to", str(tmp_path / "out"), "--overwrite", "true"]
        program.translate_by(parser, open_echo, [*paths, *options])
        return capsys.readouterr().err

    note = (
        "note: 1 of the files are twice as wide as what was trained on. If A and B are side by "
        "side in them, translate one of them: the option half is left or right.\n"
    )
    assert translate().endswith(note)
    for told in (translate("--half", "left"), translate(size=(8, 16)), translate(size=None)):
        assert "note" not in told


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("Unable to allocate 68.7 MiB"),
        tf.errors.ResourceExhaustedError(None, None, "Unable to allocate 68.7 MiB"),
    ],
)
def test_a_photo_beyond_memory_fails_alone_with_its_cure(tmp_path, error):
    """24 megapixels among small files, on a small machine."""
    for name, width in (("a", 4), ("big", 8), ("c", 4)):
        codecs.write(PIXELS[:, :width], tmp_path / f"in/{name}.png")

    def translate(pixels):
        if pixels.shape[1] > 4:
            raise error
        return [pixels]

    small = ECHO._replace(translate=translate)
    done = translate_files(small, tmp_path / "in", tmp_path / "out")
    assert (done.written, list(done.failures.values())) == (
        2,
        [
            "there is too little memory for it: Unable to allocate 68.7 MiB. Use a smaller `size`.",
        ],
    )
    assert translate_files(small, tmp_path / "in", tmp_path / "out", size=4).written == 1
