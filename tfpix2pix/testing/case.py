"""A family to check, with the runs and models that its checks share."""

import dataclasses
from functools import cached_property
from pathlib import Path
from typing import Any, Optional, Union

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfpix2pix import checkpointing, runs
from tfpix2pix.config import ExperimentConfig
from tfpix2pix.data.parallel import silent
from tfpix2pix.export import export
from tfpix2pix.families import Family, Worker, get_family
from tfpix2pix.inference import Direction

SIDES = (37, 30)  # Of an image that hardly any network takes as it is.


class Case:
    """A family to check; runs and models are made when a check first needs them.

    Args:
        config: `tfpix2pix.config.ExperimentConfig` of a few steps, on data that are there.
        folder: New folder for runs and exports.
        loop: What trains: the module `training.engine.loop`, or what has its `train`,
            `training_step` and `distributed_batches`. Without it nothing is trained.
        replicas: `tf.distribute.Strategy` of two replicas, for the check that needs one.
        noiseless: Configuration to compare trainings by: without noise, and without layers by which
            the examples of a batch depend on each other; by default `config`.

    Example:
        >>> from tfpix2pix.families import preset
        >>> Case(preset("quickstart"), "checks").family.options.__name__
        'Pix2PixConfig'
    """

    def __init__(
        self,
        config: ExperimentConfig,
        folder: Union[str, Path],
        *,
        loop: Any = None,
        replicas: Optional[tf.distribute.Strategy] = None,
        noiseless: Optional[ExperimentConfig] = None,
    ):
        self.config = config
        self.folder = Path(folder)
        self.loop = loop
        self.replicas = replicas
        self.noiseless = noiseless or config

    @property
    def family(self) -> Family:
        """The family of the configuration."""
        return get_family(self.config.family)

    @cached_property
    def run(self) -> runs.Run:
        """A run of untrained networks, in its last phase."""
        return runs.load_run(save_untrained(self.config, self.folder / "untrained"))

    @cached_property
    def exported(self) -> tuple[Path, float]:
        """The version that is exported of that run, and its difference."""
        run = self.run
        options = {"size": run.image_size, "embeddings": run.embeddings}
        return export(run.directions, self.folder / "exports/model", **options)

    @cached_property
    def held_out(self) -> tuple:
        """A batch of held-out examples, as that run's networks see them."""
        return next(iter(self.run.held_out(self.run.examples("held_out"))))

    def pixels(self, direction: Direction, seed: int = 0) -> np.ndarray:
        """Returns an image of noise that a direction, or an embedding, takes.

        Args:
            direction: `tfpix2pix.inference.Direction` or `tfpix2pix.inference.Embedding`.
            seed: Another seed gives another one.

        Returns:
            Pixels `[37, 30, channels]` of the format of its sources.
        """
        source = direction.task.source_format
        low, high = source.value_range
        noise = np.random.default_rng(seed).uniform(low, high, (*SIDES, source.channels))
        return noise.round().astype(source.dtype)

    @cached_property
    def trained(self) -> ExperimentConfig:
        """The configuration with a learning rate that falls from the first step to the last."""
        train = dataclasses.replace(self.config.train, schedule="linear", decay_from=0)
        return dataclasses.replace(self.config, train=train)

    @cached_property
    def whole(self) -> Any:
        """The model that is trained in one go, to the folder `whole`."""
        return self._trained("whole")

    @cached_property
    def stopped(self) -> list[tuple[int, int, int]]:
        """Where the training to the folder `stopped` ended and went on.

        List of the step to end at, of the step of the run that is opened then, and of how many
        layers of it have not the weights of the checkpoint.
        """
        steps = self.trained.train.steps
        ends = np.cumsum([phase.steps for phase in self.family.phases(self.trained)])
        stops = {steps // 3, 2 * steps // 3, *map(int, ends[-2:-1]), steps}
        opened = []
        for stop in sorted(stops):
            self._trained("stopped", until=stop)
            opened += [(stop, *_opened(self.folder / "stopped", averaged)) for averaged in (0, 1)]
        return opened

    def _trained(self, name, **options):
        strategy = tf.distribute.get_strategy()
        model, _ = self.loop.train(self.trained, self.folder / name, strategy, **options)
        return model

    def batches(self, worker: Worker = Worker()) -> tf.data.Dataset:  # noqa: B008, it is immutable.
        """Returns the training batches of the configuration without noise, in its last phase.

        Args:
            worker: `tfpix2pix.families.Worker`.
        """
        config, examples = self._completed
        phase = self.family.phases(config)[-1]
        return self.family.feed.training(config, examples, phase, worker, 0)

    @cached_property
    def _completed(self):
        feed = self.family.feed
        examples = feed.examples(self.noiseless, "train", silent)
        return feed.completed(self.noiseless, examples), examples

    def descending(self, jit: bool = False) -> Any:
        """Builds the model without noise, in its last phase, to train it by gradient descent.

        Adam makes much of the least difference. So do large steps: after two of 0.1 CycleGAN's
        weights differ by 0.02 if they did by 1e-7.

        Args:
            jit: Whether XLA compiles its step.
        """
        config, _ = self._completed
        model = self.family.model(config)
        optimizers = {p: keras.optimizers.legacy.SGD(0.01) for p in model.players}
        model.compile(optimizers, ema_decay=0.5, jit_compile=jit)
        # Of a network that grows, it has all layers; optimizers of a configuration are renewed.
        model.enter(self.family.phases(config)[-1]._replace(renewed=()), 0.5)
        return model

    def descended(
        self, strategy: tf.distribute.Strategy, jit: bool = False
    ) -> tuple[Any, list[str]]:
        """Takes two steps of the loop by gradient descent.

        Args:
            strategy: `tf.distribute.Strategy`.
            jit: Whether XLA compiles them.

        Returns:
            The model, and the names of variables that stayed what they were.
        """
        with strategy.scope():
            model = self.descending(jit)
        trainable = [v for network in model.players.values() for v in network.trainable_variables]
        before = [variable.numpy() for variable in trainable]
        step = self.loop.training_step(model, strategy)
        for _, batch in zip(range(2), self.loop.distributed_batches(strategy, self.batches)):
            step(batch)
        still = [v.name for v, old in zip(trainable, before) if (v == old).numpy().all()]
        return model, still

    @cached_property
    def alone(self) -> tuple[Any, list[str]]:
        """What `descended` returns with one replica."""
        return self.descended(tf.distribute.get_strategy())


def save_untrained(
    config: ExperimentConfig,
    folder: Union[str, Path],
    step: int = 7,
    place: str = checkpointing.CHECKPOINTS,
) -> Path:
    """Saves a run as a training leaves it, of networks that have not learned anything.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`, on data that are there.
        folder: Folder of the run.
        step: How many steps it says to have taken, which decide its phase.
        place: Where the checkpoint goes, see `tfpix2pix.checkpointing`.

    Returns:
        The folder.

    Raises:
        ValueError: As of the feed.

    Example:
        >>> from tfpix2pix.families import preset
        >>> save_untrained(preset("quickstart"), "runs/untrained")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: The folder of the data must be given. ...
    """
    family = get_family(config.family)
    config = family.feed.completed(config, family.feed.examples(config, "train"))
    model = runs.float32_model(config, *runs.phase_at(family.phases(config), step))
    content = checkpointing.checkpoint(model, tf.Variable(step, dtype="int64"))
    tf.train.CheckpointManager(content, Path(folder) / place, 1).save(checkpoint_number=step)
    runs.save_config(config, folder)
    if place == checkpointing.CHECKPOINTS:
        runs.finish_run(folder)
    return Path(folder)


def _opened(folder, averaged):
    """Opens a run; returns its step, and how many layers have other weights than its checkpoint."""
    config = runs.load_config(folder)
    averaged = bool(averaged and config.train.ema_decay)
    run = runs.load_run(folder, averaged=averaged)
    saved = checkpointing.saved_values(run.checkpoint)
    prefix = checkpointing.AVERAGED if averaged else ""
    wrong = 0
    for player in run.model.translators if averaged else run.model.players:
        for layer in run.model.players[player].layers:
            start = f"{prefix}{player}/{layer.name}/"
            values = {v.tobytes() for name, v in saved.items() if name.startswith(start)}
            wrong += any(weight.tobytes() not in values for weight in layer.get_weights())
    return run.step, wrong
