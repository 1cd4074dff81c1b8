"""Fetches the published data sets of pairs and of two domains, whole or not at all."""

import gzip
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Union

import requests

from tfpix2pix import atomic
from tfpix2pix.data.folders import image_files
from tfpix2pix.errors import InputError

TIMEOUT = 30  # Seconds without a byte.
CHUNK = 1 << 16  # Bytes.
_BROKEN = (
    *(tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile),
    *(zipfile.BadZipFile, NotImplementedError),  # A compression that nobody knows.
)
# Function of chunks, total and done to the same chunks, such as a progress bar's.
ByteProgress = Callable[[Iterable[bytes], Optional[int], int], Iterable[bytes]]


class Origin(NamedTuple):
    """Where a paper's data sets are published.

    Attributes:
        project: Address of the paper's page.
        url: Address of the folder with the archives.
        suffix: That of the archives.
        content: What an archive holds, in a word.

    Example:
        >>> UNPAIRED.suffix
        '.zip'
    """

    project: str
    url: str
    suffix: str
    content: str


SERVER = "http://efrosgans.eecs.berkeley.edu"
PAIRED = Origin(
    "https://phillipi.github.io/pix2pix", f"{SERVER}/pix2pix/datasets", ".tar.gz", "pairs"
)
UNPAIRED = Origin(
    "https://junyanz.github.io/CycleGAN", f"{SERVER}/cyclegan/datasets", ".zip", "images"
)


class DataSet(NamedTuple):
    """A published data set: JPEG files that each hold a pair, or the images of two domains.

    Attributes:
        size: Bytes of the archive, or None where no source gives it.
        about: The size in words.
        direction: `"AtoB"` or `"BtoA"`, the paper's task; None for two domains.
        counts: Number of files of each folder, or None where no source gives it.
        origin: `Origin`.

    Example:
        >>> DATA_SETS["facades"].direction
        'BtoA'
    """

    size: Optional[int]
    about: str
    direction: Optional[str]
    counts: dict[str, Optional[int]]
    origin: Origin = PAIRED


def _two_domains(size, about, *counts):
    folders = ("trainA", "trainB", "testA", "testB")
    return DataSet(size, about, None, dict(zip(folders, counts)), UNPAIRED)


# Bytes: wget's output in published notebooks (facades, maps, horse2zebra, monet2photo), a published
# downloader (cityscapes), the checksums of TensorFlow Datasets (two domains); the server's index
# has 2.0, 8.0 and 1.9 GiB for the rest. Pairs: the paper, section 6.2, and lists of copies; of
# facades' val and test only the sum is confirmed, of maps' val nothing. Images of two domains: the
# catalog of TensorFlow Datasets. Its maps, facades and cityscapes are those of the pairs, halved.
DATA_SETS = {
    "facades": DataSet(30168306, "30 MB", "BtoA", {"train": 400, "val": 100, "test": 106}),
    "maps": DataSet(250242400, "250 MB", "AtoB", {"train": 1096, "val": 1098}),
    "cityscapes": DataSet(103441232, "103 MB", "BtoA", {"train": 2975, "val": 500}),
    "edges2shoes": DataSet(None, "2.1 GB", "AtoB", {"train": 49825, "val": 200}),
    "edges2handbags": DataSet(None, "8.6 GB", "AtoB", {"train": None, "val": None}),
    "night2day": DataSet(None, "2.0 GB", "BtoA", {"train": 17823, "val": 10, "test": 2287}),
    "apple2orange": _two_domains(78456409, "78 MB", 995, 1019, 266, 248),
    "cezanne2photo": _two_domains(279885071, "280 MB", 525, 6287, 58, 751),
    "horse2zebra": _two_domains(116867962, "117 MB", 1067, 1334, 120, 140),
    "iphone2dslr_flower": _two_domains(339964458, "340 MB", 1812, 3325, 569, 480),
    "monet2photo": _two_domains(305231073, "305 MB", 1072, 6287, 121, 751),
    "summer2winter_yosemite": _two_domains(132640856, "133 MB", 1231, 962, 309, 238),
    "ukiyoe2photo": _two_domains(292946532, "293 MB", 562, 6287, 263, 751),
    "vangogh2photo": _two_domains(306590349, "307 MB", 400, 6287, 400, 751),
}


def fetch_data_set(
    name: str,
    folder: Union[str, os.PathLike],
    *,
    file: Union[str, os.PathLike, None] = None,
    url: Optional[str] = None,
    progress: ByteProgress = lambda chunks, total, done: chunks,
) -> Path:
    """Fetches a published data set, unless it exists already.

    Args:
        name: Name of the data set, a key of `DATA_SETS`.
        folder: Folder in which the data set becomes the folder `name`; made if it is missing.
        file: Path of the archive, to unpack it instead of downloading it; the file stays.
        url: Address of the folder that holds the archives; by default the paper's.
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
        tfpix2pix.errors.InputError: The data set must be one of apple2orange, ... 'facade'. ...
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
    archive_name = f"{name}{data_set.origin.suffix}"
    part = target.with_name(f"{archive_name}.part")
    archive = Path(file or part)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if file is None:
            address = f"{url or data_set.origin.url}/{archive_name}"
            _download(address, part, data_set, progress)
        _unpack(archive, target, data_set)
    except _BROKEN as error:
        if file is None:
            part.unlink()  # To continue it would end here again.
        raise InputError(
            f"The archive must be {archive_name}, whole and of plain files. Received: "
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


def _download(address, part, data_set, progress):
    # No If-Range: should the archive change meanwhile, its size or gzip's checksum tells.
    done = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity", "Range": f"bytes={done}-" if done else None}
    size = data_set.size
    project = data_set.origin.project
    cure = (
        f"download {part.stem} from {project} in a browser, and fetch the data set from that file."
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


def _unpack(archive, target, data_set):
    extract = {".tar.gz": _extract_tar, ".zip": _extract_zip}[data_set.origin.suffix]
    with atomic.replacing(target) as part:
        part.mkdir()
        extract(archive, part, target.name)
        counts = {folder: len(image_files(part / folder)) for folder in data_set.counts}
        if any(not n or data_set.counts[folder] not in (None, n) for folder, n in counts.items()):
            raise InputError(
                f"The archive of {target.name} must hold {data_set.origin.content} "
                f"{data_set.counts}. Received: {counts} in {str(archive)!r}, which stays. Unpack "
                "it by hand if you want these."
            )


def _extract_tar(archive, folder, root):
    def inside(member, folder):
        _check_plain(member.name, member.isfile() or member.isdir())
        # Python has `data_filter` from 3.9.17, 3.10.12 and 3.11.4 on. Links led early ones astray.
        member = tarfile.data_filter(member, folder)
        name = _inside(member.name, root)
        return member.replace(name=name, deep=False) if name else None

    with gzip.open(archive) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        tar.extractall(folder, filter=inside)
        stream.read()  # To the end, where gzip compares its checksum.


def _extract_zip(archive, folder, root):
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)  # 0 where none is told.
            _check_plain(member.filename, kind in (0, stat.S_IFREG, stat.S_IFDIR))
            name = _inside(member.filename, root)
            if name and not member.is_dir():
                member.filename = name
                packed.extract(member, folder)  # It compares the checksum.


def _inside(name, root):
    """Leaves out the first folder, which is the data set's, and what lies beside it."""
    parts = Path(name).parts
    return "/".join(parts[1:]) if parts[:1] == (root,) else ""


def _check_plain(name, is_plain):
    if ".." in Path(name).parts or not is_plain:
        raise tarfile.ReadError(f"{name!r} is no plain file inside of it")
