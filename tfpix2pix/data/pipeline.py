"""Pipelines: image pairs as batches, the same for the same seed, from any step on.

The position n of an example in the endless stream decides everything: its epoch, its file (a
permutation keyed by the epoch) and its jitter (keyed by n). So nothing of the pipeline has to be
saved to resume a training exactly, and workers that share the stream need not talk to each other.
"""

import numpy as np
import tensorflow as tf

from tfpix2pix.data import augment, images
from tfpix2pix.errors import InputError


def training_batches(
    pairs,
    image_size,
    *,
    load_size=None,
    batch_size=1,
    flip=True,
    seed=0,
    first_step=0,
    cache_gigabytes=1.0,
):
    """Streams shuffled and jittered batches without end; every epoch holds each pair once.

    Pairs are decoded and resized before they are cached, shuffled after it and jittered last:
    whatever is random differs from epoch to epoch.

    Args:
        pairs: `tfpix2pix.data.sources.Pairs`.
        image_size: `(height, width)` in pixels of the images in a batch.
        load_size: `(height, width)` to which images are resized before the random crop; by default
            286/256 of `image_size`.
        batch_size: Pairs per batch.
        flip: Whether pairs are mirrored at random.
        seed: Seed of order and jitter.
        first_step: How many batches of the stream to pass over, at no cost.
        cache_gigabytes: Resized pairs are kept in memory when all need at most this much.

    Returns:
        A `tf.data.Dataset` of `(source, target)`, float32 `[batch_size, *image_size, 3]`
        in [-1, 1].

    Raises:
        ValueError: If `load_size` is smaller than `image_size`.

    Example:
        >>> from tfpix2pix.data import synthetic
        >>> dataset = training_batches(synthetic.write_pairs("facades", 4, (32, 32)), (32, 32))
        >>> dataset.element_spec[0].shape
        TensorShape([1, 32, 32, 3])
    """
    load_size = load_size or tuple(round(side * 286 / 256) for side in image_size)
    if any(load < side for load, side in zip(load_size, image_size)):
        raise InputError(
            f"`load_size` must be at least `image_size`. Received: load_size={tuple(load_size)}, "
            f"image_size={tuple(image_size)}. Leave `load_size` out for the paper's 286/256."
        )
    count = len(pairs.files)
    load = _loader(pairs, load_size)
    cached = None
    if count * load_size[0] * load_size[1] * 6 <= cache_gigabytes * 1e9:
        loaded = tf.data.Dataset.from_tensor_slices(pairs.files).map(load, tf.data.AUTOTUNE)
        cached = tf.constant(np.stack(list(loaded.as_numpy_iterator())))

    def example(position):
        epoch, index = position // count, position % count
        index = tf.random.experimental.index_shuffle(index, tf.stack([seed, epoch]), count - 1)
        pair = load(tf.gather(pairs.files, index)) if cached is None else tf.gather(cached, index)
        return augment.jitter(pair, image_size, flip=flip, seed=tf.stack([seed, position]))

    return (
        tf.data.Dataset.range(first_step * batch_size, tf.int64.max)
        .map(example, tf.data.AUTOTUNE)
        .batch(batch_size, drop_remainder=True)
        .map(_split)
        .prefetch(tf.data.AUTOTUNE)
    )


def evaluation_batches(pairs, image_size, *, batch_size=1):
    """Yields every pair once, in order, resized and otherwise as it is.

    Args:
        pairs: `tfpix2pix.data.sources.Pairs`.
        image_size: `(height, width)` in pixels of the images in a batch.
        batch_size: Pairs per batch; the last batch may be smaller.

    Returns:
        A `tf.data.Dataset` of `(source, target)`, float32 `[batch, *image_size, 3]` in [-1, 1].

    Example:
        >>> from tfpix2pix.data import synthetic
        >>> pairs = synthetic.write_pairs("facades", 4, (32, 32))
        >>> [len(source) for source, _ in evaluation_batches(pairs, (32, 32), batch_size=3)]
        [3, 1]
    """
    dataset = tf.data.Dataset.from_tensor_slices(pairs.files)
    dataset = dataset.map(_loader(pairs, image_size), tf.data.AUTOTUNE)
    return dataset.batch(batch_size).map(_split).prefetch(tf.data.AUTOTUNE)


def _loader(pairs, size):
    def load(path):
        return tf.concat([images.resize(image, size) for image in pairs.read(path)], axis=-1)

    return load


def _split(stacked):
    # uint8 until here: a quarter of the bytes to cache, crop and batch.
    signed = images.to_signed(stacked)
    return signed[..., :3], signed[..., 3:]
