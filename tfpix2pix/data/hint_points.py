"""Hints: what a user shows of a photo's colours, drawn at random, and the tasks that have them.

A point is a row of numbers: row, column and radius in pixels, and the values that it shows in
[-1, 1]; it stands for a square of 2 * radius + 1 pixels, and a radius below 0 for no point.
"""

import math
from dataclasses import dataclass

import tensorflow as tf

from tfpix2pix.data import color
from tfpix2pix.data.base_task import Task
from tfpix2pix.data.formats import PixelFormat, full_range
from tfpix2pix.data.images import to_signed
from tfpix2pix.data.tasks import Colorization, Edges

MOST_DRAWN = 64  # Points of an example; there would be more in 2 of 10,000.
STOP = 1 / 8  # Probability that no further hint is drawn: 7 hints are the mean.
WIDEST = 9  # Pixels of the side of a square.
STROKE = 8  # Points of a stroke.
STEP = 3.0  # Pixels from one of them to the next.
LIKE = 0.25  # A stroke ends where the values are farther than this from those of its start.


def drawn_points(values: tf.Tensor, key: tf.Tensor, *, strokes: bool = False) -> tf.Tensor:
    """Draws hints of an image: how many, how wide and where, and what the image is there.

    As many as coins say, 7 in the mean and none in an eighth of all images; each a square of 1 to
    9 pixels around places of a normal distribution about the middle, with the mean of its pixels.

    Args:
        values: float `[height, width, channels]` in [-1, 1].
        key: int64 `[2]`, the key of random numbers.
        strokes: Whether hints are strokes of up to 8 points of one colour, along a line as long as
            the image is much like their start, instead of single points.

    Returns:
        float32 `[64, 3 + channels]`, see this module; rows that are not needed are no points.

    Example:
        >>> points = drawn_points(tf.ones((32, 32, 2)), tf.constant([0, 3], "int64"))
        >>> points.shape, sorted(set(points[:, 3].numpy().tolist()))
        (TensorShape([64, 5]), [1.0])

    Reference:
        [Zhang et al., 2017](https://arxiv.org/abs/1705.02999), section 3.1, and its code.
    """
    length = STROKE if strokes else 1
    count = MOST_DRAWN // length
    uniform, widths, places, angles = (
        tf.random.experimental.stateless_fold_in(key, number) for number in range(4)
    )
    coin = 1 - tf.random.stateless_uniform((), uniform)
    hints = tf.cast(tf.math.log(coin) / tf.math.log(1 - STOP), "int32")
    side = tf.random.stateless_uniform((count, 1), widths, 1, WIDEST + 1, "int32")
    room = tf.cast(tf.shape(values)[:2] - side + 1, "float32")
    starts = tf.random.stateless_normal((count, 2), places) * room / 4 + room / 2
    turn = tf.random.stateless_uniform((count, 1), angles, maxval=2 * math.pi)
    way = STEP * tf.concat([tf.sin(turn), tf.cos(turn)], -1)
    steps = tf.range(length, dtype="float32")[:, tf.newaxis]
    corners = starts[:, tf.newaxis] + steps * way[:, tf.newaxis]
    corners = tf.floor(tf.clip_by_value(corners, 0.0, tf.maximum(room - 1, 0.0)[:, tf.newaxis]))
    side = tf.minimum(side, tf.reduce_min(tf.shape(values)[:2]))
    means = _square_means(values, tf.cast(corners, "int32"), side)
    like = tf.reduce_max(tf.abs(means - means[:, :1]), -1) < LIKE
    # A stroke ends where the first point is another, and has the values of its start.
    like = tf.math.cumprod(tf.cast(like, "int32"), axis=1) > 0
    is_hint = tf.range(count)[:, tf.newaxis] < hints
    radius = (tf.cast(side, "float32") - 1) / 2
    drawn_radius = tf.where(is_hint & like, radius, -1.0)
    centers = corners + radius[:, tf.newaxis]
    colors = tf.repeat(means[:, :1], length, 1)
    rows = tf.concat([centers, drawn_radius[..., tf.newaxis], colors], -1)
    return tf.reshape(rows, (MOST_DRAWN, 3 + values.shape[-1]))


