"""Norm surgery: generators with other statistics or another norm, and what it changes."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Callable

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tqdm import tqdm

from tfpix2pix.errors import InputError
from tfpix2pix.inference.graph import evaluate, layer_output
from tfpix2pix.inference.translation import padded_inputs, size_multiple
from tfpix2pix.layers import BatchNormalization, InstanceNormalization
from tfpix2pix.layers.network_calls import leaves


def recalibrated(generator: keras.Model, batches: Iterable) -> keras.Model:
    """Copies a generator with the moving statistics of batch norm measured anew.

    They become the mean over the batches of each batch's mean and variance, where training keeps
    an average over its last steps, of weights that have changed since. Each layer is measured
    behind layers that go by the batch, as in training, but without dropout. So for one batch
    `statistics="moving"` then gives what `"batch"` does.

    Args:
        generator: Functional `keras.Model` with batch norm.
        batches: Iterable of float `[batch, height, width, channels]` in [-1, 1], of any sizes: the
            sources of a data set, in batches as they were trained on. For a generator of several
            inputs, of tuples `(source, *controls)`.

    Returns:
        A new `keras.Model`; the generator stays as it is.

    Raises:
        ValueError: If the generator has no batch norm, or there is no batch.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4, norm="batch")
        >>> copy = recalibrated(generator, [tf.ones((1, 8, 8, 3))])
        >>> copy.get_layer("up1_norm").moving_variance.numpy().round(3).tolist()
        [0.0, 0.0, 0.0, 0.0]
    """
    _check(generator)
    moments = [
        _moments(generator, *(batch if isinstance(batch, tuple) else (batch,)))
        for batch in tqdm(batches, "Recalibration", unit=" batches", leave=False)
    ]
    if not moments:
        raise InputError(
            "Statistics are measured on at least one batch. Received: none. Give the sources of "
            "the training pairs."
        )
    copy = keras.models.clone_model(generator)
    copy.set_weights(generator.get_weights())
    for layer, new in zip(leaves(generator), leaves(copy)):
        if isinstance(layer, BatchNormalization):
            measured = [of_call for of_batch in moments for of_call in of_batch[id(layer)]]
            mean, variance = np.mean(measured, axis=0)
            new.moving_mean.assign(mean)
            new.moving_variance.assign(variance)
    return copy


def _moments(generator, source, *controls):
    """Returns the means and variances of the batch at each batch norm, one for each of its calls.

    They are by the id of the layer: networks within the generator may have layers of one name.
    """
    moments = defaultdict(list)

    def apply(layer, *inputs):
        if isinstance(layer, BatchNormalization):
            both = tf.nn.moments(tf.cast(inputs[0], "float32"), (0, 1, 2))
            moments[id(layer)].append(np.array(both, "float64"))
        return layer_output(layer, inputs, "batch")

    inputs, _, _ = padded_inputs(generator, source, controls, size_multiple(generator))
    evaluate(generator, inputs[0], apply, inputs[1:])
    return moments


def with_instance_norm(generator: keras.Model) -> keras.Model:
    """Copies a generator with instance norm in the place of batch norm, with the same weights.

    Translations of each image by its own statistics, the default here, stay the same; and so they
    do in programs that know batch norm by its moving averages alone.

    Args:
        generator: Functional `keras.Model` with batch norm.

    Returns:
        A new `keras.Model`.

    Raises:
        ValueError: If the generator has no batch norm.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((8, 8, 3), base_filters=4, norm="batch")
        >>> type(with_instance_norm(generator).get_layer("up1_norm")).__name__
        'InstanceNormalization'
    """
    _check(generator)

    def replaced(layer):
        if isinstance(layer, keras.Model) and layer.outputs:
            return keras.models.clone_model(layer, clone_function=replaced)
        config = layer.get_config()
        if isinstance(layer, BatchNormalization):
            kept = ("name", "dtype", "epsilon")
            return InstanceNormalization(**{option: config[option] for option in kept})
        return type(layer).from_config(config)

    copy = keras.models.clone_model(generator, clone_function=replaced)
    for layer, new in zip(leaves(generator), leaves(copy)):
        # Of batch norm, scale and shift come first.
        new.set_weights(layer.get_weights()[: len(new.weights)])
    return copy


def output_difference(one: Callable, other: Callable, batches: Iterable) -> float:
    """Measures by how much two generators differ.

    Args:
        one: Function of a batch to its translations, such as a generator or
            `functools.partial(translate, generator, statistics="moving")`.
        other: The same.
        batches: Iterable of what they take.

    Returns:
        float: the mean absolute difference over all values of all batches, in [0, 2].

    Raises:
        ValueError: If there is no batch.

    Example:
        >>> output_difference(tf.identity, tf.negative, [tf.fill((1, 2, 2, 3), 0.5)])
        1.0
    """
    total = 0.0
    count = 0
    for batch in tqdm(batches, "Comparison", unit=" batches", leave=False):
        difference = np.abs(np.subtract(one(batch), other(batch), dtype="float64"))
        total += difference.sum()
        count += difference.size
    if not count:
        raise InputError(
            "Generators are compared on at least one batch. Received: none. Give some sources."
        )
    return float(total / count)


def _check(generator):
    if not any(isinstance(layer, BatchNormalization) for layer in leaves(generator)):
        raise InputError(
            f"Norm surgery is for networks with batch norm. Received: {generator.name!r}, which "
            'has none. Other networks have no moving statistics; use statistics="per_image".'
        )
