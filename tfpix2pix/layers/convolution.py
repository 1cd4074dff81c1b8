"""Convolutions: computed as matrix products on small maps, and spectrally normalized."""

from typing import Optional

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers import winograd

# The options of convolutions that halve or double a map; only these become matrix products.
HALVING = {
    "kernel_size": (4, 4),
    "strides": (2, 2),
    "padding": "same",
    "output_padding": None,
    "dilation_rate": (1, 1),
    "groups": 1,
    "data_format": "channels_last",
}


@keras.utils.register_keras_serializable("tfpix2pix")
class MatrixConv2D(keras.layers.Conv2D):
    """2D convolution, computed as the matrix product of patches and kernel if its output is small.

    On CPUs oneDNN reorders all weights of the kernel at every call of a convolution. In the inner
    levels of a U-Net that takes longer than the arithmetic: 512 to 512 channels and 4x4 to 2x2
    pixels take 29 ms forward and backward on two cores, as a matrix product 11 ms. The product is
    used for 4x4 kernels, stride 2 and float32 if the sides are static; with stride 1 and no padding
    wide maps are convolved by `tfpix2pix.layers.winograd`. Variables, names, configuration and, but
    for rounding, results are those of Keras' layer.

    Args:
        *args: Those of `keras.layers.Conv2D`.
        **kwargs: Those of `keras.layers.Conv2D`.

    Call: as `keras.layers.Conv2D`.

    Example:
        >>> layer = MatrixConv2D(4, 4, strides=2, padding="same")
        >>> layer(tf.zeros((1, 2, 2, 3))).shape
        TensorShape([1, 1, 1, 4])
    """

    def convolution_op(self, inputs, kernel):
        """Convolves `inputs` by `kernel`."""
        if _has(self, strides=(1, 1), padding="valid") and winograd.saves(inputs, self.filters):
            return winograd.convolve(inputs, kernel)
        height, width, channels = inputs.shape[1:]
        if not _is_product(self, inputs, self.filters, scale=2):
            return super().convolution_op(inputs, kernel)
        if (height, width) == (2, 2):
            # The outer taps of the kernel are multiplied with padding alone.
            kernel = _middle(tf.convert_to_tensor(kernel))
            patches = tf.reshape(inputs, (-1, 1, 1, 4 * channels))
        else:
            patches = _patches(inputs)
        matrix = tf.reshape(kernel, (-1, self.filters))
        outputs = _product(tf.reshape(patches, (-1, matrix.shape[0])), matrix)
        return tf.reshape(outputs, (-1, *patches.shape[1:3], self.filters))


@keras.utils.register_keras_serializable("tfpix2pix")
class MatrixConv2DTranspose(keras.layers.Conv2DTranspose):
    """Transposed 2D convolution, computed as a matrix product if its input is small.

    The product gives the 16 values that each input pixel contributes to the output; then values
    of the same output pixel are added. See `MatrixConv2D` for the reason and the conditions: 1024
    to 512 channels and 4x4 to 8x8 pixels take 61 ms forward and backward on two cores, as a matrix
    product 14 ms.

    Args:
        *args: Those of `keras.layers.Conv2DTranspose`.
        **kwargs: Those of `keras.layers.Conv2DTranspose`.

    Call: as `keras.layers.Conv2DTranspose`.

    Example:
        >>> layer = MatrixConv2DTranspose(4, 4, strides=2, padding="same")
        >>> layer(tf.zeros((1, 1, 1, 3))).shape
        TensorShape([1, 2, 2, 4])
    """

    def call(self, inputs):
        """Doubles the sides of `inputs`."""
        height, width, channels = inputs.shape[1:]
        if not _is_product(self, inputs, channels, scale=1):
            return super().call(inputs)
        single_pixel = (height, width) == (1, 1)
        kernel = _middle(tf.convert_to_tensor(self.kernel)) if single_pixel else self.kernel
        taps = _product_of_transposed(
            tf.reshape(inputs, (-1, channels)), tf.reshape(kernel, (-1, channels))
        )
        if single_pixel:
            outputs = tf.reshape(taps, (-1, 2, 2, self.filters))
        else:
            outputs = _added_up(tf.reshape(taps, (-1, height, width, 16 * self.filters)))
        outputs = tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs
        return self.activation(outputs) if self.activation else outputs


