"""Convolutions with a bounded kernel."""

import tensorflow as tf
from tensorflow import keras


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
