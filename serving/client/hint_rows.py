"""Points: hints as people write them, and strokes of a PNG file, as rows of six numbers.

`tfpix2pix/inference/points.py` and `tfpix2pix/translation/strokes.py` are the truth; this is the
same without NumPy and TensorFlow.
"""

import math
from typing import Any, Optional

from PIL import Image

from serving.client.failures import BadArgument

POINT = 6  # Row, column, red, green, blue, radius.
NO_POINT = [0.0, 0.0, 0.0, 0.0, 0.0, -1.0]
MOST_SIDE = 256  # Pixels of the longer side at which strokes become squares.
RULE = (
    "Hints must be points (y, x, (red, green, blue), radius) of numbers in pixels of the image and "
    "colours in [0, 255]; a radius below 0 is no hint."
)
_FORM = f"{RULE} Received: "


def point_rows(points: Any, most: Optional[int] = None) -> list[list[float]]:
    """Returns points as rows of six numbers.

    Args:
        points: Sequence of `(y, x, (red, green, blue), radius)`, of which the radius may be left
            out for 0, or of `(y, x, red, green, blue, radius)`; or an array `[points, 6]`.
        most: How many there may be; by default any number.

    Returns:
        List of lists of floats. Of no points it has one of a radius of -1, which is no hint, since
        JSON does not tell the shape of a list without rows.

    Raises:
        BadArgument: If they are anything else, too many, or have no colour or place.

    Example:
        >>> point_rows([(5, 9, (255, 0, 0), 2)])
        [[5.0, 9.0, 255.0, 0.0, 0.0, 2.0]]
    """
    points = points.tolist() if hasattr(points, "tolist") else points
    if not isinstance(points, (list, tuple)):
        raise BadArgument(f"{_FORM}{points!r:.100}. Give a list of points.")
    if most is not None and len(points) > most:
        raise BadArgument(
            f"There may be at most {most} hints. Received: {len(points)}. Leave some out."
        )
    return [_row(point) for point in points] or [NO_POINT]


def _row(point):
    is_list = isinstance(point, (list, tuple))
    flat = []
    for value in point if is_list else [point]:
        flat += value if isinstance(value, (list, tuple)) else [value]
    if is_list and len(point) == 3 and len(flat) == POINT - 1:
        flat.append(0)
    try:
        numbers = [float(value) for value in flat]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != POINT:
        raise BadArgument(f"{_FORM}{point!r:.100}. Correct this point.")
    y, x, *color, radius = numbers
    places_fit = all(map(math.isfinite, numbers)) and min(y, x) >= 0
    if not (radius < 0 or (places_fit and all(0 <= level <= 255 for level in color))):
        raise BadArgument(f"{_FORM}{point!r:.100}. Correct or remove it.")
    return numbers


def stroke_points(image: Image.Image, size: tuple[int, int], most: int) -> list[list[float]]:
    """Returns the points that strokes stand for: squares of one colour, with no gap between.

    Strokes of more than 256 pixels on a side are reduced by the nearest pixel first.

    Args:
        image: `PIL.Image.Image` of 8 bits, transparent where there is no stroke.
        size: `(height, width)` of the image that the hints are for.
        most: How many points there may be.

    Returns:
        List of rows `[y, x, red, green, blue, radius]`, in pixels of the image.

    Raises:
        ValueError: If nothing can be transparent, the size is another, or there are too many.

    Example:
        >>> strokes = Image.new("RGBA", (6, 4))
        >>> strokes.paste((255, 0, 0, 255), (2, 1, 4, 3))
        >>> stroke_points(strokes, (4, 6), most=9)
        [[1.5, 2.5, 255, 0, 0, 0.5]]
    """
    if image.mode not in ("LA", "RGBA"):
        raise ValueError(
            "Strokes must be transparent where there are none. Received: a picture without "
            "transparency. Save it with a layer of strokes alone, or give the points as JSON."
        )
    if (image.height, image.width) != tuple(size):
        raise ValueError(
            f"Strokes must be as high and wide as their image, {size[0]} x {size[1]} pixels. "
            f"Received: {image.height} x {image.width}. Save them at that size."
        )
    step = -(-max(size) // MOST_SIDE)
    rows, columns = (
        [min(start + step // 2, side - 1) for start in range(0, side, step)] for side in size
    )
    pixels = image.convert("RGBA").load()
    small = [[pixels[column, row] for column in columns] for row in rows]
    colors = [[pixel[:3] if pixel[3] > 127 else None for pixel in row] for row in small]
    points = []
    for row, line in enumerate(colors):
        for column, color in enumerate(line):
            if color is None:  # Or it is within an earlier square.
                continue
            side = _take_square(colors, row, column)
            radius = (side * step - 1) / 2
            y, x = (
                min(start * step + radius, whole - 1.0) for start, whole in zip((row, column), size)
            )
            points.append([y, x, *color, radius])
    if len(points) > most:
        raise ValueError(
            f"There may be at most {most} hints. Received: strokes that are {len(points)} squares "
            "of one colour. Use broader strokes of fewer colours."
        )
    return points


def _take_square(colors, row, column):
    """Takes out the largest square of one colour that begins at a place; returns its side."""
    color = colors[row][column]
    most = min(len(colors) - row, len(colors[0]) - column)
    side = 1
    while side < most:
        border = [line[column + side] for line in colors[row : row + side]]
        border += colors[row + side][column : column + side + 1]
        if any(one != color for one in border):
            break
        side += 1
    for line in colors[row : row + side]:
        line[column : column + side] = [None] * side
    return side
