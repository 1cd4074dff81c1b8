"""Strokes of hints in files: painted anew from their points, by the library and by the client."""

import io
import json
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from serving.client import control_files as client_files
from serving.client import hint_rows
from serving.client.failures import BadArgument, BadImage
from tests.cases.directions import hinted_direction
from tfpix2pix import InputError, inference, translation
from tfpix2pix.data import codecs
from tfpix2pix.families import hints, pixels, preset
from tfpix2pix.inference.points import checked_points, point_rows, scaled_points
from tfpix2pix.translation.strokes import stroke_points
from tfpix2pix.translation.value_files import read_value

RANDOM = np.random.default_rng(0)
CONTROL = hints.points_control(pixels.task(preset("hints_tiny")))
DESCRIBED = {"name": "hints", "dtype": "float32", "shape": [None, 6], "about": CONTROL.about}
RED, BLUE = (255, 0, 0), (0, 0, 255)


def drawing(size, *strokes):
    """Returns uint8 `[height, width, 4]` with squares `(row, column, side, colour)`."""
    sheet = np.zeros((*size, 4), "uint8")
    for row, column, side, color in strokes:
        sheet[row : row + side, column : column + side] = (*color, 255)
    return sheet


def both(sheet, size=None, most=4096):
    """Returns the points of both sides, which must be equal."""
    size = size or sheet.shape[:2]
    by_client = hint_rows.stroke_points(Image.fromarray(sheet), size, most)
    assert stroke_points(sheet, size, most) == by_client
    return by_client


def painted(size, points):
    """Returns the squares of points as a drawing."""
    sheet = np.zeros((*size, 4), "uint8")
    for y, x, *color, radius in points:
        first = [round(place - radius) for place in (y, x)]
        last = [round(place + radius) + 1 for place in (y, x)]
        square = sheet[first[0] : last[0], first[1] : last[1]]
        assert not square.any()
        square[:] = (*color, 255)
    return sheet


def test_points_of_strokes_paint_the_same_strokes():
    sheet = drawing((40, 60), (3, 5, 9, RED), (8, 10, 5, BLUE), (39, 59, 1, RED), (0, 30, 20, BLUE))
    sheet[30:33, 2:50] = (0, 255, 0, 255)
    points = both(sheet)
    np.testing.assert_array_equal(painted((40, 60), points), sheet)
    assert [15.5 - 6, 39.5, *BLUE, 9.5] in points
    assert len(points) < 40
    noisy = RANDOM.integers(0, 2, (20, 30, 4)).astype("uint8") * 255
    noisy[noisy[..., 3] == 0] = 0
    np.testing.assert_array_equal(painted((20, 30), both(noisy)), noisy)


def test_strokes_of_grey_are_colours_and_pale_pixels_are_none():
    sheet = np.zeros((4, 4, 2), "uint8")
    sheet[1:3, 1:3] = (90, 128)
    sheet[0, 0] = (90, 127)
    assert both(sheet) == [[1.5, 1.5, 90, 90, 90, 0.5]]
    assert both(np.zeros((4, 4, 4), "uint8")) == []


