"""Layers of networks that grow: fade, pixel norm, minibatch deviation, equalized learning rate."""

from typing import Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.bfloat16 import is_rewritten


@keras.utils.register_keras_serializable("tfpix2pix")
class Fade(keras.layers.Layer):
    """Blends a new path in: `alpha * new + (1 - alpha) * old`, exactly one of them at 0 and at 1.

    Attributes:
        alpha: float32 variable in [0, 1], which a training sets; it starts with 1.

    Call: `[new, old]`, float of one shape, to the same shape and dtype.

    Example:
        >>> fade = Fade()
        >>> float(fade([tf.constant(4.0), tf.constant(2.0)]))
        4.0
        >>> _ = fade.alpha.assign(0.25)
        >>> float(fade([tf.constant(4.0), tf.constant(2.0)]))
        2.5

    Reference:
        [Karras et al., 2017](https://arxiv.org/abs/1710.10196), figure 2.
    """

    @property
    def unaveraged(self) -> list:
        """What averages of weights leave alone."""
        return [self.alpha]

    def build(self, input_shape):
        """Creates the variable."""
        self.alpha = self.add_weight(
            "alpha", (), initializer="ones", trainable=False, experimental_autocast=False
        )
        super().build(input_shape)

    def call(self, inputs):
        """Blends both."""
        new, old = inputs
        alpha = tf.cast(self.alpha, new.dtype)
        return alpha * new + (1.0 - alpha) * old


@keras.utils.register_keras_serializable("tfpix2pix")
class ThriftyLeakyReLU(keras.layers.LeakyReLU):
    """Leaky ReLU whose gradient goes by its output, so that training need not keep its input.

    Call: as `keras.layers.LeakyReLU`, of a positive slope.

    Example:
        >>> ThriftyLeakyReLU(0.2)(tf.constant([-5.0, 5.0])).numpy().tolist()
        [-1.0, 5.0]
    """

    def call(self, inputs):
        """Scales negative values."""
        slope = float(self.alpha)

        @tf.custom_gradient
        def activated(x):
            y = tf.nn.leaky_relu(x, slope)
            return y, lambda upstream: _leaky_gradient(upstream, y, slope)

        return activated(inputs)


