"""Callbacks for `model.fit`: pictures, checkpoints to go on from, a stop when losses break.

A step is an update of the generator, so they count on where a restored training goes on.
"""

import math
from pathlib import Path

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import report
from tfpix2pix.errors import InputError
from tfpix2pix.models import faults


class _EverySteps(keras.callbacks.Callback):
    """Calls `act(step)` each time another `every` steps are done, and after the last."""

    def __init__(self, every):
        super().__init__()
        if every < 1:
            raise InputError(f"`every` must be at least 1 step. Received: every={every}.")
        self.every = every
        self._acted = 0

    @property
    def step(self):
        """How many steps the model has taken."""
        return int(self.model.optimizers["generator"].iterations)

    def on_train_begin(self, logs=None):
        """Counts from where the model stands."""
        del logs
        self._acted = self.step

    def on_train_batch_end(self, batch, logs=None):
        """Acts if it is time; there may be many steps in one call of Keras."""
        del batch, logs
        if self.step // self.every > self._acted // self.every:
            self._act_now()

    def on_train_end(self, logs=None):
        """Acts unless it has for the last step."""
        del logs
        if self.step > self._acted:
            self._act_now()

    def _act_now(self):
        self._acted = self.step
        self.act(self._acted)


class ImageGrid(_EverySteps):
    """Saves pictures of inputs, translations and targets as `{step}.png`.

    Args:
        batch: `(source, target)`, float `[batch, height, width, channels]` in [-1, 1]; each
            example is a row.
        task: `tfpix2pix.data.tasks.Pairs`, or another.
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

    def __init__(self, batch, task, folder, every=1000):
        super().__init__(every)
        self.samples = [tuple(x[i : i + 1] for x in batch) for i in range(len(batch[0]))]
        self.task = task
        self.folder = Path(folder)

    def act(self, step):
        """Saves the picture of a step."""
        picture = report.comparison(report.columns(self.model, self.task, self.samples))
        report.save_picture(picture, self.folder / f"{step:06d}.png")


class Checkpoint(_EverySteps):
    """Saves checkpoints, and restores the newest one before the training starts.

    What comes before it in the list of callbacks does not see what it restores. The order of the
    data is not restored: skip what was trained on.

    Args:
        checkpoint: `tf.train.Checkpoint` with a variable `step`, as of
            `tfpix2pix.factory.checkpoint`.
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

    def __init__(self, checkpoint, folder, every=1000, *, keep=3):
        super().__init__(every)
        self.manager = tf.train.CheckpointManager(checkpoint, str(folder), keep)

    def on_train_begin(self, logs=None):
        """Restores the newest checkpoint, if there is one."""
        self.manager.restore_or_initialize()
        super().on_train_begin(logs)

    def act(self, step):
        """Saves the checkpoint of a step."""
        self.manager.checkpoint.step.assign(step)
        self.manager.save(checkpoint_number=step)


class StopOnNonFinite(keras.callbacks.Callback):
    """Stops the training as soon as a loss is not finite, and says where that began.

    Args:
        batch: `(source, target)` on which the layer is looked for, float
            `[batch, height, width, channels]` in [-1, 1]; Keras does not tell the failing one.

    Example:
        >>> images = tf.zeros((1, 32, 32, 3))
        >>> stop = StopOnNonFinite((images, images))
        >>> stop.on_train_batch_end(0, {"generator_l1": 1.0})
    """

    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def on_train_batch_end(self, batch, logs=None):
        """Raises `InputError` if a loss is not finite."""
        del batch
        if all(math.isfinite(value) for value in (logs or {}).values()):
            return
        step = int(self.model.optimizers["generator"].iterations)
        measured = faults.non_finite(logs, step, self.model, self.batch)
        raise InputError(
            f"All losses must be finite. Received: {measured}. Lower the learning rates, or look "
            "for broken images with `tfpix2pix.doctor`."
        )
