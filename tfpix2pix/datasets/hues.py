"""Hues: the dominant colour in named boxes of faces, as a table of attributes.

It looks at colours in fixed places, and does not know what hair is: of a hat, a hand or a turned
head it names what is there.
"""

import csv
import io
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Union

import numpy as np

from tfpix2pix import atomic
from tfpix2pix.data import codecs, formats, sources
from tfpix2pix.data.layouts import existing
from tfpix2pix.data.parallel import Progress, map_in_parallel, silent
from tfpix2pix.errors import InputError


class Box(NamedTuple):
    """A part of an image, in parts of its sides.

    Attributes:
        top: Upper border.
        bottom: Lower border.
        left: Left border.
        right: Right border.
        skin: Whether `"all"` pixels count, or only those that are `"none"`: such as of an iris.

    Example:
        >>> BOXES["hair"].pixels(np.zeros((100, 50, 3))).shape
        (400, 3)
    """

    top: float
    bottom: float
    left: float
    right: float
    skin: str = "all"

    def pixels(self, image: np.ndarray) -> np.ndarray:
        """Returns the pixels of an image `[height, width, channels]`, `[count, channels]`."""
        height, width, channels = image.shape
        rows = slice(round(self.top * height), max(round(self.bottom * height), 1))
        columns = slice(round(self.left * width), max(round(self.right * width), 1))
        pixels = image[rows, columns].reshape(-1, channels)
        if self.skin == "none":
            unit = pixels / 255
            value = unit.max(-1)
            hue = hue_degrees(unit)
            warm = (hue < SKIN_HUES[1]) | (hue > SKIN_HUES[0])
            is_skin = warm & (value > SKIN_VALUE) & (unit.min(-1) > SKIN_LEAST * value)
            pixels = pixels[~is_skin] if not is_skin.all() else pixels
        return pixels


# Of upright faces that fill the image, as anime faces of cascades do.
BOXES = {
    "hair": Box(0.04, 0.24, 0.3, 0.7),
    "eyes": Box(0.46, 0.62, 0.22, 0.78, "none"),
}
SKIN_HUES = (330, 45)  # Degrees: from the first over red to the second,
SKIN_VALUE = 0.6  # light,
SKIN_LEAST = 0.4  # and pale: its least channel is this part of its largest or more.
# The first degree of each hue, on the circle of HSV; red is also what is before the first.
HUES = {
    "orange": 15,
    "yellow": 42,
    "green": 70,
    "aqua": 165,
    "blue": 195,
    "purple": 255,
    "pink": 300,
    "red": 345,
}
BROWN = ("orange", 0.65)  # An orange whose mean value is less.
LEAST_SATURATION = 0.15
LEAST_VALUE = 0.15
LEAST_COLORED = 0.3  # Share of pixels that have a hue, of a box that has one.
GREYS = {"black": 0.25, "grey": 0.7, "white": 1.0}  # Up to which mean value.


def dominant_color(pixels: np.ndarray) -> str:
    """Names the dominant colour of pixels: a hue, or of few coloured ones how light they are.

    Args:
        pixels: uint8 `[count, 3]`, RGB.

    Returns:
        A key of `HUES` or of `GREYS`, or `"brown"`.

    Example:
        >>> dominant_color(np.array([[250, 30, 40], [200, 10, 0], [90, 90, 90]], "uint8"))
        'red'
        >>> dominant_color(np.array([[90, 91, 90]], "uint8"))
        'grey'
    """
    unit = pixels.astype("float64") / 255
    value = unit.max(-1)
    chroma = value - unit.min(-1)
    saturation = chroma / np.maximum(value, 1e-9)
    is_colored = (saturation >= LEAST_SATURATION) & (value >= LEAST_VALUE)
    if is_colored.mean() < LEAST_COLORED:
        return next(name for name, most in GREYS.items() if value.mean() <= most)
    names = np.array([*HUES])
    starts = np.array([*HUES.values()])
    # Those before the first hue are of the last one.
    numbers = np.searchsorted(starts, hue_degrees(unit[is_colored]), side="right") - 1
    weights = np.bincount(numbers % len(names), chroma[is_colored], len(names))
    dominant = names[weights.argmax()].item()
    light = value[is_colored][numbers % len(names) == weights.argmax()].mean()
    return "brown" if dominant == BROWN[0] and light < BROWN[1] else dominant


