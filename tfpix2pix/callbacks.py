"""Callbacks for `model.fit`: sample pictures, checkpoints and resume, a stop at the first NaN.

They count the updates of the model, so a restored training continues the count.
"""

import math
import os
from pathlib import Path
from typing import Optional, Union

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import report
from tfpix2pix.checkpointing import newest_usable
from tfpix2pix.errors import InputError
from tfpix2pix.models.non_finite import describe_non_finite


class _EverySteps(keras.callbacks.Callback):
    """Calls `act(step)` each time another `every` steps are done, and after the last."""

    def __init__(self, every: int):
        super().__init__()
        if every < 1:
            raise InputError(f"`every` must be at least 1 step. Received: every={every}.")
        self.every = every
        self._acted = 0

    @property
    def step(self) -> int:
        """How many steps the model has been trained for."""
        return self.model.steps_taken

    def on_train_begin(self, logs: Optional[dict] = None):
        """Starts to count at the model's step."""
        del logs
        self._acted = self.step

    def on_train_batch_end(self, batch, logs: Optional[dict] = None):
        """Acts if it is time; with `steps_per_execution` a call of Keras has many steps."""
        del batch, logs
        if self.step // self.every > self._acted // self.every:
            self._act_now()

    def on_train_end(self, logs: Optional[dict] = None):
        """Acts on the last step, unless it has."""
        del logs
        if self.step > self._acted:
            self._act_now()

    def _act_now(self):
        self._acted = self.step
        self.act(self._acted)


class ImageGrid(_EverySteps):
    """Saves pictures of inputs, translations and targets as `{step}.png`.

    Args:
        batch: Batch of the model, float `[batch, height, width, channels]` in [-1, 1] each; every
            example is a row.
        task: `tfpix2pix.data.tasks.Pairs` or another task; for a model of several directions a dict
            of direction to task.
        folder: Folder of the pictures; made if it is missing.
        every: Steps from one picture to the next.

    Raises:
        ValueError: If `every` is below 1.

    Example:
        >>> from tfpix2pix.data import formats, tasks
        >>> task = tasks.Pairs((formats.PixelFormat(3, "uint8", (0, 255)),) * 2)
        >>> images = tf.zeros((2, 32, 32, 3))
        >>> ImageGrid((images, images), task, "samples", every=500).every
        500
    """

    def __init__(self, batch, task, folder: Union[str, os.PathLike], every: int = 1000):
        super().__init__(every)
        count = len(tf.nest.flatten(batch)[0])
        self.examples = [_example(batch, index) for index in range(count)]
        self.task = task
        self.folder = Path(folder)

    def act(self, step: int):
        """Saves the picture of a step."""
        samples = [self.model.columns(example) for example in self.examples]
        directions = {column.direction for column in samples[0].values()}
        tasks = self.task if isinstance(self.task, dict) else dict.fromkeys(directions, self.task)
        picture = report.comparison(report.columns(samples, tasks))
        report.save_picture(picture, self.folder / f"{step:06d}.png")


class Checkpoint(_EverySteps):
    """Saves checkpoints, and restores the newest one before the training starts.

    Put it first in the list of callbacks: those before it see the model as it was. It does not
    restore the position in the data, so start the data at the restored step. Damaged checkpoints
    are passed over with a warning.

    Args:
        checkpoint: `tf.train.Checkpoint` with a variable `step`, as of
            `tfpix2pix.checkpointing.checkpoint`.
        folder: Folder of the checkpoints; made if it is missing.
        every: Steps from one checkpoint to the next.
        keep: How many of the newest stay on disk.

    Raises:
        ValueError: If `every` is below 1.

    Example:
        >>> saved = tf.train.Checkpoint(step=tf.Variable(0, dtype="int64"))
        >>> Checkpoint(saved, "run/checkpoints", every=500).manager.latest_checkpoint is None
        True
    """

    def __init__(
        self,
        checkpoint: tf.train.Checkpoint,
        folder: Union[str, os.PathLike],
        every: int = 1000,
        *,
        keep: int = 3,
    ):
        super().__init__(every)
        self.manager = tf.train.CheckpointManager(checkpoint, str(folder), keep)

    def on_train_begin(self, logs: Optional[dict] = None):
        """Restores the newest whole checkpoint, if there is one."""
        if newest := newest_usable(self.manager.directory):
            self.manager.checkpoint.restore(newest)
        super().on_train_begin(logs)

    def act(self, step: int):
        """Saves the checkpoint of a step."""
        self.manager.checkpoint.step.assign(step)
        self.manager.save(checkpoint_number=step)


class StopOnNonFinite(keras.callbacks.Callback):
    """Stops the training at the first loss that is not finite, and names the layer at fault.

    Args:
        batch: Batch of the model with which the layer is searched for, since Keras does not pass on
            the batch that failed.

    Example:
        >>> images = tf.zeros((1, 32, 32, 3))
        >>> stop = StopOnNonFinite((images, images))
        >>> stop.on_train_batch_end(0, {"generator_l1": 1.0})
    """

    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def on_train_batch_end(self, batch, logs: Optional[dict] = None):
        """Raises `InputError` if a loss is not finite."""
        del batch
        if all(math.isfinite(value) for value in (logs or {}).values()):
            return
        fault = describe_non_finite(logs, self.model.steps_taken, self.model, self.batch)
        raise InputError(
            f"All losses must be finite. Received: {fault}. Lower the learning rates, or look "
            "for broken images with `tfpix2pix.doctor`."
        )


def _example(batch, index):
    return tf.nest.map_structure(lambda images: images[index : index + 1], batch)
