"""Points: from hints at any places of images of any size to maps of a network's size, and back.

The three layers share what they do to sides: the shorter one becomes `shorter_side` pixels, the
other follows, and rows and columns are reflected at the end until both are multiples.
"""

from typing import Optional

import tensorflow as tf
from tensorflow import keras

PLACE = 3  # Numbers of a point before its values: row, column and radius.


class _WorkingSize(keras.layers.Layer):
    """The base of layers between images and what a network works on.

    Args:
        shorter_side: Pixels of the shorter side of what the network works on; `None` for images as
            they are.
        multiple: What its sides must be multiples of, in pixels.
        **kwargs: Those of `keras.layers.Layer`.
    """

    needs_whole_maps = True

    def __init__(self, shorter_side: Optional[int] = None, multiple: int = 1, **kwargs):
        super().__init__(**{"autocast": False, **kwargs})  # Half precision has no large places.
        self.shorter_side = shorter_side
        self.multiple = multiple

    def scaled(self, images) -> tuple:
        """Returns the sides of images, and what they become, as ints where they are known."""
        sides = list(images.shape[1:3])
        if None in sides:
            sides = tf.unstack(tf.shape(images)[1:3])
        if self.shorter_side is None:
            return sides, sides
        known = isinstance(sides[0], int)
        shorter = min(sides) if known else tf.minimum(*sides)
        return sides, [(side * self.shorter_side + shorter // 2) // shorter for side in sides]

    def resized(self, x, sides, to):
        """Returns maps of other sides; what becomes smaller is averaged."""
        known = all(isinstance(side, int) for side in (*sides, *to))
        if self.shorter_side is None or (known and sides == to):
            return x
        # As `tf.image.resize` with antialias, which converters of models do not know.
        rows, columns = (_weights(*pair) for pair in zip(sides, to))
        batch, channels = tf.shape(x)[0], x.shape[-1]
        x = rows @ tf.reshape(x, (batch, sides[0], sides[1] * channels))
        return columns @ tf.reshape(x, (batch, to[0], sides[1], channels))

    def padded(self, x, scaled):
        """Returns maps of the scaled sides, reflected at the end until both are multiples."""
        for axis, side in zip((1, 2), scaled):
            # Without negative numbers, of which ONNX files have another remainder.
            missing = (self.multiple - side % self.multiple) % self.multiple
            if not (isinstance(side, int) and missing == 0):
                x = tf.gather(x, _reflected(side, missing), axis=axis)
        return x

    def get_config(self):
        """Returns the arguments of this layer."""
        sizes = {"shorter_side": self.shorter_side, "multiple": self.multiple}
        return {**super().get_config(), **sizes}


@keras.utils.register_keras_serializable("tfpix2pix")
class WorkingSize(_WorkingSize):
    """Brings images to the size at which a network works.

    Args:
        shorter_side: Pixels of the shorter side; `None` for images as they are.
        multiple: What the sides must be multiples of, in pixels: they are reflected at the end.
        **kwargs: Those of `keras.layers.Layer`.

    Call: float `[batch, height, width, channels]` to float of the same with other sides.

    Example:
        >>> WorkingSize(shorter_side=8, multiple=4)(tf.zeros((1, 20, 30, 1))).shape
        TensorShape([1, 8, 12, 1])
    """

    def call(self, inputs):
        """Resizes, averaging what becomes smaller, and reflects."""
        sides, scaled = self.scaled(inputs)
        x = self.resized(tf.cast(inputs, "float32"), sides, scaled)
        return tf.cast(self.padded(x, scaled), self.compute_dtype)


@keras.utils.register_keras_serializable("tfpix2pix")
class PointMap(_WorkingSize):
    """Paints points on maps of the size at which a network works.

    Args:
        shorter_side: As of `WorkingSize`.
        multiple: As of `WorkingSize`.
        **kwargs: Those of `keras.layers.Layer`.

    Call: `[points, images]`: float `[batch, points, 3 + values]`, of each point row, column and
    radius in pixels of the images and its values; and float `[batch, height, width, any]`, of which
    the sides alone count. Gives float `[batch, working height, working width, values + 1]`: the
    values within the square of 2 * radius + 1 pixels around each point, of the last point where
    several cover a pixel, and 1 in the last channel there; 0 elsewhere. A square covers at least
    one pixel, and a radius below 0 is no point.

    Example:
        >>> points = tf.constant([[[0, 1, 0, 0.5], [0, 2, -1, 9.0]]])
        >>> PointMap()([points, tf.zeros((1, 1, 3, 1))])[0, 0].numpy().tolist()
        [[0.0, 0.0], [0.5, 1.0], [0.0, 0.0]]

    Reference:
        [Zhang et al., 2017](https://arxiv.org/abs/1705.02999), section 3.2.
    """

    def call(self, inputs):
        """Finds the last point that covers each pixel, and takes its values."""
        points, images = inputs
        points = tf.cast(points, "float32")
        sides, scaled = self.scaled(images)
        radius = points[..., 2]
        rows, columns = (
            _covered(points[..., axis], radius, sides[axis], scaled[axis]) for axis in (0, 1)
        )
        is_point = (radius >= 0)[..., tf.newaxis]
        rows &= is_point

        def cover(number, last):
            row, column = (tf.gather(covered, number, axis=1) for covered in (rows, columns))
            covers = tf.expand_dims(row, 2) & tf.expand_dims(column, 1)
            return number + 1, tf.where(covers, number + 1, last)

        numbers = tf.range(1, tf.shape(points)[1] + 1) * tf.cast(radius >= 0, "int32")
        count = tf.reduce_max(numbers)  # Of examples in training most rows are no points.
        none = tf.zeros((tf.shape(points)[0], *scaled), "int32")
        if points.shape[1] == 1:  # As in converted files, since OpenVINO takes no such loop.
            _, last = cover(0, none)
        else:
            _, last = tf.while_loop(lambda number, _: number < count, cover, (0, none))
        values = points[..., PLACE:]
        values = tf.concat([values, tf.ones_like(values[..., :1])], axis=-1)
        values = tf.pad(values, ((0, 0), (1, 0), (0, 0)))
        painted = tf.gather(values, last, batch_dims=1)
        return tf.cast(self.padded(painted, scaled), self.compute_dtype)


@keras.utils.register_keras_serializable("tfpix2pix")
class ImageSize(_WorkingSize):
    """Brings what a network made at its working size back to the size of the images.

    Args:
        shorter_side: As of `WorkingSize`.
        multiple: As of `WorkingSize`.
        **kwargs: Those of `keras.layers.Layer`.

    Call: `[maps, images]`, of which images count by their sides alone, to float32 of these sides.

    Example:
        >>> ImageSize(8, 4)([tf.zeros((1, 8, 12, 2)), tf.zeros((1, 20, 30, 1))]).shape
        TensorShape([1, 20, 30, 2])
    """

    def call(self, inputs):
        """Cuts off what was reflected, and resizes."""
        maps, images = inputs
        sides, scaled = self.scaled(images)
        x = tf.cast(maps, "float32")[:, : scaled[0], : scaled[1]]
        return tf.cast(self.resized(x, scaled, sides), self.compute_dtype)


def _weights(side, to):
    """Returns how much each row of an image counts in each of its resized one, `[to, side]`."""
    step = tf.cast(side, "float32") / tf.cast(to, "float32")
    centers = (tf.range(to, dtype="float32") + 0.5) * step - 0.5
    distances = tf.abs(centers[:, tf.newaxis] - tf.range(side, dtype="float32"))
    weights = tf.maximum(0.0, 1.0 - distances / tf.maximum(step, 1.0))
    return weights / tf.reduce_sum(weights, axis=1, keepdims=True)


def _reflected(side, missing):
    """Returns the rows of an image, and behind them its reflection, as often as needed."""
    period = tf.maximum(2 * side - 2, 1)
    rows = tf.range(side + missing) % period
    return tf.minimum(rows, period - rows)


def _covered(places, radius, side, scaled):
    """Returns which rows of a working side each point covers, bool `[batch, points, scaled]`."""
    scale = tf.cast(scaled, "float32") / tf.cast(side, "float32")
    first = tf.floor((places - radius) * scale + 0.5)
    behind = tf.floor((places + radius + 1.0) * scale + 0.5)
    # However small, a point is seen, on the pixel that it lies in.
    own = tf.minimum(tf.floor((places + 0.5) * scale), tf.cast(scaled, "float32") - 1.0)
    rows = tf.range(tf.cast(scaled, "float32"))
    within = (rows >= first[..., tf.newaxis]) & (rows < behind[..., tf.newaxis])
    return within | (rows == own[..., tf.newaxis])
