"""Normalization layers: instance norm, and batch norm that treats images singly at test time."""

import warnings
from collections.abc import Sequence
from typing import Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError

try:
    with warnings.catch_warnings():
        # On import TF Addons announces its end of life; the pins already account for it.
        warnings.simplefilter("ignore", UserWarning)
        from tensorflow_addons.layers import InstanceNormalization as _Base
except ImportError:
    # It ends with TensorFlow 2.15. Keras has a layer of the same weights and arguments, which gives
    # zeros in float16 from deviations of 256 on.
    class _Base(keras.layers.GroupNormalization):
        def __init__(self, **kwargs):
            super().__init__(groups=-1, **kwargs)

        def call(self, inputs):
            return _normalized(inputs, self.gamma, self.beta, self.epsilon)


EPSILON = 1e-5  # Torch's and PyTorch's; Keras and TF Addons default to 1e-3.
# In larger batches and on smaller maps, one call of the fused kernel per image costs more than it
# saves.
MOST_FUSED_IMAGES = 16
LEAST_FUSED_PIXELS = 256
MOST_SUMMED_PIXELS = 128 * 128  # One after the other, in float32.


@keras.utils.register_keras_serializable("tfpix2pix")
class InstanceNormalization(_Base):
    """Instance normalization: TF Addons' layer, on the fused kernel where that is faster.

    It brings each channel of each image to mean 0 and variance 1 over height and width, then
    scales it by `gamma` and shifts it by `beta`. Over a batch of one image these are the batch's
    statistics, so TensorFlow's fused batch normalization, called for each image, computes the same
    numbers: for four of 128x128x64 in 16 instead of 36 ms, forward and backward on two cores.

    Args:
        epsilon: Added to the variance.
        **kwargs: Those of `tfa.layers.InstanceNormalization`, which are also those of
            `keras.layers.GroupNormalization` but `groups`: `center`, `scale`, `name`, ...

    Call: float `[batch, height, width, channels]` to the same shape and dtype.

    Example:
        >>> layer = InstanceNormalization()
        >>> layer(tf.constant([[[[1.0]], [[3.0]]]])).numpy().round(3).ravel().tolist()
        [-1.0, 1.0]

    Reference:
        [Ulyanov et al., 2016](https://arxiv.org/abs/1607.08022).
    """

    def __init__(self, epsilon: float = EPSILON, **kwargs):
        super().__init__(epsilon=epsilon, **kwargs)

    def call(self, inputs):
        """Normalizes each image by its own statistics."""
        if _fused_is_faster(inputs):
            channels = (inputs.shape[-1],)
            gamma = self.gamma if self.scale else tf.ones(channels)
            beta = self.beta if self.center else tf.zeros(channels)
            return _fused(inputs, gamma, beta, self.epsilon)
        if inputs.dtype == "float32" and _is_small(inputs):
            return super().call(inputs)
        # In float16 the gradient of TF Addons' variance overflows.
        return _normalized(inputs, self.gamma, self.beta, self.epsilon)

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        config = super().get_config()
        del config["groups"]  # Derived from the channels; TF Addons warns when it comes back.
        return config


@keras.utils.register_keras_serializable("tfpix2pix")
class BatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization with the paper's constants; at test time each image by itself.

    In training it is Keras' layer, which normalizes by the batch and updates the moving averages.
    At test time it normalizes each image by that image's statistics. The paper's test code does
    so with its batches of one (test.lua does not call `evaluate()`), and an image's translation
    does not depend on its neighbours in the batch.

    Args:
        momentum: Decay of the moving averages per step (Torch's 0.1 is Keras' 0.9).
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

    def __init__(self, momentum: float = 0.9, epsilon: float = EPSILON, **kwargs):
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training: Optional[bool] = None):
        """Normalizes by the batch in training, and each image by itself at test time."""
        if training:
            return super().call(inputs, training=True)
        if _fused_is_faster(inputs):
            return _fused(inputs, self.gamma, self.beta, self.epsilon)
        mean, variance = _moments(tf.cast(inputs, "float32"))
        scale = tf.math.rsqrt(variance + self.epsilon) * self.gamma
        return inputs * tf.cast(scale, inputs.dtype) + tf.cast(
            self.beta - mean * scale, inputs.dtype
        )


def _fused_is_faster(inputs):
    """Whether one call of the fused kernel per image is faster than plain operations on all."""
    batch, height, width = inputs.shape[:3]
    if batch == 1:
        return True
    if batch is None or batch > MOST_FUSED_IMAGES or tf.config.list_physical_devices("GPU"):
        return False
    return (height or 0) * (width or 0) >= LEAST_FUSED_PIXELS


def _is_small(inputs):
    """Whether images have so few pixels that one sum over all of them rounds little."""
    height, width = inputs.shape[1:3]
    return height is not None and width is not None and height * width <= MOST_SUMMED_PIXELS


