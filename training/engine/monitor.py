"""Watch: looks at a training as it goes: losses, validation, pictures, symptoms."""

import tensorflow as tf
from tqdm import tqdm

from tfpix2pix import factory, report
from tfpix2pix.errors import InputError
from training.engine import health
from training.engine.validation import goodness, validate

MOST_ROLLBACKS = 3  # In a row without a checkpoint between them.


class Watch:
    """Watches a training and keeps its log.

    Args:
        model: A compiled `tfpix2pix.models.TranslationModel`.
        config: `tfpix2pix.config.ExperimentConfig`.
        checkpoints: `training.engine.checkpoints.Checkpoints`.
        journal: `training.engine.run_log.RunLog`.
        strategy: The `tf.distribute.Strategy` of the training.
    """

    def __init__(self, model, config, checkpoints, journal, strategy):
        self.model, self.config = model, config
        self.checkpoints, self.journal = checkpoints, journal
        self.doctor = health.Doctor()
        self.rollbacks = 0
        self.strategy, self.held_out = strategy, {}
        # Elsewhere devices would wait for each other, or for the host, at every step.
        alone = strategy.num_replicas_in_sync == 1 and not tf.config.list_physical_devices("GPU")
        self.checks_every = 1 if alone else config.train.log_every

    @property
    def is_over(self):
        """Whether validation has not become better for long enough."""
        patience = self.config.train.patience
        return patience is not None and int(self.checkpoints.stale) >= patience

    def expect(self, step):
        """Prepares for a step before it is taken.

        Args:
            step: Number of that step.
        """
        self.model.measures_gradients.assign(step % self.config.train.log_every == 0)

    def check(self, step, batch):
        """Looks for losses that are not finite.

        Args:
            step: Number of steps taken.
            batch: The step's `(source, target)`.

        Raises:
            ValueError: If there is one and the training is not to roll back, or did so in vain.
        """
        if step % self.checks_every:
            return
        # Sums, not means: they cost a read each.
        trackers = self.model.trackers.items()
        sums = {name: float(tf.convert_to_tensor(tracker.total)) for name, tracker in trackers}
        own = tuple(self.strategy.experimental_local_results(part)[0] for part in batch)
        symptom = health.non_finite(step, sums, self.model, own)
        if symptom is None:
            return
        self.journal.warn(step, [symptom])
        nowhere = self.checkpoints.newest.latest_checkpoint is None
        if not self.config.train.rollback or nowhere or self.rollbacks == MOST_ROLLBACKS:
            raise InputError(
                f"All losses must be finite. Received: {symptom.measured}; all checkpoints are "
                f"from before. {symptom.remedy}"
            )
        self.rollbacks += 1
        self.checkpoints.restore()
        self.model.reset_metrics()
        tqdm.write(f"{symptom.measured}: back to step {int(self.checkpoints.step)}.")

    def validate(self, step, batches):
        """Measures held-out examples and keeps the best checkpoint.

        Args:
            step: Number of steps taken.
            batches: See `training.engine.validation.validate`.
        """
        self.held_out = validate(self.model, batches)
        good = goodness(self.held_out, self.config.train.best_by)
        better = good > float(self.checkpoints.best)
        if better:
            self.checkpoints.best.assign(good)
            self.checkpoints.stale.assign(0)
            self.checkpoints.save_best(step)
        else:
            self.checkpoints.stale.assign_add(1)

    def log(self, step):
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
        self.journal.log(
            step,
            losses,
            learning_rate={player: float(_rate(of)) for player, of in model.optimizers.items()},
            gradient_norm=norms if step % self.config.train.log_every == 0 else None,
            discriminator=logits,
            held_out=self.held_out,
        )
        self.held_out = {}
        return {term: f"{value:.3g}" for term, value in losses.items()}

    def sample(self, step, samples):
        """Saves a picture of held-out examples and asks the doctor.

        Args:
            step: Number of steps taken.
            samples: List of `(source, target)`, batches of one example.
        """
        self.rollbacks = 0
        task = factory.task(self.config)
        seen = [(source, self.model.translate(source), target) for source, target in samples]
        # Without an adversarial term the discriminator wins without harm.
        lines = self.journal.lines if self.config.model.gan_weight else ()
        symptoms = self.doctor.examine(seen, lines, self.model.adversarial)
        for symptom in symptoms:
            tqdm.write(f"Warning at step {step}: {symptom.measured}. {symptom.remedy}")
        self.journal.warn(step, symptoms)
        self.journal.sample(step, report.columns(self.model, task, samples))
        if self.config.train.histograms:
            self.journal.histograms(step, self.model.players)


def _rate(optimizer):
    rate = optimizer.learning_rate
    return tf.convert_to_tensor(rate(optimizer.iterations) if callable(rate) else rate)