@keras.utils.register_keras_serializable("tfpix2pix")
class AlignedConv2DTranspose(keras.layers.Conv2DTranspose):
    """Transposed 3x3 convolution of stride 2 that doubles the sides as PyTorch's does.

    PyTorch's with `padding=1, output_padding=1` leaves out the first row and column of what the
    kernel reaches; Keras' with padding "same" leaves out the last ones, one pixel off. TensorFlow's
    explicit padding would save the copy, but TensorFlow Lite has none.

    Args:
        filters: Channels of the result.
        kernel_size: 3.
        strides: 2.
        **kwargs: Those of `keras.layers.Conv2DTranspose`.

    Call: as `keras.layers.Conv2DTranspose`, to `[batch, 2 height, 2 width, filters]`.

    Raises:
        ValueError: If the kernel or the stride is another.

    Example:
        >>> layer = AlignedConv2DTranspose(4, 3, strides=2)
        >>> layer(tf.zeros((1, 5, 6, 3))).shape
        TensorShape([1, 10, 12, 4])
    """

    def __init__(self, filters: int, kernel_size: int = 3, strides: int = 2, **kwargs):
        super().__init__(filters, kernel_size, strides, **kwargs)
        if (self.kernel_size, self.strides, self.padding) != ((3, 3), (2, 2), "valid"):
            raise InputError(
                'The kernel must be 3x3, the stride 2 and the padding "valid". Received: '
                f"kernel_size={self.kernel_size}, strides={self.strides}, "
                f"padding={self.padding!r}. Use MatrixConv2DTranspose for others."
            )

    def call(self, inputs):
        """Doubles the sides of `inputs`."""
        shape = tf.shape(inputs)
        batch, height, width = (
            static or shape[axis] for axis, static in enumerate(inputs.shape[:3])
        )
        reached = (batch, 2 * height + 1, 2 * width + 1, self.filters)
        outputs = tf.nn.conv2d_transpose(inputs, self.kernel, reached, 2, "VALID")
        # The gradient of a Python slice takes 10 times as long.
        outputs = tf.slice(outputs, (0, 1, 1, 0), (batch, 2 * height, 2 * width, self.filters))
        outputs = tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs
        return self.activation(outputs) if self.activation else outputs

    def compute_output_shape(self, input_shape):
        """Returns the shape of the output, with doubled sides."""
        batch, *sides, _ = input_shape
        doubled = (side and 2 * side for side in sides)
        return tf.TensorShape((batch, *doubled, self.filters))


# Which of 4 places around a pixel of half the sides each of 3 taps reaches.
_REACHED = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]], "float32")


