"""Finishing: state that a family fills after the training, saved whole or not at all."""

from pathlib import Path
from typing import Union

from tfpix2pix import atomic
from tfpix2pix.checkpointing import AVERAGED, BEST, save_state
from tfpix2pix.families import checked_family
from tfpix2pix.models import TranslationModel
from tfpix2pix.runs.folder import FINISHED, load_config
from tfpix2pix.runs.run import Run


def finish_run(folder: Union[str, Path], data: Union[str, Path, None] = None) -> list[str]:
    """Fills the state that a run translates by and its training does not: centroids, statistics.

    It is made anew for the newest checkpoint and the best one, by the weights and by their averages
    if there are any, and takes the place of all that was there. The checkpoints stay as they are,
    so that a training goes on from them as if nothing had been filled.

    Args:
        folder: Folder of the run.
        data: Folder or manifest of the training data, if they have moved.

    Returns:
        List of what was filled, such as `"averaged_1200"` for the averages after 1,200 steps; empty
        if there is nothing to fill in this family.

    Raises:
        ValueError: If the run has no checkpoint, or its data cannot be read.

    Example:
        >>> finish_run("no-such-run")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A run is a folder with a config.yaml, ...
    """
    folder = Path(folder)
    config = load_config(folder)
    family = checked_family(config)
    if family.finish is None or not Run(folder).model.state:
        return []
    bests = (False, True) if any((folder / BEST).glob("*.index")) else (False,)
    kinds = (False, True) if config.train.ema_decay else (False,)
    filled = []
    with atomic.replacing(folder / FINISHED) as part:
        for best in bests:
            for averaged in kinds:
                run = Run(folder, best=best, averaged=averaged)
                run = run if data is None else run.with_data(data)
                name = Path(run.finished_state).name
                if name not in filled:
                    family.finish(run)
                    save_state(run.model, part / name)
                    filled.append(name)
    return filled


def keep_state(model: TranslationModel, folder: Union[str, Path], step: int) -> None:
    """Saves the state of a model as that by which its run translates, where no data made it.

    Args:
        model: `tfpix2pix.models.TranslationModel` with all of its state.
        folder: Folder of the run.
        step: Number of steps after which the checkpoint was saved.

    Example:
        >>> from tfpix2pix import runs, preset
        >>> keep_state(runs.float32_model(preset("quickstart")), "runs/kept", 0)
        >>> sorted(file.suffix for file in Path("runs/kept", FINISHED).iterdir())
        ['.data-00000-of-00001', '.index']
    """
    with atomic.replacing(Path(folder) / FINISHED) as part:
        for kind in ("", AVERAGED) if model.averaged else ("",):
            save_state(model, part / f"{kind}{step}")


def drop_finished(folder: Union[str, Path], step: int) -> None:
    """Drops what was filled for checkpoints after a step, which a training is to take again.

    Args:
        folder: Folder of the run, which need not exist.
        step: Number of steps taken.

    Example:
        >>> atomic.write_bytes(b"", f"runs/older/{FINISHED}/averaged_7.index")
        >>> drop_finished("runs/older", 7)
        >>> drop_finished("runs/older", 6)
        >>> [file.name for file in Path("runs/older").iterdir()]
        []
    """
    names = [path.stem for path in (Path(folder) / FINISHED).glob("*.index")]
    if any(int(name.rpartition("_")[2]) > step for name in names):
        atomic.remove(Path(folder) / FINISHED)
