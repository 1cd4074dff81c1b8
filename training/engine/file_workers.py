"""Translates files by workers of Ray Data on one machine or many; any may end meanwhile."""

import logging
import os
import pickle
import warnings
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable, NamedTuple, Optional

import tensorflow as tf

from tfpix2pix.bfloat16 import graph_precision
from tfpix2pix.data.parallel import map_in_parallel
from tfpix2pix.errors import InputError
from tfpix2pix.translation import FileReport, export_translator
from tfpix2pix.translation.file_work import FileWork, planned_work

ROOT = Path(__file__).parents[2]
RETRIES = 1  # Of the task of a worker that ended, before and after files are tried alone.
MOST_FILES = 64  # Of one task.
TASKS = (
    32  # Of each worker, if there are enough files, so that none waits for the slowest at the end.
)
OBJECT_BYTES = 2**28  # Of memory that a local Ray shares; names and counts pass through it alone.
LOST = (
    "its worker ended, or raised an error that no file should cause, each time; translate this "
    "file alone to see why"
)


class Plan(NamedTuple):
    """What all workers are to do, with paths that every machine knows.

    Attributes:
        version: Folder of a version of an export; none that is published later is taken.
        to: Folder to write to.
        opening: Arguments of `tfpix2pix.translation.export_translator`.
        options: Arguments of `tfpix2pix.translation.file_work.planned_work`.
        precision: See `tfpix2pix.bfloat16.graph_precision`.
    """

    version: Path
    to: Path
    opening: dict[str, Any]
    options: dict[str, Any]
    precision: str = "float32"


class Resources(NamedTuple):
    """Which workers there are.

    Attributes:
        workers: How many; `None` for as many as there is room for.
        processors: Processors of each.
        gpus: GPUs of each, parts of one too.
        address: Of a Ray cluster, `"auto"` for that of this machine; `None` starts a local one.
    """

    workers: Optional[int] = None
    processors: int = 1
    gpus: float = 0.0
    address: Optional[str] = None


class TranslatingWorker:
    """A process that holds the model and translates groups of files.

    Args:
        plan: `Plan`.
        suffix: Of the translations.
        processors: How many it may use.
    """

    def __init__(self, plan, suffix, processors):
        # By itself TensorFlow takes all processors of a machine, which others work on too.
        tf.config.threading.set_intra_op_parallelism_threads(processors)
        tf.config.threading.set_inter_op_parallelism_threads(processors)
        self._precision = ExitStack()
        self._precision.enter_context(graph_precision(plan.precision))
        translator = export_translator(plan.version, **plan.opening)
        self._work = _file_work(plan, translator, suffix, [])

    def __call__(self, rows):
        """Translates the files of each row and returns a row of outcomes for each."""
        return {"item": [pickle.dumps(self._outcomes(pickle.loads(row))) for row in rows["item"]]}

    def _outcomes(self, group):
        named_files = [(name, file) for name, file, _ in group]
        value_files = [
            (folder.control, {name: values[index] for name, _, values in group})
            for index, folder in enumerate(self._work.translator.folders)
        ]
        outcomes = self._work._replace(value_files=value_files).outcomes(named_files)
        return [(name, outcome) for outcome, (name, _) in zip(outcomes, named_files)]


def translate_by_workers(
    plan: Plan, images: Path, resources: Resources, *, progress: Callable
) -> FileReport:
    """Translates a file or a folder as `tfpix2pix.translation.translate_files` does.

    What a worker was at when it ended, another does again, less the files that are written; so
    each is written once. Files whose workers end again and again are failures.

    Args:
        plan: `Plan`.
        images: File or folder.
        resources: `Resources`.
        progress: Function of an iterable, its length, and how many of it are done already, to an
            iterable of the same; it counts files.

    Returns:
        `FileReport`; without examples.

    Raises:
        ValueError: As `translate_files` and `export_translator`, or if there is no Ray, or no room
            for as many workers.
    """
    with graph_precision(plan.precision):
        translator = export_translator(plan.version, **plan.opening)
    work, named_files = planned_work(translator, images, plan.to, **plan.options)
    done = map_in_parallel(lambda named: work.is_done(named[0]), named_files)
    files = {name: file for (name, file), is_done in zip(named_files, done) if not is_done}
    skipped = (len(named_files) - len(files)) * (translator.samples or 1)
    written = 0
    wide = 0
    failures = {}
    outcomes = _outcomes(plan, work, dict(files), resources) if files else ()
    for name, outcome in progress(outcomes, len(named_files), len(named_files) - len(files)):
        file = str(files.pop(name))
        # What was there at the start never came here: a worker wrote it before it ended.
        is_rewritten = outcome.skipped and work.is_done(name)
        written += outcome.written + (outcome.skipped if is_rewritten else 0)
        skipped += 0 if is_rewritten else outcome.skipped
        wide += outcome.is_wide
        if outcome.failure is not None:
            failures[file] = outcome.failure
    failures.update(dict.fromkeys(map(str, files.values()), LOST))
    work.remove_parts(named_files)  # Which workers were writing when they ended.
    return FileReport(written, skipped, dict(sorted(failures.items())), [], wide)


