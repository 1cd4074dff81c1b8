"""The error for input that breaks a rule; every package of ours may import it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

NO_ROOM = ("No space left on device", "Disk quota exceeded", "Read-only file system")


class InputError(ValueError):
    """Input that breaks a rule. The message states the rule, what was received and the cure.

    Programs print it as one paragraph; any other exception is a fault of ours and keeps its
    traceback.

    Example:
        >>> raise InputError("`depth` must be at least 2. Received: depth=1. Use 2 or more.")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: `depth` must be at least 2. Received: depth=1. Use 2 or more.
    """


@contextmanager
def reported() -> Iterator[None]:
    """Ends a program on an `InputError` with its message on the standard error, and status 1.

    So does a full or read-only disk; any other exception passes with its traceback. A character
    that the console's encoding lacks is written as its number, and does not end the program.

    Example:
        >>> with reported():
        ...     raise InputError("`depth` must be at least 2. Received: depth=1. Use 2 or more.")
        Traceback (most recent call last):
        ...
        SystemExit: error: `depth` must be at least 2. Received: depth=1. Use 2 or more.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        yield
    except InputError as error:
        sys.exit(f"error: {error}")
    except Exception as error:
        if not any(reason in str(error) for reason in NO_ROOM):
            raise
        # TensorFlow has errors of its own for it, which this file does not know.
        reason = " ".join(str(error).split())[-200:]
        sys.exit(
            f"error: There must be room where a program writes. Received: {reason}. Make room, and "
            "start the same command again."
        )


MOST_NAMED = 5  # How many faulty files or names an error lists.


def listed(names):
    """Returns the first of many names as text.

    Args:
        names: List of str.

    Returns:
        str.

    Example:
        >>> listed(list("abcdefg"))
        'a, b, c, d, e and 2 more'
    """
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def joined(names):
    """Returns all of several names as text.

    Args:
        names: List of str, not empty.

    Returns:
        str.

    Example:
        >>> joined(["apes", "bears", "cats"])
        'apes, bears and cats'
    """
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