def hue_degrees(unit: np.ndarray) -> np.ndarray:
    """Returns the hues of colours.

    Args:
        unit: float `[..., 3]` in [0, 1], RGB.

    Returns:
        float64 `[...]` in [0, 360), 0 of greys.

    Example:
        >>> hue_degrees(np.array([[1.0, 0.5, 0.0], [0.0, 0.0, 1.0]])).tolist()
        [30.0, 240.0]
    """
    red, green, blue = np.moveaxis(np.asarray(unit, "float64"), -1, 0)
    # The angle of the colour seen along the axis of greys, by the hexagon of HSV.
    most = np.maximum(np.maximum(red, green), blue)
    chroma = most - np.minimum(np.minimum(red, green), blue)
    safe = np.where(chroma == 0, 1.0, chroma)
    sector = np.select(
        [chroma == 0, most == red, most == green],
        [0.0, (green - blue) / safe, 2 + (blue - red) / safe],
        4 + (red - green) / safe,
    )
    return 60 * sector % 360


def write_hues(
    data: Union[str, os.PathLike],
    to: Union[str, os.PathLike],
    *,
    domain: str = "B",
    boxes: Mapping[str, Box] = BOXES,
    domains: Sequence[str] = ("A", "B"),
    progress: Progress = silent,
) -> dict[str, dict[str, int]]:
    """Writes the dominant colours in boxes of all images of a domain, as a table of attributes.

    Args:
        data: Folder of unpaired data.
        to: CSV file to write.
        domain: Whose images.
        boxes: Dict of the names of columns to `Box`es.
        domains: Names of the domains of the data.
        progress: As in `tfpix2pix.datasets.jobs.run`.

    Returns:
        Dict of the columns to how many images have each colour, the most frequent first.

    Raises:
        ValueError: If there is no such domain, or it has no images in files, some are broken, or
            there are no boxes.

    Example:
        >>> for name, red in (("ogres/trainA/1.png", 0), ("ogres/trainB/1.png", 200)):
        ...     codecs.write(np.full((8, 8, 3), (red, 0, 0), "uint8"), name)
        >>> write_hues("ogres", "ogres.csv")
        {'hair': {'red': 1}, 'eyes': {'red': 1}}
        >>> from pathlib import Path
        >>> Path("ogres.csv").read_text().splitlines()
        ['image,hair,eyes', 'trainB/1.png,red,red']
    """
    if domain not in domains or not boxes:
        raise InputError(
            f"Colours are measured in one box at least, of one of the domains "
            f"{', '.join(domains)}. Received: domain={domain!r}, {len(boxes)} boxes. Correct them."
        )
    folder = existing(data)
    names = sources.unpaired_names(folder, domains)[domain]
    if not names:
        raise InputError(
            f"Colours are measured of images in folders such as train{domain}. Received: "
            f"{str(data)!r}, which has none. Name another domain."
        )
    rgb = formats.PixelFormat(3, "uint8", (0.0, 255.0))

    def colors(name):
        image = formats.fitting(codecs.read(folder / name), rgb)
        return [dominant_color(box.pixels(image)) for box in boxes.values()]

    rows = list(map_in_parallel(colors, names, progress))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", *boxes])
    writer.writerows([name, *row] for name, row in zip(names, rows))
    atomic.write_bytes(text.getvalue().encode(), to)
    return {
        column: dict(Counter(row[k] for row in rows).most_common())
        for k, column in enumerate(boxes)
    }
