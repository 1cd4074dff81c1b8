"""Averages of weights: copies of networks that follow them slowly."""

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.layers.network_calls import leaves


def copied(network: keras.Model) -> keras.Model:
    """Returns a network with the same weights that is not trained.

    Args:
        network: Functional `keras.Model`.

    Returns:
        `keras.Model`.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> copied(unet_generator((8, 8, 3), base_filters=4)).trainable_variables
        []
    """
    copy = keras.models.clone_model(network)
    copy.set_weights(network.get_weights())
    copy.trainable = False
    return copy


def regrown(averaged: keras.Model, network: keras.Model) -> keras.Model:
    """Returns the average of a network that has taken another's place, as in a phase that grows.

    Args:
        averaged: The average of the network before; layers go by their names and shapes.
        network: The new one, whose weights are those of layers that were not there before.

    Returns:
        `keras.Model`, not trained.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> small, large = (unet_generator((8, 8, 3), depth=d, base_filters=4) for d in (2, 3))
        >>> mean = regrown(copied(small), large)
        >>> [
        ...     bool(tf.reduce_all(mean.get_layer(name).kernel == one.get_layer(name).kernel))
        ...     for name, one in (("down1_conv", small), ("down3_conv", large))
        ... ]
        [True, True]
    """
    copy = copied(network)
    before = {layer.name: layer.get_weights() for layer in averaged.layers}
    for layer in copy.layers:
        weights = before.get(layer.name, [])
        if [weight.shape for weight in weights] == [tuple(v.shape) for v in layer.weights]:
            layer.set_weights(weights)
    return copy


def approach(averaged: keras.Model, network: keras.Model, decay) -> None:
    """Moves averaged weights towards those of a network, on every replica.

    What a layer lists as `unaveraged`, such as statistics of other weights, stays as it is.

    Args:
        averaged: What `copied` returned.
        network: The network, whose weights are the same on all replicas.
        decay: Part of the averages that stays, float32 scalar in [0, 1].

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> network = unet_generator((8, 8, 3), base_filters=4)
        >>> one = copied(network)
        >>> one.weights[0].assign(tf.zeros_like(one.weights[0])) is None
        False
        >>> approach(one, network, 0.75)
        >>> bool(tf.reduce_all(one.weights[0] == 0.25 * network.weights[0]))
        True
    """

    def move(average, weight):
        average.assign_sub((1.0 - decay) * (average - weight))

    kept = {id(x) for layer in leaves(averaged) for x in getattr(layer, "unaveraged", ())}
    pairs = [pair for pair in zip(averaged.weights, network.weights) if id(pair[0]) not in kept]

    def update(strategy):
        for average, weight in pairs:
            strategy.extended.update(average, move, args=(weight,))

    # All replicas have the same weights by now, so each updates the copy of its own.
    tf.distribute.get_replica_context().merge_call(update)
