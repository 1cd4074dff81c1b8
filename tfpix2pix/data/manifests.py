"""Manifests: tables of which files are an example, and of which split."""

import csv
import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from tfpix2pix.data.places import NamedPlace, present
from tfpix2pix.data.split_names import SPLITS, meant_split
from tfpix2pix.errors import InputError

SUFFIXES = (".csv", ".jsonl")
SEPARATORS = ",;\t|"


def splits(manifest: Path, places: Sequence[NamedPlace]) -> set:
    """Returns the splits of which a manifest has whole examples.

    Args:
        manifest: Path of a CSV or JSONL file.
        places: `tfpix2pix.data.places.NamedPlace`s.

    Returns:
        Set of what its column `split` holds; of `None` where it has none.

    Raises:
        ValueError: If it cannot be read.

    Example:
        >>> from tfpix2pix.data.places import PAIR
        >>> rows = ["a,b,split", "1.png,2.png,test", "3.png,,val"]
        >>> _ = Path("two.csv").write_text(chr(10).join(rows))
        >>> splits(Path("two.csv"), PAIR)
        {'test'}
    """
    rows = _rows(manifest)
    columns = _columns(rows, places)
    return {row.get("split") for row in rows if _is_whole(row, columns)}


def listed(
    manifest: Path, split: Optional[str], places: Sequence[NamedPlace]
) -> tuple[list[str], list[tuple[str, ...]], list[str], tuple[NamedPlace, ...]]:
    """Lists the examples of a split.

    Args:
        manifest: Path of a CSV or JSONL file, whose files are named from its folder on.
        split: What the column `split` has in their rows; `None` for all rows.
        places: `tfpix2pix.data.places.NamedPlace`s, whose names the columns have.

    Returns:
        `(names, files, missing, places)`: the first file's name in each row and the paths of all;
        paths where no file is; and the places that the manifest has columns of.

    Raises:
        ValueError: If it cannot be read, or a row lacks a file.

    Example:
        >>> from tfpix2pix.data.places import PAIR
        >>> _ = Path("one.csv").write_text(chr(10).join(["a,b", "1.png,2.png", "1.png,1.png"]))
        >>> _ = Path("1.png").write_bytes(b"")
        >>> listed(Path("one.csv"), None, PAIR)[2]
        ['2.png']
    """
    rows = _rows(manifest)
    columns = _columns(rows, places)
    chosen = [i for i, row in enumerate(rows) if split in (None, row.get("split"))]
    wrong = [i for i in chosen if not _is_whole(rows[i], columns)]
    if chosen and (wrong or not columns):
        needed = [place.name for place in places if not place.optional]
        names = ", ".join(place.name for place in places)
        cure = "Fill it in, or remove it."
        if not columns:
            cure = (
                f"Its columns are {', '.join(rows[0]) or 'none'}; name them {names} and, if there "
                "are splits, split."
            )
        raise InputError(
            "Each row of a manifest must name its files in the columns "
            f"{' and '.join(f'`{name}`' for name in needed)}. Received: {manifest}, where "
            f"{len(wrong or chosen)} of {len(chosen)} rows do not, the first of them row "
            f"{(wrong or chosen)[0] + 1}. {cure}"
        )
    names = []
    files = []
    missing = []
    for row in (rows[i] for i in chosen):
        paths = tuple(_file(manifest.parent, row[column]) for column in columns.values())
        absent = [path for path in paths if not Path(path).is_file()]
        missing += absent
        if not absent:
            names.append(row[next(iter(columns.values()))].replace("\\", "/"))
            files.append(paths)
    _check_missing(manifest, files, missing)
    return names, files, missing, tuple(columns)


def _file(folder, name):
    """Returns the path of a file; of Windows' separators and of another form of accents too."""
    forms = [name, name.replace("\\", "/")]
    forms += [unicodedata.normalize(kind, one) for one in forms for kind in ("NFC", "NFD")]
    paths = [str((folder / form).expanduser()) for form in forms]
    return next((path for path in paths if Path(path).is_file()), paths[0])


def _check_missing(manifest, files, missing):
    """Refuses a manifest of which no file is there."""
    if missing and not files:
        raise InputError(
            "The files of a manifest must be there; their paths are taken from its folder. "
            f"Received: {manifest}, of whose {len(missing)} files none is, the first of them "
            f"{missing[0]}. Write paths from {manifest.parent} on, or whole paths of this machine."
        )


def _columns(rows, places):
    """Returns a dict of the places that there are to the names of their columns."""
    filled = dict.fromkeys(name for row in rows for name, value in row.items() if name and value)
    named = {place: place.column(filled) for place in places}
    return {place: named[place] for place in present(places, named.get)}


def _is_whole(row, columns):
    return bool(columns) and all(row.get(column) for column in columns.values())


def _rows(manifest):
    with manifest.open(newline="", encoding="utf-8-sig") as file:
        try:
            if manifest.suffix.lower() == ".csv":
                rows = _table(file)
            else:
                rows = [json.loads(line) for line in file if line.strip()]
            rows = [{name.strip().lower(): value for name, value in row.items()} for row in rows]
        except (ValueError, AttributeError, csv.Error) as error:
            raise InputError(
                "A manifest must be CSV with a first line of column names, or JSON, an object a "
                f"line. Received: {manifest}, which is not ({error}). Mend it."
            ) from error
    for number, row in enumerate(rows):
        if row.get("split"):
            row["split"] = _split(manifest, number, row["split"])
    return rows


def _table(file):
    """Reads CSV of any usual separator, without the empty rows of spreadsheets."""
    header = file.readline()
    file.seek(0)
    separator = max(SEPARATORS, key=header.count)
    rows = csv.DictReader(file, delimiter=separator, skipinitialspace=True, restval="")
    filled = [{name: value for name, value in row.items() if name} for row in rows]
    return [row for row in filled if any((value or "").strip() for value in row.values())]


def _split(manifest, number, name):
    split = meant_split(name)
    if split is None:
        raise InputError(
            f"The column split of a manifest must hold {', '.join(SPLITS)}. Received: {name!r} in "
            f"row {number + 1} of {manifest}. Correct it."
        )
    return split
