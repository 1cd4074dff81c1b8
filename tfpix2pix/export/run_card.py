"""Run cards: what a model card tells of a run, from its folder and from its data."""

import dataclasses
from pathlib import Path
from typing import Any, Callable

import numpy as np

from tfpix2pix.data.base_task import kind_of
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.data.parallel import silent
from tfpix2pix.export.cards import MOST_EXAMPLES
from tfpix2pix.export.drawings import drawing

MOST_MEASURED = 32  # Training sources that show what drawings look like.


def run_details(run: Path) -> dict[str, Any]:
    """Collects what a run's folder says of its training.

    Args:
        run: `tfpix2pix.runs.Run`.

    Returns:
        Dict of the arguments `config`, `step` and `metrics` of `tfpix2pix.export.model_card`.

    Example:
        >>> from types import SimpleNamespace
        >>> from tfpix2pix.families import preset
        >>> run = SimpleNamespace(config=preset("facades"), step=9, validation={"l1": 0.2})
        >>> details = run_details(run)
        >>> details["step"], details["config"]["name"]
        (9, 'facades')
    """
    # A server tells the card to everybody, but not where the data lie.
    data = dataclasses.replace(run.config.data, folder=None, edges_by=None, attributes=None)
    config = dataclasses.asdict(dataclasses.replace(run.config, data=data))
    return {"config": config, "step": run.step, "metrics": run.validation}


def source_details(run: Path, *, progress: Callable = silent) -> dict[str, Any]:
    """Shows what sources of a run look like, by its data.

    Args:
        run: `tfpix2pix.runs.Run`.
        progress: See `tfpix2pix.runs.Run.examples`.

    Returns:
        Dict of the arguments `drawings` and `examples` of `tfpix2pix.export.model_card`; examples
        have the values of controls that their directions see.

    Raises:
        ValueError: If the data are not there, or not usable.

    Example:
        >>> from tfpix2pix import load_run
        >>> source_details(load_run("no-such-run"))
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A run is a folder with a config.yaml, ...
    """
    train = run.examples("train", progress).spread(MOST_MEASURED)
    held_out = run.examples("held_out", progress).spread(MOST_EXAMPLES)
    drawings = {}
    for name, examples in _examples(run, _unscaled(run.config), train).items():
        pictures = [picture for picture, _ in examples]
        task = run.directions[name].task
        drawings[name] = drawing(
            pictures,
            labels=getattr(task, "labels", (None,))[0],
            scale=_scale(run, run.directions[name], pictures),
            value_range=task.source_format.value_range,
        )
    return {"drawings": drawings, "examples": _examples(run, run.config, held_out)}


def _unscaled(config):
    """Returns a configuration with sources as files hold them: lines that shrink become grey."""
    if kind_of(config.data.task).of_photos:
        return config
    return dataclasses.replace(config, data=dataclasses.replace(config.data, preprocess="pad"))


def _scale(run, direction, pictures):
    """Returns by what the sides of files are multiplied before networks see them."""
    data = run.config.data
    if kind_of(data.task).of_photos:
        return 1.0
    geometry = Geometry(
        run.image_size,
        data.load_size if run.image_size == data.image_size else None,
        preprocess=data.preprocess,
        multiple=direction.multiple,
    )
    sizes = np.array([picture.shape[:2] for picture in pictures])
    factors = geometry.still.loaded_sizes(sizes) / sizes
    return float(np.median(np.sqrt(np.prod(factors, axis=1))))


def _examples(run, config, examples):
    """Returns the sources of each direction as pixels of files, and the values of its controls."""
    shown = {name: [] for name in run.directions}
    for batch in run.family.feed.held_out(config, examples, run.phase):
        for name, direction in run.directions.items():
            example = direction.example(batch)
            picture = direction.task.source_picture(example.source)[0].numpy()
            values = {control: np.asarray(x[0]) for control, x in example.controls.items()}
            shown[name].append((picture, values))
    return shown
