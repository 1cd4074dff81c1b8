"""Winograd's algorithm: 3x3 and 4x4 convolutions by a quarter of the multiplications.

F(4x4, 3x3) of Lavin and Gray, 2016, computes tiles of 4x4 outputs from overlapping tiles of 6x6
inputs: both are transformed by small matrices, multiplied value by value, summed over the channels,
which is 36 matrix products, and transformed back. F(3x3, 4x4) computes 3x3 outputs from the same
tiles. oneDNN, which TensorFlow calls, always convolves directly.

Rounding errors are 7 times those of the direct convolution, for 256 channels 7e-5 of outputs of
deviation 1 at the most; with 4x4 kernels 3 times, and 5e-5.
"""

from typing import Callable

import numpy as np
import tensorflow as tf

from tfpix2pix.bfloat16 import is_rewritten

INPUTS = 6  # Side of a tile of inputs.
# Below either the transforms cost what the products save.
LEAST_CHANNELS = 128
LEAST_PIXELS = 1024

_INPUT = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
# The values of polynomials at 0, 1, -1, 2, -2 and infinity, of kernels with these factors.
_FACTORS = (1 / 4, -1 / 6, -1 / 6, 1 / 24, 1 / 24, 1)


def _values(coefficients):
    """Returns the values of a polynomial of 1, x, x^2, ... at the six points."""
    values = [[x**power for power in range(coefficients)] for x in (0, 1, -1, 2, -2)]
    return np.array([*values, [0] * (coefficients - 1) + [1]], "float64")


def _both_axes(matrix):
    """Returns the matrix that transforms rows and columns of a flattened tile at once."""
    return np.kron(matrix, matrix).astype("float32")


INPUT = _both_axes(_INPUT)
KERNEL = {side: _both_axes(_values(side) * np.reshape(_FACTORS, (-1, 1))) for side in (3, 4)}
OUTPUT = {side: _both_axes(_values(INPUTS + 1 - side).T) for side in (3, 4)}


def saves(images: tf.Tensor, filters: int) -> bool:
    """Whether it saves more than its transforms cost, and digits are those of float32.

    Args:
        images: `[batch, height, width, channels]`.
        filters: Of the convolution.

    Example:
        >>> saves(tf.zeros((1, 32, 32, 16)), 512)
        False
    """
    if not images.shape.is_fully_defined() or images.dtype != tf.float32:
        return False
    _, height, width, channels = images.shape
    wide = min(channels, filters) >= LEAST_CHANNELS
    large = height * width >= LEAST_PIXELS
    on_cpu = not tf.config.list_physical_devices("GPU")
    # Its transforms would lose all that bfloat16 has of digits.
    return wide and large and on_cpu and not is_rewritten()


def _clipped(first, last, side):
    """Returns the pixel of each position; tiles beyond the last one are of no use."""
    return np.minimum(np.arange(first, last), side - 1)


