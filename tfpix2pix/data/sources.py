"""Sources: where image pairs lie, how one is read, and whether all can be."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, NamedTuple

import tensorflow as tf
from PIL import Image

from tfpix2pix.data import images
from tfpix2pix.errors import InputError

DIRECTIONS = ("AtoB", "BtoA")

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif")
MOST_NAMED = 5  # How many faulty files an error names.


class Pairs(NamedTuple):
    """Image pairs that can be read one by one, in any order.

    Attributes:
        files: Path of each pair, in a fixed order.
        read: TensorFlow function of a path, string scalar, to `(source, target)`, each uint8
            `[height, width, 3]`.

    Example:
        >>> pairs = Pairs(["pair.png"], read_side_by_side)
        >>> len(pairs.files)
        1
    """

    files: list[str]
    read: Callable


def split_folder(folder, split):
    """Returns the folder of one split: `folder/split` where that exists, else `folder` itself.

    Args:
        folder: Folder of a data set.
        split: `"train"`, `"test"` or `"val"`.

    Raises:
        ValueError: If `folder` is no folder.

    Example:
        >>> split_folder(".", "no-such-split")
        PosixPath('.')
    """
    folder = Path(folder)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "nothing"
        raise InputError(
            f"The data must be a folder of image pairs. Received: {str(folder)!r}, where there "
            f"is {found}. Give the folder that holds the images or their `train` folder, and "
            "check the spelling."
        )
    return folder / split if (folder / split).is_dir() else folder


def side_by_side(folder, direction="AtoB"):
    """Finds the files of a folder that each hold a pair, left half A and right half B.

    Every file is decoded once, so that training cannot die of a broken one later.

    Args:
        folder: Folder of PNG, JPEG, BMP or GIF files; other files and folders are left out.
        direction: `"AtoB"` when the left half is the source, `"BtoA"` when the right one is.

    Returns:
        `Pairs` in the order of the files' names.

    Raises:
        ValueError: If the direction is unknown, there is no such file, or some are broken or of odd
            width; names them.

    Example:
        >>> side_by_side("facades/train", direction="BToA")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: `direction` must be 'AtoB' or 'BtoA'. Received: ...
    """
    if direction not in DIRECTIONS:
        raise InputError(
            f"`direction` must be 'AtoB' or 'BtoA'. Received: direction={direction!r}."
        )
    folder = Path(folder)
    paths = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        raise InputError(
            f"The data folder must contain image pairs as {', '.join(SUFFIXES)} files, each with "
            f"A in its left and B in its right half. Received: {str(folder)!r}, which has none. "
            "Give the folder that holds the files or its parent with `train` and `test`."
        )
    with ThreadPoolExecutor() as pool:  # Pillow decodes outside the interpreter's lock.
        faults = [fault for fault in pool.map(_fault, paths) if fault]
    if faults:
        more = f" and {len(faults) - MOST_NAMED} more" if len(faults) > MOST_NAMED else ""
        raise InputError(
            "Every file must be a readable image of even width, A in its left and B in its "
            f"right half. Received {len(faults)} of {len(paths)} that are not: "
            f"{'; '.join(faults[:MOST_NAMED])}{more}. Replace or remove them."
        )
    read = read_side_by_side if direction == "AtoB" else lambda path: read_side_by_side(path)[::-1]
    return Pairs([str(path) for path in paths], read)


def read_side_by_side(path):
    """Reads a file whose left half is A and whose right half is B.

    Args:
        path: string scalar.

    Returns:
        `(a, b)`, each uint8 `[height, width / 2, 3]`.

    Example:
        >>> image = images.encode(tf.zeros((4, 8, 3), "uint8"))
        >>> tf.io.write_file("pair.png", image)
        >>> read_side_by_side("pair.png")[0].shape
        TensorShape([4, 4, 3])
    """
    both = images.decode(tf.io.read_file(path))
    width = tf.shape(both)[1] // 2
    return both[:, :width], both[:, width:]


def _fault(path):
    try:
        with Image.open(path) as image:
            image.load()
            width = image.width
    except (OSError, SyntaxError, ValueError) as error:  # Pillow raises SyntaxError for broken PNG.
        return f"{path} cannot be decoded ({error})"
    return f"{path} is {width} pixels wide" if width % 2 else None
