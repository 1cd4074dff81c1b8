"""The error for input that breaks a rule; every package of ours may import it."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# What systems and TensorFlow, which has errors of its own for it, say of disks: the reasons, the
# rule and the cure.
REFUSALS = (
    (
        ("No space left on device", "Disk quota exceeded"),
        "There must be room where a program writes.",
        "Make room, and start the same command again.",
    ),
    (
        ("Permission denied", "Read-only file system"),
        "A program must be allowed to read and write the files and folders that it is given.",
        "Change their permissions, or name others.",
    ),
)


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

    So does a disk that is full or may not be written; any other exception passes with its
    traceback. A character that the console's encoding lacks is written as its number, and does not
    end the program. Ctrl-C, which has ended it at once while it was loading, lets it tidy up; what
    fails after it is its doing.

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
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:  # Of the package of the program.
        signal.signal(signal.SIGINT, _interrupt)
    _interrupts.clear()
    try:
        yield
    except Exception as error:
        if _interrupts:
            raise KeyboardInterrupt from None
        if isinstance(error, InputError):
            sys.exit(f"error: {error}")
        received = " ".join(str(error).split())[-200:]
        for reasons, rule, cure in REFUSALS:
            if any(reason in str(error) for reason in reasons):
                sys.exit(f"error: {rule} Received: {received}. {cure}")
        raise


@contextmanager
def ended_at_once() -> Iterator[None]:
    """Lets Ctrl-C end a program of `reported` amid what leaves nothing to tidy up, such as imports.

    Example:
        >>> with ended_at_once():
        ...     import math
    """
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not _interrupt:
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _interrupt)


_interrupts = []  # Those that were raised.


def _interrupt(number, frame):
    """Ends the program, but not amid a destructor, in which Python would drop the exception.

    TensorFlow's run so often that one of 30 interrupts of an export was lost. Its C++ makes a
    TypeError or a RuntimeError of what is raised below it, so that each interrupt is noted.
    """
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            main = threading.main_thread().ident
            threading.Timer(0.01, signal.pthread_kill, [main, number]).start()
            return
        frame = frame.f_back
    _interrupts.append(number)
    raise KeyboardInterrupt


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
