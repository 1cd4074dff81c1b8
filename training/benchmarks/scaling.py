"""Time and memory of whole programs against what grows: images, batches, networks, sets, workers.

Every measurement is a program of its own, as a user starts it. The points of all lines are measured
in turns.
"""

import json
import math
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from tfpix2pix.datasets import synthetic
from tfpix2pix.errors import InputError
from training import progress

STEPS = 12  # Of a training; the first ones are slower.
DIFFERENT = 500  # Images of a set; a larger one has each several times.
MEASURES = {
    "first step": "s until the first step",
    "step": "s a step",
    "program": "s in all",
    "memory": "MB at most",
}


class Line(NamedTuple):
    """What grows while all else stays.

    Attributes:
        points: What it grows to.
        about: What stays, in words.
        options: Those of the program, of what does not stay the same in `TRAINED`.
    """

    points: Sequence[int]
    about: str
    options: Mapping = MappingProxyType({})


# What trainings are of, where their line does not say otherwise.
TRAINED = {"size": 128, "batch": 1, "filters": 32, "images": 16, "workers": 1}
LINES = {
    "size": Line((128, 256, 512, 1024), "pixels a side; 32 filters, batch 1"),
    "batch": Line((1, 2, 4, 8), "images a step; 128 pixels, 32 filters"),
    "filters": Line((16, 32, 64, 128), "filters; 128 pixels, batch 1"),
    "images": Line(
        (100, 1_000, 10_000, 100_000),
        "images in the set; 64 pixels, 16 filters",
        {"size": 64, "filters": 16},
    ),
    "workers": Line((1, 2), "workers; 128 pixels, 32 filters, batch 2", {"batch": 2}),
    "whole": Line((512, 1024, 2048), "pixels a side, translated whole; 32 filters"),
    "strips": Line((512, 1024, 2048, 4096), "pixels a side, translated by strips of 64"),
}
TRANSLATED = ("whole", "strips")


def measure(lines: Sequence[str] = tuple(LINES), *, rounds: int, most: float = math.inf):
    """Measures the points of lines in turns.

    Args:
        lines: Keys of `LINES`.
        rounds: How often each point is measured.
        most: Largest part of a line's points, such as 10,000 images; those above are left out.

    Returns:
        Dict of line to dict of point to dict of measure to list of float.

    Raises:
        ValueError: If a line is unknown.
    """
    if unknown := sorted(set(lines) - set(LINES)):
        raise InputError(
            f"What grows must be of {', '.join(LINES)}. Received: {', '.join(unknown)}. Rename or "
            "remove them."
        )
    points = [(name, point) for name in lines for point in LINES[name].points if point <= most]
    results = {name: {} for name in lines}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, point in points:
            _prepare(folder, name, point)
        turns = [point for _ in range(rounds) for point in random.sample(points, len(points))]
        for name, point in progress.bar(turns, "growth", "programs"):
            measured = _measured(folder, name, point)
            of_point = results[name].setdefault(point, {key: [] for key in measured})
            for key, value in measured.items():
                of_point[key].append(value)
    return {name: dict(sorted(of_line.items())) for name, of_line in results.items()}


def table(results):
    """Returns the lines of a table of `measure`'s results: medians, and how they grow.

    The last column is the exponent from the point before: 1 for twice as much of twice as much.
    """
    rows = []
    for name, points in results.items():
        rows.append(f"{name}: {LINES[name].about}")
        before = None
        for point, measured in points.items():
            medians = {key: statistics.median(values) for key, values in measured.items()}
            cells = [f"{value:10.3f} {MEASURES[key]}" for key, value in medians.items()]
            if before:
                growth = math.log(point / before[0])
                exponents = (
                    f"{math.log(value / before[1][key]) / growth:.2f}"
                    for key, value in medians.items()
                )
                cells.append(f"exponents {', '.join(exponents)}")
            rows.append(f"{point:8} " + "  ".join(cells))
            before = point, medians
    return rows


