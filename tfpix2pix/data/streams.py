"""Streams: the parts of a pipeline whose order follows from the seed, from any step on.

The position n of an example in the endless stream decides everything: its epoch, its file (by a
permutation keyed by the epoch) and its jitter (keyed by n). So a training resumes exactly without
any saved state of the pipeline, and workers share the stream without communication.
"""

from typing import Callable, NamedTuple

import numpy as np
import tensorflow as tf

from tfpix2pix.data import augment
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.data.reading import Examples

_ALIGNED = 64  # Bytes.


class Shard(NamedTuple):
    """Which batches of a stream one worker makes, where several share it.

    The stream is divided into rows of `total` batches; the worker makes the same ones of each row.

    Attributes:
        first: Index of the worker's first batch in a row.
        consecutive: How many batches it makes from there on.
        total: Batches of a row, over all workers.

    Example:
        >>> Shard(first=2, consecutive=2, total=4).total  # Of 0 1 2 3 4 5 6 7 it makes 2 3 6 7.
        4
    """

    first: int = 0
    consecutive: int = 1
    total: int = 1


def stream(
    example: Callable, *, batch_size: int = 1, first_step: int = 0, shard: Shard = Shard()
) -> tf.data.Dataset:
    """Streams batches of examples that follow from their positions, without end.

    Args:
        example: TensorFlow function of a position, int64 scalar, to an example: a tensor, or a
            tuple or dict of such.
        batch_size: Examples per batch.
        first_step: How many batches of the worker to skip, at no cost.
        shard: `Shard`, which batches of the stream to make; by default all.

    Returns:
        A `tf.data.Dataset` of batches.

    Example:
        >>> squares = stream(tf.square, batch_size=2, first_step=1)
        >>> next(iter(squares)).numpy().tolist()
        [4, 9]
    """

    def shared_example(number):
        batch = number // batch_size
        row = batch // shard.consecutive
        batch = row * shard.total + shard.first + batch % shard.consecutive
        return example(batch * batch_size + number % batch_size)

    dataset = tf.data.Dataset.range(first_step * batch_size, tf.int64.max)
    dataset = dataset.map(shared_example, tf.data.AUTOTUNE).batch(batch_size, drop_remainder=True)
    options = tf.data.Options()
    # They copy every tensor that functions capture, and so a cache of images.
    options.experimental_optimization.apply_default_optimizations = False
    return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)


def once(example: Callable, count: int, *, batch_size: int = 1) -> tf.data.Dataset:
    """Yields every example once, in order.

    Args:
        example: As of `stream`.
        count: How many there are.
        batch_size: Examples per batch; the last batch may be smaller.

    Returns:
        A `tf.data.Dataset` of batches.

    Example:
        >>> [batch.numpy().tolist() for batch in once(tf.square, 3, batch_size=2)]
        [[0, 1], [4]]
    """
    dataset = tf.data.Dataset.range(count).map(example, tf.data.AUTOTUNE)
    return dataset.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def shuffled(position: tf.Tensor, count: int, seed: int, domain: int = 0) -> tf.Tensor:
    """Returns the index of the example at a position; all come before one comes again.

    Args:
        position: int64 scalar, the position in the stream.
        count: How many examples there are.
        seed: Seed of the order.
        domain: Where several data sets are drawn from, which of them: equal counts of others get
            other permutations.

    Returns:
        int64 scalar in [0, count).

    Example:
        >>> epoch = [int(shuffled(tf.constant(n, tf.int64), 4, seed=0)) for n in range(4)]
        >>> sorted(epoch)
        [0, 1, 2, 3]
    """
    epoch = position // count
    key = tf.stack([seed, epoch])
    if domain:
        key = tf.random.experimental.stateless_fold_in(key, domain)
    return tf.random.experimental.index_shuffle(position % count, key, count - 1)


