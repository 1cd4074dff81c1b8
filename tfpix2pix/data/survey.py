"""Survey: decodes every file once, records its size, channels, range and faults, and caches it.

Training relies on it: a file that cannot be decoded is named before the first step instead of in
hour nine. The user's cache folder keeps the record of each file until its size or time changes.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, NamedTuple, Optional

import numpy as np
import platformdirs
import tensorflow as tf

from tfpix2pix import atomic
from tfpix2pix.data import codecs, images
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
        check: Function of a file that refuses a damaged one; called once for each new file.

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
    check: Optional[Callable[[str], None]] = None

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
        new_files = dict.fromkeys(column.files[index] for index in changed)
        for file in new_files if column.check else ():
            column.check(file)
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