def draw(results, file: Path):
    """Draws time and memory of all lines, with both axes logarithmic, as a picture.

    Args:
        results: As `measure` returns them.
        file: PNG, PDF or SVG file.

    Raises:
        ValueError: If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import NullLocator
    except ImportError as error:
        raise InputError(
            "A plot is drawn by matplotlib. Received: no such package. Install it by "
            '"python -m pip install matplotlib", or leave the plot out.'
        ) from error
    figure = Figure(figsize=(3 * len(results), 6), layout="constrained")
    panels = figure.subplots(2, len(results), squeeze=False, sharey="row")
    for column, (name, points) in enumerate(results.items()):
        for key in next(iter(points.values())):
            panel = panels[int(key == "memory"), column]
            values = [statistics.median(measured[key]) for measured in points.values()]
            panel.loglog(list(points), values, marker="o", label=MEASURES[key])
        for panel in panels[:, column]:
            panel.set_xticks(list(points), [f"{point:,}" for point in points], rotation=30)
            panel.xaxis.set_minor_locator(NullLocator())
            panel.yaxis.set_major_formatter("{x:g}")
            panel.set_xlabel(name)
            panel.legend(fontsize="small")
            panel.grid(alpha=0.3)
    panels[1, 0].yaxis.set_minor_formatter("{x:g}")
    figure.savefig(file)


def _prepare(folder, name, point):
    """Makes the images of a point, and the run that translates them."""
    if name in TRANSLATED:
        if not (folder / "run").exists():
            _prepare(folder, "batch", 1)
            _trained(folder, {**TRAINED, "steps": 1}, folder / "run")
        return _pairs(folder, 1, point)
    options = {**TRAINED, **LINES[name].options, name: point}
    return _pairs(folder, options["images"], options["size"])


def _pairs(folder, images, size):
    """Returns a folder of pairs; beyond the different ones there are links to these."""
    data = folder / f"{size}_{images}"
    if not data.exists():
        different = min(images, DIFFERENT)
        synthetic.write_pairs(data / "train", different, (size, size))
        synthetic.write_pairs(data / "test", 2, (size, size), seed=1)
        files = sorted((data / "train").iterdir())
        for index in range(different, images):
            os.link(files[index % different], data / "train" / f"more_{index:06d}.png")
    return data


def _measured(folder, name, point):
    if name not in TRANSLATED:
        options = {**TRAINED, **LINES[name].options, name: point, "steps": STEPS}
        with tempfile.TemporaryDirectory(dir=folder) as run:
            return _trained(folder, options, Path(run) / "run")
    data = _pairs(folder, 1, point)
    with tempfile.TemporaryDirectory(dir=folder) as to:
        command = ["translate", str(data / "train"), "--run", str(folder / "run"), "--to", to]
        command += ["--half", "right", *(("--strip", "64") if name == "strips" else ())]
        start = time.time()
        megabytes = _finished([_started(command)])
        return {"program": time.time() - start, "memory": megabytes}


def _trained(folder, options, run):
    """Trains in processes of its own; returns what is measured of the first."""
    data = _pairs(folder, options["images"], options["size"])
    side = options["size"]
    flags = {
        "data.folder": data,
        "run": run,
        "data.image_size": side,
        "data.load_size": "null",
        "model.base_filters": options["filters"],
        "model.depth": min(7, side.bit_length() - 1),
        "train.batch_size": options["batch"],
        "train.steps": options["steps"],
        "train.checkpoint_every": 10**6,
    }
    command = ["train", "facades", *(f"--{name}={value}" for name, value in flags.items())]
    workers = options["workers"]
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    start = time.time()
    started = []
    for index in range(workers):
        task = {"type": "worker", "index": index}
        cluster = {"cluster": {"worker": addresses}, "task": task}
        started.append(_started(command, TF_CONFIG=json.dumps(cluster) if workers > 1 else ""))
    megabytes = _finished(started)
    session = json.loads((run / "run.json").read_text("utf-8"))["sessions"][0]
    first = datetime.fromisoformat(session["first_step"]).timestamp() - start
    return {
        "first step": first,
        **({"step": session["seconds_per_step"]} if options["steps"] > 1 else {}),
        "memory": megabytes,
    }


def _started(command, **environment):
    """Starts a program; returns the process, and the files of what it says and of its memory."""
    said, peak = tempfile.TemporaryFile(), tempfile.NamedTemporaryFile()  # noqa: SIM115, for below.
    watched = [sys.executable, "-m", "training.benchmarks.peak", peak.name]
    process = subprocess.Popen(
        [*watched, f"training.{command[0]}", *command[1:]],
        stdout=said,
        stderr=subprocess.STDOUT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )
    return process, said, peak


def _finished(started):
    """Waits for processes; returns the most megabytes of all of them together."""
    megabytes = 0.0
    for process, said, peak in started:
        with said, peak:
            if process.wait():
                for other, *_ in started:
                    other.kill()
                said.seek(0)
                last = said.read().decode("utf-8", "replace")[-2000:]
                raise RuntimeError(f"{process.args} ended with {process.returncode}: {last}")
            megabytes += float(peak.read())
    return megabytes


def free_ports(count: int) -> list[int]:
    """Returns different ports of this machine that nobody listens at.

    Args:
        count: How many.

    Example:
        >>> len(set(free_ports(3)))
        3
    """
    with ExitStack() as stack:
        servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
        sockets = [stack.enter_context(server) for server in servers]
        return [one.getsockname()[1] for one in sockets]
