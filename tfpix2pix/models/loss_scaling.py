"""Loss scaling: small gradients of float16 do not become 0, those of several players alike."""

from collections.abc import Iterable
from typing import Optional

import tensorflow as tf
from tensorflow import keras


def scaling(optimizer: keras.optimizers.Optimizer) -> keras.mixed_precision.LossScaleOptimizer:
    """Returns an optimizer that scales the loss, with a scale of its own.

    Args:
        optimizer: `keras.optimizers.Optimizer`; one that scales is returned as it is.

    Returns:
        `keras.mixed_precision.LossScaleOptimizer`.

    Example:
        >>> from tfpix2pix.optimizers import adam
        >>> float(loss_scale([scaling(adam())]))
        32768.0
    """
    if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer):
        return optimizer
    return keras.mixed_precision.LossScaleOptimizer(optimizer)


def loss_scale(optimizers: Iterable) -> Optional[tf.Tensor]:
    """Returns the factor of an objective that players share: the least of their scales.

    A player whose gradients overflow halves its own scale, and with it that of the objective.

    Args:
        optimizers: Those of the players.

    Returns:
        float32 scalar, or `None` if none of them scales.

    Example:
        >>> loss_scale([keras.optimizers.legacy.SGD()]) is None
        True
    """
    scales = [
        optimizer.loss_scale
        for optimizer in optimizers
        if isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)
    ]
    return tf.reduce_min(tf.stack(scales)) if scales else None
