"""Reconstruction losses, L1 and L2: the error of a translated image."""

import tensorflow as tf


def l1(target, translated):
    """Returns the mean absolute error of each example.

    Args:
        target: float `[batch, height, width, channels]` in [-1, 1].
        translated: Same shape and range as `target`.

    Returns:
        float32 `[batch]` in [0, 2].

    Example:
        >>> l1(tf.zeros((2, 4, 4, 3)), tf.ones((2, 4, 4, 3))).numpy().tolist()
        [1.0, 1.0]

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), equation 3.
    """
    return tf.reduce_mean(tf.abs(_error(target, translated)), axis=(1, 2, 3))


def l2(target, translated):
    """Returns the mean squared error of each example.

    Args:
        target: float `[batch, height, width, channels]` in [-1, 1].
        translated: Same shape and range as `target`.

    Returns:
        float32 `[batch]` in [0, 4].

    Example:
        >>> l2(tf.zeros((2, 4, 4, 3)), tf.fill((2, 4, 4, 3), 2.0)).numpy().tolist()
        [4.0, 4.0]
    """
    return tf.reduce_mean(tf.square(_error(target, translated)), axis=(1, 2, 3))


def _error(target, translated):
    return tf.cast(target, "float32") - tf.cast(translated, "float32")
