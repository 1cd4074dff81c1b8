"""Pooling and doubling beside Keras."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import smooth_images
from tfpix2pix.layers import NearestDoubling2D


@pytest.mark.parametrize("sides", [(5, 3), (16, 32)])
def test_doubling_is_that_of_keras_forth_and_back_to_the_bit(sides):
    images = smooth_images((2, *sides, 7))
    upstream = smooth_images((2, 2 * sides[0], 2 * sides[1], 7), 3)
    results = []
    for layer in (NearestDoubling2D(), keras.layers.UpSampling2D(2)):
        with tf.GradientTape() as tape:
            tape.watch(images)
            doubled = layer(images, training=True)
        results.append((doubled, tape.gradient(doubled, images, upstream)))
    for ours, theirs in zip(*results):
        np.testing.assert_array_equal(ours, theirs)


def test_the_gradient_of_doubling_is_compiled_by_xla():
    images = smooth_images((1, 4, 4, 2))

    @tf.function(jit_compile=True)
    def gradient(images):
        with tf.GradientTape() as tape:
            tape.watch(images)
            value = tf.reduce_sum(NearestDoubling2D()(images, training=True) ** 2)
        return tape.gradient(value, images)

    np.testing.assert_allclose(gradient(images), 8 * images, rtol=1e-6)
