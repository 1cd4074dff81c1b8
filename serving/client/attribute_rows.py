"""Attributes as people write them, in words and numbers or as a row of a table, as vectors.

`tfpix2pix/data/attributes.py` is the truth; this is the same without NumPy.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from serving.client.failures import BadArgument, BadImage, Code

KIND = "attributes"
ROW = ".csv:"  # Between the path of a table and the name of an image in it.


def attribute_vector(columns: Mapping[str, Sequence], values: Mapping[str, Any]) -> list[float]:
    """Returns the vector of an image's attributes.

    Args:
        columns: What the card says of each: its words, or its least and greatest number.
        values: Dict of the names of columns to a word or number; `None`, and what is missing, are
            not known.

    Returns:
        List of float.

    Raises:
        BadArgument: If there is no such column or word, or a number is out of range or not finite.

    Example:
        >>> attribute_vector({"hair": ["blue", "red"], "age": [7, 9]}, {"hair": "red"})
        [0.0, 1.0, 0.0, 0.0]
    """
    for name in values:
        if name not in columns:
            raise BadArgument(
                f"An attribute must be one of {', '.join(columns)}. Received: {name!r}. Correct "
                "the name, or leave it out."
            )
    vector = []
    for name, column in columns.items():
        value = values.get(name)
        if isinstance(column[0], str):
            if value is not None and value not in column:
                raise BadArgument(
                    f"The attribute {name!r} must be one of {', '.join(column)}. Received: "
                    f"{value!r}. Use one of them, or leave it out."
                )
            vector += [float(word == value) for word in column]
            continue
        low, high = column
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if value is not None and not (is_number and low <= value <= high):
            raise BadArgument(
                f"The attribute {name!r} must be a number from {low:g} to {high:g}. Received: "
                f"{value!r}. Use one of these, or leave it out."
            )
        vector += [0.0, 0.0] if value is None else [2.0 * (value - low) / (high - low) - 1.0, 1.0]
    return vector


def named_row(path: Path, columns: Mapping[str, Sequence]) -> dict[str, Any]:
    r"""Returns the attributes of an image of a table.

    Args:
        path: Path of the table, `:` and the name of the image, such as `looks.csv:trainB/1.png`.
        columns: As of `attribute_vector`; others of the table count for nothing.

    Returns:
        Dict of the names of columns to words and numbers.

    Raises:
        BadImage: If the table cannot be read or has no such row.

    Example:
        >>> _ = Path("looks.csv").write_text("image,hair\ntrainB/1.png,red\n")
        >>> named_row(Path("looks.csv:trainB/1.png"), {"hair": ["blue", "red"]})
        {'hair': 'red'}
    """
    table, _, name = str(path).partition(ROW)
    try:
        with open(f"{table}.csv", newline="", encoding="utf-8-sig") as file:
            (_, *names), *rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
        (row,) = (row for row in rows if row[0] == name)
        cells = {k: cell for k, cell in zip(names, row[1:]) if cell and k in columns}
        return {
            k: cell if isinstance(columns[k][0], str) else float(cell) for k, cell in cells.items()
        }
    except (OSError, ValueError, csv.Error) as error:
        raise BadImage(
            "Attributes must be in a CSV file with a row of the image.",
            Code.INVALID_ARGUMENT,
            f"{path}: {error}",
            "Write the name as it stands in the first column.",
        ) from error
