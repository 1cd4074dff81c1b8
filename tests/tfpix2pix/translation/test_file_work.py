import numpy as np
import pytest

from tfpix2pix import atomic
from tfpix2pix.data import codecs
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.translation import Translator
from tfpix2pix.translation.file_work import planned_work

GREY = PixelFormat(1, "uint8", (0.0, 255.0))
NEGATIVE = Translator(lambda pixels: [255 - pixels], GREY, GREY)
LONG = "n" * 220


@pytest.mark.parametrize("frames", ["folder", "animation"])
def test_parts_of_these_files_are_removed_and_no_others(tmp_path, frames):
    codecs.write(np.zeros((2, 3, 1), "uint8"), tmp_path / "in/a/1.jpg")
    codecs.write(np.zeros((2, 3, 1), "uint8"), tmp_path / f"in/{LONG}.png")
    atomic.write_bytes(b"", tmp_path / "in/3.gif")
    own = (
        "a/.1.png.4711.part",
        f".{LONG[:200]}.12.part",
        "3.gif/.0007.png.5.part",
        ".3.gif.5.part",
    )
    other = (
        "a/.2.png.4711.part",
        "a/1.png",
        "a/.1.png.part",
        "3.gif/0006.png",
        "b/.1.png.4711.part",
    )
    for name in (*own, *other):
        atomic.write_bytes(b"", tmp_path / "out" / name)
    work, named_files = planned_work(NEGATIVE, tmp_path / "in", tmp_path / "out", frames=frames)
    work.remove_parts(named_files)
    left = {path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert left == {tmp_path / "out" / name for name in other}


def test_each_file_has_one_outcome_in_order(tmp_path):
    for name in ("1", "3"):
        codecs.write(np.zeros((2, 3, 1), "uint8"), tmp_path / f"in/{name}.png")
    atomic.write_bytes(b"", tmp_path / "in/2.png")
    codecs.write(np.zeros((2, 3, 1), "uint8"), tmp_path / "out/3.png")
    work, named_files = planned_work(NEGATIVE, tmp_path / "in", tmp_path / "out")
    assert [work.is_done(name) for name, _ in named_files] == [False, False, True]
    outcomes = list(work.outcomes(named_files))
    assert [outcome[:3] for outcome in outcomes] == [
        (1, 0, None),
        (0, 0, "it cannot be decoded: the file is empty"),
        (0, 1, None),
    ]
    assert [outcome.example for outcome in outcomes] == [
        [tmp_path / "out/1.png"],
        None,
        [tmp_path / "out/3.png"],
    ]
