"""Pooling: halves images by means over the pixels that there are, or by a blur; doubles them."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfpix2pix.bfloat16 import is_rewritten
from tfpix2pix.layers.reflected import reflected

WINDOW = 3
BLUR = np.outer((1, 2, 1), (1, 2, 1)) / 16


@keras.utils.register_keras_serializable("tfpix2pix")
class BorderlessAveragePooling2D(keras.layers.AveragePooling2D):
    """Average pooling by 3x3 windows of stride 2, which start one pixel outside of the image.

    Pixels outside do not count, so that a constant image stays constant. It is PyTorch's
    `AvgPool2d(3, stride=2, padding=1, count_include_pad=False)`; Keras' padding "same" lets windows
    of even sides end outside, and so shifts them by one pixel.

    Args:
        **kwargs: Those of `keras.layers.Layer`.

    Call: float `[batch, height, width, channels]` to `[batch, ceil(height / 2), ceil(width / 2),
    channels]`.

    Example:
        >>> layer = BorderlessAveragePooling2D()
        >>> layer(tf.constant([[[[1.0], [3.0], [5.0], [9.0]]]])).numpy().ravel().tolist()
        [2.0, 5.666666507720947]

    Reference:
        [Wang et al., 2018](https://arxiv.org/abs/1711.11585), section 3.2, and its code.
    """

    def __init__(self, **kwargs):
        super().__init__(WINDOW, strides=2, padding="same", **kwargs)

    def call(self, inputs):
        """Averages over windows with zeros outside, and divides by the share of pixels inside."""
        padded = tf.pad(inputs, ((0, 0), (1, 1), (1, 1), (0, 0)))
        means = tf.nn.avg_pool2d(padded, WINDOW, 2, "VALID")
        height, width = (_inside(inputs, axis) for axis in (1, 2))
        inside = tf.cast(height[:, tf.newaxis, tf.newaxis] * width[:, tf.newaxis], means.dtype)
        return means * (WINDOW**2 / inside)

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        return _without_fixed(super().get_config())


@keras.utils.register_keras_serializable("tfpix2pix")
class NearestDoubling2D(keras.layers.UpSampling2D):
    """Doubles height and width by repeating pixels, with a gradient by average pooling.

    It gives what Keras' layer does, forth and back, to the bit. TensorFlow's own gradient of it
    cannot be compiled by XLA; this one also takes 0.7 to 0.9 of its time on large maps, on a CPU.

    Args:
        **kwargs: Those of `keras.layers.Layer`.

    Call: float `[batch, height, width, channels]` to `[batch, 2 height, 2 width, channels]`.

    Example:
        >>> NearestDoubling2D()(tf.constant([[[[1.0], [3.0]]]]))[0, ..., 0].numpy().tolist()
        [[1.0, 1.0, 3.0, 3.0], [1.0, 1.0, 3.0, 3.0]]
    """

    def __init__(self, **kwargs):
        super().__init__(2, **kwargs)

    def call(self, inputs, training: bool = False):
        """Repeats each pixel."""
        return _doubled(inputs) if training else super().call(inputs)

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        return _without_fixed(super().get_config())


@tf.custom_gradient
def _doubled(images):
    doubled = keras.backend.resize_images(images, 2, 2, "channels_last", "nearest")
    return doubled, lambda gradient: 4.0 * tf.nn.avg_pool2d(gradient, 2, 2, "VALID")


@keras.utils.register_keras_serializable("tfpix2pix")
class BlurPooling2D(keras.layers.AveragePooling2D):
    """Halves height and width by a blur of 3x3 pixels, so that shifts of an image do not flicker.

    The pixels around every second one count by their weights 1, 2, 1 along each side, the border
    shows its reflection. In bfloat16, where oneDNN's depthwise convolution takes four times as
    long, it is computed as the mean of four neighbours, twice.

    Args:
        **kwargs: Those of `keras.layers.Layer`.

    Call: float `[batch, height, width, channels]` to `[batch, ceil(height / 2), ceil(width / 2),
    channels]`.

    Example:
        >>> BlurPooling2D()(tf.constant([[[[8.0], [4.0], [16.0], [0.0]]]])).numpy().ravel().tolist()
        [6.0, 9.0]

    Reference:
        [Zhang, 2019](https://arxiv.org/abs/1904.11486).
    """

    def __init__(self, **kwargs):
        super().__init__(WINDOW, strides=2, padding="same", **kwargs)

    def call(self, inputs):
        """Blurs, and keeps every second pixel."""
        padded = reflected(inputs, 1)
        if is_rewritten():
            means = tf.nn.avg_pool2d(padded, 2, 1, "VALID")
            return tf.nn.avg_pool2d(means, 2, 2, "VALID")
        kernel = np.repeat(BLUR[:, :, np.newaxis, np.newaxis], inputs.shape[-1], axis=2)
        kernel = tf.constant(kernel, inputs.dtype)
        return tf.nn.depthwise_conv2d(padded, kernel, (1, 2, 2, 1), "VALID")

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        return _without_fixed(super().get_config())


def _without_fixed(config):
    """Returns the configuration of a layer without what its class decides."""
    fixed = ("pool_size", "strides", "padding", "data_format", "size", "interpolation")
    return {name: value for name, value in config.items() if name not in fixed}


def _inside(images, axis):
    """Returns how many pixels of each window along an axis are inside."""
    side = images.shape[axis] or tf.shape(images)[axis]
    starts = tf.range(-1, side - 1, 2)
    return tf.minimum(starts + WINDOW, side) - tf.maximum(starts, 0)
