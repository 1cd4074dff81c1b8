"""Image metrics: how good translations are on held-out pairs."""

import numpy as np
import tensorflow as tf

from tfpix2pix.errors import InputError

WINDOW = 11  # Pixels; the side of the Gaussian window of SSIM.


def mean_image_l1(training, held_out):
    """Returns the L1 of answering every input with the mean of the training targets.

    Whatever learned anything from its sources is below this baseline.

    Args:
        training: Iterable of `(source, target)` batches, targets float
            `[batch, height, width, channels]` in [-1, 1].
        held_out: The same of other pairs.

    Returns:
        float in [0, 2]: the mean absolute error over the held-out targets.

    Example:
        >>> black, white = -np.ones((1, 2, 2, 3)), np.ones((1, 2, 2, 3))
        >>> mean_image_l1([(None, black), (None, white)], [(None, white)])
        1.0
    """
    mean = np.concatenate([target for _, target in training]).mean(axis=0)
    return float(np.abs(np.concatenate([target for _, target in held_out]) - mean).mean())


def psnr(target, translated):
    """Returns the peak signal-to-noise ratio of each example.

    Args:
        target: float `[batch, height, width, channels]` in [-1, 1].
        translated: Same shape and range as `target`.

    Returns:
        float32 `[batch]` in decibels; infinite where both are the same.

    Example:
        >>> psnr(tf.zeros((1, 4, 4, 3)), tf.fill((1, 4, 4, 3), 0.2)).numpy().round(3).tolist()
        [20.0]
    """
    return tf.image.psnr(tf.cast(target, "float32"), tf.cast(translated, "float32"), max_val=2.0)


def ssim(target, translated):
    """Returns the structural similarity of each example.

    It is the mean over all Gaussian windows of 11 pixels and deviation 1.5 that lie within the
    image, and over the channels.

    Args:
        target: float `[batch, height, width, channels]` in [-1, 1], of 11 pixels or more.
        translated: Same shape and range as `target`.

    Returns:
        float32 `[batch]` in [-1, 1], 1 where both are the same.

    Raises:
        ValueError: If an image is known to be smaller than the window.

    Example:
        >>> ssim(tf.zeros((1, 16, 16, 3)), tf.zeros((1, 16, 16, 3))).numpy().tolist()
        [1.0]

    Reference:
        [Wang et al., 2004](https://doi.org/10.1109/TIP.2003.819861).
    """
    target, translated = tf.cast(target, "float32"), tf.cast(translated, "float32")
    if any(side is not None and side < WINDOW for side in target.shape[1:3]):
        raise InputError(
            f"SSIM is measured in windows of {WINDOW} pixels. Received: images of "
            f"{target.shape[1]} x {target.shape[2]} pixels. Use larger images."
        )
    return tf.image.ssim(target, translated, max_val=2.0, filter_size=WINDOW)
