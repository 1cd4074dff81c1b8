"""Importing: what families need to make a configuration of networks of other implementations."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.data.formats import PixelFormat, full_range
from tfpix2pix.errors import InputError
from tfpix2pix.families import pixels
from tfpix2pix.families.family import PeerFile
from tfpix2pix.lazily import importers, keras

# Conventions, which all networks of a model share; those of CHOICES are options of each family.
SHARED = ("affine_instance", "antialiased", "bias")
CHOICES = ("affine_instance", "bias")
# Options of a discriminator, and what families call them.
JUDGING = {
    "base_filters": "discriminator_filters",
    "norm": "discriminator_norm",
    "receptive_field": "receptive_field",
}


def imported_players(
    files: Mapping[str, PeerFile], states: Mapping[str, Mapping], judged: Mapping[str, str]
) -> tuple[dict[str, keras.Model], dict[str, Any], tuple[int, int]]:
    """Builds the networks of the files of pytorch-CycleGAN-and-pix2pix.

    Args:
        files: Those of the family's `Importer`: `"checkpoint"`, and perhaps `"reverse"`, a
            generator from targets to sources.
        states: Dict of some of them, `"checkpoint"` among them, to state dict.
        judged: Dict of those of discriminators to what they judge: `"source"`, `"target"`, or
            `"pair"` for a target beside its source.

    Returns:
        `(players, options, channels)`: dict of player to `keras.Model`; what they have in common,
        by the names of a family's options; and the channels of source and target.

    Raises:
        ValueError: If they are of other networks, or do not belong together.

    Example:
        >>> imported_players({"checkpoint": PeerFile("generator", "")}, {"checkpoint": {}}, {})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A state dict must hold tensors by their names. ...
    """
    players = {}
    described = {}
    for file in [file for file in ("checkpoint", "reverse") if file in states]:
        players[files[file].player], options = importers.imported_generator(states[file])
        channels = [options.pop(f"{place}_channels") for place in pixels.PLACES]
        options["channels"] = tuple(channels if file == "checkpoint" else reversed(channels))
        described[file] = options
    check_alike(described, {name: None for options in described.values() for name in options})
    options = described["checkpoint"]
    source, target = channels = options.pop("channels")
    sides = {"source": (None, source), "target": (None, target), "pair": channels}
    judging = {}
    for file in [file for file in judged if file in states]:
        source_channels, target_channels = sides[judged[file]]
        players[files[file].player], judging[file] = importers.imported_discriminator(
            states[file], source_channels=source_channels, target_channels=target_channels
        )
    check_alike(judging, (*JUDGING, "conditional"))
    check_alike({"checkpoint": options, **judging}, SHARED)
    common = {**dict.fromkeys(CHOICES), **options}
    for file, found in judging.items():
        common.update({name: found[option] for option, name in JUDGING.items()})
        if judged[file] == "pair":
            common["conditional"] = found["conditional"]
    return players, common, channels


def importable(
    config: ExperimentConfig, model, *, channels: tuple[int, int], image_size: int | None = None
) -> ExperimentConfig:
    """Returns the configuration of imported networks, which know files of 8 bits alone.

    Args:
        config: `tfpix2pix.config.ExperimentConfig` to start from.
        model: Options of the networks.
        channels: Channels of source and target.
        image_size: Side in pixels of their training images; by default as in `config`.

    Returns:
        `tfpix2pix.config.ExperimentConfig`.

    Raises:
        ValueError: If `config` asks for other channels.

    Example:
        >>> from tfpix2pix.families import preset
        >>> importable(preset("facades"), None, channels=(1, 3)).data.source_range
        (0.0, 255.0)
    """
    config = dataclasses.replace(config, model=model)
    if image_size:
        data = dataclasses.replace(config.data, image_size=image_size, load_size=None)
        config = dataclasses.replace(config, data=data)
    formats = [PixelFormat(count, "uint8", full_range("uint8")) for count in channels]
    return pixels.filled(config, pixels.PLACES, formats, channels)


def check_alike(options: Mapping[str, Mapping[str, Any]], names: Collection[str]) -> None:
    """Refuses files whose networks must be alike and are not.

    Args:
        options: Dict of file to the options of its network.
        names: Options that must be equal.

    Raises:
        ValueError: If one differs.

    Example:
        >>> check_alike({"checkpoint": {"norm": "batch"}, "reverse": {"norm": "batch"}}, ["norm"])
    """
    for name in names:
        values = {file: values.get(name) for file, values in options.items()}
        if len(set(values.values())) > 1:
            differences = ", ".join(f"{value!r} in {file}" for file, value in values.items())
            raise InputError(
                "The files of a run must be of networks that were trained together. Received: "
                f"{name} is {differences}. Give the files of one training, or fewer of them."
            )
