"""Translations of tfpix2pix and of PyTorch's reference after the same training, side by side."""

import dataclasses
import importlib.util
import json
import subprocess
import sys

import numpy as np

from tfpix2pix import factory, metrics, report
from tfpix2pix.config import DataConfig, TrainConfig
from tfpix2pix.data import images
from tfpix2pix.errors import InputError
from tfpix2pix.families.pix2pix import Pix2PixConfig
from tfpix2pix.presets import FACADES
from training.engine import loop

SHOWN = 6
METRICS = {
    "L1": metrics.l1,
    "SSIM": metrics.ssim,
    "colour distance": metrics.color_distance,
    "sharpness ratio": metrics.sharpness_ratio,
}


def measure(data, folder, size, filters, steps, direction, seed):
    """Trains both on pairs that lie side by side, and measures the held-out ones.

    What is finished is not repeated: ours goes on from its checkpoints.

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
    if importlib.util.find_spec("torch") is None:
        raise InputError(
            "The reference needs PyTorch. Received: an environment without it. Install the extra "
            "`[torch]`."
        )
    folder.mkdir(parents=True, exist_ok=True)
    side = (size, size)
    config = dataclasses.replace(
        FACADES,
        data=DataConfig(str(data), direction=direction, image_size=side),
        model=Pix2PixConfig(base_filters=filters),
        train=TrainConfig(steps=steps, seed=seed),
    )
    model, _ = loop.train(config, folder / "run")
    config = factory.completed(config, factory.examples(config, "train"))
    pairs = list(factory.evaluation_batches(config, factory.examples(config, "held_out")))
    source, target = (np.concatenate(of) for of in zip(*pairs))
    np.save(folder / "sources.npy", source)
    if not (folder / "translated.npy").exists():
        options = {"folder": str(folder), "size": size, "filters": filters, "steps": steps}
        options |= {"data": str(data / "train"), "direction": direction, "seed": seed}
        arguments = [sys.executable, "-m", "training.benchmarks.pytorch_train", json.dumps(options)]
        subprocess.run(arguments, check=True)
    translated = {
        "tfpix2pix": np.concatenate([model.translate(one) for one, _ in pairs]),
        "PyTorch": np.load(folder / "translated.npy"),
        "target": target,
    }
    shown = {"input": source, **translated}
    picture = report.comparison({k: images.to_pixels(x[:SHOWN]) for k, x in shown.items()})
    report.save_picture(picture, folder / "quality.png")
    return {
        name: {of: float(np.mean(metric(target, result))) for of, metric in METRICS.items()}
        for name, result in translated.items()
    }


def table(results):
    """Returns the lines of a table of `measure`'s results."""
    lines = [f"{'':10}" + "".join(f"{metric:>17}" for metric in METRICS)]
    for name, values in results.items():
        lines.append(f"{name:10}" + "".join(f"{value:17.3f}" for value in values.values()))
    return lines
