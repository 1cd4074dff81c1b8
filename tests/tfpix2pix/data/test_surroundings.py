import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imagehash import phash
from PIL import Image
from skimage.transform import resize

from tfpix2pix import atomic
from tfpix2pix.data import codecs, looks
from tfpix2pix.data.further_domains import unread_domains
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.data.surroundings import bars, plain_background


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(60, 200, (height, width, 3)).astype("uint8")


def measured(pixels):
    return bars(np.moveaxis(pixels, -1, 0))


@settings(max_examples=20, deadline=None)
@given(
    st.tuples(st.integers(3, 30), st.integers(3, 30)),
    st.integers(0, 255).filter(lambda level: not 45 < level < 215),
    st.booleans(),
    st.booleans(),
)
def test_bars_are_as_wide_as_they_were_made(widths, level, is_upright, is_jpeg):
    if is_jpeg:  # Its blocks mix bars with pictures, and so noise as strong as this with the bars.
        widths = tuple(16 if width < 20 else 32 for width in widths)
    inside = picture(64 if is_jpeg else 60, 80)
    pixels = np.pad(inside, (widths, (0, 0), (0, 0)), constant_values=level)
    if is_jpeg:
        pixels = codecs.decode(codecs.encode(pixels, ".jpg")).pixels
    height = pixels.shape[0]
    expected = (widths[0] / height, widths[1] / height)
    pixels = pixels if is_upright else pixels.swapaxes(0, 1)
    found = measured(pixels)
    found, other = (found[:2], found[2:]) if is_upright else (found[2:], found[:2])
    # JPEG changes the lines beside the picture.
    np.testing.assert_allclose(found, expected, atol=1e-9 if not is_jpeg else 3 / height)
    assert other == (0, 0)


def test_bars_stay_bars_when_they_are_resized():
    pixels = np.pad(picture(60, 80), ((10, 10), (0, 0), (0, 0)))
    small = resize(pixels, (56, 56), anti_aliasing=True, preserve_range=True).astype("uint8")
    np.testing.assert_allclose(measured(small), (1 / 8, 1 / 8, 0, 0), atol=1 / 56)


@pytest.mark.parametrize("name", ["plain", "one side", "two colours", "line", "subject", "sky"])
def test_what_is_no_bar(name):
    pixels = picture(60, 60)
    if name == "one side":
        pixels[:9] = 0
    if name == "two colours":
        pixels[:9] = 0
        pixels[-9:] = 255
    if name == "line":
        pixels[:1] = pixels[-1:] = 0
    if name == "subject":  # It begins with a few pixels.
        rows, columns = np.indices((60, 60)) - 30
        pixels[rows**2 + columns**2 > 20**2] = 255
    if name == "sky":
        pixels[:20] = np.linspace(255, 200, 20)[:, None, None]
        pixels[-20:] = np.linspace(200, 255, 20)[:, None, None]
        pixels[20:-20] = 200
    assert measured(pixels) == (0, 0, 0, 0)
    assert measured(np.full((8, 8, 3), 7, "uint8")) == (0, 0, 0, 0)


def test_plain_backgrounds_are_those_of_one_colour_all_around():
    subject = np.full((16, 16, 3), (200, 210, 220), "uint8")
    subject[3:13, 2:14] = picture(10, 12)
    assert plain_background(subject).tolist() == [200, 210, 220]
    subject[-1, 4:12] = 0  # 8 of 60 at the rim: its feet.
    assert plain_background(subject).tolist() == [200, 210, 220]
    subject[-1] = 0
    subject[0, :5] = 0
    assert len(plain_background(subject)) == 0
    assert len(plain_background(picture(16, 16))) == 0


def test_folders_of_further_domains_are_found_where_domains_may_lie(tmp_path):
    for name in ("trainA", "train/B", "train_C", "D/test", "valE", "train/cats", "F", "testA/G"):
        atomic.write_bytes(b"", tmp_path / name / "1.png")
    atomic.write_bytes(b"", tmp_path / "testH/notes.txt")
    read = ["trainA/1.png", "train/B/1.png"]
    expected = {"D/test": 1, "train_C": 1, "valE": 1}
    assert unread_domains(tmp_path, read) == expected
    assert unread_domains(tmp_path, [*read, *(f"{name}/1.png" for name in expected)]) == {}
    expected |= {"testA": 1, "train/B": 1, "trainA": 1}
    assert unread_domains(tmp_path, ["train/cats/1.png"]) == expected


@pytest.mark.parametrize(
    ("preprocess", "expected"),
    [
        ("resize_and_crop", [False, False, True, True, True]),
        ("scale_width_and_crop", [False, False, True, True, True]),
        ("scale_width", [False, False, False, True, True]),
        ("crop", [False] * 5),
        ("pad", [False] * 5),
        ("none", [False] * 5),
    ],
)
def test_images_below_the_size_of_the_networks_are_enlarged(preprocess, expected):
    geometry = Geometry((32, 48), (36, 54), preprocess=preprocess)
    sizes = [(32, 48), (64, 64), (31, 96), (64, 47), (8, 8)]
    assert geometry.enlarged(np.array(sizes)).tolist() == expected
    assert geometry.enlarged([[size] for size in sizes]).tolist() == [[value] for value in expected]
    if not geometry.window or preprocess == "resize_and_crop":
        # They get more pixels on a side than they have, without the margin of a crop.
        loaded = geometry.still.loaded_sizes(np.array(sizes))
        assert (loaded > sizes).any(axis=1).tolist() == expected


def test_mirrored_hashes_are_those_of_mirror_images():
    pixels = np.asarray(Image.fromarray(picture(6, 5)).resize((90, 70), Image.BICUBIC))
    features = looks.features(pixels)
    assert features.hash.tolist() == phash(Image.fromarray(pixels)).hash.ravel().tolist()
    mirrored = looks.features(np.ascontiguousarray(pixels[:, ::-1]))
    assert (features.mirrored_hash == mirrored.hash).mean() > 0.95
    assert (features.mirrored_hash == features.hash).mean() < 0.9
