"""Dropout whose random state is saved in checkpoints."""

from typing import Optional

import tensorflow as tf
from tensorflow import keras


@keras.utils.register_keras_serializable("tfpix2pix")
class Dropout(keras.layers.Layer):
    """Dropout: in training sets a share `rate` of the values to zero and scales up the others.

    Keras' layer leaves its random state out of checkpoints on purpose, so a resumed training would
    draw other noise than an uninterrupted one. Checkpoints hold this layer's random generator,
    which is no weight; under a distribution strategy each replica draws a stream of its own.

    Args:
        rate: Share of the values that are set to zero, in [0, 1).
        seed: Seed of the generator.
        **kwargs: Those of `keras.layers.Layer`.

    Call: float of any shape to the same shape and dtype.

    Example:
        >>> Dropout(0.5, seed=1)(tf.ones((1, 4)), training=False).numpy().tolist()
        [[1.0, 1.0, 1.0, 1.0]]

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 2.1: the generator's only
        noise.
    """

    def __init__(self, rate: float, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.rate = rate
        self.seed = seed
        self.noise = tf.random.Generator.from_seed(seed)

    def call(self, inputs, training: Optional[bool] = None):
        """Sets values to zero in training; returns the input otherwise."""
        if not training:
            return inputs
        seed = self.noise.make_seeds(1)[:, 0]
        return tf.nn.experimental.stateless_dropout(inputs, self.rate, seed=seed)

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
