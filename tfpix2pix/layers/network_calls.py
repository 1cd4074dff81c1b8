"""Calls: a functional network as the list of its layers' calls, those of networks within it too.

A network may hold others, and call a layer or a network several times, as for an encoder that two
images share. Whoever wants to see each output, or to compute a layer otherwise, goes by this list.
"""

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import Any, Callable, NamedTuple

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers.dropout import Dropout
from tfpix2pix.layers.norms import BatchNormalization

_PLAIN = {"training", "mask"}  # Arguments that say how to call a layer, not with what.


class Call(NamedTuple):
    """One call of a layer.

    Attributes:
        layer: `keras.layers.Layer`; where a call has more arguments than its tensors, such as the
            axis of `tf.concat`, a function of these tensors that has the layer's name.
        path: Name of the layer, after those of the networks that it is in: `"encoder/down1_conv"`.
        inputs: Numbers of the values that it takes; the first ones are the network's inputs.
        outputs: Numbers of the values that it gives.

    Example:
        >>> image = keras.Input((8, 8, 3))
        >>> network = keras.Model(image, keras.layers.ReLU(name="up1_activation")(image))
        >>> calls(network)[0][0][1:]
        ('up1_activation', (0,), (1,))
    """

    layer: Any
    path: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class _Bound:
    """A layer with all arguments of one call but its tensors."""

    def __init__(self, node):
        self.layer = node.layer
        self.name = node.layer.name
        self._arguments = (node.call_args, node.call_kwargs)
        self._tensors = [id(x) for x in node.keras_inputs]

    def __call__(self, inputs):
        values = dict(zip(self._tensors, inputs if isinstance(inputs, (list, tuple)) else [inputs]))
        arguments, options = tf.nest.map_structure(
            lambda value: values.get(id(value), value), self._arguments
        )
        return self.layer(*arguments, **options)


def calls(network: keras.Model) -> tuple[list[Call], tuple[int, ...]]:
    """Lists the calls of a network in an order of computation, those of networks in it among them.

    Args:
        network: Functional `keras.Model`.

    Returns:
        `(calls, outputs)`: list of `Call`, and the numbers of the network's outputs.

    Raises:
        ValueError: If it is no functional network, calls one within it with more than tensors, or
            has layers that hold dropout or batch norm out of sight.

    Example:
        >>> shared = keras.layers.Dense(3, name="dense")
        >>> image = keras.Input((3,))
        >>> found, outputs = calls(keras.Model(image, shared(shared(image))))
        >>> [(call.path, call.inputs, call.outputs) for call in found], outputs
        ([('dense', (0,), (1,)), ('dense', (1,), (2,))], (2,))
    """
    numbers = itertools.count()
    found = []
    inputs = [next(numbers) for _ in getattr(network, "inputs", None) or ()]
    return found, tuple(_walk(network, inputs, "", found, numbers))


def _walk(network, inputs, prefix, found, numbers):
    """Appends the calls of a network to `found`; returns the numbers of its outputs."""
    if not getattr(network, "outputs", None):
        raise _unknown(network, f"a {type(network).__name__} without a graph of layers")
    nodes = {
        id(output): node
        for layer in network.layers
        for node in layer.inbound_nodes
        for output in tf.nest.flatten(node.outputs)
    }
    known = {id(x): number for x, number in zip(network.inputs, inputs)}
    pending = list(network.outputs)[::-1]
    while pending:
        x = pending[-1]
        node = nodes.get(id(x))
        missing = () if id(x) in known else [y for y in node.keras_inputs if id(y) not in known]
        if missing:
            pending += missing[::-1]
            continue
        pending.pop()
        if id(x) not in known:
            taken = tuple(known[id(y)] for y in node.keras_inputs)
            given = _called(network, node, taken, prefix, found, numbers)
            known.update(zip(map(id, tf.nest.flatten(node.outputs)), given))
    return [known[id(x)] for x in network.outputs]


def _called(network, node, taken, prefix, found, numbers):
    """Appends what one node calls to `found`; returns the numbers of its outputs."""
    layer = node.layer
    first = tf.nest.flatten(node.call_args[:1])
    plain = [id(x) for x in first] == [id(x) for x in node.keras_inputs]
    plain = plain and len(node.call_args) == 1 and set(node.call_kwargs) <= _PLAIN
    within = isinstance(layer, keras.Model) and layer.outputs
    if not plain and (within or isinstance(layer, (BatchNormalization, Dropout))):
        raise _unknown(network, f"which calls {layer.name!r} with more than its tensors")
    if within:
        return _walk(layer, taken, f"{prefix}{layer.name}/", found, numbers)
    hidden = [x for x in layer.submodules if isinstance(x, (BatchNormalization, Dropout))]
    if hidden:
        raise _unknown(
            network,
            f"whose layer {layer.name!r} holds {hidden[0].name!r}, a {type(hidden[0]).__name__}, "
            "out of sight",
        )
    given = tuple(next(numbers) for _ in tf.nest.flatten(node.outputs))
    found.append(Call(layer if plain else _Bound(node), f"{prefix}{layer.name}", taken, given))
    return given


def _unknown(network, reason):
    return InputError(
        "To be known layer by layer, a network must be functional, and so must the networks in it. "
        f"Received: {network.name!r}, {reason}. Build it by `keras.Model(inputs, outputs)` of "
        "layers that are called with tensors."
    )


def leaves(network: keras.Model) -> list[keras.layers.Layer]:
    """Lists the layers of a network and of those within it, each once.

    Args:
        network: As of `calls`.

    Returns:
        List of `keras.layers.Layer` in the order of their first calls, the networks and the input
        layers left out.

    Raises:
        ValueError: As `calls`.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> image = keras.Input((None, None, 3))
        >>> twice = keras.Model(image, generator(generator(image)))
        >>> leaves(twice) == leaves(generator)
        True
    """
    found = [getattr(call.layer, "layer", call.layer) for call in calls(network)[0]]
    return list({id(layer): layer for layer in found}.values())


def run(network: keras.Model, inputs: Sequence, apply: Callable) -> list:
    """Runs a network call by call, and forgets a value when no later call needs it.

    Args:
        network: As of `calls`.
        inputs: What it takes, of any type.
        apply: Function of a `Call` and its inputs to its output.

    Returns:
        List of its outputs.

    Raises:
        ValueError: As `calls`.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> run(generator, [1], lambda call, *inputs: sum(inputs))
        [2]
    """
    found, outputs = calls(network)
    uses = Counter(number for call in found for number in call.inputs)
    uses.update(outputs)
    values = dict(enumerate(inputs))
    for call in found:
        result = apply(call, *(values[number] for number in call.inputs))
        several = len(call.outputs) > 1
        values.update(zip(call.outputs, tf.nest.flatten(result) if several else [result]))
        for number in call.inputs:
            uses[number] -= 1
            if not uses[number]:
                del values[number]
    return [values[number] for number in outputs]
