"""Measures speed on this machine, and quality beside the reference.

`python -m training.benchmark data --data FOLDER` measures the data path, `python -m
training.benchmark step` the training step, translation and memory, and `python -m
training.benchmark quality --data FOLDER --to FOLDER` the translations after equal trainings, with
`unpaired_quality` those of two domains. `python -m training.benchmark edges --data FOLDER` compares
line drawings with given ones.

Contenders are measured in turns within one run, and compared by their medians, since machines are
shared and noisy.
"""

import json
from pathlib import Path
from typing import Literal, Optional

import jsonargparse

from tfpix2pix import atomic
from tfpix2pix.errors import reported
from training.benchmarks import data as data_benchmark
from training.benchmarks import edge_scores, quality_cyclegan
from training.benchmarks import quality as quality_benchmark
from training.benchmarks import step as step_benchmark


def data(
    data: Path,
    rounds: int = 5,
    pairs: int = 400,
    steps: int = 20,
    batches: int = 20_000,
    to: Optional[Path] = None,
):
    """Measures the data path at 256 pixels against PyTorch's, the wait of a step, and memory.

    Args:
        data: Folder of side-by-side files, or with `train` of such.
        rounds: How often each contender is measured.
        pairs: How many pairs each round takes.
        steps: How many training steps to measure the wait for input in; 0 for none.
        batches: How many batches to measure the memory over; 0 for none.
        to: JSON file for the results.
    """
    results = data_benchmark.measure(data, rounds=rounds, pairs=pairs, steps=steps, batches=batches)
    print("\n".join(data_benchmark.table(results)))
    if to:
        _write(results, to)


def step(
    preset: str = "facades",
    size: Optional[int] = None,
    filters: Optional[int] = None,
    batch: Optional[int] = None,
    rounds: int = 9,
    threads: Optional[int] = None,
    other: Optional[Path] = None,
    to: Optional[Path] = None,
):
    """Measures step, translation and peak memory against PyTorch's modes, the tutorial and others.

    All contenders are in memory at once, some 1.5 GB each at 256 pixels and 64 filters. Those whose
    packages are not installed are left out, and named.

    Args:
        preset: Experiment to measure.
        size: Side of the images in pixels, a power of 2 of at least 32; by default the preset's.
        filters: Filters of the networks' first level; by default the preset's.
        batch: Images per step; by default the preset's.
        rounds: How often each contender is measured.
        threads: Threads of each contender; by default as many as there are cores.
        other: Python of another environment with the requirements, to measure ours there too.
        to: JSON file for the results.
    """
    options = {"rounds": rounds, "threads": threads, "other": other}
    results = step_benchmark.measure(preset, size, filters, batch, **options)
    print(
        "{preset}: {size} pixels, {filters} filters, batches of {batch}".format(
            **results["options"]
        )
    )
    print("\n".join(step_benchmark.table(results)))
    if to:
        _write(results, to)


def quality(
    data: Path,
    to: Path,
    size: int = 128,
    filters: int = 32,
    steps: int = 4000,
    direction: Literal["AtoB", "BtoA"] = "BtoA",
    seed: int = 0,
):
    """Trains tfpix2pix and PyTorch's reference alike, and measures both on held-out pairs.

    Args:
        data: Folder with `train` and `test`, of files with A in their left half and B beside it.
        to: Folder of the results; finished trainings in it are not repeated.
        size: Side of the images in pixels, a power of 2 of at least 32.
        filters: Filters of the networks' first level.
        steps: Steps of one pair each.
        direction: Which half is translated to which.
        seed: Seed of weights, dropout and data.
    """
    options = {"size": size, "filters": filters, "steps": steps, "direction": direction}
    options["seed"] = seed
    results = quality_benchmark.measure(data, to, **options)
    print("\n".join(quality_benchmark.table(results)))
    _write({**options, **results}, to / "quality.json")


def unpaired_quality(
    data: Path, to: Path, size: int = 128, filters: int = 32, steps: int = 3000, seed: int = 0
):
    """Trains CycleGAN of tfpix2pix and PyTorch's reference alike, and measures both directions.

    KID goes by the features of a small classifier of the two domains, trained here.

    Args:
        data: Folder with `trainA`, `trainB`, `testA` and `testB`.
        to: Folder of the results; finished trainings in it are not repeated.
        size: Side of the images in pixels, a multiple of 8.
        filters: Filters of the networks' first level.
        steps: Steps of one image of each domain.
        seed: Seed of weights and data.
    """
    options = {"size": size, "filters": filters, "steps": steps, "seed": seed}
    results = quality_cyclegan.measure(data, to, **options)
    print("\n".join(quality_cyclegan.table(results)))
    _write({**options, **results}, to / "quality.json")


def edges(
    data: Path,
    sizes: list[int] = [256, 128],  # noqa: B006, nobody changes it.
    direction: Literal["AtoB", "BtoA"] = "AtoB",
    to: Optional[Path] = None,
):
    """Measures the drawings of every method, and their time, beside given drawings of photos.

    Args:
        data: Folder of pairs of photos and drawings, black on white; of splits the test one counts.
        sizes: Sides in pixels to measure at.
        direction: AtoB where A are the photos, BtoA where B are, as in edges2shoes.
        to: JSON file for the results.
    """
    results = edge_scores.measure(data, sizes, direction)
    print("\n".join(edge_scores.table(results)))
    if to:
        _write(results, to)


def _write(results, path):
    atomic.write_bytes(json.dumps(results, indent=1).encode(), path)


if __name__ == "__main__":
    with reported():
        programs = (data, step, quality, unpaired_quality, edges)
        jsonargparse.auto_cli(
            {p.__name__: p for p in programs},
            as_positional=False,
            prog="python -m training.benchmark",
        )
