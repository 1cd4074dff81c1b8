"""Images whose feature maps are larger than memory: one layer after the other, each in strips.

Overlapping tiles would be another network: a U-Net of depth 8 sees more than 700 pixels around each
one, and a norm joins all of them. Here each convolution is computed strip by strip from what its
kernel reaches, written to a temporary file, and read by the next ones; norms know the moments of
the whole map before any of it is read. So the result is that of the whole image.
"""

import tempfile
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable, Optional

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tqdm import tqdm

from tfpix2pix.data.geometry import reflect_to_multiple
from tfpix2pix.inference.graph import evaluate, has_open_sides, noise, normalized
from tfpix2pix.inference.windows import CONVOLUTIONS, GLOBAL, NORMS, WINDOWED, check_strips, reach
from tfpix2pix.layers import Dropout
from tfpix2pix.layers.network_calls import calls


def translate_in_strips(
    network,
    source,
    *,
    controls: Sequence = (),
    multiple: int,
    rows: int,
    statistics: str = "per_image",
    seed: Optional[int] = None,
):
    """Translates images by at most `rows` rows of any feature map at a time.

    The feature maps lie in files in the folder for temporary ones (the variable `TMPDIR`), which
    vanish with their last use. They take about 200 bytes for each pixel of a generator of 64
    filters.

    Args:
        network: `keras.Model` with open sides, as `tfpix2pix.networks` builds them.
        source: float `[batch, height, width, channels]` in [-1, 1]; a `numpy.memmap` is read by
            rows too.
        controls: A batch for each further input of the network. Those with open sides are as high
            and wide as the images, and read by rows too.
        multiple: What the network's sides must be multiples of.
        rows: Rows of a strip.
        statistics: `"per_image"`, `"batch"` or `"moving"`.
        seed: int `[2]`, the seed of the noise of dropout and the number of the sample, or `None`
            for no noise.

    Returns:
        float32 `[batch, height, width, output_channels]`.

    Raises:
        ValueError: If a layer of the network cannot be computed in strips.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> translate_in_strips(generator, tf.zeros((1, 13, 21, 3)), multiple=4, rows=2).shape
        TensorShape([1, 13, 21, 3])
    """
    check_strips(network)
    source = np.asarray(source)
    batch, height, width, _ = source.shape
    padded, top, left = _reflected_map(source, multiple, "float32")
    values = [
        _reflected_map(np.asarray(value), multiple, symbolic.dtype)[0]
        if has_open_sides(symbolic.shape[1:])
        else value
        for value, symbolic in zip(controls, network.inputs[1:])
    ]
    with tqdm(total=len(calls(network)[0]), desc="Layers", unit=" layers", leave=False) as bar:

        def apply(layer, *inputs):
            output = _applied(layer, inputs, rows, statistics, seed)
            bar.update()
            return output

        output = evaluate(network, padded, apply, values)
    result = np.empty((batch, height, width, output.shape[-1]), "float32")
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        strip = output.read(top + start, top + stop)
        result[:, start:stop] = strip[:, :, left : left + width]
    return tf.convert_to_tensor(result)


def convert_in_strips(convert: Callable, *images, rows: Optional[int]) -> np.ndarray:
    """Converts images by rows, so that what lies between is small.

    Args:
        convert: Function of `[rows, width, channels]` of each image to another, each pixel of which
            depends on the same pixel alone.
        *images: `[height, width, channels]` of one height and width.
        rows: Rows of a strip; `None` for all at once.

    Returns:
        `[height, width, channels]`.

    Example:
        >>> convert_in_strips(np.negative, np.eye(3)[..., np.newaxis], rows=2)[..., 0].tolist()
        [[-1.0, -0.0, -0.0], [-0.0, -1.0, -0.0], [-0.0, -0.0, -1.0]]
    """
    if rows is None:
        return np.asarray(convert(*images))
    height = images[0].shape[0]
    converted = None
    for start in range(0, height, rows):
        strip = np.asarray(convert(*(image[start : start + rows] for image in images)))
        if converted is None:
            converted = np.empty((height, *strip.shape[1:]), strip.dtype)
        converted[start : start + rows] = strip
    return converted


