"""Resuming: with which other options a run may go on."""

from pathlib import Path
from typing import Union

from tfpix2pix import config as configs
from tfpix2pix import runs
from tfpix2pix.errors import InputError
from tfpix2pix.translation.detectors import check_unchanged

# A resumed run may be longer, in its last phase, save at other steps and find its data elsewhere;
# the rest makes it another.
MAY_CHANGE = (
    "data.folder",
    "data.edges_by",
    "data.attributes",
    "data.cache_gigabytes",
    "train.steps",
    "train.checkpoint_every",
    "train.keep_checkpoints",
    "train.log_every",
    "train.validate_every",
    "train.best_by",
    "train.patience",
    "train.rollback_on_nan",
    "train.histograms",
    "train.start_from",
)


def check_same_experiment(config, run: Union[str, Path]):
    """Refuses to go on in the folder of a run that was started with other options.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        run: Folder of the run, which need not exist.

    Raises:
        ValueError: If the options differ in more than length, place of the data and saving.
    """
    if not (Path(run) / runs.CONFIG).exists():
        return
    recorded = runs.load_config(run)
    if config.data.edges_by:
        hashes = (config.data.edges_by_sha256, recorded.data.edges_by_sha256)
        check_unchanged(config.data.edges_by, *hashes)
    # A schedule that falls is made of the number of steps.
    fixed = {"train.steps"} if config.train.schedule != "constant" else set()
    changed = configs.differences(recorded, config, ignoring={*MAY_CHANGE} - fixed)
    if changed:
        changes = ", ".join(f"{name} {old!r} -> {new!r}" for name, (old, new) in changed.items())
        raise InputError(
            f"A run goes on with the options it was started with. Received for {str(run)!r}: "
            f"{changes}. Use those options or another --run folder."
        )
