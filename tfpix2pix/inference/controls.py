"""Values of controls: from what a user asks for to the batches that networks take."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import tensorflow as tf

from tfpix2pix.data.attributes import attribute_vector
from tfpix2pix.errors import InputError
from tfpix2pix.inference.direction import Control, Direction
from tfpix2pix.inference.points import point_rows
from tfpix2pix.layers.initialization import derived_seed

_NOTHING = MappingProxyType({})


def control_batches(
    direction: Direction, source, values: Mapping[str, Any] = _NOTHING, *, seed=None
) -> tuple[tf.Tensor, ...]:
    """Returns the further inputs of a direction's network, neutral or drawn where not asked for.

    Args:
        direction: `Direction`.
        source: float `[batch, height, width, channels]` in [-1, 1].
        values: Dict of the names of controls to their values: one for each image, or one of the
            control's shape for all of them.
        seed: int `[2]`, a seed and the number of the sample, by which controls that have a
            `sample` are drawn where they are not asked for; `None` for no chance.

    Returns:
        Tuple of a tensor for each of `direction.inputs`, as the network takes it.

    Raises:
        ValueError: If the direction has no such input, or a value does not fit its shape.

    Example:
        >>> from tensorflow import keras
        >>> image, level = keras.Input((None, None, 3)), keras.Input((1, 1, 1), name="level")
        >>> network = keras.Model([image, level], keras.layers.Multiply()([image, level]))
        >>> neutral = lambda source: tf.ones((len(source), 1, 1, 1))
        >>> control = Control("level", tf.TensorSpec((1, 1, 1)), neutral)
        >>> direction = Direction(network, None, multiple=1, controls=(control,))
        >>> (batch,) = control_batches(direction, tf.zeros((2, 8, 8, 3)), {"level": [[[0.5]]]})
        >>> batch.numpy().ravel().tolist()
        [0.5, 0.5]
    """
    inputs = {control.name: control for control in direction.inputs}
    for name in values:
        if name not in inputs:
            raise InputError(
                f"A control must be an input of the network: {', '.join(inputs) or 'it has none'}. "
                f"Received: {name!r}. Leave it out."
            )
    return tuple(
        prepared_batch(
            control,
            control_batch(control, values[name], source.shape[0] or tf.shape(source)[0])
            if name in values
            else unset_batch(control, source, seed),
            source,
        )
        for name, control in inputs.items()
    )


def prepared_batch(control: Control, values, source):
    """Returns what a network takes of the values of a control.

    Args:
        control: `Control` that is an input of the network.
        values: Tensor `[batch, *shape]`.
        source: float `[batch, height, width, channels]` in [-1, 1].

    Returns:
        Tensor `[batch, ...]`.

    Raises:
        ValueError: If the values do not fit the images; in a graph an error of TensorFlow.

    Example:
        >>> half = Control("style", tf.TensorSpec(()), tf.zeros_like, prepared=lambda x, _: x / 2)
        >>> prepared_batch(half, tf.constant([3.0]), tf.zeros((1, 8, 8, 3))).numpy().tolist()
        [1.5]
    """
    return values if control.prepared is None else control.prepared(values, source)


def unset_batch(control: Control, source, seed=None) -> tf.Tensor:
    """Returns the values of a control that is not asked for: drawn by a seed, or neutral.

    Args:
        control: `Control` that is an input of the network.
        source: float `[batch, height, width, channels]` in [-1, 1].
        seed: int `[2]`, a seed and the number of the sample, or `None` for no chance. Controls of
            different names are drawn independently.

    Returns:
        Tensor `[batch, *shape]`.

    Example:
        >>> def draw(seed, source):
        ...     return tf.repeat(tf.random.stateless_normal((1, 2), seed), len(source), axis=0)
        >>> neutral = lambda source: tf.zeros((len(source), 2))
        >>> style = Control("style", tf.TensorSpec((2,)), neutral, sample=draw)
        >>> first, second = unset_batch(style, tf.zeros((2, 8, 8, 3)), (7, 0)).numpy().tolist()
        >>> first == second, first[0] == first[1]
        (True, False)
    """
    if seed is None or control.sample is None:
        return control.neutral(source)
    seed = tf.cast(seed, "int64")
    own = tf.random.experimental.stateless_fold_in(seed, derived_seed(0, control.name))
    return control.sample(own, source)


def control_batch(control: Control, value, count) -> tf.Tensor:
    """Returns the values of one control for a batch of images.

    Args:
        control: `Control`.
        value: One for each image, or one of the control's shape for all of them. Of a control with
            names also a dict of some of them to numbers, the others being 0; of attributes a dict
            of their names to words and numbers, or one for each image.
        count: How many images there are, int or scalar tensor.

    Returns:
        Tensor `[batch, *shape]`.

    Raises:
        ValueError: If the value does not fit the control's shape, or it has no such name.

    Example:
        >>> from tfpix2pix.inference import SEED
        >>> control_batch(SEED, 7, 2).numpy().tolist()
        [7, 7]
    """
    shape = control.spec.shape
    if control.about.get("kind") == "attributes":
        value = _attribute_vectors(control.about["columns"], value)
    elif isinstance(value, Mapping):
        value = _named(control, value)
    is_rows = control.about.get("kind") == "points" and shape.rank == 2
    if is_rows and not tf.is_tensor(value):
        value = point_rows(value)
    try:
        tensor = tf.cast(tf.convert_to_tensor(value), control.spec.dtype)
    except (TypeError, ValueError, tf.errors.OpError) as error:
        raise _misfit(control, repr(value)[:100]) from error
    received = f"a value of shape {tuple(tensor.shape)}"
    if tensor.shape.rank == shape.rank:
        tensor = tf.repeat(tensor[tf.newaxis], count, axis=0)
    batch = count if isinstance(count, int) else None
    if not tensor.shape.is_compatible_with([batch, *shape]):
        raise _misfit(control, received)
    return tensor


def _named(control, values):
    """Returns the numbers of a dict in the order of the control's names."""
    names = control.about.get("names", ())
    if unknown := [name for name in values if name not in names]:
        raise InputError(
            f"The control {control.name!r} has the names {', '.join(names) or 'of none'}. "
            f"Received: {', '.join(map(repr, unknown))}. Name one of them."
        )
    return [values.get(name, 0.0) for name in names]


def _attribute_vectors(columns, value):
    """Returns vectors of what is said in words and numbers, of one image or of several."""
    if isinstance(value, Mapping):
        return attribute_vector(columns, value)
    is_list = isinstance(value, (list, tuple)) and any(isinstance(x, Mapping) for x in value)
    return [attribute_vector(columns, one) for one in value] if is_list else value


def _misfit(control, received):
    sides = ["any" if side is None else str(side) for side in control.spec.shape]
    shape = f"numbers of shape [{', '.join(sides)}]" if sides else "one number"
    return InputError(
        f"The control {control.name!r} must be {shape}, for all images or for each. Received: "
        f"{received}."
    )
