"""Pipelines: batches of examples, or of domains, for training and to judge by.

They are made of the parts in `tfpix2pix.data.streams`, where a pipeline of your own finds them.
"""

from collections.abc import Sequence
from typing import Optional

import tensorflow as tf

from tfpix2pix.data import augment
from tfpix2pix.data.augment import Augmentation
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.data.reading import Examples
from tfpix2pix.data.streams import Shard, centred, loader, once, shuffled, stream
from tfpix2pix.data.tasks import Pairs, Task
from tfpix2pix.errors import InputError

ORDERS = ("shuffled", "serial")


def training_batches(
    examples: Examples,
    geometry: Geometry,
    *,
    task: Optional[Task] = None,
    augmentation: Augmentation = Augmentation(),
    batch_size: int = 1,
    seed: int = 0,
    first_step: int = 0,
    shard: Shard = Shard(),
    cache_gigabytes: float = 1.0,
) -> tf.data.Dataset:
    """Streams shuffled and jittered batches without end; every epoch holds each example once.

    Images are decoded and resized, then cached, then shuffled and jittered, so that order and
    jitter differ from epoch to epoch.

    Args:
        examples: `tfpix2pix.data.sources.Examples`.
        geometry: `tfpix2pix.data.geometry.Geometry`.
        task: `tfpix2pix.data.tasks.Pairs` or another task; by default that of pairs of images.
        augmentation: `tfpix2pix.data.augment.Augmentation`.
        batch_size: Examples per batch.
        seed: Seed of order and jitter.
        first_step: How many batches of the stream to skip, at no cost.
        shard: `Shard`, which batches of the stream to make; by default all.
        cache_gigabytes: Resized images are kept in memory if all together need at most this much.

    Returns:
        A `tf.data.Dataset` of what the task makes of an example, `(source, target)` of pairs,
        float32 `[batch_size, height, width, channels]` in [-1, 1], with others between them as in
        `tfpix2pix.data.tasks.Task.still`; after them float32 `[batch_size, columns]`, the rows of a
        table that the examples have.

    Raises:
        ValueError: If the examples do not fit the geometry.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> pairs = synthetic.write_pairs("facades", 4, (32, 32))
        >>> training_batches(pairs, Geometry((32, 32))).element_spec[0].shape
        TensorShape([1, 32, 32, 3])
    """
    task = task or Pairs(examples.formats)
    geometry.check(examples, batch_size)
    load = loader(examples, geometry, cache_gigabytes=cache_gigabytes)

    def example(position):
        index = shuffled(position, len(examples.names), seed)
        key = tf.stack([seed, position])
        images = augment.jitter(load(index), geometry.window, flip=augmentation.flip, seed=key)
        source, *others = task.example(images, key)
        return (augment.perturb(source, augmentation, key), *others, *examples.row(index))

    return stream(example, batch_size=batch_size, first_step=first_step, shard=shard)


def unpaired_batches(
    domains: Sequence[Examples],
    geometry: Geometry,
    *,
    tasks: Optional[Sequence[Task]] = None,
    augmentation: Augmentation = Augmentation(),
    order: str = "shuffled",
    batch_size: int = 1,
    seed: int = 0,
    first_step: int = 0,
    shard: Shard = Shard(),
    cache_gigabytes: float = 1.0,
) -> tf.data.Dataset:
    """Streams jittered batches of several domains, put together at random or by position, endless.

    Each domain has epochs and permutations of its own: an image comes again when all others of its
    domain have come, and an image of A meets other images of B in each epoch.

    Args:
        domains: `tfpix2pix.data.sources.Examples` of one image each, such as `(a, b)`.
        geometry: `tfpix2pix.data.geometry.Geometry`, with a kernel for each domain: A is resampled
            as a source, B as a target.
        tasks: `tfpix2pix.data.tasks.Task` of each domain, whose sources are its images; by default
            those of pairs of images.
        augmentation: `tfpix2pix.data.augment.Augmentation`; the source is A.
        order: `"shuffled"`; or `"serial"`, which takes the images of each domain in their order, so
            that those of one position come together, and the smaller domain again and again.
        batch_size: Images of each domain per batch.
        seed: Seed of order and jitter.
        first_step: How many batches of the stream to skip, at no cost.
        shard: `Shard`, which batches of the stream to make; by default all.
        cache_gigabytes: The images of a domain are kept in memory if they need at most its share.

    Returns:
        A `tf.data.Dataset` of an image of each domain, `(a, b)` of two, float32 `[batch_size,
        height, width, channels]` in [-1, 1]; after them the rows of their tables, float32
        `[batch_size, columns]`, if they have any.

    Raises:
        ValueError: If the images do not fit the geometry, or the order is unknown.

    Example:
        >>> from tfpix2pix.data import sources
        >>> for name in ("sea/trainA/1.png", "sea/trainB/2.png", "sea/trainB/3.png"):
        ...     tf.io.gfile.makedirs(name.rsplit("/", 1)[0])
        ...     tf.io.write_file(name, tf.io.encode_png(tf.zeros((8, 8, 3), "uint8")))
        >>> batches = unpaired_batches(sources.unpaired("sea"), Geometry((4, 4)))
        >>> [image.shape for image in next(iter(batches))]
        [TensorShape([1, 4, 4, 3]), TensorShape([1, 4, 4, 3])]
    """
    if order not in ORDERS:
        raise InputError(f"`order` must be one of {', '.join(ORDERS)}. Received: {order!r}.")
    tasks = tasks or _tasks_of_pairs(domains)
    share = cache_gigabytes / len(domains)
    loads = []
    for place, domain in enumerate(domains):
        geometry.check(domain, batch_size)
        loads.append(loader(domain, geometry, cache_gigabytes=share, first_place=place))

    def example(position):
        sources = []
        rows = []
        for place, (domain, load, task) in enumerate(zip(domains, loads, tasks)):
            count = len(domain.names)
            is_serial = order == "serial"
            index = position % count if is_serial else shuffled(position, count, seed, place)
            key = tf.stack([seed, len(domains) * position + place])
            (window,) = augment.jitter(
                load(index), geometry.window, flip=augmentation.flip, seed=key
            )
            sources.append(task.source(window))
            rows += domain.row(index)
        a, *others = sources
        return (augment.perturb(a, augmentation, tf.stack([seed, position])), *others, *rows)

    return stream(example, batch_size=batch_size, first_step=first_step, shard=shard)


