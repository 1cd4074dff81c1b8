"""Sources: examples of a data set, one or two images each, to be read in any order."""

from collections import Counter
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np
import tensorflow as tf

from tfpix2pix.data import codecs, images, layouts, records
from tfpix2pix.data.formats import PixelFormat, convertible, full_range, without_alpha
from tfpix2pix.data.parallel import silent
from tfpix2pix.data.survey import Column, survey
from tfpix2pix.errors import MOST_NAMED, InputError

DIRECTIONS = ("AtoB", "BtoA")
BAD_FILES = ("refuse", "skip")


class Examples(NamedTuple):
    """Examples that can be read one by one, in any order.

    Attributes:
        names: Name of each example, no two alike.
        read: TensorFlow function of an index, int64 scalar, to a tuple of images: the source and
            the target of a pair, or the one photo; each `[height, width, channels]` of its kind.
        formats: Tuple of `PixelFormat`, one for each image of an example.
        sizes: int `[examples, images, 2]`: height and width of each in pixels.
        skipped: What was left out, and why.

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


def pairs(
    data,
    split="train",
    formats=(PixelFormat(), PixelFormat()),
    *,
    layout="auto",
    direction="AtoB",
    **options,
):
    """Finds image pairs in any layout, and looks at every file once.

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
    found = examples(listing, formats[::-1], halves=True, **options)
    return found._replace(
        read=lambda index: found.read(index)[::-1],
        formats=found.formats[::-1],
        sizes=found.sizes[:, ::-1],
    )


def photos(data, split="train", kind=PixelFormat(), **options):
    """Finds single images in a folder, in the folders in it, or in TFRecords.

    Args:
        data: Path of a folder.
        split: As for `pairs`.
        kind: `PixelFormat` of the photos, as far as the files are not to decide.
        **options: Those of `examples`.

    Returns:
        `Examples` of one image.

    Raises:
        ValueError: If there are none, or some are unusable.

    Example:
        >>> codecs.write(np.zeros((4, 8, 1), "uint8"), "cats/1.png")
        >>> photos("cats").formats[0].channels
        1
    """
    layout = "tfrecord" if layouts.detect(data) == "tfrecord" else "photos"
    return examples(layouts.listing(data, split, layout), (kind,), **options)


