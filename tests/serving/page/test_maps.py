import base64

import numpy as np
import pytest

from serving.page.maps import painted_value, surface
from serving.page.sketches import write
from serving.page.widgets import Widgets

SIZE = (4, 6)
PALETTE = {"sky": [0, 0, 255], "sea": [0, 255, 0], "sand": [255, 255, 0]}


def control(channels, dtype="float32", **about):
    return {"name": "x", "dtype": dtype, "shape": [None, None, channels], "about": about}


def painted(*spots, scale=1):
    """Returns a transparent sheet with pixels of colours, `(row, column, colour)`."""
    pixels = np.zeros((*SIZE, 4), "uint8")
    for row, column, color in spots:
        pixels[row, column] = (*color, 255)
    return write(pixels.repeat(scale, 0).repeat(scale, 1))


SPOTS = [(0, 1, PALETTE["sea"]), (3, 5, PALETTE["sand"]), (2, 2, PALETTE["sky"])]
CLASSES = np.zeros(SIZE, int)
CLASSES[0, 1] = 1
CLASSES[3, 5] = 2


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (control(1, "int32", kind="map", palette=PALETTE), CLASSES[..., None]),
        (control(3, kind="map", palette=PALETTE), np.eye(3)[CLASSES]),
        (control(1, kind="map", palette=PALETTE, range=[0, 1]), CLASSES[..., None] / 2),
    ],
)
def test_a_map_has_the_classes_that_are_painted(one, expected):
    shown = surface(one, SIZE)
    assert (shown["kind"], shown["size"], shown["palette"]) == ("map", list(SIZE), PALETTE)
    for scale in (1, 3):
        value = painted_value(painted(*SPOTS, scale=scale), one, shown)
        np.testing.assert_allclose(value, expected)


def test_an_image_is_on_white():
    one = control(3, kind="image")
    expected = np.ones((*SIZE, 3))
    expected[1, 2] = [1, -1, -0.6]
    value = painted_value(painted((1, 2, (255, 0, 51))), one, surface(one, SIZE))
    np.testing.assert_allclose(value, expected, atol=1e-6)


def test_classes_without_colours_get_some_that_differ():
    for about, dtype, names in (
        ({"names": ["a", "b"]}, "float32", ["a", "b"]),
        ({}, "float32", ["off", "on"]),
        ({"range": [0, 3]}, "int32", ["0", "1", "2", "3"]),
        ({}, "int32", [str(number) for number in range(12)]),
    ):
        palette = surface(control(1, dtype, kind="map", **about), SIZE)["palette"]
        assert list(palette) == names
        assert len({tuple(color) for color in palette.values()}) == len(names)


@pytest.mark.parametrize(
    "one",
    [
        control(3, kind="map", names=["a", "b"]),
        control(4, kind="points"),
        control(2, kind="image"),
        control(4, kind="text"),
        {**control(4, kind="map"), "shape": [4]},
    ],
)
def test_what_cannot_be_painted_is_a_text(one):
    assert surface(one, SIZE) is None
    assert Widgets(one, SIZE).value(["[1]"]) == [1]


def test_a_surface_left_clear_asks_for_nothing():
    one = control(1, "int32", kind="map", palette=PALETTE)
    widgets = Widgets(one, SIZE, "AtoB")
    assert widgets.components[0].value == "surface-AtoB-x"
    assert widgets.value([""]) is None
    encoded = base64.b64encode(painted(*SPOTS)).decode()
    assert widgets.value([f"data:image/png;base64,{encoded}"]) == CLASSES[..., None].tolist()
