"""The monitor of a training: losses, validation, sample pictures, symptoms, roll-back."""

import tensorflow as tf
from tqdm import tqdm

from tfpix2pix import report
from tfpix2pix.errors import InputError
from tfpix2pix.families import get_family
from training.engine import health

MOST_ROLLBACKS = 3  # In a row without a checkpoint between them.


class Monitor:
    """Monitors a training and writes its log.

    Args:
        model: A compiled `tfpix2pix.models.TranslationModel`.
        config: `tfpix2pix.config.ExperimentConfig`.
        checkpoints: `training.engine.checkpoints.Checkpoints`.
        run_log: `training.engine.run_log.RunLog`.
        strategy: The `tf.distribute.Strategy` of the training.
        tasks: Dict of direction to the task that makes pixels of its images.
        restore: Function that goes back to the last checkpoint, and into the phase in which it was
            saved; by default that of `checkpoints`, for a training of one phase.
    """

    def __init__(self, model, config, checkpoints, run_log, strategy, tasks, restore=None):
        self.model = model
        self.config = config
        self.checkpoints = checkpoints
        self.run_log = run_log
        self.tasks = tasks
        self._restore = restore or checkpoints.restore
        self.doctor = health.Doctor(remedies=get_family(config.family).remedies)
        self.rollbacks = 0
        self.strategy = strategy
        self.held_out = {}
        # Elsewhere devices would wait for each other, or for the host, at every step.
        alone = strategy.num_replicas_in_sync == 1 and not tf.config.list_physical_devices("GPU")
        self.checks_every = 1 if alone else config.train.log_every

    @property
    def is_over(self):
        """Whether validation has not become better for long enough."""
        patience = self.config.train.patience
        return patience is not None and int(self.checkpoints.stale) >= patience

    def expect(self, step: int):
        """Prepares for a step before it is taken.

        Args:
            step: Number of that step.
        """
        self.model.measures_gradients.assign(step % self.config.train.log_every == 0)

    def check(self, step: int, batch):
        """Looks for losses that are not finite.

        Args:
            step: Number of steps taken.
            batch: The step's batch.

        Raises:
            ValueError: If there is one and the training is not to roll back, or did so in vain.
        """
        if step % self.checks_every:
            return
        # Each tracker's running sum takes one device read, where the mean would take two.
        trackers = self.model.trackers.items()
        sums = {name: float(tf.convert_to_tensor(tracker.total)) for name, tracker in trackers}
        local = tf.nest.map_structure(
            lambda part: self.strategy.experimental_local_results(part)[0], batch
        )
        symptom = self.doctor.non_finite(step, sums, self.model, local)
        if symptom is None:
            return
        self.run_log.warn(step, [symptom])
        nowhere = self.checkpoints.newest.latest_checkpoint is None
        if not self.config.train.rollback_on_nan or nowhere or self.rollbacks == MOST_ROLLBACKS:
            raise InputError(
                f"All losses must be finite. Received: {symptom.measured}; all checkpoints are "
                f"from before. {symptom.remedy}"
            )
        self.rollbacks += 1
        self._restore()
        self.model.reset_metrics()
        tqdm.write(f"{symptom.measured}: back to step {int(self.checkpoints.step)}.")

    def validate(self, step: int, batches):
        """Measures held-out examples and keeps the best checkpoint.

        Args:
            step: Number of steps taken.
            batches: Iterable of batches of held-out examples.
        """
        self.held_out = validate(self.model, batches)
        metric = self.config.train.best_by or next(iter(self.model.validation_metrics))
        goodness = self.held_out[metric]
        if self.model.validation_metrics[metric] == "less":
            goodness = -goodness
        if goodness > float(self.checkpoints.best):
            self.checkpoints.best.assign(goodness)
            self.checkpoints.stale.assign(0)
            self.checkpoints.save_best(step)
        else:
            self.checkpoints.stale.assign_add(1)

    def log(self, step: int):
        """Notes the means of all losses since the last call.

        Args:
            step: Number of steps taken.

        Returns:
            Dict of term to short text.
        """
        model = self.model
        losses, logits, norms = (
            {name: float(mean.result()) for name, mean in group.items()}
            for group in (model.trackers, model.logits, model.gradient_norms)
        )
        model.reset_metrics()
        self.run_log.log(
            step,
            losses,
            learning_rate={
                player: float(_learning_rate(optimizer))
                for player, optimizer in model.optimizers.items()
            },
            gradient_norm=norms if step % self.config.train.log_every == 0 else None,
            discriminator=logits,
            held_out=self.held_out,
        )
        self.held_out = {}
        return {term: f"{value:.3g}" for term, value in losses.items()}

    def sample(self, step: int, batches):
        """Saves a picture of held-out examples and asks the training doctor.

        Args:
            step: Number of steps taken.
            batches: List of batches of one held-out example.
        """
        self.rollbacks = 0
        samples = [self.model.columns(batch) for batch in batches]
        symptoms = self.doctor.examine(samples, self.run_log.lines, self.model.discriminator_losses)
        for symptom in symptoms:
            tqdm.write(f"Warning at step {step}: {symptom.measured}. {symptom.remedy}")
        self.run_log.warn(step, symptoms)
        self.run_log.sample(step, report.columns(samples, self.tasks), self.model.caption)
        if self.config.train.histograms:
            self.run_log.histograms(step, self.model.players)


def validate(model, batches):
    """Measures held-out examples.

    Args:
        model: A compiled `tfpix2pix.models.TranslationModel`.
        batches: Iterable of batches, as `model.validate` takes them.

    Returns:
        Dict of metric to its mean over all examples, float.
    """
    measured = [model.validate(batch) for batch in batches]
    return {
        name: float(tf.reduce_mean(tf.concat([values[name] for values in measured], axis=0)))
        for name in model.validation_metrics
    }


def _learning_rate(optimizer):
    rate = optimizer.learning_rate
    return tf.convert_to_tensor(rate(optimizer.iterations) if callable(rate) else rate)