@pytest.mark.parametrize("size", [(1025, 700), (300, 1000), (769, 3), (1, 600)])
def test_large_strokes_become_few_points_within_the_image(size):
    points = both(drawing(size, (0, 0, max(size), RED)))
    assert len(points) <= 256
    values = np.array(points)
    step = -(-max(size) // 256)
    for axis, side in enumerate(size):
        assert (values[:, axis] <= side - 1).all()
        reach = values[:, axis] + values[:, 5] + 0.5
        assert side - 1 <= reach.max() <= side + step
    assert set((2 * values[:, 5] + 1) % step) == {0}
    # A broad stroke in the middle stays where it is.
    ((y, x, *color, radius),) = both(drawing((1024, 1024), (512, 256, 64, BLUE)))
    assert (y, x, color, radius) == (543.5, 287.5, list(BLUE), 31.5)


REFUSED = {
    "opaque": (
        np.zeros((4, 6, 3), "uint8"),
        "Strokes must be transparent where there are none. Received: a picture without "
        "transparency. Save it with a layer of strokes alone, or give the points as JSON",
    ),
    "small": (
        np.zeros((4, 5, 4), "uint8"),
        "Strokes must be as high and wide as their image, 4 x 6 pixels. Received: 4 x 5. Save "
        "them at that size",
    ),
    "many": (
        np.stack([*[np.arange(24).reshape(4, 6)] * 3, np.full((4, 6), 255)], -1).astype("uint8"),
        "There may be at most 20 hints. Received: strokes that are 24 squares of one colour. Use "
        "broader strokes of fewer colours",
    ),
}


@pytest.mark.parametrize("fault", list(REFUSED))
def test_strokes_that_do_not_do_are_refused(tmp_path, fault):
    sheet, reason = REFUSED[fault]
    file = tmp_path / "hints.png"
    codecs.write(sheet, file)
    control = CONTROL._replace(about={**CONTROL.about, "most": 20})
    with pytest.raises(InputError) as library:
        read_value(file, control, (4, 6))
    assert str(library.value) == (
        f"The value of a control must be a PNG, NPY or JSON file. Received: {str(file)!r} for "
        f"'hints': {reason}. Replace it."
    )
    with pytest.raises(BadImage) as client:
        client_files.read_value(file, {**DESCRIBED, "about": control.about}, (4, 6))
    assert str(client.value) == (
        "The control hints must be in a PNG, NPY or JSON file. Received: INVALID_ARGUMENT: "
        f"{file}: {reason}. Replace the file."
    )


def test_strokes_of_16_bits_are_refused(tmp_path):
    file = tmp_path / "hints.png"
    codecs.write(np.zeros((4, 6, 4), "uint16"), file)
    with pytest.raises(InputError, match=r"Strokes must have 8 bits\. Received: uint16\. Save"):
        read_value(file, CONTROL, (4, 6))
    with pytest.raises(BadImage, match="it has more than 8 bits of colour"):
        client_files.read_value(file, DESCRIBED, (4, 6))


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(5, 9, RED, 2), (7, 7, BLUE)],
        [[5, 9, 255, 0, 0, 2.5], [0, 0, [1, 2, 3], -1]],
        np.array([[5, 9, 255, 0, 0, 2]]),
    ],
)
def test_library_and_client_write_the_same_rows(points):
    rows = point_rows(points).tolist()
    assert hint_rows.point_rows(points) == (rows or [[0, 0, 0, 0, 0, -1]])


@pytest.mark.parametrize(
    ("points", "received"),
    [
        (5, "5. Give a list of points."),
        ("red", "'red'. Give a list of points."),
        ([5], "5. Correct this point."),
        ([(1, 2, RED, 3, 4)], "(1, 2, (255, 0, 0), 3, 4). Correct this point."),
        ([(1, 2, "red", 3)], "(1, 2, 'red', 3). Correct this point."),
    ],
)
def test_library_and_client_refuse_the_same_forms(points, received):
    message = f"{hint_rows.RULE} Received: {received}"
    for rows, kind in ((point_rows, InputError), (hint_rows.point_rows, BadArgument)):
        with pytest.raises(kind, match=f"^{re.escape(message)}$"):
            rows(points)


@pytest.mark.parametrize(
    "point",
    [(1, 2, (256, 0, 0), 1), (-1, 2, RED, 1), (1, float("nan"), RED, 1), (1, 2, RED, float("inf"))],
)
def test_the_client_refuses_what_is_no_colour_or_place(point):
    with pytest.raises(InputError, match=r"Correct or remove it\.$"):
        checked_points(tf.constant(point_rows([point]))[tf.newaxis], tf.zeros((1, 8, 8, 1)))
    message = f"{hint_rows.RULE} Received: {point!r}. Correct or remove it."
    with pytest.raises(BadArgument, match=f"^{re.escape(message)}$"):
        hint_rows.point_rows([point])
    with pytest.raises(BadArgument) as caught:
        hint_rows.point_rows([point] * 5, most=4)
    assert str(caught.value) == "There may be at most 4 hints. Received: 5. Leave some out."


