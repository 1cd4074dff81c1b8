import re

import numpy as np
import pytest
import tensorflow as tf

from tests import reference
from tests.cases import smooth_images
from tfpix2pix import InputError
from tfpix2pix.layers import (
    DoublingConv2D,
    EqualizedConv2D,
    Fade,
    MinibatchDeviation,
    PixelNormalization,
    ThriftyLeakyReLU,
    growing,
)

IMAGES = smooth_images((3, 5, 4, 6))


def test_a_fade_is_exactly_one_path_at_its_ends_and_their_blend_between():
    old = smooth_images((3, 5, 4, 6), seed=3)
    fade = Fade()
    np.testing.assert_array_equal(fade([IMAGES, old]), IMAGES)
    fade.alpha.assign(0.0)
    np.testing.assert_array_equal(fade([IMAGES, old]), old)
    fade.alpha.assign(0.3)
    np.testing.assert_allclose(fade([IMAGES, old]), 0.3 * IMAGES + 0.7 * old, atol=1e-6)


def test_pixel_norm_divides_by_the_root_of_the_mean_square():
    images = IMAGES.numpy()
    expected = images / np.sqrt((images**2).mean(-1, keepdims=True) + 0.1)
    np.testing.assert_allclose(PixelNormalization(0.1)(IMAGES), expected, atol=1e-6)


def leaky(x):
    return tf.where(x > 0, x, 0.3 * x)


def normalized(x):
    return x / tf.sqrt(tf.reduce_mean(x**2, -1, keepdims=True) + 0.1)


@pytest.mark.parametrize(
    ("layer", "plain"),
    [
        (ThriftyLeakyReLU(0.3), leaky),
        (PixelNormalization(0.1), normalized),
        (PixelNormalization(0.1, 0.3), lambda x: normalized(leaky(x))),
    ],
)
@pytest.mark.parametrize("rewritten", [False, True])
def test_gradients_by_outputs_are_those_of_the_formula_and_so_are_the_second_ones(
    layer, plain, rewritten, monkeypatch
):
    """Also as they are in graphs that will be rewritten to bfloat16."""
    monkeypatch.setattr(growing, "is_rewritten", lambda: rewritten)

    def derivatives(function):
        with tf.GradientTape() as outer:
            outer.watch(IMAGES)
            with tf.GradientTape() as inner:
                inner.watch(IMAGES)
                y = function(IMAGES)
            slopes = inner.gradient(y, IMAGES, output_gradients=tf.cos(2 * IMAGES))
            total = tf.reduce_sum(slopes**2)
        return y, slopes, outer.gradient(total, IMAGES)

    for found, expected in zip(tf.function(derivatives)(layer), derivatives(plain)):
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_deviation_over_the_batch_is_one_number_in_a_channel_of_its_own():
    output = MinibatchDeviation()(IMAGES).numpy()
    np.testing.assert_array_equal(output[..., :-1], IMAGES)
    expected = np.sqrt(IMAGES.numpy().var(axis=0) + 1e-8).mean()
    np.testing.assert_allclose(output[..., -1], np.full((3, 5, 4), expected), rtol=1e-5)


def test_equalized_weights_of_deviation_1_are_scaled_when_they_are_used():
    layer = EqualizedConv2D(64, 3, gain=3.0, padding="same", bias_initializer="ones")
    output = layer(IMAGES)
    kernel = layer.kernel.numpy()
    assert abs(kernel.std() - 1) < 0.05
    expected = reference.convolution(IMAGES.numpy(), 3 / np.sqrt(54) * kernel, 1) + 1
    np.testing.assert_allclose(output, expected, atol=1e-5)


def test_layers_of_a_discriminator_have_second_derivatives():
    image = tf.Variable(IMAGES)
    conv = EqualizedConv2D(2, 3)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            logits = conv(MinibatchDeviation()(image))
        slope = inner.gradient(logits, image)
        penalty = tf.reduce_sum(slope**2)
    assert np.abs(outer.gradient(penalty, conv.kernel)).min() > 0


def test_a_doubling_convolution_is_that_of_the_doubled_map():
    layer = DoublingConv2D(4, bias_initializer="ones", kernel_initializer="random_normal")
    output = layer(IMAGES)
    doubled = IMAGES.numpy().repeat(2, axis=1).repeat(2, axis=2)
    expected = reference.convolution(doubled, layer.kernel.numpy(), 1) + 1
    np.testing.assert_allclose(output, expected, atol=1e-5)


def test_doubling_convolutions_of_other_sizes_are_refused():
    message = (
        'The kernel must be 3x3, the stride 1 and the padding "same". Received: '
        "kernel_size=(3, 3), strides=(2, 2), padding='same'. Use UpSampling2D and Conv2D for "
        "others."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        DoublingConv2D(3, strides=2)
