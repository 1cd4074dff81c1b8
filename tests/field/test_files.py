"""Image files as people's programs name and write them."""

import numpy as np
import pytest
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data import codecs, folders, layouts

PIXELS = np.random.default_rng(0).integers(0, 256, (4, 6, 3)).astype("uint8")


@pytest.mark.parametrize(
    ("name", "format"), [("a.jfif", "JPEG"), ("b.JPE", "JPEG"), ("c.ppm", "PPM"), ("d.pgm", "PPM")]
)
def test_rarer_suffixes_are_read(tmp_path, name, format):
    """Windows saves photos of web pages as `.jfif`; cameras of laboratories write Netpbm."""
    grey = name.endswith("pgm")
    (tmp_path / "train").mkdir()
    image = Image.fromarray(PIXELS[..., 0] if grey else PIXELS)
    image.save(tmp_path / "train" / name, format)
    assert len(layouts.listing(tmp_path, "train", "photos").files) == 1
    expected = np.asarray(Image.open(tmp_path / "train" / name)).reshape(4, 6, -1)
    np.testing.assert_array_equal(codecs.read(tmp_path / "train" / name), expected)


@pytest.mark.parametrize("channels", [1, 3])
def test_netpbm_keeps_sixteen_bits(channels):
    """Cameras write 12 bits into them; the largest value is white, whatever it is."""
    values = np.array([[0, 1, 2048], [4095, 77, 300]]).repeat(channels).reshape(2, 3, channels)
    text = " ".join(map(str, values.ravel()))
    expected = np.round(values * 65535 / 4095)
    kinds = (2, 5) if channels == 1 else (3, 6)
    for kind, body in zip(kinds, (text.encode(), values.astype(">u2").tobytes())):
        decoded = codecs.decode(b"P%d\n# by a camera\n3 2\n4095\n" % kind + body)
        assert decoded.pixels.dtype == "uint16"
        np.testing.assert_array_equal(decoded.pixels, expected)
    with pytest.raises(codecs.UnreadableError, match=r"^it cannot be decoded: buffer is smaller"):
        codecs.decode(b"P5 3 2 4095\n" + bytes(11))
    with pytest.raises(codecs.UnreadableError) as caught:
        codecs.decode(b"P2 1 1 4095\n4096")
    assert str(caught.value) == (
        "it cannot be decoded: a sample above the largest, 4095, which is 65535 at most"
    )


def test_linked_folders_are_followed_once(tmp_path):
    """Data on another disk, linked into the data set; and links that lead back."""
    for name in (
        "disk/cats/1.png",
        "disk/dogs/2.png",
        "data/train/3.png",
        "data/train/.hidden/4.png",
    ):
        codecs.write(PIXELS, tmp_path / name)
    train = tmp_path / "data/train"
    (train / "cats").symlink_to(tmp_path / "disk/cats")
    (tmp_path / "disk/cats/dogs").symlink_to(tmp_path / "disk/dogs")
    (tmp_path / "disk/dogs/cats").symlink_to(tmp_path / "disk/cats")
    (train / "itself").symlink_to(train)
    (train / "old.png").mkdir()
    files = [file.relative_to(train).as_posix() for file in folders.image_files(train)]
    assert files == ["3.png", "cats/1.png", "cats/dogs/2.png"]


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    """Of another user's files; the administrator may read all, so that the refusal is made here."""
    (tmp_path / "train").mkdir()

    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(tmp_path), "iterdir", refuse)
    with pytest.raises(InputError) as caught:
        folders.image_files(tmp_path / "train")
    assert str(caught.value) == (
        f"The folders of a data set must be readable. Received: {tmp_path / 'train'} (Permission "
        "denied). Change its permissions, or move it elsewhere."
    )


def test_a_loop_of_links_inside_a_place_ends(tmp_path):
    """A folder that links to the one it is in, within A."""
    for side in "AB":
        codecs.write(np.zeros((8, 8, 3), "uint8"), tmp_path / f"train/{side}/1.png")
    (tmp_path / "train/A/again").symlink_to(tmp_path / "train/A")
    assert layouts.listing(tmp_path, "train").names == ["1"]
