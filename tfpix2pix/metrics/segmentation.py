"""Segmentation scores: how well the classes of pixels agree, as in the paper's FCN-score."""

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError


def segmentation_scores(confusion) -> dict[str, tf.Tensor]:
    """Returns the scores of the paper's tables from the confusion matrix of a segmentation.

    * `pixel_accuracy`: the share of all pixels whose class is predicted.
    * `class_accuracy`: the mean over the classes of the share of their pixels that is predicted. A
      class without pixels has none and is left out.
    * `iou`: the mean over the classes of intersection over union. A class that is neither in the
      labels nor predicted is left out; one that is only predicted counts as 0.

    Args:
        confusion: int `[classes, classes]`, the number of pixels of each class (row) that are
            predicted to be of each class (column).

    Returns:
        Dict of these names to float32 scalars in [0, 1], more is better; 0 without pixels.

    Example:
        >>> scores = segmentation_scores([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
        >>> {name: round(float(score), 3) for name, score in scores.items()}
        {'pixel_accuracy': 0.875, 'class_accuracy': 0.875, 'iou': 0.775}

    Reference:
        [Long et al., 2015](https://arxiv.org/abs/1411.4038), section 5.
    """
    confusion = tf.cast(confusion, "float64")
    right = tf.linalg.diag_part(confusion)
    labelled = tf.reduce_sum(confusion, axis=1)
    predicted = tf.reduce_sum(confusion, axis=0)
    return {
        "pixel_accuracy": _mean_share(tf.reduce_sum(right), tf.reduce_sum(confusion)),
        "class_accuracy": _mean_share(right, labelled),
        "iou": _mean_share(right, labelled + predicted - right),
    }


@keras.utils.register_keras_serializable("tfpix2pix")
class SegmentationScores(keras.metrics.Metric):
    """Accumulates one confusion matrix over a data set; see `segmentation_scores`.

    Args:
        classes: Number of classes.
        name: Name of the metric.
        **kwargs: Those of `keras.metrics.Metric`.

    Attributes:
        confusion: int64 `[classes, classes]`, the number of pixels of each class (row) that are
            predicted to be of each class (column).

    Example:
        >>> scores = SegmentationScores(2)
        >>> scores.update_state([[[0, 1]]], [[[[2.0, -1.0], [0.3, 0.1]]]])
        >>> float(scores.result()["pixel_accuracy"])
        0.5
    """

    def __init__(self, classes: int, name: str = "segmentation_scores", **kwargs):
        super().__init__(name=name, **kwargs)
        self.classes = classes
        self.confusion = self.add_weight(
            "confusion", (classes, classes), initializer="zeros", dtype="int64"
        )

    @tf.autograph.experimental.do_not_convert  # It would wrap the error.
    def update_state(self, labels, predicted):
        """Counts the pixels of a batch.

        Args:
            labels: int `[batch, height, width]`; pixels of none of the classes are not counted.
            predicted: int of the same shape, or float `[batch, height, width, classes]`, of which
                the greatest counts.

        Raises:
            ValueError: If the last axis of float predictions is not that of the classes.
        """
        predicted = tf.convert_to_tensor(predicted)
        if predicted.dtype.is_floating:
            if predicted.shape[-1] != self.classes:
                raise InputError(
                    f"Logits must have a channel for each of the {self.classes} classes. Received: "
                    f"logits of shape {tuple(predicted.shape)}. Use a segmenter of these classes."
                )
            predicted = tf.argmax(predicted, axis=-1)
        labels = tf.reshape(tf.cast(labels, "int64"), [-1])
        predicted = tf.reshape(tf.cast(predicted, "int64"), [-1])
        counted = (labels >= 0) & (labels < self.classes)
        self.confusion.assign_add(
            tf.math.confusion_matrix(
                labels[counted], predicted[counted], self.classes, dtype="int64"
            )
        )

    def result(self):
        """Returns the scores of all pixels since the last reset."""
        return segmentation_scores(self.confusion)

    def reset_state(self):
        """Forgets all pixels."""
        self.confusion.assign(tf.zeros_like(self.confusion))

    def get_config(self):
        """Returns the arguments that make an equal metric."""
        return {**super().get_config(), "classes": self.classes}


def _mean_share(parts, totals):
    """Returns the mean of parts / totals over the totals that are not 0, float32."""
    shares = tf.math.divide_no_nan(parts, totals)
    count = tf.math.count_nonzero(totals, dtype="float64")
    return tf.cast(tf.math.divide_no_nan(tf.reduce_sum(shares), count), "float32")
