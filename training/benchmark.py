"""Measures the speed of training and translating on this machine, beside PyTorch.

`python -m training.benchmark step` measures the training step, translation and memory of any preset
in turns with its paper restated in PyTorch, and compares medians, since machines are shared and
noisy. `python -m training.benchmark growth` measures how time and memory of whole programs grow
with images, batches, filters, sets and workers.
"""

import json
import math
from pathlib import Path
from typing import Optional

import jsonargparse

from tfpix2pix import atomic
from tfpix2pix.errors import reported
from tfpix2pix.locations import at_home


def step(
    preset: str = "facades",
    size: Optional[int] = None,
    filters: Optional[int] = None,
    batch: Optional[int] = None,
    rounds: int = 9,
    other: Optional[Path] = None,
    to: Optional[Path] = None,
):
    """Measures step, translation and peak memory against PyTorch's modes and others.

    All contenders are in memory at once, some 1.5 GB each at 256 pixels and 64 filters. Those whose
    packages are not installed are left out, and named.

    Args:
        preset: Experiment to measure.
        size: Height of the images in pixels, of which the width follows: a power of 2 of at least
            32, or 4 where networks grow, of which the last phase is measured; by default the
            preset's.
        filters: Filters of the networks' first level; by default the preset's.
        batch: Images per step; by default the preset's.
        rounds: How often each contender is measured.
        other: Python of another environment with the requirements, to measure ours there too.
        to: JSON file for the results.
    """
    # After the command line has been read: TensorFlow takes seconds.
    from training.benchmarks import step as step_benchmark

    results = step_benchmark.measure(preset, size, filters, batch, rounds=rounds, other=other)
    options = results["options"]
    print("{preset}: {size[1]}x{size[0]} pixels, batches of {batch}".format(**options))
    print("\n".join(step_benchmark.table(results)))
    if to:
        atomic.write_bytes(json.dumps(results, indent=1).encode(), to)


def growth(
    lines: Optional[list[str]] = None,
    rounds: int = 3,
    most: Optional[int] = None,
    to: Optional[Path] = None,
    plot: Optional[Path] = None,
):
    """Measures how time and memory of trainings and translations grow; takes hours as it is.

    Args:
        lines: What grows: size, batch, filters, images, workers, whole (images translated whole)
            and strips (by strips); by default all.
        rounds: How often each point of a line is measured.
        most: Largest point of any line, such as 10000 images; by default all.
        to: JSON file for the results.
        plot: PNG, PDF or SVG file for a plot, by matplotlib.
    """
    from training.benchmarks import scaling

    results = scaling.measure(
        scaling.LINES if lines is None else lines, rounds=rounds, most=most or math.inf
    )
    print("\n".join(scaling.table(results)))
    if to:
        atomic.write_bytes(json.dumps(results, indent=1).encode(), to)
    if plot:
        scaling.draw(results, plot)


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli(
            {"step": step, "growth": growth},
            args=at_home(),
            as_positional=False,
            prog="python -m training.benchmark",
        )
