"""Strokes: a transparent picture of colours, as the points that stand for them."""

import numpy as np

from tfpix2pix.errors import InputError

MOST_SIDE = 256  # Pixels of the longer side at which strokes become squares.


def stroke_points(pixels: np.ndarray, size: tuple[int, int], most: int) -> list[list[float]]:
    """Returns the points that strokes stand for: squares of one colour, with no gap between.

    Strokes of more than 256 pixels on a side are reduced by the nearest pixel first.

    Args:
        pixels: uint8 `[height, width, channels]`, grey or RGB and the opacity: transparent where
            there is no stroke.
        size: `(height, width)` of the image that the hints are for.
        most: How many points there may be.

    Returns:
        List of rows `[y, x, red, green, blue, radius]`, in pixels of the image.

    Raises:
        ValueError: If nothing can be transparent, the size is another, or there are too many.

    Example:
        >>> strokes = np.zeros((4, 6, 4), "uint8")
        >>> strokes[1:3, 2:4] = (255, 0, 0, 255)
        >>> stroke_points(strokes, (4, 6), most=9)
        [[1.5, 2.5, 255, 0, 0, 0.5]]
    """
    if pixels.dtype != "uint8":
        raise InputError(
            f"Strokes must have 8 bits. Received: {pixels.dtype}. Save them with 8 bits."
        )
    if pixels.shape[-1] not in (2, 4):
        raise InputError(
            "Strokes must be transparent where there are none. Received: a picture without "
            "transparency. Save it with a layer of strokes alone, or give the points as JSON."
        )
    if pixels.shape[:2] != tuple(size):
        raise InputError(
            f"Strokes must be as high and wide as their image, {size[0]} x {size[1]} pixels. "
            f"Received: {pixels.shape[0]} x {pixels.shape[1]}. Save them at that size."
        )
    step = -(-max(size) // MOST_SIDE)
    rows, columns = (np.minimum(np.arange(0, side, step) + step // 2, side - 1) for side in size)
    small = pixels[np.ix_(rows, columns)].astype(int)
    colors = np.broadcast_to(small[..., :-1], (*small.shape[:2], 3))
    left = np.where(small[..., -1] > 127, colors @ [65536, 256, 1], -1)
    points = []
    for row, column in np.argwhere(left >= 0).tolist():
        if left[row, column] < 0:  # It is within an earlier square.
            continue
        side = _take_square(left, row, column)
        radius = (side * step - 1) / 2
        y, x = (
            min(start * step + radius, whole - 1.0) for start, whole in zip((row, column), size)
        )
        points.append([y, x, *colors[row, column].tolist(), radius])
    if len(points) > most:
        raise InputError(
            f"There may be at most {most} hints. Received: strokes that are {len(points)} squares "
            "of one colour. Use broader strokes of fewer colours."
        )
    return points


def _take_square(colors, row, column):
    """Takes out the largest square of one colour that begins at a place; returns its side."""
    color = colors[row, column]
    most = min(colors.shape[0] - row, colors.shape[1] - column)
    side = 1
    while side < most and (colors[row : row + side + 1, column : column + side + 1] == color).all():
        side += 1
    colors[row : row + side, column : column + side] = -1
    return side
