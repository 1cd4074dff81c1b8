"""Scores by a segmenter: how many labels it finds in translations, and in their targets.

The FCN-score of [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 3.
"""

from typing import Callable, Union

import tensorflow as tf

from tfpix2pix.data import images, tasks
from tfpix2pix.errors import InputError
from tfpix2pix.metrics.segmentation import SegmentationScores

MOST_CHANGE = 16  # Of 255: JPEG blurs label maps by less, photos in 12 colours change by far more.


class SegmentScores:
    """Compares the classes that a segmenter finds in pictures with labels.

    Args:
        segment: Function of RGB pictures, float `[1, height, width, 3]` in [-1, 1], to logits.
        classes: The classes as `tfpix2pix.config.DataConfig` takes them; `None` if unknown.
        task: Task of the sources, whose labels are looked for.
        image_size: `(height, width)` in pixels.
    """

    def __init__(self, segment: Callable, classes: Union[int, dict, None], task, image_size):
        self._segment = segment
        self._has_labels = getattr(task, "labels", (None,))[0] is not None
        self._label_maps = None
        if isinstance(classes, dict) and not self._has_labels and task.channels[0] == 3:
            # RGB sources, which may be in the colours of the classes.
            self._label_maps = tasks.task("pairs", task.formats, (classes, None))
        count = task.channels[0] if self._has_labels else self._count(image_size)
        self._outputs = SegmentationScores(count)
        self._targets = SegmentationScores(count)

    def labels(self, source):
        """Returns the classes of a source, int `[1, height, width]`, or `None` if it has none.

        Sources have classes if they are one-hot, or RGB that looks the same when it is drawn in
        the colours of the segmenter's classes.
        """
        if self._label_maps is not None:
            pixels = images.to_pixels(source)
            source = self._label_maps.source(pixels[0])[tf.newaxis]
            drawn = self._label_maps.source_picture(source)
            change = tf.abs(tf.cast(drawn, "float32") - tf.cast(pixels, "float32"))
            self._has_labels = bool(tf.reduce_mean(change) < MOST_CHANGE)
        return tf.argmax(source, axis=-1) if self._has_labels else None

    def add(self, pictures: dict, labels) -> None:
        """Adds an example.

        Args:
            pictures: Dict of `output` and, where there is one, `target`.
            labels: int `[1, height, width]`, the classes that should be found; if `None`, those
                that are found in the target.

        Raises:
            ValueError: If there are neither labels nor a target.
        """
        if labels is None and "target" not in pictures:
            raise InputError(
                "A segmenter judges translations by the labels of their sources, or by what it "
                "finds in their targets. Received: examples without targets, whose sources are no "
                "label maps. Leave the segmenter out."
            )
        if "target" in pictures:
            logits = self._segment(pictures["target"])
            labels = tf.argmax(logits, axis=-1) if labels is None else labels
            self._targets.update_state(labels, logits)
        self._outputs.update_state(labels, self._segment(pictures["output"]))

    def of_outputs(self) -> dict:
        """Returns the scores of all translations, of `tfpix2pix.metrics.SegmentationScores`."""
        return self._outputs.result()

    def of_targets(self) -> dict:
        """Returns the scores of the targets, where the sources have labels."""
        return self._targets.result() if self._has_labels else {}

    def _count(self, image_size):
        return self._segment(tf.zeros((1, *image_size, 3))).shape[-1]
