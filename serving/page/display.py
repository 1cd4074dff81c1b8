"""Colours in which the page shows label maps, whose own are often too dark to tell apart."""

import colorsys
from collections.abc import Mapping

import numpy as np

ALIKE = 32  # Levels of grey within which eyes do not tell two classes apart.
SHADES = ((0.75, 0.9), (0.5, 0.65), (0.9, 0.55))  # Saturation and value.


def distinct_colors(count: int) -> list[list[int]]:
    """Returns colours as far apart as they can be, none of them grey.

    Args:
        count: How many.

    Returns:
        List of `[red, green, blue]` in [0, 255].

    Example:
        >>> distinct_colors(1)
        [[230, 57, 57]]
    """
    colors = []
    for index in range(count):
        # Neighbours are a golden angle apart.
        saturation, value = SHADES[index // 12 % len(SHADES)]
        levels = colorsys.hsv_to_rgb((0.618 * index) % 1, saturation, value)
        colors.append([round(255 * level) for level in levels])
    return colors


def shown_palette(palette: Mapping[str, list]) -> dict[str, list]:
    """Returns the colours in which the page shows classes.

    Args:
        palette: Dict of the name of each class to the RGB colour that the model knows.

    Returns:
        Dict of the same names to RGB colours: others, where the model's are numbers of classes,
        greys of which some are alike.

    Example:
        >>> shown_palette({"road": [7, 7, 7], "car": [8, 8, 8]})["road"]
        [230, 57, 57]
        >>> shown_palette({"wall": [0, 0, 0], "door": [255, 255, 255]})["wall"]
        [0, 0, 0]
    """
    colors = np.array(list(palette.values()), int).reshape(-1, 3)
    levels = np.sort(colors[:, 0])
    if (colors == colors[:, :1]).all() and (np.diff(levels) < ALIKE).any():
        return dict(zip(palette, distinct_colors(len(palette))))
    return dict(palette)


def recolored(pixels, palette: Mapping[str, list]):
    """Turns the colours that the model knows into those that the page shows.

    Args:
        pixels: uint8 `[height, width, 3]`.
        palette: As of `shown_palette`.

    Returns:
        uint8 `[height, width, 3]`; colours of no class stay.

    Example:
        >>> palette = {"road": [7, 7, 7], "car": [8, 8, 8]}
        >>> recolored(np.full((1, 1, 3), 7, "uint8"), palette).tolist()
        [[[230, 57, 57]]]
    """
    colors = shown_palette(palette)
    result = pixels.copy()
    for name, color in palette.items():
        result[(pixels == np.array(color, "uint8")).all(-1)] = colors[name]
    return result
