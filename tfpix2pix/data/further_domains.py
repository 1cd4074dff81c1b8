"""Further domains: finds folders beside those of two domains, which nobody reads."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Union

from tfpix2pix.data.folders import image_files
from tfpix2pix.data.layouts import SPLITS

_SPLIT = f"(?:{'|'.join(SPLITS)})"
_PLACE = re.compile(rf"(?:{_SPLIT}[_/]?([A-Z])|([A-Z])/{_SPLIT})(?=/|$)")


def unread_domains(data: Union[str, os.PathLike], names: Iterable[str]) -> dict[str, int]:
    """Finds the folders of unpaired data that are called as a domain's, of which nothing is read.

    Args:
        data: Path of the folder of the data.
        names: Names of the files that are read, of one split or of several, from that folder.

    Returns:
        Dict of folder, such as `"trainC"`, to the number of its images, in order.

    Raises:
        ValueError: If a folder cannot be read.

    Example:
        >>> from tfpix2pix import atomic
        >>> for name in ("trainA/1.png", "trainB/1.png", "trainC/1.png", "trainC/2.png"):
        ...     atomic.write_bytes(b"", f"cats/{name}")
        >>> unread_domains("cats", ["trainA/1.png", "trainB/1.png"])
        {'trainC': 2}
    """
    data = Path(data)
    read = {_letter(name) for name in names}
    names = (p.relative_to(data).as_posix() for pattern in ("*", "*/*") for p in data.glob(pattern))
    folders = [name for name in names if _PLACE.fullmatch(name) and _letter(name) not in read]
    counts = {name: len(image_files(data / name)) for name in sorted(folders)}
    return {name: count for name, count in counts.items() if count}


def _letter(name):
    """Returns the letter of the domain's folder that a name begins with; `None` of others."""
    place = _PLACE.match(name)
    return place and (place[1] or place[2])
