"""Reconstruction losses, L1 and L2: the error of a translated image, or of a part of it."""

import tensorflow as tf

from tfpix2pix.losses.comparable import check_images


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


def masked_l1(target, translated, mask):
    """Returns the mean absolute error of each example where a mask is set; 0 if it is nowhere.

    Args:
        target: float `[batch, height, width, channels]` in [-1, 1].
        translated: Same shape and range as `target`.
        mask: float `[batch, height, width, 1]`, the weight of each pixel, not below 0.

    Returns:
        float32 `[batch]` in [0, 2].

    Example:
        >>> mask = tf.constant([[[[1.0], [0.0]]]])
        >>> masked_l1(tf.zeros((1, 1, 2, 1)), tf.constant([[[[0.5], [9.0]]]]), mask).numpy().item()
        0.5
    """
    mask = tf.abs(tf.cast(mask, "float32"))
    error = tf.reduce_mean(tf.abs(_error(target, translated)), axis=-1, keepdims=True)
    weighted = tf.reduce_sum(mask * error, axis=(1, 2, 3))
    return tf.math.divide_no_nan(weighted, tf.reduce_sum(mask, axis=(1, 2, 3)))


def _error(target, translated):
    check_images(target=target, translated=translated)
    return tf.cast(target, "float32") - tf.cast(translated, "float32")
