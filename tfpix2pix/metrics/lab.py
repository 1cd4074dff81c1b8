"""Colour metrics: perceived colour differences, and how alike colours are distributed."""

from typing import Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.data.color import to_lab
from tfpix2pix.errors import InputError
from tfpix2pix.losses.comparable import check_images

# Bins of one unit around whole numbers: L from 0 to 100, a and b from -110 to 109. Noise of greys,
# whose a and b are 0, thus stays within one bin.
BINS = 220
FIRST = (0, -110, -110)


def color_distance(target, translated) -> tf.Tensor:
    """Returns the mean colour difference of each example, CIE76 Delta E.

    Less is better; about 2.3 is just noticeable (Mahy et al., 1994).

    Args:
        target: float `[batch, height, width, 3]` in [-1, 1], sRGB.
        translated: Same shape and range as `target`.

    Returns:
        float32 `[batch]`: the mean over pixels of the Euclidean distance in CIE Lab, in Lab units;
        0 where both are the same, 100 from black to white, at most 259.

    Raises:
        InputError: If images are not RGB.

    Example:
        >>> black, white = -tf.ones((1, 4, 4, 3)), tf.ones((1, 4, 4, 3))
        >>> color_distance(black, white).numpy().round(2).tolist()
        [100.0]

    Reference:
        CIE, 1976: [CIE 15](https://doi.org/10.25039/TR.015.2018), section 8.2.1.
    """
    check_images(target=target, translated=translated)
    distance = tf.norm(_lab(target) - _lab(translated), axis=-1)
    return tf.reduce_mean(distance, axis=(1, 2))


def lab_intersection(target, translated) -> tf.Tensor:
    """Returns how much of the colour histograms each translation and its target share.

    The histograms of L, a and b have bins of one unit and are intersected: the sum of the lesser
    share of pixels. Positions of colours do not matter. More is better. `LabIntersection` measures
    a data set together, as the paper does.

    Args:
        target: float `[batch, height, width, 3]` in [-1, 1], sRGB.
        translated: Same shape and range as `target`.

    Returns:
        float32 `[batch]` in [0, 1]: the mean of the intersections of L, a and b.

    Raises:
        InputError: If images are not RGB.

    Example:
        >>> black, white = -tf.ones((1, 4, 4, 3)), tf.ones((1, 4, 4, 3))
        >>> [round(float(x), 2) for x in lab_intersection(black, white)]  # L differs.
        [0.67]

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 4.2; the bins are ours.
    """
    check_images(target=target, translated=translated)
    return tf.reduce_mean(_intersection(_histograms(target), _histograms(translated)), axis=-1)


class _LabHistograms(keras.metrics.Metric):
    """Counts the colours of all targets and of all translations."""

    def __init__(self, name, dtype):
        super().__init__(name=name, dtype=dtype)
        shape = (3, BINS)
        self.target = self.add_weight("target", shape, initializer="zeros", dtype="float64")
        self.translated = self.add_weight("translated", shape, initializer="zeros", dtype="float64")

    @tf.autograph.experimental.do_not_convert  # It would wrap an `InputError`.
    def update_state(self, target, translated, sample_weight=None):
        """Counts the pixels of a batch, float `[batch, height, width, 3]` in [-1, 1].

        Either may be `None`: targets and translations need not come in pairs.
        """
        for counts, images in ((self.target, target), (self.translated, translated)):
            if images is None:
                continue
            histograms = tf.cast(_histograms(images), "float64")
            if sample_weight is not None:
                histograms *= tf.reshape(tf.cast(sample_weight, "float64"), (-1, 1, 1))
            counts.assign_add(tf.reduce_sum(histograms, axis=0))

    def reset_state(self):
        """Forgets all batches."""
        for counts in self.variables:
            counts.assign(tf.zeros_like(counts))


