"""Adversarial losses on raw logits: what each player of a GAN minimizes."""

from typing import Callable, NamedTuple

import tensorflow as tf


class AdversarialLoss(NamedTuple):
    """The losses of the two players.

    Attributes:
        discriminator: `(real_logits, fake_logits)` to float32 `[batch]`.
        generator: `(fake_logits)` to float32 `[batch]`.

    Example:
        >>> cross_entropy.generator(tf.zeros((1, 6, 6, 1))).numpy().tolist()
        [0.693147...]
    """

    discriminator: Callable
    generator: Callable


def cross_entropy_discriminator(real_logits, fake_logits):
    """Returns -log D(real) - log(1 - D(fake)), averaged over the patches of each example.

    Args:
        real_logits: float `[batch, rows, columns, 1]` of real pairs.
        fake_logits: The same of translated pairs.

    Returns:
        float32 `[batch]`, at least 0; 2 log 2 where the discriminator has no idea.

    Example:
        >>> undecided = tf.zeros((1, 6, 6, 1))
        >>> cross_entropy_discriminator(undecided, undecided).numpy().tolist()
        [1.386294...]

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), equation 1.
    """
    return _softplus_mean(-real_logits) + _softplus_mean(fake_logits)


def cross_entropy_generator(fake_logits):
    """Returns -log D(fake), the non-saturating form, averaged over the patches of each example.

    Args:
        fake_logits: float `[batch, rows, columns, 1]` of translated pairs.

    Returns:
        float32 `[batch]`, at least 0.

    Example:
        >>> cross_entropy_generator(tf.fill((1, 6, 6, 1), 100.0)).numpy().tolist()
        [0.0]

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 3.3.
    """
    return _softplus_mean(-fake_logits)


def _softplus_mean(logits):
    # -log sigmoid(x) = softplus(-x), without the overflow of the logarithm.
    return tf.reduce_mean(tf.nn.softplus(tf.cast(logits, "float32")), axis=(1, 2, 3))


cross_entropy = AdversarialLoss(cross_entropy_discriminator, cross_entropy_generator)
