"""Scenes: from a configuration to examples of named images, such as label, instance and photo."""

import dataclasses
from collections.abc import Mapping
from typing import Callable, Optional

from tfpix2pix.config import DataConfig, ExperimentConfig, PlaceConfig
from tfpix2pix.data import sources, tasks
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.parallel import silent
from tfpix2pix.data.places import NamedPlace
from tfpix2pix.data.reading import Examples
from tfpix2pix.errors import InputError
from tfpix2pix.families import pairs
from tfpix2pix.families.family import Feed
from tfpix2pix.families.feeding import stated_folder, with_attributes
from tfpix2pix.families.pixels import PLACES, filled, kernels, open_formats
from tfpix2pix.inference.direction import Example

MOST_OF_8_BITS = 256  # Classes.


def feed(
    source: NamedPlace,
    others: tuple[NamedPlace, ...],
    target: NamedPlace,
    *,
    tasks: tuple[str, ...] = ("pairs",),
    ignored: Optional[Mapping[str, str]] = None,
) -> Feed:
    """Returns the feed of a family whose examples have more images than source and target.

    A batch is `(source, *others, target)`: the source and the target as the task makes them of
    their pixels, others in [-1, 1], but ids as int32; and last the row of the table of attributes,
    if one is given. The option places says which others there are; a training records those of its
    data.

    Args:
        source: Where the source lies; its format and kernel follow from the configuration, and maps
            of numbered classes are read as ids.
        others: `tfpix2pix.data.places.NamedPlace`s of the other images.
        target: As `source`.
        tasks: Names of the tasks that the family takes.
        ignored: As of `tfpix2pix.families.Feed`.

    Returns:
        `tfpix2pix.families.Feed`.

    Example:
        >>> from tfpix2pix.data.places import INSTANCE, PHOTO
        >>> instance = INSTANCE._replace(optional=True)
        >>> feed(NamedPlace("label"), (instance,), PHOTO).tasks
        ('pairs',)
    """

    def examples(config: ExperimentConfig, split: str, progress: Callable = silent) -> Examples:
        data = config.data
        first, last = ends(data, source, target)
        found = sources.scenes(
            stated_folder(data),
            split,
            (first, *_stated(data, others), last),
            layout=data.layout,
            direction=data.direction,
            bad_files=data.bad_files,
            progress=progress,
        )
        return with_attributes(found, data)

    def completed(config: ExperimentConfig, examples: Examples) -> ExperimentConfig:
        return _completed(config, examples, {place.name: place.kernel for place in others})

    own = {"data.serial_batches": pairs.IGNORED["data.serial_batches"], **(ignored or {})}
    return Feed(examples, completed, pairs.training, pairs.held_out, own, tasks)


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
        if isinstance(labels, int):
            dtype = pixel_format.dtype or ("uint8" if labels <= MOST_OF_8_BITS else "uint16")
            pixel_format = pixel_format._replace(dtype=dtype)
        made.append(place._replace(format=pixel_format, kernel=kernel, ids=isinstance(labels, int)))
    return tuple(made)


def scene_example(config: ExperimentConfig, controls: Mapping[str, str]) -> Callable:
    """Returns the `example` of a direction: which images of a batch are values of its controls.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`, completed.
        controls: Dict of the names of controls to those of places, or to `"attributes"`.

    Returns:
        Function of a batch of a scenes' feed to `tfpix2pix.inference.direction.Example`.

    Example:
        >>> import tensorflow as tf
        >>> data = DataConfig(places={"instance": PlaceConfig(1, "int32")})
        >>> of_batch = scene_example(ExperimentConfig("mine", "", data), {"instances": "instance"})
        >>> list(of_batch((tf.zeros((1, 8, 8, 3)),) * 3).controls)
        ['instances']
    """
    names = (PLACES[0], *(config.data.places or {}), PLACES[1], "attributes")

    def of_batch(batch):
        images = dict(zip(names, batch))
        values = {name: images[place] for name, place in controls.items() if place in images}
        return Example(images[PLACES[0]], images[PLACES[1]], values)

    return of_batch


def _stated(data, others):
    """Returns the other places to look for, with what a configuration says of their images."""
    if data.places is None:
        return others
    named = {place.name: place for place in others}
    if unknown := [name for name in data.places if name not in named]:
        raise InputError(
            f"The images beside source and target must be of {', '.join(named)}. Received: "
            f"{', '.join(unknown)}. Leave them out of `data.places`."
        )
    return tuple(
        place._replace(
            format=PixelFormat(stated.channels, stated.dtype, stated.value_range), optional=False
        )
        for place in others
        if (stated := data.places.get(place.name)) is not None
    )


def _completed(config, examples, kernels_of_others):
    first, *others, last = examples.formats
    labels = (config.data.source_labels, config.data.target_labels)
    channels = tasks.task(config.data.task, (first, last), labels).channels
    config = filled(config, PLACES, (first, last), channels)
    stated = config.data.places or {}
    places = {}
    for name, pixel_format in zip(examples.places[1:-1], others):
        kernel = name in stated and stated[name].kernel
        places[name] = PlaceConfig(*pixel_format, kernel or kernels_of_others[name])
    return dataclasses.replace(config, data=dataclasses.replace(config.data, places=places))
