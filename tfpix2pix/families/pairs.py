"""Pairs: from a configuration to examples of a source and its target, and to batches of them."""

import dataclasses
from typing import Callable

import tensorflow as tf

from tfpix2pix.config import DataConfig, ExperimentConfig
from tfpix2pix.data import layouts, pipeline, sources, tasks
from tfpix2pix.data.augment import Augmentation
from tfpix2pix.data.formats import PixelFormat, full_range
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.data.parallel import silent
from tfpix2pix.errors import InputError
from tfpix2pix.families.family import Feed, Phase, Place

PLACES = ("source", "target")
IGNORED = {"data.serial_batches": "pairs ignore it: the images of a pair belong together"}


def examples(config: ExperimentConfig, split: str, progress: Callable = silent):
    """Finds and checks the examples of one split.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        split: `"train"`, `"val"` or `"test"`; all files where there are no such folders. For
            `"held_out"` the first that there is of test, val and train.
        progress: See `tfpix2pix.data.survey`.

    Returns:
        `tfpix2pix.data.sources.Examples`; photos alone where a model is to draw their edges.

    Raises:
        ValueError: If no folder is given, or something is wrong with its files.

    Example:
        >>> from tfpix2pix.families import preset
        >>> examples(preset("facades"), "train")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: The folder of the data must be given. ...
    """
    data = config.data
    split = available_split(data, split)
    formats = open_formats(data)
    options = {"bad_files": data.bad_files, "progress": progress}
    if data.task != "pairs":
        return sources.photos(data.folder, split, formats[-1], **options)
    return sources.pairs(
        data.folder, split, formats, layout=data.layout, direction=data.direction, **options
    )


def available_split(data: DataConfig, split: str) -> str:
    """Returns the split to read; for `"held_out"` the first that there is of test, val and train.

    Args:
        data: `tfpix2pix.config.DataConfig`.
        split: `"train"`, `"val"`, `"test"` or `"held_out"`.

    Returns:
        str.

    Raises:
        ValueError: If no folder is given.

    Example:
        >>> available_split(DataConfig(folder="."), "held_out")
        'train'
    """
    if data.folder is None:
        raise InputError("The folder of the data must be given. Received: none. Set `data.folder`.")
    if split != "held_out":
        return split
    available = layouts.splits(data.folder)
    return next((name for name in ("test", "val") if name in available), "train")


def completed(config: ExperimentConfig, examples) -> ExperimentConfig:
    """Fills in what a configuration leaves to the data: channels, types and ranges.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `tfpix2pix.data.sources.Examples` to train on.

    Returns:
        The configuration with everything that is needed without the data.

    Raises:
        ValueError: If the model is to have other channels than the data's classes give.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> from tfpix2pix.families import preset
        >>> config = completed(preset("facades"), synthetic.write_pairs("facades", 2, (32, 32)))
        >>> config.data.target_dtype
        'uint8'
    """
    labels = (config.data.source_labels, config.data.target_labels)
    channels = tasks.task(config.data.task_of_examples, examples.formats, labels).channels
    return filled(config, PLACES[-len(examples.formats) :], examples.formats, channels)


def filled(config: ExperimentConfig, places, formats, channels) -> ExperimentConfig:
    """Fills in the pixel formats of places, and the channels of sources and targets.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        places: Which of `PLACES` the formats are of.
        formats: `PixelFormat` of each.
        channels: Channels of source and target as networks see them.

    Returns:
        The configuration with all of it.

    Raises:
        ValueError: If it asks for other channels.

    Example:
        >>> from tfpix2pix.families import preset
        >>> grey = PixelFormat(1, "uint8", (0.0, 255.0))
        >>> filled(preset("facades"), PLACES, (grey, grey), (1, 1)).data.source_channels
        1
    """
    data = config.data
    wanted = (data.source_channels, data.target_channels)
    if any(want not in (None, count) for want, count in zip(wanted, channels)):
        raise InputError(
            f"The networks must have the channels that the data give, {channels[0]} and "
            f"{channels[1]}. Received: source_channels and target_channels of {wanted}. Leave "
            "`data.source_channels` and `data.target_channels` out."
        )
    changes = dict(zip(("source_channels", "target_channels"), channels))
    for place, pixel_format in zip(places, formats):
        changes[f"{place}_dtype"] = pixel_format.dtype
        changes[f"{place}_range"] = pixel_format.value_range
    return dataclasses.replace(config, data=dataclasses.replace(data, **changes))


def task(config: ExperimentConfig):
    """Returns what lies between files and networks.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`; what it leaves open is as in RGB files of 8
            bits.

    Returns:
        `tfpix2pix.data.tasks.Pairs`, or another.

    Example:
        >>> from tfpix2pix.families import preset
        >>> task(preset("facades")).channels
        (3, 3)
    """
    labels = (config.data.source_labels, config.data.target_labels)
    formats = tuple(closed_format(open_format) for open_format in open_formats(config.data))
    return tasks.task(config.data.task_of_examples, formats, labels)


def closed_format(pixel_format: PixelFormat) -> PixelFormat:
    """Returns a format without open ends: what it leaves open is as in RGB files of 8 bits.

    Args:
        pixel_format: `PixelFormat`.

    Returns:
        `PixelFormat`.

    Example:
        >>> closed_format(PixelFormat(channels=1))
        PixelFormat(channels=1, dtype='uint8', value_range=(0.0, 255.0))
    """
    dtype = pixel_format.dtype or "uint8"
    value_range = pixel_format.value_range or full_range(dtype)
    return PixelFormat(pixel_format.channels or 3, dtype, value_range)