def test_scaled_points_cover_the_same_part_of_the_image():
    rows = point_rows([(10, 20, RED, 3.5), (3, 0, BLUE, -1), (0, 0, RED, 0)])
    for factor in (0.5, 1.0, 3.0):
        scaled = scaled_points(rows, factor)
        assert scaled[1:2, 5] == -1
        for axis, first, behind in ((0, 6.5, 14.5), (1, 16.5, 24.5)):
            reach = scaled[0, axis] + np.array([-1, 1]) * (scaled[0, 5] + 0.5) + 0.5
            np.testing.assert_allclose(reach, np.array([first, behind]) * factor)
    assert scaled_points(rows, 0.1).min() == -1


def test_files_are_translated_with_strokes_and_points_of_their_own(tmp_path):
    direction = hinted_direction()
    sheet = drawing((24, 32), (4, 6, 8, RED), (14, 20, 6, BLUE))
    points = stroke_points(sheet, (24, 32), 99)
    photos = {name: RANDOM.integers(0, 256, (24, 32, 3)).astype("uint8") for name in "ab"}
    for name, photo in photos.items():
        codecs.write(photo, tmp_path / f"in/{name}.png")
    codecs.write(sheet, tmp_path / "hints/a.png")
    (tmp_path / "hints/b.json").write_text(json.dumps([[5, 9, RED, 2], [20, 30, *BLUE, 3]]))
    expected = {"a": points, "b": [(5, 9, RED, 2), (20, 30, BLUE, 3)]}

    def outputs(to, hints, **options):
        translator = translation.direction_translator(direction, controls={"hints": hints})
        done = translation.translate_files(translator, tmp_path / "in", tmp_path / to, **options)
        assert done.failures == {}
        return {name: codecs.read(tmp_path / to / f"{name}.png") for name in photos}

    def translated(photo, points):
        source = direction.task.source(photo)[tf.newaxis]
        made = inference.translate_in(direction, source, {"hints": points})
        return direction.task.picture(source, made)[0].numpy()

    for name, output in outputs("own", tmp_path / "hints").items():
        np.testing.assert_array_equal(output, translated(photos[name], expected[name]))
        assert np.abs(output - translated(photos[name], []).astype(int)).max() > 50
    for name, output in outputs("all", tmp_path / "hints/a.png").items():
        np.testing.assert_array_equal(output, translated(photos[name], points))
    for name, output in outputs("inline", [[5, 9, [255, 0, 0], 2]]).items():
        np.testing.assert_array_equal(output, translated(photos[name], [(5, 9, RED, 2)]))
    small = outputs("small", tmp_path / "hints/a.png", size=16)["a"]
    assert small.shape == (12, 16, 3)
    assert small[4, 5, 0] > small[4, 5, 2] + 50  # Red where it was, at half the size.
    assert small[8, 11, 2] > small[8, 11, 0] + 50


def test_a_sheet_of_strokes_is_what_pillow_saves(tmp_path):
    sheet = drawing((8, 8), (2, 2, 3, RED))
    encoded = io.BytesIO()
    Image.fromarray(sheet).convert("P").save(encoded, "png", transparency=0)
    (tmp_path / "a.png").write_bytes(encoded.getvalue())
    ((y, x, *_, radius),) = read_value(tmp_path / "a.png", CONTROL, (8, 8))
    assert (y, x, radius) == (3, 3, 1)
    by_client = client_files.read_value(tmp_path / "a.png", DESCRIBED, (8, 8))
    assert by_client == read_value(tmp_path / "a.png", CONTROL, (8, 8))
