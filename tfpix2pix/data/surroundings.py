"""Surroundings: bars at the sides of an image, and plain backgrounds of what it shows."""

import numpy as np

BAR_LEVELS = 12  # That JPEG changes in a bar beside a picture.
BAR_LEAST = 0.02  # Of a side; what is thinner is a line.
BAR_MOST = 0.45
BAR_MOST_OFF = 0.02  # Share of the pixels of a line in a bar that have another colour.
# Of the first lines beside a bar one has at least this share of pixels that are so far from its
# colour. On a white background, a subject begins with a few; a sky changes little by little.
PICTURE_LEAST_OFF = 0.6
PICTURE_LEVELS = 24
EDGE = 3  # Lines in which a bar becomes the picture, where it was resized.
PLAIN_LEVELS = 16  # Between pixels of a plain background, a paper or a wall.
PLAIN_SHARE = 0.8  # Of the rim, which has to be nearly of one colour.


def bars(planes: np.ndarray) -> tuple[float, float, float, float]:
    """Measures the bars of one colour on opposite sides, as films have them above and below.

    Args:
        planes: uint8 `[channels, height, width]`.

    Returns:
        `(top, bottom, left, right)`, shares of the height and of the width, 0 where no bar is.
        Bars without a bar of the same colour on the opposite side do not count.

    Example:
        >>> film = np.random.default_rng(0).integers(50, 200, (3, 80, 80)).astype("uint8")
        >>> film[:, :8] = film[:, 72:] = 0
        >>> bars(film)
        (0.1, 0.1, 0.0, 0.0)
    """
    upright = _opposite_bars(planes)
    return *upright, *_opposite_bars(np.swapaxes(planes, 1, 2))


def _opposite_bars(planes):
    """Returns the heights of the upper and the lower bar, as shares."""
    colors = [np.median(planes[:, row], axis=1) for row in (0, -1)]
    heights = [_bar(planes, colors[0]), _bar(planes[:, ::-1], colors[1])]
    if np.abs(colors[0] - colors[1]).max() > BAR_LEVELS or not all(heights):
        return 0.0, 0.0
    return tuple(height / planes.shape[1] for height in heights)


def _bar(planes, color):
    """Returns how many of the first lines are a bar beside a picture."""
    lines = planes.shape[1]
    if _off(planes[:, :1], color) > BAR_MOST_OFF:
        return 0
    off = _off(planes[:, : int(lines * BAR_MOST) + 1], color)
    height = int((off > BAR_MOST_OFF).argmax())
    beside = _off(planes[:, height : height + EDGE], color, PICTURE_LEVELS)
    is_edge = beside.max() >= PICTURE_LEAST_OFF
    return height if is_edge and BAR_LEAST * lines <= height <= BAR_MOST * lines else 0


def _off(planes, color, levels=BAR_LEVELS):
    """Returns the share of the pixels of each line that have another colour."""
    distance = np.abs(planes - color[:, None, None]).max(axis=0)
    return (distance > levels).mean(axis=1)


def plain_background(sketch: np.ndarray) -> np.ndarray:
    """Finds the colour that lies all around what an image shows.

    Args:
        sketch: uint8 `[height, width, 3]`, a reduced image.

    Returns:
        float64 `[3]`, the colour of the rim, or `[0]` where the rim has many.

    Example:
        >>> shoe = np.full((16, 16, 3), 255, "uint8")
        >>> shoe[4:12, 2:14] = 90
        >>> plain_background(shoe).tolist()
        [255.0, 255.0, 255.0]
    """
    rim = np.concatenate([sketch[0], sketch[-1], sketch[1:-1, 0], sketch[1:-1, -1]])
    color = np.median(rim, axis=0)
    is_plain = (np.abs(rim - color).max(axis=-1) <= PLAIN_LEVELS).mean() >= PLAIN_SHARE
    return color if is_plain else np.zeros(0)
