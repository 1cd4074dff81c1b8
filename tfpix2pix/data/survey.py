"""Survey: what every file of a data set is, by decoding each once, and never again unchanged.

Training relies on it: a file that cannot be read is named before the first step, not met in hour
nine. What was found is kept in the user's cache folder under the path, size and time of each file.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Callable, NamedTuple, Optional

import numpy as np
import platformdirs

from tfpix2pix import atomic
from tfpix2pix.data import codecs
from tfpix2pix.data.parallel import parallel, silent

VERSION = 1  # Of what is kept; others are surveyed anew.


class Record(NamedTuple):
    """What an image file is.

    Attributes:
        height: Height in pixels, upright.
        width: Width in pixels.
        channels: Number of channels.
        dtype: `"uint8"`, `"uint16"` or `"float32"`.
        format: Name of the format, such as `"PNG"`.
        frames: How many images the file holds.
        native: Whether TensorFlow decodes it as `tfpix2pix.data.codecs` does.
        low: Least value of its pixels.
        high: Greatest value of its pixels.
        fault: Why it cannot be decoded, or `None`; the rest means nothing then.

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
    low: float = 0.0
    high: float = 0.0
    fault: Optional[str] = None


def examine(encoded):
    """Returns the `Record` of the bytes of a file.

    Args:
        encoded: bytes.

    Example:
        >>> examine(codecs.encode(np.full((2, 4, 3), 7, "uint8"), ".png")).high
        7.0
    """
    try:
        pixels, *described = codecs.decode(encoded)
    except codecs.UnreadableError as error:
        return Record(fault=str(error))
    if not np.isfinite(pixels).all():
        return Record(fault="it holds values that are not finite")
    values = float(pixels.min()), float(pixels.max())
    return Record(*pixels.shape, str(pixels.dtype), *described, *values)


class Column(NamedTuple):
    """The images in one place of all examples of a data set: all A, or all B.

    Attributes:
        files: Path of the file of each.
        parts: Where files hold many images each, the name of each image in its file.
        read: Then a function of an index to the bytes of that image.

    Example:
        >>> Column(["a.png", "b.png"]).place(1)
        'b.png'
    """

    files: list[str]
    parts: Optional[list[str]] = None
    read: Optional[Callable] = None

    def content(self, index):
        """Returns the bytes of an image."""
        return self.read(index) if self.read else Path(self.files[index]).read_bytes()

    def place(self, index):
        """Returns where an image is, as text."""
        return f"{self.files[index]} at {self.parts[index]}" if self.parts else self.files[index]


def survey(column, *, progress=silent):
    """Examines images, unless they were before and their files have not changed since.

    Args:
        column: `Column`.
        progress: Function of an iterable and its length to an iterable of the same, such as tqdm's
            progress bar; called only when something has to be decoded.

    Returns:
        List of `Record`, one for each image.

    Example:
        >>> codecs.write(np.zeros((2, 4, 3), "uint16"), "deep.png")
        >>> survey(Column(["deep.png"]))[0].dtype
        'uint16'
    """
    stamps = {file: _stamp(file) for file in set(column.files)}
    stamps = [stamps[file] for file in column.files]
    kept, path = _kept(column.files)
    keys = [os.path.abspath(column.place(index)) for index in range(len(stamps))]
    changed = [i for i, key in enumerate(keys) if kept.get(key, [None])[0] != stamps[i]]
    if changed:
        try:
            records = parallel(lambda index: examine(column.content(index)), changed, progress)
            for index, record in zip(changed, records):
                kept[keys[index]] = [stamps[index], *record]
        finally:  # Ctrl-C in the middle of a large set loses nothing.
            _keep(kept, path)
    return [Record(*kept[key][1:]) for key in keys]


def _stamp(file):
    status = os.stat(file)
    return [VERSION, status.st_size, status.st_mtime_ns]


def _kept(files):
    """Returns what was kept of files in the same folder, and where."""
    folder = os.path.commonpath([os.path.abspath(os.path.dirname(file)) for file in files] or ["/"])
    name = f"{hashlib.sha256(folder.encode()).hexdigest()[:16]}.json"
    path = platformdirs.user_cache_path("tfpix2pix") / name
    try:
        return json.loads(path.read_text("utf-8")), path
    except (OSError, ValueError):  # None yet, or a broken one: examine anew.
        return {}, path


def _keep(kept, path):
    # A home that cannot be written to costs time only.
    with contextlib.suppress(OSError):
        atomic.write_bytes(json.dumps(kept).encode(), path)
