"""Augmentation: the paper's jitter, alike on both images of a pair."""

import tensorflow as tf


def jitter(pair, size, *, flip=True, seed):
    """Cuts out a random window and mirrors it with probability one half.

    Source and target lie behind each other in the channels, so both get the same window and the
    same mirroring, whatever it is.

    Args:
        pair: `[height, width, channels]` of any dtype.
        size: `(height, width)` of the window in pixels, at most that of `pair`.
        flip: Whether to mirror left and right.
        seed: int `[2]`; the same seed gives the same jitter.

    Returns:
        `[*size, channels]` of the same dtype.

    Example:
        >>> jitter(tf.zeros((8, 8, 6), "uint8"), (4, 4), seed=(0, 1)).shape
        TensorShape([4, 4, 6])

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 6.2.
    """
    window = (*size, pair.shape[-1])
    pair = tf.image.stateless_random_crop(pair, window, seed)
    # Folded in, so that the mirroring does not depend on the window.
    mirror = tf.random.experimental.stateless_fold_in(tf.convert_to_tensor(seed, "int64"), 1)
    return tf.image.stateless_random_flip_left_right(pair, mirror) if flip else pair
