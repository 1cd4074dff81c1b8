"""Convolutions padded by reflection, beside plain ones in float64, of kernels of few filters."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix.layers import ReflectedConv2D


def with_gradients(convolve, images, kernel, upstream):
    """Returns the convolved images, and the gradients of images and kernel."""
    with tf.GradientTape() as tape:
        tape.watch((images, kernel))
        outputs = convolve(images, kernel)
    return outputs, *tape.gradient(outputs, (images, kernel), output_gradients=upstream)


# Two by rows, of which the first has as many products for a row as channels, and one directly.
@pytest.mark.parametrize(("channels", "size", "filters"), [(21, 7, 3), (32, 5, 2), (20, 7, 3)])
@pytest.mark.parametrize("sides", [(9, 12), (None, None)])
def test_few_filters_have_the_outputs_and_gradients_of_many(channels, size, filters, sides):
    draw = np.random.default_rng(5).normal
    arrays = (
        draw(size=(2, 9, 12, channels)),
        draw(size=(size, size, channels, filters)),
        draw(size=(2, 9, 12, filters)),
    )

    def direct(images, kernel):
        margin = (size // 2, size // 2)
        padded = tf.pad(images, ((0, 0), margin, margin, (0, 0)), "REFLECT")
        return tf.nn.conv2d(padded, kernel, 1, "VALID")

    exact = with_gradients(direct, *(tf.constant(x, "float64") for x in arrays))
    layer = ReflectedConv2D(filters, size, use_bias=False)
    layer.build((None, *sides, channels))

    def convolve(images, kernel):
        layer.kernel = kernel
        return layer(images)

    batch = None if None in sides else 2
    signature = [
        tf.TensorSpec((batch, *sides, channels)),
        tf.TensorSpec(arrays[1].shape),
        tf.TensorSpec((batch, *sides, filters)),
    ]
    compute = tf.function(lambda *x: with_gradients(convolve, *x), signature)
    for one, other in zip(compute(*(tf.constant(x, "float32") for x in arrays)), exact):
        np.testing.assert_allclose(one, other, atol=1e-5 * float(tf.math.reduce_std(other)))
