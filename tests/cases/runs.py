"""Runs as a training leaves them, of networks that have not learned anything."""

import tensorflow as tf

from tfpix2pix import checkpointing, runs
from tfpix2pix.families import get_family


def saved_run(config, folder, step=7, place=checkpointing.CHECKPOINTS):
    """Saves a run of untrained networks, in the phase of a step; returns its folder."""
    family = get_family(config.family)
    config = family.feed.completed(config, family.feed.examples(config, "train"))
    model = runs.float32_model(config, *runs.phase_at(family.phases(config), step))
    content = checkpointing.checkpoint(model, tf.Variable(step, dtype="int64"))
    manager = tf.train.CheckpointManager(content, folder / place, 1)
    manager.save(checkpoint_number=step)
    runs.save_config(config, folder)
    if place == checkpointing.CHECKPOINTS:
        runs.finish_run(folder)
    return folder
