"""A trained run: what it was trained on, and what it translates by."""

import copy
import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Callable, Optional, Union

import numpy as np
import tensorflow as tf

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
from tfpix2pix.export import chosen_direction
from tfpix2pix.families import Family, Phase, checked_family, get_family
from tfpix2pix.inference import Direction, Embedding, chosen_embedding
from tfpix2pix.models import TranslationModel
from tfpix2pix.runs.float32 import float32_model
from tfpix2pix.runs.folder import CONFIG, FINISHED, METRICS, VALIDATION, load_config
from tfpix2pix.runs.phases import phase_at, run_phases
from tfpix2pix.translation import detectors, direction_translator, embed_images
from tfpix2pix.translation.image_argument import read_image


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
        self._kind = BEST if best else CHECKPOINTS
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
        return newest_checkpoint(self.folder, self._kind)

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
    def phases(self) -> tuple[Phase, ...]:
        """The phases of the training, with the borders that it was started with."""
        return run_phases(self.config, self.folder)

    @property
    def phase(self) -> Phase:
        """The phase in which the checkpoint stands: that of its last step."""
        return phase_at(self.phases, self.step)[0]

    @property
    def image_size(self) -> tuple[int, int]:
        """`(height, width)` in pixels of the training images, in the phase of the checkpoint."""
        return self.phase.image_size

    @property
    def finished_state(self) -> str:
        """Path of the state that was filled after the training, without suffix; see `Family`."""
        return str(self.folder / FINISHED / f"{AVERAGED if self._averaged else ''}{self.step}")

    @cached_property
    def model(self) -> TranslationModel:
        """The model as the checkpoint has it, in its phase: players, averages and state; float32.

        Where averages were asked for, the translators among the players have these weights too.
        """
        path = self.checkpoint
        model = float32_model(self.config, *phase_at(self.phases, saved_step(path)))
        averages = {f"{AVERAGED}{player}": network for player, network in model.averaged.items()}
        restore({**model.players, **averages}, path, model.state)
        if self._averaged:
            for player, network in model.averaged.items():
                model.players[player].set_weights(network.get_weights())
        return model

    @cached_property
    def directions(self) -> dict[str, Direction]:
        """The ways in which the run translates by their names, the default one first; float32.

        An imported run has those of whose networks it has the weights, until it is trained.
        """
        return self._made(self.family.directions)

    @cached_property
    def embeddings(self) -> dict[str, Embedding]:
        """The ways in which the run makes vectors by their names, the default one first; float32.

        Empty of a family without such; of an imported run as `directions`.
        """
        return {} if self.family.embeddings is None else self._made(self.family.embeddings)

    def _made(self, make):
        """Returns what a family makes of the model by names, of networks that have weights."""
        model = self.model
        if self.family.finish is not None and model.state:
            self._restore_finished(model)
        made = make(self.config, model)
        if self.step > 0:
            return made
        players = [model.players[player] for player in self.config.untrained]
        untrained = {id(weight) for player in players for weight in player.weights}
        return {
            name: one
            for name, one in made.items()
            if not any(id(weight) in untrained for weight in one.network.weights)
        }

    def _restore_finished(self, model):
        path = self.finished_state
        if not Path(f"{path}.index").is_file():
            raise InputError(
                f"Models of the family {self.config.family!r} translate by state that is filled "
                f"after the training. Received: {self.checkpoint}, for which there is none. Fill "
                "it by `tfpix2pix.runs.finish_run`, which reads the training data."
            )
        restore({}, path, model.state)

    def direction(self, name: Optional[str] = None) -> tuple[str, Direction]:
        """Returns a direction by its name.

        Args:
            name: One of `directions`; by default the first.

        Returns:
            `(name, Direction)`.

        Raises:
            ValueError: If there is no such direction.
        """
        name = chosen_direction(self.directions, name)
        return name, self.directions[name]

    def translate(
        self,
        pixels: Union[np.ndarray, str, Path],
        direction: Optional[str] = None,
        *,
        samples: Optional[int] = None,
        seed: int = 0,
        **controls,
    ):
        """Translates an image of any size.

        Args:
            pixels: uint8, uint16 or float32 `[height, width, channels]`, as files hold them, or
                the path of a file; what can be converted to the format of the training is.
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
        image = read_image(pixels, translator.source, translator.ids)
        images = translator.translate(image)
        return images[0] if samples is None else images

    def embed(self, images: Iterable[np.ndarray], embedding: Optional[str] = None) -> np.ndarray:
        """Makes a vector of each image, such as to find those that are alike.

        Args:
            images: Pixels `[height, width, channels]` of files, of any sizes; what can be converted
                to the format of the training is.
            embedding: One of `embeddings`, such as the domain of the images; by default the first.

        Returns:
            float32 `[count, length]`.

        Raises:
            ValueError: If there is no such embedding, or an image does not fit.
        """
        name = chosen_embedding(self.embeddings, embedding)
        return embed_images(self.embeddings[name], images)

    def examples(self, split: str, progress: Callable = silent):
        """Finds and checks the examples of one split of the run's data.

        Args:
            split: `"train"`, `"val"`, `"test"` or `"held_out"`; see `tfpix2pix.families.Feed`.
            progress: Function of an iterable and its length to an iterable of the same.
        """
        return examples(self.config, split, progress)

    def held_out(self, examples) -> tf.data.Dataset:
        """Yields examples, one a batch, as networks see them in the phase of the checkpoint.

        Args:
            examples: As `examples` returns them.
        """
        return self.family.feed.held_out(self.config, examples, self.phase)


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
