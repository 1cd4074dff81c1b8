"""Tasks: which images of a data set are source and target, as networks see them, and back to files.

A task converts between files and networks; training, evaluation and export of a model use the same
one. Its functions take single images as well as batches.
"""

from dataclasses import dataclass
from typing import Optional, Union

import tensorflow as tf

from tfpix2pix.data import color, edges
from tfpix2pix.data.base_task import Task, kind_of
from tfpix2pix.data.formats import PixelFormat, full_range
from tfpix2pix.data.palettes import class_count, palette


@dataclass(frozen=True)
class Pairs(Task):
    """Source and target are the first and the last image of an example, which has two or more.

    Attributes:
        formats: Tuple of `PixelFormat`, of the source, of others and of the target.

    Example:
        >>> task = Pairs((PixelFormat(1, "uint8", (0, 255)), PixelFormat(3, "uint8", (0, 255))))
        >>> task.source(tf.constant([[[255]]], "uint8")).numpy().item()
        1.0
    """

    name = "pairs"

    @classmethod
    def of(cls, formats, labels):
        """Returns the task of images of some formats; of label maps, `Labels`."""
        labels = tuple(palette(classes) for classes in labels)
        return cls(formats) if labels == (None, None) else Labels(formats, labels)


@dataclass(frozen=True)
class Labels(Pairs):
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
            for kind, labels in zip((self.source_format, self.target_format), self.labels)
        )

    @property
    def has_ids(self) -> bool:
        """Whether sources are maps of numbers."""
        return isinstance(self.labels[0], int)

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
        return _map(translated, self.labels[1], self.target_format.dtype)

    def source_picture(self, source):
        """Returns the pixels of a source in a file."""
        if self.labels[0] is None:
            return super().source_picture(source)
        return _map(source, self.labels[0], self.source_format.dtype)


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

    name = "colorization"
    of_photos = True
    photo_channels = 3
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

    name = "inpainting"
    of_photos = True
    pixelwise = False

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

    name = "edges"
    of_photos = True
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


def task(name: str, formats: tuple[PixelFormat, ...], labels: tuple = (None, None)) -> Task:
    """Returns the task called `name`.

    Args:
        name: As of `kind_of`.
        formats: Tuple of `PixelFormat`: two or more for pairs, else that of the photos.
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
    return kind_of(name).of(formats, labels)


def _one_hot(pixels, labels):
    if isinstance(labels, int):
        ids = tf.cast(pixels[..., 0], "int32")
        if labels == 2:  # Masks have 255 for the second class.
            ids = tf.where(ids == 255, 1, ids)
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
