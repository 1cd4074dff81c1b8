"""Measures speed on this machine, and quality beside the reference.

`python -m training.benchmark data --data FOLDER` measures the data path, `python -m
training.benchmark step` the training step, translation and memory, and `python -m
training.benchmark quality --data FOLDER --to FOLDER` what both make of the same training.

What is compared is measured in one run, in turns, and stated by its median, since machines are
shared and noisy.
"""

import dataclasses
import json
import resource
import statistics
import time
from itertools import islice
from pathlib import Path
from typing import Literal, Optional

import jsonargparse
import tensorflow as tf
from tqdm import tqdm

from tfpix2pix import atomic, factory
from tfpix2pix.errors import reported
from tfpix2pix.presets import FACADES
from training.benchmarks import quality as measured_quality
from training.benchmarks import step as measured_step

WARM_UP = 50  # Batches before anything is measured.


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
        rounds: How often each is measured.
        pairs: How many pairs each round takes.
        steps: How many training steps to measure the wait for input in; 0 for none.
        batches: How many batches to watch the memory for; 0 for none.
        to: JSON file for the results.
    """
    of_folder = dataclasses.replace(FACADES.data, folder=str(data), cache_gigabytes=0)
    config = dataclasses.replace(FACADES, data=of_folder)
    examples = factory.examples(config, "train")
    config = factory.completed(config, examples)
    cached = dataclasses.replace(config, data=dataclasses.replace(config.data, cache_gigabytes=1))
    contenders = {
        "tfpix2pix": iter(factory.training_batches(config, examples)),
        "tfpix2pix, cached": iter(factory.training_batches(cached, examples)),
        **_of_pytorch(data),
    }
    measured = {name: [] for name in contenders}
    for batches_of in contenders.values():
        _take(batches_of, WARM_UP)
    for _ in tqdm(range(rounds), "Data", unit=" rounds"):
        for name, batches_of in contenders.items():
            measured[name].append(pairs / _take(batches_of, pairs))
    medians = {name: statistics.median(rates) for name, rates in measured.items()}
    base = medians.get("PyTorch")
    results = {"pairs_per_second": measured}
    print(f"{'256-pixel pairs/s':24} {'median':>8} {'least':>8} {'most':>8}  of PyTorch's")
    for name, rates in measured.items():
        ratio = f"{medians[name] / base:.2f}" if base else "not installed"
        print(f"{name:24} {medians[name]:8.0f} {min(rates):8.0f} {max(rates):8.0f}  {ratio}")
    if batches:
        results["memory"] = _memory(contenders["tfpix2pix"], batches)
    if steps:
        results["wait"] = _wait(cached, examples, steps)
    if to:
        atomic.write_bytes(json.dumps(results, indent=1).encode(), to)


def step(
    size: int = 256,
    filters: int = 64,
    batch: int = 1,
    rounds: int = 9,
    threads: Optional[int] = None,
    to: Optional[Path] = None,
):
    """Measures training step, translation and peak memory against PyTorch's and the tutorial's.

    Args:
        size: Side of the images in pixels, a power of 2 of at least 32.
        filters: Filters of the networks' first level.
        batch: Images per step.
        rounds: How often each is measured.
        threads: Threads of each contender; by default as many as there are cores.
        to: JSON file for the results.
    """
    results = measured_step.measure(size, filters, batch, rounds, threads)
    print(f"{size} pixels, {filters} filters, batches of {batch}")
    print("\n".join(measured_step.table(results)))
    if to:
        options = {"size": size, "filters": filters, "batch": batch, "threads": threads}
        atomic.write_bytes(json.dumps({**options, **results}, indent=1).encode(), to)


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
        to: Folder of the results; what is finished there is not repeated.
        size: Side of the images in pixels, a power of 2 of at least 32.
        filters: Filters of the networks' first level.
        steps: Steps of one pair each.
        direction: Which half is translated to which.
        seed: Seed of weights, dropout and data.
    """
    options = {"size": size, "filters": filters, "steps": steps, "direction": direction}
    results = measured_quality.measure(data, to, **options, seed=seed)
    print("\n".join(measured_quality.table(results)))
    content = {**options, "seed": seed, **results}
    atomic.write_bytes(json.dumps(content, indent=1).encode(), to / "quality.json")


def _of_pytorch(folder):
    """Returns the batches of the reference, if PyTorch is installed."""
    try:
        from training.benchmarks import pytorch_data
    except ModuleNotFoundError:
        return {}
    folder = folder / "train" if (folder / "train").is_dir() else folder

    def endless(loader):
        while True:
            yield from loader

    return {"PyTorch": endless(pytorch_data.batches(folder))}


def _take(batches, count):
    """Takes batches and returns the seconds it took."""
    start = time.perf_counter()
    for _ in islice(batches, count):
        pass
    return time.perf_counter() - start


def _memory(batches, count):
    """Watches the memory over many batches."""
    megabytes = []
    for _ in tqdm(range(10), "Memory", unit=" tenths"):
        _take(batches, count // 10)
        megabytes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    growth = megabytes[-1] - megabytes[0]
    print(
        f"Memory: {megabytes[0]:.0f} MB after a tenth of {count} batches, {growth:+.0f} MB since."
    )
    return megabytes


def _wait(config, examples, count):
    """Measures which share of the time a training step waits for its input."""
    step = tf.function(factory.compiled_model(config).train_step)
    batches = iter(factory.training_batches(config, examples))
    waits, steps = [], []
    for _ in tqdm(range(count + 3), "Steps", unit=" steps"):
        start = time.perf_counter()
        batch = next(batches)
        waits.append(time.perf_counter() - start)
        step(batch)
        steps.append(time.perf_counter() - start)
    # The first steps build the graph and wait for the first batch.
    waits, steps = waits[3:], steps[3:]
    wait, whole = statistics.median(waits), statistics.median(steps)
    print(f"Step: {whole:.3f} s, of which it waits {wait:.5f} s for input, {wait / whole:.2%}.")
    return {"step": steps, "wait": waits}


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli({"data": data, "step": step, "quality": quality}, as_positional=False)
