"""Reading: examples of a data set, one image or several each, to be read in any order."""

from collections.abc import Sequence
from typing import Callable, NamedTuple, Optional

import numpy as np
import tensorflow as tf

from tfpix2pix.data import agreement, ids, images, layouts, survey
from tfpix2pix.data.formats import PixelFormat, full_range
from tfpix2pix.data.parallel import Progress, silent
from tfpix2pix.data.storage import stored
from tfpix2pix.errors import InputError


class Examples(NamedTuple):
    """Examples that can be read one by one, in any order.

    Attributes:
        names: Name of each example, no two alike.
        read: TensorFlow function of an index, int64 scalar, to a tuple of images: the source and
            the target of a pair, the one photo, or those of named places; each `[height, width,
            channels]` of its kind.
        formats: Tuple of `PixelFormat`, one for each image of an example.
        sizes: int `[examples, images, 2]`: height and width of each in pixels.
        skipped: Which files were left out, and why.
        places: Names of the images, where they have any.
        rows: float32 `[examples, columns]`: for each example the row of a table, if there is one;
            see `tfpix2pix.data.tables`.
        columns: Names of the columns of the table.
        notes: What of the files is not used, as sentences.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> pairs = synthetic.write_pairs("facades", 2, (32, 48))
        >>> [image.shape for image in pairs.read(tf.constant(1, tf.int64))]
        [TensorShape([32, 48, 3]), TensorShape([32, 48, 3])]
    """

    names: list[str]
    read: Callable
    formats: tuple[PixelFormat, ...]
    sizes: np.ndarray
    skipped: list[str]
    places: tuple[str, ...] = ()
    rows: Optional[np.ndarray] = None
    columns: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def per_epoch(self) -> int:
        """How many examples an epoch has."""
        return len(self.names)

    def spread(self, count: int) -> "Examples":
        """Returns up to `count` examples from all over the data set.

        Args:
            count: How many examples are wanted.

        Returns:
            `Examples`, in the same order.
        """
        total = len(self.names)
        chosen = np.linspace(0, total - 1, min(count, total)).round().astype("int64")
        return self._replace(
            names=[self.names[index] for index in chosen],
            read=lambda index: self.read(tf.gather(chosen, index)),
            sizes=self.sizes[chosen],
            rows=None if self.rows is None else self.rows[chosen],
        )

    def row(self, index: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """Returns the row of an example, float32 `[columns]`, in a tuple; `()` without a table."""
        return () if self.rows is None else (tf.gather(tf.constant(self.rows), index),)

    @property
    def reversed(self) -> "Examples":
        """The same examples, their images in the reverse order."""
        return self._replace(
            read=lambda index: self.read(index)[::-1],
            formats=self.formats[::-1],
            sizes=self.sizes[:, ::-1],
            places=self.places[::-1],
        )


def examples(
    listing: layouts.Listing,
    formats: Optional[tuple[PixelFormat, ...]] = None,
    *,
    halves: bool = False,
    direction: str = "AtoB",
    range_options: Sequence[str] = ("source_range", "target_range"),
    bad_files: str = "refuse",
    progress: Progress = silent,
) -> Examples:
    """Makes examples of listed files, after each was decoded once as a check.

    Args:
        listing: `tfpix2pix.data.layouts.Listing`.
        formats: `PixelFormat` of each image of an example, by default as its places want it; what
            is left open is chosen by `tfpix2pix.data.agreement.common_format`.
        halves: Whether a file that is alone in its example holds A in its left half and B in its
            right one.
        direction: `"AtoB"`, or `"BtoA"` for the right half before the left one; images in files of
            their own stay in the order of their places.
        range_options: Names of the options that give the ranges of the first and the last image.
        bad_files: `"refuse"` raises an error if files cannot be used, `"skip"` leaves them out.
        progress: See `tfpix2pix.data.survey.examine_images`.

    Returns:
        `Examples`.

    Raises:
        ValueError: If files are broken, without partner, of odd width, or not of one kind; names
            them. Or if floating point values exceed [0, 1] and no range is given.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> codecs.write(np.zeros((4, 8, 1), "uint16"), "deep/1.png")
        >>> formats = (PixelFormat(), PixelFormat())
        >>> examples(layouts.listing("deep", "train"), formats, halves=True).formats[1].dtype
        'uint16'
    """
    names, columns, fetch, places = stored(listing)
    halves = halves and len(columns) == 1
    if halves:
        places = (listing.places[0], listing.places[-1])
    formats = tuple(place.format for place in places) if formats is None else formats
    if halves and direction == "BtoA":
        formats = formats[::-1]
        places = places[::-1]
    indices, surveyed, faults = survey.usable_examples(
        columns,
        unmatched=listing.unmatched,
        halves=halves,
        bad_files=bad_files,
        progress=progress,
    )
    if len(surveyed) != len(formats):
        raise InputError(
            f"Examples must have as many images as are asked for, {len(formats)}. Received: "
            f"{len(surveyed)} in the layout {listing.layout!r}. Use another layout or task."
        )
    are_ids = [column.ids for column in columns] * (2 if halves else 1)
    options = [range_options[0], *["value_range"] * (len(formats) - 2), range_options[-1]]
    formats = tuple(
        _format_of_ids(wanted)
        if ids
        else agreement.common_format(column, wanted, halves=halves, option=option)
        for column, wanted, ids, option in zip(surveyed, formats, are_ids, options)
    )
    if halves and formats[0][:2] != formats[1][:2]:
        raise InputError(
            "The halves of a file have equal channels. Received: source and target channels of "
            f"{formats[0].channels} and {formats[1].channels}. Use equal ones, or A and B as files "
            "of their own."
        )
    decoders = [_decoder(*image) for image in zip(surveyed, formats, are_ids)]
    order = tf.constant(indices, tf.int64)

    def read(index):
        encoded = fetch(tf.gather(order, index))
        decoded = tuple(decode(content, index) for decode, content in zip(decoders, encoded))
        if not halves:
            return decoded
        width = tf.shape(decoded[0])[1] // 2
        return decoded[0][:, :width], decoded[0][:, width:]

    sizes = [[(record.height, record.width) for record in column] for column in surveyed]
    names = [names[index] for index in indices]
    named = tuple(place.name for place in places)
    notes = tuple(note for pair in zip(surveyed, formats) for note in agreement.unused(*pair))
    stacked = np.stack(sizes, axis=1)
    found = Examples(
        names, read, formats, stacked, faults, named, notes=tuple(dict.fromkeys(notes))
    )
    return found.reversed if halves and direction == "BtoA" else found


def _format_of_ids(wanted):
    dtype = wanted.dtype or "int32"
    return PixelFormat(1, dtype, wanted.value_range or full_range(dtype))


def _decoder(records, pixel_format, is_ids):
    """Returns a TensorFlow function of a file's bytes and its example's index to its pixels."""
    channels, dtype, _ = pixel_format
    if is_ids:
        return lambda encoded, index: ids.read_ids(encoded, dtype)
    flags = [record.native for record in records]  # Whether TensorFlow decodes each.
    if len(set(flags)) == 1:
        return lambda encoded, index: images.decode_any(encoded, channels, dtype, native=flags[0])
    natives = tf.constant(flags)

    def decode(encoded, index):
        return images.decode_any(encoded, channels, dtype, native=tf.gather(natives, index))

    return decode
