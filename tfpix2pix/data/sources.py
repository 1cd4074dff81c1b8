"""Sources: examples of a data set, one or two images each, to be read in any order."""

import os
from pathlib import Path
from typing import Any, Callable, NamedTuple, Union

import numpy as np
import tensorflow as tf

from tfpix2pix.data import images, layouts, records, survey
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.parallel import Progress, silent
from tfpix2pix.data.survey import Column
from tfpix2pix.errors import InputError

DIRECTIONS = ("AtoB", "BtoA")


class Examples(NamedTuple):
    """Examples that can be read one by one, in any order.

    Attributes:
        names: Name of each example, no two alike.
        read: TensorFlow function of an index, int64 scalar, to a tuple of images: the source and
            the target of a pair, or the one photo; each `[height, width, channels]` of its kind.
        formats: Tuple of `PixelFormat`, one for each image of an example.
        sizes: int `[examples, images, 2]`: height and width of each in pixels.
        skipped: Which files were left out, and why.

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
        )


def pairs(
    data: Union[str, os.PathLike],
    split: str = "train",
    formats: tuple[PixelFormat, PixelFormat] = (PixelFormat(), PixelFormat()),
    *,
    layout: str = "auto",
    direction: str = "AtoB",
    **options: Any,
) -> Examples:
    """Finds image pairs in any layout, and checks every file once.

    Args:
        data: Path of a folder or of a manifest.
        split: `"train"`, `"val"` or `"test"`; see `tfpix2pix.data.layouts.listing`.
        formats: `PixelFormat` of the source and of the target; the files decide what is left open.
        layout: One of `tfpix2pix.data.layouts.LAYOUTS` that holds pairs, or `"auto"`.
        direction: `"AtoB"` when A (the left half) is the source, `"BtoA"` when B is.
        **options: Those of `examples`.

    Returns:
        `Examples` of source and target.

    Raises:
        ValueError: If the direction is unknown, there are no pairs, or some are unusable.

    Example:
        >>> pairs("facades/train", direction="BToA")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: `direction` must be 'AtoB' or 'BtoA'. Received: ...
    """
    if direction not in DIRECTIONS:
        raise InputError(
            f"`direction` must be 'AtoB' or 'BtoA'. Received: direction={direction!r}."
        )
    listing = layouts.listing(data, split, layout)
    if listing.layout in ("unpaired", "photos"):
        raise InputError(
            f"Pairs must belong together. Received: {str(data)!r} in the layout "
            f"{listing.layout!r}. Give pairs, or a task that makes its sources of photos."
        )
    if direction == "AtoB":
        return examples(listing, formats, halves=True, **options)
    a_to_b = examples(listing, formats[::-1], halves=True, **options)
    return a_to_b._replace(
        read=lambda index: a_to_b.read(index)[::-1],
        formats=a_to_b.formats[::-1],
        sizes=a_to_b.sizes[:, ::-1],
    )


def photos(
    data: Union[str, os.PathLike],
    split: str = "train",
    pixel_format: PixelFormat = PixelFormat(),
    **options: Any,
) -> Examples:
    """Finds single images in a folder, in the folders in it, or in TFRecords.

    Args:
        data: Path of a folder.
        split: As for `pairs`.
        pixel_format: `PixelFormat` of the photos; the files decide what is left open.
        **options: Those of `examples`.

    Returns:
        `Examples` of one image.

    Raises:
        ValueError: If there are none, or some are unusable.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> codecs.write(np.zeros((4, 8, 1), "uint8"), "cats/1.png")
        >>> photos("cats").formats[0].channels
        1
    """
    layout = "tfrecord" if layouts.detect(data) == "tfrecord" else "photos"
    return examples(layouts.listing(data, split, layout), (pixel_format,), **options)


def unpaired(
    data: Union[str, os.PathLike],
    split: str = "train",
    formats: tuple[PixelFormat, PixelFormat] = (PixelFormat(), PixelFormat()),
    *,
    layout: str = "auto",
    bad_files: str = "refuse",
    progress: Progress = silent,
) -> tuple[Examples, Examples]:
    """Finds the images of two domains, A and B, which do not belong together.

    Args:
        data: Path of a folder with `trainA` and `trainB`, or with `train/A` and `train/B`.
        split: As for `pairs`.
        formats: `PixelFormat` of A and of B; the files decide what is left open.
        layout: `"unpaired"`, which `train/A` and `train/B` need, since they hold pairs by default;
            or `"auto"`.
        bad_files: As for `examples`.
        progress: As for `examples`.

    Returns:
        `(a, b)`: `Examples` of one image each.

    Raises:
        ValueError: If the layout is another, a domain has no images, or some are unusable.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> for name in ("zebras/trainA/1.png", "zebras/trainB/2.png", "zebras/trainB/3.png"):
        ...     codecs.write(np.zeros((4, 8, 3), "uint8"), name)
        >>> [len(domain.names) for domain in unpaired("zebras")]
        [1, 2]
    """
    if layout == "auto":
        layout = layouts.detect(data)
    if layout != "unpaired":
        raise InputError(
            "Two domains must lie in the folders trainA and trainB, or in train/A and train/B with "
            f'layout="unpaired". Received: {str(data)!r} in the layout {layout!r}. Arrange the '
            "images so, or train on pairs."
        )
    listing = layouts.listing(data, split, layout)
    domains = []
    for domain, wanted in zip("AB", formats):
        indices = [i for i, name in enumerate(listing.names) if layouts.domain(name) == domain]
        names, files = ([items[i] for i in indices] for items in listing[1:3])
        images_of_domain = layouts.Listing("photos", names, files, [])
        domains.append(
            examples(images_of_domain, (wanted,), bad_files=bad_files, progress=progress)
        )
    return tuple(domains)


def examples(
    listing: layouts.Listing,
    formats: tuple[PixelFormat, ...],
    *,
    halves: bool = False,
    bad_files: str = "refuse",
    progress: Progress = silent,
) -> Examples:
    """Makes examples of listed files, after each was decoded once as a check.

    Args:
        listing: `tfpix2pix.data.layouts.Listing`.
        formats: `PixelFormat` of each image of an example; what is left open is chosen by
            `tfpix2pix.data.survey.common_format`.
        halves: Whether a file that is alone in its example holds A in its left half and B in its
            right one.
        bad_files: `"refuse"` raises an error if files cannot be used, `"skip"` leaves them out.
        progress: See `tfpix2pix.data.survey.examine_images`.

    Returns:
        `Examples`, A before B.

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
    names, columns, fetch = stored(listing)
    halves = halves and len(columns) == 1
    indices, records, faults = survey.usable_examples(
        columns,
        unmatched=listing.unmatched,
        halves=halves,
        bad_files=bad_files,
        progress=progress,
    )
    if len(records) != len(formats):
        raise InputError(
            f"Examples must have as many images as are asked for, {len(formats)}. Received: "
            f"{len(records)} in the layout {listing.layout!r}. Use another layout or task."
        )
    formats = tuple(
        survey.common_format(column, wanted, halves=halves)
        for column, wanted in zip(records, formats)
    )
    if halves and formats[0][:2] != formats[1][:2]:
        raise InputError(
            "The halves of a file have equal channels. Received: source and target channels of "
            f"{formats[0].channels} and {formats[1].channels}. Use equal ones, or A and B as files "
            "of their own."
        )
    native = [_native(column) for column in records]
    order = tf.constant(indices, tf.int64)

    def read(index):
        decoded = tuple(
            images.decode_any(encoded, kind.channels, kind.dtype, native=_at(flags, index))
            for encoded, kind, flags in zip(fetch(tf.gather(order, index)), formats, native)
        )
        if not halves:
            return decoded
        width = tf.shape(decoded[0])[1] // 2
        return decoded[0][:, :width], decoded[0][:, width:]

    sizes = [[(record.height, record.width) for record in column] for column in records]
    names = [names[index] for index in indices]
    return Examples(names, read, formats, np.stack(sizes, axis=1), faults)


