"""Maps of instances by hand and by NumPy: boundaries, means, appearances; pooling at borders."""

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import smooth_images
from tfpix2pix.layers import (
    AppearanceLookup,
    BorderlessAveragePooling2D,
    FeatureChoice,
    InstanceBoundaries,
    InstanceMean,
)

DRAWN = np.array([[7, 7, 2, 2], [7, 7, 2, 2], [7, 5, 5, 2], [33_001, 33_001, 33_002, 33_002]])


def test_boundaries_of_a_map_drawn_by_hand():
    expected = [[0, 1, 1, 0], [0, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    ids = tf.constant(DRAWN[np.newaxis, ..., np.newaxis], "int32")
    np.testing.assert_array_equal(InstanceBoundaries()(ids)[0, ..., 0], expected)
    half = InstanceBoundaries(dtype="mixed_float16")(ids)  # Where 33,001 and 33,002 are one number.
    assert half.dtype == "float16"
    np.testing.assert_array_equal(half[0, ..., 0], expected)


def test_means_are_those_of_each_instance_of_each_image():
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 4, 4, 3)).astype("float32")
    ids = np.stack([DRAWN, DRAWN.T])[..., np.newaxis]
    expected = np.empty_like(x)
    for image in range(2):
        for one in np.unique(ids[image]):
            inside = ids[image, ..., 0] == one
            expected[image][inside] = x[image][inside].mean(0)
    np.testing.assert_allclose(InstanceMean()([x, tf.constant(ids, "int32")]), expected, atol=1e-6)


def test_gradients_of_means_are_spread_evenly_over_an_instance():
    x = tf.Variable(tf.random.stateless_normal((1, 4, 4, 1), (0, 1)))
    ids = tf.constant(DRAWN[np.newaxis, ..., np.newaxis], "int32")
    weights = tf.random.stateless_normal(x.shape, (2, 3))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(InstanceMean()([x, ids]) * weights)
    gradient = tape.gradient(total, x)
    expected = InstanceMean()([weights, ids])
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("sides", [(8, 6), (7, 5), (1, 2)])
def test_pooling_counts_the_pixels_that_there_are(sides):
    images = smooth_images((2, *sides, 3)).numpy()
    pooled = BorderlessAveragePooling2D()(images)
    for row, column in np.ndindex(*pooled.shape[1:3]):
        window = images[
            :, max(0, 2 * row - 1) : 2 * row + 2, max(0, 2 * column - 1) : 2 * column + 2
        ]
        np.testing.assert_allclose(pooled[:, row, column], window.mean((1, 2)), atol=1e-6)
    even = BorderlessAveragePooling2D()(tf.fill((1, *sides, 1), 0.7))
    np.testing.assert_allclose(even, 0.7, rtol=1e-6)


def looked_up(numbers):
    """Returns the first feature of each pixel of three classes, side by side twice."""
    layer = AppearanceLookup([[[0.1], [0.2], [0.3]], [], [[0.9]]])
    source = tf.one_hot([[[0, 1, 2, 0, 0, 0]]], 3) * 2 - 1
    ids = tf.constant([[[[5], [6], [7], [8], [8], [9]]]])
    return layer([source, ids, tf.constant(numbers, shape=(1, 1, 6, 1))]).numpy().ravel()


def test_appearances_are_counted_on_and_classes_without_any_have_zeros():
    expected = [0.1, 0.0, 0.9, 0.2, 0.3, 0.1]
    np.testing.assert_allclose(looked_up([0, 4, 4, 1, 2, 3]), expected, rtol=1e-6)


def test_by_chance_an_instance_has_one_appearance_and_others_have_theirs():
    drawn = np.array([looked_up([-seed] * 6) for seed in range(1, 400)])
    np.testing.assert_array_equal(drawn[:, 3], drawn[:, 4])
    pairs, counts = np.unique(drawn[:, [0, 3]].round(1), axis=0, return_counts=True)
    assert len(pairs) == 9  # All pairs of appearances of two instances come, about as often.
    assert counts.min() > 0.5 * counts.mean()
    np.testing.assert_array_equal(drawn[5], looked_up([-6] * 6))


def test_features_are_a_photo_s_where_there_is_one():
    others, features = smooth_images((1, 4, 4, 2)), smooth_images((1, 4, 4, 2), 1)
    photo = np.full((1, 4, 4, 3), -2.0, "float32")
    photo[:, :, 2:] = -1.0  # Black.
    chosen = FeatureChoice()([others, features, photo])
    np.testing.assert_array_equal(chosen[:, :, :2], others[:, :, :2])
    np.testing.assert_array_equal(chosen[:, :, 2:], features[:, :, 2:])
