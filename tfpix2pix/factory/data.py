"""From a configuration to examples, and to the batches of them that networks see."""

import dataclasses

from tfpix2pix.data import layouts, pipeline, sources, tasks
from tfpix2pix.data.augment import Augmentation
from tfpix2pix.data.formats import PixelFormat, full_range
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.data.parallel import silent
from tfpix2pix.errors import InputError
from tfpix2pix.networks.unet import checked_depth


def examples(config, split, *, progress=silent):
    """Finds and checks the examples of one split.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        split: `"train"`, `"val"` or `"test"`; all files where there are no such folders. For
            `"held_out"` the first that there is of test, val and train.
        progress: See `tfpix2pix.data.survey.examine_images`.

    Returns:
        `tfpix2pix.data.sources.Examples`.

    Raises:
        ValueError: If no folder is given, or something is wrong with its files.

    Example:
        >>> from tfpix2pix.presets import FACADES
        >>> examples(FACADES, "train")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: The data must be named. Received: none. Give it by `--data ...
    """
    data = config.data
    if data.folder is None:
        raise InputError("The data must be named. Received: none. Give it by `--data FOLDER`.")
    if split == "held_out":
        available = layouts.splits(data.folder)
        split = next((name for name in ("test", "val") if name in available), "train")
    formats = _formats(config)
    if len(formats) == 1:
        return sources.photos(
            data.folder, split, *formats, bad_files=data.bad_files, progress=progress
        )
    return sources.pairs(
        data.folder,
        split,
        formats,
        layout=data.layout,
        direction=data.direction,
        bad_files=data.bad_files,
        progress=progress,
    )


def completed(config, examples):
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
        >>> from tfpix2pix.presets import FACADES
        >>> completed(FACADES, synthetic.write_pairs("facades", 2, (32, 32))).data.target_dtype
        'uint8'
    """
    places = ("source", "target")[-len(examples.formats) :]
    filled = {}
    for place, kind in zip(places, examples.formats):
        filled |= {f"{place}_dtype": kind.dtype, f"{place}_range": kind.value_range}
    labels = (config.data.source_labels, config.data.target_labels)
    channels = tasks.task(config.data.task, examples.formats, labels).channels
    wanted = (config.model.source_channels, config.model.target_channels)
    if any(want not in (None, count) for want, count in zip(wanted, channels)):
        raise InputError(
            f"The model must have the channels that the data give, {channels[0]} and "
            f"{channels[1]}. Received: source_channels and target_channels of {wanted}. Leave "
            "--model.source_channels and --model.target_channels out."
        )
    return dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, **filled),
        model=dataclasses.replace(
            config.model, source_channels=channels[0], target_channels=channels[1]
        ),
    )


def task(config):
    """Returns what lies between files and networks.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`; what it leaves open is as in RGB files of 8
            bits.

    Returns:
        `tfpix2pix.data.tasks.Pairs`, or another.

    Example:
        >>> from tfpix2pix.presets import FACADES
        >>> task(FACADES).channels
        (3, 3)
    """
    formats = []
    for kind in _formats(config):
        dtype = kind.dtype or "uint8"
        formats.append(
            PixelFormat(kind.channels or 3, dtype, kind.value_range or full_range(dtype))
        )
    labels = (config.data.source_labels, config.data.target_labels)
    return tasks.task(config.data.task, tuple(formats), labels)


def geometry(config):
    """Returns which part of the images the networks see, and at which size.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        `tfpix2pix.data.geometry.Geometry`.

    Raises:
        ValueError: If the sizes do not fit together.

    Example:
        >>> from tfpix2pix.presets import FACADES
        >>> geometry(FACADES).multiple
        256
    """
    data = config.data
    chosen = (data.source_kernel, data.target_kernel)
    of_labels = (data.source_labels, data.target_labels)
    return Geometry(
        data.image_size,
        data.load_size,
        preprocess=data.preprocess,
        multiple=2 ** checked_depth((*data.image_size, 3), config.model.depth),
        kernels=tuple(
            kernel or ("nearest" if labels else "bilinear")
            for kernel, labels in zip(chosen, of_labels)
        ),
    )


def training_batches(config, examples, *, replicas=1, first_step=0, worker=0, workers=1):
    """Streams the training batches of a worker, of one of its replicas after the other.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `tfpix2pix.data.sources.Examples`.
        replicas: How many replicas each worker has; each is given an equal part of a batch.
        first_step: The step at which the stream starts.
        worker: Number of the worker.
        workers: How many workers there are.

    Returns:
        A `tf.data.Dataset`, see `tfpix2pix.data.pipeline.training_batches`.

    Raises:
        ValueError: If the batch cannot be shared equally, or the examples do not fit.

    Example:
        >>> from tfpix2pix.presets import FACADES
        >>> training_batches(FACADES, None, replicas=2)
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: `train.batch_size` must be a multiple of the number of ...
    """
    batch_size, data = config.train.batch_size, config.data
    devices = replicas * workers
    if batch_size % devices:
        raise InputError(
            f"`train.batch_size` must be a multiple of the number of devices. Received: "
            f"batch_size={batch_size}, devices={devices}. Use --train.batch_size {devices}."
        )
    return pipeline.training_batches(
        examples,
        geometry(config),
        task=task(config),
        augmentation=Augmentation(data.flip, data.source_brightness, data.source_noise),
        batch_size=batch_size // devices,
        seed=config.train.seed,
        first_step=first_step * replicas,
        share=pipeline.Share(worker * replicas, replicas, devices),
        cache_gigabytes=data.cache_gigabytes,
    )


def evaluation_batches(config, examples, *, batch_size=1):
    """Yields every example once, in order, without chance.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `tfpix2pix.data.sources.Examples`.
        batch_size: Examples per batch.

    Returns:
        A `tf.data.Dataset`, see `tfpix2pix.data.pipeline.evaluation_batches`.

    Raises:
        ValueError: If the examples do not fit.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> from tfpix2pix.presets import QUICKSTART
        >>> pairs = synthetic.write_pairs("facades", 2, (64, 64))
        >>> evaluation_batches(QUICKSTART, pairs).element_spec[0].shape
        TensorShape([None, 64, 64, 3])
    """
    return pipeline.evaluation_batches(
        examples, geometry(config), task=task(config), batch_size=batch_size
    )


def _formats(config):
    """Returns the `PixelFormat`s of an example's images; `None` is what the files decide."""
    data, model = config.data, config.model
    if data.task != "pairs":
        channels = 3 if data.task == "colorization" else model.target_channels
        return (PixelFormat(channels, data.target_dtype, data.target_range),)
    source = (model.source_channels, data.source_dtype, data.source_range, data.source_labels)
    target = (model.target_channels, data.target_dtype, data.target_range, data.target_labels)
    return tuple(_kind(*of) for of in (source, target))


def _kind(channels, dtype, value_range, labels):
    if labels is None:
        return PixelFormat(channels, dtype, value_range)
    numbered = isinstance(labels, int)
    return (
        PixelFormat(1, dtype, (0.0, labels - 1.0))
        if numbered
        else PixelFormat(3, dtype, value_range)
    )
