"""Faults: where a training ceased to be finite."""

import math
from typing import Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.layers.network_calls import leaves, run


def describe_non_finite(logs: dict, step: int, model: keras.Model, batch) -> Optional[str]:
    """Describes which losses are not finite, and the first thing on a batch's way that is not.

    Args:
        logs: Dict of loss name to float.
        step: Number of the step.
        model: `tfpix2pix.models.TranslationModel`, as it is after that step.
        batch: The step's batch, as `model.train_step` takes it.

    Returns:
        str, or `None` if all losses are finite. It names the layer if there are finite ones still:
        as a rule the step's update makes them all alike. A layer of a network in the player has
        that one's name before its own.

    Example:
        >>> describe_non_finite({"generator_l1": 3.0}, 7, None, None) is None
        True
    """
    names = [name for name, value in logs.items() if not math.isfinite(value)]
    if not names:
        return None
    return f"{', '.join(names)} at step {step}; first in {_first_fault(model, batch)}"


def _first_fault(model, batch):
    for name, images in model.images(batch).items():
        if not _all_finite([images]):
            return f"the {name} images"
    for player, inputs in model.passes(batch):
        network = model.players[player]
        trained = [layer for layer in leaves(network) if layer.trainable_weights]
        if not any(_all_finite(layer.weights) for layer in trained):
            return f"all layers of the {player}, to which the step has spread it"
        if fault := _fault_within(network, inputs):
            return f"{fault} of the {player}"
    return "the losses; the layers are finite on this batch"


def _fault_within(network, inputs):
    """Returns the first layer of a network with weights or an output that are not finite."""
    faults = []

    def apply(call, first, *more):
        output = call.layer([first, *more] if more else first)
        weights = getattr(call.layer, "weights", ())
        if not _all_finite(weights):
            faults.append(f"the weights of {call.path}")
        elif not _all_finite(tf.nest.flatten(output)):
            faults.append(f"the output of {call.path}")
        return output

    run(network, tf.nest.flatten(inputs), apply)
    return faults[0] if faults else None


def _all_finite(tensors):
    return all(bool(tf.reduce_all(tf.math.is_finite(tf.cast(x, "float32")))) for x in tensors)
