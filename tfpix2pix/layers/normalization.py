"""Normalization layers: the statistics of one image, or of a batch while training."""

import warnings

import tensorflow as tf
from tensorflow import keras

with warnings.catch_warnings():
    # On import TF Addons announces its end of life; the pins already account for it.
    warnings.simplefilter("ignore", UserWarning)
    import tensorflow_addons as tfa

from tfpix2pix.errors import InputError

EPSILON = 1e-5  # Torch's and PyTorch's; Keras and TF Addons default to 1e-3.
# Beyond these batches and below these pixels, calls of the fused kernel cost more than they save.
MOST_FUSED, LEAST_PIXELS = 16, 256


@keras.utils.register_keras_serializable("tfpix2pix")
class InstanceNormalization(tfa.layers.InstanceNormalization):
    """TF Addons' affine instance normalization, on the fused kernel where that is faster.

    Each channel of each image is brought to mean 0 and variance 1 over height and width, then
    scaled by `gamma` and shifted by `beta`. Over a batch of one image these are the batch's
    statistics, so TensorFlow's fused batch normalization, called for each image, computes the same
    numbers: for four of 128x128x64 in 16 instead of 36 ms, forward and backward on two cores.

    Args:
        epsilon: Added to the variance.
        **kwargs: Those of `tfa.layers.InstanceNormalization`: `center`, `scale`, `name`, ...

    Call: float `[batch, height, width, channels]` to the same shape and dtype.

    Example:
        >>> layer = InstanceNormalization()
        >>> layer(tf.constant([[[[1.0]], [[3.0]]]])).numpy().round(3).ravel().tolist()
        [-1.0, 1.0]

    Reference:
        [Ulyanov et al., 2016](https://arxiv.org/abs/1607.08022).
    """

    def __init__(self, epsilon=EPSILON, **kwargs):
        super().__init__(epsilon=epsilon, **kwargs)

    def call(self, inputs):
        """Normalizes each image on its own."""
        if _pays(inputs) and self.center and self.scale:
            return _fused(inputs, self.gamma, self.beta, self.epsilon)
        if inputs.dtype == "float32":
            return super().call(inputs)
        # In float16 the gradient of TF Addons' variance overflows.
        mean, variance = tf.nn.moments(tf.cast(inputs, "float32"), axes=(1, 2), keepdims=True)
        scale = tf.math.rsqrt(variance + self.epsilon)
        scale = scale * tf.cast(self.gamma, "float32") if self.scale else scale
        shift = -mean * scale + (tf.cast(self.beta, "float32") if self.center else 0.0)
        return tf.cast(tf.cast(inputs, "float32") * scale + shift, inputs.dtype)

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        config = super().get_config()
        del config["groups"]  # Derived from the channels; TF Addons warns when it comes back.
        return config


@keras.utils.register_keras_serializable("tfpix2pix")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization with the paper's constants, of each image on its own at test time.

    In training it is Keras' layer: statistics of the batch, moving averages kept. Otherwise each
    image is normalized by its own statistics. That is what the paper's test code does with its
    batches of one (test.lua leaves `evaluate()` out), and it keeps an image's translation free of
    its neighbours.

    Args:
        momentum: Share of the old moving average kept per step (Torch's 0.1 is Keras' 0.9).
        epsilon: Added to the variance.
        **kwargs: Those of `keras.layers.BatchNormalization`.

    Call: float `[batch, height, width, channels]` to the same shape and dtype.

    Example:
        >>> images = tf.constant([[[[1.0]], [[3.0]]], [[[5.0]], [[9.0]]]])
        >>> BatchNormalization()(images, training=False).numpy().round(3).ravel().tolist()
        [-1.0, 1.0, -1.0, 1.0]

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 3.4.
    """

    def __init__(self, momentum=0.9, epsilon=EPSILON, **kwargs):
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None):
        """Normalizes by the batch in training, by each image otherwise."""
        if training:
            return super().call(inputs, training=True)
        if _pays(inputs):
            return _fused(inputs, self.gamma, self.beta, self.epsilon)
        mean, variance = tf.nn.moments(tf.cast(inputs, "float32"), axes=(1, 2), keepdims=True)
        scale = tf.math.rsqrt(variance + self.epsilon) * self.gamma
        return inputs * tf.cast(scale, inputs.dtype) + tf.cast(
            self.beta - mean * scale, inputs.dtype
        )


def _pays(inputs):
    """Whether the fused kernel, called for each image, is faster than what takes them together."""
    batch, height, width = inputs.shape[:3]
    many = batch is None or batch > MOST_FUSED or tf.config.list_physical_devices("GPU")
    return batch == 1 or not (many or (height or 0) * (width or 0) < LEAST_PIXELS)


def _fused(inputs, gamma, beta, epsilon):
    """Normalizes each of a known number of images by its own statistics with the fused kernel."""
    scale, shift = tf.cast(gamma, "float32"), tf.cast(beta, "float32")
    images = tf.split(inputs, inputs.shape[0])
    normalized = [
        tf.compat.v1.nn.fused_batch_norm(image, scale, shift, epsilon=epsilon)[0]
        for image in images
    ]
    return normalized[0] if len(images) == 1 else tf.concat(normalized, 0)


NORMALIZATIONS = ("instance", "batch", "batch_sync", "none")


def normalization(kind, *, epsilon=EPSILON, momentum=0.9, gamma=None, affine=True, name):
    """Builds a normalization layer.

    Args:
        kind: `"instance"`; `"batch"`, in training of each replica's share of the batch;
            `"batch_sync"`, of the whole batch over all replicas; or `"none"`.
        epsilon: Added to the variance.
        momentum: Share of the old moving average that batch norm keeps per step.
        gamma: Initializer of the scale; by default ones.
        affine: Whether instance norm has scale and shift.
        name: Name of the layer.

    Returns:
        A `keras.layers.Layer`; for `"none"` one that passes its input through.

    Raises:
        ValueError: If `kind` is unknown.

    Example:
        >>> normalization("batch", name="down2_norm").name
        'down2_norm'
    """
    kind = checked_norm(kind)
    options = {"epsilon": epsilon, "gamma_initializer": gamma or "ones", "name": name}
    if kind == "none":
        return keras.layers.Activation("linear", name=name)
    if kind == "instance":
        return InstanceNormalization(center=affine, scale=affine, **options)
    return BatchNormalization(momentum, synchronized=kind == "batch_sync", **options)


def checked_norm(norm, *, also=()):
    """Returns `norm` if a network may have it.

    Args:
        norm: Name of a normalization.
        also: Names that this network may have besides those of `layers.normalization`.

    Raises:
        ValueError: If it is unknown.

    Example:
        >>> checked_norm("batch")
        'batch'
    """
    known = sorted((*NORMALIZATIONS, *also))
    if norm not in known:
        raise InputError(f"`norm` must be one of {known}. Received: norm={norm!r}.")
    return norm
