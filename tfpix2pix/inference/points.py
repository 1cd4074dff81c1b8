"""Points: hints as people write them, as rows of six numbers, and what is refused of them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfpix2pix.errors import InputError

POINT = 6  # Row, column, red, green, blue, radius.
MOST_POINTS = 4096
RULE = (
    "Hints must be points (y, x, (red, green, blue), radius) of numbers in pixels of the image and "
    "colours in [0, 255]; a radius below 0 is no hint."
)
_FORM = f"{RULE} Received: "


def point_rows(points: Any) -> np.ndarray:
    """Returns points as rows of six numbers.

    Args:
        points: Sequence of `(y, x, (red, green, blue), radius)`, of which the radius may be left
            out for 0, or of `(y, x, red, green, blue, radius)`; or a sequence of such sequences,
            one for each image.

    Returns:
        float32 `[points, 6]`, or `[images, points, 6]`, filled up with rows of a radius of -1.

    Raises:
        ValueError: If they are anything else.

    Example:
        >>> point_rows([(5, 9, (255, 0, 0), 2), (7, 7, (0, 0, 255))]).tolist()
        [[5.0, 9.0, 255.0, 0.0, 0.0, 2.0], [7.0, 7.0, 0.0, 0.0, 255.0, 0.0]]
        >>> point_rows([]).shape
        (0, 6)
    """
    if isinstance(points, np.ndarray):
        points = points.tolist() if points.size else []
    if not isinstance(points, Sequence) or isinstance(points, str):
        raise InputError(f"{_FORM}{points!r:.100}. Give a list of points.")
    if points and all(_is_list(one) and all(map(_is_list, one)) for one in points):
        rows = [point_rows(one) for one in points]
        most = max(map(len, rows))
        filled = np.full((len(rows), most, POINT), (0.0, 0, 0, 0, 0, -1), "float32")
        for image, own in zip(filled, rows):
            image[: len(own)] = own
        return filled
    return np.array([_row(point) for point in points], "float32").reshape(-1, POINT)


def _is_list(value):
    return isinstance(value, (list, tuple, np.ndarray))


def _row(point):
    flat = []
    for value in point if _is_list(point) else [point]:
        flat += value if _is_list(value) else [value]
    if _is_list(point) and len(point) == 3 and len(flat) == POINT - 1:
        flat.append(0)
    try:
        numbers = [float(value) for value in flat]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != POINT or isinstance(point, str):
        raise InputError(f"{_FORM}{point!r:.100}. Correct this point.")
    return numbers


def scaled_points(rows: np.ndarray, factor: float) -> np.ndarray:
    """Returns points at the same places of an image of another size.

    Args:
        rows: float32 `[..., 6]`, see `point_rows`.
        factor: By how much the image is enlarged.

    Returns:
        float32 `[..., 6]`; those that are no hints stay so.

    Example:
        >>> scaled_points(point_rows([(1, 2, (255, 0, 0), 0.5)]), 2.0).tolist()
        [[2.5, 4.5, 255.0, 0.0, 0.0, 1.5]]
    """
    places = np.maximum((rows[..., :2] + 0.5) * factor - 0.5, 0)
    radius = rows[..., 5:]
    scaled = np.where(radius < 0, radius, np.maximum((radius + 0.5) * factor - 0.5, 0))
    return np.concatenate([places, rows[..., 2:5], scaled], axis=-1).astype("float32")


def checked_points(points, source):
    """Refuses points that are outside of their image or have no colour.

    Args:
        points: float `[batch, points, 6]`, see `point_rows`.
        source: `[batch, height, width, channels]`.

    Returns:
        The points.

    Raises:
        ValueError: If there are more than 4,096, or one is not finite, has a colour that is none or
            is outside; in a graph `tf.errors.InvalidArgumentError`, when it is run.

    Example:
        >>> checked_points(tf.constant([[[9, 0, 255, 0, 0, 1.0]]]), tf.zeros((1, 8, 8, 3)))
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: Hints must be points (y, x, (red, green, blue), radius) ...
    """
    sides = tf.cast(tf.shape(source)[1:3], "float32")
    is_point = tf.logical_not(points[..., 5] < 0)
    inside = tf.reduce_all((points[..., :2] >= 0) & (points[..., :2] < sides), -1)
    has_color = tf.reduce_all((points[..., 2:5] >= 0) & (points[..., 2:5] <= 255), -1)
    right = inside & has_color & tf.math.is_finite(points[..., 5])
    wrong = tf.boolean_mask(points, is_point & ~right)[:1]
    count = tf.shape(points)[1]
    if not tf.executing_eagerly():
        few = tf.debugging.Assert(
            count <= MOST_POINTS,
            [f"There may be at most {MOST_POINTS} hints. Received:", count, "Leave some out."],
        )
        fit = tf.debugging.Assert(
            tf.size(wrong) == 0,
            [RULE, "Received: [y x red green blue radius]", wrong, "of an image of", sides],
            summarize=POINT,
        )
        with tf.control_dependencies([few, fit]):
            return tf.identity(points)
    if count > MOST_POINTS:
        raise InputError(
            f"There may be at most {MOST_POINTS} hints. Received: {count.numpy()}. Leave some out."
        )
    if len(wrong):
        y, x, *color, radius = (_plain(value) for value in wrong[0].numpy().tolist())
        height, width = (int(side) for side in sides)
        raise InputError(
            f"{_FORM}({y}, {x}, ({', '.join(color)}), {radius}) of an image of {height} x {width} "
            "pixels. Correct or remove it."
        )
    return points


def _plain(value):
    return f"{value:g}" if math.isfinite(value) else str(value)
