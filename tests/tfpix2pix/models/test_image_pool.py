import re

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix import InputError
from tfpix2pix.models import ImagePool

PIXEL = (1, 1, 1)


def numbered(numbers):
    """Returns images of one pixel that holds the image's number."""
    return tf.reshape(tf.cast(numbers, "float32"), (-1, *PIXEL))


def exchanged(pool, numbers, noise):
    return pool.exchange(numbered(numbers), noise).numpy().ravel()


def test_half_of_ten_thousand_fakes_come_back_a_hundred_steps_late_and_none_is_lost():
    """A kept image leaves with chance 1/2 * 1/50 a step: after 100 steps on average."""
    pool = ImagePool(50, PIXEL)
    noise = tf.random.Generator.from_seed(1)
    exchange = tf.function(lambda images: pool.exchange(images, noise))
    given = np.arange(10_050)
    np.testing.assert_array_equal(exchange(numbered(given[:50])).numpy().ravel(), given[:50])
    returned = exchange(numbered(given[50:])).numpy().ravel()
    ages = (given[50:] - returned)[given[50:] != returned]
    assert len(ages) / 10_000 == pytest.approx(0.5, abs=0.02)
    assert (ages > 0).all()
    assert ages.mean() == pytest.approx(100, rel=0.07)
    assert np.median(ages) == pytest.approx(100 * np.log(2), rel=0.1)
    kept = pool.images.numpy().ravel()
    everything = np.concatenate([given[:50], returned, kept])
    # The first fifty came back at once and stayed: they are there twice.
    np.testing.assert_array_equal(np.sort(everything), np.sort(np.r_[given[:50], given]))


def test_the_images_of_a_batch_are_exchanged_one_after_the_other():
    """So a batch may return one of its own images twice, as the reference's does."""
    pool = ImagePool(2, PIXEL)
    noise = tf.random.Generator.from_seed(3)
    chance = tf.random.Generator.from_seed(3)
    kept = []
    for start in range(0, 40, 5):
        coins = chance.uniform([5]).numpy() < 0.5
        places = chance.uniform([5], maxval=2, dtype="int32").numpy()
        expected = []
        for image, coin, place in zip(range(start, start + 5), coins, places):
            back = image
            if len(kept) < 2:
                kept.append(image)
            elif coin:
                back, kept[place] = kept[place], image
            expected.append(back)
        returned = exchanged(pool, range(start, start + 5), noise)
        np.testing.assert_array_equal(returned, expected)
        np.testing.assert_array_equal(pool.images.numpy().ravel(), kept)


def test_a_pool_of_size_0_gives_all_back_without_chance_or_gradient():
    pool = ImagePool(0, PIXEL)
    noise = tf.random.Generator.from_seed(0)
    before = noise.state.numpy()
    images = tf.constant(numbered([3, 4]))
    with tf.GradientTape() as tape:
        tape.watch(images)
        returned = pool.exchange(images, noise)
    np.testing.assert_array_equal(returned, images)
    assert tape.gradient(returned, images) is None
    np.testing.assert_array_equal(noise.state, before)


def test_images_keep_their_dtype_and_open_batch():
    pool = ImagePool(3, (4, 6, 2))
    noise = tf.random.Generator.from_seed(0)
    exchange = tf.function(
        lambda images: pool.exchange(images, noise),
        input_signature=[tf.TensorSpec((None, 4, 6, 2), "float16")],
    )
    assert exchange(tf.ones((2, 4, 6, 2), "float16")).dtype == tf.float16
    np.testing.assert_array_equal(pool.images[:2], np.ones((2, 4, 6, 2)))
    assert int(pool.count) == 2


def test_a_checkpoint_holds_the_pool_amid_its_filling(tmp_path):
    pool = ImagePool(4, PIXEL)
    noise = tf.random.Generator.from_seed(5)
    exchanged(pool, range(3), noise)
    path = tf.train.Checkpoint(pool=pool, noise=noise).save(tmp_path / "pool")
    restored = ImagePool(4, PIXEL)
    other_noise = tf.random.Generator.from_seed(0)
    tf.train.Checkpoint(pool=restored, noise=other_noise).restore(path).assert_consumed()
    for numbers in (range(3, 8), range(8, 20)):
        np.testing.assert_array_equal(
            exchanged(restored, numbers, other_noise), exchanged(pool, numbers, noise)
        )
    np.testing.assert_array_equal(restored.images, pool.images)


def test_each_replica_has_a_pool_of_its_own(mirrored):
    with mirrored.scope():
        pool = ImagePool(4, PIXEL)
        noise = tf.random.Generator.from_seed(0)

    @tf.function
    def exchange(images):
        return mirrored.run(lambda image: pool.exchange(image, noise), args=(images,))

    for step in range(2):
        images = mirrored.experimental_distribute_values_from_function(
            lambda context, step=step: numbered([100 * context.replica_id_in_sync_group + step])
        )
        exchange(images)
    parts = [images.numpy().ravel() for images in mirrored.experimental_local_results(pool.images)]
    np.testing.assert_array_equal(parts, [[0, 1, 0, 0], [100, 101, 0, 0]])
    np.testing.assert_array_equal(mirrored.experimental_local_results(pool.count), [2, 2])


def test_other_sizes_and_shapes_are_refused():
    message = "`size` must be at least 0. Received: size=-1. 0 keeps none."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        ImagePool(-1, PIXEL)
    message = (
        "Images of the pool have the shape (8, 8, 3). Received: (8, 12, 3). Train on images of one "
        "size, or with a pool of size 0."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        ImagePool(2, (8, 8, 3)).exchange(tf.zeros((1, 8, 12, 3)), tf.random.Generator.from_seed(0))