def stored(listing: layouts.Listing) -> tuple[list[str], list[Column], Callable]:
    """Finds where the images of listed files are stored.

    Args:
        listing: `tfpix2pix.data.layouts.Listing`.

    Returns:
        `(names, columns, fetch)`: the name of each example; a `tfpix2pix.data.survey.Column` for
        each place in an example; and a TensorFlow function of an example, int64 scalar, to a tuple
        of its encoded images, string scalars.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> codecs.write(np.zeros((4, 8, 1), "uint8"), "birds/1.png")
        >>> stored(layouts.listing("birds", "train"))[1][0].place(0)
        'birds/1.png'
    """
    if listing.layout != "tfrecord":
        files = [list(column) for column in zip(*listing.files)]
        paths = [tf.constant(column) for column in files]

        def fetch_files(index):
            return tuple(tf.io.read_file(tf.gather(column, index)) for column in paths)

        return listing.names, [Column(column) for column in files], fetch_files

    places = [
        (shard, *place) for (shard,) in listing.files for place in records.places(shard).tolist()
    ]
    count = 2 if records.content(*places[0])[1] else 1

    def read(index):
        return records.content(*places[index])[:count]

    def fetch(index):
        encoded = tf.numpy_function(read, [index], [tf.string] * count, stateful=False)
        return tuple(tf.ensure_shape(content, ()) for content in tf.nest.flatten(encoded))

    shards = [shard for shard, *_ in places]
    offsets = [offset for _, offset, _ in places]
    columns = [
        Column(shards, [f"{offset}{half}" for offset in offsets], lambda index, k=k: read(index)[k])
        for k, half in enumerate("ab"[:count])
    ]
    names = [f"{Path(shard).stem}-{offset}" for shard, offset in zip(shards, offsets)]
    return names, columns, fetch


def _native(records):
    """Returns whether TensorFlow decodes each image: one bool if all agree, else a tensor."""
    flags = [record.native for record in records]
    return flags[0] if len(set(flags)) == 1 else tf.constant(flags)


def _at(flags, index):
    return flags if isinstance(flags, bool) else tf.gather(flags, index)
