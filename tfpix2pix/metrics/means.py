"""Image metrics over many batches: means over examples, however they are batched.

Each takes `(target, translated)`, float `[batch, height, width, channels]` in [-1, 1], and like
Keras' own a `sample_weight`. The `name` is that of the function by default, `dtype` the type in
which values are accumulated, and further arguments are those of the function.
"""

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.losses import l1, l2
from tfpix2pix.metrics.image import ms_ssim, psnr, sharpness_ratio, ssim
from tfpix2pix.metrics.lab import color_distance


class _MeanOfExamples(keras.metrics.MeanMetricWrapper):
    """The mean over all examples of a function of `(target, translated)`."""

    def __init_subclass__(cls, function, **options):
        super().__init_subclass__(**options)
        cls.function = staticmethod(function)
        keras.utils.register_keras_serializable("tfpix2pix")(cls)

    def __init__(self, name=None, dtype=None, **options):
        # AutoGraph would wrap an `InputError` in an error of its own.
        function = tf.autograph.experimental.do_not_convert(self.function)
        super().__init__(function, name or self.function.__name__, dtype, **options)


class L1(_MeanOfExamples, function=l1):
    """Mean absolute error, in [0, 2]; less is better. See `tfpix2pix.losses.l1`.

    Example:
        >>> metric = L1()
        >>> _ = metric.update_state(tf.zeros((3, 4, 4, 3)), tf.ones((3, 4, 4, 3)))
        >>> _ = metric.update_state(tf.zeros((1, 8, 8, 3)), tf.zeros((1, 8, 8, 3)))
        >>> float(metric.result())
        0.75
    """


class L2(_MeanOfExamples, function=l2):
    """Mean squared error, in [0, 4]; less is better. See `tfpix2pix.losses.l2`.

    Example:
        >>> float(L2()(tf.ones((1, 4, 4, 3)), -tf.ones((1, 4, 4, 3))))
        4.0
    """


class PSNR(_MeanOfExamples, function=psnr):
    """Mean peak signal-to-noise ratio, in decibels; more is better. See `psnr`.

    It is infinite as soon as one translation equals its target.

    Example:
        >>> round(float(PSNR()(tf.zeros((1, 4, 4, 3)), tf.fill((1, 4, 4, 3), 0.2))), 3)
        20.0
    """


class SSIM(_MeanOfExamples, function=ssim):
    """Mean structural similarity, in [-1, 1]; more is better. See `ssim`.

    Example:
        >>> float(SSIM()(tf.zeros((1, 16, 16, 3)), tf.zeros((1, 16, 16, 3))))
        1.0
    """


class MSSSIM(_MeanOfExamples, function=ms_ssim):
    """Mean multi-scale structural similarity, in [0, 1]; more is better. See `ms_ssim`.

    Example:
        >>> float(MSSSIM(scales=2)(tf.zeros((1, 32, 32, 3)), tf.zeros((1, 32, 32, 3))))
        1.0
    """


class ColorDistance(_MeanOfExamples, function=color_distance):
    """Mean colour difference, CIE76, in Lab units; less is better. See `color_distance`.

    Example:
        >>> round(float(ColorDistance()(-tf.ones((1, 4, 4, 3)), tf.ones((1, 4, 4, 3)))), 2)
        100.0
    """


class SharpnessRatio(_MeanOfExamples, function=sharpness_ratio):
    """Mean ratio of gradient energies; 1 is best, less is blurred. See `sharpness_ratio`.

    Example:
        >>> stripes = tf.tile([[[[-1.0], [1.0]]]], (1, 4, 4, 1))
        >>> float(SharpnessRatio()(stripes, stripes / 2))
        0.25
    """
