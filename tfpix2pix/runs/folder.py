"""The folder of a run: its configuration, and the names of its other files."""

from pathlib import Path
from typing import Union

import yaml

from tfpix2pix import atomic, config_files
from tfpix2pix.config import SECTIONS, ExperimentConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families import get_family
from tfpix2pix.locations import check_local, readable

CONFIG = "config.yaml"
METRICS = "metrics.jsonl"
VALIDATION = "held_out/"  # The prefix of validation metrics in a line.
PHASES = "phases.json"  # Of runs of several.
FINISHED = "finished"  # State that is filled after the training, of families that do.


def save_config(config: ExperimentConfig, folder: Union[str, Path]) -> None:
    """Writes the configuration of a run.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        folder: Folder of the run; made if it is missing.

    Raises:
        ValueError: If TensorFlow could not read checkpoints in it.

    Example:
        >>> from tfpix2pix.families import preset
        >>> save_config(preset("facades"), "runs/mine")
        >>> load_config("runs/mine").name
        'facades'
    """
    atomic.write_bytes(config_files.to_yaml(config).encode(), readable(folder) / CONFIG)


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
    check_local(folder)
    path = Path(folder) / CONFIG
    if not path.is_file():
        raise InputError(
            f"A run is a folder with a {CONFIG}, as training makes it. Received: "
            f"{str(folder)!r}, which has none. Check the spelling or train it first."
        )
    try:
        return config_files.from_yaml(
            path.read_text("utf-8"), lambda name: get_family(name).options
        )
    except (AttributeError, KeyError, TypeError, yaml.YAMLError) as error:
        raise InputError(
            f"{path} must hold the sections {', '.join(SECTIONS)} with the options of this "
            f"version. Received something else ({error}). Restore the file or train anew."
        ) from error