@keras.utils.register_keras_serializable("tfpix2pix")
class DoublingConv2D(keras.layers.Conv2D):
    """3x3 convolution of a map whose sides are doubled before, by repeating its pixels.

    It is computed as one transposed convolution of stride 2, whose 4x4 kernel adds up the taps that
    meet one pixel: by 4 products for a value instead of 9, and without the doubled map. 32 to 16
    channels and 32x32 to 64x64 pixels of 16 images take 2.8 ms forward and backward on two cores,
    doubled first 5.8 ms. Variables are those of Keras' layer.

    Args:
        filters: Channels of the result.
        kernel_size: 3.
        **kwargs: Those of `keras.layers.Conv2D`.

    Call: float `[batch, height, width, channels]` to `[batch, 2 height, 2 width, filters]`.

    Raises:
        ValueError: If the kernel, the stride or the padding is another.

    Example:
        >>> layer = DoublingConv2D(1, kernel_initializer="ones")
        >>> layer(tf.constant([[[[1.0], [2.0]]]])).numpy()[0, :, :, 0].tolist()
        [[4.0, 8.0, 10.0, 8.0], [4.0, 8.0, 10.0, 8.0]]
    """

    def __init__(self, filters: int, kernel_size: int = 3, **kwargs):
        super().__init__(filters, kernel_size, **{"padding": "same", **kwargs})
        if (self.kernel_size, self.strides, self.padding) != ((3, 3), (1, 1), "same"):
            raise InputError(
                'The kernel must be 3x3, the stride 1 and the padding "same". Received: '
                f"kernel_size={self.kernel_size}, strides={self.strides}, "
                f"padding={self.padding!r}. Use UpSampling2D and Conv2D for others."
            )

    def convolution_op(self, inputs, kernel):
        """Doubles the sides of `inputs` and convolves them by `kernel`."""
        reached = tf.cast(_REACHED, inputs.dtype)
        kernel = tf.einsum("ay,bx,yxio->aboi", reached, reached, tf.convert_to_tensor(kernel))
        batch, height, width, _ = tf.unstack(tf.shape(inputs))
        shape = (batch, 2 * height, 2 * width, self.filters)
        return tf.nn.conv2d_transpose(inputs, kernel, shape, 2, "SAME")

    def compute_output_shape(self, input_shape):
        """Returns the shape of the output, with doubled sides."""
        batch, *sides, _ = input_shape
        doubled = (side and 2 * side for side in sides)
        return tf.TensorShape((batch, *doubled, self.filters))


