"""Survey: decodes every file once, records its size, channels, range and faults, and caches it.

Training relies on it: a file that cannot be decoded is named before the first step instead of in
hour nine. The user's cache folder keeps the record of each file until its size or time changes.
"""

import contextlib
import decimal
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, NamedTuple, Optional

import numpy as np
import platformdirs
import tensorflow as tf

from tfpix2pix import atomic
from tfpix2pix.data import codecs, images
from tfpix2pix.data.formats import PixelFormat, convertible, full_range
from tfpix2pix.data.ids import decode_ids
from tfpix2pix.data.parallel import Progress, map_in_parallel, silent
from tfpix2pix.errors import MOST_NAMED, InputError

VERSION = 3  # Of the cached records; those of other versions are made anew.
BAD_FILES = ("refuse", "skip")
NO_DATA = (
    -9999.0,
    9999.0,
    -99999.0,
    -32768.0,
    32767.0,
    1e20,
)  # What maps have where they have no data.
WHITE = 255.0
FAR = 100.0  # Times as far from all other values as these are apart.


class Record(NamedTuple):
    """Properties of an image file.

    Attributes:
        height: Height in pixels, upright.
        width: Width in pixels.
        channels: Number of channels.
        dtype: `"uint8"`, `"uint16"` or `"float32"`.
        format: Name of the format, such as `"PNG"`.
        frames: How many images the file holds.
        native: Whether `tfpix2pix.data.images.decode` gives the same pixels.
        alpha: Whether the last channel is alpha.
        low: Least value of its pixels.
        high: Greatest value of its pixels.
        fault: Why it cannot be decoded, or `None`; if it cannot, the rest means nothing.

    Example:
        >>> examine(b"").fault
        'it cannot be decoded: the file is empty'
    """

    height: int = 0
    width: int = 0
    channels: int = 0
    dtype: str = "uint8"
    format: str = ""
    frames: int = 0
    native: bool = False
    alpha: bool = False
    low: float = 0.0
    high: float = 0.0
    fault: Optional[str] = None


def examine(encoded: bytes, *, ids: bool = False, ignored: Optional[int] = None) -> Record:
    """Decodes the bytes of a file and returns their `Record`.

    Args:
        encoded: Content of the file.
        ids: Whether it is a map of ids, read as `tfpix2pix.data.ids.decode_ids` does.
        ignored: Id that counts for no value of its pixels.

    Example:
        >>> examine(codecs.encode(np.full((2, 4, 3), 7, "uint8"), ".png")).high
        7.0
    """
    try:
        pixels, *properties = codecs.decode(encoded)
        if ids:
            pixels = decode_ids(encoded)
            properties[-2:] = False, False  # By no operation of TensorFlow, and without alpha.
    except codecs.UnreadableError as error:
        return Record(fault=str(error))
    if properties[2]:
        properties[2] = _is_read_alike(encoded)
    if not np.isfinite(pixels).all():
        return Record(fault="it holds values that are not finite")
    counted = pixels if ignored is None else pixels[pixels != ignored]
    values = (float(counted.min()), float(counted.max())) if counted.size else (0.0, 0.0)
    return Record(*pixels.shape, str(pixels.dtype), *properties, *values)


def _is_read_alike(encoded):
    """Whether TensorFlow's decoder takes a file too: it refuses some that Pillow reads."""
    try:
        images.decode(encoded)
    except tf.errors.OpError:
        return False
    return True


class Column(NamedTuple):
    """The images in one place of all examples of a data set: all A, or all B.

    Attributes:
        files: Path of the file of each.
        parts: Name of each image within its file, where files hold many images.
        read: Function of an index to the bytes of that image, where files hold many images.
        ids: Whether they are maps of ids.
        greatest: The greatest id that they may have, if there is one.
        ignored: Id beyond it that pixels without one have.

    Example:
        >>> Column(["a.png", "b.png"]).place(1)
        'b.png'
    """

    files: list[str]
    parts: Optional[list[str]] = None
    read: Optional[Callable[[int], bytes]] = None
    ids: bool = False
    greatest: Optional[int] = None
    ignored: Optional[int] = None

    def content(self, index: int) -> bytes:
        """Returns the bytes of an image."""
        return self.read(index) if self.read else Path(self.files[index]).read_bytes()

    def place(self, index: int) -> str:
        """Returns where an image is, as text."""
        return f"{self.files[index]} at {self.parts[index]}" if self.parts else self.files[index]


def _examined(column, index):
    try:
        return examine(column.content(index), ids=column.ids, ignored=column.ignored)
    except OSError as error:
        return Record(fault=codecs.unread(column.files[index], error))


