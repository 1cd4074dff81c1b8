"""Shards: whether all numbered files of a set are there."""

import re
from collections.abc import Sequence
from pathlib import Path

from tfpix2pix.errors import InputError, listed


def check_shards(shards: Sequence[Path]) -> None:
    """Refuses a set of numbered files of which some did not arrive.

    Args:
        shards: Paths of TFRecord files, such as `train-00000-of-00004.tfrecord`.

    Raises:
        ValueError: If some are missing; names them.

    Example:
        >>> check_shards([Path("train-00000-of-00001.tfrecord")])
    """
    numbers = {}
    for shard in shards:
        numbered = re.fullmatch(r"(.*)-(\d{5})-of-(\d{5})", shard.stem)
        if numbered:
            start, number, count = numbered.groups()
            numbers.setdefault((start, int(count)), set()).add(int(number))
    missing = [
        f"shard {number} of {count} of {start!r}"
        for (start, count), present_ones in numbers.items()
        for number in range(count)
        if number not in present_ones
    ]
    if missing:
        raise InputError(
            f"All shards of a split must be there. Received: {shards[0].parent}, without "
            f"{listed(missing)}, counted from 0. Copy what is missing, or write them again."
        )
