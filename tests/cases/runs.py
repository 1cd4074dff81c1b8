"""Runs as a training leaves them, of networks that have not learned anything."""

import tensorflow as tf

from tfpix2pix import checkpointing, runs
from tfpix2pix.families import get_family


def saved_run(config, folder, step=7):
    """Saves a run of untrained networks on the data of a configuration; returns its folder."""
    family = get_family(config.family)
    config = family.feed.completed(config, family.feed.examples(config, "train"))
    content = checkpointing.checkpoint(runs.float32_model(config), tf.Variable(step, dtype="int64"))
    manager = tf.train.CheckpointManager(content, folder / checkpointing.CHECKPOINTS, 1)
    manager.save(checkpoint_number=step)
    runs.save_config(config, folder)
    runs.finish_run(folder)
    return folder
