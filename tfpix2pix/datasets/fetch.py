"""Fetches the data sets of the pix2pix paper from its project page, whole or not at all."""

import gzip
import os
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Union

import requests

from tfpix2pix import atomic
from tfpix2pix.errors import InputError

PROJECT = "https://phillipi.github.io/pix2pix"
URL = "http://efrosgans.eecs.berkeley.edu/pix2pix/datasets"
TIMEOUT = 30  # Seconds without a byte.
CHUNK = 1 << 16  # Bytes.
# Function of chunks, total and done to the same chunks, such as a progress bar's.
ByteProgress = Callable[[Iterable[bytes], Optional[int], int], Iterable[bytes]]


class DataSet(NamedTuple):
    """A published data set: JPEG files that each hold a pair, A left and B right.

    Attributes:
        size: Bytes of the archive, or None where no source gives it.
        about: The size in words.
        direction: `"AtoB"` or `"BtoA"`, the paper's task.
        pairs: Number of pairs of each split, or None where no source gives it.

    Example:
        >>> DATA_SETS["facades"].direction
        'BtoA'
    """

    size: Optional[int]
    about: str
    direction: str
    pairs: dict[str, Optional[int]]


# Bytes: wget's output in published notebooks (facades, maps), a published downloader (cityscapes);
# the server's index has 2.0, 8.0 and 1.9 GiB for the rest. Pairs: the paper, section 6.2, and lists
# of copies; of facades' val and test only the sum is confirmed, of maps' val nothing.
DATA_SETS = {
    "facades": DataSet(30168306, "30 MB", "BtoA", {"train": 400, "val": 100, "test": 106}),
    "maps": DataSet(250242400, "250 MB", "AtoB", {"train": 1096, "val": 1098}),
    "cityscapes": DataSet(103441232, "103 MB", "BtoA", {"train": 2975, "val": 500}),
    "edges2shoes": DataSet(None, "2.1 GB", "AtoB", {"train": 49825, "val": 200}),
    "edges2handbags": DataSet(None, "8.6 GB", "AtoB", {"train": None, "val": None}),
    "night2day": DataSet(None, "2.0 GB", "BtoA", {"train": 17823, "val": 10, "test": 2287}),
}


def fetch_data_set(
    name: str,
    folder: Union[str, os.PathLike],
    *,
    file: Union[str, os.PathLike, None] = None,
    url: str = URL,
    progress: ByteProgress = lambda chunks, total, done: chunks,
) -> Path:
    """Fetches a published data set, unless it exists already.

    Args:
        name: Name of the data set, a key of `DATA_SETS`.
        folder: Folder in which the data set becomes the folder `name`; made if it is missing.
        file: Path of the archive, to unpack it instead of downloading it; the file stays.
        url: Address of the folder that holds the archives.
        progress: Function of `(chunks, total, done)` that yields the chunks, bytes each; `total` is
            the size of the archive in bytes, None if unknown, and `done` how many of them precede
            the chunks.

    Returns:
        Path of the data set.

    Raises:
        ValueError: If the name is unknown, or the archive cannot be fetched or is broken. What was
            downloaded of it stays, and the next call continues the download.

    Example:
        >>> fetch_data_set("facade", "data")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: The data set must be one of cityscapes, ... 'facade'. ...
    """
    if name not in DATA_SETS:
        raise InputError(
            f"The data set must be one of {', '.join(sorted(DATA_SETS))}. Received: {name!r}. "
            "Check the spelling; images of your own need no fetching."
        )
    data_set = DATA_SETS[name]
    target = Path(folder, name)
    if target.is_dir():
        return target
    part = target.with_name(f"{name}.tar.gz.part")
    archive = Path(file or part)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if file is None:
            _download(f"{url}/{name}.tar.gz", part, data_set.size, progress)
        _unpack(archive, target, data_set.pairs)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        if file is None:
            part.unlink()  # To continue it would end here again.
        raise InputError(
            f"The archive must be {name}.tar.gz, whole and of plain files. Received: "
            f"{str(archive)!r}, which is not: {error}. Download it again."
        ) from error
    except OSError as error:
        raise InputError(
            "The archive must be readable and the folder writable, with room for twice "
            f"{data_set.about}. Received: {error}. Mend this and run it again to go on."
        ) from error
    if file is None:
        part.unlink()
    return target


def _download(address, part, size, progress):
    # No If-Range: should the archive change meanwhile, its size or gzip's checksum tells.
    done = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={done}-" if done else None}
    cure = (
        f"download {part.stem} from {PROJECT} in a browser, and fetch the data set from that file."
    )
    try:
        with requests.get(address, headers=headers, stream=True, timeout=TIMEOUT) as response:
            status = response.status_code
            range_and_length = response.headers.get("Content-Range", "")
            length = range_and_length.rpartition("/")[2] or response.headers.get("Content-Length")
            total = int(length) if str(length).isdigit() else None
            if status == 416 and total == done:
                return
            if status == 416:  # Beyond its end, so this is a part of something else.
                part.unlink(missing_ok=True)
                raise requests.ConnectionError
            if status not in (200, 206) or (total and size not in (None, total)):
                raise InputError(
                    f"{address} must be the archive, of {size or 'some'} bytes. Received: {status} "
                    f"{response.reason}, {total} bytes. It has moved or a proxy steps in: {cure}"
                )
            with open(part, "ab" if status == 206 else "wb") as out:
                chunks = response.iter_content(CHUNK)
                out.writelines(progress(chunks, total, done if status == 206 else 0))
        if total not in (None, part.stat().st_size):
            raise requests.ConnectionError
    except requests.RequestException as error:
        raise InputError(
            f"The download of {address} must run to its end. Received: {type(error).__name__}. Run "
            f"it again to go on where it stopped. Without internet, {cure}"
        ) from error


def _unpack(archive, target, pairs):
    def inside(member, folder):
        """Leaves out the first folder, which is the data set's, and what lies beside it."""
        member = _plain(member, folder)
        root, *parts = Path(member.name).parts
        if root != target.name or not parts:
            return None
        return member.replace(name="/".join(parts), deep=False)

    with atomic.replacing(target) as part:
        part.mkdir()
        with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
            tar.extractall(part, filter=inside)
            stream.read()  # To the end, where gzip compares its checksum.
        counts = {split: len(list((part / split).glob("*.jpg"))) for split in pairs}
        if any(not n or pairs[split] not in (None, n) for split, n in counts.items()):
            raise InputError(
                f"The archive of {target.name} must hold pairs {pairs}. Received: {counts} in "
                f"{str(archive)!r}, which stays. Unpack it by hand if you want these."
            )


def _plain(member, folder):
    # Python has `data_filter` from 3.9.17, 3.10.12 and 3.11.4 on. Links led early ones astray.
    if ".." in Path(member.name).parts or not (member.isfile() or member.isdir()):
        raise tarfile.ReadError(f"{member.name!r} is no plain file inside of it")
    return tarfile.data_filter(member, folder)
