"""Tasks: which images of a data set are source and target, as networks see them, and back to files.

A task converts between files and networks; training, evaluation and export of a model use the same
one. Its functions take single images as well as batches.
"""

from dataclasses import dataclass
from typing import Optional, Union

import tensorflow as tf

from tfpix2pix.data import color, edges
from tfpix2pix.data.formats import PixelFormat, full_range
from tfpix2pix.data.images import to_pixels, to_signed
from tfpix2pix.data.palettes import class_count, palette
from tfpix2pix.errors import InputError


@dataclass(frozen=True)
class Task:
    """From the pixels of files to what networks see, and back; the base of all tasks.

    As it is, networks see all pixels, with their range brought to [-1, 1].

    Attributes:
        formats: Tuple of `tfpix2pix.data.formats.PixelFormat`: of the source and of the target, or
            of the photo from which both are made.

    Example:
        >>> Task((PixelFormat(1, "uint8", (0, 255)), PixelFormat(3, "uint8", (0, 255)))).channels
        (1, 3)
    """

    formats: tuple[PixelFormat, ...]

    @property
    def channels(self) -> tuple[int, int]:
        """Channels of source and target as networks see them."""
        return self.source_format.channels, self.target_format.channels

    @property
    def source_format(self) -> PixelFormat:
        """The `PixelFormat` of files that can be translated."""
        return self.formats[0]

    @property
    def target_format(self) -> PixelFormat:
        """The `PixelFormat` of the files of translations."""
        return self.formats[-1]

    def example(self, images: tuple, key: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Makes a training example.

        Args:
            images: Tuple of pixels `[height, width, channels]` of the formats.
            key: int64 `[2]`, the key of random numbers.

        Returns:
            `(source, target)`, float32 `[height, width, channels]` in [-1, 1].
        """
        del key
        return self.still(images)

    def still(self, images: tuple) -> tuple[tf.Tensor, tf.Tensor]:
        """Makes an example to judge by, of which nothing is left to chance.

        Args:
            images: As of `example`.

        Returns:
            As `example`.
        """
        return self.source(images[0]), self.target(images[-1])

    def source(self, pixels):
        """Converts the pixels of a file to a network's input: float32 in [-1, 1]."""
        return to_signed(pixels, self.source_format.value_range)

    def target(self, pixels):
        """Converts the pixels of a file to a network's output: float32 in [-1, 1]."""
        return to_signed(pixels, self.target_format.value_range)

    def picture(self, source, translated):
        """Returns the pixels of a translation in a file: of the target's format."""
        del source
        return to_pixels(translated, self.target_format.dtype, self.target_format.value_range)

    def source_picture(self, source):
        """Returns the pixels of a source in a file: of the source's format."""
        return to_pixels(source, self.source_format.dtype, self.source_format.value_range)


@dataclass(frozen=True)
class Pairs(Task):
    """Source and target are the two images of a pair.

    Attributes:
        formats: Tuple of `PixelFormat`, of the source and of the target.

    Example:
        >>> task = Pairs((PixelFormat(1, "uint8", (0, 255)), PixelFormat(3, "uint8", (0, 255))))
        >>> task.source(tf.constant([[[255]]], "uint8")).numpy().item()
        1.0
    """


@dataclass(frozen=True)
class Labels(Task):
    """Pairs with label maps as source, as target or as both; networks see them one-hot.

    One-hot is 1 in the channel of a pixel's class and -1 in the others. A colour is of the class
    that is nearest to it, so JPEG maps can be used. A translation is of the class of its greatest
    channel.

    Attributes:
        labels: For source and target, `None` for a picture, the count of classes for a map of
            their numbers, or a dict of class name to RGB colour.

    Example:
        >>> formats = (PixelFormat(3, "uint8", (0, 255)),) * 2
        >>> task = Labels(formats, labels=({"sky": (0, 0, 255), "sea": (0, 99, 99)}, None))
        >>> task.source(tf.constant([[[9, 9, 255]]], "uint8")).numpy().tolist()
        [[[1.0, -1.0]]]
    """

    labels: tuple[Optional[Union[int, dict]], ...] = (None, None)

    @property
    def channels(self) -> tuple[int, int]:
        """Channels of source and target as networks see them."""
        return tuple(
            kind.channels if labels is None else class_count(labels)
            for kind, labels in zip(self.formats, self.labels)
        )

    def source(self, pixels):
        """Converts the pixels of a file to a network's input."""
        return (
            super().source(pixels) if self.labels[0] is None else _one_hot(pixels, self.labels[0])
        )

    def target(self, pixels):
        """Converts the pixels of a file to a network's output."""
        return (
            super().target(pixels) if self.labels[1] is None else _one_hot(pixels, self.labels[1])
        )

    def picture(self, source, translated):
        """Returns the pixels of a translation in a file."""
        if self.labels[1] is None:
            return super().picture(source, translated)
        return _map(translated, self.labels[1], self.formats[1].dtype)

    def source_picture(self, source):
        """Returns the pixels of a source in a file."""
        if self.labels[0] is None:
            return super().source_picture(source)
        return _map(source, self.labels[0], self.formats[0].dtype)


@dataclass(frozen=True)
class Colorization(Task):
    """Source is the lightness of a photo, target its colour: L and ab of CIE Lab.

    L in [0, 100] and ab in [-110, 110] become [-1, 1], as in the reference code.

    Attributes:
        formats: `(PixelFormat,)` of the photos, which have 3 channels.

    Example:
        >>> Colorization((PixelFormat(3, "uint8", (0, 255)),)).channels
        (1, 2)
    """

    channels = (1, 2)

    def source(self, pixels):
        """Converts a photo to a network's input: its lightness."""
        return color.to_lab((super().source(pixels) + 1) / 2)[..., :1] / 50 - 1

    def target(self, pixels):
        """Converts a photo to a network's output: its colour."""
        colors = color.to_lab((super().target(pixels) + 1) / 2)[..., 1:]
        return tf.clip_by_value(colors / 110, -1.0, 1.0)

    def picture(self, source, translated):
        """Returns the photo of a lightness and a colour."""
        rgb = color.from_lab(tf.concat([(source + 1) * 50, translated * 110], axis=-1))
        return super().picture(source, rgb * 2 - 1)

    def source_picture(self, source):
        """Returns the grey photo of a lightness."""
        return self.picture(source, tf.zeros_like(tf.repeat(source, 2, axis=-1)))


@dataclass(frozen=True)
class Inpainting(Task):
    """Source is a photo whose centre, half of each side, is white; target is the photo.

    Attributes:
        formats: `(PixelFormat,)` of the photos.

    Example:
        >>> task = Inpainting((PixelFormat(1, "uint8", (0, 255)),))
        >>> task.source(tf.zeros((4, 4, 1), "uint8"))[1, :, 0].numpy().tolist()
        [-1.0, 1.0, 1.0, -1.0]
    """

    def source(self, pixels):
        """Converts a photo to a network's input: the photo without its centre."""
        signed = super().source(pixels)
        rows, columns = (
            (tf.range(side) >= side // 4) & (tf.range(side) < side - side // 4)
            for side in tf.unstack(tf.shape(signed)[-3:-1])
        )
        return tf.where((rows[:, tf.newaxis] & columns)[..., tf.newaxis], 1.0, signed)


@dataclass(frozen=True)
class Edges(Task):
    """Source is a line drawing of a photo, of another hand each time; target is the photo.

    What is judged is translated from the plain drawing.

    Attributes:
        formats: `(PixelFormat,)` of the photos.

    Example:
        >>> Edges((PixelFormat(1, "uint8", (0, 255)),)).channels
        (3, 1)
    """

    source_format = PixelFormat(3, "uint8", full_range("uint8"))

    def example(self, images, key):
        """Draws the photo and makes a training example."""
        return self._drawn(edges.sampled, *images, key)

    def still(self, images):
        """Draws the photo as `tfpix2pix.data.edges.extract` does and makes an example of it."""
        return self._drawn(edges.extract, *images)

    def _drawn(self, draw, photo, *key):
        drawing = tf.numpy_function(
            lambda *arrays: draw(*arrays), [photo, *key], "uint8", stateful=False
        )
        return self.source(tf.ensure_shape(drawing, (*photo.shape[:2], 3))), self.target(photo)


OF_PHOTOS = {"colorization": Colorization, "inpainting": Inpainting, "edges": Edges}
TASKS = ("pairs", *OF_PHOTOS)


def task(name: str, formats: tuple[PixelFormat, ...], labels: tuple = (None, None)) -> Task:
    """Returns the task called `name`.

    Args:
        name: One of `TASKS`.
        formats: Tuple of `PixelFormat`: two for pairs, else that of the photos.
        labels: See `Labels`; a name of `tfpix2pix.data.palettes.PALETTES` stands for its colours.

    Returns:
        `Task`.

    Raises:
        ValueError: If there is no such task or palette.

    Example:
        >>> formats = (PixelFormat(3, "uint8", (0, 255)),) * 2
        >>> task("pairs", formats, labels=("cmp_facades", None)).channels
        (12, 3)
    """
    if name not in TASKS:
        raise InputError(f"`task` must be one of {', '.join(TASKS)}. Received: {name!r}.")
    if name in OF_PHOTOS:
        return OF_PHOTOS[name](formats)
    if labels == (None, None):
        return Pairs(formats)
    return Labels(formats, tuple(palette(classes) for classes in labels))


def _one_hot(pixels, labels):
    if isinstance(labels, int):
        ids = tf.cast(pixels[..., 0], "int32")
    else:
        colors = tf.constant(list(labels.values()), "float32")
        # The nearest colour c of a pixel x: |x|^2 is the same in all |x - c|^2.
        near = tf.linalg.matvec(colors, tf.cast(pixels, "float32"))
        ids = tf.argmax(2 * near - tf.reduce_sum(colors**2, axis=-1), axis=-1)
    return tf.one_hot(ids, class_count(labels), 1.0, -1.0)


def _map(one_hot, labels, dtype):
    ids = tf.argmax(one_hot, axis=-1)
    if isinstance(labels, int):
        return tf.cast(ids[..., tf.newaxis], dtype)
    return tf.gather(tf.constant(list(labels.values()), dtype), ids)
