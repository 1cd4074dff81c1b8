"""Inference: translation of images of any size, each by its own statistics."""

import math

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.data.geometry import reflect_to_multiple


def size_multiple(generator):
    """Returns what the sides of a generator's images must be multiples of, in pixels.

    Args:
        generator: `keras.Model` that halves its images by convolutions of stride 2 and doubles them
            again.

    Returns:
        int: the product of the strides.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> size_multiple(unet_generator((None, None, 3), depth=3, base_filters=4))
        8
    """
    # Transposed convolutions are a subclass and take the way back.
    return math.prod(
        layer.strides[0]
        for layer in generator.layers
        if isinstance(layer, keras.layers.Conv2D)
        and not isinstance(layer, keras.layers.Conv2DTranspose)
    )


def translate(generator, source):
    """Translates images of any size: reflects them to the network's multiple and crops the result.

    Dropout is off, and an image's translation does not depend on the others in the batch.

    Args:
        generator: `keras.Model` with open sides, such as
            `unet_generator((None, None, 3), depth=8)`.
        source: float `[batch, height, width, channels]` in [-1, 1].

    Returns:
        float32 `[batch, height, width, output_channels]` in (-1, 1).

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=3, base_filters=4)
        >>> translate(generator, tf.zeros((2, 13, 21, 3))).shape
        TensorShape([2, 13, 21, 3])
    """
    height, width = tf.unstack(tf.shape(source)[1:3])
    padded, top, left = reflect_to_multiple(source, size_multiple(generator))
    translated = generator(padded, training=False)
    return translated[:, top : top + height, left : left + width]
