"""Hints: how they are drawn, against the distributions of the paper's code, and their tasks."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats
from skimage import color as reference

from tfpix2pix import InputError
from tfpix2pix.data import color, edges, hint_points, tasks
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.datasets import synthetic

RANDOM = np.random.default_rng(0)
RGB = PixelFormat(3, "uint8", (0.0, 255.0))
KEY = tf.constant([3, 5], "int64")


def test_lab_comes_back_within_a_level():
    rgb = RANDOM.uniform(0, 1, (64, 64, 3)).astype("float32")
    for gamut in ("clip", "fade"):
        back = color.from_lab(color.to_lab(rgb), gamut=gamut)
        assert np.abs(back - rgb).max() < 1 / 255


def test_colours_out_of_gamut_fade_and_keep_lightness_and_hue():
    lightness, a, b = RANDOM.uniform((1, -100, -100), (99, 100, 100), (5000, 3)).T
    lab = np.stack([lightness, a, b], -1).astype("float32")
    faded = reference.rgb2lab(color.from_lab(tf.constant(lab), gamut="fade"))
    np.testing.assert_allclose(faded[:, 0], lightness, atol=2e-2)
    clipped = reference.rgb2lab(color.from_lab(tf.constant(lab)))
    assert np.abs(clipped[:, 0] - lightness).max() > 10
    # What is within stays as it is, and what was beyond is on the border of the cube.
    moved = np.abs(faded - lab).max(-1) > 0.1
    assert 0.2 < moved.mean() < 0.9
    rgb = color.from_lab(tf.constant(lab[moved]), gamut="fade").numpy()
    at_border = np.minimum(rgb.min(-1), 1 - rgb.max(-1))
    assert at_border.max() < 1e-2
    with pytest.raises(InputError) as error:
        color.from_lab(tf.constant(lab), gamut="wrap")
    assert str(error.value) == "`gamut` must be clip or fade. Received: 'wrap'. Use one of these."


@pytest.fixture(scope="module")
def draws():
    """10,000 draws of points on an image of 64 x 48 pixels."""
    image = tf.constant(RANDOM.uniform(-1, 1, (64, 48, 2)), "float32")
    keys = tf.data.Dataset.range(10_000).map(lambda n: tf.stack([n * 0 + 7, n]))
    drawn = keys.map(lambda key: hint_points.drawn_points(image, key), 2).batch(10_000)
    return image.numpy(), next(iter(drawn)).numpy()


def test_points_are_as_many_and_wide_as_the_papers_code_draws(draws):
    _, points = draws
    counts = (points[..., 2] >= 0).sum(1)
    assert counts.mean() == pytest.approx(7, abs=0.25)
    assert (counts == 0).mean() == pytest.approx(0.125, abs=0.012)
    most = np.arange(20)
    observed = [(counts == k).sum() for k in most]
    expected = 10_000 * (1 / 8) * (7 / 8) ** most
    assert (
        stats.chisquare(
            [*observed, 10_000 - sum(observed)], [*expected, 10_000 - expected.sum()]
        ).pvalue
        > 1e-3
    )
    shown = points[points[..., 2] >= 0]
    sides = np.round(2 * shown[:, 2] + 1).astype(int)
    assert stats.chisquare(np.bincount(sides, minlength=10)[1:]).pvalue > 1e-3


def test_points_lie_about_the_middle_and_have_the_means_of_their_squares(draws):
    image, points = draws
    shown = points[points[..., 2] >= 0]
    sides = np.round(2 * shown[:, 2] + 1).astype(int)
    for axis, whole in ((0, 64), (1, 48)):
        start = shown[:, axis] - shown[:, 2]
        assert np.array_equal(start, np.round(start))
        one = start[sides == 5]
        # floor of a normal distribution, clipped at both ends.
        room = whole - 5 + 1
        edge = np.arange(1, room)
        cdf = stats.norm.cdf(edge, room / 2, room / 4)
        expected = np.diff([0, *cdf, 1])
        observed = np.bincount(one.astype(int), minlength=room)
        assert stats.chisquare(observed, expected * len(one)).pvalue > 1e-3
    for y, x, radius, *values in shown[:300]:
        rows, columns = (slice(round(c - radius), round(c + radius) + 1) for c in (y, x))
        np.testing.assert_allclose(values, image[rows, columns].mean((0, 1)), atol=1e-5)


def test_points_follow_from_their_key_alone_and_fit_in_small_images():
    image = tf.constant(RANDOM.uniform(-1, 1, (3, 5, 2)), "float32")
    first = hint_points.drawn_points(image, KEY).numpy()
    np.testing.assert_array_equal(hint_points.drawn_points(image, KEY), first)
    assert (hint_points.drawn_points(image, KEY + 1).numpy() != first).any()
    for number in range(50):
        points = hint_points.drawn_points(image, KEY + number).numpy()
        y, x, radius = points[points[:, 2] >= 0][:, :3].T
        corners = np.concatenate([y - radius, 2 - (y + radius), x - radius, 4 - (x + radius)])
        assert (corners >= 0).all()


def test_strokes_go_on_as_long_as_the_image_is_like_their_start():
    halves = np.ones((64, 64, 3), "float32")
    halves[:, :32] = -1
    seen = 0
    for number in range(60):
        rows = hint_points.drawn_points(tf.constant(halves), KEY + number, strokes=True).numpy()
        for stroke in rows.reshape(8, 8, 6):
            points = stroke[stroke[:, 2] >= 0]
            if not len(points):
                continue
            assert (points[:, 3:] == points[0, 3:]).all()
            steps = np.linalg.norm(np.diff(points[:, :2], axis=0), axis=1)
            assert steps.max(initial=0) <= 3 + 2**0.5
            if abs(points[0, 3]) == 1:  # Strokes that start within one half stay there.
                inside = points[:, 1] < 31.5 if points[0, 3] < 0 else points[:, 1] > 31.5
                assert inside[points[:, 2] == points[0, 2]].all()
                seen += len(points) > 3
    assert seen > 20


def test_hints_learn_ab_from_l_and_points_of_ab():
    image = tf.constant(RANDOM.integers(0, 256, (24, 24, 3)).astype("uint8"))
    task = tasks.task("hints", (RGB,))
    source, points, target = task.example((image,), KEY)
    lab = reference.rgb2lab(image.numpy())
    np.testing.assert_allclose(source, lab[..., :1] / 50 - 1, atol=1e-4)
    np.testing.assert_allclose(target, lab[..., 1:] / 110, atol=1e-4)
    np.testing.assert_array_equal(points, hint_points.drawn_points(target, KEY))
    # Judged by the same points each time, others for another photo.
    still = task.still((image,))[1].numpy()
    np.testing.assert_array_equal(task.still((image,))[1], still)
    assert (task.still((255 - image,))[1].numpy() != still).any()
    red = task.hint_values(tf.constant([[255.0, 0, 0]])).numpy()[0]
    np.testing.assert_allclose(red, reference.rgb2lab([[[1.0, 0, 0]]])[0, 0, 1:] / 110, atol=1e-4)


def test_a_picture_keeps_the_lightness_of_the_photo():
    image = RANDOM.integers(0, 256, (32, 32, 3)).astype("uint8")
    task = tasks.task("hints", (RGB,))
    wild = tf.constant(RANDOM.uniform(-1, 1, (32, 32, 2)), "float32")
    picture = task.picture(task.source(image), wild).numpy()
    change = reference.rgb2lab(picture)[..., 0] - reference.rgb2lab(image)[..., 0]
    assert np.abs(change).max() < 0.4  # As much as rounding to levels of 8 bits.


def test_line_art_learns_a_photo_from_its_lines_and_strokes():
    image, _ = synthetic.facade((48, 48), seed=1)
    task = tasks.task("line_art", (RGB,))
    source, points, target = task.example((tf.constant(image),), KEY)
    np.testing.assert_array_equal(source, edges.sampled(image, (3, 5))[..., :1] / 127.5 - 1)
    np.testing.assert_allclose(target, image / 127.5 - 1, atol=1e-6)
    np.testing.assert_array_equal(points, hint_points.drawn_points(target, KEY, strokes=True))
    still, _, _ = task.still((tf.constant(image),))
    np.testing.assert_array_equal(still, edges.extract(image)[..., :1] / 127.5 - 1)
    assert (task.channels, task.source_format.channels) == ((1, 3), 1)


def test_what_is_revealed_is_the_mean_colour_of_a_square():
    images = RANDOM.uniform(0, 255, (2, 20, 30, 3)).astype("float32")
    rows = hint_points.revealed(images, 40, KEY, side=5).numpy()
    assert rows.shape == (2, 40, 6)
    assert (rows[0, :, :2] != rows[1, :, :2]).any()
    for image, points in zip(images, rows):
        for y, x, *shown, radius in points:
            top, left = int(y - radius), int(x - radius)
            square = image[top : top + 5, left : left + 5]
            assert square.shape == (5, 5, 3)
            np.testing.assert_allclose(shown, square.mean((0, 1)), atol=1e-2)
