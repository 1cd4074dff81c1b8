"""A network layer by layer, with norms and dropout as they are asked for."""

from collections.abc import Sequence
from typing import Callable, Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers import BatchNormalization, Dropout
from tfpix2pix.layers.initialization import derived_seed
from tfpix2pix.layers.network_calls import leaves, run

STATISTICS = ("batch", "moving", "per_image")


def evaluate(network: keras.Model, source, apply: Callable, controls: Sequence = ()):
    """Evaluates a network layer by layer, and forgets a value when no later layer needs it.

    Args:
        network: Functional `keras.Model` of one output; it may hold other networks, and call its
            layers several times.
        source: Its first input, of any type.
        apply: Function of a layer and its inputs to its output; for a call with more arguments than
            its tensors, of a function of these, see `tfpix2pix.layers.network_calls.Call`.
        controls: Its further inputs, in order.

    Returns:
        The output of the last layer.

    Raises:
        ValueError: If the network is no such model.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> evaluate(generator, 1, lambda layer, *inputs: sum(inputs))
        2
    """
    (output,) = run(network, (source, *controls), lambda call, *inputs: apply(call.layer, *inputs))
    return output


def layer_output(layer: keras.layers.Layer, inputs: Sequence, statistics: str, seed=None):
    """Computes one layer as at test time.

    Args:
        layer: `keras.layers.Layer`.
        inputs: Its inputs, float `[batch, height, width, channels]` each.
        statistics: `"per_image"`, `"batch"` or `"moving"`, what batch norm goes by.
        seed: int `[2]`, the seed of the noise of dropout and the number of the sample, or `None`
            for no noise.

    Returns:
        Its output.

    Example:
        >>> layer_output(Dropout(0.5, seed=1), [tf.ones((1, 1, 1, 2))], "batch").numpy().tolist()
        [[[[1.0, 1.0]]]]
    """
    (x, *more) = inputs
    if isinstance(layer, Dropout):
        return x if seed is None else x * tf.cast(noise(layer, tf.ones_like(x[:1]), seed), x.dtype)
    if isinstance(layer, BatchNormalization):
        mean, variance = tf.nn.moments(tf.cast(x, "float32"), (1, 2), keepdims=True)
        return normalized(layer, x, mean, variance, statistics)
    return layer(inputs if more else x)


def noise(layer: Dropout, ones, seed):
    """Returns the factors by which dropout multiplies.

    They depend on the layer's name and the seed alone, and are the same for all images of a batch
    and for all calls of the layer.

    Args:
        layer: `tfpix2pix.layers.Dropout`.
        ones: Ones `[1, height, width, channels]`.
        seed: int `[2]`, the seed and the number of the sample.

    Returns:
        float32 `[1, height, width, channels]`: 0 or 1 / (1 - rate).

    Example:
        >>> layer = Dropout(0.5, seed=0, name="up2_dropout")
        >>> sorted(set(noise(layer, tf.ones((1, 4, 4, 9)), (3, 0)).numpy().ravel().tolist()))
        [0.0, 2.0]
    """
    layer_seed = tf.random.experimental.stateless_fold_in(seed, derived_seed(0, layer.name))
    ones = tf.cast(ones, "float32")
    return tf.nn.experimental.stateless_dropout(ones, layer.rate, seed=layer_seed)


def normalized(layer: keras.layers.Layer, x, mean, variance, statistics: str):
    """Normalizes by known moments.

    Args:
        layer: `BatchNormalization` or `InstanceNormalization`, for which each image counts alone.
        x: float `[batch, any, any, channels]`, whole images or parts of them.
        mean: float32 `[batch, 1, 1, channels]`, of each whole image.
        variance: The same.
        statistics: `"per_image"`, `"batch"`, which makes one of all these moments, or `"moving"`,
            which passes them over.

    Returns:
        The shape and dtype of `x`.

    Example:
        >>> layer = BatchNormalization(epsilon=0.0)
        >>> layer.build((None, None, None, 1))
        >>> normalized(layer, tf.ones((1, 1, 1, 1)), 3.0, 4.0, "per_image").numpy().item()
        -1.0
    """
    if isinstance(layer, BatchNormalization) and statistics == "moving":
        mean = layer.moving_mean
        variance = layer.moving_variance
    elif isinstance(layer, BatchNormalization) and statistics == "batch":
        means = mean
        mean = tf.reduce_mean(means, 0, keepdims=True)
        variance = tf.reduce_mean(variance + tf.square(means - mean), 0, keepdims=True)
    y = tf.cast(x, "float32")
    y = tf.nn.batch_normalization(y, mean, variance, layer.beta, layer.gamma, layer.epsilon)
    return tf.cast(y, x.dtype)


def has_open_sides(shape) -> bool:
    """Whether inputs of a shape are as high and wide as the images.

    Args:
        shape: Shape of one example, without the batch.

    Returns:
        bool.

    Example:
        >>> has_open_sides((None, None, 3)), has_open_sides((8,))
        (True, False)
    """
    return len(shape) == 3 and tuple(shape[:2]) == (None, None)


def check_statistics(network: keras.Model, statistics: str, samples: Optional[int]) -> None:
    """Refuses what a network cannot do.

    Args:
        network: `keras.Model`.
        statistics: What batch norm goes by.
        samples: int or `None`.

    Raises:
        ValueError: If the statistics are unknown or not there, or noise is asked of a network
            without dropout.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> check_statistics(unet_generator((8, 8, 3), norm="batch"), "moving", 3)
    """
    if statistics not in STATISTICS:
        raise InputError(
            f"`statistics` must be one of {', '.join(STATISTICS)}. Received: {statistics!r}. "
            'Use "per_image" to translate each image by its own.'
        )
    if statistics == "moving" and not _has(network, BatchNormalization):
        raise InputError(
            'statistics="moving" needs a network with batch norm, which alone keeps moving '
            f'averages. Received: {network.name!r}. Use "per_image".'
        )
    if samples is None:
        return
    if samples < 1:
        raise InputError(
            f"`samples` must be at least 1. Received: samples={samples}. Leave it out for one "
            "translation without noise."
        )
    if not has_dropout(network):
        raise InputError(
            f"`samples` differ by dropout alone, which {network.name!r} has none of. Received: "
            f"samples={samples}. Leave it out, or train with `dropout_levels` of at least 1."
        )


def has_dropout(network: keras.Model) -> bool:
    """Whether a network has dropout, the noise of which a seed decides.

    Args:
        network: `keras.Model`.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> has_dropout(unet_generator((None, None, 3), depth=2, base_filters=4, dropout_levels=0))
        False
    """
    return _has(network, Dropout)


def _has(network, kind):
    return any(isinstance(layer, kind) for layer in leaves(network))
