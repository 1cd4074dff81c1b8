"""Winograd's algorithm: 3x3 convolutions by a quarter of the multiplications.

F(4x4, 3x3) of Lavin and Gray, 2016, computes tiles of 4x4 outputs from overlapping tiles of 6x6
inputs: both are transformed by small matrices, multiplied value by value, summed over the channels,
which is 36 matrix products, and transformed back. oneDNN, which TensorFlow calls, always convolves
directly.

Rounding errors are 7 times those of the direct convolution, for 256 channels 7e-5 of outputs of
deviation 1 at the most.
"""

import numpy as np
import tensorflow as tf

OUTPUTS = 4  # Side of a tile of outputs.
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
_KERNEL = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
_OUTPUT = [
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
]


def _both_axes(matrix):
    """Returns the matrix that transforms rows and columns of a flattened tile at once."""
    return np.kron(matrix, matrix).astype("float32")


INPUT = _both_axes(_INPUT)
KERNEL = _both_axes(_KERNEL)
OUTPUT = _both_axes(_OUTPUT)


def convolve(images, kernel, shown):
    """Convolves images, padded by one pixel, with stride 1.

    Args:
        images: float32 `[batch, height, width, channels]` of static shape.
        kernel: float32 `[3, 3, channels, filters]`.
        shown: `(first, last, side) -> ` int array: which pixel of a side each position from `first`
            to before `last` shows, those outside of it too. It decides how images are padded.

    Returns:
        float32 `[batch, height, width, filters]`.

    Example:
        >>> def zero_is_last(first, last, side):
        ...     return np.arange(first, last) % side
        >>> images = tf.random.normal((1, 5, 6, 2), seed=1)
        >>> kernel = tf.random.normal((3, 3, 2, 4), seed=2)
        >>> wrapped = tf.concat([images[:, -1:], images, images[:, :1]], 1)
        >>> wrapped = tf.concat([wrapped[:, :, -1:], wrapped, wrapped[:, :, :1]], 2)
        >>> direct = tf.nn.conv2d(wrapped, kernel, 1, "VALID")
        >>> float(tf.reduce_max(tf.abs(convolve(images, kernel, zero_is_last) - direct))) < 1e-4
        True
    """
    batch, height, width, channels = images.shape
    filters = kernel.shape[-1]
    read, written = _tiles(batch, height, width, shown)
    count = read.size // INPUTS**2

    def transformed(images, kernel):
        """Returns the tiles of the images `[36, tiles, channels]` and the kernel."""
        pixels = tf.gather(tf.reshape(images, (-1, channels)), read)
        tiles = tf.matmul(INPUT, tf.reshape(pixels, (INPUTS**2, count * channels)))
        kernels = tf.matmul(KERNEL, tf.reshape(kernel, (9, channels * filters)))
        return (
            tf.reshape(tiles, (INPUTS**2, count, channels)),
            tf.reshape(kernels, (INPUTS**2, channels, filters)),
        )

    @tf.custom_gradient
    def convolved(images, kernel):
        # Else TensorFlow transforms the kernels of all layers at once and keeps them.
        with tf.control_dependencies([images]):
            products = tf.matmul(*transformed(images, kernel))
        outputs = tf.matmul(OUTPUT, tf.reshape(products, (INPUTS**2, count * filters)))
        outputs = tf.gather(tf.reshape(outputs, (-1, filters)), written)

        def gradients(upstream):
            # The tiles, more than twice the size of the images, are computed anew when their turn
            # comes.
            with tf.control_dependencies([upstream]):
                tiles, kernels = transformed(images, kernel)
            placed = tf.scatter_nd(
                written[:, np.newaxis],
                tf.reshape(upstream, (-1, filters)),
                (OUTPUTS**2 * count, filters),
            )
            products = tf.matmul(
                OUTPUT, tf.reshape(placed, (OUTPUTS**2, count * filters)), transpose_a=True
            )
            products = tf.reshape(products, (INPUTS**2, count, filters))
            of_kernels = tf.matmul(tiles, products, transpose_a=True)
            of_kernel = tf.matmul(
                KERNEL, tf.reshape(of_kernels, (INPUTS**2, channels * filters)), transpose_a=True
            )
            of_tiles = tf.matmul(products, kernels, transpose_b=True)
            of_pixels = tf.matmul(
                INPUT, tf.reshape(of_tiles, (INPUTS**2, count * channels)), transpose_a=True
            )
            of_images = tf.math.unsorted_segment_sum(
                tf.reshape(of_pixels, (-1, channels)), read, batch * height * width
            )
            return tf.reshape(of_images, images.shape), tf.reshape(of_kernel, kernel.shape)

        return tf.reshape(outputs, (batch, height, width, filters)), gradients

    return convolved(images, kernel)


def _tiles(batch, height, width, shown):
    """Returns which pixel each place of each tile reads, and where each output pixel is written.

    Tiles beyond the last rows and columns are computed whole, and what is beyond is not read.
    """
    rows = -(-height // OUTPUTS)
    columns = -(-width // OUTPUTS)
    inside = np.arange(INPUTS)[:, np.newaxis]
    y = shown(-1, OUTPUTS * rows + 1, height)[inside + OUTPUTS * np.arange(rows)]
    x = shown(-1, OUTPUTS * columns + 1, width)[inside + OUTPUTS * np.arange(columns)]
    images = np.arange(batch)[:, np.newaxis, np.newaxis]
    # [place in a column, place in a row, image, row of tiles, column of tiles]
    read = (images * height + y[:, np.newaxis, np.newaxis, :, np.newaxis]) * width
    read = read + x[np.newaxis, :, np.newaxis, np.newaxis, :]

    image, row, column = np.indices((batch, height, width)).reshape(3, -1)
    place = row % OUTPUTS * OUTPUTS + column % OUTPUTS
    tile = (image * rows + row // OUTPUTS) * columns + column // OUTPUTS
    return read.ravel(), place * (batch * rows * columns) + tile
