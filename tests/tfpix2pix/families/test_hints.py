"""Hints through runs and exports: what they change, what they keep, and what is refused."""

import dataclasses
import math
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from skimage.color import rgb2lab

from tests.cases.families import hints as tiny
from tfpix2pix import InputError, load_run
from tfpix2pix.data import codecs
from tfpix2pix.export import export
from tfpix2pix.inference.points import point_rows
from tfpix2pix.testing import save_untrained
from tfpix2pix.translation import export_translator

RULE = (
    "Hints must be points (y, x, (red, green, blue), radius) of numbers in pixels of the image and "
    "colours in [0, 255]; a radius below 0 is no hint. Received: "
)
RED = (255, 0, 0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hints")
    return load_run(save_untrained(tiny(folder / "data"), folder / "run"))


def photo(*size):
    rows, columns = np.mgrid[: size[0], : size[1]] / max(size)
    return np.round(255 * np.stack([rows, columns, rows * columns], -1)).astype("uint8")


@pytest.mark.parametrize("size", [(32, 32), (100, 67), (7, 9)])
def test_photos_of_any_size_keep_their_lightness(run, size):
    pixels = photo(*size)
    translated = run.translate(pixels, hints=[(3, 5, RED, 2)])
    assert translated.shape == pixels.shape
    change = rgb2lab(translated)[..., 0] - rgb2lab(pixels)[..., 0]
    assert np.abs(change).max() < 0.6  # As much as rounding to levels of 8 bits.


def test_a_grey_photo_is_translated_as_its_copy_of_three_channels(run):
    grey = photo(20, 30)[..., :1]
    np.testing.assert_array_equal(run.translate(grey), run.translate(np.repeat(grey, 3, -1)))


def test_no_hints_are_as_none_and_a_row_of_a_radius_below_0_is_no_hint(run):
    pixels = photo(40, 50)
    automatic = run.translate(pixels)
    np.testing.assert_array_equal(run.translate(pixels, hints=[]), automatic)
    np.testing.assert_array_equal(run.translate(pixels, hints=[(9, 9, RED, -1)]), automatic)
    hinted = run.translate(pixels, hints=[(9, 9, RED, 3)])
    assert (hinted != automatic).any()
    rows = [[9, 9, *RED, 3], [0, 0, 0, 0, 0, -1]]
    np.testing.assert_array_equal(run.translate(pixels, hints=rows), hinted)


def test_colours_are_predicted_at_the_size_of_the_training_and_enlarged(run):
    def resized(image, size):
        channels = [Image.fromarray(channel) for channel in np.moveaxis(image, -1, 0)]
        enlarged = [np.asarray(one.resize(size[::-1], Image.BILINEAR)) for one in channels]
        return np.stack(enlarged, -1)

    network = run.directions["translate"].network
    large = np.random.default_rng(2).uniform(-1, 1, (128, 192, 1)).astype("float32")
    points = np.array([[[9, 20, 2, 0.9, -0.9]]], "float32")
    # The same square of 5 x 5 pixels, in pixels of the larger photo.
    scaled = np.array([[[9 * 4 + 1.5, 20 * 4 + 1.5, 9.5, 0.9, -0.9]]], "float32")
    small = network([resized(large, (32, 48))[np.newaxis], points])[0].numpy()
    expected = resized(small, (128, 192))
    np.testing.assert_allclose(network([large[np.newaxis], scaled])[0], expected, atol=1e-3)


WRONG = [
    ([(40, 0, RED, 1)], "(40, 0, (255, 0, 0), 1) of an image of 40 x 50 pixels. Correct or remove"),
    ([(0, -1, RED)], "(0, -1, (255, 0, 0), 0) of an image of 40 x 50 pixels. Correct or remove it"),
    ([(1, 1, (0, 0, 256), 2)], "(1, 1, (0, 0, 256), 2) of an image of 40 x 50 pixels. Correct or"),
    ([(1, math.nan, RED, 2)], "(1, nan, (255, 0, 0), 2) of an image of 40 x 50 pixels. Correct"),
    ([(1, 1, RED, math.inf)], "(1, 1, (255, 0, 0), inf) of an image of 40 x 50 pixels. Correct"),
    ([(1, 1, RED, math.nan)], "(1, 1, (255, 0, 0), nan) of an image of 40 x 50 pixels. Correct"),
    ([(1, 1, "red")], "(1, 1, 'red'). Correct this point."),
    ([(1, 1)], "(1, 1). Correct this point."),
    ([[1, 1, 255, 0, 0]], "[1, 1, 255, 0, 0]. Correct this point."),
    ("red", "'red'. Give a list of points."),
]


@pytest.mark.parametrize(("hints", "text"), WRONG)
def test_what_is_no_hint_is_refused(run, hints, text):
    with pytest.raises(InputError, match=re.escape(RULE + text)):
        run.translate(photo(40, 50), hints=hints)


def test_more_hints_than_anyone_sets_are_refused(run):
    points = [(n % 40, n % 50, RED, 1) for n in range(4097)]
    with pytest.raises(InputError) as error:
        run.translate(photo(40, 50), hints=points)
    assert str(error.value) == "There may be at most 4096 hints. Received: 4097. Leave some out."
    assert run.translate(photo(40, 50), hints=points[:4096]).shape == (40, 50, 3)


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export") / "model"
    version, difference = export(run.directions, folder, size=run.image_size)
    assert difference < 1e-4
    return version


def test_an_export_takes_and_refuses_the_same_points(run, exported):
    pixels = photo(40, 50)
    hints = [(30, 9, RED, 2), (5, 5, (0, 0, 255), 4)]
    translator = export_translator(exported.parent, controls={"hints": hints})
    served = translator.translate(pixels)[0].astype(int)
    assert np.abs(served - run.translate(pixels, hints=hints)).max() <= 1
    signature = tf.saved_model.load(str(exported)).signatures["hints"]
    encoded = tf.stack([codecs.encode(pixels, ".png")])
    for wrong in ([[40, 0, *RED, 1]], [[1, math.nan, *RED, 1]], [[1, 1, 0, 0, 256, 1]]):
        with pytest.raises(tf.errors.InvalidArgumentError, match="Hints must be points"):
            signature(image_bytes=encoded, hints=tf.constant([wrong], "float32"))
    many = tf.constant([[[1, 1, *RED, 1]] * 4097], "float32")
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 4096 hints"):
        signature(image_bytes=encoded, hints=many)


def test_images_of_a_batch_have_points_of_their_own(run, exported):
    pixels = [photo(40, 50), photo(23, 31)]
    hints = [[(30, 9, RED, 2), (5, 5, (0, 0, 255), 4)], [(9, 9, (0, 255, 0), 2)]]
    signature = tf.saved_model.load(str(exported)).signatures["hints"]
    answer = signature(
        image_bytes=tf.stack([codecs.encode(image, ".png") for image in pixels]),
        hints=tf.constant(point_rows(hints)),
    )["output_bytes"]
    for file, image, points in zip(answer.numpy(), pixels, hints):
        decoded = codecs.decode(file).pixels.astype(int)
        assert np.abs(decoded - run.translate(image, hints=points)).max() <= 1


def test_line_art_is_translated_as_it_is_with_strokes(tmp_path):
    config = tiny(tmp_path / "data")
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, task="line_art"))
    line_art = load_run(save_untrained(config, tmp_path / "run"))
    lines = np.full((41, 50, 1), 255, "uint8")
    lines[10:30, 20] = 0
    plain = line_art.translate(lines)
    assert plain.shape == (41, 50, 3)
    stroke = [(5 + n, 8, RED, 1) for n in range(12)]
    changed = (line_art.translate(lines, hints=stroke) != plain).any(-1)
    assert changed[5:17, 8].mean() > 0.9
    control = line_art.directions["translate"].controls[0]
    assert control.about["strokes"]
