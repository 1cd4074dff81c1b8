"""Losses between the features that networks make of translated and of real images."""

from collections.abc import Sequence

import tensorflow as tf

# The reference's factor of three layers of stride 2, 4 / (3 + 1), for the sum over 4 layers.
LAYERS = 4


def feature_matching(real: Sequence[Sequence], fake: Sequence[Sequence]) -> tf.Tensor:
    """Returns how much the features of a discriminator differ, its logits left out.

    It is the mean over scales of 4 times the mean over layers of the L1, as in the reference.

    Args:
        real: For each scale the outputs of all layers on real images, float `[batch, height, width,
            channels]`, the last one the logits. No gradient goes through them.
        fake: The same of translated images.

    Returns:
        float32 `[batch]`.

    Example:
        >>> logits = tf.zeros((1, 2, 2, 1))
        >>> real, fake = tf.zeros((1, 4, 4, 8)), tf.fill((1, 4, 4, 8), 0.5)
        >>> feature_matching([[real, logits]], [[fake, logits]]).numpy().tolist()
        [2.0]

    Reference:
        [Wang et al., 2018](https://arxiv.org/abs/1711.11585), equation 4.
    """
    scales = []
    for real_outputs, fake_outputs in zip(real, fake):
        errors = [
            tf.reduce_mean(
                tf.abs(tf.cast(tf.stop_gradient(a), "float32") - tf.cast(b, "float32")), (1, 2, 3)
            )
            for a, b in zip(real_outputs[:-1], fake_outputs[:-1])
        ]
        scales.append(LAYERS * tf.add_n(errors) / len(errors))
    return tf.add_n(scales) / len(scales)
