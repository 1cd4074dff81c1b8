"""Joins requests into batches, as TensorFlow Serving does with `--enable_batching`."""

import threading
import time
from dataclasses import dataclass, field
from typing import Optional

import numpy as np

from serving.engine.batching_parameters import BatchingParameters
from serving.engine.servable import (
    DEADLINE_EXCEEDED,
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    UNAVAILABLE,
    ServingError,
)


class Scheduler:
    """Threads that run batches of all models; a context that ends them when all has run.

    A batch runs once a thread is free, and it is full or has waited for its time. The one that has
    waited longest goes first.

    Args:
        parameters: `BatchingParameters`.

    Example:
        >>> with Scheduler(BatchingParameters(num_batch_threads=1)) as scheduler:
        ...     batcher = scheduler.batcher(lambda feeds, fetches, milliseconds: {"y": feeds["x"]})
        ...     batcher.predict("", {"x": np.zeros((2, 3))}, {"y": "y:0"}, 0)["y"].shape
        (2, 3)
    """

    def __init__(self, parameters: BatchingParameters):
        self.parameters = parameters
        self._lock = threading.Lock()
        self._added = threading.Condition(self._lock)
        self._finished = threading.Condition(self._lock)
        self._waiting = []  # The oldest batch first.
        self._running = []
        self._stopping = False
        self._threads = [
            threading.Thread(
                target=self._work, name=f"{parameters.thread_pool_name}_{index}", daemon=True
            )
            for index in range(parameters.num_batch_threads)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        with self._lock:
            self._stopping = True
            self._added.notify_all()
        for thread in self._threads:
            thread.join()

    def batcher(self, run):
        """Returns a `Batcher` of one loaded version.

        Args:
            run: Function of feeds, fetches and milliseconds (0 without limit) to a dict of outputs.
        """
        return Batcher(self, run)

    def add(self, batch):
        """Lets a batch of one request wait, or adds it to one that waits.

        Raises:
            ServingError: If it is too large or the queue is full, with the code and text of
                TensorFlow (core/kernels/batching_util/shared_batch_scheduler.h).
        """
        most = self.parameters.max_batch_size
        if batch.rows > most:
            raise ServingError(
                INVALID_ARGUMENT,
                f"Task size {batch.rows} is larger than maximum input batch size {most}",
            )
        with self._lock:
            if self._stopping:
                raise ServingError(UNAVAILABLE, "The server is stopping.")
            queue = [one for one in self._waiting if one.queue == batch.queue]
            alike = next((one for one in queue if one.open and one.shapes == batch.shapes), None)
            if alike is not None and alike.rows + batch.rows <= most:
                alike.tasks += batch.tasks
            else:
                if len(queue) >= self.parameters.max_enqueued_batches:
                    raise ServingError(
                        UNAVAILABLE,
                        "The batch scheduling queue to which this task was submitted is full; "
                        f"currently {len(queue)} batches enqueued and max_enqueued_batches is "
                        f"{self.parameters.max_enqueued_batches}",
                    )
                if alike is not None:
                    alike.open = False
                self._waiting.append(batch)
            self._added.notify()

    def waiting(self):
        """Returns how many requests wait for a thread, or for more of their kind."""
        with self._lock:
            return sum(len(batch.tasks) for batch in self._waiting)

    def withdraw(self, task):
        """Removes a request that waits; one that runs is passed over."""
        with self._lock:
            for batch in self._waiting:
                batch.tasks = [one for one in batch.tasks if one is not task]
            self._waiting = [batch for batch in self._waiting if batch.tasks]
            self._finished.notify_all()

    def drain(self, batcher):
        """Waits until all batches of a batcher have run; they wait for no more requests."""
        with self._lock:
            for batch in self._waiting:
                batch.open = batch.open and batch.batcher is not batcher
            self._added.notify_all()
            self._finished.wait_for(
                lambda: all(one.batcher is not batcher for one in self._waiting + self._running)
            )

    def _work(self):
        while self._run_next():  # Between two batches a thread keeps no version alive.
            pass

    def _run_next(self):
        batch = self._next()
        if batch is None:
            return False
        batch.batcher.execute(batch)
        with self._lock:
            self._running.remove(batch)
            self._finished.notify_all()
        return True

    def _next(self):
        """Waits for a batch that should run; returns `None` when the scheduler ends."""
        pause = self.parameters.batch_timeout_micros / 1e6
        with self._lock:
            while True:
                now = time.monotonic()
                for batch in self._waiting:
                    full = batch.rows >= self.parameters.max_batch_size
                    if full or self._stopping or not batch.open or batch.since + pause <= now:
                        self._waiting.remove(batch)
                        self._running.append(batch)
                        if self._waiting:  # This thread no longer looks when they are due.
                            self._added.notify()
                        return batch
                if self._stopping:
                    return None
                due = self._waiting[0].since + pause - now if self._waiting else None
                self._added.wait(None if due is None else min(due, threading.TIMEOUT_MAX))


class Batcher:
    """The requests of one loaded version, joined along their first axis.

    There is a queue for each signature and set of outputs. In it, requests whose inputs agree in
    types and in all axes but the first form a batch; others form batches of their own, where
    TensorFlow Serving fails all of a batch with FAILED_PRECONDITION. If a batch fails, its requests
    run one by one, so that each gets what it would get alone.

    Requests of strings, which TensorFlow Serving joins, run by themselves as without batches: they
    are files, which the graphs of exports go through one by one, and joined they were slower.

    Args:
        scheduler: `Scheduler`.
        run: As of `Scheduler.batcher`.

    Attributes:
        runs: How often batches were run, requests of one that failed included.
    """

    def __init__(self, scheduler, run):
        self.runs = 0
        self._counting = threading.Lock()
        self._scheduler = scheduler
        self._run = run

    def predict(self, queue, feeds, fetches, milliseconds: int):
        """Runs a request, as a rule together with others.

        Args:
            queue: What requests must have in common, such as signature and outputs.
            feeds: Dict of tensor to `np.ndarray`.
            fetches: Dict of alias to tensor.
            milliseconds: Time allowed, 0 without limit.

        Returns:
            Dict of alias to `np.ndarray`.

        Raises:
            ServingError: With the code and text of TensorFlow Serving (batching_session.cc); when
                the time is over as without batches.
        """
        if any(array.dtype == object for array in feeds.values()):
            return self._run(feeds, fetches, milliseconds)
        deadline = time.monotonic() + milliseconds / 1000 if milliseconds else float("inf")
        task = _Task(feeds, fetches, _rows(feeds), deadline)
        shapes = [(array.dtype, array.shape[1:]) for array in feeds.values()]
        self._scheduler.add(_Batch(self, (self, queue), shapes, [task]))
        if not task.done.wait(milliseconds / 1000 if milliseconds else None):
            self._scheduler.withdraw(task)
            # What the session says.
            raise ServingError(DEADLINE_EXCEEDED, "Timed out waiting for notification")
        if task.error is not None:
            raise task.error
        return task.outputs

    def close(self):
        """Waits until everything has run."""
        self._scheduler.drain(self)

    def execute(self, batch):
        """Answers the requests of a batch; called by the scheduler's threads."""
        now = time.monotonic()
        tasks = [task for task in batch.tasks if task.deadline > now]  # The others have gone.
        rows = sum(task.rows for task in tasks)
        size = self._padded(rows)
        if len(tasks) > 1 or size > rows:
            try:
                answers = self._joined(tasks, rows, size)
            except Exception:  # Whose fault it is, each will see alone.
                pass
            else:
                for task, outputs in zip(tasks, answers):
                    task.end(outputs)
                return
        for task in tasks:
            try:
                task.end(self._checked_run(task.feeds, task.fetches, task.deadline, task.rows))
            except Exception as error:  # Raised in the thread of the request.
                task.end(error=error)

    def _joined(self, tasks, rows, size):
        feeds = {}
        for tensor, *arrays in zip(tasks[0].feeds, *(task.feeds.values() for task in tasks)):
            first = next((array[:1] for array in arrays if len(array)), None)
            feeds[tensor] = np.concatenate([*arrays, *[first] * (size - rows)])
        deadline = max(task.deadline for task in tasks)
        outputs = self._checked_run(feeds, tasks[0].fetches, deadline, size)
        ends = np.cumsum([task.rows for task in tasks])
        return [
            {alias: value[end - task.rows : end] for alias, value in outputs.items()}
            for task, end in zip(tasks, ends)
        ]

    def _checked_run(self, feeds, fetches, deadline, rows):
        milliseconds = 0
        if deadline != float("inf"):
            milliseconds = max(1, int(1000 * (deadline - time.monotonic())))
        with self._counting:
            self.runs += 1
        outputs = self._run(feeds, fetches, milliseconds)
        for value in outputs.values():
            if np.ndim(value) == 0:
                raise ServingError(FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
            if len(value) != rows:
                raise ServingError(
                    FAILED_PRECONDITION,
                    "Batched output tensor's 0th dimension does not equal the sum of the 0th "
                    "dimension sizes of the input tensors",
                )
        return outputs

    def _padded(self, rows):
        sizes = self._scheduler.parameters.allowed_batch_sizes if rows else ()
        return next((size for size in sizes if size >= rows), rows)


@dataclass(eq=False)
class _Task:
    """A request, and its answer once it is done."""

    feeds: dict
    fetches: dict
    rows: int
    deadline: float
    done: threading.Event = field(default_factory=threading.Event)
    outputs: Optional[dict] = None
    error: Optional[Exception] = None

    def end(self, outputs=None, error=None):
        self.outputs = outputs
        self.error = error
        self.done.set()


@dataclass(eq=False)
class _Batch:
    """Requests to be run together."""

    batcher: Batcher
    queue: tuple
    shapes: list
    tasks: list
    since: float = field(default_factory=time.monotonic)
    open: bool = True

    @property
    def rows(self):
        return sum(task.rows for task in self.tasks)


def _rows(feeds):
    shapes = [array.shape for array in feeds.values()]
    if not shapes:
        broken = "must have at least one input tensor"
    elif not all(shapes):
        broken = "input tensors must have at least one dimension"
    elif len({shape[0] for shape in shapes}) > 1:
        broken = "input tensors must have equal 0th-dimension size"
    else:
        return shapes[0][0]
    raise ServingError(INVALID_ARGUMENT, f"Batching Run() {broken}")
