import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data import augment, images, pipeline, sources


@pytest.fixture
def numbered(tmp_path):
    """Five pairs whose halves are equal, each of a colour of its own."""
    for index in range(5):
        half = np.random.default_rng(index).integers(0, 40, (24, 24, 3)) + 40 * index
        both = np.concatenate([half, half], axis=1).astype("uint8")
        Image.fromarray(both).save(tmp_path / f"{index}.png")
    return sources.side_by_side(tmp_path)


def numbers(dataset, batches):
    """Returns which pair each example of some batches is."""
    means = [
        images.to_uint8(source).numpy().mean(axis=(1, 2, 3)) for source, _ in dataset.take(batches)
    ]
    return (np.concatenate(means) // 40).astype(int).tolist()


def stream(pairs, **options):
    return pipeline.training_batches(pairs, (16, 16), **{"batch_size": 2, "seed": 3, **options})


def as_array(dataset, batches):
    return np.stack([np.stack(pair) for pair in dataset.take(batches)])


def test_every_epoch_holds_each_pair_once_in_an_order_of_its_own(numbered):
    order = np.reshape(numbers(stream(numbered), 20), (8, 5))
    assert [sorted(epoch) for epoch in order] == [list(range(5))] * 8
    assert len({tuple(epoch) for epoch in order}) > 4


def test_epochs_differ_in_their_jitter(numbered):
    order = numbers(stream(numbered), 30)
    examples = as_array(stream(numbered), 30)[:, 0].reshape(60, -1)
    of_first = [tuple(x) for x, number in zip(examples, order) if number == 0]
    assert len(set(of_first)) > len(of_first) / 2


def test_same_seed_same_batches_and_another_seed_others(numbered):
    first = as_array(stream(numbered), 6)
    np.testing.assert_array_equal(as_array(stream(numbered), 6), first)
    assert np.abs(as_array(stream(numbered, seed=4), 6) - first).max() > 0


def test_the_stream_resumes_at_any_step(numbered):
    whole = as_array(stream(numbered), 7)
    np.testing.assert_array_equal(as_array(stream(numbered, first_step=4), 3), whole[4:])


def test_the_cache_changes_nothing(numbered):
    cached = as_array(stream(numbered), 4)
    np.testing.assert_array_equal(as_array(stream(numbered, cache_gigabytes=0), 4), cached)


def test_smaller_batches_are_parts_of_larger_ones(numbered):
    """So replicas that take turns see what one device would see."""
    large, small = as_array(stream(numbered), 3), as_array(stream(numbered, batch_size=1), 6)
    np.testing.assert_array_equal(small[:, :, 0].reshape(3, 2, 2, 16, 16, 3), large.swapaxes(1, 2))


def test_source_and_target_get_the_same_window_and_mirroring(numbered):
    for source, target in stream(numbered).take(8):
        np.testing.assert_array_equal(source, target)


@pytest.mark.parametrize("in_dataset", [False, True])
def test_jitter_is_a_window_of_the_pair_or_of_its_mirror_image(in_dataset):
    pair = tf.reshape(tf.range(6 * 7 * 2), (6, 7, 2))
    seeds = tf.data.Dataset.range(60)

    def cut(seed):
        return augment.jitter(pair, (4, 5), seed=tf.stack([seed, 1]))

    windows = list(seeds.map(cut)) if in_dataset else [cut(seed) for seed in seeds]
    possible = {
        side[top : top + 4, left : left + 5].tobytes(): (top, left, mirrored)
        for mirrored, side in enumerate((pair.numpy(), pair.numpy()[:, ::-1]))
        for top in range(3)
        for left in range(3)
    }
    seen = {possible[window.numpy().tobytes()] for window in windows}
    assert len(seen) > 12


def test_jitter_without_flip_never_mirrors():
    pair = tf.reshape(tf.range(5 * 2), (1, 5, 2))
    for seed in range(20):
        window = augment.jitter(pair, (1, 3), flip=False, seed=(seed, 0)).numpy()
        assert window[0, 0, 0] < window[0, 2, 0]


def test_direction_swaps_source_and_target(facades):
    a_to_b, b_to_a = (
        next(
            iter(pipeline.evaluation_batches(sources.side_by_side(facades / "test", way), (32, 32)))
        )
        for way in ("AtoB", "BtoA")
    )
    np.testing.assert_array_equal(a_to_b[0], b_to_a[1])
    np.testing.assert_array_equal(a_to_b[1], b_to_a[0])
    assert np.abs(a_to_b[0] - a_to_b[1]).max() > 0.1


def test_evaluation_yields_every_pair_once_as_it_is(facades):
    pairs = sources.side_by_side(facades / "test")
    batches = list(pipeline.evaluation_batches(pairs, (32, 32), batch_size=2))
    assert [len(source) for source, _ in batches] == [2, 1]
    for index, file in enumerate(pairs.files):
        both = np.asarray(Image.open(file)) / 127.5 - 1
        source, target = (batch[index % 2] for batch in batches[index // 2])
        np.testing.assert_allclose(np.concatenate([source, target], axis=1), both, atol=1e-6)


def test_images_are_loaded_at_286_256_of_their_size(numbered):
    windows = as_array(stream(numbered, flip=False), 40)[:, 0].reshape(80, -1)
    # 16 pixels are cut from 18, so each of five pairs has nine windows.
    assert 25 < len({tuple(window) for window in windows}) <= 45


def test_a_load_size_below_the_image_size_is_refused(numbered):
    message = (
        "`load_size` must be at least `image_size`. Received: load_size=(16, 15), "
        "image_size=(16, 16). Leave `load_size` out for the paper's 286/256."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        stream(numbered, load_size=(16, 15))
