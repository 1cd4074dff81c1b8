"""Vectors of the pixels of files, by an embedding of a model."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from tfpix2pix import inference
from tfpix2pix.data import formats
from tfpix2pix.errors import InputError
from tfpix2pix.inference import Embedding


def embed_images(embedding: Embedding, images: Iterable[np.ndarray]) -> np.ndarray:
    """Makes a vector of each image.

    Args:
        embedding: `tfpix2pix.inference.Embedding`.
        images: Pixels `[height, width, channels]` of files, of any sizes; what can be converted to
            the format of the task's sources is.

    Returns:
        float32 `[count, length]`.

    Raises:
        ValueError: If an image cannot be converted, or is out of the range of the sources.

    Example:
        >>> from tensorflow import keras
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.data.tasks import Pairs
        >>> image = keras.Input((None, None, 3))
        >>> means = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
        >>> task = Pairs((PixelFormat(3, "uint8", (0.0, 255.0)),) * 2)
        >>> embedding = Embedding(means, task, (8, 8))
        >>> grey = np.full((5, 7, 1), 255, "uint8")
        >>> embed_images(embedding, [grey, np.zeros((9, 4, 3), "uint8")]).tolist()
        [[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0]]
    """
    made = [np.zeros((0, embedding.length), "float32")]
    for pixels in images:
        if np.ndim(pixels) != 3:
            raise InputError(
                "Images to embed must be a list of pixels `[height, width, channels]`. Received: "
                f"an image of shape {np.shape(pixels)}. Put a single image into a list."
            )
        source = embedding.task.source(formats.fitting(pixels, embedding.task.source_format))
        made.append(inference.embed(embedding, source[tf.newaxis]).numpy())
    return np.concatenate(made)
