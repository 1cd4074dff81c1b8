import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from skimage import feature

from tfpix2pix import InputError
from tfpix2pix.data import edges

EIGHT = np.ones((3, 3))
METHODS = tuple(edges.METHODS)


def square(side=64, border=16, dark=0, light=200):
    photo = np.full((side, side, 3), dark, "uint8")
    photo[border:-border, border:-border] = light
    return photo


def discs():
    """A photo of 12 discs, no two touching: as many separate lines."""
    rows, columns = np.mgrid[:144, :192]
    far = np.hypot(rows % 48 - 24, columns % 48 - 24) > 12
    return np.where(far, 220, 30).astype("uint8")[..., np.newaxis].repeat(3, axis=-1)


def lines_of(drawing):
    assert drawing.dtype == "uint8"
    assert drawing.shape[-1] == 3
    assert set(np.unique(drawing)) <= {0, 255}
    assert (drawing == drawing[..., :1]).all()
    return drawing[..., 0] == 0


def distance_to_border(side=64, border=16):
    """Returns the distance of each pixel's centre to the outline of the square."""
    inside = np.zeros((side, side), bool)
    inside[border:-border, border:-border] = True
    to_other = ndimage.distance_transform_edt
    return np.where(inside, to_other(inside), to_other(~inside)) - 0.5


def test_a_square_is_drawn_at_its_border_and_nowhere_else():
    lines = lines_of(edges.extract(square()))
    assert distance_to_border()[lines].max() <= 1.5
    for turns in range(4):
        assert (np.rot90(lines, turns)[20:-20, :32].sum(axis=1) == 1).all()
    assert ndimage.label(lines, EIGHT)[1] == 1


def test_xdog_draws_on_the_dark_side_of_a_border():
    lines = lines_of(edges.extract(square(dark=200, light=100), "xdog", low=0.9, high=0.97))
    assert lines[20:-20, 16].all()
    assert not lines[:15].any()


def test_thin_lines_are_those_of_skimage():
    random = np.random.default_rng(0)
    photo = np.kron(random.integers(0, 256, (6, 8)), np.ones((12, 12))).astype("uint8")
    expected = feature.canny(
        photo.astype("float32"), 1.5, 0.7, 0.9, use_quantiles=True, mode="nearest"
    )
    drawing = edges.extract(
        photo[..., np.newaxis], "canny", sigma=1.5, low=0.7, high=0.9, min_size=1
    )
    lines = lines_of(drawing)
    assert lines.sum() > 100
    assert not (lines & ~expected).any()
    # Nothing is lost but corners: what was drawn is within a pixel of what is.
    assert not (expected & ~ndimage.binary_dilation(lines, EIGHT)).any()
    assert not ndimage.binary_erosion(lines, np.ones((2, 2))).any()


@pytest.mark.parametrize("method", METHODS)
@given(level=st.integers(0, 255), height=st.integers(1, 20), width=st.integers(1, 20))
@settings(max_examples=20, deadline=None)
def test_a_flat_photo_is_a_blank_page(method, level, height, width):
    photo = np.full((height, width, 3), level, "uint8")
    for drawing in (edges.extract(photo, method), edges.sampled(photo, level, method)):
        assert drawing.shape == photo.shape
        assert not lines_of(drawing).any()


@pytest.mark.parametrize("method", METHODS)
def test_neither_bits_nor_channels_change_the_drawing(method):
    photo = discs()
    expected = edges.extract(photo, method)
    for other in (photo.astype("uint16") * 257, photo.astype("float32") / 255):
        np.testing.assert_array_equal(edges.extract(other, method), expected)
    for channels in (1, 2, 4):
        other = np.concatenate([photo, photo], axis=-1)[..., :channels]
        np.testing.assert_array_equal(edges.extract(other, method), expected)


