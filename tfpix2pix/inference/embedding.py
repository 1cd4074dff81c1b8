"""Embeddings: what a model says of an image by a vector, such as one to find look-alikes by."""

from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.data import images
from tfpix2pix.inference.translation import check_source, computed


class Embedding(NamedTuple):
    """A way in which a model makes vectors of images.

    Attributes:
        network: `keras.Model` of images to float32 `[batch, length]`.
        task: `tfpix2pix.data.tasks.Pairs` or another, whose sources the images are.
        image_size: `(height, width)` in pixels to which images are resized: only vectors of images
            of one size can be compared.
        kernel: How they are resized, see `tfpix2pix.data.images.resize`.

    Example:
        >>> image = keras.Input((None, None, 3))
        >>> means = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
        >>> Embedding(means, None, (8, 8)).length
        3
    """

    network: keras.Model
    task: Any
    image_size: tuple[int, int]
    kernel: str = "bilinear"

    @property
    def length(self) -> int:
        """How many numbers a vector has."""
        return self.network.outputs[0].shape[-1]


def embed(embedding: Embedding, source: tf.Tensor) -> tf.Tensor:
    """Makes a vector of each image, which depends on no other image.

    Args:
        embedding: `Embedding`.
        source: float `[batch, height, width, channels]` in [-1, 1], of any size.

    Returns:
        float32 `[batch, length]`.

    Raises:
        ValueError: If the images do not fit the network's input.

    Example:
        >>> image = keras.Input((None, None, 3))
        >>> means = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
        >>> embed(Embedding(means, None, (8, 8)), tf.ones((2, 5, 9, 3))).numpy().tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """
    check_source(embedding.network, source, rank=4)
    size = tuple(embedding.image_size)
    resized = images.resize(tf.cast(source, "float32"), size, embedding.kernel)
    # Not by `tf.ensure_shape`, see `tfpix2pix.export.signatures`.
    resized = tf.reshape(resized, (-1, *size, resized.shape[3]))
    return tf.cast(computed(embedding.network, [resized]), "float32")
