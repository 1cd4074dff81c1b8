"""A quiet screen: what other people's C++ prints is kept back."""

import os
import sys
import tempfile
import warnings
from contextlib import contextmanager


@contextmanager
def quiet():
    """Keeps back what is written to both standard streams, and warnings, unless something fails.

    TensorFlow 2.21 writes lines on import whatever its log level; TensorFlow Lite's converter
    summarizes what it did in dozens of lines, and its interpreter tells of the kernels it chose
    and that it moves to another package. None of them has a switch.

    Example:
        >>> with quiet():
        ...     _ = os.write(2, b"kernels chosen")
    """
    with tempfile.TemporaryFile() as kept:
        streams = (sys.stdout, sys.stderr)
        copies = [os.dup(number) for number in (1, 2)]
        for stream in streams:
            stream.flush()
        for number in (1, 2):
            os.dup2(kept.fileno(), number)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except BaseException:
            kept.seek(0)
            os.write(copies[1], kept.read())
            raise
        finally:
            for stream in streams:
                stream.flush()
            for number, copy in zip((1, 2), copies):
                os.dup2(copy, number)
                os.close(copy)