def geometry(config: ExperimentConfig, image_size=None) -> Geometry:
    """Returns which part of the images the networks see, and at which size.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        image_size: `(height, width)` in pixels of a phase; by default that of the configuration.
            The size before the random crop changes in proportion.

    Returns:
        `tfpix2pix.data.geometry.Geometry`.

    Raises:
        ValueError: If the sizes do not fit together.

    Example:
        >>> from tfpix2pix.families import preset
        >>> geometry(preset("facades")).multiple
        256
    """
    data = config.data
    image_size = image_size or data.image_size
    load_size = data.load_size
    if load_size and image_size != data.image_size:
        sides = zip(load_size, image_size, data.image_size)
        load_size = tuple(round(load * side / full) for load, side, full in sides)
    kernels = (data.source_kernel, data.target_kernel)
    labels = (data.source_labels, data.target_labels)
    return Geometry(
        image_size,
        load_size,
        preprocess=data.preprocess,
        multiple=config.model.multiple(image_size),
        kernels=tuple(
            kernel or ("nearest" if names else "bilinear") for kernel, names in zip(kernels, labels)
        ),
    )


def share(config: ExperimentConfig, phase: Phase, place: Place) -> dict:
    """Returns which batches of the stream of a phase a worker makes.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        phase: `Phase`.
        place: `Place`.

    Returns:
        Dict of arguments of the functions of `tfpix2pix.data.pipeline`: `batch_size`, `seed`,
        `share`, `augmentation` and `cache_gigabytes`.

    Raises:
        ValueError: If the batch cannot be shared equally.

    Example:
        >>> from tfpix2pix.families import preset
        >>> share(preset("facades"), Phase("whole", 9, 1, (256, 256)), Place(replicas=2))
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: `train.batch_size` must be a multiple of the number of ...
    """
    data = config.data
    if phase.batch_size % place.devices:
        raise InputError(
            f"`train.batch_size` must be a multiple of the number of devices. Received: "
            f"batch_size={phase.batch_size}, devices={place.devices}. Use batch_size="
            f"{place.devices}."
        )
    return {
        "batch_size": phase.batch_size // place.devices,
        "seed": config.train.seed,
        "share": pipeline.Share(place.worker * place.replicas, place.replicas, place.devices),
        "augmentation": Augmentation(data.flip, data.source_brightness, data.source_noise),
        "cache_gigabytes": data.cache_gigabytes,
    }


def training(
    config: ExperimentConfig, examples, phase: Phase, place: Place, first_step: int
) -> tf.data.Dataset:
    """Streams the training batches of a worker, of one of its replicas after the other.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `tfpix2pix.data.sources.Examples`.
        phase: `Phase`.
        place: `Place`.
        first_step: The step of the training at which the stream starts.

    Returns:
        See `tfpix2pix.data.pipeline.training_batches`.

    Raises:
        ValueError: If the batch cannot be shared equally, or the examples do not fit.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> from tfpix2pix.families import preset
        >>> pairs = synthetic.write_pairs("facades", 2, (64, 64))
        >>> phase = Phase("whole", 9, 4, (64, 64))
        >>> training(preset("quickstart"), pairs, phase, Place(2), 0).element_spec[0].shape
        TensorShape([2, 64, 64, 3])
    """
    return pipeline.training_batches(
        examples,
        geometry(config, phase.image_size),
        task=task(config),
        first_step=first_step * place.replicas,
        **share(config, phase, place),
    )


def held_out(config: ExperimentConfig, examples, phase: Phase) -> tf.data.Dataset:
    """Yields every example once, in order, one a batch, without chance.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `tfpix2pix.data.sources.Examples`.
        phase: `Phase`.

    Returns:
        See `tfpix2pix.data.pipeline.evaluation_batches`.

    Raises:
        ValueError: If the examples do not fit.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> from tfpix2pix.families import preset
        >>> pairs = synthetic.write_pairs("facades", 2, (64, 64))
        >>> phase = Phase("whole", 9, 1, (64, 64))
        >>> held_out(preset("quickstart"), pairs, phase).element_spec[0].shape
        TensorShape([None, 64, 64, 3])
    """
    return pipeline.evaluation_batches(
        examples, geometry(config, phase.image_size), task=task(config)
    )


def open_formats(data: DataConfig) -> tuple[PixelFormat, ...]:
    """Returns the formats of an example's images, as far as a configuration decides them.

    Args:
        data: `tfpix2pix.config.DataConfig`.

    Returns:
        Tuple of `PixelFormat`: of the source and the target of a pair, or of the one photo.

    Example:
        >>> open_formats(DataConfig(source_labels=5))[0]
        PixelFormat(channels=1, dtype=None, value_range=(0.0, 4.0))
    """
    if data.task_of_examples != "pairs":
        channels = 3 if data.task == "colorization" else data.target_channels
        return (PixelFormat(channels, data.target_dtype, data.target_range),)
    return (
        _open_format(
            data.source_channels, data.source_dtype, data.source_range, data.source_labels
        ),
        _open_format(
            data.target_channels, data.target_dtype, data.target_range, data.target_labels
        ),
    )


def _open_format(channels, dtype, value_range, labels):
    if labels is None:
        return PixelFormat(channels, dtype, value_range)
    if isinstance(labels, int):
        return PixelFormat(1, dtype, (0.0, labels - 1.0))
    return PixelFormat(3, dtype, value_range)


FEED = Feed(examples, completed, training, held_out, IGNORED)
