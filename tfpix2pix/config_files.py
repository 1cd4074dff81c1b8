"""Configuration files: an experiment as YAML, of this version and of earlier ones."""

import dataclasses
from typing import Callable

import yaml

from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig

# Options that had other names before; files and command lines that have these still work.
RENAMED = {
    "model.source_channels": "data.source_channels",
    "model.target_channels": "data.target_channels",
    "train.accumulate": "train.micro_batches",
    "train.ema": "train.ema_decay",
    "train.rollback": "train.rollback_on_nan",
}


def to_yaml(config: ExperimentConfig) -> str:
    """Returns a configuration as YAML.

    Args:
        config: `ExperimentConfig`.

    Returns:
        str that `from_yaml` reads.

    Example:
        >>> to_yaml(ExperimentConfig("mine", "An example.")).splitlines()[0]
        'name: mine'
    """
    return yaml.safe_dump(_plain(dataclasses.asdict(config)), sort_keys=False)


def from_yaml(text: str, options: Callable[[str], type]) -> ExperimentConfig:
    """Reads a configuration.

    Args:
        text: YAML, as `to_yaml` and earlier versions wrote it.
        options: Function of the name of a family to the class of its options.

    Returns:
        `ExperimentConfig`.

    Raises:
        AttributeError: If it is no mapping; KeyError, TypeError or yaml.YAMLError: if sections or
            options are missing, unknown or of another form.

    Example:
        >>> from tfpix2pix.families import preset
        >>> config = preset("facades")
        >>> from_yaml(to_yaml(config), lambda family: type(config.model)) == config
        True
    """
    content = yaml.safe_load(text)
    for old, new in RENAMED.items():
        section, name = old.split(".")
        if name in content[section]:
            new_section, new_name = new.split(".")
            content[new_section][new_name] = content[section].pop(name)
    family = content.get(
        "family", ExperimentConfig.family
    )  # Runs of the first versions do not name it.
    classes = {"data": DataConfig, "model": options(family), "train": TrainConfig}
    sections = {name: build(**content.pop(name)) for name, build in classes.items()}
    return ExperimentConfig(**sections, **content)


def _plain(value):
    """Returns `value` with lists for tuples, which YAML has no plain form for."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
