"""Translations of tfpix2pix and of PyTorch's reference after the same training, side by side."""

import dataclasses
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from tfpix2pix import atomic, load_run, metrics, report
from tfpix2pix.config import DataConfig, TrainConfig
from tfpix2pix.data import images
from tfpix2pix.errors import InputError
from tfpix2pix.families import preset
from training.engine import loop

SHOWN = 6  # Examples in the picture.
METRICS = {
    "L1": metrics.l1,
    "SSIM": metrics.ssim,
    "colour distance": metrics.color_distance,
    "sharpness ratio": metrics.sharpness_ratio,
}


def measure(
    data: Path, folder: Path, *, size: int, filters: int, steps: int, direction: str, seed: int
) -> dict:
    """Trains both on pairs that lie side by side, and measures the held-out ones.

    Finished trainings are not repeated; ours goes on from its checkpoints.

    Args:
        data: Folder with `train` and `test`.
        folder: Folder of the results: our run, PyTorch's translations and `quality.png`.
        size: Side of the images in pixels, a power of 2.
        filters: Filters of the networks' first level.
        steps: Steps of one pair.
        direction: `"AtoB"` or `"BtoA"`.
        seed: Seed of weights, dropout and data.

    Returns:
        Dict of "tfpix2pix", "PyTorch" and "target" to dicts of metric to its mean over all held-out
        examples.

    Raises:
        ValueError: If there is no PyTorch, or the data cannot be used.
    """
    check_pytorch()
    folder.mkdir(parents=True, exist_ok=True)
    start = preset("facades")
    config = dataclasses.replace(
        start,
        data=DataConfig(str(data), direction=direction, image_size=(size, size)),
        model=dataclasses.replace(start.model, base_filters=filters),
        train=TrainConfig(steps=steps, seed=seed),
    )
    model, _ = loop.train(config, folder / "run")
    run = load_run(folder / "run")
    pairs = list(run.held_out(run.examples("held_out")))
    source, target = (np.concatenate(batches) for batches in zip(*pairs))
    np.save(folder / "sources.npy", source)
    if not (folder / "translated.npy").exists():
        options = {"size": size, "filters": filters, "steps": steps, "direction": direction}
        options |= {"data": str(data / "train"), "seed": seed}
        _train_reference(folder / "sources.npy", folder / "translated.npy", **options)
    translated = {
        "tfpix2pix": np.concatenate([model.translate(one) for one, _ in pairs]),
        "PyTorch": np.load(folder / "translated.npy"),
        "target": target,
    }
    columns = {
        title: images.to_pixels(batch[:SHOWN])
        for title, batch in {"input": source, **translated}.items()
    }
    report.save_picture(report.comparison(columns), folder / "quality.png")
    return {
        name: {title: float(np.mean(metric(target, result))) for title, metric in METRICS.items()}
        for name, result in translated.items()
    }


def check_pytorch() -> None:
    """Refuses to train the reference where there is no PyTorch.

    Raises:
        ValueError: If it is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise InputError(
            "The reference needs PyTorch. Received: an environment without it. Install the extra "
            "`[torch]`."
        )


def _train_reference(sources, to, **options):
    """Trains the reference in a process of its own, which translates the sources."""
    with atomic.replacing(to) as part:
        arguments = json.dumps({"sources": str(sources), "to": str(part), **options})
        program = [sys.executable, "-m", "training.benchmarks.pytorch_train", arguments]
        subprocess.run(program, check=True)


def table(results):
    """Returns the lines of a table of `measure`'s results."""
    lines = [f"{'':10}" + "".join(f"{metric:>17}" for metric in METRICS)]
    for name, values in results.items():
        lines.append(f"{name:10}" + "".join(f"{value:17.3f}" for value in values.values()))
    return lines
