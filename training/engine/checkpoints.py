"""Checkpoints of a run: the newest whole one is restored, a save is whole or not there."""

import shutil
import tempfile
from pathlib import Path

import tensorflow as tf

from tfpix2pix import checkpointing
from tfpix2pix.errors import InputError


class Checkpoints:
    """The newest checkpoints of a run, and the best one.

    Args:
        model: A compiled `tfpix2pix.models.TranslationModel`.
        run: `pathlib.Path` of the run's folder.
        keep: How many of the newest stay on disk.
        is_chief: Whether this process is the one that writes the run folder; others save all the
            same, since some variables are gathered from all, but where it is thrown away.

    Attributes:
        step: int64 variable, the number of steps taken.
        best: float32 variable, the best validation metric of the phase so far, the greater the
            better.
        stale: int64 variable, validations since then.
    """

    def __init__(self, model, run: Path, keep: int, *, is_chief: bool = True):
        # Made here and not in the scope of a strategy: they are of the loop, not of each replica.
        self.step = tf.Variable(0, dtype="int64", trainable=False)
        self.stale = tf.Variable(0, dtype="int64", trainable=False)
        self.best = tf.Variable(float("-inf"), trainable=False)
        self.folder = run / checkpointing.CHECKPOINTS
        self._keep = keep
        self._thrown_away = None if is_chief else tempfile.TemporaryDirectory()
        self._to = run if is_chief else Path(self._thrown_away.name)
        self.track(model)

    def track(self, model):
        """Goes by what a model consists of now; a phase may have changed it.

        Args:
            model: A compiled `tfpix2pix.models.TranslationModel`.
        """
        content = checkpointing.checkpoint(model, self.step)
        content.best = self.best
        content.stale = self.stale
        self.newest = tf.train.CheckpointManager(
            content, self._to / checkpointing.CHECKPOINTS, self._keep, step_counter=self.step
        )
        self.bests = tf.train.CheckpointManager(content, self._to / checkpointing.BEST, 1)

    def forget_best(self):
        """Lets the next validation be the best: a phase begins, whose images are others."""
        self.best.assign(float("-inf"))
        self.stale.assign(0)

    def restore(self, prepare=None):
        """Restores the newest checkpoint that is whole.

        Args:
            prepare: Function of the number of its steps that brings the model into the phase in
                which it was saved, and calls `track` if that is another one.

        Returns:
            List of the paths of newer ones that are not, which are left where they are.

        Raises:
            ValueError: If there are checkpoints, but none is whole or fits the model.
        """
        path, damaged = checkpointing.newest_whole(self.folder)
        if path is not None:
            if prepare is not None:
                prepare(_number(path))
            # Optimizers make some variables in their first step: without one they stay partial.
            self.newest.checkpoint.restore(path).expect_partial()
        return damaged

    def save(self, step: int):
        """Saves the newest checkpoint.

        Args:
            step: Number of steps taken.

        Raises:
            ValueError: If it cannot be written; those that are there stay as they are.
        """
        self._save(self.newest, step)
        if self._thrown_away is None:
            saved = checkpointing.saved_checkpoints(self.folder)
            for path in set(saved) - set(self.newest.checkpoints):
                _remove(path)  # What a killed run left behind.

    def save_best(self, step: int):
        """Saves the best checkpoint, in place of the one before.

        Args:
            step: Number of steps taken.

        Raises:
            ValueError: If it cannot be written; the one that is there stays as it is.
        """
        self._save(self.bests, step)

    def _save(self, manager, step):
        self.step.assign(step)
        try:
            manager.save(checkpoint_number=step)
        except (OSError, tf.errors.OpError) as error:
            _remove(f"{manager.directory}/ckpt-{step}")
            reason = str(error).splitlines()[0][:200]
            raise InputError(
                f"A checkpoint must be written to {manager.directory}. Received: {reason}. Make "
                "room or mend the rights, and start the same command again: it goes on from "
                f"{manager.latest_checkpoint or 'the beginning'}."
            ) from error


def _number(path):
    return int(path.rsplit("-", 1)[1])


def _remove(path):
    path = Path(path)
    for part in path.parent.glob(f"{path.name}[._]*"):
        shutil.rmtree(part) if part.is_dir() else part.unlink()
