"""Layouts: detects how a data set is arranged, and lists which files belong together."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

from tfpix2pix.data import codecs, manifests, stems
from tfpix2pix.data.folders import by_name, entries, image_files
from tfpix2pix.data.places import PAIR, NamedPlace, domain_places, present
from tfpix2pix.data.shards import check_shards
from tfpix2pix.data.split_names import SPLITS, check_folders
from tfpix2pix.errors import InputError, joined

LAYOUTS = ("side_by_side", "folders", "manifest", "tfrecord", "unpaired", "photos")
HELD_OUT = "held_out"  # Stands for the first that there is of test, val and train.
_STARTS = ("", *SPLITS, *(f"{split}_" for split in SPLITS))  # Of the name of a domain's folder.


class Listing(NamedTuple):
    """The files of one split of a data set.

    Attributes:
        layout: One of `LAYOUTS`.
        names: Name of each example, in a fixed order; no two alike.
        files: Tuple of paths of each example: those of its places, or of the one file.
        unmatched: Files without a partner.
        places: The `tfpix2pix.data.places.NamedPlace` of each file; where an example is one file,
            or a record, all that this may hold.

    Example:
        >>> Listing("photos", ["cat"], [("cat.png",)], []).layout
        'photos'
    """

    layout: str
    names: list[str]
    files: list[tuple[str, ...]]
    unmatched: list[str]
    places: tuple[NamedPlace, ...] = PAIR


def splits(
    data: Union[str, os.PathLike], places: Sequence[NamedPlace] = PAIR, *, layout: str = "auto"
) -> list[str]:
    """Lists the splits of a data set.

    Args:
        data: Path of a data set.
        places: As for `listing`.
        layout: As for `listing`.

    Returns:
        Those of `SPLITS` that have files: of a pair and of unpaired data in any place, of others
        in all that are not optional; empty if the data set is not divided.

    Raises:
        ValueError: As `listing`.

    Example:
        >>> from tfpix2pix import atomic
        >>> atomic.write_bytes(b"", "cats/train/1.png")
        >>> splits("cats")
        ['train']
    """
    data = existing(data)
    if data.is_file():
        named = manifests.splits(data, places)
        return [split for split in SPLITS if split in named]
    belong_together = layout != "unpaired" and tuple(places) != PAIR
    return [split for split in SPLITS if _has_split(data, split, places, belong_together)]


def listing(
    data: Union[str, os.PathLike],
    split: str,
    layout: str = "auto",
    *,
    places: Sequence[NamedPlace] = PAIR,
) -> Listing:
    """Lists the examples of one split.

    | layout | files |
    | --- | --- |
    | `side_by_side` | `train/1.png`, ...: A in the left half, B in the right one |
    | `folders` | `train/A/1.png` and `train/B/1.jpg`, or `A/train`, or `train_A`; or other places |
    | `manifest` | a CSV or JSONL file of the columns `a` and `b`, and `split` where it has any |
    | `tfrecord` | `train-00000-of-00004.tfrecord`, ..., as `prepare tfrecord` writes them |
    | `unpaired` | `trainA/1.png` and `trainB/7.png`, of no pair; or as `folders`, if asked for |
    | `photos` | `train/1.png`, ...: each a whole image |

    Where there is no `train`, `val` or `test`, all files are listed for any split. Partners are
    found by their path in their folders without the suffix, or by its stem, never by their
    position; see `tfpix2pix.data.stems`.

    Args:
        data: Path of a folder or of a manifest.
        split: `"train"`, `"val"` or `"test"`; or `"held_out"`, the first that there is of test, val
            and train.
        layout: One of `LAYOUTS`; `"auto"` detects it, and takes images in a folder for
            `side_by_side`, and those in `A` and `B` for `folders`.
        places: The images of an example, or the domains of unpaired data,
            `tfpix2pix.data.places.NamedPlace`s; by default those of a pair, and A and B. They give
            the names of folders, of a manifest's columns and of a record's images.

    Returns:
        `Listing`. An unpaired one has all files of a domain before those of the next; see `domain`.

    Raises:
        ValueError: If there is no such data, split or layout, nothing in it, a place has no folder,
            or several files of one share the stem of an example.

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
        layout = detect(data, places)
    if layout not in LAYOUTS:
        raise InputError(
            f"`layout` must be auto or one of {', '.join(LAYOUTS)}. Received: {layout!r}."
        )
    if data.is_dir():
        parents = [data, *(data / name for place in places for name in place.folder_names)]
        check_folders(data, [path.name for parent in parents for path in _folders_in(parent)])
    available = splits(data, places, layout=layout)
    chosen = _chosen_split(data, split, available)
    examples = Listing(layout, *_LISTINGS[layout](data, chosen, tuple(places)))
    if not examples.files and not examples.unmatched:
        raise InputError(
            f"The data must hold images in the layout {layout!r}, as {', '.join(codecs.SUFFIXES)} "
            f"files (a manifest or TFRecords may name or hold them). Received: {str(data)!r}, "
            f"which has none{f' in its split {chosen!r}' if chosen else ''}. Give the folder "
            "that holds the files or its parent with `train` and `test`, or another layout."
        )
    return examples


