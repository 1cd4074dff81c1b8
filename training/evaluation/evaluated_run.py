"""A run under evaluation: translates its held-out examples, and keeps their measures."""

import math
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf

from tfpix2pix import inference, load_run, metrics, report
from tfpix2pix.bfloat16 import graph_precision
from tfpix2pix.data import images, layouts, tasks
from tfpix2pix.errors import InputError
from tfpix2pix.inference import Direction, Example
from tfpix2pix.metrics.segmentation import SegmentationScores
from tfpix2pix.models import Column
from tfpix2pix.runs import Run
from training import progress
from training.evaluation import scores

MEAN_EXAMPLES = 1000  # Training targets in their mean; more hardly change it.
MOST_CHANGE = 16  # Of 255: JPEG blurs label maps by less, photos in 12 colours change by far more.


class Selection(NamedTuple):
    """What of a run is evaluated.

    Attributes:
        data: Folder or manifest of other data than the run's own.
        limit: Number of examples, the first ones; by default all.
        direction: Name of the direction; by default the run's first.
        best: Whether to take the checkpoint that was best in validation.
        averaged: Whether to take the moving averages of the weights.
        statistics: Statistics of batch norm, see `tfpix2pix.inference.translate`.
        precision: What networks compute in, see `tfpix2pix.bfloat16.graph_precision`.
    """

    data: Optional[Path] = None
    limit: Optional[int] = None
    direction: Optional[str] = None
    best: bool = False
    averaged: bool = False
    statistics: str = "per_image"
    precision: str = "float32"


class Judges(NamedTuple):
    """Networks that judge RGB images in [-1, 1].

    Attributes:
        features: Function of images to features, for FID and KID.
        segment: Function of images to logits of classes.
        classes: The classes as `tfpix2pix.config.DataConfig` takes them; `None` if unknown.
    """

    features: Optional[Callable] = None
    segment: Optional[Callable] = None
    classes: Union[int, dict, None] = None


def direction_with_targets(run: Run, name: Optional[str] = None) -> tuple[str, Direction]:
    """Returns a direction of a run, whose translations can be compared with targets.

    Args:
        run: `tfpix2pix.runs.Run`.
        name: Name of the direction; by default the run's first.

    Returns:
        `(name, Direction)`.

    Raises:
        ValueError: If there is no such direction, or its sources have no targets.
    """
    name, direction = run.direction(name)
    if not direction.paired:
        paired = [other for other, choice in run.directions.items() if choice.paired]
        cure = f"Use --direction {' or '.join(paired)}." if paired else "Train on pairs."
        raise InputError(
            "Translations are compared with targets, so a direction must be paired; there are no "
            f"measures without targets. Received: direction {name!r} of {str(run.folder)!r}, whose "
            f"paired directions are: {', '.join(paired) or 'none'}. {cure}"
        )
    return name, direction


