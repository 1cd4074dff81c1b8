"""Runs: the folder of a training, what is in it, and how to use it."""

import copy
import dataclasses
import json
from functools import cached_property
from pathlib import Path
from typing import Callable, Optional, Union

import numpy as np
import tensorflow as tf
import yaml

from tfpix2pix import atomic
from tfpix2pix import config as configs
from tfpix2pix.checkpointing import (
    AVERAGED,
    BEST,
    CHECKPOINTS,
    newest_checkpoint,
    restore,
    saved_step,
)
from tfpix2pix.config import ExperimentConfig
from tfpix2pix.data.parallel import silent
from tfpix2pix.errors import InputError
from tfpix2pix.families import Family, checked_family, get_family
from tfpix2pix.inference.direction import Direction
from tfpix2pix.models import TranslationModel
from tfpix2pix.translation import detectors, direction_translator

CONFIG = "config.yaml"
METRICS = "metrics.jsonl"
VALIDATION = "held_out/"  # The prefix of validation metrics in a line.


class Run:
    """A trained run.

    Args:
        folder: Folder of the run.
        best: Whether to take the checkpoint that was best in validation, instead of the newest.
        averaged: Whether to take the moving averages of the translators' weights.

    Attributes:
        folder: `pathlib.Path`.
        config: `tfpix2pix.config.ExperimentConfig`.

    Raises:
        ValueError: If the folder has no configuration, it does not fit this version, or the run has
            no averages; later, if there is no checkpoint or it does not fit.

    Example:
        >>> Run("no-such-run")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A run is a folder with a config.yaml, ...
    """

    def __init__(self, folder: Union[str, Path], *, best: bool = False, averaged: bool = False):
        self.folder = Path(folder)
        self.config = load_config(folder)
        self._place = BEST if best else CHECKPOINTS
        self._averaged = averaged
        if averaged and not self.config.train.ema_decay:
            raise InputError(
                "Averaged weights are in runs with `train.ema_decay` above 0. Received: "
                f"{str(folder)!r}, which has none. Take the weights as they are, or train another "
                "run with an `ema_decay` of 0.999."
            )

    def restored(self, *, best: bool = False, averaged: bool = False) -> "Run":
        """Returns the same run with other weights.

        Args:
            best: See `Run`.
            averaged: See `Run`.
        """
        return Run(self.folder, best=best, averaged=averaged)

    def with_data(self, folder: Union[str, Path]) -> "Run":
        """Returns the same run on another folder of images, or manifest.

        Args:
            folder: Path of the folder or of the manifest.
        """
        other = copy.copy(self)
        other.config = self.config.with_data(folder)
        return other

    @property
    def family(self) -> Family:
        """The family of the run's model."""
        return checked_family(self.config)

    @property
    def checkpoint(self) -> str:
        """Path of the checkpoint, without suffix."""
        return newest_checkpoint(self.folder, self._place)

    @property
    def step(self) -> int:
        """Number of steps after which the checkpoint was saved."""
        return saved_step(self.checkpoint)

    @property
    def validation(self) -> dict[str, float]:
        """The metrics of the last validation up to the checkpoint; empty if there was none."""
        path = self.folder / METRICS
        lines = path.read_text("utf-8").splitlines() if path.is_file() else []
        step = self.step
        last = {}
        for line in map(json.loads, lines):
            if line["step"] <= step:
                values = {k.removeprefix(VALIDATION): v for k, v in line.items() if VALIDATION in k}
                last = values or last
        return last

    @cached_property
    def directions(self) -> dict[str, Direction]:
        """The ways in which the run translates by their names, the default one first; float32.

        An imported run has those of whose networks it has the weights, until it is trained.
        """
        path = self.checkpoint
        model = float32_model(self.config)
        networks = {}
        for player, network in model.players.items():
            is_average = self._averaged and player in model.translators
            networks[f"{AVERAGED}{player}" if is_average else player] = network
        restore(networks, path)
        directions = self.family.directions(self.config, model.players)
        if saved_step(path) > 0:
            return directions
        untrained = [model.players[player] for player in self.config.untrained]
        return {
            name: direction
            for name, direction in directions.items()
            if not any(direction.network is network for network in untrained)
        }

    def direction(self, name: Optional[str] = None) -> tuple[str, Direction]:
        """Returns a direction by its name.

        Args:
            name: One of `directions`; by default the first.

        Returns:
            `(name, Direction)`.

        Raises:
            ValueError: If there is no such direction.
        """
        names = list(self.directions)
        name = names[0] if name is None else name
        if name not in names:
            raise InputError(
                f"This run translates in the directions {', '.join(names)}. Received: {name!r}. "
                "Use one of them."
            )
        return name, self.directions[name]

    def translate(
        self,
        pixels: np.ndarray,
        direction: Optional[str] = None,
        *,
        samples: Optional[int] = None,
        seed: int = 0,
        **controls,
    ):
        """Translates an image of any size.

        Args:
            pixels: uint8, uint16 or float32 `[height, width, channels]`, as files hold them; what
                can be converted to the format of the training is.
            direction: One of `directions`; by default the first.
            samples: How many translations to draw with noise; by default one without.
            seed: Another seed draws others.
            **controls: Values of the direction's other controls, each of its shape.

        Returns:
            Pixels `[height, width, output_channels]` of the format that the run was trained on;
            with `samples` a list of them.

        Raises:
            ValueError: If the image, the direction or a control does not fit.
        """
        _, chosen = self.direction(direction)
        translator = direction_translator(chosen, samples=samples, seed=seed, controls=controls)
        images = translator.translate(np.asarray(pixels))
        return images[0] if samples is None else images

    def examples(self, split: str, progress: Callable = silent):
        """Finds and checks the examples of one split of the run's data.

        Args:
            split: `"train"`, `"val"`, `"test"` or `"held_out"`; see `tfpix2pix.families.Feed`.
            progress: Function of an iterable and its length to an iterable of the same.
        """
        return examples(self.config, split, progress)

    def held_out(self, examples) -> tf.data.Dataset:
        """Yields examples as the networks see them at the end of the training, one a batch.

        Args:
            examples: As `examples` returns them.
        """
        phase = self.family.phases(self.config)[-1]
        return self.family.feed.held_out(self.config, examples, phase)


