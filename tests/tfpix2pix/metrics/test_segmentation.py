import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfpix2pix import InputError
from tfpix2pix.metrics.segmentation import SegmentationScores, segmentation_scores


def floats(scores):
    return {name: float(value) for name, value in scores.items()}


def numpy_scores(labels, predicted, classes):
    """The definitions read pixel by pixel, without a confusion matrix."""
    counted = (labels >= 0) & (labels < classes)
    labels, predicted = labels[counted], predicted[counted]
    accuracies = [np.mean(predicted[labels == c] == c) for c in np.unique(labels)]
    ious = [
        np.sum((labels == c) & (predicted == c)) / np.sum((labels == c) | (predicted == c))
        for c in np.union1d(labels, predicted)
    ]
    return {
        "pixel_accuracy": np.mean(labels == predicted),
        "class_accuracy": np.mean(accuracies),
        "iou": np.mean(ious),
    }


def test_the_scores_are_those_worked_by_hand():
    # 10 pixels of which 7 are found; class 2 is only predicted, class 3 is nowhere.
    confusion = [[5, 1, 0, 0], [1, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    scores = segmentation_scores(tf.constant(confusion, "int64"))
    assert {score.dtype for score in scores.values()} == {tf.float32}
    assert floats(scores) == pytest.approx(
        {
            "pixel_accuracy": 7 / 10,
            "class_accuracy": (5 / 6 + 2 / 4) / 2,
            "iou": (5 / 7 + 2 / 5 + 0 / 1) / 3,
        }
    )


def test_without_pixels_all_scores_are_0():
    assert set(floats(segmentation_scores(np.zeros((3, 3), int))).values()) == {0.0}


@pytest.mark.parametrize("kind", ["ids", "logits"])
@pytest.mark.parametrize("traced", [False, True])
def test_one_matrix_is_kept_over_batches_of_any_size(kind, traced):
    random = np.random.default_rng(2)
    labels = random.choice([-1, 0, 1, 2, 4, 255], (5, 7, 3))  # Class 3 is not there, void is.
    logits = random.normal(size=(5, 7, 3, 5)) + 2 * (labels[..., np.newaxis] == np.arange(5))
    predicted = logits.argmax(axis=-1)
    metric = SegmentationScores(5, dtype="float32")

    def update(labels, predicted):
        metric.update_state(labels, predicted)

    update = tf.function(update) if traced else update
    for part in (slice(0, 4), slice(4, 5)):
        given = predicted[part].astype("int32") if kind == "ids" else logits[part]
        update(tf.constant(labels[part]), tf.constant(given))
    assert metric.confusion.dtype == tf.int64
    assert int(tf.reduce_sum(metric.confusion)) == np.sum((labels >= 0) & (labels < 5))
    assert floats(metric.result()) == pytest.approx(numpy_scores(labels, predicted, 5))


def test_counts_beyond_float32_stay_exact():
    metric = SegmentationScores(2)
    metric.confusion.assign([[2**40, 0], [0, 0]])
    metric.update_state([[[0]]], [[[1]]])
    assert metric.confusion.numpy().tolist() == [[2**40, 1], [0, 0]]


def test_a_reset_forgets_and_the_config_makes_an_equal_metric():
    metric = SegmentationScores(3, name="seen")
    metric.update_state([[[2, 1]]], [[[2, 2]]])
    revived = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert (revived.name, revived.classes) == ("seen", 3)
    assert not revived.confusion.numpy().any()
    metric.reset_state()
    assert metric.confusion.numpy().tolist() == np.zeros((3, 3)).tolist()


def test_logits_of_other_classes_are_refused():
    message = (
        "Logits must have a channel for each of the 3 classes. Received: logits of shape "
        "(1, 2, 2, 4). Use a segmenter of these classes."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        SegmentationScores(3).update_state(tf.zeros((1, 2, 2), "int32"), tf.zeros((1, 2, 2, 4)))
