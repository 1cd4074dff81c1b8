"""Pixels: from a configuration to the formats of images, their task and their geometry."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tfpix2pix.config import DataConfig, ExperimentConfig
from tfpix2pix.data.formats import PixelFormat, full_range
from tfpix2pix.data.places import NamedPlace
from tfpix2pix.errors import InputError
from tfpix2pix.lazily import base_task, survey, tasks

if TYPE_CHECKING:
    from tfpix2pix.data.geometry import Geometry

PLACES = ("source", "target")
MOST_OF_8_BITS = 256  # Classes.


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


def open_formats(data: DataConfig) -> tuple[PixelFormat, ...]:
    """Returns the formats of an example's images, as far as a configuration decides them.

    Args:
        data: `tfpix2pix.config.DataConfig`.

    Returns:
        Tuple of `PixelFormat`: of the source, of others if there are any, and of the target; or of
        the one photo.

    Example:
        >>> open_formats(DataConfig(source_labels=5))[0]
        PixelFormat(channels=1, dtype=None, value_range=(0.0, 4.0))
    """
    kind = base_task.kind_of(data.task_of_examples)
    if kind.of_photos:
        channels = kind.photo_channels or data.target_channels
        return (PixelFormat(channels, data.target_dtype, data.target_range),)
    others = (data.places or {}).values()
    return (
        _open_format(data, "source"),
        *(PixelFormat(place.channels, place.dtype, place.value_range) for place in others),
        _open_format(data, "target"),
    )


def _open_format(data, place):
    channels, dtype, value_range, labels = (
        getattr(data, f"{place}_{name}") for name in ("channels", "dtype", "range", "labels")
    )
    if labels is None:
        return PixelFormat(channels, dtype, value_range)
    if isinstance(labels, int):
        # Masks have 255 for the second of two classes.
        high = max(labels - 1, data.ignored_label or 0, survey.WHITE if labels == 2 else 0)
        return PixelFormat(1, dtype, (0.0, float(high)))
    return PixelFormat(3, dtype, value_range)


def ends(data: DataConfig, source: NamedPlace, target: NamedPlace) -> tuple[NamedPlace, NamedPlace]:
    """Returns the places of source and target, with what a configuration says of their images.

    Args:
        data: `tfpix2pix.config.DataConfig`.
        source: `tfpix2pix.data.places.NamedPlace`.
        target: The same.

    Returns:
        Two `tfpix2pix.data.places.NamedPlace`.

    Example:
        >>> label, photo = NamedPlace("label"), NamedPlace("photo")
        >>> ends(DataConfig(source_labels=35), label, photo)[0].format
        PixelFormat(channels=1, dtype='uint8', value_range=(0.0, 34.0))
    """
    formats = open_formats(data)
    sides = (
        (source, formats[0], data.source_labels, kernels(data)[0]),
        (target, formats[-1], data.target_labels, kernels(data)[-1]),
    )
    made = []
    for place, pixel_format, labels, kernel in sides:
        place = place._replace(format=pixel_format, kernel=kernel)
        if isinstance(labels, int):
            dtype = pixel_format.dtype or ("uint8" if labels <= MOST_OF_8_BITS else "uint16")
            place = place._replace(
                format=pixel_format._replace(dtype=dtype),
                ids=True,
                greatest=labels - 1,
                ignored=data.ignored_label,
            )
        made.append(place)
    return tuple(made)


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


def kernels(data: DataConfig) -> tuple[str, ...]:
    """Returns how the images of an example are resized: source, others and target.

    Args:
        data: `tfpix2pix.config.DataConfig`.

    Returns:
        Tuple of names; label maps and ids are resized by "nearest" if nothing is said of them.

    Example:
        >>> from tfpix2pix.config import PlaceConfig
        >>> kernels(DataConfig(source_labels=9, places={"ids": PlaceConfig(dtype="int32")}))
        ('nearest', 'nearest', 'bilinear')
    """
    others = (data.places or {}).values()
    return (
        data.source_kernel or ("nearest" if data.source_labels else "bilinear"),
        *(p.kernel or ("nearest" if p.dtype == "int32" else "bilinear") for p in others),
        data.target_kernel or ("nearest" if data.target_labels else "bilinear"),
    )


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
    from tfpix2pix.data.geometry import Geometry  # It loads TensorFlow.

    data = config.data
    image_size = image_size or data.image_size
    load_size = data.load_size
    if load_size and image_size != data.image_size:
        sides = zip(load_size, image_size, data.image_size)
        load_size = tuple(round(load * side / full) for load, side, full in sides)
    return Geometry(
        image_size,
        load_size,
        preprocess=data.preprocess,
        multiple=config.model.multiple(image_size),
        kernels=kernels(data),
    )
