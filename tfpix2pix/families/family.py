"""The protocol of a family: what a paper has to say for all programs to know it.

A paper is `networks/NAME.py`, `models/NAME.py`, `families/NAME.py` and one line in
`tfpix2pix.families.FAMILIES`. Programs know what stands here and the hooks of
`tfpix2pix.models.TranslationModel`, nothing else.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Callable, NamedTuple, Optional

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.lazily import importers


class Phase(NamedTuple):
    """A part of a training: a resolution of a growing network, or a stage.

    Attributes:
        name: Name of the phase, unique in the training.
        steps: How many steps it has.
        batch_size: Examples per step, over all devices together.
        image_size: `(height, width)` in pixels of the training images.
        renewed: Names of the players whose optimizers start anew with it.

    Example:
        >>> Phase("grow to 8", steps=1000, batch_size=16, image_size=(8, 8)).steps
        1000
    """

    name: str
    steps: int
    batch_size: int
    image_size: tuple[int, int]
    renewed: tuple[str, ...] = ()


class Worker(NamedTuple):
    """What part of every batch a worker makes.

    Attributes:
        replicas: How many replicas each worker has; each is given an equal part of a batch.
        index: Number of the worker.
        workers: How many workers there are.

    Example:
        >>> Worker(replicas=2, index=1, workers=4).devices
        8
    """

    replicas: int = 1
    index: int = 0
    workers: int = 1

    @property
    def devices(self) -> int:
        """How many replicas there are, of all workers together."""
        return self.replicas * self.workers


@dataclass(frozen=True)
class Feed:
    """From a configuration to examples, and to the batches of them that networks see.

    Attributes:
        examples: `(config, split, progress) -> examples`: what can be read of one split, "train",
            "val", "test", or "held_out" for the first that there is of test, val and train; its
            `names` has the names of all examples, `per_epoch` how many an epoch has, `skipped` what
            was left out, and `spread(count)` returns a few from all over the data.
        completed: `(config, examples) -> config` without open ends: with the channels, types and
            ranges of the data.
        training: `(config, examples, phase, worker, first_step) -> tf.data.Dataset`, the endless
            batches of one worker, of one of its replicas after the other, from a step on.
        held_out: `(config, examples, phase) -> tf.data.Dataset`, deterministic: every example once,
            in order, in batches of one. Which of `names` a direction translates, and by which
            batches, say its `sources`; see `tfpix2pix.inference.Direction`.
        ignored: Dict of the options that it does not read, such as `"data.direction"`, to who
            ignores them and why; `tfpix2pix.families.checked_family` refuses their use.
        tasks: Names of the tasks that it makes examples for, see `tfpix2pix.data.base_task`; a
            family with one of its own names this in a copy of a feed.

    Example:
        >>> from tfpix2pix.families import pairs
        >>> isinstance(pairs.FEED, Feed)
        True
    """

    examples: Callable
    completed: Callable
    training: Callable
    held_out: Callable
    ignored: Mapping[str, str] = field(default_factory=dict)
    tasks: tuple[str, ...] = ("pairs",)


def whole(config: ExperimentConfig) -> tuple[Phase, ...]:
    """Returns the training as one phase.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        Tuple of one `Phase`.

    Example:
        >>> from tfpix2pix.families import preset
        >>> whole(preset("facades"))[0].image_size
        (256, 256)
    """
    train = config.train
    return (Phase("whole", train.steps, train.batch_size, config.data.image_size),)


def _read_state_dict(path):
    return importers.read_state_dict(path)


class PeerFile(NamedTuple):
    """A file of another implementation, which has the weights of a player or what is in the state.

    Attributes:
        player: Name of the player; `None` of what is in the model's state.
        name: What the other implementation calls the file.
        read: Function of a path to the content, a dict of name to array.
        fill: `(model, content) -> None`: puts the content into the state, of files of no player.

    Example:
        >>> PeerFile("generator", "latest_net_G.pth").player
        'generator'
    """

    player: Optional[str]
    name: str
    read: Callable = _read_state_dict
    fill: Optional[Callable] = None


@dataclass(frozen=True)
class Importer:
    """From the files of another implementation to a configuration and players.

    Attributes:
        files: Dict of what a file is called here to `PeerFile`; the first one must be given.
        generators: What that one may hold, as `tfpix2pix.importers.generator_kind` calls it.
        imported: `(config, states) -> (config, players)`: from a dict of file to what it holds to
            the configuration that fits them, and a dict of those players to `keras.Model`.

    Example:
        >>> from tfpix2pix.families import FAMILIES
        >>> list(FAMILIES["pix2pix"].importer.files)
        ['checkpoint', 'discriminator']
    """

    files: Mapping[str, PeerFile]
    generators: tuple[str, ...]
    imported: Callable


@dataclass(frozen=True)
class Family:
    """A paper: its options, its experiments, and the functions that put its parts together.

    Attributes:
        options: Frozen dataclass of the section `model` of a configuration, whose method
            `multiple(image_size)` says what the sides of images must be multiples of.
        presets: Dict of name to `tfpix2pix.config.ExperimentConfig`.
        feed: `Feed`.
        model: `config -> ` compiled `tfpix2pix.models.TranslationModel`.
        directions: `(config, model) -> ` dict of name to `tfpix2pix.inference.Direction`, the
            default one first. The model has its players, or their averages in their places, and the
            state of a checkpoint. Of the state directions keep values, such as `state["mean"]
            .numpy()`, and no variables, which an export would not hold.
        phases: `config -> ` tuple of `Phase`.
        importer: `Importer`, if there are checkpoints of other implementations.
        ignored: Dict of the options of `tfpix2pix.config.TrainConfig` that it does not read, such
            as `"train.update"`, to who ignores them and why.
        remedies: Dict of a symptom of a training, such as `"collapse"`, to what helps this family,
            with its options in backticks, such as "Raise `model.l1_weight`."; the symptoms, and
            what helps where it names nothing, are those of the training doctor.
        finish: `run -> None`, if there is state that directions need and training does not make: it
            assigns the variables of `run.model.state` from what the training data say, such as
            `run.held_out(run.examples("train"))`. `tfpix2pix.runs.finish_run` calls it after a
            training and saves the state; the model is a checkpoint's, with all of its weights. A
            model without state is left alone.
        embeddings: `(config, model) -> ` dict of name, such as that of a domain, to
            `tfpix2pix.inference.Embedding`, the default one first, if the model makes vectors of
            images; the model is that of `directions`.

    Example:
        >>> from tfpix2pix.families import FAMILIES
        >>> "facades" in FAMILIES["pix2pix"].presets
        True
    """

    options: type
    presets: Mapping[str, ExperimentConfig]
    feed: Feed
    model: Callable
    directions: Callable
    phases: Callable = whole
    importer: Optional[Importer] = None
    ignored: Mapping[str, str] = field(default_factory=dict)
    remedies: Mapping[str, str] = field(default_factory=dict)
    finish: Optional[Callable] = None
    embeddings: Optional[Callable] = None

    def completed(self, config: ExperimentConfig, examples) -> ExperimentConfig:
        """Fills in what a configuration leaves to the data, and its steps if it has epochs.

        Args:
            config: `tfpix2pix.config.ExperimentConfig`.
            examples: Those to train on, as of the feed.

        Returns:
            The configuration with everything that is needed without the data.

        Raises:
            ValueError: As of the feed.
        """
        config = self.feed.completed(config, examples)
        train = config.train
        if train.epochs is None:
            return config
        steps = math.ceil(train.epochs * examples.per_epoch / train.batch_size)
        train = dataclasses.replace(train, steps=steps, epochs=None)
        return dataclasses.replace(config, train=train)


DEBUG = """Tiny networks at 32 pixels for 20 steps, to see within seconds whether all works.

    python -m training.train {name} --data DATA --run RUN
    Not measured.
    """


def debug_experiment(start: ExperimentConfig, **options) -> ExperimentConfig:
    """Returns an experiment that takes seconds, to see whether a family works on some machine.

    Args:
        start: `tfpix2pix.config.ExperimentConfig` of the family.
        **options: Options of the model that make its networks tiny.

    Returns:
        The experiment `FAMILY_debug`, which every family has.

    Example:
        >>> from tfpix2pix.families import preset
        >>> debug_experiment(preset("quickstart"), base_filters=2).name
        'pix2pix_debug'
    """
    name = f"{start.family}_debug"
    return dataclasses.replace(
        start,
        name=name,
        summary=DEBUG.format(name=name),
        data=dataclasses.replace(start.data, image_size=(32, 32), load_size=None),
        model=dataclasses.replace(start.model, **options),
        train=dataclasses.replace(start.train, steps=20, epochs=None, batch_size=2),
    )
