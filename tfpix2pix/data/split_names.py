"""Split names: train, val and test, and what else people call them."""

from collections.abc import Iterable
from typing import Optional

from tfpix2pix.errors import InputError, listed

SPLITS = ("train", "val", "test")
_OTHER = {"training": "train", "trn": "train", "valid": "val", "validation": "val", "dev": "val"}
_OTHER |= {"testing": "test", "tst": "test"}


def meant_split(name: str) -> Optional[str]:
    """Returns the split that a name means.

    Args:
        name: Any name, such as of a folder.

    Returns:
        One of `SPLITS`, or `None`.

    Example:
        >>> meant_split("Validation"), meant_split("train"), meant_split("cats")
        ('val', 'train', None)
    """
    plain = name.strip().lower()
    return plain if plain in SPLITS else _OTHER.get(plain)


def check_folders(data, names: Iterable[str]) -> None:
    """Refuses folders that are splits under other names, whose images would be trained on.

    Args:
        data: Path of the data set.
        names: Names of the folders in it, and of those in folders A and B.

    Raises:
        ValueError: If there are such folders; names them.

    Example:
        >>> check_folders("cats", ["train", "kittens"])
    """
    wrong = {name: _meant_folder(name) for name in sorted(set(names))}
    wrong = {name: meant for name, meant in wrong.items() if meant not in (name, None)}
    if wrong:
        cure = listed([f"{name} to {meant}" for name, meant in wrong.items()])
        raise InputError(
            f"Folders of splits must be called {', '.join(SPLITS)}. Received: {str(data)!r} with "
            f"{listed(list(wrong))}, whose images would all be trained on. Rename {cure}."
        )


def _meant_folder(name):
    """Returns what a folder is to be called: `train_A` of `Training_A`, `trainA` of `TrainA`."""
    head, separator, rest = name.partition("_")
    split = meant_split(head)
    if split is None and not separator and name[-1:].isupper():
        head, rest = name[:-1], name[-1]
        split = meant_split(head)
    return None if split is None else f"{split}{separator}{rest}"
