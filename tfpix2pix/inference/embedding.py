"""Embeddings: what a model says of an image by a vector, such as one to find look-alikes by."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.data import images
from tfpix2pix.errors import InputError
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


def chosen_embedding(embeddings: Mapping[str, Embedding], name: Optional[str] = None) -> str:
    """Returns the name of an embedding.

    Args:
        embeddings: Dict of names to `Embedding`, the default one first.
        name: One of them; by default the first.

    Raises:
        ValueError: If there is no such embedding.

    Example:
        >>> chosen_embedding({"A": None, "B": None})
        'A'
    """
    if not embeddings or name not in (None, *embeddings):
        cure = "Use one of them" if embeddings else "Use a run of another family"
        raise InputError(
            f"This run has the embeddings {', '.join(embeddings) or '(none)'}. Received: {name!r}. "
            f"{cure}."
        )
    return next(iter(embeddings)) if name is None else name


def embeddings_sha256(embeddings: Mapping[str, Embedding]) -> str:
    """Returns a hash of what vectors depend on: vectors of one hash can be compared.

    Args:
        embeddings: Dict of names to `Embedding`.

    Returns:
        str of 64 digits, of the names, the sizes of images and all weights.

    Example:
        >>> image = keras.Input((None, None, 3))
        >>> means = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
        >>> sizes = [(8, 8), (8, 8), (16, 16)]
        >>> made = [embeddings_sha256({"A": Embedding(means, None, size)}) for size in sizes]
        >>> made[0] == made[1], made[0] == made[2]
        (True, False)
    """
    digest = hashlib.sha256()
    for name, embedding in embeddings.items():
        size = tuple(map(int, embedding.image_size))
        weights = embedding.network.get_weights()
        shapes = [weight.shape for weight in weights]
        digest.update(repr((name, size, embedding.kernel, shapes)).encode())
        for weight in weights:
            digest.update(weight.tobytes())
    return digest.hexdigest()
