"""Convolutions: as matrix products where maps are small, and with a bounded kernel."""

import tensorflow as tf
from tensorflow import keras

# What the convolutions do that halve or double a map; others are never matrix products.
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
    """A convolution that is computed as patches times kernel where its result is small.

    On CPUs oneDNN reorders the whole kernel at every call of a convolution. In the inner levels of
    a U-Net that takes longer than the arithmetic: 512 to 512 channels and 4x4 to 2x2 pixels take
    29 ms forward and backward on two cores, as a matrix product 11 ms. It is taken for kernels of
    4x4, stride 2 and float32, where the size is known when the graph is built; variables, names,
    configuration and results are those of Keras' layer.

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
        """Convolves `inputs` by `kernel`, either way."""
        height, width, channels = inputs.shape[1:]
        if not _is_product(self, inputs, self.filters, scale=2):
            return super().convolution_op(inputs, kernel)
        if (height, width) == (2, 2):
            # The outer taps of the kernel meet padding alone.
            kernel = _middle(tf.convert_to_tensor(kernel))
            patches = tf.reshape(inputs, (-1, 1, 1, 4 * channels))
        else:
            patches = _patches(inputs)
        matrix = tf.reshape(kernel, (-1, self.filters))
        outputs = _product(tf.reshape(patches, (-1, matrix.shape[0])), matrix)
        return tf.reshape(outputs, (-1, *patches.shape[1:3], self.filters))


@keras.utils.register_keras_serializable("tfpix2pix")
class MatrixConv2DTranspose(keras.layers.Conv2DTranspose):
    """A transposed convolution that is computed as a matrix product where its input is small.

    The product gives the 16 values that every pixel adds to the result, which are then added up;
    see `MatrixConv2D` for the reason and the conditions. 1024 to 512 channels and 4x4 to 8x8 pixels
    take 61 ms forward and backward on two cores, as a matrix product 14 ms.

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
        """Enlarges `inputs`, either way."""
        height, width, channels = inputs.shape[1:]
        if not _is_product(self, inputs, channels, scale=1):
            return super().call(inputs)
        single = (height, width) == (1, 1)
        kernel = _middle(tf.convert_to_tensor(self.kernel)) if single else self.kernel
        taps = _product_of_transposed(
            tf.reshape(inputs, (-1, channels)), tf.reshape(kernel, (-1, channels))
        )
        if single:
            outputs = tf.reshape(taps, (-1, 2, 2, self.filters))
        else:
            outputs = _added_up(tf.reshape(taps, (-1, height, width, 16 * self.filters)))
        outputs = tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs
        return self.activation(outputs) if self.activation else outputs


@keras.utils.register_keras_serializable("tfpix2pix")
class SpectralConv2D(keras.layers.Conv2D):
    """A convolution whose kernel is divided by its largest singular value.

    The kernel is taken as a matrix of `[height * width * inputs, filters]`. Its singular value is
    followed by one power iteration per training step; gradients flow through it, and the stored
    kernel stays as it is (Keras' wrapper overwrites it instead).

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

    def call(self, inputs, training=None):
        """Convolves with the normalized kernel; in training iterates once."""
        matrix = tf.reshape(self.kernel, (-1, self.filters))
        left = tf.cast(self.singular_vector, matrix.dtype)
        right = tf.linalg.l2_normalize(tf.matmul(left, matrix, transpose_b=True))
        if training:
            left = tf.linalg.l2_normalize(tf.matmul(right, matrix))
            self.singular_vector.assign(tf.cast(left, self.singular_vector.dtype))
        else:
            left = tf.linalg.l2_normalize(left)
        left, right = tf.stop_gradient(left), tf.stop_gradient(right)
        sigma = tf.squeeze(tf.matmul(tf.matmul(right, matrix), left, transpose_b=True))
        outputs = self.convolution_op(inputs, tf.cast(self.kernel / sigma, inputs.dtype))
        return tf.nn.bias_add(outputs, self.bias) if self.use_bias else outputs


def _is_product(layer, inputs, channels, *, scale):
    """Whether a layer is computed as a matrix product.

    The product saves time in proportion to the kernel, and laying out patches costs time in
    proportion to the pixels of the small map: they break even where it has about a quarter as many
    pixels as channels.
    """
    batch, height, width = inputs.shape[:3]
    if height is None or width is None or inputs.dtype != tf.float32:
        return False
    if any(getattr(layer, name, value) != value for name, value in HALVING.items()):
        return False
    pixels = (batch or 1) * -(-height // scale) * -(-width // scale)
    return 4 * pixels <= channels and not tf.config.list_physical_devices("GPU")


@tf.custom_gradient
def _product(a, b):
    """Returns `a b`; its gradient takes the other kernel for the transposed factor."""
    return tf.matmul(a, b), lambda g: (
        _product_of_transposed(g, b),
        tf.matmul(a, g, transpose_a=True),
    )


@tf.custom_gradient
def _product_of_transposed(a, b):
    """Returns `a b^T` by the kernel for batches, for 16 rows 3 times as fast as `tf.matmul`."""
    return tf.einsum("mc,nc->mn", a, b), lambda g: (
        _product(g, b),
        tf.matmul(g, a, transpose_a=True),
    )


@tf.custom_gradient
def _middle(kernel):
    """Cuts the 2x2 taps out of the middle; the gradient of a Python slice is 10 times as slow."""
    channels = kernel.shape[2:]
    around = ((1, 1), (1, 1), (0, 0), (0, 0))
    return tf.slice(kernel, (1, 1, 0, 0), (2, 2, *channels)), lambda g: tf.pad(g, around)


@tf.custom_gradient
def _patches(inputs):
    """Lays the 4x4 pixels under each step of the kernel side by side.

    Returns `[batch, ceil(height / 2), ceil(width / 2), 16 * channels]`, ordered as the kernel is,
    and the gradient.
    """
    height, width, channels = inputs.shape[1:]
    rows, columns = -(-height // 2), -(-width // 2)
    x = tf.pad(inputs, ((0, 0), (1, 1 + height % 2), (1, 1 + width % 2), (0, 0)))
    x = tf.reshape(x, (-1, 2 * rows + 2, columns + 1, 2 * channels))
    x = tf.concat([x[:, :, :-1], x[:, :, 1:]], -1)
    even, odd = tf.unstack(tf.reshape(x, (-1, rows + 1, 2, columns, 4 * channels)), axis=2)
    patches = tf.concat([even[:, :-1], odd[:, :-1], even[:, 1:], odd[:, 1:]], -1)
    return patches, lambda g: _added_up(g)[:, :height, :width]


@tf.custom_gradient
def _added_up(taps):
    """Adds what 4x4 kernels of stride 2 give to each pixel: the transpose of `_patches`."""
    rows, columns, channels = taps.shape[1], taps.shape[2], taps.shape[3] // 16
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
