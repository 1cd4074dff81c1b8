"""A run under evaluation: translates its held-out examples, and keeps their measures."""

import math
from pathlib import Path
from types import MappingProxyType
from typing import Callable, NamedTuple, Optional, Union

import numpy as np
import tensorflow as tf

from tfpix2pix import inference, load_run, report
from tfpix2pix.bfloat16 import graph_precision
from tfpix2pix.data import images, layouts
from tfpix2pix.errors import InputError
from tfpix2pix.inference import Direction, Example
from tfpix2pix.models import Column
from tfpix2pix.runs import Run
from training import progress
from training.evaluation import scores
from training.evaluation.domain_scores import DomainScores
from training.evaluation.revealed_scores import RevealedScores, revealing_control
from training.evaluation.segment_scores import SegmentScores

# What pictures of an example are called -> the role of their `tfpix2pix.models.Column`.
ROLES = {
    "input": "source",
    "output": "translation",
    "target": "target",
    "reconstruction": "reconstruction",
    "identity": "identity",
}
MEAN_EXAMPLES = 1000  # Training targets in their mean; more hardly change it.


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
        revealed: How many places of targets to show, see `RevealedScores`; empty for none.
    """

    data: Optional[Path] = None
    limit: Optional[int] = None
    direction: Optional[str] = None
    best: bool = False
    averaged: bool = False
    statistics: str = "per_image"
    precision: str = "float32"
    revealed: Optional[list[int]] = None


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


def judged_direction(run: Run, name: Optional[str] = None) -> tuple[str, Direction]:
    """Returns a direction of a run, whose translations can be compared with something real.

    Args:
        run: `tfpix2pix.runs.Run`.
        name: Name of the direction; by default the run's first.

    Returns:
        `(name, Direction)`.

    Raises:
        ValueError: If there is no such direction, or it has neither targets nor references.
    """
    name, direction = run.direction(name)
    if not direction.paired and direction.references is None:
        raise InputError(
            "Translations are compared with their targets, or with real images of what they are "
            "translated into, so a direction that is not `paired` must have `references`. "
            f"Received: direction {name!r} of {str(run.folder)!r}, which has none. Name them in "
            f"the family {run.config.family!r}."
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
        references: Names of the real images of what they are translated into, where examples have
            no targets.
        columns: What pictures there are of an example: `"input"`, `"output"`, and either
            `"target"` or, where a direction goes back, `"reconstruction"` (of the input from the
            output) and `"identity"` (what the reverse direction, which translates into such images,
            makes of the input itself).
        revealed: `RevealedScores`, or `None` where no control shows places of targets.

    Raises:
        ValueError: If the run cannot be restored, the data cannot be read, there is nothing to
            compare the direction with, or a control does not show as many places.
    """

    def __init__(self, folder: Path, title: str, selection: Selection, judges: Judges):
        self.folder = folder
        self.title = title
        self._selection = selection
        self._judges = judges
        self._run = load_run(folder, best=selection.best, averaged=selection.averaged)
        if selection.data is not None:
            self._run = self._run.with_data(selection.data)
        self._name, self._direction = judged_direction(self._run, selection.direction)
        self._reverse = self._run.directions.get(self._direction.reverse)
        self._task = self._direction.task
        self.columns = self._columns()
        examples = self._run.examples("held_out", progress.survey)
        self.names = self._direction.sources(examples)[: selection.limit]
        self.references = []
        if not self._direction.paired:
            self.references = self._direction.references(examples)[: selection.limit]
        self._batches = self._run.held_out(examples)
        self._rows = []
        self._domain = DomainScores(judges.features)
        self._input_domain = None
        self._input_rows = []
        self.revealed = None
        control = revealing_control(self._direction)
        if control is not None and selection.revealed != []:
            self.revealed = RevealedScores(control, selection.revealed)
        self._segments = None
        if judges.segment is not None:
            size = self._run.image_size
            self._segments = SegmentScores(judges.segment, judges.classes, self._task, size)

    def examples(self):
        """Yields the `tfpix2pix.inference.Example`s, in batches of one."""
        return map(self._direction.example, self._batches.take(len(self.names)))

    def meet_domain(self, shown: int) -> list:
        """Looks at the real images of what is translated into, before examples without targets.

        Args:
            shown: How many pictures to return.

        Returns:
            List of uint8 `[height, width, 3]`, the first of them; empty where there are targets.
        """
        count = len(self.references)
        batches = self._batches.take(count)
        pictures = []
        for batch in progress.bar(batches, "Real images", "images", count) if count else ():
            example = self._direction.example(batch)
            picture = self._pictures({"target": example.reference}, example.source)["target"]
            self._domain.add_real(images.to_signed(picture[tf.newaxis]))
            pictures += [np.asarray(picture)] if len(pictures) < shown else []
        if count:
            self._input_domain = DomainScores(self._judges.features, self._domain)
        return pictures

    def mean_target(self):
        """Returns the mean of the training targets, float64 `[1, height, width, channels]`.

        It is `None` where there are none, they differ in size, or none are to train on.
        """
        if not self._direction.paired:
            return None
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
        """Returns the classes that a segmenter should find, or `None`; see `SegmentScores`."""
        return None if self._segments is None else self._segments.labels(source)

    def measure(self, example: Example, labels) -> dict:
        """Translates and measures an example.

        Args:
            example: `tfpix2pix.inference.Example` of one image.
            labels: int `[1, height, width]`, the classes that a segmenter should find; if `None`,
                those that it finds in the target.

        Returns:
            Dict of `columns` to uint8 `[height, width, 3]`.
        """
        source = example.source
        translated = self._translated(self._direction, source, example.controls)
        signed = {"input": source, "output": translated, "target": example.target}
        if "reconstruction" in self.columns:
            signed["reconstruction"] = self._translated(self._reverse, translated)
        if "identity" in self.columns:
            signed["identity"] = self._translated(self._reverse, source)
        signed = {title: signed[title] for title in self.columns}
        shown = self._pictures(signed, source)
        pictures = {
            title: images.to_signed(picture[tf.newaxis]) for title, picture in shown.items()
        }
        row = scores.measure_example(signed, pictures)
        self._domain.add(pictures["output"])
        if self._direction.paired:
            self._domain.add_real(pictures["target"])
        else:
            row |= self._domain.of_one(pictures["output"])
            self._input_rows.append(self._domain.of_one(pictures["input"]))
            self._input_domain.add(pictures["input"])
        self._rows.append(row)
        if self.revealed is not None:
            self._reveal(example, shown["target"])
        if self._segments is not None:
            self._segments.add(pictures, labels)
        return {title: np.asarray(picture) for title, picture in shown.items()}

    @property
    def feature_model(self) -> Optional[str]:
        """Name of the network that FID and KID go by, or `None`."""
        return self._domain.feature_model

    def scores(self) -> dict:
        """Returns a dict of measure to float64 `[examples]`, without measures that none has."""
        columns = {
            name: np.array([row[name] for row in self._rows])
            for name in scores.EXAMPLE_MEASURES
            if name in self._rows[0]
        }
        return {name: values for name, values in columns.items() if not np.isnan(values).all()}

    def target_scores(self) -> dict:
        """Returns the segmenter's scores on the targets, where the sources have labels."""
        if self._segments is None or not self._direction.paired:
            return {}
        return _finite(self._segments.of_targets())

    def input_scores(self) -> dict:
        """Returns what the inputs as they are have of the scores by a domain, without targets."""
        if self._input_domain is None:
            return {}
        of_each = {
            name: np.mean([row[name] for row in self._input_rows]) for name in self._input_rows[0]
        }
        return _finite({**of_each, **self._input_domain.of_all()})

    def summary(self, first: "EvaluatedRun") -> dict:
        """Returns the run's entry in `metrics.json`.

        Args:
            first: The run to compare with.

        Returns:
            Dict; numbers that are not finite are `None`.
        """
        examples = self.scores()
        means = {name: np.nanmean(values) for name, values in examples.items()}
        means |= self._domain.of_all()
        if self._segments is not None:
            means |= self._segments.of_outputs()
        differences = {}
        if self is not first:
            others = first.scores()
            differences = {
                name: scores.difference(others[name], values)
                for name, values in examples.items()
                if name in others
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
            "revealed": self.revealed and self.revealed.summary(),
        }

    def _columns(self):
        if self._direction.paired:
            return ("input", "output", "target")
        if self._reverse is None:
            return ("input", "output")
        source_channels, target_channels = self._task.channels
        identity = ("identity",) if source_channels == target_channels else ()
        return ("input", "output", "reconstruction", *identity)

    def _translated(self, direction, source, controls=MappingProxyType({})):
        with graph_precision(self._selection.precision):
            return inference.translate_in(
                direction, source, controls, statistics=self._selection.statistics
            )

    def _reveal(self, example, target):
        """Measures translations that are shown places of a target, as people see it."""

        def shown(translated):
            return self._pictures({"output": translated}, example.source)["output"]

        def translate(values):
            controls = {**example.controls, **values}
            return shown(self._translated(self._direction, example.source, controls))

        # Zeros are a photo in grey, or grey all over where sources have no lightness.
        self.revealed.add(target, translate, shown(tf.zeros_like(example.target)))

    def _pictures(self, signed, source):
        """Returns a dict of title to the picture of an image, uint8 `[height, width, 3]`."""
        columns = {
            title: Column(ROLES[title], self._name, image, source)
            for title, image in signed.items()
        }
        shown = report.columns([columns], {self._name: self._task})
        return {title: picture for title, (picture,) in shown.items()}


def _finite(values):
    """Returns numbers as JSON takes them: those that are not finite are `None`."""
    numbers = {name: float(value) for name, value in values.items()}
    return {name: v if math.isfinite(v) else None for name, v in numbers.items()}