def evaluation_batches(
    examples: Examples, geometry: Geometry, *, task: Optional[Task] = None, batch_size: int = 1
) -> tf.data.Dataset:
    """Yields every example once, in order, nothing at random.

    Args:
        examples: `tfpix2pix.data.sources.Examples`.
        geometry: `tfpix2pix.data.geometry.Geometry`; images are loaded as by its `still`, and the
            window is cut out of their middle.
        task: `tfpix2pix.data.tasks.Pairs` or another task; by default that of pairs of images.
        batch_size: Examples per batch; the last batch may be smaller.

    Returns:
        A `tf.data.Dataset` as of `training_batches`, of `batch` examples.

    Raises:
        ValueError: If the examples do not fit the geometry.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> pairs = synthetic.write_pairs("facades", 4, (32, 32))
        >>> batches = evaluation_batches(pairs, Geometry((32, 32)), batch_size=3)
        >>> [len(source) for source, _ in batches]
        [3, 1]
    """
    task = task or Pairs(examples.formats)
    geometry = geometry.still
    geometry.check(examples, batch_size)
    load = loader(examples, geometry)

    def example(index):
        return (*task.still(centred(load(index), geometry)), *examples.row(index))

    return once(example, len(examples.names), batch_size=batch_size)


def unpaired_evaluation_batches(
    domains: Sequence[Examples],
    geometry: Geometry,
    *,
    tasks: Optional[Sequence[Task]] = None,
    batch_size: int = 1,
) -> tf.data.Dataset:
    """Yields every image of the largest domain once, in order, nothing at random.

    The images of smaller domains are repeated in order until there are as many.

    Args:
        domains: As for `unpaired_batches`.
        geometry: As for `evaluation_batches`.
        tasks: As for `unpaired_batches`.
        batch_size: Images of each domain per batch; the last batch may be smaller.

    Returns:
        A `tf.data.Dataset` as of `unpaired_batches`, of `batch` images of each.

    Raises:
        ValueError: If the images do not fit the geometry.

    Example:
        >>> from tfpix2pix.data import sources
        >>> for name in ("sky/trainA/1.png", "sky/trainB/2.png", "sky/trainB/3.png"):
        ...     tf.io.gfile.makedirs(name.rsplit("/", 1)[0])
        ...     tf.io.write_file(name, tf.io.encode_png(tf.zeros((8, 8, 3), "uint8")))
        >>> batches = unpaired_evaluation_batches(sources.unpaired("sky"), Geometry((8, 8)))
        >>> [a.shape for a, b in batches]
        [TensorShape([1, 8, 8, 3]), TensorShape([1, 8, 8, 3])]
    """
    tasks = tasks or _tasks_of_pairs(domains)
    geometry = geometry.still
    loads = []
    for place, domain in enumerate(domains):
        geometry.check(domain, batch_size)
        loads.append(loader(domain, geometry, first_place=place))

    def example(position):
        sources = []
        rows = []
        for domain, load, task in zip(domains, loads, tasks):
            index = position % len(domain.names)
            (photo,) = centred(load(index), geometry)
            sources.append(task.source(photo))
            rows += domain.row(index)
        return (*sources, *rows)

    count = max(len(domain.names) for domain in domains)
    return once(example, count, batch_size=batch_size)


def _tasks_of_pairs(domains):
    formats = [domain.formats for domain in domains]
    return [Pairs(a + b) for a, b in zip(formats, [*formats[1:], formats[0]])]
