"""Colours in boxes beside those of Python's colorsys, and the table of a data set."""

import colorsys

import numpy as np
import pytest

from tfpix2pix import InputError
from tfpix2pix.data import codecs
from tfpix2pix.data.attributes import read_attributes
from tfpix2pix.datasets.hues import BOXES, dominant_color, hue_degrees, write_hues


def pixels(*colors):
    return np.array(colors, "uint8")


def test_hues_are_those_of_colorsys():
    colors = np.random.default_rng(0).uniform(size=(50, 3))
    expected = [360 * colorsys.rgb_to_hsv(*color)[0] for color in colors]
    np.testing.assert_allclose(hue_degrees(colors), expected, atol=1e-9)


@pytest.mark.parametrize(
    ("degrees", "name"),
    [
        *((0, "red"), (14, "red"), (30, "orange"), (55, "yellow"), (120, "green"), (180, "aqua")),
        *((220, "blue"), (280, "purple"), (320, "pink"), (344, "pink"), (350, "red")),
    ],
)
def test_hues_have_names(degrees, name):
    color = 255 * np.array(colorsys.hsv_to_rgb(degrees / 360, 0.6, 0.9))
    assert dominant_color(color.round().astype("uint8")[np.newaxis]) == name


def test_the_dominant_colour_is_that_of_most_chroma_and_grey_where_few_have_any():
    green, orange, pale = (0, 200, 0), (255, 200, 130), (255, 250, 245)
    assert dominant_color(pixels(green, pale, pale, pale)) == "white"
    assert dominant_color(pixels(green, pale, pale)) == "green"
    assert dominant_color(pixels(green, orange)) == "green"
    assert dominant_color(pixels((120, 70, 30))) == "brown"
    assert [dominant_color(pixels((x, x, x))) for x in (20, 120, 250)] == ["black", "grey", "white"]


def test_a_face_s_table_has_the_hair_and_the_eyes_without_the_skin_between(tmp_path):
    image = np.full((50, 50, 3), (255, 224, 200), "uint8")  # Skin.
    image[:15] = (230, 60, 160)
    image[25:29, 15:20] = (40, 60, 200)
    image[25:29, 30:35] = (40, 60, 200)
    for name in ("train/cats/1.png", "test/cats/1.png"):
        codecs.write(image, tmp_path / "data" / name)
    codecs.write(image, tmp_path / "data/train/A/1.png")
    options = {"domain": "cats", "domains": ("faces", "cats")}
    counts = write_hues(tmp_path / "data", tmp_path / "hues.csv", **options)
    assert counts == {"hair": {"pink": 2}, "eyes": {"blue": 2}}
    rows = (tmp_path / "hues.csv").read_text().splitlines()
    assert rows == ["image,hair,eyes", "test/cats/1.png,pink,blue", "train/cats/1.png,pink,blue"]
    with pytest.raises(InputError, match="two values at least"):
        read_attributes(tmp_path / "hues.csv")  # All have the same.


def test_boxes_of_a_domain_that_there_is_not_are_refused(tmp_path):
    for options, received in (
        ({"domain": "C"}, "domain='C', 2 boxes"),
        ({"boxes": {}}, "domain='B', 0 boxes"),
    ):
        with pytest.raises(InputError) as caught:
            write_hues(tmp_path, tmp_path / "hues.csv", **options)
        assert str(caught.value) == (
            "Colours are measured in one box at least, of one of the domains A, B. Received: "
            f"{received}. Correct them."
        )


def test_a_domain_without_images_is_told(tmp_path):
    with pytest.raises(InputError) as caught:
        write_hues(tmp_path, tmp_path / "hues.csv")
    assert str(caught.value) == (
        f"Colours are measured of images in folders such as trainB. Received: {str(tmp_path)!r}, "
        "which has none. Name another domain."
    )


def test_a_box_is_never_without_pixels():
    skin = np.full((3, 3, 3), (255, 224, 200), "uint8")
    assert all(len(box.pixels(skin)) for box in BOXES.values())