def examine_images(column: Column, *, progress: Progress = silent) -> list[Record]:
    """Examines images, except those whose cached record is still valid.

    Args:
        column: `Column`.
        progress: Function of an iterable and its length to an iterable of the same, such as tqdm's
            progress bar; called only if something has to be decoded.

    Returns:
        List of `Record`, one for each image.

    Example:
        >>> codecs.write(np.zeros((2, 4, 3), "uint16"), "deep.png")
        >>> examine_images(Column(["deep.png"]))[0].dtype
        'uint16'
    """
    stamps = {file: _stamp(file) for file in set(column.files)}
    stamps = [stamps[file] for file in column.files]
    cached, path = _cached(column.files)
    kind = f" as ids but {column.ignored}" if column.ids else ""
    keys = [os.path.abspath(column.place(index)) + kind for index in range(len(stamps))]
    changed = [i for i, key in enumerate(keys) if cached.get(key, [None])[0] != stamps[i]]
    if changed:
        try:
            records = map_in_parallel(lambda index: _examined(column, index), changed, progress)
            for index, record in zip(changed, records):
                cached[keys[index]] = [stamps[index], *record]
        finally:  # Ctrl-C in the middle of a large set loses nothing.
            _save(cached, path)
    return [Record(*cached[key][1:]) for key in keys]


class Survey(NamedTuple):
    """The examples of a data set that can be used.

    Attributes:
        indices: Index of each usable example.
        records: For each place in an example the list of their `Record`.
        faults: Which files cannot be used, and why.

    Example:
        >>> Survey([0, 2], [[Record(), Record()]], ["b.png: it is 7 pixels wide"]).indices
        [0, 2]
    """

    indices: list[int]
    records: list[list[Record]]
    faults: list[str]