@dataclass(frozen=True)
class _Map:
    """A feature map of `shape`, `[batch, height, width, channels]`, computed when rows are read."""

    shape: tuple
    read: Callable  # start, stop -> [batch, stop - start, width, channels]


class _Stored:
    """A feature map in a temporary file, and the mean and variance of each of its images."""

    def __init__(self, computed, rows):
        self.shape = computed.shape
        # Not a `numpy.memmap`: pages that are mapped count as the program's memory.
        self.file = tempfile.TemporaryFile()  # noqa: SIM115, it is closed below.
        weakref.finalize(self, self.file.close)
        height = self.shape[1]
        moments = (0, 0.0, 0.0)
        for start in range(0, height, rows):
            strip = computed.read(start, min(start + rows, height))
            moments = _merged(moments, strip)
            array = np.ascontiguousarray(strip.numpy().swapaxes(0, 1))
            array.tofile(self.file)
        self.row = array[0].size
        self.dtype = array.dtype
        _, mean, variance = moments
        self.moments = (tf.constant(mean, "float32"), tf.constant(variance, "float32"))

    def read(self, start, stop):
        """Reads rows, `[batch, stop - start, width, channels]`."""
        batch, _, width, channels = self.shape
        self.file.seek(start * self.row * self.dtype.itemsize)
        values = np.fromfile(self.file, self.dtype, (stop - start) * self.row)
        return tf.constant(values.reshape((-1, batch, width, channels)).swapaxes(0, 1))


def _reflected_map(images, multiple, dtype):
    """Returns images as a map reflected to a multiple, and where they start in it."""
    down, top = _reflected(images.shape[1], multiple)
    right, left = _reflected(images.shape[2], multiple)

    def read(start, stop):
        return tf.constant(images[:, down[start:stop]][:, :, right], dtype)

    return _Map((len(images), len(down), len(right), images.shape[3]), read), top, left


def _applied(layer, inputs, rows, statistics, seed):
    """Returns what `layer` makes of maps and of tensors without rows, such as a style."""
    x = inputs[0]
    maps = [value for value in inputs if isinstance(value, (_Map, _Stored))]
    if not maps:
        return layer(list(inputs) if len(inputs) > 1 else x)
    if hasattr(layer, "sees_batch_alone"):
        return layer(tf.zeros((x.shape[0], 1, 1, 1)))
    if isinstance(layer, GLOBAL):
        return _over_all(layer, x, rows)
    if isinstance(layer, (*NORMS, keras.layers.GroupNormalization)) or hasattr(layer, "normalized"):
        return _normalized_map(layer, inputs, rows, statistics)
    if isinstance(layer, Dropout):
        if seed is None:
            return x
        # Only the innermost maps have noise, and these are small: it is drawn at once.
        factors = noise(layer, tf.ones((1, *x.shape[1:])), seed)
        return _Map(
            x.shape, lambda a, b: x.read(a, b) * tf.cast(factors[:, a:b], layer.compute_dtype)
        )
    if hasattr(layer, "needs_whole_maps"):
        wholes = [_rows_of(value, 0, x.shape[1]) for value in inputs]
        output = layer(wholes if len(wholes) > 1 else wholes[0])
        return _Map(tuple(output.shape), lambda a, b: output[:, a:b])
    shapes = [tuple(value.shape) for value in inputs]
    shape = tuple(layer.compute_output_shape(shapes if len(shapes) > 1 else shapes[0]))
    if isinstance(layer, keras.layers.Cropping2D):
        (top, _), (left, _) = layer.cropping
        columns = slice(left, left + shape[2])
        return _Map(shape, lambda a, b: x.read(top + a, top + b)[:, :, columns])
    if isinstance(layer, WINDOWED):
        output = _Map(shape, _windowed(layer, x))
        return _Stored(output, rows) if isinstance(layer, CONVOLUTIONS) else output
    beyond = getattr(layer, "reach", 0)

    def read(start, stop):
        first = max(0, start - beyond)
        last = min(shape[1], stop + beyond)
        strips = [_rows_of(value, first, last) for value in inputs]
        output = layer(strips if len(strips) > 1 else strips[0])
        return output[:, start - first : stop - first]

    return _Map(shape, read)


