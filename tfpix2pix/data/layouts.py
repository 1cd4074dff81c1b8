"""Layouts: detects how a data set is arranged, and lists which files belong together."""

import csv
import json
import os
from pathlib import Path
from typing import NamedTuple, Union

from tfpix2pix.data import codecs
from tfpix2pix.data.folders import by_name, image_files
from tfpix2pix.errors import InputError

LAYOUTS = ("side_by_side", "folders", "manifest", "tfrecord", "unpaired", "photos")
SPLITS = ("train", "val", "test")
MANIFESTS = (".csv", ".jsonl")
_DOMAINS = {f"{split}{letter}": letter for split in ("", *SPLITS) for letter in "AB"}


class Listing(NamedTuple):
    """The files of one split of a data set.

    Attributes:
        layout: One of `LAYOUTS`.
        names: Name of each example, in a fixed order; no two alike.
        files: Tuple of paths of each example: that of A and that of B, or of the one file.
        unmatched: Files without a partner.

    Example:
        >>> Listing("photos", ["cat"], [("cat.png",)], []).layout
        'photos'
    """

    layout: str
    names: list[str]
    files: list[tuple[str, ...]]
    unmatched: list[str]


def splits(data: Union[str, os.PathLike]) -> list[str]:
    """Lists the splits of a data set.

    Args:
        data: Path of a data set.

    Returns:
        Those of `SPLITS` that have files; empty if the data set is not divided.

    Raises:
        ValueError: As `listing`.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"", "cats/train/1.png")
        >>> splits("cats")
        ['train']
    """
    data = existing(data)
    if data.suffix in MANIFESTS:
        named = {row.get("split") for row in _rows(data)}
        return [split for split in SPLITS if split in named]
    return [split for split in SPLITS if _paths_of_split(data, split)]


def listing(data: Union[str, os.PathLike], split: str, layout: str = "auto") -> Listing:
    """Lists the examples of one split.

    | layout | files |
    | --- | --- |
    | `side_by_side` | `train/1.png`, ...: A in the left half, B in the right one |
    | `folders` | `train/A/1.png` and `train/B/1.jpg`, or `A/train/1.png` and `B/train/1.jpg` |
    | `manifest` | a CSV or JSONL file of the columns `a` and `b`, and `split` where it has any |
    | `tfrecord` | `train-00000-of-00004.tfrecord`, ..., as `prepare tfrecord` writes them |
    | `unpaired` | `trainA/1.png` and `trainB/7.png`, of no pair; or as `folders`, if asked for |
    | `photos` | `train/1.png`, ...: each a whole image |

    Where there is no `train`, `val` or `test`, all files are listed for any split. Partners are
    found by their path in A and B without the suffix, never by their position.

    Args:
        data: Path of a folder or of a manifest.
        split: `"train"`, `"val"` or `"test"`.
        layout: One of `LAYOUTS`; `"auto"` detects it, and takes images in a folder for
            `side_by_side`, and those in `A` and `B` for `folders`.

    Returns:
        `Listing`. An unpaired one has all files of A before those of B; see `domain`.

    Raises:
        ValueError: If there is no such data, split or layout, or nothing in it.

    Example:
        >>> from tfpix2pix import atomic
        >>> for name in ("cats/A/1.png", "cats/B/1.jpg", "cats/B/2.jpg"):
        ...     atomic.write_bytes(b"", name)
        >>> cats = listing("cats", "train")
        >>> cats.layout, cats.names, [Path(file).name for file in cats.unmatched]
        ('folders', ['1'], ['2.jpg'])
    """
    data = existing(data)
    if layout == "auto":
        layout = detect(data)
    if layout not in LAYOUTS:
        raise InputError(
            f"`layout` must be auto or one of {', '.join(LAYOUTS)}. Received: {layout!r}."
        )
    examples = Listing(layout, *_LISTINGS[layout](data, _checked_split(data, split)))
    if not examples.files and not examples.unmatched:
        raise InputError(
            f"The data must hold images in the layout {layout!r}, as {', '.join(codecs.SUFFIXES)} "
            f"files (a manifest or TFRecords may name or hold them). Received: {str(data)!r}, "
            f"which has none{f' in its split {split!r}' if splits(data) else ''}. Give the folder "
            "that holds the files or its parent with `train` and `test`, or another layout."
        )
    return examples


def domain(name: str) -> str:
    """Returns the domain of an example of an unpaired data set.

    Args:
        name: Name of an example in an unpaired `Listing`.

    Returns:
        `"A"` or `"B"`.

    Example:
        >>> domain("trainA/1.png"), domain("train/B/1.png")
        ('A', 'B')
    """
    return next(_DOMAINS[part] for part in name.split("/") if part in _DOMAINS)


def existing(data: Union[str, os.PathLike]) -> Path:
    """Returns the path of a data set that exists.

    Args:
        data: Path of a folder or of a manifest.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: If there is no such folder, and no such manifest.

    Example:
        >>> existing(".")
        PosixPath('.')
    """
    data = Path(data)
    if not data.is_dir() and not (data.is_file() and data.suffix in MANIFESTS):
        content = "a file" if data.exists() else "nothing"
        raise InputError(
            "The data must be a folder of images or a manifest (.csv, .jsonl). Received: "
            f"{str(data)!r}, where there is {content}. Give the folder that holds the images or "
            "their `train` folder, and check the spelling."
        )
    return data