@keras.utils.register_keras_serializable("tfpix2pix")
class SpectralConv2D(keras.layers.Conv2D):
    """2D convolution with spectral normalization: divides the kernel by its largest singular value.

    The kernel is viewed as a matrix `[height * width * inputs, filters]`. One power iteration per
    training step estimates the singular value; gradients flow through it, and the stored kernel
    does not change (Keras' wrapper overwrites it).

    Args:
        *args: Those of `keras.layers.Conv2D`.
        **kwargs: Those of `keras.layers.Conv2D`.

    Call: as `keras.layers.Conv2D`.

    Example:
        >>> layer = SpectralConv2D(4, 3)
        >>> layer(tf.zeros((1, 8, 8, 2))).shape
        TensorShape([1, 6, 6, 4])

    Reference:
        [Miyato et al., 2018](https://arxiv.org/abs/1802.05957), algorithm 1.
    """

    def build(self, input_shape):
        """Creates the kernel, the bias and the left singular vector."""
        super().build(input_shape)
        self.singular_vector = self.add_weight(
            "singular_vector",
            (1, self.filters),
            initializer=keras.initializers.RandomNormal(seed=0),
            trainable=False,
            # All replicas iterate on the same kernel, so their vectors stay equal.
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def call(self, inputs, training: Optional[bool] = None):
        """Convolves with the normalized kernel; in training does one power iteration."""
        matrix = tf.reshape(self.kernel, (-1, self.filters))
        left = tf.cast(self.singular_vector, matrix.dtype)
        right = tf.linalg.l2_normalize(tf.matmul(left, matrix, transpose_b=True))
        if training:
            left = tf.linalg.l2_normalize(tf.matmul(right, matrix))
            self.singular_vector.assign(tf.cast(left, self.singular_vector.dtype))
        else:
            left = tf.linalg.l2_normalize(left)
        left = tf.stop_gradient(left)
        right = tf.stop_gradient(right)
        sigma = tf.squeeze(tf.matmul(tf.matmul(right, matrix), left, transpose_b=True))
        outputs = self.convolution_op(inputs, tf.cast(self.kernel / sigma, inputs.dtype))
        return tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs


def _has(layer, **others):
    """Whether a layer has the options of `HALVING`, with others in their place."""
    return all(getattr(layer, key, value) == value for key, value in {**HALVING, **others}.items())


def _is_product(layer, inputs, channels, *, scale):
    """Whether a layer is computed as a matrix product; its small map has sides / `scale`.

    The product saves time in proportion to the kernel, and laying out patches costs time in
    proportion to the pixels of the small map: they break even where it has about a quarter as many
    pixels as channels.
    """
    batch, height, width = inputs.shape[:3]
    if height is None or width is None or inputs.dtype != tf.float32 or not _has(layer):
        return False
    pixels = (batch or 1) * -(-height // scale) * -(-width // scale)
    return 4 * pixels <= channels and not tf.config.list_physical_devices("GPU")


@tf.custom_gradient
def _product(a, b):
    """Returns `a b`, with `_product_of_transposed` in its gradient."""
    return tf.matmul(a, b), lambda g: (
        _product_of_transposed(g, b),
        tf.matmul(a, g, transpose_a=True),
    )


@tf.custom_gradient
def _product_of_transposed(a, b):
    """Returns `a b^T` by `tf.einsum`, for 16 rows 3 times as fast as `tf.matmul`."""
    return tf.einsum("mc,nc->mn", a, b), lambda g: (
        _product(g, b),
        tf.matmul(g, a, transpose_a=True),
    )


@tf.custom_gradient
def _middle(kernel):
    """Returns the 2x2 taps in the middle; the gradient of a Python slice is 10 times as slow."""
    channels = kernel.shape[2:]
    margin = ((1, 1), (1, 1), (0, 0), (0, 0))
    return tf.slice(kernel, (1, 1, 0, 0), (2, 2, *channels)), lambda g: tf.pad(g, margin)


# The order of the 16 taps of a 4x4 kernel of stride 2 at output pixel (i, j), on the padded map:
#
#                  pair j  | pair j + 1     A pair is two neighbouring columns in one tensor. Each
#     even[i]       0   1  |   2   3        pixel is under four kernels: along a side of the map
#     odd[i]        4   5  |   6   7        without padding, pixel 2 i is tap 1 of output i, tap 3
#     even[i + 1]   8   9  |  10  11        of output i - 1; pixel 2 i + 1 is tap 2 of output i and
#     odd[i + 1]   12  13  |  14  15        tap 0 of output i + 1.


@tf.custom_gradient
def _patches(inputs):
    """Lays the 4x4 pixels under the kernel side by side, for every output pixel.

    Returns `[batch, ceil(height / 2), ceil(width / 2), 16 * channels]`, ordered as the kernel is.
    """
    height, width, channels = inputs.shape[1:]
    rows = -(-height // 2)
    columns = -(-width // 2)
    x = tf.pad(inputs, ((0, 0), (1, 1 + height % 2), (1, 1 + width % 2), (0, 0)))
    x = tf.reshape(x, (-1, 2 * rows + 2, columns + 1, 2 * channels))
    x = tf.concat([x[:, :, :-1], x[:, :, 1:]], -1)
    even, odd = tf.unstack(tf.reshape(x, (-1, rows + 1, 2, columns, 4 * channels)), axis=2)
    patches = tf.concat([even[:, :-1], odd[:, :-1], even[:, 1:], odd[:, 1:]], -1)
    return patches, lambda g: _added_up(g)[:, :height, :width]


@tf.custom_gradient
def _added_up(taps):
    """Adds the taps of each pixel: the transpose of `_patches`."""
    rows, columns = taps.shape[1:3]
    channels = taps.shape[3] // 16
    x = tf.reshape(taps, (-1, rows, columns, 4, 4 * channels))
    from_above = tf.pad(x[:, :-1, :, 3], ((0, 0), (1, 0), (0, 0), (0, 0)))
    from_below = tf.pad(x[:, 1:, :, 0], ((0, 0), (0, 1), (0, 0), (0, 0)))
    x = tf.stack([x[:, :, :, 1] + from_above, x[:, :, :, 2] + from_below], 2)
    first, second, third, fourth = tf.split(
        tf.reshape(x, (-1, 2 * rows, columns, 4 * channels)), 4, -1
    )
    from_left = tf.pad(fourth[:, :, :-1], ((0, 0), (0, 0), (1, 0), (0, 0)))
    from_right = tf.pad(first[:, :, 1:], ((0, 0), (0, 0), (0, 1), (0, 0)))
    x = tf.concat([second + from_left, third + from_right], -1)
    return tf.reshape(x, (-1, 2 * rows, 2 * columns, channels)), _patches
