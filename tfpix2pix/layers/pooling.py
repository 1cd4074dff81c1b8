"""Pooling: halves images by means over the pixels that there are."""

import tensorflow as tf
from tensorflow import keras

WINDOW = 3


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
        config = super().get_config()
        for name in ("pool_size", "strides", "padding", "data_format"):
            del config[name]
        return config


def _inside(images, axis):
    """Returns how many pixels of each window along an axis are inside."""
    side = images.shape[axis] or tf.shape(images)[axis]
    starts = tf.range(-1, side - 1, 2)
    return tf.minimum(starts + WINDOW, side) - tf.maximum(starts, 0)