def worker_count(resources: Resources, cluster: dict[str, float]) -> int:
    """Returns how many workers there shall be.

    Args:
        resources: `Resources`.
        cluster: Dict of `"CPU"` and `"GPU"` to how many Ray has.

    Raises:
        ValueError: If there is no room for them.
    """
    room = int(cluster.get("CPU", 0) // resources.processors)
    if resources.gpus:
        room = min(room, int(cluster.get("GPU", 0) / resources.gpus))
    workers = room if resources.workers is None else resources.workers
    if not 1 <= workers <= room:
        raise InputError(
            f"There must be processors and GPUs for all workers. Received: {workers} workers of "
            f"{resources.processors} processors and {resources.gpus:g} GPUs each; Ray has "
            f"{cluster.get('CPU', 0):g} and {cluster.get('GPU', 0):g}. Use fewer, or add machines "
            "by `ray start`."
        )
    return workers


def _file_work(plan, translator, suffix, value_files):
    options = {name: value for name, value in plan.options.items() if name != "format"}
    return FileWork(translator, plan.to, suffix, **options, value_files=value_files)


def _outcomes(plan, work, files, resources):
    """Yields `(name, outcome)` of files as they are done; of those that end workers none."""
    with _started(resources) as ray:
        workers = worker_count(resources, ray.cluster_resources())
        most = max(1, min(MOST_FILES, len(files) // (workers * TASKS)))
        # What is lost once more, each by itself: a worker that ends costs those that wait for it a
        # try too.
        for size, waiting in ((most, None), (1, 1)):
            groups = _groups(files, work.value_files, size)
            pool = ray.data.ActorPoolStrategy(
                size=min(workers, len(groups)), max_tasks_in_flight_per_actor=waiting
            )
            for outcome in _done_by_ray(ray, plan, work.suffix, groups, pool, resources):
                del files[outcome[0]]
                yield outcome
            if not files:
                return


def _groups(files, value_files, size):
    """Returns lists of `(name, file, values)`, the values being a file for each control."""
    named = [
        (name, file.resolve(), [values[name].resolve() for _, values in value_files])
        for name, file in files.items()
    ]
    return [named[start : start + size] for start in range(0, len(named), size)]


def _done_by_ray(ray, plan, suffix, groups, pool, resources):
    # Names travel pickled, since Arrow takes no names of files that are not UTF-8.
    rows = [pickle.dumps(group) for group in groups]
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        TranslatingWorker,
        fn_constructor_args=(plan, suffix, resources.processors),
        batch_size=1,
        compute=pool,
        num_cpus=resources.processors,
        num_gpus=resources.gpus,
        max_task_retries=RETRIES,
    )
    for batch in dataset.iter_batches(batch_size=None, prefetch_batches=0):
        for item in batch["item"]:
            yield from pickle.loads(item)


@contextmanager
def _started(resources):
    """Yields the module `ray`, connected to a cluster or to a local one of its own."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # It would send statistics to its makers.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # What it repairs is no error here.
    # By default 15: beside other work workers would get next to nothing.
    os.environ.setdefault("RAY_worker_niceness", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError(
            "Workers are processes of Ray Data, which must be installed on each machine. Received: "
            f"{error}. Install it by \"pip install 'ray[data]'\"."
        ) from error
    options = {"log_to_driver": False, "logging_level": logging.ERROR}
    if resources.address is None:
        options |= {"address": "local", "include_dashboard": False}
        options |= {"object_store_memory": OBJECT_BYTES}
    else:
        # So that all machines run this code, of which they need what it requires alone.
        modules = [str(ROOT / "tfpix2pix"), str(ROOT / "training")]
        options |= {"address": resources.address, "runtime_env": {"py_modules": modules}}
    try:
        ray.init(**options)
    except ConnectionError as error:
        raise InputError(
            "The address must be that of a Ray cluster, HOST:PORT or auto. Received: "
            f"{resources.address!r}: {error}. Start one by `ray start --head`, or correct it."
        ) from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.max_errored_blocks = -1  # What is lost shows in what does not come back.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    # There is no other way to set retries yet, which are endless by default.
    warnings.filterwarnings("ignore", message="`ray_remote_args` is deprecated")
    try:
        yield ray
    finally:
        ray.shutdown()
