"""Paths: as people write them, and those that TensorFlow cannot read."""

import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Optional, Union

from tfpix2pix.errors import InputError

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)  # A drive has one letter.


def readable(path: Union[str, Path]) -> Path:
    """Returns the path of a folder whose checkpoints and weights TensorFlow can read again.

    Args:
        path: Folder of a run or of a served model.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: If it is an address, such as of a bucket, or holds characters of patterns.

    Example:
        >>> readable("runs/lr=[1e-4]")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: TensorFlow reads no folder whose path holds one of * ? [ ...
    """
    check_local(path)
    written = Path(path).as_posix()
    if any(character in written for character in "*?[\\"):
        raise InputError(
            "TensorFlow reads no folder whose path holds one of * ? [ \\, which stand for other "
            f"characters. Received: {str(path)!r}. Use another name; a folder that is there can be "
            "renamed."
        )
    return Path(path)


def check_local(path: Union[str, Path]) -> None:
    """Refuses the address of a bucket or of a site where a path of this machine is needed.

    Args:
        path: Path of a file or folder.

    Raises:
        ValueError: If it is an address.

    Example:
        >>> check_local("gs://bucket/run")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: Data, runs and exports lie on this machine. Received: ...
    """
    if _ADDRESS.match(str(path)):
        raise InputError(
            f"Data, runs and exports lie on this machine. Received: {str(path)!r}, an address. "
            "Mount it as a folder, or use a folder here and copy it."
        )


def at_home(arguments: Optional[Iterable[str]] = None) -> list[str]:
    """Replaces `~` where a shell leaves it: in quotes, and after an equals sign.

    Args:
        arguments: Those of a program; by default of this process, without its name.

    Returns:
        List of str.

    Example:
        >>> import os
        >>> at_home(["-o=~/out", "a~b"]) == [f"-o={os.path.expanduser('~')}/out", "a~b"]
        True
    """
    return [_at_home(argument) for argument in (sys.argv[1:] if arguments is None else arguments)]


def _at_home(argument):
    option, equals, value = argument.partition("=")
    if equals and option.startswith("-"):
        return f"{option}={os.path.expanduser(value)}"
    return os.path.expanduser(argument)