def domain(name: str, places: Sequence[NamedPlace] = domain_places()) -> Optional[str]:
    """Returns the domain of an example of an unpaired data set.

    Args:
        name: Name of an example in an unpaired `Listing`.
        places: `tfpix2pix.data.places.domain_places`.

    Returns:
        Name of the domain, such as `"A"`; `None` if it is of none of them.

    Example:
        >>> domain("trainA/1.png"), domain("train/B/1.png")
        ('A', 'B')
        >>> domain("cats/train/1.png", domain_places(("apes", "cats")))
        'cats'
    """
    folders = {
        f"{start}{folder}": place.name
        for start in _STARTS
        for place in places
        for folder in place.folder_names
    }
    return next((folders[part] for part in name.split("/") if part in folders), None)


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
    is_manifest = data.is_file() and data.suffix.lower() in manifests.SUFFIXES
    if not data.is_dir() and not is_manifest:
        content = "a file" if data.exists() else "nothing"
        raise InputError(
            "The data must be a folder of images or a manifest (.csv, .jsonl). Received: "
            f"{str(data)!r}, where there is {content}. Give the folder that holds the images or "
            "their `train` folder, and check the spelling."
        )
    return data


def detect(data: Union[str, os.PathLike], places: Sequence[NamedPlace] = PAIR) -> str:
    """Detects the layout of a data set.

    Args:
        data: Path of a folder or of a manifest.
        places: As for `listing`.

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
    if any((data / f"{split}{letter}").is_dir() for split in SPLITS for letter in "AB"):
        return "unpaired"
    needed = [place for place in places if not place.optional]
    if any(_folder(data, split, place) for split in ("", *SPLITS) for place in needed):
        return "folders"
    folders = [data, *(data / split for split in SPLITS)]
    if any(next(folder.glob("*.tfrecord"), None) for folder in folders if folder.is_dir()):
        return "tfrecord"
    return "side_by_side"


def _folder(data, split, place):
    """Returns the folder of a place in a split, or in data without splits; `None` if none is."""
    for name in place.folder_names:
        names = (f"{split}/{name}", f"{name}/{split}", f"{split}_{name}", f"{split}{name}")
        names = names if split else (name,)
        for path in map(data.joinpath, names):
            if path.is_dir():
                return path
    return None


def _domain_folder(data, split, place):
    """Returns the folder of a domain in a split, or in data without splits; `None` if none is."""
    folders = (data / f"{split}{name}" for name in place.folder_names)
    return next(filter(Path.is_dir, folders), None) or _folder(data, split, place)


def _has_split(data, split, places, belong_together):
    """Whether a folder has files of a split, in any layout."""
    if next(data.glob(f"{split}-*.tfrecord"), None):
        return True
    if belong_together:  # Scenes to test on may be without their photos.
        folders = [_folder(data, split, place) for place in places]
        plain = any(path.is_file() for path in entries(data / split))
        filled = dict(zip(places, (folder and any(entries(folder)) for folder in folders)))
        return plain or bool(present(places, filled.get))
    # Half a pair is no data to leave out, but a mistake to tell; and so is a domain alone.
    folders = [find(data, split, place) for find in (_folder, _domain_folder) for place in places]
    return any(any(entries(folder)) for folder in (data / split, *filter(None, folders)))


def _folders_in(folder):
    return filter(Path.is_dir, entries(folder))


def _chosen_split(data, split, available):
    """Returns the split, or `None` if the data set is not divided."""
    if not available:
        return None
    if split == HELD_OUT:
        return next((name for name in ("test", "val") if name in available), "train")
    if split not in available:
        raise InputError(
            f"The data must have the split that is asked for. Received: {split!r} of "
            f"{str(data)!r}, which has {', '.join(available)}. Divide the images into "
            "splits, or ask for one of these."
        )
    return split


def _single_files(data, split, places):
    folder = data / split if split else data
    files = image_files(folder)
    names = [file.relative_to(folder).as_posix() for file in files]
    return names, [(str(file),) for file in files], [], places


def _folders(data, split, places):
    folders = {place: _folder(data, split or "", place) for place in places}
    if places != PAIR:
        _check_folders(data, places)
    places = present(places, folders.get) or places
    named = []
    for place in places:
        folder = folders[place] or data / place.folder_names[0]
        named.append(by_name(folder, image_files(folder)))
    examples, unmatched = stems.matched(named)
    files = [tuple(map(str, paths)) for paths in examples.values()]
    return list(examples), files, list(map(str, unmatched)), places


def _check_folders(data, places):
    """Refuses named places without a folder; of a pair the files without partner are named."""
    missing = [
        place
        for place in places
        if not place.optional and not any(_folder(data, split, place) for split in ("", *SPLITS))
    ]
    if missing:
        name = places[0].folder_names[0]
        called = ", ".join(called for place in missing for called in place.folder_names)
        raise InputError(
            f"Each place of an example must have its folder, as train_{name}, train/{name} or "
            f"{name}/train. Received: {str(data)!r}, which has none of "
            f"{', '.join(place.name for place in missing)}. Add what is missing; it may be called "
            f"{called}."
        )


def _unpaired(data, split, places):
    folders = [_domain_folder(data, split or "", place) for place in places]
    images = [image_files(folder) if folder else [] for folder in folders]
    if not all(images):
        names = [place.folder_names[0] for place in places]
        counts = [f"{len(files)} images of {name}" for files, name in zip(images, names)]
        raise InputError(
            "Unpaired data must have images of all domains, in the folders "
            f"{joined([f'train{name}' for name in names])}, or "
            f"{joined([f'train/{name}' for name in names])}. Received: {str(data)!r}, which has "
            f"{joined(counts)}{f' in its split {split!r}' if split else ''}. Add the others."
        )
    files = [file for of_domain in images for file in of_domain]
    names = [file.relative_to(data).as_posix() for file in files]
    return names, [(str(file),) for file in files], [], places


def _tfrecords(data, split, places):
    shards = sorted(data.glob(f"{split or ''}*.tfrecord"))
    shards += sorted((data / split).glob("*.tfrecord")) if split else []
    check_shards(shards)
    return [shard.name for shard in shards], [(str(shard),) for shard in shards], [], places


_LISTINGS = {
    "side_by_side": _single_files,
    "folders": _folders,
    "manifest": manifests.listed,
    "tfrecord": _tfrecords,
    "unpaired": _unpaired,
    "photos": _single_files,
}
