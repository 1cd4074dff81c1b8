"""How requests are joined: read from a file, and checked as TensorFlow Serving does."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from serving.engine import edge_files
from tfpix2pix.errors import InputError

LEAST = {
    "max_batch_size": 1,
    "batch_timeout_micros": 0,
    "max_enqueued_batches": 1,
    "num_batch_threads": 1,
}


@dataclass(frozen=True)
class BatchingParameters:
    """How requests are joined; defaults are TensorFlow Serving's.

    Args:
        max_batch_size: Most rows (images, as a rule) of a batch, and of a request.
        batch_timeout_micros: Microseconds that a batch that is not full waits for more.
        max_enqueued_batches: Most batches of one queue that wait; more requests are refused.
        num_batch_threads: Most batches that run at the same time, of all models.
        thread_pool_name: Start of the names of the threads.
        allowed_batch_sizes: Sizes that batches are padded to, the last `max_batch_size`; empty for
            any size.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = os.cpu_count() or 1
    thread_pool_name: str = "batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()


def read_batching_parameters(path: Union[str, Path, None] = None):
    """Reads what `--batching_parameters_file` names.

    Args:
        path: Text file of a `BatchingParameters` message, or `None` for the defaults.

    Returns:
        `BatchingParameters`.

    Raises:
        InputError: If there is no such file, it holds something else or what this server does not
            do, or a number cannot be.
    """
    if path is None:
        return BatchingParameters()
    message = edge_files.batching_message(path)
    given = {
        name: getattr(message, name).value
        for name in (*LEAST, "thread_pool_name")
        if message.HasField(name)
    }
    allowed = tuple(message.allowed_batch_sizes)
    parameters = BatchingParameters(**given, allowed_batch_sizes=allowed)
    for name, least in LEAST.items():
        if getattr(parameters, name) < least:
            raise InputError(
                f"`{name}` must be at least {least}. Received: {getattr(parameters, name)} in "
                f"{str(path)!r}. Write {name} {{ value: {least} }} or more."
            )
    if allowed and (allowed[0] < 1 or list(allowed) != sorted(set(allowed))):
        raise InputError(
            "allowed_batch_sizes entries must be positive and monotonically increasing. Received: "
            f"{list(allowed)} in {str(path)!r}. Write them in order, each once."
        )
    if allowed and allowed[-1] != parameters.max_batch_size:
        raise InputError(
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
            f"{allowed[-1]}; expected {parameters.max_batch_size}. Received: {str(path)!r}. Write "
            "the same number for both."
        )
    if message.pad_variable_length_inputs:
        raise InputError(
            "Inputs of different lengths are not padded here: requests of different shapes form "
            f"batches of their own. Received: pad_variable_length_inputs: true in {str(path)!r}. "
            "Leave it out."
        )
    if message.enable_large_batch_splitting.value:
        raise InputError(
            "A request is not split over several batches here. Received: "
            f"enable_large_batch_splitting {{ value: true }} in {str(path)!r}. Leave it out, and "
            "let max_batch_size be that of the largest request."
        )
    return parameters
