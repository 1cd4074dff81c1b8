"""Points on maps of a network's size, against loops in NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfpix2pix.layers import ImageSize, PointMap, WorkingSize

RANDOM = np.random.default_rng(3)


def painted(points, size, working, padded):
    """Paints points one after the other, pixel by pixel."""
    maps = np.zeros((*working, points.shape[1] - 2))
    for y, x, radius, *values in points:
        if radius < 0:
            continue
        covered = []
        for place, side, scaled in ((y, size[0], working[0]), (x, size[1], working[1])):
            scale = scaled / side
            first = np.floor((place - radius) * scale + 0.5)
            behind = np.floor((place + radius + 1) * scale + 0.5)
            own = min(np.floor((place + 0.5) * scale), scaled - 1)
            covered.append([r for r in range(scaled) if first <= r < behind or r == own])
        for row in covered[0]:
            for column in covered[1]:
                maps[row, column] = (*values, 1)
    pads = [(0, whole - side) for whole, side in zip(padded, working)]
    return np.pad(maps, (*pads, (0, 0)), "reflect")


@pytest.mark.parametrize(
    ("size", "working", "padded"),
    [
        ((20, 30), (20, 30), (20, 32)),
        ((20, 30), (16, 24), (16, 24)),
        ((33, 12), (44, 16), (44, 16)),
        ((100, 150), (8, 12), (8, 12)),
    ],
)
@pytest.mark.parametrize("known", [True, False])
def test_points_are_painted_in_order_at_the_working_size(size, working, padded, known):
    count = 9
    points = np.concatenate(
        [
            RANDOM.uniform(0, size, (2, count, 2)),
            RANDOM.choice([-1, 0, 0.5, 2, 9], (2, count, 1)),
            RANDOM.uniform(-1, 1, (2, count, 2)),
        ],
        axis=-1,
    ).astype("float32")
    side = None if working == size else min(working)
    layer = PointMap(side, 4)
    images = tf.zeros((2, *size, 3))
    open_sides = [tf.TensorSpec((None, None, 5)), tf.TensorSpec((None, None, None, 3))]
    call = tf.function(lambda *x: layer(x), None if known else open_sides)
    expected = [painted(one, size, working, padded) for one in points]
    np.testing.assert_allclose(call(tf.constant(points), images), expected, atol=1e-6)


@pytest.mark.parametrize("radius", [-1, 0, 3])
def test_a_point_alone_is_painted_as_among_others(radius):
    """Its count is known then, as in converted files."""
    alone = np.array([[[5, 9, radius, 0.25], [7, 2, radius, -0.5]]], "float32")
    for number in range(2):
        maps = PointMap(16, 4)([alone[:, number : number + 1], tf.zeros((1, 20, 30, 1))])
        expected = painted(alone[0, number : number + 1], (20, 30), (16, 24), (16, 24))
        np.testing.assert_allclose(maps[0], expected, atol=1e-6)


@pytest.mark.parametrize("size", [(20, 30), (9, 5), (1, 1), (40, 7), (200, 90)])
@pytest.mark.parametrize("known", [True, False])
def test_images_are_resized_as_tensorflow_s_antialias_does(size, known):
    images = tf.constant(RANDOM.uniform(-1, 1, (2, *size, 3)), "float32")
    layer = WorkingSize(12)
    specs = [tf.TensorSpec((None, None, None, 3))]
    working = tf.function(layer, None if known else specs)(images)
    assert min(working.shape[1:3]) == 12
    expected = tf.image.resize(images, working.shape[1:3], antialias=True)
    np.testing.assert_allclose(working, expected, atol=1e-4)


def test_no_points_paint_nothing():
    maps = PointMap(8, 4)([tf.zeros((2, 0, 5)), tf.zeros((2, 20, 30, 1))])
    assert maps.shape == (2, 8, 12, 3)
    assert not maps.numpy().any()


def test_a_square_has_the_pixels_of_its_radius():
    points = [[[4.5, 2, 0.5, 1.0], [9, 9, 1, 2.0]]]
    maps = PointMap()([tf.constant(points), tf.zeros((1, 10, 10, 1))])[0, ..., 0].numpy()
    rows, columns = np.nonzero(maps == 1)
    # Two rows, 4 and 5; columns 2 and, since half a pixel is rounded up, 3.
    assert (set(rows), set(columns)) == ({4, 5}, {2, 3})
    # What is beyond the image is cut off.
    assert (maps == 2).sum() == 4


@pytest.mark.parametrize("size", [(20, 30), (9, 5), (1, 1), (40, 7)])
def test_images_come_back_from_the_working_size(size):
    image = keras.Input((None, None, 2))
    options = {"shorter_side": 12, "multiple": 8}
    work = WorkingSize(**options)(image)
    network = keras.Model(image, [work, ImageSize(**options)([work, image])])
    ramp = np.linspace(-1, 1, size[0])[:, None] * np.ones(size[1])
    images = np.stack([ramp, ramp.T[:1].T * 0 + 0.25 if size[0] == 1 else 0 * ramp + 0.25], -1)
    working, back = network(images[np.newaxis].astype("float32"))
    assert working.shape[1] % 8 == working.shape[2] % 8 == 0
    assert back.shape[1:3] == size
    np.testing.assert_allclose(back[0, ..., 1], 0.25, atol=1e-6)
    assert np.abs(back[0, ..., 0] - images[..., 0]).max() < 0.25


def test_the_size_of_the_training_is_left_as_it_is():
    images = tf.constant(RANDOM.uniform(-1, 1, (2, 16, 24, 3)), "float32")
    working = WorkingSize(16, 8)(images)
    np.testing.assert_array_equal(working, images)
    np.testing.assert_array_equal(ImageSize(16, 8)([working, images]), images)


@pytest.mark.parametrize("size", [(3, 5), (1, 1), (2, 9)])
def test_reflections_are_repeated_as_often_as_needed(size):
    images = RANDOM.uniform(-1, 1, (1, *size, 1)).astype("float32")
    padded = WorkingSize(None, 8)(images)[0, ..., 0].numpy()
    pads = [(0, -side % 8) for side in size]
    mode = "edge" if size == (1, 1) else "reflect"
    np.testing.assert_array_equal(padded, np.pad(images[0, ..., 0], pads, mode))
