"""Unpaired: from a configuration to two domains whose images do not belong together."""

import operator
from collections.abc import Callable, Mapping
from typing import NamedTuple, Optional

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.data import pipeline, sources
from tfpix2pix.data import tasks as pixel_tasks
from tfpix2pix.data.parallel import silent
from tfpix2pix.data.sources import Examples
from tfpix2pix.data.tasks import Task
from tfpix2pix.families import pixels
from tfpix2pix.families.family import Feed, Phase, Worker
from tfpix2pix.families.feeding import stated_folder, stream_arguments, with_attributes
from tfpix2pix.inference import Control, Direction, Embedding, Example


class Domains(NamedTuple):
    """The examples of both domains.

    Attributes:
        a: `tfpix2pix.data.sources.Examples` of one image each.
        b: The same of B.

    Example:
        >>> import numpy as np
        >>> a = Examples(["1"], None, (), np.zeros((1, 1, 2)), [])
        >>> Domains(a, a._replace(names=["2", "3"], skipped=["4"])).skipped
        ['4']
    """

    a: Examples
    b: Examples

    @property
    def names(self) -> list[str]:
        """Names of all images of both domains; those of one are `a.names` and `b.names`."""
        return [*self.a.names, *self.b.names]

    @property
    def per_epoch(self) -> int:
        """How many images of each domain an epoch has: as many as the larger domain."""
        return max(domain.per_epoch for domain in self)

    @property
    def skipped(self) -> list[str]:
        """What was left out of both domains, and why."""
        return [*self.a.skipped, *self.b.skipped]

    def spread(self, count: int) -> "Domains":
        """Returns up to `count` images of each domain from all over it.

        Args:
            count: How many images are wanted.
        """
        return Domains(self.a.spread(count), self.b.spread(count))


def examples(config: ExperimentConfig, split: str, progress: Callable = silent) -> Domains:
    """Finds and checks the images of both domains of one split.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`; the places source and target are A and B.
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
    domains = sources.unpaired(
        stated_folder(data),
        split,
        pixels.open_formats(data),
        layout=data.layout,
        bad_files=data.bad_files,
        progress=progress,
    )
    return Domains(*(with_attributes(domain, data) for domain in domains))


def completed(config: ExperimentConfig, examples: Domains) -> ExperimentConfig:
    """Fills in what a configuration leaves to the data: channels, types and ranges.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        examples: `Domains` to train on.

    Returns:
        The configuration with everything that is needed without the data.

    Raises:
        ValueError: If the networks are to have other channels than the images.

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
    formats = (*examples.a.formats, *examples.b.formats)
    a_to_b, _ = _tasks(config, formats)
    return pixels.filled(config, pixels.PLACES, formats, a_to_b.channels)


def tasks(config: ExperimentConfig) -> tuple[Task, Task]:
    """Returns what lies between files and networks, of both directions.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        `(a_to_b, b_to_a)`, each `tfpix2pix.data.tasks.Pairs`; or `Labels`, if a domain is of label
        maps.

    Example:
        >>> from tfpix2pix.config import DataConfig
        >>> data = DataConfig(source_channels=1)
        >>> a_to_b, b_to_a = tasks(ExperimentConfig("mine", "", data))
        >>> a_to_b.channels, b_to_a.channels
        ((1, 3), (3, 1))
    """
    formats = (pixels.closed_format(place) for place in pixels.open_formats(config.data))
    return _tasks(config, tuple(formats))


def _tasks(config, formats):
    labels = (config.data.source_labels, config.data.target_labels)
    a_to_b = pixel_tasks.task("pairs", formats, labels)
    return a_to_b, pixel_tasks.task("pairs", formats[::-1], labels[::-1])


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
        pixels.geometry(config, phase.image_size),
        tasks=tasks(config),
        order="serial" if config.data.serial_batches else "shuffled",
        first_step=first_step * worker.replicas,
        **stream_arguments(config, phase, worker),
    )


def held_out(config: ExperimentConfig, examples: Domains, phase: Phase) -> tf.data.Dataset:
    """Yields every image of the larger domain once, in order, one a batch, without chance.

    The first batches also hold every image of the smaller domain once, in order; then these come
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
    geometry = pixels.geometry(config, phase.image_size)
    return pipeline.unpaired_evaluation_batches(examples, geometry, tasks=tasks(config))


def a_example(batch) -> Example:
    """Returns what the direction AtoB sees of a batch `(a, b)`: a source and a real image of B.

    Args:
        batch: Tuple of two float `[batch, height, width, channels]` in [-1, 1].

    Returns:
        `Example`.

    Example:
        >>> a_example((tf.zeros((1, 8, 8, 3)), tf.ones((1, 8, 8, 1)))).source.shape
        TensorShape([1, 8, 8, 3])
    """
    return Example(batch[0], reference=batch[1])


def b_example(batch) -> Example:
    """Returns what the direction BtoA sees of a batch `(a, b)`: a source and a real image of A.

    Args:
        batch: As of `a_example`.

    Returns:
        `Example`.

    Example:
        >>> b_example((tf.zeros((1, 8, 8, 3)), tf.ones((1, 8, 8, 1)))).source.shape
        TensorShape([1, 8, 8, 1])
    """
    return Example(batch[1], reference=batch[0])


def directions(
    config: ExperimentConfig,
    networks: Mapping[str, keras.Model],
    controls: tuple[Control, ...] = (),
) -> dict[str, Direction]:
    """Returns the directions between both domains, with all that follows from the data.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        networks: Dict of `"AtoB"`, `"BtoA"` or both to the network, the default one first. With
            both each is the other's reverse.
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
    domains = (operator.attrgetter("a.names"), operator.attrgetter("b.names"))
    kernels = pixels.geometry(config).kernels
    a_to_b, b_to_a = tasks(config)
    ways = {
        "AtoB": (a_to_b, kernels[0], a_example, *domains, "BtoA"),
        "BtoA": (b_to_a, kernels[1], b_example, *domains[::-1], "AtoB"),
    }
    made = {}
    for name, network in networks.items():
        task, kernel, example, sources, references, reverse = ways[name]
        made[name] = Direction(
            network,
            task,
            config.model.multiple(config.data.image_size),
            controls,
            paired=False,
            kernel=kernel,
            example=example,
            sources=sources,
            references=references,
            reverse=reverse if reverse in networks else None,
        )
    return made


def embeddings(
    config: ExperimentConfig,
    networks: Mapping[str, keras.Model],
    image_size: Optional[tuple[int, int]] = None,
) -> dict[str, Embedding]:
    """Returns the embeddings of both domains, with all that follows from the data.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        networks: Dict of `"A"`, `"B"` or both to a network of its images to vectors, the default
            one first.
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
    domain_tasks = dict(zip("AB", tasks(config)))
    kernels = dict(zip("AB", pixels.geometry(config).kernels))
    return {
        name: Embedding(network, domain_tasks[name], size, kernels[name])
        for name, network in networks.items()
    }


FEED = Feed(
    examples,
    completed,
    training,
    held_out,
    ignored={
        "data.task": "unpaired data ignore it: the images of both domains are taken as they are",
        "data.direction": "unpaired data ignore it: both directions are trained",
        "data.places": "unpaired data ignore it: their examples are one image each",
        "data.attributes": "unpaired data ignore it: their models take no table",
    },
)
