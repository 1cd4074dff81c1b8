"""Pairs: from a configuration to examples of a source and its target, and to batches of them."""

from __future__ import annotations

from typing import Callable

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.data.parallel import silent
from tfpix2pix.data.places import PAIR
from tfpix2pix.families.family import Feed, Phase, Worker
from tfpix2pix.families.feeding import stated_folder, stream_arguments, with_attributes
from tfpix2pix.families.pixels import PLACES, ends, filled, geometry, open_formats, task
from tfpix2pix.lazily import base_task, pipeline, sources, tasks, tf

IGNORED = {
    "data.serial_batches": "pairs ignore it: the images of a pair belong together",
    "data.places": "pairs ignore it: they have two images",
    "data.attributes": "pairs ignore it: their models take no table",
}
TASKS = ("pairs", "colorization", "inpainting", "edges")


def examples(config: ExperimentConfig, split: str, progress: Callable = silent):
    """Finds and checks the examples of one split.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        split: `"train"`, `"val"` or `"test"`; all files where there are no such folders. For
            `"held_out"` the first that there is of test, val and train.
        progress: See `tfpix2pix.data.survey`.

    Returns:
        `tfpix2pix.data.sources.Examples`; photos alone where a model is to draw their edges.

    Raises:
        ValueError: If no folder is given, or something is wrong with its files.

    Example:
        >>> from tfpix2pix.families import preset
        >>> examples(preset("facades"), "train")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: The folder of the data must be given. ...
    """
    data = config.data
    folder = stated_folder(data)
    options = {"bad_files": data.bad_files, "progress": progress}
    if base_task.kind_of(data.task).of_photos:
        found = sources.photos(folder, split, open_formats(data)[-1], **options)
    else:
        source, target = ends(data, *PAIR)
        options |= {"maps": (source, target), "layout": data.layout, "direction": data.direction}
        found = sources.pairs(folder, split, (source.format, target.format), **options)
    return with_attributes(found, data)


def completed(config: ExperimentConfig, examples) -> ExperimentConfig:
    """Fills in what a configuration leaves to the data: channels, types and ranges.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `tfpix2pix.data.sources.Examples` to train on.

    Returns:
        The configuration with everything that is needed without the data.

    Raises:
        ValueError: If the model is to have other channels than the data's classes give.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> from tfpix2pix.families import preset
        >>> config = completed(preset("facades"), synthetic.write_pairs("facades", 2, (32, 32)))
        >>> config.data.target_dtype
        'uint8'
    """
    labels = (config.data.source_labels, config.data.target_labels)
    channels = tasks.task(config.data.task_of_examples, examples.formats, labels).channels
    return filled(config, PLACES[-len(examples.formats) :], examples.formats, channels)


def training(
    config: ExperimentConfig, examples, phase: Phase, worker: Worker, first_step: int
) -> tf.data.Dataset:
    """Streams the training batches of a worker, of one of its replicas after the other.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `tfpix2pix.data.sources.Examples`.
        phase: `Phase`.
        worker: `Worker`.
        first_step: The step of the training at which the stream starts.

    Returns:
        See `tfpix2pix.data.pipeline.training_batches`.

    Raises:
        ValueError: If the batch cannot be shared equally, or the examples do not fit.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> from tfpix2pix.families import preset
        >>> pairs = synthetic.write_pairs("facades", 2, (64, 64))
        >>> phase = Phase("whole", 9, 4, (64, 64))
        >>> training(preset("quickstart"), pairs, phase, Worker(2), 0).element_spec[0].shape
        TensorShape([2, 64, 64, 3])
    """
    return pipeline.training_batches(
        examples,
        geometry(config, phase.image_size),
        task=task(config),
        first_step=first_step * worker.replicas,
        **stream_arguments(config, phase, worker),
    )


def held_out(config: ExperimentConfig, examples, phase: Phase) -> tf.data.Dataset:
    """Yields every example once, in order, one a batch, without chance.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `tfpix2pix.data.sources.Examples`.
        phase: `Phase`.

    Returns:
        See `tfpix2pix.data.pipeline.evaluation_batches`.

    Raises:
        ValueError: If the examples do not fit.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> from tfpix2pix.families import preset
        >>> pairs = synthetic.write_pairs("facades", 2, (64, 64))
        >>> phase = Phase("whole", 9, 1, (64, 64))
        >>> held_out(preset("quickstart"), pairs, phase).element_spec[0].shape
        TensorShape([None, 64, 64, 3])
    """
    return pipeline.evaluation_batches(
        examples, geometry(config, phase.image_size), task=task(config)
    )


FEED = Feed(examples, completed, training, held_out, IGNORED, TASKS)
