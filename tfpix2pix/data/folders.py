"""Folders: lists the images of a folder from which another folder is made."""

import os
from pathlib import Path
from typing import Union

from tfpix2pix.data import codecs, layouts
from tfpix2pix.errors import InputError


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
    return layouts.by_name(folder, input_images(folder, to))


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
    files = [file for file in layouts.image_files(folder) if file.is_file()]
    if not files:
        raise InputError(
            f"What is prepared must be a folder of images, {', '.join(codecs.SUFFIXES)} files. "
            f"Received: {str(folder)!r}, which has none. Give the folder that holds them."
        )
    return files
