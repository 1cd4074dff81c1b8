"""Folders: lists the images of a folder, and names them."""

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Union

from tfpix2pix.data import codecs
from tfpix2pix.errors import InputError, listed

_LEFTOVERS = ("Thumbs.db", "desktop.ini", "Icon\r", "__MACOSX")  # Of Windows and macOS.
# What people have beside images that are read: photos of phones, scans, volumes, videos.
UNREAD = (".avif", ".heic", ".heif", ".jp2", ".jxl", ".svg", ".psd", ".tga", ".exr", ".hdr", ".dng")
UNREAD += (".dcm", ".nii", ".gz", ".nrrd", ".mha", ".h5", ".mat", ".npz", ".mp4", ".mov", ".avi")


def images_by_name(folder: Union[str, os.PathLike], to: Union[str, os.PathLike]) -> dict[str, Path]:
    """Lists the images of a folder by their names.

    Args:
        folder: Folder of images, which may have folders with images.
        to: Folder to write to, which must not lie in the other.

    Returns:
        dict of relative path without suffix, such as `"train/1"`, to `pathlib.Path`, sorted.

    Raises:
        ValueError: If there is no image, two differ only in their suffix, or `to` lies within the
            folder.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"", "cats/train/1.jpg")
        >>> images_by_name("cats", "kittens")
        {'train/1': PosixPath('cats/train/1.jpg')}
    """
    return by_name(folder, input_images(folder, to))


def outputs_by_name(
    folder: Union[str, os.PathLike], to: Union[str, os.PathLike]
) -> dict[str, Path]:
    """Lists the images of a folder by names for what is made of them.

    Args:
        folder: As of `images_by_name`.
        to: As of `images_by_name`.

    Returns:
        As `images_by_name`; images that differ only in their suffix keep it in their names.

    Raises:
        ValueError: As `images_by_name`, but for such images.

    Example:
        >>> from tfpix2pix import atomic
        >>> for name in ("1.jpg", "1.png", "2.jpg"):
        ...     atomic.write_bytes(b"", f"lions/{name}")
        >>> list(outputs_by_name("lions", "cubs"))
        ['1.jpg', '1.png', '2']
    """
    files = input_images(folder, to)
    alike = Counter(file.with_suffix("") for file in files)
    # `by_name` takes off one suffix.
    kept = [f"{file}.kept" if alike[file.with_suffix("")] > 1 else file for file in files]
    return dict(zip(by_name(folder, [Path(name) for name in kept]), files))


def input_images(folder: Union[str, os.PathLike], to: Union[str, os.PathLike]) -> list[Path]:
    """Lists the images of a folder.

    Args:
        folder: Folder of images, which may have folders with images.
        to: Folder to write to, which must not lie in the other.

    Returns:
        Sorted list of `pathlib.Path`.

    Raises:
        ValueError: If there is no image, or `to` lies within the folder.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"", "dogs/1.jpg")
        >>> input_images("dogs", "puppies")
        [PosixPath('dogs/1.jpg')]
    """
    folder = Path(folder)
    to = Path(to)
    if not folder.is_dir():
        content = "a file" if folder.exists() else "nothing"
        raise InputError(
            f"What is prepared must be a folder of images. Received: {str(folder)!r}, where there "
            f"is {content}. Check the spelling."
        )
    if folder.resolve() in (to.resolve(), *to.resolve().parents):
        raise InputError(
            "The folder to write to must not lie in one that is read, or it would be read the "
            f"next time. Received: {str(to)!r} in {str(folder)!r}. Use another."
        )
    files = image_files(folder)
    if not files:
        raise InputError(
            f"What is prepared must be a folder of images, {', '.join(codecs.SUFFIXES)} files. "
            f"Received: {str(folder)!r}, which has none. Give the folder that holds them."
        )
    return files


def image_files(folder: Union[str, os.PathLike]) -> list[Path]:
    """Lists the image files in a folder and the folders in it, except hidden ones.

    Args:
        folder: Path of a folder; it need not exist.

    Returns:
        Sorted list of `pathlib.Path`. Linked folders are followed; a loop of links ends.

    Raises:
        ValueError: If a folder cannot be read, or a name is no UTF-8.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"", "foxes/b/1.PNG")
        >>> atomic.write_bytes(b"", "foxes/notes.txt")
        >>> [file.as_posix() for file in image_files("foxes")]
        ['foxes/b/1.PNG']
    """
    folder = Path(folder)
    files = sorted(_visible_images(folder, ())) if folder.is_dir() else []
    unreadable = [file for file in files if not _is_text(str(file))]
    if unreadable:
        raise InputError(
            "Names of images must be UTF-8, since they are written to reports and pages. Received: "
            f"{listed([ascii(str(file)) for file in unreadable])}. Rename them."
        )
    return files


def _is_text(name):
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _visible_images(folder, entered, suffixes=codecs.SUFFIXES):
    """Yields the files of some suffixes in a folder and in its folders, but not in a loop."""
    resolved = folder.resolve()
    if resolved in entered:
        return
    try:
        paths = list(folder.iterdir())
    except OSError as error:
        raise InputError(
            "The folders of a data set must be readable. Received: "
            f"{folder} ({error.strerror}). Change its permissions, or move it elsewhere."
        ) from error
    for path in paths:
        if path.name.startswith(".") or path.name in _LEFTOVERS:
            continue
        if path.is_dir():
            yield from _visible_images(path, (*entered, resolved), suffixes)
        elif path.suffix.lower() in suffixes:
            yield path


def entries(folder: Path) -> Iterator[Path]:
    """Yields what is in a folder, but not what systems leave in empty ones.

    Args:
        folder: Path of a folder; it need not exist.

    Yields:
        `pathlib.Path` of files and folders.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"", "hares/.gitkeep")
        >>> list(entries(Path("hares")))
        []
    """
    paths = folder.iterdir() if folder.is_dir() else iter(())
    return (path for path in paths if not (path.name.startswith(".") or path.name in _LEFTOVERS))


def unread_formats(folder: Union[str, os.PathLike]) -> list[str]:
    """Says which files are of formats of images, volumes and videos that are not read.

    Args:
        folder: Path of a folder.

    Returns:
        List of one sentence; empty for most folders.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"", "scans/1.dcm")
        >>> unread_formats("scans")
        ['1 files are of formats that are not read: .dcm (1).']
    """
    folder = Path(folder)
    found = _visible_images(folder, (), UNREAD) if folder.is_dir() else ()
    counts = Counter(path.suffix.lower() for path in found)
    if not counts:
        return []
    named = listed([f"{suffix} ({count})" for suffix, count in sorted(counts.items())])
    return [f"{sum(counts.values())} files are of formats that are not read: {named}."]


def by_name(folder: Union[str, os.PathLike], files: Sequence[Path]) -> dict[str, Path]:
    """Names files by their path in a folder without the suffix.

    Args:
        folder: Path of a folder.
        files: List of `pathlib.Path` in it.

    Returns:
        Dict of name, such as `"train/1"`, to file, in the order of the files.

    Raises:
        ValueError: If two have the same name.

    Example:
        >>> by_name("cats", [Path("cats/train/1.jpg")])
        {'train/1': PosixPath('cats/train/1.jpg')}
    """
    named = {}
    for file in files:
        # macOS writes accents as characters of their own.
        name = unicodedata.normalize("NFC", file.relative_to(folder).with_suffix("").as_posix())
        if name in named:
            raise InputError(
                "The images of a folder must differ in more than their suffix, since partners and "
                f"outputs have the same name otherwise. Received: {named[name]} and {file}. Rename "
                "or remove one."
            )
        named[name] = file
    return named
