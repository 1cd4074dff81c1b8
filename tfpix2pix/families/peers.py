"""Peers: which family the files of another implementation are of, and the model they make."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families import FAMILIES, get_family, preset
from tfpix2pix.lazily import importers, models

CHECKPOINT = "checkpoint"  # The file that every importer takes: that of a generator.


def peer_files() -> dict[str, list[str]]:
    """Returns what files importers take, beside the generator's.

    Returns:
        Dict of what a file is called here to what other implementations call it.

    Example:
        >>> peer_files()["discriminator"]
        ['latest_net_D.pth']
    """
    files = {}
    for importer in _importers(FAMILIES).values():
        for file, peer_file in importer.files.items():
            if file != CHECKPOINT and peer_file.name not in files.setdefault(file, []):
                files[file].append(peer_file.name)
    return files


def read_files(paths: Mapping[str, str | os.PathLike]) -> dict[str, dict]:
    """Reads files of another implementation.

    Args:
        paths: Dict of what files are called here to their paths.

    Returns:
        Dict of the same to what they hold, a dict of name to array.

    Raises:
        ValueError: If one cannot be read.

    Example:
        >>> read_files({"checkpoint": "no-such-file.pth"})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: ...
    """
    importers_of = _importers(FAMILIES).values()
    read = {file: one.read for importer in importers_of for file, one in importer.files.items()}
    return {file: read[file](path) for file, path in paths.items()}


def imported_model(
    states: Mapping[str, Mapping], names: Mapping[str, str], *, start: str | None = None
) -> tuple[ExperimentConfig, models.TranslationModel, tuple[str, ...]]:
    """Builds the model that files of another implementation are of, with their weights.

    Where files fit several families, it is the one whose files are called as these are; else the
    first.

    Args:
        states: Dict of what the files are called here to what they hold, as of `read_files`.
        names: Dict of the same to what they are called on the disk.
        start: Name of the preset whose family it is and which decides what files do not; by default
            the family is that of the files, and all else has its default.

    Returns:
        `(config, model, filled)`: the configuration names the players that no file was given for,
        which have their initial weights, as `untrained`; and which files are in the model's state.

    Raises:
        ValueError: If the files are of no family, do not belong together, or are of other networks.

    Example:
        >>> import numpy as np
        >>> imported_model({"checkpoint": {"a.weight": np.zeros(3)}}, {"checkpoint": "a.pth"})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: The state dict of a U-Net or ResNet has a kernel ...
    """
    kind = importers.generator_kind(states[CHECKPOINT])
    family_name = _family_of(names, kind, [preset(start).family] if start else FAMILIES)
    family = get_family(family_name)
    if start:
        config = preset(start)
    else:
        config = ExperimentConfig("imported", "", model=family.options(), family=family_name)
    summary = f"Imported from {', '.join(names.values())}."
    config, players = family.importer.imported(dataclasses.replace(config, summary=summary), states)
    model = family.model(config)
    for player, network in players.items():
        _check_equal(player, model.players[player], network, config.name)
        for networks in (model.players, model.averaged):
            if player in networks:
                networks[player].set_weights(network.get_weights())
    files = {file: family.importer.files[file] for file in states}
    filled = tuple(file for file, peer_file in files.items() if peer_file.fill)
    for file in filled:
        files[file].fill(model, states[file])
    untrained = tuple(player for player in model.players if player not in players)
    return dataclasses.replace(config, untrained=untrained), model, filled


def _importers(names):
    importing = {name: get_family(name).importer for name in names}
    return {name: importer for name, importer in importing.items() if importer is not None}


def _family_of(names, kind, known):
    importing = _importers(known)
    fitting = {
        name: importer
        for name, importer in importing.items()
        if set(names) <= set(importer.files) and kind in importer.generators
    }
    if not fitting:
        takes = [
            f"{name} takes {', '.join(importer.files)} with a {' or '.join(importer.generators)}"
            for name, importer in importing.items()
        ]
        raise InputError(
            f"The files must be those of one family: {'; '.join(takes) or 'but none takes any'}. "
            f"Received: {', '.join(names)} with a {kind}. Leave out what is not of the family."
        )

    def called_alike(family_name):
        files = fitting[family_name].files
        return sum(_ending(names[file]) == _ending(files[file].name) for file in names)

    return max(fitting, key=called_alike)


def _ending(name):
    """Returns the part of a file's name that does not count epochs, such as "G_A.pth"."""
    return name.partition("net_")[2]


def _check_equal(player, built, imported, start):
    """Refuses a preset whose networks are not those of the files."""
    for ours, theirs in zip(built.weights, imported.weights):
        if (ours.name, ours.shape) != (theirs.name, theirs.shape):
            raise InputError(
                f"The networks of a preset must be those of the files. Received: {start}, whose "
                f"{player} has {ours.name} of shape {tuple(ours.shape)}, where the file has "
                f"{theirs.name} of shape {tuple(theirs.shape)}. Start from another preset."
            )
