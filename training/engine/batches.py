"""Batches of an experiment for programs that are no training loop."""

import dataclasses

import tensorflow as tf

from tfpix2pix import runs
from tfpix2pix.config import ExperimentConfig
from tfpix2pix.families import Worker, checked_family, get_family
from training import progress


def completed(config: ExperimentConfig):
    """Finds the training examples of an experiment, and fills in what follows from them.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        `(config, examples)`: the configuration without open ends, and the examples.

    Raises:
        ValueError: If the data cannot be used.
    """
    family = checked_family(config)
    data = config.data
    if data.edges_by and data.edges_by_sha256 is None:
        sha256 = runs.open_detector(data.edges_by).sha256
        config = dataclasses.replace(config, data=dataclasses.replace(data, edges_by_sha256=sha256))
    examples = runs.examples(config, "train", progress.survey)
    return family.completed(config, examples), examples


def training_batches(config: ExperimentConfig, examples) -> tf.data.Dataset:
    """Streams the batches of the first phase of a training on one device.

    Args:
        config: As `completed` returns it.
        examples: The same.

    Returns:
        Endless `tf.data.Dataset`.
    """
    family = get_family(config.family)
    return family.feed.training(config, examples, family.phases(config)[0], Worker(), 0)


def held_out_batches(config: ExperimentConfig, *, batch_size: int = 1):
    """Yields the held-out examples in order, always the same.

    Args:
        config: As `completed` returns it.
        batch_size: Examples per batch; above 1 all must have one size.

    Returns:
        `(batches, names)`: `tf.data.Dataset`, and the names of the examples.
    """
    family = get_family(config.family)
    examples = runs.examples(config, "held_out", progress.survey)
    batches = family.feed.held_out(config, examples, family.phases(config)[-1])
    return batches.rebatch(batch_size), examples.names
