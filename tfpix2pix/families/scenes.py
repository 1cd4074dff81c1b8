"""Scenes: from a configuration to examples of named images, such as label, instance and photo."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Callable

from tfpix2pix.config import ExperimentConfig, PlaceConfig
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.parallel import silent
from tfpix2pix.data.places import NamedPlace
from tfpix2pix.errors import InputError
from tfpix2pix.families import pairs
from tfpix2pix.families.family import Feed
from tfpix2pix.families.feeding import stated_folder, with_attributes
from tfpix2pix.families.pixels import PLACES, ends, filled
from tfpix2pix.lazily import inference, sources, tasks

if TYPE_CHECKING:
    from tfpix2pix.data.reading import Examples


def feed(
    source: NamedPlace,
    others: tuple[NamedPlace, ...],
    target: NamedPlace,
    *,
    tasks: tuple[str, ...] = ("pairs",),
    ignored: Mapping[str, str] | None = None,
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


def scene_example(config: ExperimentConfig, controls: Mapping[str, str]) -> Callable:
    """Returns the `example` of a direction: which images of a batch are values of its controls.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`, completed.
        controls: Dict of the names of controls to those of places, or to `"attributes"`.

    Returns:
        Function of a batch of a scenes' feed to `tfpix2pix.inference.direction.Example`.

    Example:
        >>> import tensorflow as tf
        >>> from tfpix2pix.config import DataConfig
        >>> data = DataConfig(places={"instance": PlaceConfig(1, "int32")})
        >>> of_batch = scene_example(ExperimentConfig("mine", "", data), {"instances": "instance"})
        >>> list(of_batch((tf.zeros((1, 8, 8, 3)),) * 3).controls)
        ['instances']
    """
    names = (PLACES[0], *(config.data.places or {}), PLACES[1], "attributes")

    def of_batch(batch):
        images = dict(zip(names, batch))
        values = {name: images[place] for name, place in controls.items() if place in images}
        return inference.Example(images[PLACES[0]], images[PLACES[1]], values)

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
