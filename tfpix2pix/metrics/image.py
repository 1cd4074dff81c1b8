"""Image metrics: how good translations are on held-out pairs."""

import numpy as np


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
