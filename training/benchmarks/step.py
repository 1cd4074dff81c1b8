"""Training step, translation and memory beside PyTorch's, and of two environments.

Every contender is a process of its own, so that none shares threads or memory with another. They
run in turns: while one works, the others wait.
"""

import contextlib
import importlib.util
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Optional

from tfpix2pix.bfloat16 import FLAGS, processor_flags
from tfpix2pix.errors import InputError
from tfpix2pix.export import convert
from training import progress
from training.benchmarks.worker import (
    BFLOAT16,
    OURS,
    configured,
    contenders,
    experiment,
    least_side,
    options_of,
)

PAUSE = 0.3  # Seconds until the threads of the one before stop spinning.
KINDS = ("step", "translate")
PEER = "PyTorch"


def measure(
    name: str,
    size: Optional[int] = None,
    filters: Optional[int] = None,
    batch: Optional[int] = None,
    *,
    rounds: int,
    other: Optional[Path] = None,
):
    """Measures steps and translations in turns.

    Args:
        name: Name of the preset whose family and options are measured.
        size: Height of the images in pixels, a power of 2 from `least_side` on, of which the width
            follows; by default the preset's.
        filters: Filters of the networks' first level; by default the preset's.
        batch: Images per run; by default the preset's.
        rounds: How often each is measured.
        other: Another Python with the requirements, to measure ours in too.

    Returns:
        Dict of "options" to those in effect; of "step" and "translate" to dicts of contender to
        `{"first": seconds of its first run, with tracing and compiling, "seconds": [...],
        "peak_megabytes": float}`; and of "left_out" to a dict of contenders to what they miss.

    Raises:
        ValueError: If the preset is unknown, or the size no power of 2, or too small.
    """
    config = configured(name, size, filters, batch)
    size = config.data.image_size[0]
    least = least_side(config)
    if size < least or size & (size - 1):
        above = 1 << max(size - 1, least - 1).bit_length()
        cure = f"Use {above} or {above // 2}." if above > least else f"Use {least}."
        raise InputError(
            f"`size` must be a power of 2, at least {least}. Received: size={size}. {cure}"
        )
    rows = contenders(config.family)
    missing = {
        f"{kind}: {contender}": [need for need in needs if _misses(need)]
        for kind in KINDS
        for contender, (_, needs) in rows[kind].items()
    }
    left_out = {contender: needs for contender, needs in missing.items() if needs}
    options = options_of(config)
    results = {"options": options._asdict(), "left_out": left_out}
    with tempfile.TemporaryDirectory() as folder:
        if not _misses("tf2onnx"):
            options = options._replace(onnx=f"{folder}/model.onnx")
            # In a process of its own: of 54 million weights tf2onnx leaves 13 GB behind.
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
                pool.submit(_write_onnx, options).result()
        for kind in KINDS:
            names = [n for n in rows[kind] if f"{kind}: {n}" not in left_out]
            pythons = {name: (sys.executable, name) for name in names}
            if other:
                pythons |= {f"{n}, other": (str(other), n) for n in names if n in OURS[kind]}
            results[kind] = _in_turns(config.family, kind, pythons, rounds, options)
    return results


def table(results):
    """Returns the lines of a table of `measure`'s results; ratios are medians over the rounds."""
    lines = []
    for kind in KINDS:
        measured = results[kind]
        bases = {PEER: PEER} if PEER in measured else {}
        if peers := [name for name in measured if name.startswith(PEER)]:
            fastest = min(peers, key=lambda name: statistics.median(measured[name]["seconds"]))
            bases[f"{PEER}'s best"] = fastest
        head = f"{kind:29} {'median s':>9} {'least':>7} {'most':>7} {'peak MB':>8}"
        lines.append(head + "".join(f"  of {base}" for base in bases))
        for name, result in measured.items():
            seconds = result["seconds"]
            line = (
                f"{name:29} {statistics.median(seconds):9.3f} {min(seconds):7.3f} "
                f"{max(seconds):7.3f} {result['peak_megabytes']:8.0f}"
            )
            for title, base in bases.items():
                ratios = [a / b for a, b in zip(seconds, measured[base]["seconds"])]
                line += f"  {statistics.median(ratios):{len(title) + 3}.2f}"
            lines.append(line)
            if name.endswith("compiled"):
                lines.append(f"{'  compiling, at its first run':29} {result['first']:9.3f}")
    for name, needs in results["left_out"].items():
        lines.append(f"left out: {name}, without {' and '.join(needs)}")
    return lines


def _write_onnx(options):
    _, directions = experiment(options)
    convert(directions, options.onnx, size=tuple(options.size))


def _misses(need):
    """Whether this machine has no such package, program or arithmetic."""
    if need == BFLOAT16:
        return not processor_flags().intersection(FLAGS)
    return shutil.which(need) is None and importlib.util.find_spec(need) is None


def _in_turns(family, kind, pythons, rounds, options):
    results = {}
    with contextlib.ExitStack() as ending:
        # One starts after the other, so that no start disturbs a measurement.
        processes = {}
        for name, (python, contender) in pythons.items():
            started = _started(python, (family, kind, contender, options))
            processes[name], first = ending.enter_context(started)
            results[name] = {"first": first, "seconds": []}
        for _ in progress.bar(range(rounds), kind, "rounds"):
            for name, process in processes.items():
                time.sleep(PAUSE)
                process.stdin.write("run\n")
                process.stdin.flush()
                seconds, results[name]["peak_megabytes"] = json.loads(process.stdout.readline())
                results[name]["seconds"].append(seconds)
    return results


@contextlib.contextmanager
def _started(python, arguments):
    """Starts a contender, which ends when its input is closed; yields it and its first seconds."""
    with subprocess.Popen(
        [python, "-m", "training.benchmarks.worker", json.dumps(arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    ) as process:
        line = process.stdout.readline()
        if not line.startswith('["ready", '):
            raise RuntimeError(f"{arguments[:3]} did not start; its last lines above say why.")
        yield process, json.loads(line)[1]
