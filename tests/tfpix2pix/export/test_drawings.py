import io

import numpy as np
import pytest
from PIL import Image

from tfpix2pix.data.palettes import PALETTES
from tfpix2pix.datasets import synthetic
from tfpix2pix.export import drawing


def line(width, degrees, *, smooth, paper=(255, 255, 255), ink=(0, 0, 0)):
    """Draws a line by the distance of each pixel to it."""
    row, column = np.mgrid[:96, :96] - 47.6
    angle = np.radians(degrees)
    across = np.abs(row * np.cos(angle) - column * np.sin(angle))
    along = np.abs(row * np.sin(angle) + column * np.cos(angle))
    share = np.clip(width / 2 + 0.5 - across, 0, 1) if smooth else across < width / 2
    share = (share * (along < 36))[..., np.newaxis]
    return np.rint(share * np.array(ink) + (1 - share) * np.array(paper)).astype("uint8")


def jpeg(pixels):
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "jpeg", quality=90, subsampling=0)
    return np.asarray(Image.open(encoded))


@pytest.mark.parametrize("width", [1, 2, 3, 5])
@pytest.mark.parametrize("smooth", [False, True])
def test_lines_have_the_width_that_they_were_drawn_with(width, smooth):
    pictures = [line(width, degrees, smooth=smooth) for degrees in (0, 7, 33, 45, 80)]
    looks = drawing(pictures)
    assert looks["kind"] == "lines"
    assert looks["line_width"] == pytest.approx(width, abs=0.5)
    assert drawing(pictures, scale=0.5)["line_width"] == pytest.approx(width / 2, abs=0.25)


def test_lines_of_a_jpeg_have_their_colors():
    paper, ink = (250, 240, 200), (20, 40, 120)
    looks = drawing([jpeg(line(3, 20, smooth=True, paper=paper, ink=ink))])
    assert looks["kind"] == "lines"
    np.testing.assert_allclose(looks["background"], paper, atol=4)
    np.testing.assert_allclose(looks["line_color"], ink, atol=16)
    assert looks["line_width"] == pytest.approx(3, abs=0.5)


def test_label_maps_of_a_jpeg_have_the_names_of_a_known_palette():
    pairs = [synthetic.facade((96, 96), seed) for seed in range(8)]
    palette = {name: list(color) for name, color in PALETTES["cmp_facades"].items()}
    looks = drawing([jpeg(labels) for _, labels in pairs])
    assert looks == {"kind": "labels", "background": palette["background"], "palette": palette}
    assert drawing([photo for photo, _ in pairs])["kind"] == "picture"


def test_other_label_maps_have_numbered_colors():
    colors = np.array([(200, 10, 10), (10, 200, 10), (10, 10, 200)])
    ids = np.kron([[0, 1, 0], [2, 0, 0], [0, 0, 0]], np.ones((32, 32), int))
    looks = drawing([colors[ids].astype("uint8")])
    assert looks["background"] == [200, 10, 10]
    assert sorted(looks["palette"].values()) == [[10, 10, 200], [10, 200, 10], [200, 10, 10]]
    assert sorted(looks["palette"]) == ["color 1", "color 2", "color 3"]


def test_known_classes_are_told_as_they_are():
    classes = {"sea": (0, 0, 9), "land": (0, 9, 0)}
    pixels = np.full((4, 4, 3), (0, 8, 0), "uint8")
    assert drawing([pixels], labels=classes) == {
        "kind": "labels",
        "background": [0, 9, 0],
        "palette": {"sea": [0, 0, 9], "land": [0, 9, 0]},
    }
    numbered = drawing([np.full((4, 4, 1), 2, "uint8")], labels=3)
    assert numbered["background"] == [2, 2, 2]
    assert numbered["palette"]["class 1"] == [1, 1, 1]


@pytest.mark.parametrize("value", [0, 255])
def test_blank_sources_and_large_areas_are_pictures(value):
    blank = np.full((64, 64, 3), value, "uint8")
    assert drawing([blank])["kind"] == "picture"
    area = blank.copy()
    area[16:48, 16:48] = 255 - value
    assert drawing([area])["kind"] != "lines"