def _moments(images):
    """Returns mean and variance of each channel of each image.

    Of large images, sums over rows and then over their sums round 10 times less than
    `tf.nn.moments`, which adds all pixels one after the other: of 256x512, up to 1e-6 instead of
    1e-5 of the deviation. A deep network makes 3e-3 of the latter.
    """
    if _is_small(images):
        return tf.nn.moments(images, axes=(1, 2), keepdims=True)

    def mean_of(maps):
        return tf.reduce_mean(tf.reduce_mean(maps, 2, keepdims=True), 1, keepdims=True)

    mean = mean_of(images)
    # As in `tf.nn.moments`: the gradient by way of the mean is zero.
    return mean, mean_of(tf.math.squared_difference(images, tf.stop_gradient(mean)))


def _normalized(inputs, gamma, beta, epsilon):
    """Normalizes each image by its own statistics, in float32; `None` is no scale or no shift."""
    mean, variance = _moments(tf.cast(inputs, "float32"))
    scale = tf.math.rsqrt(variance + epsilon)
    scale = scale if gamma is None else scale * tf.cast(gamma, "float32")
    shift = -mean * scale + (0.0 if beta is None else tf.cast(beta, "float32"))
    return tf.cast(tf.cast(inputs, "float32") * scale + shift, inputs.dtype)


def _fused(inputs, gamma, beta, epsilon):
    """Normalizes each image by its own statistics; the size of the batch is static."""
    count = inputs.shape[0]
    scales, shifts = (
        [tf.cast(rows, "float32")] * count if rows.shape.rank == 1 else tf.unstack(rows, count)
        for rows in (gamma, beta)
    )
    normalized = [
        tf.compat.v1.nn.fused_batch_norm(image, scale, shift, epsilon=epsilon)[0]
        for image, scale, shift in zip(tf.split(inputs, count), scales, shifts)
    ]
    return normalized[0] if count == 1 else tf.concat(normalized, 0)


def normalized_images(inputs, gamma, beta, epsilon: float):
    """Normalizes each image by its own statistics, then by a scale and shift of its own.

    Args:
        inputs: float `[batch, height, width, channels]`.
        gamma: float32 `[batch, channels]`.
        beta: The same.
        epsilon: Added to the variance.

    Returns:
        The shape and dtype of `inputs`.

    Example:
        >>> images = tf.constant([[[[1.0]], [[3.0]]]])
        >>> normalized_images(images, [[2.0]], [[5.0]], 1e-9).numpy().ravel().tolist()
        [3.0, 7.0]
    """
    gamma, beta = tf.convert_to_tensor(gamma), tf.convert_to_tensor(beta)
    if _fused_is_faster(inputs):
        return _fused(inputs, gamma, beta, epsilon)
    rows = (slice(None), tf.newaxis, tf.newaxis)
    return _normalized(inputs, gamma[rows], beta[rows], epsilon)


NORMALIZATIONS = ("instance", "batch", "batch_sync")


def normalization(
    kind: str,
    *,
    epsilon: float = EPSILON,
    momentum: float = 0.9,
    gamma: Optional[keras.initializers.Initializer] = None,
    affine: bool = True,
    name: str,
) -> keras.layers.Layer:
    """Builds a normalization layer.

    Args:
        kind: `"instance"`; `"batch"`, in training by each replica's part of the batch; or
            `"batch_sync"`, by the batch over all replicas.
        epsilon: Added to the variance.
        momentum: Decay of batch norm's moving averages per step.
        gamma: Initializer of the scale; by default ones.
        affine: Whether instance norm has scale and shift.
        name: Name of the layer.

    Returns:
        A `keras.layers.Layer`.

    Raises:
        ValueError: If `kind` is unknown.

    Example:
        >>> normalization("batch", name="down2_norm").name
        'down2_norm'
    """
    if kind not in NORMALIZATIONS:
        raise InputError(
            f"`kind` must be one of {sorted(NORMALIZATIONS)}. Received: kind={kind!r}."
        )
    options = {"epsilon": epsilon, "gamma_initializer": gamma or "ones", "name": name}
    if kind == "instance":
        return InstanceNormalization(center=affine, scale=affine, **options)
    return BatchNormalization(momentum, synchronized=kind == "batch_sync", **options)


def checked_norm(norm: str, *, also: Sequence[str] = ()) -> str:
    """Returns the option `norm` of a network, checked.

    Args:
        norm: Name of a normalization, or `"none"`.
        also: Further names that this network has.

    Returns:
        `norm`.

    Raises:
        ValueError: If it is unknown.

    Example:
        >>> checked_norm("batch")
        'batch'
    """
    known = sorted((*NORMALIZATIONS, "none", *also))
    if norm not in known:
        raise InputError(f"`norm` must be one of {known}. Received: norm={norm!r}.")
    return norm