def unpaired(
    data,
    split="train",
    formats=(PixelFormat(), PixelFormat()),
    *,
    layout="auto",
    bad_files="refuse",
    progress=silent,
):
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
    listing,
    formats,
    *,
    halves=False,
    bad_files="refuse",
    progress=silent,
):
    """Makes examples of listed files, which are decoded once to see that they can be.

    Args:
        listing: `tfpix2pix.data.layouts.Listing`.
        formats: `PixelFormat` of each image of an example. The files decide what is left open: they
            give the deepest type there is, its range, and their channels without alpha, RGB where
            some are grey and some in colour.
        halves: Whether a file that is alone in its example holds A in its left half and B in its
            right one.
        bad_files: `"refuse"` raises an error when files are unusable, `"skip"` leaves them out.
        progress: See `tfpix2pix.data.survey.survey`.

    Returns:
        `Examples`, A before B.

    Raises:
        ValueError: If files are broken, without partner, of odd width, or not of one kind; names
            them. Or if floating point values exceed [0, 1] and no range is given.

    Example:
        >>> codecs.write(np.zeros((4, 8, 1), "uint16"), "deep/1.png")
        >>> both = (PixelFormat(), PixelFormat())
        >>> examples(layouts.listing("deep", "train"), both, halves=True).formats[1].dtype
        'uint16'
    """
    if bad_files not in BAD_FILES:
        raise InputError(f"`bad_files` must be refuse or skip. Received: {bad_files!r}.")
    names, columns, fetch = stored(listing)
    found = [survey(column, progress=progress) for column in columns]
    halves = halves and len(columns) == 1
    faults, good = [f"{file} has no partner" for file in listing.unmatched], []
    for index, of_example in enumerate(zip(*found)):
        faulty = [
            f"{column.place(index)}: {fault}"
            for column, record in zip(columns, of_example)
            if (fault := _fault(record, halves))
        ]
        faults += faulty
        good += [] if faulty else [index]
    if faults and (bad_files == "refuse" or not good):
        raise InputError(_refusal(faults, len(names) + len(listing.unmatched), halves))
    found = [[of[index] for index in good] for of in found]
    if halves:
        found = [[record._replace(width=record.width // 2) for record in found[0]]] * 2
    if len(found) != len(formats):
        raise InputError(
            f"Examples must have as many images as are asked for, {len(formats)}. Received: "
            f"{len(found)} in the layout {listing.layout!r}. Use another layout or task."
        )
    formats = tuple(_kind(of, wanted, halves) for of, wanted in zip(found, formats))
    if halves and formats[0][:2] != formats[1][:2]:
        raise InputError(
            "The halves of a file have equal channels. Received: source and target channels of "
            f"{formats[0].channels} and {formats[1].channels}. Use equal ones, or A and B as files "
            "of their own."
        )
    native = [_native(of, kind) for of, kind in zip(found, formats)]
    order = tf.constant(good, tf.int64)

    def read(index):
        decoded = tuple(
            images.read(encoded, kind.channels, kind.dtype, native=_at(flags, index))
            for encoded, kind, flags in zip(fetch(tf.gather(order, index)), formats, native)
        )
        if not halves:
            return decoded
        width = tf.shape(decoded[0])[1] // 2
        return decoded[0][:, :width], decoded[0][:, width:]

    sizes = np.stack([[(record.height, record.width) for record in of] for of in found], axis=1)
    return Examples([names[index] for index in good], read, formats, sizes, faults)


def stored(listing):
    """Finds where all images of listed files are stored.

    Args:
        listing: `tfpix2pix.data.layouts.Listing`.

    Returns:
        `(names, columns, fetch)`: the name of each example; a `tfpix2pix.data.survey.Column` for
        each place in an example; and a TensorFlow function of an example, int64 scalar, to a tuple
        of its encoded images, string scalars.

    Example:
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

    places = [(shard, *at) for (shard,) in listing.files for at in records.places(shard).tolist()]
    count = 2 if records.content(*places[0])[1] else 1

    def read(index):
        return records.content(*places[index])[:count]

    def fetch(index):
        encoded = tf.numpy_function(read, [index], [tf.string] * count, stateful=False)
        return tuple(tf.ensure_shape(content, ()) for content in tf.nest.flatten(encoded))

    shards, offsets = [place[0] for place in places], [place[1] for place in places]
    columns = [
        Column(shards, [f"{at}{half}" for at in offsets], lambda index, k=k: read(index)[k])
        for k, half in enumerate("ab"[:count])
    ]
    return [f"{Path(s).stem}-{at}" for s, at in zip(shards, offsets)], columns, fetch


def _fault(record, halves):
    if record.fault is None and halves and record.width % 2:
        return f"it is {record.width} pixels wide"
    return record.fault


def _refusal(faults, count, halves):
    more = f" and {len(faults) - MOST_NAMED} more" if len(faults) > MOST_NAMED else ""
    width = " of even width, A in its left and B in its right half" if halves else ""
    return (
        f"Every file must be a readable image{width}, and have its partner where there are two. "
        f"Received {len(faults)} of {count} that are not: "
        f"{'; '.join(faults[:MOST_NAMED])}{more}. Replace or remove them, or leave them "
        "out by --data.bad_files skip."
    )


def _kind(found, wanted, halves):
    """Returns the `PixelFormat` of all records: as wanted, and where that is open as they are."""
    counts = Counter((record.channels, record.dtype) for record in found)
    dtype = wanted.dtype or max((of for _, of in counts), key=codecs.DTYPES.index)
    channels = wanted.channels or max(without_alpha(own) for own, _ in counts)
    if not all(convertible(*own, channels, dtype) for own in counts):
        listed = ", ".join(f"{n} of {c} channels of {d}" for (c, d), n in counts.most_common())
        raise InputError(
            "The images of one place must be of one kind, or of 1 to 4 channels of 8 and 16 bits. "
            f"Received: {listed}, for {channels} channels of {dtype}. Run `python -m "
            "training.prepare check` to see which is which."
        )
    value_range = tuple(wanted.value_range or full_range(dtype))
    scales = [full_range(dtype)[1] / full_range(record.dtype)[1] for record in found]
    low = min(record.low * scale for record, scale in zip(found, scales))
    high = max(record.high * scale for record, scale in zip(found, scales))
    outside = not value_range[0] <= low <= high <= value_range[1]
    # Of a file with two halves it is not known which half its extremes are in.
    if outside and not (halves and wanted.value_range):
        raise InputError(
            f"All pixels must be in their range, for {dtype} {full_range(dtype)} by default. "
            f"Received: values from {low:g} to {high:g} for {value_range}. Give "
            f"--data.source_range or --data.target_range, such as [{low:g},{high:g}]; of label "
            "maps, the right count of classes."
        )
    return PixelFormat(channels, dtype, value_range)


def _native(found, kind):
    """Returns whether TensorFlow reads each image alike: one bool if all agree, else a tensor."""
    alike = {(1, 1), (3, 3), (4, 4), (1, 3), (4, 3)}
    flags = [record.native and (record.channels, kind.channels) in alike for record in found]
    return flags[0] if len(set(flags)) == 1 else tf.constant(flags)


def _at(flags, index):
    return flags if isinstance(flags, bool) else tf.gather(flags, index)
