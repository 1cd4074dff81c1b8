"""Controls in a graph: their values beside the images of a request, and which of them are set."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from tfpix2pix import inference
from tfpix2pix.export.directions import SET
from tfpix2pix.inference import SEED, Control, Direction
from tfpix2pix.inference.controls import prepared_batch


def batch_spec(control: Control) -> tf.TensorSpec:
    """Returns what a signature takes of a control: a value for each image.

    Args:
        control: `tfpix2pix.inference.Control`.

    Example:
        >>> batch_spec(SEED)
        TensorSpec(shape=(None,), dtype=tf.int64, name='seed')
    """
    return tf.TensorSpec((None, *control.spec.shape), control.spec.dtype, name=control.name)


def all_specs(direction: Direction) -> list[tf.TensorSpec]:
    """Returns what the signature of all controls takes beside the images.

    Args:
        direction: `tfpix2pix.inference.Direction`.

    Returns:
        List of the values of each control, and then of whether each is set, bool `[batch]`.

    Example:
        >>> direction = Direction(None, None, multiple=1, controls=(SEED,))
        >>> [spec.name for spec in all_specs(direction)]
        ['seed', 'set_seed']
    """
    names = [control.name for control in direction.controls]
    flags = [tf.TensorSpec((None,), tf.bool, name=SET + name) for name in names]
    return [*map(batch_spec, direction.controls), *flags]


def values_and_flags(direction: Direction, inputs: Sequence, images) -> tuple[dict, dict]:
    """Names the inputs of the signature of all controls, and checks how many there are.

    Args:
        direction: `tfpix2pix.inference.Direction`.
        inputs: Tensors as of `all_specs`.
        images: Tensor `[batch, ...]`.

    Returns:
        Dict of the names of controls to their values, and dict of the same to whether they are
        set.

    Example:
        >>> direction = Direction(None, None, multiple=1, controls=(SEED,))
        >>> inputs = [tf.constant([7], "int64"), tf.constant([True])]
        >>> values_and_flags(direction, inputs, tf.zeros((1, 8, 8, 3)))[1]["seed"].numpy().tolist()
        [True]
    """
    names = [control.name for control in direction.controls]
    flags = [Control(SET + name, tf.TensorSpec(())) for name in names]
    checked = [
        checked_values(control, value, images)
        for control, value in zip([*direction.controls, *flags], inputs)
    ]
    return dict(zip(names, checked)), dict(zip(names, checked[len(names) :]))


def checked_values(control: Control, values, images):
    """Refuses values of a wrong shape or number: a server enforces no shape of a signature.

    Args:
        control: `tfpix2pix.inference.Control`.
        values: Tensor `[batch, ...]`.
        images: Tensor `[batch, ...]`.

    Returns:
        The values.

    Raises:
        tf.errors.InvalidArgumentError: When it is run.

    Example:
        >>> checked_values(SEED, tf.constant([7]), tf.zeros((1, 8, 8, 3))).numpy().tolist()
        [7]
    """
    values = tf.ensure_shape(values, (None, *control.spec.shape))
    rule = f"There must be a value of {control.name} for each image. Received: [values images]"
    counts = tf.stack([tf.shape(values)[0], tf.shape(images)[0]])
    check = tf.debugging.Assert(counts[0] == counts[1], [rule, counts, "Repeat it."])
    with tf.control_dependencies([check]):  # Else a loop over both could fail first, in its words.
        return tf.identity(values)


def first_sample(seed):
    """Returns a seed with the number of the first sample.

    Args:
        seed: int scalar tensor.

    Example:
        >>> first_sample(tf.constant(7)).numpy().tolist()
        [7, 0]
    """
    return tf.stack([seed, tf.zeros_like(seed)])


def chosen_batches(
    direction: Direction, source, values: Mapping[str, tf.Tensor], is_set: Mapping[str, tf.Tensor]
) -> list[tf.Tensor]:
    """Returns the further inputs of a direction's network for one image: set, drawn or neutral.

    Args:
        direction: `tfpix2pix.inference.Direction`.
        source: float `[1, height, width, channels]` in [-1, 1].
        values: Dict of the names of controls to a value each; what is not set counts for nothing,
            and its open sides may have any length.
        is_set: Dict of the same to a bool each.

    Returns:
        List of tensors as the network takes them.

    Example:
        >>> neutral = lambda source: tf.zeros((len(source), 2))
        >>> style = Control("style", tf.TensorSpec((2,)), neutral)
        >>> direction = Direction(None, None, multiple=1, controls=(style,))
        >>> values, is_set = {"style": tf.ones((2,))}, {"style": tf.constant(False)}
        >>> chosen_batches(direction, tf.zeros((1, 8, 8, 3)), values, is_set)[0].numpy().tolist()
        [[0.0, 0.0]]
    """

    def unset(control):
        if control.sample is None or not direction.has_seed:
            return inference.unset_batch(control, source)
        return tf.cond(
            is_set[SEED.name],
            lambda: inference.unset_batch(control, source, first_sample(values[SEED.name])),
            lambda: inference.unset_batch(control, source),
        )

    def batch(control):
        value = values[control.name][tf.newaxis]
        chosen = tf.cond(is_set[control.name], lambda: value, lambda: unset(control))
        return prepared_batch(control, tf.ensure_shape(chosen, (1, *control.spec.shape)), source)

    return [batch(control) for control in direction.inputs]
