"""Attributes: what a table says of images in words and numbers, and the vectors that networks take.

A column of words has a place in the vector for each word, of which one is 1; a column of numbers
has two, the number scaled to [-1, 1] and a 1. Where nothing is said all places are 0.
"""

import csv
import math
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Union

import numpy as np

from tfpix2pix.data.reading import Examples
from tfpix2pix.data.tables import keys_of
from tfpix2pix.errors import InputError, listed

ROW = ".csv:"  # Between the path of a table and the name of an image in it.
MOST_WORDS = 64  # Of a column; what has more are names or sentences.
Columns = Mapping[str, Sequence]
_TABLE = (
    "Attributes must be a CSV file: a first line of column names, then in each row the name of an "
    "image, and words or finite numbers, or nothing where it is not known. Received: "
)


class Attributes(NamedTuple):
    """Attributes of images.

    Attributes:
        columns: Dict of the name of each to its words, tuple of str, or to the least and greatest
            number.
        rows: Dict of the names of images to dicts of the columns whose value is known to a word or
            number.

    Example:
        >>> Attributes({"hair": ("blue", "red")}, {"1.png": {"hair": "red"}}).rows["1.png"]
        {'hair': 'red'}
    """

    columns: dict[str, tuple]
    rows: dict[str, dict[str, Union[str, float]]]