def load_run(folder: Union[str, Path], *, best: bool = False, averaged: bool = False) -> Run:
    """Opens a trained run.

    Args:
        folder: Folder of the run.
        best: Whether to take the checkpoint that was best in validation, instead of the newest.
        averaged: Whether to take the moving averages of the translators' weights.

    Returns:
        `Run`.

    Raises:
        ValueError: As `Run`.

    Example:
        >>> load_run("no-such-run")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A run is a folder with a config.yaml, ...
    """
    return Run(folder, best=best, averaged=averaged)


def open_detector(folder: Union[str, Path]) -> detectors.Detector:
    """Opens a model that draws the edges of photos.

    Args:
        folder: Folder of a run or of an export.

    Raises:
        ValueError: If it is neither, or has no weights.

    Example:
        >>> open_detector("no-such-model")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A model that draws edges is the folder of a run or of an ...
    """
    if (Path(folder) / CONFIG).is_file():
        return detectors.run_detector(load_run(folder))
    return detectors.export_detector(folder)


def examples(config: ExperimentConfig, split: str, progress: Callable = silent):
    """Finds the examples of one split; where the data name a model, it draws the edges.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        split: See `tfpix2pix.families.Feed`.
        progress: As of `Run.examples`.

    Raises:
        ValueError: As of the feed; or if the model cannot draw, or has changed.

    Example:
        >>> from tfpix2pix.families import preset
        >>> examples(preset("edges2cats"), "train")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: The folder of the data must be given. ...
    """
    found = get_family(config.family).feed.examples(config, split, progress)
    if config.data.edges_by is None:
        return found
    detector = open_detector(config.data.edges_by)
    detectors.check_unchanged(detector.name, detector.sha256, config.data.edges_by_sha256)
    return detectors.with_drawings(found, detector, progress=progress)


def save_config(config: ExperimentConfig, folder: Union[str, Path]) -> None:
    """Writes the configuration of a run.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        folder: Folder of the run; made if it is missing.

    Example:
        >>> from tfpix2pix.families import preset
        >>> save_config(preset("facades"), "runs/mine")
        >>> load_config("runs/mine").name
        'facades'
    """
    atomic.write_bytes(configs.to_yaml(config).encode(), Path(folder) / CONFIG)


def load_config(folder: Union[str, Path]) -> ExperimentConfig:
    """Reads the configuration of a run.

    Args:
        folder: Folder of the run.

    Returns:
        `tfpix2pix.config.ExperimentConfig`.

    Raises:
        ValueError: If the folder has none, or it does not fit this version.

    Example:
        >>> load_config("no-such-run")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A run is a folder with a config.yaml, ...
    """
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise InputError(
            f"A run is a folder with a {CONFIG}, as training makes it. Received: "
            f"{str(folder)!r}, which has none. Check the spelling or train it first."
        )
    try:
        return configs.from_yaml(path.read_text("utf-8"), lambda name: get_family(name).options)
    except (AttributeError, KeyError, TypeError, yaml.YAMLError) as error:
        raise InputError(
            f"{path} must hold the sections {', '.join(configs.SECTIONS)} with the options of this "
            f"version. Received something else ({error}). Restore the file or train anew."
        ) from error


def float32_model(config: ExperimentConfig) -> TranslationModel:
    """Builds the networks of a run to use them: in float32, whatever they were trained in.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        `tfpix2pix.models.TranslationModel`, in the last phase of its training.

    Example:
        >>> from tfpix2pix.families import preset
        >>> list(float32_model(preset("quickstart")).players)
        ['generator', 'discriminator']
    """
    train = dataclasses.replace(config.train, precision="float32", micro_batches=1, jit=False)
    family = get_family(config.family)
    model = family.model(dataclasses.replace(config, train=train))
    model.enter(family.phases(config)[-1], 0.0)
    return model