@pytest.mark.parametrize("method", METHODS)
def test_contrast_hardly_changes_the_drawing(method):
    photo = discs()
    lines, others = (lines_of(edges.extract(p, method)) for p in (photo, photo // 2 + 60))
    assert (lines != others).sum() <= 0.01 * lines.sum()


def test_lines_of_fewer_pixels_are_left_out():
    photo = square(dark=255, light=0)
    photo[4:6, 4:6] = 0

    def sizes(min_size):
        lines = lines_of(edges.extract(photo, "canny", sigma=0.5, min_size=min_size))
        return np.bincount(ndimage.label(lines, EIGHT)[0].ravel())[1:].tolist()

    small, large = sizes(1)
    assert small < large
    assert sizes(small) == [small, large]
    assert sizes(small + 1) == [large]


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_drawing_and_others_others(method):
    photo = discs()
    drawings = [edges.sampled(photo, (7, index), method) for index in range(6)]
    assert len({drawing.tobytes() for drawing in drawings}) == 6
    for index, drawing in enumerate(drawings):
        np.testing.assert_array_equal(edges.sampled(photo, (7, index), method), drawing)


def test_sampled_drawings_stay_near_the_lines_and_use_many_pens():
    photo = discs()
    distance = ndimage.distance_transform_edt(~lines_of(edges.extract(photo)))
    inks = []
    greys = []
    for seed in range(24):
        drawing = edges.sampled(photo, seed)[..., 0]
        assert distance[drawing < 128].max() < 9
        inks.append((drawing < 128).sum())
        greys.append(((drawing > 0) & (drawing < 255)).any())
    # The 12 discs have a radius of 12 pixels: their lines are 905 pixels long.
    assert min(inks) < 905 < 2 * 905 < max(inks) < 6 * 905
    assert 4 < sum(greys) < 20


def test_noise_of_one_grey_level_is_no_ink():
    random = np.random.default_rng(0)
    for side, level in ((64, 0), (128, 30), (256, 250)):
        photo = (level + random.integers(0, 2, (side, side, 3))).astype("uint8")
        assert not lines_of(edges.extract(photo)).any()


def test_a_dark_face_has_the_lines_of_a_bright_one():
    """In a corner of a photo of full contrast lies a disc 14 levels brighter than black."""
    photo = np.zeros((128, 128, 3), "uint8")
    photo[:, 100:] = 255
    rows, columns = np.mgrid[:128, :128]
    radius = np.hypot(rows - 40, columns - 36)
    photo[radius < 14] = 14
    lines = lines_of(edges.extract(photo))
    around = np.abs(radius - 13.5) < 1.5
    turns = np.degrees(np.arctan2(rows - 40, columns - 36)) % 360 // 15
    assert len(np.unique(turns[lines & around])) == 24
    assert not lines_of(edges.extract(photo, "canny", low=0.95, high=0.98))[around].any()
    # The straight border is one line too, and there is nothing else.
    assert (lines[20:-20, 98:102].sum(axis=1) == 1).all()
    assert not (lines & ~around)[:, :98].any()
    assert not lines[:, 102:].any()


@pytest.mark.parametrize("turn", range(4))
def test_a_turned_photo_has_a_turned_drawing(turn):
    photo = discs()[:, :144]
    lines = lines_of(edges.extract(photo))
    turned = np.rot90(lines_of(edges.extract(np.rot90(photo, turn).copy())), -turn)
    for one, other in ((lines, turned), (turned, lines)):
        assert ndimage.distance_transform_edt(~other)[one].max() < 1.5


def test_a_photo_of_twice_the_size_has_the_same_lines():
    small = lines_of(edges.extract(discs()))
    large = lines_of(edges.extract(np.kron(discs(), np.ones((2, 2, 1), "uint8"))))
    found = large.reshape(144, 2, 192, 2).any(axis=(1, 3))
    for one, other in ((small, found), (found, small)):
        assert ndimage.distance_transform_edt(~other)[one].max() < 2


def test_few_lines_are_drawn_of_a_plain_photo_and_many_of_a_tabby():
    plain = np.full((64, 64, 3), 120, "uint8")
    plain[20:44, 20:44] = 200
    tabby = plain.copy()
    tabby[:, ::16] = 20
    tabby[:, 1::16] = 20
    assert 2 * lines_of(edges.extract(plain)).sum() < lines_of(edges.extract(tabby)).sum()


def test_colours_of_one_lightness_are_told_apart():
    photo = np.full((64, 64, 3), (220, 80, 80), "uint8")
    photo[:, 32:] = (0, 142, 90)  # Of nearly the same luma.
    lines = lines_of(edges.extract(photo))
    assert (lines[8:-8].sum(axis=1) == 1).all()
    assert set(np.nonzero(lines)[1]) <= {31, 32}


@pytest.mark.parametrize("function", [edges.extract, lambda p, m: edges.sampled(p, 0, m)])
def test_an_unknown_method_is_refused(function):
    message = "`method` must be one of oriented, canny, xdog. Received: 'hed'."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        function(square(), "hed")


@pytest.mark.parametrize(
    ("method", "wrong"),
    [
        ("canny", {"sigma": 0}),
        ("canny", {"low": 0.95}),
        ("xdog", {"high": 1.5}),
        ("canny", {"low": -0.1}),
        ("oriented", {"low": 1.3}),
        ("oriented", {"sigma": -1.0}),
    ],
)
def test_numbers_out_of_range_are_refused(method, wrong):
    numbers = {**edges.METHODS[method]._asdict(), **wrong}
    most = "" if method == "oriented" else " <= 1"
    message = (
        f"`sigma` must be positive, and 0 <= low <= high{most} for {method!r}. Received: "
        f"sigma={numbers['sigma']}, low={numbers['low']}, high={numbers['high']}."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        edges.extract(square(), method, **wrong)


def test_strength_is_a_multiple_of_its_surroundings_and_has_no_most():
    assert lines_of(edges.extract(square(), high=3.0)).any()
