"""Palettes: the colours of the classes of label maps, and colours as single numbers."""

from collections.abc import Mapping
from typing import Union

import numpy as np

from tfpix2pix.errors import InputError

# The classes of the CMP Facade Database (Tylecek and Sara, 2013) in the colours of pix2pix's label
# maps, which are not those of the database: the commonest colours of its 506 JPEG files, as
# `tfpix2pix.doctor` finds them.
CMP_FACADES = {
    "background": (0, 0, 222),
    "facade": (0, 48, 255),
    "window": (0, 128, 255),
    "door": (1, 207, 255),
    "cornice": (32, 255, 224),
    "sill": (112, 254, 142),
    "balcony": (192, 255, 63),
    "blind": (255, 240, 1),
    "deco": (255, 159, 0),
    "molding": (255, 80, 0),
    "pillar": (254, 0, 0),
    "shop": (174, 0, 1),
}

PALETTES = {"cmp_facades": CMP_FACADES}


def palette(labels: Union[int, str, Mapping, None]) -> Union[int, Mapping, None]:
    """Returns labels, with the colours of a palette in place of its name.

    Args:
        labels: `None`, a count, a dict of class name to RGB colour, or a name of `PALETTES`.

    Returns:
        The same, or the dict of the palette.

    Raises:
        ValueError: If there is no such palette, or a count is below 2.

    Example:
        >>> palette("cmp_facades")["window"]
        (0, 128, 255)
    """
    if isinstance(labels, str) and labels in PALETTES:
        return PALETTES[labels]
    if labels is None or (not isinstance(labels, str) and class_count(labels) > 1):
        return labels
    raise InputError(
        "Labels must be a count of at least 2 classes, a dict of 2 or more class names to RGB "
        f"colours, or one of {', '.join(PALETTES)}. Received: {labels!r}."
    )


def class_count(labels: Union[int, Mapping]) -> int:
    """Returns the number of classes of labels.

    Args:
        labels: The count itself, or a dict of class name to RGB colour.

    Returns:
        int.

    Example:
        >>> class_count(5), class_count(PALETTES["cmp_facades"])
        (5, 12)
    """
    return labels if isinstance(labels, int) else len(labels)


def packed(rgb: np.ndarray) -> np.ndarray:
    """Returns colours as one number each.

    Args:
        rgb: uint8 `[..., 3]`.

    Returns:
        uint32 `[...]`, `65536 * red + 256 * green + blue`.

    Example:
        >>> int(packed(np.array([1, 0, 2], "uint8")))
        65538
    """
    red, green, blue = np.moveaxis(rgb, -1, 0).astype("uint32")
    return (red << 16) + (green << 8) + blue


def unpacked(codes: Union[int, np.ndarray]) -> np.ndarray:
    """Returns the colours of packed numbers.

    Args:
        codes: int or int array, as `packed` returns.

    Returns:
        int array `[..., 3]`.

    Example:
        >>> unpacked(65538).tolist()
        [1, 0, 2]
    """
    codes = np.asarray(codes, "int64")
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1)
