"""Images whose feature maps are larger than memory: one layer after the other, each in strips.

Overlapping tiles would be another network: a U-Net of depth 8 sees more than 700 pixels around each
one, and a norm joins all of them. Here each convolution is computed strip by strip from what its
kernel reaches, written to a temporary file, and read by the next ones; norms know the moments of
the whole map before any of it is read. So the result is that of the whole image.
"""

import tempfile
import weakref
from dataclasses import dataclass
from typing import Callable, Optional

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tqdm import tqdm

from tfpix2pix.data.geometry import reflect_to_multiple
from tfpix2pix.errors import InputError
from tfpix2pix.inference.graph import evaluate, noise, normalized
from tfpix2pix.layers import BatchNormalization, Dropout, InstanceNormalization

NORMS = (BatchNormalization, InstanceNormalization)
POINTWISE = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.Concatenate,
    keras.layers.LeakyReLU,
    keras.layers.ReLU,
)
WINDOWED = (keras.layers.Conv2D, keras.layers.UpSampling2D, keras.layers.ZeroPadding2D)


def translate_in_strips(
    network,
    source,
    *,
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
    _check(network)
    source = np.asarray(source)
    batch, height, width, channels = source.shape
    down, top = _reflected(height, multiple)
    right, left = _reflected(width, multiple)

    def read(start, stop):
        return tf.constant(source[:, down[start:stop]][:, :, right], "float32")

    with tqdm(total=len(network.layers) - 1, desc="Layers", unit=" layers", leave=False) as bar:

        def apply(layer, *maps):
            output = _mapped(layer, maps, rows, statistics, seed)
            bar.update()
            return output

        padded = _Map((batch, len(down), len(right), channels), read)
        output = evaluate(network, padded, apply)
    result = np.empty((batch, height, width, output.shape[-1]), "float32")
    for start in range(0, height, rows):
        stop = min(start + rows, height)
        strip = output.read(top + start, top + stop)
        result[:, start:stop] = strip[:, :, left : left + width]
    return tf.convert_to_tensor(result)


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


def _mapped(layer, maps, rows, statistics, seed):
    """Returns the map that `layer` makes of others; what others than convolutions make is lazy."""
    (x, *more) = maps
    shape = x.shape
    if isinstance(layer, Dropout):
        if seed is None:
            return x
        # Only the innermost maps have noise, and these are small: it is drawn at once.
        factors = noise(layer, tf.ones((1, *shape[1:])), seed)
        return _Map(
            shape, lambda a, b: x.read(a, b) * tf.cast(factors[:, a:b], layer.compute_dtype)
        )
    if isinstance(layer, NORMS):
        x = x if isinstance(x, _Stored) else _Stored(x, rows)
        return _Map(shape, lambda a, b: normalized(layer, x.read(a, b), *x.moments, statistics))
    shape = tuple(layer.compute_output_shape([y.shape for y in maps] if more else shape))
    if more:
        return _Map(shape, lambda a, b: layer([y.read(a, b) for y in maps]))
    if isinstance(layer, POINTWISE):
        return _Map(shape, lambda a, b: layer(x.read(a, b)))
    output = _Map(shape, _windowed(layer, x))
    return _Stored(output, rows) if isinstance(layer, keras.layers.Conv2D) else output


def _windowed(layer, x):
    """Returns a function that computes rows of a layer's output from the rows that they need.

    The layer is called on a strip that starts and ends so that its own padding falls as it does on
    the whole; the rows next to a cut, which know too little, are left out.
    """
    up, down, halo = _reach(layer)
    height = x.shape[1]

    def read(start, stop):
        first = max(0, start // up - halo) * down
        last = min(height, (-(-stop // up) + halo) * down + height % down)
        offset = start - first * up // down
        return layer(x.read(first, last))[:, offset : offset + stop - start]

    return read


def _reach(layer):
    """Returns by what a layer enlarges rows, divides them, and how far beyond both it looks."""
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return 1, 1, sum(layer.padding[0])
    if isinstance(layer, keras.layers.UpSampling2D):
        return layer.size[0], 1, 1
    stride = layer.strides[0]
    halo = -(-((layer.kernel_size[0] - 1) * layer.dilation_rate[0] + 1) // stride)
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    return (stride, 1, halo) if transposed else (1, stride, halo)


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


def _check(network):
    known = (*NORMS, *POINTWISE, *WINDOWED, Dropout, keras.layers.InputLayer)
    for layer in network.layers:
        smooth = getattr(layer, "interpolation", "nearest") not in ("nearest", "bilinear")
        along_rows = getattr(layer, "axis", -1) not in (-1, 3, [3])
        if smooth or along_rows or not isinstance(layer, known):
            raise InputError(
                "`strip` needs layers that look at their surroundings, or at pixels alone. "
                f"Received: {layer.name!r}, a {type(layer).__name__}. Leave `strip` out."
            )
