"""Locking: one training at a time in the folder of a run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Union

from tfpix2pix.errors import InputError

try:
    import fcntl
except ImportError:  # Windows has none.
    fcntl = None

LOCK = ".lock"


@contextmanager
def locked(run: Union[str, Path]) -> Iterator[None]:
    """Keeps the folder of a run for this process, until it ends in whatever way.

    Args:
        run: Folder of the run; made if it is missing.

    Yields:
        Nothing.

    Raises:
        ValueError: If another process trains in it.
    """
    path = Path(run) / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise InputError(
                    f"One training at a time may use a run folder. Received: {str(run)!r}, in "
                    f"which process {file.read().strip() or 'of another machine'} trains. Wait for "
                    "it, or use another --run."
                ) from error
            except OSError:  # A file system without locks.
                pass
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield  # The file stays: another process may have it open already.
