"""Feeding: what all feeds need of a configuration: the folder, the table, a worker's batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfpix2pix.config import DataConfig, ExperimentConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families.family import Phase, Worker
from tfpix2pix.lazily import augment, streams, tables
from tfpix2pix.locations import check_local

if TYPE_CHECKING:
    from tfpix2pix.data.reading import Examples


def stated_folder(data: DataConfig) -> str:
    """Returns the folder of the data.

    Args:
        data: `tfpix2pix.config.DataConfig`.

    Returns:
        str.

    Raises:
        ValueError: If none is given, or the address of a bucket.

    Example:
        >>> stated_folder(DataConfig(folder="facades"))
        'facades'
    """
    if data.folder is None:
        raise InputError("The folder of the data must be given. Received: none. Set `data.folder`.")
    check_local(data.folder)
    return data.folder


def with_attributes(examples: Examples, data: DataConfig) -> Examples:
    """Gives examples their rows of the table of attributes, if there is one.

    Args:
        examples: `tfpix2pix.data.reading.Examples`.
        data: `tfpix2pix.config.DataConfig`.

    Returns:
        `tfpix2pix.data.reading.Examples`.

    Raises:
        ValueError: As of `tfpix2pix.data.tables`.

    Example:
        >>> with_attributes(None, DataConfig()) is None
        True
    """
    if data.attributes is None:
        return examples
    return tables.with_rows(examples, tables.read_table(data.attributes))


def stream_arguments(config: ExperimentConfig, phase: Phase, worker: Worker) -> dict:
    """Returns which batches of the stream of a phase a worker makes.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        phase: `Phase`.
        worker: `Worker`.

    Returns:
        Dict of arguments of the functions of `tfpix2pix.data.pipeline`: `batch_size`, `seed`,
        `shard`, `augmentation` and `cache_gigabytes`.

    Raises:
        ValueError: If the batch cannot be shared equally.

    Example:
        >>> from tfpix2pix.families import preset
        >>> stream_arguments(preset("facades"), Phase("all", 9, 1, (8, 8)), Worker(2))
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: `train.batch_size` must be a multiple of the number of ...
    """
    data = config.data
    if phase.batch_size % worker.devices:
        raise InputError(
            f"`train.batch_size` must be a multiple of the number of devices. Received: "
            f"batch_size={phase.batch_size}, devices={worker.devices}. Use batch_size="
            f"{worker.devices}."
        )
    return {
        "batch_size": phase.batch_size // worker.devices,
        "seed": config.train.seed,
        "shard": streams.Shard(worker.index * worker.replicas, worker.replicas, worker.devices),
        "augmentation": augment.Augmentation(data.flip, data.source_brightness, data.source_noise),
        "cache_gigabytes": data.cache_gigabytes,
    }