class EvaluatedRun:
    """Translates the held-out examples of a run, and keeps their measures.

    Args:
        folder: Folder of the run.
        title: What to call it.
        selection: `Selection`.
        judges: `Judges`.

    Attributes:
        folder: The same.
        title: The same.
        names: Names of the examples.

    Raises:
        ValueError: If the run cannot be restored, the data cannot be read, or the direction has no
            targets.
    """

    def __init__(self, folder: Path, title: str, selection: Selection, judges: Judges):
        self.folder = folder
        self.title = title
        self._selection = selection
        self._judges = judges
        self._run = load_run(folder, best=selection.best, averaged=selection.averaged)
        if selection.data is not None:
            self._run.config = self._run.config.with_data(selection.data)
        self._name, self._direction = direction_with_targets(self._run, selection.direction)
        examples = self._run.examples("held_out", progress.survey)
        self.names = examples.names[: selection.limit]
        self._batches = self._run.held_out(examples).take(len(self.names))
        self._task = self._direction.task
        self._has_labels = getattr(self._task, "labels", (None,))[0] is not None
        self._label_maps = self._label_map_task()
        self._rows = []
        self._run_metrics = [metrics.LabIntersection("lab_intersection_of_all")]
        if judges.features is not None:
            self._run_metrics += [metrics.FID(judges.features), metrics.KID(judges.features)]
        if judges.segment is not None:
            count = self._class_count()
            self._output_segments = SegmentationScores(count)
            self._target_segments = SegmentationScores(count)

    def examples(self):
        """Yields the `tfpix2pix.inference.Example`s, one a batch."""
        return map(self._direction.example, self._batches)

    def mean_target(self):
        """Returns the mean of the training targets, float64 `[1, height, width, channels]`.

        It is `None` where they differ in size, or the data has none to train on.
        """
        splits = layouts.splits(self._run.config.data.folder)
        if splits and "train" not in splits:
            return None
        examples = self._run.examples("train", progress.survey)
        count = min(MEAN_EXAMPLES, len(examples.names))
        mean = None
        batches = self._run.held_out(examples).take(count)
        for batch in progress.bar(batches, "Mean image", "examples", count):
            target = np.asarray(self._direction.example(batch).target, "float64") / count
            if mean is not None and target.shape != mean.shape:
                return None
            mean = target if mean is None else mean + target
        return mean

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

    def measure(self, example: Example, labels) -> dict:
        """Translates and measures an example.

        Args:
            example: `tfpix2pix.inference.Example` of one image.
            labels: int `[1, height, width]`, the classes that a segmenter should find; if `None`,
                those that it finds in the target.

        Returns:
            Dict of input, output and target to uint8 `[height, width, 3]`.
        """
        source, target, controls = example
        direction = self._direction
        with graph_precision(self._selection.precision):
            translated = inference.translate(
                direction.network,
                source,
                controls=inference.control_batches(direction, source, controls),
                multiple=direction.multiple,
                statistics=self._selection.statistics,
            )
        columns = {
            "input": Column("source", self._name, source),
            "output": Column("translation", self._name, translated, source),
            "target": Column("target", self._name, target, source),
        }
        shown = report.columns([columns], {self._name: self._task})
        pictures = tuple(images.to_signed(tf.stack(shown[title])) for title in ("target", "output"))
        self._rows.append(scores.measure_example((target, translated), pictures))
        for metric in self._run_metrics:
            metric.update_state(*pictures)
        if self._judges.segment is not None:
            self._segment(pictures, labels)
        return {title: np.asarray(column[0]) for title, column in shown.items()}

    @property
    def feature_model(self) -> Optional[str]:
        """Name of the network that FID and KID go by, or `None`."""
        names = (getattr(metric, "feature_model", None) for metric in self._run_metrics)
        return next(filter(None, names), None)

    def scores(self) -> dict:
        """Returns a dict of measure to float64 `[examples]`, without measures that none has."""
        columns = {
            name: np.array([row[name] for row in self._rows]) for name in scores.EXAMPLE_MEASURES
        }
        return {name: values for name, values in columns.items() if not np.isnan(values).all()}

    def target_scores(self) -> dict:
        """Returns the segmenter's scores on the targets, where the sources have labels."""
        if self._judges.segment is None or not self._has_labels:
            return {}
        return _finite(self._target_segments.result())

    def summary(self, first: "EvaluatedRun") -> dict:
        """Returns the run's entry in `metrics.json`.

        Args:
            first: The run to compare with.

        Returns:
            Dict; numbers that are not finite are `None`.
        """
        examples = self.scores()
        means = {name: np.nanmean(values) for name, values in examples.items()}
        means |= {metric.name: metric.result() for metric in self._run_metrics}
        if self._judges.segment is not None:
            means |= self._output_segments.result()
        differences = {}
        if self is not first:
            others = first.scores()
            differences = {
                name: scores.difference(others[name], values) for name, values in examples.items()
            }
        return {
            "title": self.title,
            "run": str(self.folder),
            "experiment": self._run.config.name,
            "data": self._run.config.data.folder,
            "direction": self._name,
            "checkpoint": self._run.checkpoint,
            "step": self._run.step,
            "best": self._selection.best,
            "averaged": self._selection.averaged,
            "mean": _finite(means),
            "median": _finite({name: np.nanmedian(values) for name, values in examples.items()}),
            "difference": differences,
        }

    def _label_map_task(self):
        """Returns the task of RGB sources in the colours of the segmenter's classes, if any."""
        is_rgb = self._task.source_format.channels == 3
        if not isinstance(self._judges.classes, dict) or self._has_labels or not is_rgb:
            return None
        return tasks.task("pairs", self._task.formats, (self._judges.classes, None))

    def _class_count(self):
        if self._has_labels:
            return self._task.channels[0]
        size = self._run.config.data.image_size
        return self._judges.segment(tf.zeros((1, *size, 3))).shape[-1]

    def _segment(self, pictures, labels):
        target_logits, output_logits = map(self._judges.segment, pictures)
        labels = tf.argmax(target_logits, axis=-1) if labels is None else labels
        self._output_segments.update_state(labels, output_logits)
        self._target_segments.update_state(labels, target_logits)


def _finite(values):
    """Returns numbers as JSON takes them: those that are not finite are `None`."""
    numbers = {name: float(value) for name, value in values.items()}
    return {name: v if math.isfinite(v) else None for name, v in numbers.items()}