def loader(
    examples: Examples, geometry: Geometry, *, cache_gigabytes: float = 0.0, first_place: int = 0
) -> Callable:
    """Returns what reads the images of an example in the size of a geometry, before the crop.

    Args:
        examples: `tfpix2pix.data.reading.Examples`.
        geometry: `tfpix2pix.data.geometry.Geometry`.
        cache_gigabytes: Images are kept in memory, each from when it is first asked for, if all
            need at most this much.
        first_place: Which of the geometry's kernels the first image is resized by.

    Returns:
        TensorFlow function of an index, int64 scalar, to a tuple of pixels `[height, width,
        channels]` of the examples' formats.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> pairs = synthetic.write_pairs("facades", 4, (32, 32))
        >>> load = loader(pairs, Geometry((16, 16), load_size=(18, 20)), cache_gigabytes=1.0)
        >>> [image.shape for image in load(tf.constant(3, tf.int64))]
        [TensorShape([18, 20, 3]), TensorShape([18, 20, 3])]
    """

    def load(index):
        return tuple(
            geometry.load(image, place)
            for place, image in enumerate(examples.read(index), first_place)
        )

    sizes = geometry.loaded_sizes(examples.sizes)
    formats = examples.formats
    values = sizes.prod(axis=-1) * [kind.channels for kind in formats]
    needed = (values * [np.dtype(kind.dtype).itemsize for kind in formats]).sum()
    if needed <= cache_gigabytes * 1e9:
        load = _cached(load, sizes, values, formats)
    # AutoGraph would rewrite all that reads an image, for a second of each start.
    return tf.autograph.experimental.do_not_convert(load)


def _cached(load, sizes, values, formats):
    """Returns a function of an index to images, each of which is loaded once, when first asked for.

    So a training does not wait for all of them, and they are in memory once.
    """
    # One flat array for each place, since sizes may differ.
    ends = values.cumsum(axis=0)
    arrays, flats = zip(*(_shared(total, kind.dtype) for total, kind in zip(ends[-1], formats)))
    is_stored, stored = _shared(len(sizes), "uint8")
    is_stored[:] = 0
    starts = ends - values
    shapes = [np.insert(sizes[:, k], 2, kind.channels, axis=1) for k, kind in enumerate(formats)]
    columns = [tuple(map(tf.constant, column)) for column in zip(starts.T, values.T, shapes)]

    def store(index, *images):
        for array, image, start, end in zip(arrays, images, starts[index], ends[index]):
            array[start:end] = image.ravel()
        is_stored[index] = 1  # Last, since other threads may read.
        return True

    def kept(index):
        images = []
        for flat, (first, lengths, all_shapes) in zip(flats, columns):
            image = tf.slice(flat, [tf.gather(first, index)], [tf.gather(lengths, index)])
            images.append(tf.reshape(image, tf.gather(all_shapes, index)))
        return tuple(images)

    def loaded(index):
        images = load(index)
        with tf.control_dependencies([tf.numpy_function(store, [index, *images], "bool")]):
            return tuple(map(tf.identity, images))

    def cached(index):
        images = tf.cond(tf.gather(stored, index) > 0, lambda: kept(index), lambda: loaded(index))
        return tuple(
            tf.ensure_shape(image, (None, None, kind.channels))
            for image, kind in zip(images, formats)
        )

    return cached


def _shared(count, dtype):
    """Returns an array and a tensor of the same memory, which has what is put into the array."""
    size = count * np.dtype(dtype).itemsize
    memory = np.empty(size + _ALIGNED, "uint8")
    start = -memory.ctypes.data % _ALIGNED  # TensorFlow takes no other memory.
    array = memory[start : start + size].view(dtype)
    return array, tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def centred(images: tuple[tf.Tensor, ...], geometry: Geometry) -> tuple[tf.Tensor, ...]:
    """Cuts the window of a geometry out of the middle of images.

    Args:
        images: Tuple of `[height, width, channels]`, of one size.
        geometry: `tfpix2pix.data.geometry.Geometry`.

    Returns:
        Tuple of the windows; the images as they are where there is none.

    Example:
        >>> (cut,) = centred((tf.reshape(tf.range(16), (4, 4, 1)),), Geometry((2, 2)))
        >>> cut[..., 0].numpy().tolist()
        [[5, 6], [9, 10]]
    """
    if not geometry.window:
        return images
    offset = (tf.shape(images[0])[:2] - geometry.window) // 2
    return augment.window(images, offset, geometry.window)