def detect(data: Union[str, os.PathLike]) -> str:
    """Detects the layout of a data set.

    Args:
        data: Path of a folder or of a manifest.

    Returns:
        One of `LAYOUTS` except `"photos"`, whose files look like those of `"side_by_side"`.

    Raises:
        ValueError: If there is no such data.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"", "horses/trainA/1.png")
        >>> detect("horses")
        'unpaired'
    """
    data = existing(data)
    if data.is_file():
        return "manifest"
    if any((data / f"{split}A").is_dir() for split in SPLITS):
        return "unpaired"
    folders = [data, *(data / split for split in SPLITS)]
    if any((folder / "A").is_dir() for folder in folders):
        return "folders"
    if any(next(folder.glob("*.tfrecord"), None) for folder in folders if folder.is_dir()):
        return "tfrecord"
    return "side_by_side"


def _paths_of_split(data, split):
    """Returns the paths that belong to a split in any layout of a folder."""
    names = (split, f"A/{split}", f"B/{split}", f"{split}A", f"{split}B")
    folders = [data / name for name in names if (data / name).is_dir()]
    filled = [folder for folder in folders if next(folder.iterdir(), None)]
    return filled + sorted(data.glob(f"{split}-*.tfrecord"))


def _checked_split(data, split):
    """Returns the split, or `None` if the data set is not divided."""
    available = splits(data)
    if not available:
        return None
    if split not in available:
        raise InputError(
            f"The data must have the split that is asked for. Received: {split!r} of "
            f"{str(data)!r}, which has {', '.join(available)}. Divide the images into "
            "splits, or ask for one of these."
        )
    return split


def _single_files(data, split):
    folder = data / split if split else data
    files = image_files(folder)
    return [file.relative_to(folder).as_posix() for file in files], [(str(f),) for f in files], []


def _halves(data, split):
    """Returns the folders of A and of B."""
    if split and (data / split).is_dir():
        return [data / split / letter for letter in "AB"]
    return [data / letter / (split or "") for letter in "AB"]


def _folders(data, split):
    named = [by_name(folder, image_files(folder)) for folder in _halves(data, split)]
    names = sorted(set(named[0]) & set(named[1]))
    unmatched = []
    for files in named:
        unmatched += [str(files[name]) for name in files if name not in set(names)]
    return names, [tuple(str(files[name]) for files in named) for name in names], unmatched


def _unpaired(data, split):
    folders = [data / f"{split}{letter}" for letter in "AB"]
    if not any(folder.is_dir() for folder in folders):
        folders = _halves(data, split)
    a, b = (image_files(folder) for folder in folders)
    if not (a and b):
        raise InputError(
            "Unpaired data must have images of both domains, in the folders trainA and trainB, "
            f"or train/A and train/B. Received: {str(data)!r}, which has {len(a)} images of A and "
            f"{len(b)} of B{f' in its split {split!r}' if split else ''}. Add the others."
        )
    files = a + b
    return [file.relative_to(data).as_posix() for file in files], [(str(f),) for f in files], []


def _manifest(data, split):
    rows = [row for row in _rows(data) if split in (None, row.get("split"))]
    files = [tuple(str(data.parent / row[half]) for half in "ab") for row in rows]
    missing = [file for pair in files for file in pair if not Path(file).is_file()]
    complete = [i for i, pair in enumerate(files) if not set(pair) & set(missing)]
    return [rows[i]["a"] for i in complete], [files[i] for i in complete], missing


def _rows(manifest):
    with manifest.open(newline="", encoding="utf-8") as file:
        try:
            rows = (
                list(csv.DictReader(file))
                if manifest.suffix == ".csv"
                else [json.loads(line) for line in file if line.strip()]
            )
            wrong = [i for i, row in enumerate(rows) if not (row.get("a") and row.get("b"))]
        except (ValueError, AttributeError) as error:
            raise InputError(
                "A manifest must be CSV with a first line of column names, or JSON, an object a "
                f"line. Received: {manifest}, which is not ({error}). Mend it."
            ) from error
    if wrong:
        raise InputError(
            "Each row of a manifest must name its files in the columns `a` and `b`. Received: "
            f"{manifest}, where {len(wrong)} of {len(rows)} rows do not, the first of them row "
            f"{wrong[0] + 1}. Name the columns a, b and, if there are splits, split."
        )
    return rows


def _tfrecords(data, split):
    shards = sorted(data.glob(f"{split or ''}*.tfrecord"))
    shards += sorted((data / split).glob("*.tfrecord")) if split else []
    return [shard.name for shard in shards], [(str(shard),) for shard in shards], []


_LISTINGS = {
    "side_by_side": _single_files,
    "folders": _folders,
    "manifest": _manifest,
    "tfrecord": _tfrecords,
    "unpaired": _unpaired,
    "photos": _single_files,
}
