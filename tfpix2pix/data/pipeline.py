"""Pipelines: `tf.data` batches whose order follows from the seed, from any step on.

The position n of an example in the endless stream decides everything: its epoch, its file (by a
permutation keyed by the epoch) and its jitter (keyed by n). So a training resumes exactly without
any saved state of the pipeline, and workers share the stream without communication.
"""

from typing import NamedTuple, Optional

import numpy as np
import tensorflow as tf

from tfpix2pix.data import augment
from tfpix2pix.data.augment import Augmentation
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.data.sources import Examples
from tfpix2pix.data.tasks import Pairs, Task
from tfpix2pix.errors import InputError

ORDERS = ("shuffled", "serial")


class Share(NamedTuple):
    """Which batches of a stream one worker makes, where several share it.

    The stream is divided into rows of `total` batches; the worker makes the same ones of each row.

    Attributes:
        first: Index of the worker's first batch in a row.
        consecutive: How many batches it makes from there on.
        total: Batches of a row, over all workers.

    Example:
        >>> Share(first=2, consecutive=2, total=4).total  # Of 0 1 2 3 4 5 6 7 it makes 2 3 6 7.
        4
    """

    first: int = 0
    consecutive: int = 1
    total: int = 1


def training_batches(
    examples: Examples,
    geometry: Geometry,
    *,
    task: Optional[Task] = None,
    augmentation: Augmentation = Augmentation(),
    batch_size: int = 1,
    seed: int = 0,
    first_step: int = 0,
    share: Share = Share(),
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
        share: `Share`, which batches of the stream to make; by default all.
        cache_gigabytes: Resized images are kept in memory if all together need at most this much.

    Returns:
        A `tf.data.Dataset` of `(source, target)`, float32 `[batch_size, height, width, channels]`
        in [-1, 1].

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
    load = _cached(examples, geometry, cache_gigabytes)

    def example(position):
        images = load(_shuffled(position, len(examples.names), seed))
        key = tf.stack([seed, position])
        images = augment.jitter(images, geometry.window, flip=augmentation.flip, seed=key)
        source, target = task.example(images, key)
        return augment.perturb(source, augmentation, key), target

    return _stream(example, batch_size, first_step, share)


def unpaired_batches(
    domains: tuple[Examples, Examples],
    geometry: Geometry,
    *,
    tasks: Optional[tuple[Task, Task]] = None,
    augmentation: Augmentation = Augmentation(),
    order: str = "shuffled",
    batch_size: int = 1,
    seed: int = 0,
    first_step: int = 0,
    share: Share = Share(),
    cache_gigabytes: float = 1.0,
) -> tf.data.Dataset:
    """Streams jittered batches of two domains, paired at random or by position, without end.

    Each domain has epochs and permutations of its own: an image comes again when all others of its
    domain have come, and an image of A meets other images of B in each epoch.

    Args:
        domains: `(a, b)`, `tfpix2pix.data.sources.Examples` of one image each.
        geometry: `tfpix2pix.data.geometry.Geometry`; A is resampled as a source, B as a target.
        tasks: `(a_to_b, b_to_a)`, `tfpix2pix.data.tasks.Task` whose sources are the images of A and
            those of B; by default those of pairs of images.
        augmentation: `tfpix2pix.data.augment.Augmentation`; the source is A.
        order: `"shuffled"`; or `"serial"`, which takes the images of each domain in their order, so
            that those of one position come together, and the smaller domain again and again.
        batch_size: Images of each domain per batch.
        seed: Seed of order and jitter.
        first_step: How many batches of the stream to skip, at no cost.
        share: `Share`, which batches of the stream to make; by default all.
        cache_gigabytes: The images of a domain are kept in memory if they need at most half of it.

    Returns:
        A `tf.data.Dataset` of `(a, b)`, float32 `[batch_size, height, width, channels]` in [-1, 1].

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
    loads = []
    for place, domain in enumerate(domains):
        geometry.check(domain, batch_size)
        loads.append(_cached(domain, geometry, cache_gigabytes / 2, place))

    def example(position):
        sources = []
        for place, (domain, load, task) in enumerate(zip(domains, loads, tasks)):
            count = len(domain.names)
            is_serial = order == "serial"
            photo = load(position % count if is_serial else _shuffled(position, count, seed, place))
            key = tf.stack([seed, 2 * position + place])
            (window,) = augment.jitter(photo, geometry.window, flip=augmentation.flip, seed=key)
            sources.append(task.source(window))
        a, b = sources
        return augment.perturb(a, augmentation, tf.stack([seed, position])), b

    return _stream(example, batch_size, first_step, share)


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
        A `tf.data.Dataset` of `(source, target)`, float32 `[batch, height, width, channels]` in
        [-1, 1].

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
    load = _loader(examples, geometry)

    def example(index):
        return task.still(_centre(load(index), geometry))

    dataset = tf.data.Dataset.range(len(examples.names)).map(example, tf.data.AUTOTUNE)
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def unpaired_evaluation_batches(
    domains: tuple[Examples, Examples],
    geometry: Geometry,
    *,
    tasks: Optional[tuple[Task, Task]] = None,
    batch_size: int = 1,
) -> tf.data.Dataset:
    """Yields every image of the larger domain once, in order, nothing at random.

    The images of the smaller domain are repeated in order until there are as many.

    Args:
        domains: `(a, b)`, `tfpix2pix.data.sources.Examples` of one image each.
        geometry: As for `evaluation_batches`.
        tasks: As for `unpaired_batches`.
        batch_size: Images of each domain per batch; the last batch may be smaller.

    Returns:
        A `tf.data.Dataset` of `(a, b)`, float32 `[batch, height, width, channels]` in [-1, 1].

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
        loads.append(_loader(domain, geometry, place))

    def example(index):
        sources = []
        for domain, load, task in zip(domains, loads, tasks):
            (photo,) = _centre(load(index % len(domain.names)), geometry)
            sources.append(task.source(photo))
        return tuple(sources)

    count = max(len(domain.names) for domain in domains)
    dataset = tf.data.Dataset.range(count).map(example, tf.data.AUTOTUNE)
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _stream(example, batch_size, first_step, share=Share()):
    def shared_example(number):
        batch = number // batch_size
        row = batch // share.consecutive
        batch = row * share.total + share.first + batch % share.consecutive
        return example(batch * batch_size + number % batch_size)

    dataset = tf.data.Dataset.range(first_step * batch_size, tf.int64.max)
    dataset = dataset.map(shared_example, tf.data.AUTOTUNE).batch(batch_size, drop_remainder=True)
    return dataset.prefetch(tf.data.AUTOTUNE)


def _shuffled(position, count, seed, place=0):
    """Returns the index of the example at a position; all come before one comes again.

    Equal counts at other places get other permutations.
    """
    epoch = position // count
    key = tf.stack([seed, epoch])
    if place:
        key = tf.random.experimental.stateless_fold_in(key, place)
    return tf.random.experimental.index_shuffle(position % count, key, count - 1)


def _tasks_of_pairs(domains):
    a, b = (domain.formats for domain in domains)
    return Pairs(a + b), Pairs(b + a)


def _centre(images, geometry):
    """Cuts the window out of the middle of images; returns all of them where there is none."""
    if not geometry.window:
        return images
    offset = (tf.shape(images[0])[:2] - geometry.window) // 2
    return augment.window(images, offset, geometry.window)


def _loader(examples, geometry, first_place=0):
    def load(index):
        return tuple(
            geometry.load(image, place)
            for place, image in enumerate(examples.read(index), first_place)
        )

    return load


def _cached(examples, geometry, gigabytes, first_place=0):
    """Returns a function of an index to loaded images, from memory where they fit into it."""
    load = _loader(examples, geometry, first_place)
    sizes = geometry.loaded_sizes(examples.sizes)
    count = len(examples.names)
    formats = examples.formats
    values = sizes.prod(axis=-1) * [kind.channels for kind in formats]
    if (values * [np.dtype(kind.dtype).itemsize for kind in formats]).sum() > gigabytes * 1e9:
        return load
    # One flat array for each place, since sizes may differ.
    ends = values.cumsum(axis=0)
    flats = [np.empty(total, kind.dtype) for total, kind in zip(ends[-1], formats)]
    loaded = tf.data.Dataset.range(count).map(load, tf.data.AUTOTUNE).as_numpy_iterator()
    for images, lengths, image_ends in zip(loaded, values, ends):
        for flat, image, length, end in zip(flats, images, lengths, image_ends):
            flat[end - length : end] = image.ravel()
    shapes = [np.insert(sizes[:, k], 2, kind.channels, axis=1) for k, kind in enumerate(formats)]
    columns = zip(flats, (ends - values).T, values.T, shapes)
    constants = [tuple(map(tf.constant, column)) for column in columns]

    def cached(index):
        images = []
        for (flat, starts, lengths, shapes), kind in zip(constants, formats):
            start = tf.gather(starts, index)
            length = tf.gather(lengths, index)
            image = tf.reshape(tf.slice(flat, [start], [length]), tf.gather(shapes, index))
            images.append(tf.ensure_shape(image, (None, None, kind.channels)))
        return tuple(images)

    return cached
