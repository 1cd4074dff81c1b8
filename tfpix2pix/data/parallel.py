"""Calls a function on all cores, with or without a progress bar."""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable

# Function of an iterable and its length to an iterable of the same, such as tqdm's progress bar.
Progress = Callable[[Iterable, int], Iterable]


def silent(iterable: Iterable, total: int) -> Iterable:
    """Returns the iterable itself: no progress bar.

    Args:
        iterable: Any iterable.
        total: Its length.

    Example:
        >>> list(silent("ab", 2))
        ['a', 'b']
    """
    return iterable


def map_in_parallel(
    function: Callable[[Any], Any], items: list, progress: Progress = silent
) -> Iterator[Any]:
    """Calls a function on all cores; decoders and NumPy work outside the interpreter's lock.

    Args:
        function: Function of an item.
        items: List.
        progress: Function of an iterable and its length to an iterable of the same, such as tqdm's
            progress bar.

    Yields:
        What the function returns, in the order of the items.

    Example:
        >>> list(map_in_parallel(len, ["a", "bc"]))
        [1, 2]
    """
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        yield from progress(pool.map(function, items), len(items)) if items else ()
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C waits for what has begun, not for the rest.