def usable_examples(
    columns: Sequence[Column],
    *,
    unmatched: Sequence[str] = (),
    halves: bool = False,
    bad_files: str = "refuse",
    progress: Progress = silent,
) -> Survey:
    """Examines the images of all examples, and refuses or leaves out those that cannot be used.

    Args:
        columns: A `Column` for each place in an example.
        unmatched: Files without a partner.
        halves: Whether each file holds A in its left half and B in its right one; then the records
            are those of the halves.
        bad_files: `"refuse"` raises an error if files cannot be used, `"skip"` leaves them out.
        progress: As for `examine_images`.

    Returns:
        `Survey`.

    Raises:
        ValueError: If `bad_files` is unknown, or files are broken, without partner or of odd
            width; names them.

    Example:
        >>> codecs.write(np.zeros((2, 4, 3), "uint8"), "a/1.png")
        >>> atomic.write_bytes(b"", "a/2.png")
        >>> usable_examples([Column(["a/1.png", "a/2.png"])], bad_files="skip").indices
        [0]
    """
    if bad_files not in BAD_FILES:
        raise InputError(f"`bad_files` must be refuse or skip. Received: {bad_files!r}.")
    records = [examine_images(column, progress=progress) for column in columns]
    faults = [f"{file} has no partner" for file in unmatched]
    indices = []
    for index, example in enumerate(zip(*records)):
        example_faults = [
            f"{column.place(index)}: {fault}"
            for column, record in zip(columns, example)
            if (fault := _fault(record, column, halves))
        ]
        faults += example_faults
        if not example_faults:
            indices.append(index)
    if faults and (bad_files == "refuse" or not indices):
        count = len(unmatched) + len(records[0] if records else ())
        raise InputError(_refusal(faults, count, halves, bool(indices), bool(unmatched)))
    records = [[column[index] for index in indices] for column in records]
    if halves:
        records = [[record._replace(width=record.width // 2) for record in records[0]]] * 2
    return Survey(indices, records, faults)


def common_format(
    records: Sequence[Record],
    wanted: PixelFormat,
    *,
    halves: bool = False,
    option: str = "source_range or target_range",
) -> PixelFormat:
    """Chooses the pixel format to which all images can be converted.

    Args:
        records: `Record` of each image.
        wanted: `PixelFormat`. What it leaves open is chosen: the deepest type there is, its range,
            and the channels without alpha, RGB where some images are grey and some in colour.
        halves: Whether the range of values of a record is that of two images side by side, so that
            nothing is known of one of them.
        option: Name of the option that gives the range of these images.

    Returns:
        `PixelFormat`.

    Raises:
        ValueError: If the images cannot be converted to one format, or exceed its range.

    Example:
        >>> grey, color = (Record(4, 4, channels, high=255.0) for channels in (1, 3))
        >>> common_format([grey, color], PixelFormat())
        PixelFormat(channels=3, dtype='uint8', value_range=(0.0, 255.0))
    """
    counts = Counter((record.channels, record.dtype, record.alpha) for record in records)
    dtype = wanted.dtype or max((dtype for _, dtype, _ in counts), key=codecs.DTYPES.index)
    channels = wanted.channels or max(channels - alpha for channels, _, alpha in counts)
    if not all(convertible(c, d, channels, dtype, alpha) for c, d, alpha in counts):
        listed = ", ".join(f"{n} of {c} channels of {d}" for (c, d, _), n in counts.most_common())
        raise InputError(
            "The images of one place must be of one kind, or grey and RGB of 8 and 16 bits. "
            f"Received: {listed}, for {channels} channels of {dtype}. Save all alike; a check of "
            "the data set names those that differ."
        )
    value_range = tuple(wanted.value_range or full_range(dtype))
    scales = [full_range(dtype)[1] / full_range(record.dtype)[1] for record in records]
    low = min(record.low * scale for record, scale in zip(records, scales))
    high = max(record.high * scale for record, scale in zip(records, scales))
    outside = not value_range[0] <= low <= high <= value_range[1]
    if outside and not (halves and wanted.value_range):
        raise InputError(
            f"All pixels must be in their range, for {dtype} {full_range(dtype)} by default. "
            f"Received: values from {low:g} to {high:g} for {value_range}. "
            f"{_cure_of_range(records, low, high, option)}"
        )
    return PixelFormat(channels, dtype, value_range)


def unused(records: Sequence[Record], pixel_format: PixelFormat) -> list[str]:
    """Says what of the files of one place is not used.

    Args:
        records: `Record` of each image.
        pixel_format: The format to which they are converted.

    Returns:
        List of sentences; empty for most data.

    Example:
        >>> unused([Record(channels=4, alpha=True)], PixelFormat(3))
        ['Alpha of 1 of 1 files is not used.']
    """
    several = sum(record.frames > 1 for record in records)
    alpha = sum(record.alpha and pixel_format.channels in (1, 3) for record in records)
    counts = {
        "Of {} of {} files with several frames or pages the first alone is used.": several,
        "Alpha of {} of {} files is not used.": alpha,
    }
    return [text.format(count, len(records)) for text, count in counts.items() if count]


def _cure_of_range(records, low, high, option):
    ends = [end for record in records for end in (record.low, record.high)]
    for value, place in ((low, "below"), (high, "above")):
        if _is_no_data(ends, value):
            count = sum(value in (record.low, record.high) for record in records)
            return (
                f"The value {value:.9g} of {count} of {len(records)} files is far {place} all "
                "others, and probably stands for pixels without data. Fill these, or leave the "
                f"files out, and give {option} of what is left."
            )
    return (
        f"Give {option}, such as [{_outward(low, -1)},{_outward(high, 1)}]; of label maps, the "
        "right number of classes."
    )


def _is_no_data(ends, value):
    """Whether a value is one that people use for no data, or much farther than others are apart."""
    others = [end for end in ends if end != value]
    apart = max(others) - min(others) if others else 0.0
    gap = min((abs(end - value) for end in others), default=0.0)
    return (value in NO_DATA and gap > apart) or (len(others) > 1 and 0 < FAR * apart < gap)


def _outward(value, sign):
    """Returns a number of six digits that is not within a bound."""
    with decimal.localcontext() as context:
        context.prec = 6
        context.rounding = decimal.ROUND_CEILING if sign > 0 else decimal.ROUND_FLOOR
        return f"{float(context.create_decimal_from_float(value)):.9g}"


def _fault(record, column, halves):
    if record.fault is None and halves and record.width % 2:
        return f"it is {record.width} pixels wide"
    is_beyond = column.greatest is not None and record.high > column.greatest
    if record.fault is None and is_beyond and not is_mask(column.greatest, record):
        return (
            f"it has the id {record.high:.0f}, and the greatest of its place is {column.greatest}; "
            "of pixels of no class give ignored_label"
        )
    return record.fault


def is_mask(greatest: Optional[int], record: Record) -> bool:
    """Whether a map of two classes has 255 for the second one, as masks have.

    Args:
        greatest: The greatest id.
        record: `Record` of a map of ids.

    Example:
        >>> is_mask(1, Record(low=0.0, high=255.0))
        True
    """
    return greatest == 1 and record.high == WHITE


def _refusal(faults, count, halves, are_some_left, are_some_unmatched):
    more = f" and {len(faults) - MOST_NAMED} more" if len(faults) > MOST_NAMED else ""
    cure = "Replace them: no example is left."
    if are_some_left:
        cure = 'Replace or remove them, or leave them out by bad_files="skip".'
    if are_some_unmatched:
        cure += (
            " Partners have equal names, but for their suffix or what follows a shared stem; name "
            "those that differ in a manifest."
        )
    width = " of even width, A in its left and B in its right half" if halves else ""
    return (
        f"Every file must be a readable image{width}, and have its partner where there are two. "
        f"Received {len(faults)} of {count} that are not: "
        f"{'; '.join(faults[:MOST_NAMED])}{more}. {cure}"
    )


def _stamp(file):
    try:
        status = os.stat(file)
    except OSError:  # A link to nothing; it may be there the next time.
        return [VERSION, None, time.time_ns()]
    return [VERSION, status.st_size, status.st_mtime_ns]


def _cached(files):
    """Returns the cached records of all files in the same folder, and the path of the cache."""
    folder = os.path.commonpath([os.path.abspath(os.path.dirname(file)) for file in files] or ["/"])
    name = f"{hashlib.sha256(folder.encode()).hexdigest()[:16]}.json"
    path = platformdirs.user_cache_path("tfpix2pix") / name
    try:
        return json.loads(path.read_text("utf-8")), path
    except (OSError, ValueError):  # None yet, or a broken one: examine all.
        return {}, path


def _save(cached, path):
    # A home that cannot be written to costs time only.
    with contextlib.suppress(OSError):
        atomic.write_bytes(json.dumps(cached).encode(), path)
