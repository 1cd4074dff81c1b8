"""Training step, translation and memory beside PyTorch's and the TensorFlow tutorial's.

Every contender is a process of its own, so that none shares threads or memory with another. They
run in turns: while one works, the others wait.
"""

import collections
import contextlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from tfpix2pix import unet_generator
from tfpix2pix.errors import InputError
from tfpix2pix.export import export
from training import progress
from training.benchmarks.worker import CONTENDERS, WARM_UP

PAUSE = 0.3  # Seconds until the threads of the one before stop spinning.
TRACED = "step: tfpix2pix"
TRACED_RUNS = 3


def measure(size: int, filters: int, batch: int, rounds: int, threads: int):
    """Measures steps and translations in turns.

    Args:
        size: Side of the images in pixels, a power of 2 of at least 32.
        filters: Filters of the networks' first level.
        batch: Images per run.
        rounds: How often each is measured.
        threads: Threads of each, or `None` for as many as there are cores.

    Returns:
        Dict of "step" and "translate" to dicts of contender to `{"seconds": [...],
        "peak_megabytes": float}`, without PyTorch's where it is not installed; and of "trace" to a
        dict of oneDNN's kinds of operation to their seconds in our step, one after the other.

    Raises:
        ValueError: If the size is no power of 2, or below 32.
    """
    if size < 32 or size & (size - 1):
        above = 1 << max(size - 1, 31).bit_length()
        cure = f"Use {above} or {above // 2}." if above > 32 else "Use 32."
        raise InputError(f"`size` must be a power of 2, at least 32. Received: size={size}. {cure}")
    installed = importlib.util.find_spec("torch") is not None
    names = [name for name in CONTENDERS if installed or "PyTorch" not in name]
    depth = size.bit_length() - 1
    with tempfile.TemporaryDirectory() as folder:
        generator = unet_generator((None, None, 3), depth=depth, base_filters=filters)
        exported, _ = export(generator, folder, size=(size, size))
        options = {"size": size, "filters": filters, "batch": batch, "threads": threads}
        options["exported"] = str(exported)
        results = {
            kind: _in_turns(
                kind, [name for name in names if name.startswith(kind)], rounds, options
            )
            for kind in ("step", "translate")
        }
        return {**results, "trace": _trace(options)}


def table(results):
    """Returns the lines of a table of `measure`'s results; ratios are medians over the rounds."""
    lines = []
    for kind in ("step", "translate"):
        measured = results[kind]
        bases = [name for name in ("PyTorch", "tutorial") if name in measured]
        head = f"{kind:22} {'median s':>9} {'least':>7} {'most':>7} {'peak MB':>8}"
        lines.append(head + "".join(f"  of {base}" for base in bases))
        for name, result in measured.items():
            seconds = result["seconds"]
            line = (
                f"{name:22} {statistics.median(seconds):9.3f} {min(seconds):7.3f} "
                f"{max(seconds):7.3f} {result['peak_megabytes']:8.0f}"
            )
            for base in bases:
                ratios = [a / b for a, b in zip(seconds, measured[base]["seconds"])]
                line += f"  {statistics.median(ratios):{len(base) + 3}.2f}"
            lines.append(line)
    total = sum(results["trace"].values())
    lines.append(f"{'oneDNN in our step':34} {'s':>9} {'share':>7}")
    for kind, seconds in sorted(results["trace"].items(), key=lambda item: -item[1]):
        lines.append(f"{kind:34} {seconds:9.4f} {seconds / total:7.1%}")
    return lines


def _in_turns(kind, names, rounds, options):
    results = {name: {"seconds": []} for name in names}
    with contextlib.ExitStack() as ending:
        # One starts after the other, so that no start disturbs a measurement.
        processes = {name: ending.enter_context(_started(name, options)) for name in names}
        for _ in progress.bar(range(rounds), kind, "rounds"):
            for name, process in processes.items():
                time.sleep(PAUSE)
                process.stdin.write("run\n")
                process.stdin.flush()
                seconds, results[name]["peak_megabytes"] = json.loads(process.stdout.readline())
                results[name]["seconds"].append(seconds)
    return {name.split(": ")[1]: result for name, result in results.items()}


def _trace(options):
    """Returns the seconds of each kind of oneDNN operation in a step of ours.

    oneDNN writes a line of fields per operation to the standard output: the fourth is the kind of
    operation, the sixth its direction, and the last its milliseconds.
    """
    process = _process(TRACED, options, ONEDNN_VERBOSE="1")
    output, _ = process.communicate("run\n" * TRACED_RUNS)
    seconds = collections.Counter()
    for line in output.splitlines():
        fields = line.split(",")
        if fields[0] == "onednn_verbose" and fields[1] == "exec":
            kind = fields[3] if fields[5] == "undef" else f"{fields[3]} {fields[5]}"
            seconds[kind] += float(fields[-1]) / 1000 / (TRACED_RUNS + WARM_UP)
    return dict(seconds)


def _process(name, options, **environment):
    arguments = json.dumps({"contender": name, **options})
    return subprocess.Popen(
        [sys.executable, "-m", "training.benchmarks.worker", arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )


@contextlib.contextmanager
def _started(name, options):
    """Starts a contender, which ends when its input is closed, and waits until it is ready."""
    process = _process(name, options)
    with process:
        if process.stdout.readline() != "ready\n":
            raise RuntimeError(f"{name} did not start; its last lines above say why.")
        yield process
