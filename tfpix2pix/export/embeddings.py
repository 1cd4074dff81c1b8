"""Embeddings in an export: their signatures and their part of the card."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any, NamedTuple

import tensorflow as tf

from tfpix2pix import inference
from tfpix2pix.data import images
from tfpix2pix.errors import InputError
from tfpix2pix.export.directions import fits_png
from tfpix2pix.export.limits import MOST_PIXELS, check_size, decode
from tfpix2pix.inference import Embedding

FILES = tf.TensorSpec((None,), tf.string, name="image_bytes")


class EmbeddingNames(NamedTuple):
    """The names of an embedding's signatures.

    Attributes:
        default: Files to vectors; where PNG cannot hold the images, the same as `float`.
        float: float32 in [-1, 1] to vectors.

    Example:
        >>> EmbeddingNames("embedding", "embedding_float").float
        'embedding_float'
    """

    default: str
    float: str


def embedding_names(
    embeddings: Mapping[str, Embedding], used: Iterable[str] = ()
) -> dict[str, EmbeddingNames]:
    """Names the signatures of embeddings: plainly of the first, after its name of any other.

    Args:
        embeddings: Dict of names to `tfpix2pix.inference.Embedding`, the default one first.
        used: Names of other signatures.

    Returns:
        Dict of the same names to `EmbeddingNames`.

    Raises:
        ValueError: If two signatures would have one name, or a network does not give vectors.

    Example:
        >>> image = tf.keras.Input((None, None, 3))
        >>> means = tf.keras.Model(image, tf.keras.layers.GlobalAveragePooling2D()(image))
        >>> one = Embedding(means, None, (8, 8))
        >>> embedding_names({"faces": one, "cats": one})["cats"].default
        'cats_embedding'
    """
    names = {}
    used = set(used)
    for name, embedding in embeddings.items():
        shape = embedding.network.outputs[0].shape
        if shape.rank != 2 or shape[-1] is None:
            raise InputError(
                "The network of an embedding must give vectors, `[batch, length]`. Received: "
                f"{tuple(shape)} of {name!r}. Flatten it, or take means."
            )
        default = f"{name}_embedding" if names else "embedding"
        names[name] = EmbeddingNames(default, f"{default}_float")
        if used & set(names[name]):
            raise InputError(
                "Signatures must have names of their own. Received: "
                f"{', '.join(sorted(used & set(names[name])))} of the embedding {name!r} again. "
                "Rename the other, or the embedding."
            )
        used |= set(names[name])
    return names


def embedding_signatures(
    embeddings: Mapping[str, Embedding],
    names: Mapping[str, EmbeddingNames],
    *,
    most_pixels: int = MOST_PIXELS,
    read: Callable = nullcontext,
) -> dict[str, Any]:
    """Makes the signatures of embeddings; see `tfpix2pix.export.export`.

    Args:
        embeddings: Dict of names to `tfpix2pix.inference.Embedding`.
        names: Dict of the same to `EmbeddingNames`.
        most_pixels: Height times width of the largest image.
        read: See `tfpix2pix.export.weights.StoredWeights`.

    Returns:
        Dict of the names of signatures to `tf.function`s.

    Example:
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.data.tasks import Pairs
        >>> image = tf.keras.Input((None, None, 3))
        >>> means = tf.keras.Model(image, tf.keras.layers.GlobalAveragePooling2D()(image))
        >>> color = PixelFormat(3, "uint8", (0.0, 255.0))
        >>> embeddings = {"faces": Embedding(means, Pairs((color, color)), (8, 8))}
        >>> made = embedding_signatures(embeddings, embedding_names(embeddings))
        >>> made["embedding_float"](tf.ones((1, 5, 7, 3)))["embedding"].shape
        TensorShape([1, 3])
    """
    served = {}
    for name, embedding in embeddings.items():
        signatures = EmbeddingSignatures(embedding, most_pixels=most_pixels, read=read)
        served.update(signatures.functions(names[name]))
    return served


class EmbeddingSignatures:
    """The signatures of one embedding, a method each.

    Args:
        embedding: `tfpix2pix.inference.Embedding`.
        most_pixels: Height times width of the largest image.
        read: See `tfpix2pix.export.weights.StoredWeights`.

    Example:
        >>> image = tf.keras.Input((None, None, 3))
        >>> means = tf.keras.Model(image, tf.keras.layers.GlobalAveragePooling2D()(image))
        >>> signatures = EmbeddingSignatures(Embedding(means, None, (8, 8)))
        >>> signatures.floats(tf.ones((1, 5, 7, 3)))["embedding"].shape
        TensorShape([1, 3])
    """

    def __init__(
        self,
        embedding: Embedding,
        *,
        most_pixels: int = MOST_PIXELS,
        read: Callable = nullcontext,
    ):
        self._embedding = embedding
        self._most_pixels = most_pixels
        self._read = read
        self._channels = embedding.network.inputs[0].shape[-1]

    def functions(self, names: EmbeddingNames) -> dict[str, Any]:
        """Returns the signatures under their names.

        Args:
            names: `EmbeddingNames` of this embedding.

        Returns:
            Dict of name to `tf.function`.
        """
        image = tf.TensorSpec((None, None, None, self._channels), name="image")
        floats = _graph(self.floats, image)
        as_files = fits_png(self._embedding.task.source_format)
        return {
            names.default: _graph(self.files, FILES) if as_files else floats,
            names.float: floats,
        }

    def floats(self, image):
        """Makes vectors of floats."""
        # The shape of a signature refuses nothing, nor do kernels.
        image = tf.ensure_shape(image, (None, None, None, self._channels))
        with tf.control_dependencies([check_size(tf.shape(image)[1:3], self._most_pixels)]):
            return self._embedded(tf.identity(image))

    def files(self, image_bytes):
        """Makes vectors of files."""
        size = tuple(self._embedding.image_size)
        task = self._embedding.task

        def resized(encoded):
            source = task.source(decode(encoded, task.source_format, self._most_pixels))
            return images.resize(source, size, self._embedding.kernel)

        spec = tf.TensorSpec((*size, self._channels))
        return self._embedded(tf.map_fn(resized, image_bytes, fn_output_signature=spec))

    def _embedded(self, source):
        with self._read(self._embedding.network):
            return {"embedding": inference.embed(self._embedding, source)}


def _graph(function, *specs):
    return tf.function(function, input_signature=specs, autograph=False)


def embedding_entries(
    embeddings: Mapping[str, Embedding], names: Mapping[str, EmbeddingNames]
) -> list[dict[str, Any]]:
    """Returns what the model card says of embeddings.

    Args:
        embeddings: Dict of names to `tfpix2pix.inference.Embedding`.
        names: Dict of the same to `EmbeddingNames`.

    Returns:
        List of dicts of `name`; `source`, with `channels`, `dtype` and `value_range`;
        `image_size`; `length`, how many numbers a vector has; and `signatures`, of `default` and
        `float`.

    Example:
        >>> embedding_entries({}, {})
        []
    """
    return [
        {
            "name": name,
            "source": embedding.task.source_format._asdict(),
            "image_size": list(embedding.image_size),
            "length": embedding.length,
            "signatures": names[name]._asdict(),
        }
        for name, embedding in embeddings.items()
    ]