def revealed(pixels: tf.Tensor, count: int, key: tf.Tensor, *, side: int = 6) -> tf.Tensor:
    """Shows the colours of an image at random places, as a user could who knows it.

    Args:
        pixels: float `[batch, height, width, 3]` in [0, 255].
        count: How many squares to show of each image.
        key: int64 `[2]`, the key of random numbers; each image has places of its own.
        side: Side of the squares in pixels.

    Returns:
        float32 `[batch, count, 6]`: row, column, the mean colour of the square, and radius.

    Example:
        >>> revealed(tf.fill((1, 8, 8, 3), 7.0), 2, tf.constant([0, 1], "int64"))[0, :, 2:].numpy()
        array([[7. , 7. , 7. , 2.5],
               [7. , 7. , 7. , 2.5]], dtype=float32)

    Reference:
        [Zhang et al., 2017](https://arxiv.org/abs/1705.02999), section 4.1.
    """
    pixels = tf.cast(pixels, "float32")
    side = tf.minimum(side, tf.reduce_min(tf.shape(pixels)[1:3]))
    room = tf.shape(pixels)[1:3] - side + 1
    shape = (tf.shape(pixels)[0], count, 2)
    corners = tf.random.stateless_uniform(shape, key) * tf.cast(room, "float32")
    corners = tf.minimum(tf.cast(corners, "int32"), room - 1)
    colors = tf.map_fn(
        lambda pair: _square_means(*pair, side),
        (pixels, corners),
        fn_output_signature=tf.TensorSpec((None, 3)),
    )
    radius = tf.cast(side - 1, "float32") / 2
    centers = tf.cast(corners, "float32") + radius
    return tf.concat([centers, colors, tf.fill((*shape[:2], 1), radius)], axis=-1)


def _square_means(values, corners, side):
    """Returns the mean over the square behind each corner, from sums over all pixels before."""
    sums = tf.cumsum(tf.cumsum(tf.cast(values, "float64"), 0), 1)
    sums = tf.pad(sums, ((1, 0), (1, 0), (0, 0)))
    top, left = tf.unstack(corners, axis=-1)
    bottom, right = top + side, left + side

    def at(row, column):
        return tf.gather_nd(sums, tf.stack([row, column], -1))

    total = at(bottom, right) - at(top, right) - at(bottom, left) + at(top, left)
    return tf.cast(total / tf.cast(side * side, "float64")[..., tf.newaxis], "float32")


def content_key(pixels: tf.Tensor) -> tf.Tensor:
    """Returns a key of random numbers that goes by what an image shows.

    Args:
        pixels: `[height, width, channels]` of any type.

    Returns:
        int64 `[2]`.

    Example:
        >>> content_key(tf.fill((2, 2, 1), 3.0)).numpy().tolist()
        [0, 12]
    """
    total = tf.reduce_sum(tf.cast(pixels, "float64"))
    return tf.stack([tf.zeros((), "int64"), tf.cast(total, "int64")])


@dataclass(frozen=True)
class Hints(Colorization):
    """As colorization, with points of color that are drawn anew each time; lightness is kept.

    An example is `(source, points, target)`. What is judged has the same points each time.

    Attributes:
        formats: `(PixelFormat,)` of the photos, which have 3 channels.

    Example:
        >>> task = Hints((PixelFormat(3, "uint8", (0, 255)),))
        >>> [part.shape for part in task.still((tf.zeros((8, 8, 3), "uint8"),))]
        [TensorShape([8, 8, 1]), TensorShape([64, 5]), TensorShape([8, 8, 2])]

    Reference:
        [Zhang et al., 2017](https://arxiv.org/abs/1705.02999).
    """

    name = "hints"

    def example(self, images, key):
        """Makes an example, with points drawn by the key."""
        source, target = super().still(images)
        return source, drawn_points(target, key), target

    def still(self, images):
        """Makes an example, with points drawn by what the photo shows."""
        return self.example(images, content_key(*images))

    def picture(self, source, translated):
        """Returns the photo of a lightness and a colour, which fades where there is none such."""
        lab = tf.concat([(source + 1) * 50, translated * 110], axis=-1)
        return Task.picture(self, source, color.from_lab(lab, gamut="fade") * 2 - 1)

    @staticmethod
    def hint_values(rgb):
        """Returns what networks see of the colours of hints.

        Args:
            rgb: float `[..., 3]` in [0, 255].
        """
        return color.to_lab(rgb / 255)[..., 1:] / 110


@dataclass(frozen=True)
class LineArt(Edges):
    """As edges, with strokes of the photo's colours on the lines, drawn anew each time.

    An example is `(source, points, target)`. What is judged is the plain drawing, with the same
    strokes each time.

    Attributes:
        formats: `(PixelFormat,)` of the photos, which have 3 channels.

    Example:
        >>> LineArt((PixelFormat(3, "uint8", (0, 255)),)).channels
        (1, 3)
    """

    name = "line_art"
    photo_channels = 3
    source_format = PixelFormat(1, "uint8", full_range("uint8"))

    def example(self, images, key):
        """Draws the photo, and strokes by the key."""
        source, target = super().example(images, key)
        return source, drawn_points(target, key, strokes=True), target

    def still(self, images):
        """Draws the photo, and strokes by what it shows."""
        source, target = super().still(images)
        return source, drawn_points(target, content_key(*images), strokes=True), target

    def _drawn(self, draw, photo, *key):
        lines, target = super()._drawn(draw, photo, *key)
        return lines[..., :1], target

    @staticmethod
    def hint_values(rgb):
        """Returns what networks see of the colours of hints.

        Args:
            rgb: float `[..., 3]` in [0, 255].
        """
        return to_signed(rgb, (0.0, 255.0))