def convolve(images, kernel, shown: Callable = _clipped, *, padding: int = 0):
    """Convolves images, which may be padded on all sides, with stride 1.

    Args:
        images: float32 `[batch, height, width, channels]` of static shape.
        kernel: float32 `[side, side, channels, filters]`, the side 3 or 4.
        shown: `(first, last, side) -> ` int array: which pixel of a side each position from `first`
            to before `last` shows, those outside of it too. It decides how images are padded.
        padding: By how many pixels; by default none.

    Returns:
        float32 `[batch, height + 2 padding + 1 - side, width + 2 padding + 1 - side, filters]`.

    Example:
        >>> def zero_is_last(first, last, side):
        ...     return np.arange(first, last) % side
        >>> images = tf.random.normal((1, 5, 6, 2), seed=1)
        >>> kernel = tf.random.normal((3, 3, 2, 4), seed=2)
        >>> wrapped = tf.concat([images[:, -1:], images, images[:, :1]], 1)
        >>> wrapped = tf.concat([wrapped[:, :, -1:], wrapped, wrapped[:, :, :1]], 2)
        >>> direct = tf.nn.conv2d(wrapped, kernel, 1, "VALID")
        >>> computed = convolve(images, kernel, zero_is_last, padding=1)
        >>> float(tf.reduce_max(tf.abs(computed - direct))) < 1e-4
        True
    """
    batch, height, width, channels = images.shape
    taps = kernel.shape[0]
    filters = kernel.shape[-1]
    sides = tuple(side + 2 * padding + 1 - taps for side in (height, width))
    read, written = _tiles(images.shape, sides, shown, padding)
    count = read.size // INPUTS**2
    of_tile = (INPUTS + 1 - taps) ** 2

    def transformed(images, kernel):
        """Returns the tiles of the images `[36, tiles, channels]` and the kernel."""
        pixels = tf.gather(tf.reshape(images, (-1, channels)), read)
        tiles = tf.matmul(INPUT, tf.reshape(pixels, (INPUTS**2, count * channels)))
        kernels = tf.matmul(KERNEL[taps], tf.reshape(kernel, (taps**2, channels * filters)))
        return (
            tf.reshape(tiles, (INPUTS**2, count, channels)),
            tf.reshape(kernels, (INPUTS**2, channels, filters)),
        )

    @tf.custom_gradient
    def convolved(images, kernel):
        # Else TensorFlow transforms the kernels of all layers at once and keeps them.
        with tf.control_dependencies([images]):
            products = tf.matmul(*transformed(images, kernel))
        outputs = tf.matmul(OUTPUT[taps], tf.reshape(products, (INPUTS**2, count * filters)))
        outputs = tf.gather(tf.reshape(outputs, (-1, filters)), written)

        def gradients(upstream):
            # The tiles, more than twice the size of the images, are computed anew when their turn
            # comes.
            with tf.control_dependencies([upstream]):
                tiles, kernels = transformed(images, kernel)
            placed = tf.scatter_nd(
                written[:, np.newaxis],
                tf.reshape(upstream, (-1, filters)),
                (of_tile * count, filters),
            )
            products = tf.matmul(
                OUTPUT[taps], tf.reshape(placed, (of_tile, count * filters)), transpose_a=True
            )
            products = tf.reshape(products, (INPUTS**2, count, filters))
            of_kernels = tf.matmul(tiles, products, transpose_a=True)
            of_kernel = tf.matmul(
                KERNEL[taps],
                tf.reshape(of_kernels, (INPUTS**2, channels * filters)),
                transpose_a=True,
            )
            of_tiles = tf.matmul(products, kernels, transpose_b=True)
            of_pixels = tf.matmul(
                INPUT, tf.reshape(of_tiles, (INPUTS**2, count * channels)), transpose_a=True
            )
            of_images = tf.math.unsorted_segment_sum(
                tf.reshape(of_pixels, (-1, channels)), read, batch * height * width
            )
            return tf.reshape(of_images, images.shape), tf.reshape(of_kernel, kernel.shape)

        return tf.reshape(outputs, (batch, *sides, filters)), gradients

    return convolved(images, kernel)


def _tiles(shape, sides, shown, padding):
    """Returns which pixel each place of each tile reads, and where each output pixel is written.

    Tiles beyond the last rows and columns are computed whole, and what is beyond is not read.
    """
    batch, height, width, _ = shape
    outputs = INPUTS - (height + 2 * padding - sides[0])  # Of a side of a tile.
    counts = [-(-side // outputs) for side in sides]
    inside = np.arange(INPUTS)[:, np.newaxis]
    y, x = (
        shown(-padding, INPUTS - padding + outputs * (count - 1), side)[
            inside + outputs * np.arange(count)
        ]
        for count, side in zip(counts, (height, width))
    )
    images = np.arange(batch)[:, np.newaxis, np.newaxis]
    # [place in a column, place in a row, image, row of tiles, column of tiles]
    read = (images * height + y[:, np.newaxis, np.newaxis, :, np.newaxis]) * width
    read = read + x[np.newaxis, :, np.newaxis, np.newaxis, :]

    image, row, column = np.indices((batch, *sides)).reshape(3, -1)
    place = row % outputs * outputs + column % outputs
    tile = (image * counts[0] + row // outputs) * counts[1] + column // outputs
    return read.ravel(), place * (batch * counts[0] * counts[1]) + tile
