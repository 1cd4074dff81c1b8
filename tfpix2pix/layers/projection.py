"""Projection: by how much features fit a vector that an image is to fit."""

from collections.abc import Sequence
from typing import Union

import tensorflow as tf
from tensorflow import keras


@keras.utils.register_keras_serializable("tfpix2pix")
class ConditionProjection(keras.layers.Layer):
    """The inner product of features and a matrix times a vector of unit length: `x . V c / |c|`.

    It is 0 where the vector is, so that nothing is asked of an image of which nothing is known.

    Args:
        kernel_initializer: How V starts, see `keras.initializers`.
        **kwargs: Those of `keras.layers.Layer`.

    Call: `[x, c]`, float `[batch, height, width, channels]` and `[batch, length]`, to float
    `[batch, height, width, 1]`.

    Example:
        >>> layer = ConditionProjection(kernel_initializer="ones")
        >>> x = tf.constant([[[[2.0, 3.0]]]])
        >>> layer([x, tf.constant([[0.0, 7.0]])]).numpy().ravel().tolist()
        [5.0]

    Reference:
        [Miyato and Koyama, 2018](https://arxiv.org/abs/1802.05637), equation 3.
    """

    def __init__(
        self,
        kernel_initializer: Union[str, keras.initializers.Initializer] = "glorot_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Sequence):
        """Creates V."""
        features, vector = input_shape
        shape = (vector[-1], features[-1])
        self.kernel = self.add_weight("kernel", shape, initializer=self.kernel_initializer)
        super().build(input_shape)

    def call(self, inputs):
        """Multiplies."""
        x, vector = inputs
        unit = tf.math.l2_normalize(tf.cast(vector, "float32"), axis=-1)
        asked = tf.matmul(tf.cast(unit, x.dtype), self.kernel)[:, tf.newaxis, tf.newaxis]
        return tf.reduce_sum(x * asked, axis=-1, keepdims=True)

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        start = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), "kernel_initializer": start}