@keras.utils.register_keras_serializable("tfpix2pix")
class LabIntersection(_LabHistograms):
    """How much of the colour histograms all translations together and all targets share.

    The intersection of the histograms over all pixels of all images, in [0, 1]; more is better.
    Images may differ in size; large ones have more pixels and count for more.

    Args:
        name: Name of the metric.
        dtype: Type of the result.

    Example:
        >>> black, white = -tf.ones((1, 4, 4, 3)), tf.ones((1, 4, 4, 3))
        >>> metric = LabIntersection()
        >>> metric.update_state(black, white)
        >>> metric.update_state(white, black)  # The same colours at other positions.
        >>> float(metric.result())
        1.0
        >>> metric.per_channel().numpy().tolist()
        [1.0, 1.0, 1.0]

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 4.2; the bins are ours.
    """

    def __init__(self, name: str = "lab_intersection", dtype: Optional[str] = None):
        super().__init__(name, dtype)

    def per_channel(self):
        """Returns the intersections of L, a and b, float32 `[3]`, 0 before the first batch."""
        return _intersection(self.target, self.translated)

    def result(self):
        """Returns the mean of the three."""
        return tf.cast(tf.reduce_mean(self.per_channel()), self.dtype)


@keras.utils.register_keras_serializable("tfpix2pix")
class LabDistance(_LabHistograms):
    """How far the colours of all translations together are from those of all targets.

    The histograms of L, a and b over all pixels of all images are compared by the Wasserstein
    distance, the way that a pixel has to move on average for the histograms to become equal; the
    result is the length of the three distances. 0 where the histograms are equal, less is better.
    It is in Lab units: of two images of one colour each it is their Delta E, CIE76, and else at
    most the mean Delta E of any way to recolour the translations into the targets. Rounding to the
    bins of one unit changes it by less than one. Positions of colours do not matter, and nothing
    needs to belong together, so it compares images that have no targets with another domain.

    Args:
        name: Name of the metric.
        dtype: Type of the result.

    Example:
        >>> black, white = -tf.ones((1, 4, 4, 3)), tf.ones((1, 8, 8, 3))
        >>> metric = LabDistance()
        >>> metric.update_state(white, None)
        >>> metric.update_state(None, black)
        >>> float(metric.result())
        100.0
        >>> metric.of_each(tf.concat([black, -black], axis=0)).numpy().tolist()
        [100.0, 0.0]

    Reference:
        Distances of colour histograms by what has to be moved:
        [Rubner et al., 2000](https://doi.org/10.1023/A:1026543900054); the bins are ours.
    """

    def __init__(self, name: str = "lab_distance", dtype: Optional[str] = None):
        super().__init__(name, dtype)

    def of_each(self, translated):
        """Returns how far each of other images is from all targets, float32 `[batch]`."""
        return _distance(self.target, _histograms(translated))

    def result(self):
        """Returns the distance, 0 before the first batch of either."""
        counted = tf.minimum(tf.reduce_sum(self.target), tf.reduce_sum(self.translated)) > 0
        distance = tf.where(counted, _distance(self.target, self.translated), 0.0)
        return tf.cast(distance, self.dtype)


def _lab(images):
    if images.shape[-1] != 3:
        raise InputError(
            f"Colour is measured on images of 3 channels, RGB. Received: {images.shape[-1]} "
            "channels. Leave colour metrics out, or measure its channels 3 at a time."
        )
    return to_lab((tf.cast(images, "float32") + 1) / 2)


def _histograms(images):
    """Counts the pixels of each example by L, a and b: int32 `[batch, 3, BINS]`."""
    check_images(images=images)
    lab = tf.reshape(_lab(images), (tf.shape(images)[0], -1, 3))
    bins = tf.clip_by_value(tf.cast(tf.round(lab), "int32") - FIRST, 0, BINS - 1)
    counts = [
        tf.math.bincount(channel, minlength=BINS, maxlength=BINS, axis=-1)
        for channel in tf.unstack(bins, axis=-1)
    ]
    return tf.stack(counts, axis=1)


def _intersection(target, translated):
    """Intersects histograms, `[..., bins]`: the common part of their shares, float32 `[...]`."""
    return tf.cast(tf.reduce_sum(tf.minimum(_shares(target), _shares(translated)), -1), "float32")


def _distance(target, translated):
    """Compares histograms of L, a and b, `[..., 3, bins]`: float32 `[...]`."""
    # The Wasserstein distance is the area between the cumulated shares; bins are one unit wide.
    between = tf.cumsum(_shares(target), axis=-1) - tf.cumsum(_shares(translated), axis=-1)
    return tf.cast(tf.norm(tf.reduce_sum(tf.abs(between), axis=-1), axis=-1), "float32")


def _shares(counts):
    counts = tf.cast(counts, "float64")
    return tf.math.divide_no_nan(counts, tf.reduce_sum(counts, axis=-1, keepdims=True))
