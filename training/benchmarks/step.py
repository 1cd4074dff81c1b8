"""Training step, translation and memory beside PyTorch's and the TensorFlow tutorial's.

Every contender is a process of its own, so that none shares threads or memory with another. They
run in turns: while one works, the others wait.
"""

import collections
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
from tfpix2pix.export import convert, export
from tfpix2pix.families import preset
from training import progress
from training.benchmarks.worker import BFLOAT16, OURS, WARM_UP, Options, contenders, experiment

PAUSE = 0.3  # Seconds until the threads of the one before stop spinning.
KINDS = ("step", "translate")
TRACED = ("step", "tfpix2pix")
TRACED_RUNS = 3
PEER = "PyTorch"
BEST = "PyTorch's best"


def measure(
    name: str,
    size: Optional[int] = None,
    filters: Optional[int] = None,
    batch: Optional[int] = None,
    *,
    rounds: int,
    threads: Optional[int] = None,
    other: Optional[Path] = None,
):
    """Measures steps and translations in turns.

    Args:
        name: Name of the preset whose family and options are measured.
        size: Side of the images in pixels, a power of 2 of at least 32; by default the preset's.
        filters: Filters of the networks' first level; by default the preset's.
        batch: Images per run; by default the preset's.
        rounds: How often each is measured.
        threads: Threads of each, or `None` for as many as there are cores.
        other: Another Python with the requirements, to measure ours in too.

    Returns:
        Dict of "options" to those in effect; of "step" and "translate" to dicts of contender to
        `{"first": seconds of its first run, with tracing and compiling, "seconds": [...],
        "peak_megabytes": float}`; of "left_out" to a dict of contenders to what they miss; and of
        "trace" to a dict of oneDNN's kinds of operation to their seconds in our step, one after
        the other.

    Raises:
        ValueError: If the preset is unknown, or the size no power of 2, or below 32.
    """
    config = preset(name)
    size = size or config.data.image_size[0]
    if size < 32 or size & (size - 1):
        above = 1 << max(size - 1, 31).bit_length()
        cure = f"Use {above} or {above // 2}." if above > 32 else "Use 32."
        raise InputError(f"`size` must be a power of 2, at least 32. Received: size={size}. {cure}")
    filters = filters or config.model.base_filters
    options = Options(name, size, filters, batch or config.train.batch_size, threads)
    all_contenders = contenders(config.family)
    missing = {
        f"{kind}: {contender}": [need for need in needs if _misses(need)]
        for kind in KINDS
        for contender, (_, needs) in all_contenders[kind].items()
    }
    results = {"options": options._asdict()}
    results["left_out"] = {contender: needs for contender, needs in missing.items() if needs}
    with tempfile.TemporaryDirectory() as folder:
        options = options._replace(folder=folder)
        # In a process of its own: of 54 million weights tf2onnx leaves 13 GB behind.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            pool.submit(_write_models, options).result()
        for kind in KINDS:
            names = [n for n in all_contenders[kind] if f"{kind}: {n}" not in results["left_out"]]
            pythons = {name: (sys.executable, name) for name in names}
            if other:
                pythons |= {f"{n}, other": (str(other), n) for n in names if n in OURS[kind]}
            results[kind] = _in_turns(config.family, kind, pythons, rounds, options)
        return {**results, "trace": _trace(config.family, options)}


def _write_models(options):
    """Writes what contenders translate with: an export, and an ONNX file where it can be made."""
    _, directions = experiment(options)
    size = (options.size, options.size)
    export(directions, f"{options.folder}/exported", size=size)
    if not _misses("tf2onnx"):
        convert(directions, f"{options.folder}/model.onnx", size=size)


def table(results):
    """Returns the lines of a table of `measure`'s results; ratios are medians over the rounds."""
    lines = []
    for kind in KINDS:
        measured = results[kind]
        bases = {name: name for name in (PEER, "tutorial") if name in measured}
        if peers := [name for name in measured if name.startswith(PEER)]:
            bases[BEST] = min(peers, key=lambda name: statistics.median(measured[name]["seconds"]))
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
    total = sum(results["trace"].values())
    lines.append(f"{'oneDNN in our step':34} {'s':>9} {'share':>7}")
    for kind, seconds in sorted(results["trace"].items(), key=lambda item: -item[1]):
        lines.append(f"{kind:34} {seconds:9.4f} {seconds / total:7.1%}")
    return lines


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


def _trace(family, options):
    """Returns the seconds of each kind of oneDNN operation in a step of ours.

    oneDNN writes a line of fields per operation to the standard output: the fourth is the kind of
    operation, the sixth its direction, and the last its milliseconds.
    """
    process = _process(sys.executable, (family, *TRACED, options), ONEDNN_VERBOSE="1")
    output, _ = process.communicate("run\n" * TRACED_RUNS)
    seconds = collections.Counter()
    for line in output.splitlines():
        fields = line.split(",")
        if fields[0] == "onednn_verbose" and fields[1] == "exec":
            kind = fields[3] if fields[5] == "undef" else f"{fields[3]} {fields[5]}"
            seconds[kind] += float(fields[-1]) / 1000 / (TRACED_RUNS + WARM_UP)
    return dict(seconds)


def _process(python, arguments, **environment):
    return subprocess.Popen(
        [python, "-m", "training.benchmarks.worker", json.dumps(arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )


@contextlib.contextmanager
def _started(python, arguments):
    """Starts a contender, which ends when its input is closed; yields it and its first seconds."""
    process = _process(python, arguments)
    with process:
        line = process.stdout.readline()
        if not line.startswith('["ready", '):
            raise RuntimeError(f"{arguments[:3]} did not start; its last lines above say why.")
        yield process, json.loads(line)[1]
