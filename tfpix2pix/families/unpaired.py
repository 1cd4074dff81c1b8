"""Unpaired: from a configuration to domains whose images do not belong together."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.data.parallel import silent
from tfpix2pix.errors import InputError
from tfpix2pix.families import pixels
from tfpix2pix.families.domain_examples import Domains, domain_names, of_domains
from tfpix2pix.families.family import Feed, Phase, Worker
from tfpix2pix.families.feeding import stated_folder, stream_arguments
from tfpix2pix.lazily import domain_paths, inference, keras, pipeline, sources, tf
from tfpix2pix.lazily import tasks as pixel_tasks

if TYPE_CHECKING:
    from tfpix2pix.data.geometry import Geometry


def examples(config: ExperimentConfig, split: str, progress: Callable = silent) -> Domains:
    """Finds and checks the images of all domains of one split.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`; the places source and target are A and B, and
            more domains are as A.
        split: `"train"`, `"val"`, `"test"` or `"held_out"`, as of pairs.
        progress: As of pairs.

    Returns:
        `Domains`.

    Raises:
        ValueError: If no folder is given, or something is wrong with its files.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.families import preset
        >>> for name in ("apes/trainA/1.png", "apes/trainB/2.png"):
        ...     codecs.write(np.zeros((4, 8, 3), "uint8"), name)
        >>> examples(preset("facades").with_data("apes"), "train").names
        ['trainA/1.png', 'trainB/2.png']
    """
    data = config.data
    names = domain_names(config)
    domains = sources.unpaired(
        stated_folder(data),
        split,
        of_domains(pixels.open_formats(data), len(names)),
        names=names,
        layout=data.layout,
        bad_files=data.bad_files,
        progress=progress,
    )
    return Domains(domains)


def completed(config: ExperimentConfig, examples: Domains) -> ExperimentConfig:
    """Fills in what a configuration leaves to the data: channels, types and ranges.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `Domains` to train on.

    Returns:
        The configuration with everything that is needed without the data.

    Raises:
        ValueError: If the networks are to have other channels than the images, or domains beyond
            the second other pixels than A.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.families import preset
        >>> codecs.write(np.zeros((4, 8, 3), "uint8"), "owls/trainA/1.png")
        >>> codecs.write(np.zeros((4, 8, 1), "uint8"), "owls/trainB/2.png")
        >>> config = preset("facades").with_data("owls")
        >>> completed(config, examples(config, "train")).data.target_channels
        1
    """
    formats = [pixel_format for domain in examples for pixel_format in domain.formats]
    if list(of_domains(formats[:2], len(formats))) != formats:
        listed = ", ".join(map(str, formats))
        raise InputError(
            "The images of domains beyond the second must have pixels as those of the first. "
            f"Received: {listed}. Convert the images."
        )
    a_to_b = _task(config, formats, (0, 1))
    return pixels.filled(config, pixels.PLACES, formats[:2], a_to_b.channels)


def tasks(config: ExperimentConfig) -> list[pixel_tasks.Task]:
    """Returns what lies between files and networks, from each domain to the next.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        List of `tfpix2pix.data.tasks.Pairs`; or `Labels`, if a domain is of label maps. Of two
        domains these are `[a_to_b, b_to_a]`.

    Example:
        >>> from tfpix2pix.config import DataConfig
        >>> data = DataConfig(source_channels=1)
        >>> a_to_b, b_to_a = tasks(ExperimentConfig("mine", "", data))
        >>> a_to_b.channels, b_to_a.channels
        ((1, 3), (3, 1))
    """
    count = len(domain_names(config))
    formats = _closed_formats(config)
    return [_task(config, formats, (start, (start + 1) % count)) for start in range(count)]


def _closed_formats(config):
    formats = map(pixels.closed_format, pixels.open_formats(config.data))
    return of_domains(formats, len(domain_names(config)))


def _task(config, formats, numbers):
    """Returns the task from one domain to another, by their numbers."""
    ends = (config.data.source_labels, config.data.target_labels)
    labels = of_domains(ends, len(formats))
    formats, labels = (tuple(items[number] for number in numbers) for items in (formats, labels))
    return pixel_tasks.task("pairs", formats, labels)


def _geometry(config, image_size=None) -> Geometry:
    """Returns the geometry, with a kernel for each domain."""
    geometry = pixels.geometry(config, image_size)
    kernels = of_domains(geometry.kernels, len(domain_names(config)))
    return dataclasses.replace(geometry, kernels=kernels)


def training(
    config: ExperimentConfig, examples: Domains, phase: Phase, worker: Worker, first_step: int
) -> tf.data.Dataset:
    """Streams the training batches of a worker, of one of its replicas after the other.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `Domains`.
        phase: `Phase`.
        worker: `Worker`.
        first_step: The step of the training at which the stream starts.

    Returns:
        See `tfpix2pix.data.pipeline.unpaired_batches`.

    Raises:
        ValueError: If the batch cannot be shared equally, or the images do not fit.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.families import preset
        >>> for name in ("bees/trainA/1.png", "bees/trainB/2.png"):
        ...     codecs.write(np.zeros((64, 64, 3), "uint8"), name)
        >>> config = preset("quickstart").with_data("bees")
        >>> phase = Phase("whole", 9, 2, (64, 64))
        >>> batches = training(config, examples(config, "train"), phase, Worker(), 0)
        >>> [image.shape for image in batches.element_spec]
        [TensorShape([2, 64, 64, 3]), TensorShape([2, 64, 64, 3])]
    """
    return pipeline.unpaired_batches(
        examples,
        _geometry(config, phase.image_size),
        tasks=tasks(config),
        order="serial" if config.data.serial_batches else "shuffled",
        first_step=first_step * worker.replicas,
        **stream_arguments(config, phase, worker),
    )


def held_out(config: ExperimentConfig, examples: Domains, phase: Phase) -> tf.data.Dataset:
    """Yields every image of the largest domain once, in order, one a batch, without chance.

    The first batches also hold every image of smaller domains once, in order; then these come
    again. How many batches a direction translates is said by its `sources`.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `Domains`.
        phase: `Phase`.

    Returns:
        See `tfpix2pix.data.pipeline.unpaired_evaluation_batches`.

    Raises:
        ValueError: If the images do not fit.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.families import preset
        >>> for name in ("ants/trainA/1.png", "ants/trainB/2.png", "ants/trainB/3.png"):
        ...     codecs.write(np.zeros((64, 64, 3), "uint8"), name)
        >>> config = preset("quickstart").with_data("ants")
        >>> phase = Phase("whole", 9, 2, (64, 64))
        >>> len(list(held_out(config, examples(config, "train"), phase)))
        2
    """
    geometry = _geometry(config, phase.image_size)
    return pipeline.unpaired_evaluation_batches(examples, geometry, tasks=tasks(config))


def directions(
    config: ExperimentConfig,
    networks: Mapping[str, keras.Model],
    controls: tuple[inference.Control, ...] = (),
) -> dict[str, inference.Direction]:
    """Returns the directions between domains, with all that follows from the data.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        networks: Dict of directions, such as `"AtoB"` and `"BtoA"`, to their network, the default
            one first; see `tfpix2pix.models.domain_paths.direction_name`. Where both are given,
            each is the other's reverse.
        controls: `tfpix2pix.inference.Control`s of all of them.

    Returns:
        Dict of the same names to `Direction`.

    Example:
        >>> from tfpix2pix.families import preset
        >>> from tfpix2pix.networks import unet_generator
        >>> network = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> both = directions(preset("quickstart"), {"BtoA": network, "AtoB": network})
        >>> list(both), both["BtoA"].reverse
        (['BtoA', 'AtoB'], 'AtoB')
    """
    domains = domain_names(config)
    numbers = {
        domain_paths.direction_name(source, target): (
            domains.index(source),
            domains.index(target),
        )
        for source in domains
        for target in domains
    }
    kernels = _geometry(config).kernels
    formats = _closed_formats(config)
    made = {}
    for name, network in networks.items():
        source, target = numbers[name]
        reverse = domain_paths.direction_name(domains[target], domains[source])
        made[name] = inference.Direction(
            network,
            _task(config, formats, (source, target)),
            config.model.multiple(config.data.image_size),
            controls,
            paired=False,
            kernel=kernels[source],
            example=partial(_example, source, target),
            sources=partial(_names, source),
            references=partial(_names, target),
            reverse=reverse if reverse in networks else None,
        )
    return made


def _example(source, target, batch):
    """Returns what a direction sees of a batch: an image, and a real one of the other domain."""
    return inference.Example(batch[source], reference=batch[target])


def _names(number, examples):
    return list(examples[number].names)


def embeddings(
    config: ExperimentConfig,
    networks: Mapping[str, keras.Model],
    image_size: tuple[int, int] | None = None,
) -> dict[str, inference.Embedding]:
    """Returns the embeddings of domains, with all that follows from the data.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        networks: Dict of domains, such as `"A"` and `"B"`, to a network of their images to vectors,
            the default one first.
        image_size: `(height, width)` in pixels to which images are resized; by default that of the
            training images.

    Returns:
        Dict of the same names to `tfpix2pix.inference.Embedding`.

    Example:
        >>> from tfpix2pix.families import preset
        >>> image = keras.Input((None, None, 3))
        >>> means = keras.Model(image, keras.layers.GlobalAveragePooling2D()(image))
        >>> embeddings(preset("quickstart"), {"B": means})["B"].image_size
        (64, 64)
    """
    size = image_size or config.data.image_size
    domains = domain_names(config)
    domain_tasks = dict(zip(domains, tasks(config)))
    kernels = dict(zip(domains, _geometry(config).kernels))
    return {
        name: inference.Embedding(network, domain_tasks[name], size, kernels[name])
        for name, network in networks.items()
    }


FEED = Feed(
    examples,
    completed,
    training,
    held_out,
    ignored={
        "data.task": "unpaired data ignore it: the images of all domains are taken as they are",
        "data.direction": "unpaired data ignore it: all directions are trained",
        "data.places": "unpaired data ignore it: their examples are one image each",
        "data.attributes": "unpaired data ignore it: their models take no table",
    },
)
