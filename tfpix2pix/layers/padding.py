"""Padding that mirrors an image at its border, so that convolutions see no edge of zeros."""

import tensorflow as tf
from tensorflow import keras


@keras.utils.register_keras_serializable("tfpix2pix")
class ReflectionPadding2D(keras.layers.Layer):
    """Pads height and width by reflection, without repeating the pixels of the border.

    A side of a single pixel, which has nothing to reflect, is repeated; a reflection longer than
    the image goes back and forth. TensorFlow's own operation refuses both, and with them small
    images in an exported model.

    Args:
        padding: Pixels added on every side.
        **kwargs: Those of `keras.layers.Layer`.

    Call: float `[batch, height, width, channels]` to `[batch, height + 2 padding, width + 2
    padding, channels]` of the same dtype.

    Example:
        >>> image = tf.constant([[[[1.0], [2.0], [3.0]]]])
        >>> ReflectionPadding2D(1)(image).numpy()[0, :, :, 0].tolist()
        [[2.0, 1.0, 2.0, 3.0, 2.0], [2.0, 1.0, 2.0, 3.0, 2.0], [2.0, 1.0, 2.0, 3.0, 2.0]]
    """

    def __init__(self, padding: int, **kwargs):
        super().__init__(**kwargs)
        self.padding = padding

    def call(self, inputs):
        """Pads `inputs`."""
        if all(side is not None and side > self.padding for side in inputs.shape[1:3]):
            margin = (self.padding, self.padding)
            return tf.pad(inputs, ((0, 0), margin, margin, (0, 0)), "REFLECT")
        for axis in (1, 2):
            inputs = tf.gather(inputs, self._shown(tf.shape(inputs)[axis]), axis=axis)
        return inputs

    def _shown(self, side):
        """Returns which pixel of a side each pixel of the padded one shows."""
        period = tf.maximum(2 * side - 2, 1)
        positions = tf.abs(tf.range(-self.padding, side + self.padding)) % period
        return tf.minimum(positions, period - positions)

    def compute_output_shape(self, input_shape):
        """Returns the shape of the output."""
        batch, *sides, channels = input_shape
        padded = (side and side + 2 * self.padding for side in sides)
        return tf.TensorShape((batch, *padded, channels))

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        return {**super().get_config(), "padding": self.padding}
