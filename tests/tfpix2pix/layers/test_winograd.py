"""Winograd's convolution and its gradients beside the direct one in float64."""

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix import bfloat16
from tfpix2pix.layers import MatrixConv2D, ReflectedConv2D, reflected, winograd


def with_gradients(convolve, images, kernel, upstream):
    """Returns the convolved images, and the gradients of images and kernel."""
    with tf.GradientTape() as tape:
        tape.watch((images, kernel))
        outputs = convolve(images, kernel)
    return outputs, *tape.gradient(outputs, (images, kernel), output_gradients=upstream)


def direct(images, kernel):
    margin = (1, 1)
    padded = tf.pad(images, ((0, 0), margin, margin, (0, 0)), "REFLECT")
    return tf.nn.conv2d(padded, kernel, 1, "VALID")


# The second has tiles that reach beyond the last rows and columns, and two images.
@pytest.mark.parametrize("shape", [(1, 8, 12, 5), (2, 7, 10, 3)])
def test_outputs_and_gradients_are_those_of_the_direct_convolution(shape):
    draw = np.random.default_rng(7).normal
    arrays = draw(size=shape), draw(size=(3, 3, shape[-1], 6)), draw(size=(*shape[:-1], 6))
    exact = with_gradients(direct, *(tf.constant(x, "float64") for x in arrays))

    def convolve(images, kernel):
        return winograd.convolve(images, kernel, reflected._shown, padding=1)

    computed = tf.function(lambda *x: with_gradients(convolve, *x))(
        *(tf.constant(x, "float32") for x in arrays)
    )
    for one, other in zip(computed, exact):
        np.testing.assert_allclose(one, other, atol=1e-4 * float(tf.math.reduce_std(other)))


# Tiles reach beyond the last rows and columns of the second and the third.
@pytest.mark.parametrize("shape", [(1, 9, 6, 5), (2, 7, 10, 3), (1, 4, 5, 3)])
def test_four_taps_and_their_second_derivatives_are_those_of_the_direct_convolution(shape):
    draw = np.random.default_rng(8).normal
    sides = (shape[1] - 3, shape[2] - 3)
    arrays = draw(size=shape), draw(size=(4, 4, shape[-1], 6)), draw(size=(shape[0], *sides, 6))

    def penalized(convolve, images, kernel, upstream):
        """As gradient penalties do: the gradients of the size of a gradient."""
        with tf.GradientTape() as tape:
            tape.watch((images, kernel, upstream))
            outputs, *gradients = with_gradients(convolve, images, kernel, upstream)
            size = sum(tf.reduce_sum(gradient**2) for gradient in gradients)
        return outputs, *gradients, *tape.gradient(size, (images, kernel, upstream))

    def convolved(images, kernel):
        return tf.nn.conv2d(images, kernel, 1, "VALID")

    exact = penalized(convolved, *(tf.constant(x, "float64") for x in arrays))
    computed = tf.function(lambda *x: penalized(winograd.convolve, *x))(
        *(tf.constant(x, "float32") for x in arrays)
    )
    for one, other in zip(computed, exact):
        np.testing.assert_allclose(one, other, atol=1e-4 * float(tf.math.reduce_std(other)))


def test_only_wide_maps_without_padding_take_four_taps(monkeypatch):
    sizes = []
    convolve = winograd.convolve
    monkeypatch.setattr(winograd, "convolve", lambda *x: sizes.append(x[0].shape) or convolve(*x))
    width = winograd.LEAST_CHANNELS
    wide = tf.random.normal((1, 32, 32, width), seed=1)
    layer = MatrixConv2D(width, 4)
    computed = layer(wide)
    direct = tf.nn.conv2d(wide, layer.kernel, 1, "VALID")
    np.testing.assert_allclose(computed, direct, atol=1e-4)
    for options in ({"strides": 2, "padding": "same"}, {"padding": "same"}, {"dilation_rate": 2}):
        MatrixConv2D(width, 4, **options)(wide)
    MatrixConv2D(width // 2, 4)(wide)
    assert sizes == [wide.shape]


def test_only_float32_training_of_wide_maps_takes_it(monkeypatch):
    taken = []
    convolve = winograd.convolve
    monkeypatch.setattr(winograd, "convolve", lambda *x, **o: taken.append(x) or convolve(*x, **o))
    layer = ReflectedConv2D(winograd.LEAST_CHANNELS, 3)
    wide = tf.random.normal((1, 32, 32, winograd.LEAST_CHANNELS), seed=1)
    trained = layer(wide, training=True)
    assert len(taken) == 1
    np.testing.assert_allclose(trained, layer(wide, training=False), atol=1e-4)
    for images in (wide[:, :16, :16], wide[..., : winograd.LEAST_CHANNELS // 2]):
        ReflectedConv2D(winograd.LEAST_CHANNELS, 3)(images, training=True)
    tf.function(lambda x: layer(x, training=True), [tf.TensorSpec((None, None, None, 128))])(wide)
    before = tf.config.optimizer.get_experimental_options().get(bfloat16.REWRITE, False)
    tf.config.optimizer.set_experimental_options({bfloat16.REWRITE: True})
    try:
        layer(wide, training=True)
    finally:
        tf.config.optimizer.set_experimental_options({bfloat16.REWRITE: before})
    assert len(taken) == 1
