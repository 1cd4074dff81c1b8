"""Atomic writing: a file or a folder is whole under its name, or is not there."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Union

MOST_OF_NAME = 200  # Bytes.
_PART = re.compile(r"\.(.+)\.\d+\.part", re.DOTALL)


def write_bytes(content: bytes, path: Union[str, Path]) -> None:
    """Writes a file, whole or not at all.

    Args:
        content: bytes.
        path: Path of the file; its folder is made if it is missing.

    Example:
        >>> write_bytes(b"whole", "out/file.txt")
        >>> Path("out/file.txt").read_text()
        'whole'
    """
    with replacing(path) as part:
        part.write_bytes(content)


@contextmanager
def replacing(path: Union[str, Path], *, flush: bool = False) -> Iterator[Path]:
    """Gives a temporary path to write a file or a folder to; it takes its name when all went well.

    The temporary path lies in the same folder and starts with a dot, so that neither servers nor
    readers of data sets see it. After an error nothing of it remains and `path` is as it was.

    Args:
        path: Path that is made or replaced; its parent is made if it is missing.
        flush: Whether to wait for the disk before the rename. Without it a rename may reach the
            disk before what it names: after a power cut there would be a folder of empty files.

    Yields:
        `pathlib.Path` of nothing yet.

    Example:
        >>> with replacing("out/folder") as part:
        ...     write_bytes(b"whole", part / "file.txt")
        >>> [file.name for file in Path("out/folder").iterdir()]
        ['file.txt']
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    start = beginning(path).name
    part = path.with_name(f".{start}.{os.getpid()}.part")
    try:
        yield part
        if flush:
            for written in (*part.rglob("*"), part):
                _flush(written)
        if part.is_dir() and path.is_dir():
            old = path.with_name(f".{start}.{os.getpid()}.old")
            os.replace(path, old)  # A folder with content cannot be replaced.
            os.replace(part, path)
            shutil.rmtree(old)
        else:
            os.replace(part, path)
        if flush:
            _flush(path.parent)
    finally:
        remove(part)


def beginning(path: Union[str, Path]) -> Path:
    """Returns a path with as much of its name as that of its temporary path has.

    With all of it, that would not fit into the 255 bytes that systems take.

    Args:
        path: Path of a file or a folder.

    Example:
        >>> beginning("out/file.txt")
        PosixPath('out/file.txt')
    """
    path = Path(path)
    return path.with_name(os.fsdecode(os.fsencode(path.name)[:MOST_OF_NAME]))


def parts(folder: Union[str, Path]) -> Iterator[tuple[Path, Path]]:
    """Lists temporary paths, of programs that write now and of those that were killed.

    Args:
        folder: Folder, which may have folders.

    Yields:
        `(part, path)`: a temporary path, and the `beginning` of what it was to become.

    Example:
        >>> Path("killed").mkdir()
        >>> Path("killed/.1.png.4711.part").touch()
        >>> list(parts("killed"))
        [(PosixPath('killed/.1.png.4711.part'), PosixPath('killed/1.png'))]
    """
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            if match := _PART.fullmatch(name):
                yield Path(parent, name), Path(parent, match[1])


def remove(path: Union[str, Path]) -> None:
    """Removes a file or a folder with all that is in it, if it is there.

    Args:
        path: Path of the file or the folder; of a link the link alone is removed.

    Example:
        >>> write_bytes(b"", "old/file.txt")
        >>> remove("old")
        >>> Path("old").exists()
        False
    """
    path = Path(path)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
