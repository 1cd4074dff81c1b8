"""The data path beside PyTorch's: pairs per second, memory, and the wait of a training step."""

import dataclasses
import resource
import statistics
import time
from itertools import islice
from pathlib import Path

import tensorflow as tf

from tfpix2pix.families import get_family, preset
from training import progress
from training.engine import batches as experiment_batches

WARM_UP_BATCHES = 50  # Before anything is measured.
WARM_UP_STEPS = 3  # They build the graph and wait for the first batch.


def measure(data: Path, *, rounds: int, pairs: int, steps: int, batches: int) -> dict:
    """Measures the data path at 256 pixels.

    Args:
        data: Folder of side-by-side files, or with `train` of such.
        rounds: How often each contender is measured.
        pairs: How many pairs each round takes.
        steps: How many training steps to measure the wait for input in; 0 for none.
        batches: How many batches to measure the memory over; 0 for none.

    Returns:
        Dict of "pairs_per_second" to a dict of contender to its rate in each round, without
        PyTorch's where it is not installed; "memory" to the peak in megabytes after each tenth of
        the batches; and "wait" to the seconds of "step" and "wait" of each step.

    Raises:
        ValueError: If the data cannot be used.
    """
    start = preset("facades")
    config = dataclasses.replace(
        start, data=dataclasses.replace(start.data, folder=str(data), cache_gigabytes=0)
    )
    config, examples = experiment_batches.completed(config)
    cached = dataclasses.replace(config, data=dataclasses.replace(config.data, cache_gigabytes=1))
    contenders = {
        "tfpix2pix": iter(experiment_batches.training_batches(config, examples)),
        "tfpix2pix, cached": iter(experiment_batches.training_batches(cached, examples)),
        **_pytorch_contender(data),
    }
    for stream in contenders.values():
        _seconds(stream, WARM_UP_BATCHES)
    rates = {name: [] for name in contenders}
    for _ in progress.bar(range(rounds), "Data", "rounds"):
        for name, stream in contenders.items():
            rates[name].append(pairs / _seconds(stream, pairs))
    results = {"pairs_per_second": rates}
    if batches:
        results["memory"] = _memory(contenders["tfpix2pix"], batches)
    if steps:
        results["wait"] = _wait(cached, examples, steps)
    return results


def table(results: dict) -> list[str]:
    """Returns the lines of a table of `measure`'s results."""
    rates = results["pairs_per_second"]
    medians = {name: statistics.median(values) for name, values in rates.items()}
    base = medians.get("PyTorch")
    lines = [f"{'256-pixel pairs/s':24} {'median':>8} {'least':>8} {'most':>8}  of PyTorch's"]
    for name, values in rates.items():
        ratio = f"{medians[name] / base:.2f}" if base else "not installed"
        line = f"{name:24} {medians[name]:8.0f} {min(values):8.0f} {max(values):8.0f}  {ratio}"
        lines.append(line)
    if "memory" in results:
        first, *_, last = results["memory"]
        growth = f"{last - first:+.0f} MB in the other nine"
        lines.append(f"Memory: {first:.0f} MB after the first tenth of the batches, {growth}.")
    if "wait" in results:
        step = statistics.median(results["wait"]["step"])
        wait = statistics.median(results["wait"]["wait"])
        share = f"{wait / step:.2%}"
        lines.append(f"Step: {step:.3f} s, of which it waits {wait:.5f} s for input, {share}.")
    return lines


def _pytorch_contender(folder):
    """Returns the batches of the reference, if PyTorch is installed."""
    try:
        from training.benchmarks import pytorch_data
    except ModuleNotFoundError:
        return {}
    folder = folder / "train" if (folder / "train").is_dir() else folder

    pairs = pytorch_data.AlignedPairs(folder)
    return {"PyTorch": pytorch_data.endless(pytorch_data.batches(pairs))}


def _seconds(stream, count):
    """Returns the seconds in which a stream gives so many batches."""
    start = time.perf_counter()
    for _ in islice(stream, count):
        pass
    return time.perf_counter() - start


def _memory(stream, count):
    """Returns the peak memory in megabytes after each tenth of many batches."""
    megabytes = []
    for _ in progress.bar(range(10), "Memory", "tenths"):
        _seconds(stream, count // 10)
        megabytes.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    return megabytes


def _wait(config, examples, count):
    """Returns the seconds of training steps, and how long each waits for its input."""
    take_step = tf.function(get_family(config.family).model(config).train_step)
    stream = iter(experiment_batches.training_batches(config, examples))
    waits = []
    steps = []
    for _ in progress.bar(range(count + WARM_UP_STEPS), "Steps", "steps"):
        start = time.perf_counter()
        batch = next(stream)
        waits.append(time.perf_counter() - start)
        take_step(batch)
        steps.append(time.perf_counter() - start)
    return {"step": steps[WARM_UP_STEPS:], "wait": waits[WARM_UP_STEPS:]}