@keras.utils.register_keras_serializable("tfpix2pix")
class PixelNormalization(keras.layers.Layer):
    """Divides the channels of each pixel by the root of their mean square.

    In training it keeps its output alone, from which the gradient follows, that of the leaky ReLU
    before it too.

    Args:
        epsilon: Added to the mean square.
        negative_slope: Positive factor of negative values before they are normalized; 1 for none.
        **kwargs: Those of `keras.layers.Layer`.

    Call: float `[batch, height, width, channels]` to the same shape and dtype.

    Example:
        >>> PixelNormalization()(tf.constant([[[[3.0, 4.0]]]])).numpy().round(2)
        array([[[[0.85, 1.13]]]], dtype=float32)
        >>> PixelNormalization(negative_slope=0.5)(tf.constant([[[[3.0, -8.0]]]])).numpy().round(2)
        array([[[[ 0.85, -1.13]]]], dtype=float32)

    Reference:
        [Karras et al., 2017](https://arxiv.org/abs/1710.10196), section 4.2.
    """

    def __init__(self, epsilon: float = 1e-6, negative_slope: float = 1.0, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.negative_slope = negative_slope

    def call(self, inputs):
        """Normalizes each pixel, in float32."""
        slope = self.negative_slope

        @tf.custom_gradient
        def normalized(x):
            if slope != 1.0:
                x = tf.nn.leaky_relu(x, slope)
            factor = tf.math.rsqrt(tf.reduce_mean(tf.square(x), -1, keepdims=True) + self.epsilon)
            y = x * factor

            def gradient(upstream):
                along = tf.reduce_mean(upstream * y, -1, keepdims=True)
                across = factor * (upstream - y * along)
                return across if slope == 1.0 else _leaky_gradient(across, y, slope)

            return y, gradient

        return tf.cast(normalized(tf.cast(inputs, "float32")), inputs.dtype)

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        own = {"epsilon": self.epsilon, "negative_slope": self.negative_slope}
        return {**super().get_config(), **own}


def _leaky_gradient(upstream, y, slope):
    """Returns the gradient of a leaky ReLU, whose output has the signs of its input."""
    if is_rewritten():  # Processors have this operation in float32 alone, and emulate the other.
        return slope * upstream + (1.0 - slope) * tf.raw_ops.ReluGrad(
            gradients=upstream, features=y
        )
    return tf.raw_ops.LeakyReluGrad(gradients=upstream, features=y, alpha=slope)


@keras.utils.register_keras_serializable("tfpix2pix")
class MinibatchDeviation(keras.layers.Layer):
    """Adds a channel by which a discriminator sees how much the images of a batch differ.

    It is the deviation over the batch of each value, averaged to one number. So the logits of an
    image depend on the others of its batch, and of its replica.

    Call: float `[batch, height, width, channels]` to `[batch, height, width, channels + 1]`.

    Example:
        >>> two = tf.constant([[[[1.0, 5.0]]], [[[3.0, 5.0]]]])
        >>> MinibatchDeviation()(two)[..., 2].numpy().round(3).ravel().tolist()
        [0.5, 0.5]

    Reference:
        [Karras et al., 2017](https://arxiv.org/abs/1710.10196), section 3.
    """

    def call(self, inputs):
        """Appends the mean deviation."""
        x = tf.cast(inputs, "float32")
        variance = tf.reduce_mean(tf.square(x - tf.reduce_mean(x, 0, keepdims=True)), 0)
        deviation = tf.reduce_mean(tf.sqrt(variance + 1e-8))
        channel = tf.fill(tf.shape(inputs[..., :1]), tf.cast(deviation, inputs.dtype))
        return tf.concat([inputs, channel], -1)


@keras.utils.register_keras_serializable("tfpix2pix")
class EqualizedConv2D(keras.layers.Conv2D):
    """2D convolution with an equalized learning rate: N(0, 1) weights, scaled when they are used.

    The factor is `gain / sqrt(fan_in)`, He's deviation by default. So optimizers that go by the
    size of gradients, such as Adam, change all layers at one rate.

    Args:
        *args: Those of `keras.layers.Conv2D`.
        gain: Factor of the weights.
        kernel_initializer: By default N(0, 1).
        **kwargs: Those of `keras.layers.Conv2D`.

    Call: as `keras.layers.Conv2D`.

    Example:
        >>> layer = EqualizedConv2D(1, 2, kernel_initializer="ones")
        >>> layer(tf.ones((1, 2, 2, 2))).numpy().round(3).tolist()  # 8 times the root of 2 / 8.
        [[[[4.0]]]]

    Reference:
        [Karras et al., 2017](https://arxiv.org/abs/1710.10196), section 4.1.
    """

    def __init__(
        self, *args, gain: float = 2.0**0.5, kernel_initializer: Optional[object] = None, **kwargs
    ):
        initializer = kernel_initializer or keras.initializers.RandomNormal(stddev=1.0)
        super().__init__(*args, kernel_initializer=initializer, **kwargs)
        self.gain = gain

    def convolution_op(self, inputs, kernel):
        """Convolves by the scaled kernel."""
        height, width, channels, _ = kernel.shape
        factor = self.gain * (height * width * channels) ** -0.5
        return super().convolution_op(inputs, factor * tf.convert_to_tensor(kernel))

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        return {**super().get_config(), "gain": self.gain}


def faded(images, alpha):
    """Blends images with their halved and doubled selves, as those of a phase that fades.

    Args:
        images: float `[batch, height, width, channels]`, of even sides.
        alpha: Share of the images as they are, in [0, 1].

    Returns:
        The same shape and dtype.

    Example:
        >>> faded(tf.constant([[[[0.0], [4.0]], [[0.0], [4.0]]]]), 0.5).numpy().ravel().tolist()
        [1.0, 3.0, 1.0, 3.0]
    """
    coarse = tf.nn.avg_pool2d(images, 2, 2, "VALID")
    coarse = tf.repeat(tf.repeat(coarse, 2, axis=1), 2, axis=2)
    return alpha * images + (1.0 - alpha) * coarse
