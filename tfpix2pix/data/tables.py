"""Tables: rows of numbers that examples have beside their images, such as attributes of faces."""

import csv
import os
from pathlib import PurePosixPath
from typing import NamedTuple, Union

import numpy as np

from tfpix2pix.data.reading import Examples
from tfpix2pix.errors import MOST_NAMED, InputError


class Table(NamedTuple):
    """A table of numbers.

    Attributes:
        columns: Names of the columns.
        rows: Dict of what the first column holds, the name of an image, to float32 `[columns]`.

    Example:
        >>> Table(("smiling",), {"1.png": np.ones(1, "float32")}).columns
        ('smiling',)
    """

    columns: tuple[str, ...]
    rows: dict[str, np.ndarray]


def read_table(path: Union[str, os.PathLike]) -> Table:
    r"""Reads a CSV file: the first line names the columns, the first column the images.

    Args:
        path: Path of the file. Columns without any number, as the others of a manifest, are left
            out.

    Returns:
        `Table`.

    Raises:
        ValueError: If there is no such file, it has no column of numbers, or one lacks some.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"image,young,split\n1.png,-1,train\n2.png,0.5,train", "faces.csv")
        >>> table = read_table("faces.csv")
        >>> table.columns, table.rows["2.png"].tolist()
        (('young',), [0.5])
    """
    try:
        with open(path, newline="", encoding="utf-8") as file:
            (_, *columns), *rows = csv.reader(file)
    except (OSError, ValueError) as error:
        raise InputError(
            "A table must be a CSV file with a first line of column names. Received: "
            f"{str(path)!r} ({error}). Give such a file."
        ) from error
    values = [[_number(cell) for cell in row[1:]] for row in rows]
    widths = {len(row) for row in values}
    numeric = [
        k for k in range(len(columns)) if any(len(row) > k and row[k] is not None for row in values)
    ]
    gaps = [
        f"{row[0]} in the column {columns[k]}"
        for row, numbers in zip(rows, values)
        for k in numeric
        if len(numbers) <= k or numbers[k] is None
    ]
    if gaps or not numeric or widths != {len(columns)}:
        raise InputError(
            "A table must have columns of numbers behind its first one, which names the images, "
            f"and a number in each of their rows. Received: {str(path)!r} of {len(numeric)} such "
            f"columns, which lacks {', '.join(gaps[:MOST_NAMED]) or 'some'}. Fill in the numbers."
        )
    return Table(
        tuple(columns[k] for k in numeric),
        {row[0]: np.array([v[k] for k in numeric], "float32") for row, v in zip(rows, values)},
    )


def with_rows(examples: Examples, table: Table) -> Examples:
    """Gives each example its row of a table.

    Args:
        examples: `tfpix2pix.data.reading.Examples`.
        table: `Table`, which names each example as its `names` do, with or without the folder and
            the suffix.

    Returns:
        `tfpix2pix.data.reading.Examples` with `rows` and `columns`.

    Raises:
        ValueError: If examples have no row; names them.

    Example:
        >>> one = Examples(["train/1.png"], None, (), np.zeros((1, 1, 2)), [])
        >>> with_rows(one, Table(("age",), {"1": np.array([0.5], "float32")})).rows.tolist()
        [[0.5]]
    """
    rows = [_row(name, table.rows) for name in examples.names]
    missing = [name for name, row in zip(examples.names, rows) if row is None]
    if missing:
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        raise InputError(
            f"Each example must have a row in the table. Received: {len(missing)} of {len(rows)} "
            f"that have none: {', '.join(missing[:MOST_NAMED])}{more}. Name them in its first "
            "column, as files or without folder and suffix."
        )
    return examples._replace(rows=np.stack(rows), columns=table.columns)


def keys_of(name: str) -> tuple[str, ...]:
    """Returns what tables may call an example: with or without the folder and the suffix.

    Args:
        name: Name of an example.

    Example:
        >>> keys_of("train/1.png")
        ('train/1.png', 'train/1', '1.png', '1')
    """
    path = PurePosixPath(name)
    return (name, str(path.with_suffix("")), path.name, path.stem)


def _row(name, rows):
    return next((rows[key] for key in keys_of(name) if key in rows), None)


def _number(text):
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None