def read_attributes(path: Union[str, os.PathLike]) -> Attributes:
    r"""Reads a CSV file: the first line names the columns, the first column the images.

    A column whose cells are all numbers is one of numbers. Empty cells are not known.

    Args:
        path: Path of the file.

    Returns:
        `Attributes`.

    Raises:
        ValueError: If there is no such file, a row is of another length or comes twice, a number is
            not finite, or a column has less than two values or too many words.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"image,hair,age\n1.png,red,\n2.png,blue,7\n3.png,,9", "looks.csv")
        >>> read_attributes("looks.csv").columns
        {'hair': ('blue', 'red'), 'age': (7.0, 9.0)}
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            lines = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
        (_, *names), *rows = lines
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{_TABLE}{str(path)!r} ({error}). Give such a file.") from error
    counts = {"column": Counter(names), "row": Counter(row[0] for row in rows)}
    faults = [
        f"the {kind} {name!r} twice" for kind, all_of in counts.items() for name in all_of
        if all_of[name] > 1
    ]  # fmt: skip
    faults += [f"{len(row)} cells of {row[0]!r}" for row in rows if len(row) != len(names) + 1]
    if faults or not names or not rows:
        reason = listed(faults) if faults else f"{len(names)} columns and {len(rows)} rows"
        raise InputError(f"{_TABLE}{str(path)!r} with {reason}. Correct it.")
    columns = {
        name: _column(name, [row[place] for row in rows if row[place]], path)
        for place, name in enumerate(names, 1)
    }
    return Attributes(
        columns,
        {
            row[0]: {
                name: cell if is_words(columns[name]) else float(cell)
                for name, cell in zip(names, row[1:])
                if cell
            }
            for row in rows
        },
    )


def _column(name, cells, path):
    """Returns the words of a column, or the least and greatest of its numbers."""
    numbers = [_number(cell) for cell in cells]
    if cells and None not in numbers:
        wrong = [cell for cell, number in zip(cells, numbers) if not math.isfinite(number)]
        if wrong:
            reason = f"{listed(wrong)} in the column {name!r}"
            raise InputError(f"{_TABLE}{str(path)!r} with {reason}. Correct it, or leave it empty.")
        values = (min(numbers), max(numbers))
    else:
        values = tuple(sorted({*cells}))
    count = len({*values})
    if not 2 <= count <= MOST_WORDS:
        raise InputError(
            f"Each attribute must have two values at least, and at most {MOST_WORDS} words. "
            f"Received: {count} of the column {name!r} in {str(path)!r}. Remove the column, or "
            "group its words."
        )
    return values


def _number(cell):
    try:
        return float(cell)
    except ValueError:
        return None


def is_words(column: Sequence) -> bool:
    """Whether a column is one of words.

    Args:
        column: As of `Attributes`.

    Example:
        >>> is_words(("blue", "red")), is_words((7.0, 9.0))
        (True, False)
    """
    return isinstance(column[0], str)


def lengths(columns: Columns) -> tuple[int, ...]:
    """Returns how many places of a vector each column has.

    Args:
        columns: As of `Attributes`.

    Example:
        >>> lengths({"hair": ("blue", "green", "red"), "age": (7.0, 9.0)})
        (3, 2)
    """
    return tuple(len(column) if is_words(column) else 2 for column in columns.values())


def attribute_vector(columns: Columns, values: Mapping[str, Any]) -> list[float]:
    """Returns the vector of an image's attributes.

    Args:
        columns: As of `Attributes`.
        values: Dict of the names of columns to a word or number; `None`, and what is missing, are
            not known.

    Returns:
        List of float.

    Raises:
        ValueError: If there is no such column or word, or a number is out of range or not finite.

    Example:
        >>> attribute_vector({"hair": ("blue", "red"), "age": (7.0, 9.0)}, {"hair": "red"})
        [0.0, 1.0, 0.0, 0.0]
        >>> attribute_vector({"age": (7.0, 9.0)}, {"age": 8.5})
        [0.5, 1.0]
    """
    for name in values:
        if name not in columns:
            raise InputError(
                f"An attribute must be one of {', '.join(columns)}. Received: {name!r}. Correct "
                "the name, or leave it out."
            )
    vector = []
    for name, column in columns.items():
        value = values.get(name)
        if is_words(column):
            if value is not None and value not in column:
                raise InputError(
                    f"The attribute {name!r} must be one of {', '.join(column)}. Received: "
                    f"{value!r}. Use one of them, or leave it out."
                )
            vector += [float(word == value) for word in column]
            continue
        low, high = column
        is_number = isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
        if value is not None and not (is_number and low <= value <= high):
            raise InputError(
                f"The attribute {name!r} must be a number from {low:g} to {high:g}. Received: "
                f"{value!r}. Use one of these, or leave it out."
            )
        vector += [0.0, 0.0] if value is None else [2.0 * (value - low) / (high - low) - 1.0, 1.0]
    return vector


def named_row(path: Path) -> dict[str, Union[str, float]]:
    r"""Returns the attributes of an image of a table.

    Args:
        path: Path of the table, `:` and the name of the image, such as `looks.csv:trainB/1.png`.

    Returns:
        Dict of the names of columns to words and numbers.

    Raises:
        ValueError: If the table cannot be read or has no such row.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"image,hair\ntrainB/1.png,red\ntrainB/2.png,blue", "looks.csv")
        >>> named_row(Path("looks.csv:trainB/1.png"))
        {'hair': 'red'}
    """
    file, _, name = str(path).partition(ROW)
    rows = read_attributes(f"{file}.csv").rows
    if name not in rows:
        raise InputError(
            f"An image whose attributes are asked for must be in the first column of {file}.csv. "
            f"Received: {name!r}. Write it as it stands there."
        )
    return rows[name]


def check_names(attributes: Attributes, names: Sequence[str]) -> None:
    """Refuses a table whose rows are not of one image each.

    Args:
        attributes: `Attributes`.
        names: Of all images that there are, such as `"trainB/1.png"`.

    Raises:
        ValueError: If rows name no image, or several.

    Example:
        >>> table = Attributes({}, {"1": {}, "trainB/2.png": {}})
        >>> check_names(table, ["trainA/1.png", "trainB/2.png"])
    """
    counts = dict.fromkeys(attributes.rows, 0)
    for name in names:
        for key in {*keys_of(name)} & counts.keys():
            counts[key] += 1
    missing = [row for row, count in counts.items() if not count]
    several = [row for row, count in counts.items() if count > 1]
    if missing or several:
        rule = "Each row of the attributes must name one image of the data, with its folder where "
        rule += "others have the same name"
        parts = [f"no image called {listed(missing)}"] if missing else []
        parts += [f"several called {listed(several)}"] if several else []
        raise InputError(
            f"{rule}. Received: {' and '.join(parts)}. Write names such as {names[0]}."
        )


def with_vectors(examples: Examples, attributes: Attributes, columns: Columns) -> Examples:
    """Gives each example the vector of its attributes.

    Args:
        examples: `tfpix2pix.data.reading.Examples`.
        attributes: `Attributes`.
        columns: Those of the vectors; the table may have others.

    Returns:
        `tfpix2pix.data.reading.Examples` with `rows` and `columns`, and with a note of what is not
        known, if there is such.

    Raises:
        ValueError: If the table says of an image what the columns have not.

    Example:
        >>> one = Examples(["train/1.png"], None, (), np.zeros((1, 1, 2)), [])
        >>> columns = {"hair": ("blue", "red")}
        >>> with_vectors(one, Attributes(columns, {"1": {"hair": "red"}}), columns).rows.tolist()
        [[0.0, 1.0]]
    """
    rows = [_row(name, attributes.rows) for name in examples.names]
    vectors = [
        attribute_vector(columns, {k: v for k, v in row.items() if k in columns}) for row in rows
    ]
    gaps = {name: sum(name not in row for row in rows) for name in columns}
    unknown = [f"{name} of {count}" for name, count in gaps.items() if count]
    notes = examples.notes
    if unknown:
        first = examples.names[0]
        notes += (
            f"Attributes are not known of all {len(rows)} images such as {first}: "
            f"{', '.join(unknown)}.",
        )
    return examples._replace(rows=np.array(vectors, "float32"), columns=tuple(columns), notes=notes)


def _row(name, rows):
    return next((rows[key] for key in keys_of(name) if key in rows), {})
