"""Image metrics over many batches: means over examples, however they are batched."""

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.losses import l1, l2
from tfpix2pix.metrics.image import ms_ssim, psnr, sharpness_ratio, ssim
from tfpix2pix.metrics.lab import color_distance


class _MeanOfExamples(keras.metrics.MeanMetricWrapper):
    """The mean of a function of `(target, translated)`, and named like it."""

    def __init__(self, name=None, dtype=None, **options):
        # AutoGraph would make another error of an `InputError`.
        function = tf.autograph.experimental.do_not_convert(self.function)
        super().__init__(function, name or self.function.__name__, dtype, **options)


@keras.utils.register_keras_serializable("tfpix2pix")
class L1(_MeanOfExamples):
    """Mean absolute error, in [0, 2]; less is better. See `tfpix2pix.losses.l1`.

    As all means of this module it takes `(target, translated)`, float
    `[batch, height, width, channels]` in [-1, 1], and like Keras' own a `sample_weight`.

    Args:
        name: Name of the metric; by default the function's.
        dtype: Type in which values are accumulated.

    Example:
        >>> metric = L1()
        >>> _ = metric.update_state(tf.zeros((3, 4, 4, 3)), tf.ones((3, 4, 4, 3)))
        >>> _ = metric.update_state(tf.zeros((1, 8, 8, 3)), tf.zeros((1, 8, 8, 3)))
        >>> float(metric.result())
        0.75
    """

    function = staticmethod(l1)


@keras.utils.register_keras_serializable("tfpix2pix")
class L2(_MeanOfExamples):
    """Mean squared error, in [0, 4]; less is better. See `tfpix2pix.losses.l2`.

    Args:
        name: As in `L1`.
        dtype: As in `L1`.

    Example:
        >>> float(L2()(tf.ones((1, 4, 4, 3)), -tf.ones((1, 4, 4, 3))))
        4.0
    """

    function = staticmethod(l2)


@keras.utils.register_keras_serializable("tfpix2pix")
class PSNR(_MeanOfExamples):
    """Mean peak signal-to-noise ratio, in decibels; more is better. See `psnr`.

    It is infinite as soon as one translation equals its target.

    Args:
        name: As in `L1`.
        dtype: As in `L1`.

    Example:
        >>> round(float(PSNR()(tf.zeros((1, 4, 4, 3)), tf.fill((1, 4, 4, 3), 0.2))), 3)
        20.0
    """

    function = staticmethod(psnr)


@keras.utils.register_keras_serializable("tfpix2pix")
class SSIM(_MeanOfExamples):
    """Mean structural similarity, in [-1, 1]; more is better. See `ssim`.

    Args:
        name: As in `L1`.
        dtype: As in `L1`.

    Example:
        >>> float(SSIM()(tf.zeros((1, 16, 16, 3)), tf.zeros((1, 16, 16, 3))))
        1.0
    """

    function = staticmethod(ssim)


@keras.utils.register_keras_serializable("tfpix2pix")
class MSSSIM(_MeanOfExamples):
    """Mean multi-scale structural similarity, in [0, 1]; more is better. See `ms_ssim`.

    Args:
        name: As in `L1`.
        dtype: As in `L1`.
        **options: `scales` of `ms_ssim`.

    Example:
        >>> float(MSSSIM(scales=2)(tf.zeros((1, 32, 32, 3)), tf.zeros((1, 32, 32, 3))))
        1.0
    """

    function = staticmethod(ms_ssim)


@keras.utils.register_keras_serializable("tfpix2pix")
class ColorDistance(_MeanOfExamples):
    """Mean colour difference, CIE76, in Lab units; less is better. See `color_distance`.

    Args:
        name: As in `L1`.
        dtype: As in `L1`.

    Example:
        >>> round(float(ColorDistance()(-tf.ones((1, 4, 4, 3)), tf.ones((1, 4, 4, 3)))), 2)
        100.0
    """

    function = staticmethod(color_distance)


@keras.utils.register_keras_serializable("tfpix2pix")
class SharpnessRatio(_MeanOfExamples):
    """Mean ratio of gradient energies; 1 is best, less is blurred. See `sharpness_ratio`.

    Args:
        name: As in `L1`.
        dtype: As in `L1`.

    Example:
        >>> stripes = tf.tile([[[[-1.0], [1.0]]]], (1, 4, 4, 1))
        >>> float(SharpnessRatio()(stripes, stripes / 2))
        0.25
    """

    function = staticmethod(sharpness_ratio)
