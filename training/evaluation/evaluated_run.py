"""A contender: a run as an evaluation sees it, on its own or beside others."""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import tensorflow as tf

from tfpix2pix import factory, inference, metrics, report
from tfpix2pix.data import images
from tfpix2pix.metrics.segmentation import SegmentationScores
from training.evaluation import scores

MOST_CHANGE = 16  # Of 255: JPEG blurs label maps by less, photos in 12 colours change by far more.


class Contender:
    """Translates the held-out examples of a run, and keeps what is measured of them.

    Args:
        run: `pathlib.Path` of the run's folder.
        title: What to call it.
        config: `tfpix2pix.config.ExperimentConfig` of the run, with the data that is taken.
        examples: `tfpix2pix.data.sources.Examples`.
        weights: Dict of the options of `tfpix2pix.factory.restored_generator`.
        statistics: See `tfpix2pix.inference.translate`.
        features: Function from RGB images to features, or `None`.
        segmenter: Function from RGB images to logits, or `None`.
        classes: What the segmenter's classes are in label maps, as `config.DataConfig` takes them,
            or `None` if that is not known.

    Raises:
        ValueError: If the run cannot be restored.
    """

    def __init__(
        self,
        run,
        title,
        config,
        examples,
        *,
        weights,
        statistics,
        features=None,
        segmenter=None,
        classes=None,
    ):
        self.run, self.title, self.config, self.examples = run, title, config, examples
        self._weights, self._statistics, self._segmenter = weights, statistics, segmenter
        self._generator = factory.restored_generator(run, **weights)
        self._task, self._rows = factory.task(config), []
        self._has_labels = getattr(self._task, "labels", (None,))[0] is not None
        self._label_maps = None
        if classes is not None and not self._has_labels and self._task.source_format.channels == 3:
            data = dataclasses.replace(config.data, source_labels=classes)
            self._label_maps = factory.task(dataclasses.replace(config, data=data))
        self._wholes = [metrics.LabIntersection("lab_intersection_of_all")]
        if features is not None:
            self._wholes += [metrics.FID(features), metrics.KID(features)]
        if segmenter is not None:
            logits = segmenter(tf.zeros((1, *config.data.image_size, 3)))
            count = self._task.channels[0] if self._has_labels else logits.shape[-1]
            self._found, self._found_in_targets = (SegmentationScores(count) for _ in range(2))

    def batches(self):
        """Returns the examples one by one; see `tfpix2pix.factory.evaluation_batches`."""
        return factory.evaluation_batches(self.config, self.examples)

    def labels(self, source):
        """Returns the classes of a source, int `[1, height, width]`, if it is a label map.

        Of RGB sources those are that look the same when they are drawn in the colours of the
        segmenter's classes.
        """
        if self._label_maps is not None:
            pixels = images.to_pixels(source)
            source = self._label_maps.source(pixels[0])[tf.newaxis]
            drawn = self._label_maps.source_picture(source)
            change = tf.abs(tf.cast(drawn, "float32") - tf.cast(pixels, "float32"))
            self._has_labels = bool(tf.reduce_mean(change) < MOST_CHANGE)
        return tf.argmax(source, axis=-1) if self._has_labels else None

    def measure(self, source, target, labels):
        """Translates and measures an example.

        Args:
            source: float `[1, height, width, channels]` in [-1, 1].
            target: The same of its target.
            labels: int `[1, height, width]`, what a segmenter is to find; if `None`, what it finds
                in the target.

        Returns:
            Dict of input, output and target to uint8 `[height, width, 3]`.
        """
        translated = inference.translate(self._generator, source, statistics=self._statistics)
        model = SimpleNamespace(translate=lambda _: translated)
        shown = report.columns(model, self._task, [(source, target)])
        pictures = [images.to_signed(tf.stack(shown[title])) for title in ("target", "output")]
        self._rows.append(scores.measure_example((target, translated), pictures))
        for metric in self._wholes:
            metric.update_state(*pictures)
        if self._segmenter is not None:
            of_target, of_output = (self._segmenter(picture) for picture in pictures)
            labels = tf.argmax(of_target, axis=-1) if labels is None else labels
            self._found.update_state(labels, of_output)
            self._found_in_targets.update_state(labels, of_target)
        return {title: np.asarray(of[0]) for title, of in shown.items()}

    @property
    def feature_model(self):
        """Name of what the features are of, or `None`."""
        return next((m.feature_model for m in self._wholes if hasattr(m, "feature_model")), None)

    def scores(self):
        """Returns a dict of measure to float64 `[examples]`, of what was measured of any."""
        columns = {
            name: np.array([row[name] for row in self._rows]) for name in scores.EXAMPLE_MEASURES
        }
        return {name: of for name, of in columns.items() if not np.isnan(of).all()}

    def of_targets(self):
        """Returns the segmenter's scores of the targets, where there are labels to go by."""
        if self._segmenter is None or not self._has_labels:
            return {}
        return _floats(self._found_in_targets.result())

    def told(self, first):
        """Returns what `metrics.json` tells of the run.

        Args:
            first: The `Contender` to compare to.

        Returns:
            Dict; numbers that are not finite are `None`.
        """
        values = self.scores()
        others = first.scores()
        wholes = {metric.name: metric.result() for metric in self._wholes}
        wholes |= self._found.result() if self._segmenter is not None else {}
        place = factory.BEST if self._weights["best"] else factory.CHECKPOINTS
        checkpoint = tf.train.latest_checkpoint(self.run / place)
        return {
            "title": self.title,
            "run": str(self.run),
            "experiment": self.config.name,
            "data": self.config.data.folder,
            "checkpoint": checkpoint,
            "step": int(checkpoint.rsplit("-", 1)[1]),
            **self._weights,
            "mean": _floats({name: np.nanmean(of) for name, of in values.items()} | wholes),
            "median": _floats({name: np.nanmedian(of) for name, of in values.items()}),
            "difference": {}
            if self is first
            else {name: scores.difference(others[name], of) for name, of in values.items()},
        }


def _floats(values):
    numbers = {name: float(value) for name, value in values.items()}
    return {name: v if math.isfinite(v) else None for name, v in numbers.items()}