def _rows_of(value, start, stop):
    """Reads rows; what has a single row, or none, belongs to all of them."""
    if isinstance(value, (_Map, _Stored)):
        return value.read(start, stop) if value.shape[1] > 1 else value.read(0, 1)
    return value[:, start:stop] if len(value.shape) == 4 and value.shape[1] > 1 else value


def _over_all(layer, x, rows):
    """Returns the mean or the maximum of each channel of whole maps."""
    if isinstance(layer, keras.layers.GlobalAveragePooling2D):
        stored = x if isinstance(x, _Stored) else _Stored(x, rows)
        result = tf.cast(stored.moments[0], layer.compute_dtype)
    else:
        height = x.shape[1]
        strips = (x.read(start, min(start + rows, height)) for start in range(0, height, rows))
        result = tf.reduce_max([tf.reduce_max(y, (1, 2), keepdims=True) for y in strips], 0)
    return result if layer.keepdims else result[:, 0, 0]


def _normalized_map(layer, inputs, rows, statistics):
    """Returns a map that is normalized by the moments of whole maps."""
    (x, *more) = inputs
    x = x if isinstance(x, _Stored) else _Stored(x, rows)
    moments = x.moments
    if isinstance(layer, NORMS):
        return _Map(x.shape, lambda a, b: normalized(layer, x.read(a, b), *moments, statistics))
    if hasattr(layer, "normalized"):

        def read(start, stop):
            strips = [_rows_of(value, start, stop) for value in (x, *more)]
            return layer.normalized(strips if more else strips[0], *moments)

        return _Map(x.shape, read)
    moments = _of_groups(layer, *moments)

    def read_grouped(start, stop):
        y = x.read(start, stop)
        z = tf.nn.batch_normalization(
            tf.cast(y, "float32"), *moments, layer.beta, layer.gamma, layer.epsilon
        )
        return tf.cast(z, y.dtype)

    return _Map(x.shape, read_grouped)


def _of_groups(layer, mean, variance):
    """Returns for each channel the mean and variance of its group."""
    batch, _, _, channels = mean.shape
    groups = channels if layer.groups == -1 else layer.groups
    means, variances = (
        tf.reshape(x, (batch, groups, channels // groups)) for x in (mean, variance)
    )
    of_groups = tf.reduce_mean(means, 2, keepdims=True)
    squares = tf.reduce_mean(variances + tf.square(means - of_groups), 2, keepdims=True)
    return [
        tf.reshape(tf.repeat(x, channels // groups, 2), (batch, 1, 1, channels))
        for x in (of_groups, squares)
    ]


def _windowed(layer, x):
    """Returns a function that computes rows of a layer's output from the rows that they need.

    The layer is called on a strip that starts and ends so that its own padding falls as it does on
    the whole; the rows next to a cut, which know too little, are left out.
    """
    up, down, halo = reach(layer)
    height = x.shape[1]

    def read(start, stop):
        first = max(0, start // up - halo) * down
        last = min(height, (-(-stop // up) + halo) * down + height % down)
        offset = start - first * up // down
        return layer(x.read(first, last))[:, offset : offset + stop - start]

    return read


def _merged(moments, strip):
    """Adds a strip to the number of pixels, the mean and the variance of what came before.

    In float64 and by differences of means (Chan et al., 1979), for the sum of squares of millions
    of pixels would lose what they differ by.
    """
    count, mean, variance = moments
    added = strip.shape[1] * strip.shape[2]
    strip_moments = tf.nn.moments(tf.cast(strip, "float32"), (1, 2), keepdims=True)
    strip_mean, strip_variance = (x.numpy().astype("float64") for x in strip_moments)
    share = added / (count + added)
    step = strip_mean - mean
    variance = (1 - share) * variance + share * strip_variance + share * (1 - share) * step**2
    return count + added, mean + share * step, variance


def _reflected(side, multiple):
    """Returns which row each row of the padded image shows, and where the image starts."""
    positions = tf.range(side)[tf.newaxis, :, tf.newaxis, tf.newaxis]
    padded, start, _ = reflect_to_multiple(positions, multiple)
    return padded[0, :, 0, 0].numpy(), int(start)
