import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data import augment, codecs, edges, images, pipeline, sources, tasks
from tfpix2pix.data.augment import Augmentation
from tfpix2pix.data.geometry import Geometry

RANDOM = np.random.default_rng(0)


@pytest.fixture
def numbered(tmp_path):
    """Five pairs whose halves are equal, each of a colour of its own."""
    for index in range(5):
        half = np.random.default_rng(index).integers(0, 40, (24, 24, 3)) + 40 * index
        pair = np.concatenate([half, half], axis=1).astype("uint8")
        Image.fromarray(pair).save(tmp_path / f"{index}.png")
    return sources.pairs(tmp_path)


def numbers(dataset, batches):
    """Returns which pair each example of some batches is."""
    means = [
        images.to_pixels(source).numpy().mean(axis=(1, 2, 3)) for source, _ in dataset.take(batches)
    ]
    return (np.concatenate(means) // 40).astype(int).tolist()


def stream(pairs, **options):
    options = {"batch_size": 2, "seed": 3, **options}
    return pipeline.training_batches(pairs, Geometry((16, 16)), **options)


def as_array(dataset, batches):
    return np.stack([np.stack(pair) for pair in dataset.take(batches)])


def test_every_epoch_holds_each_pair_once_in_an_order_of_its_own(numbered):
    order = np.reshape(numbers(stream(numbered), 20), (8, 5))
    assert [sorted(epoch) for epoch in order] == [list(range(5))] * 8
    assert len({tuple(epoch) for epoch in order}) > 4


def test_epochs_differ_in_their_jitter(numbered):
    order = numbers(stream(numbered), 30)
    examples = as_array(stream(numbered), 30)[:, 0].reshape(60, -1)
    first_examples = [tuple(x) for x, number in zip(examples, order) if number == 0]
    assert len(set(first_examples)) > len(first_examples) / 2


def test_same_seed_same_batches_and_another_seed_others(numbered):
    first = as_array(stream(numbered), 6)
    np.testing.assert_array_equal(as_array(stream(numbered), 6), first)
    assert np.abs(as_array(stream(numbered, seed=4), 6) - first).max() > 0


def test_the_stream_resumes_at_any_step(numbered):
    uninterrupted = as_array(stream(numbered), 7)
    np.testing.assert_array_equal(as_array(stream(numbered, first_step=4), 3), uninterrupted[4:])


def test_the_cache_changes_nothing(numbered):
    cached = as_array(stream(numbered), 4)
    np.testing.assert_array_equal(as_array(stream(numbered, cache_gigabytes=0), 4), cached)


def test_images_are_read_when_they_are_asked_for_and_then_kept(numbered, tmp_path):
    """So the first step waits for none but its own, and an epoch later no file is opened."""
    batches = iter(stream(numbered, batch_size=5))
    unread = stream(numbered)
    next(batches)
    for path in tmp_path.glob("*.png"):
        path.unlink()
    pixels = images.to_pixels(next(batches)[0]).numpy()
    assert sorted(pixels.mean((1, 2, 3)) // 40) == [0, 1, 2, 3, 4]
    with pytest.raises(tf.errors.OpError):
        next(iter(unread))


def test_smaller_batches_are_parts_of_larger_ones(numbered):
    """So replicas that take turns see what one device would see."""
    large = as_array(stream(numbered), 3)
    small = as_array(stream(numbered, batch_size=1), 6)
    np.testing.assert_array_equal(small[:, :, 0].reshape(3, 2, 2, 16, 16, 3), large.swapaxes(1, 2))


def test_the_shares_of_workers_are_the_whole(numbered):
    """Two workers of two replicas each; so no example is seen twice in an epoch."""
    alone = as_array(stream(numbered), 12)
    shares = [pipeline.Shard(first, 2, 4) for first in (0, 2)]
    first, second = (as_array(stream(numbered, shard=shard), 6) for shard in shares)
    np.testing.assert_array_equal(
        first.reshape(3, 2, *alone.shape[1:]), alone.reshape(3, 4, *alone.shape[1:])[:, :2]
    )
    np.testing.assert_array_equal(
        second.reshape(3, 2, *alone.shape[1:]), alone.reshape(3, 4, *alone.shape[1:])[:, 2:]
    )
    resumed = as_array(stream(numbered, shard=shares[1], first_step=2), 4)
    np.testing.assert_array_equal(resumed, second[2:])


def test_source_and_target_get_the_same_window_and_mirroring(numbered):
    for source, target in stream(numbered).take(8):
        np.testing.assert_array_equal(source, target)


@pytest.mark.parametrize("in_dataset", [False, True])
def test_jitter_is_a_window_of_the_pair_or_of_its_mirror_image(in_dataset):
    pair = tf.reshape(tf.range(6 * 7 * 2), (6, 7, 2))
    seeds = tf.data.Dataset.range(60)

    def cut(seed):
        return augment.jitter((pair,), (4, 5), seed=tf.stack([seed, 1]))[0]

    windows = list(seeds.map(cut)) if in_dataset else [cut(seed) for seed in seeds]
    possible = set()
    for side in (pair.numpy(), pair.numpy()[:, ::-1]):
        possible |= {
            side[top : top + 4, left : left + 5].tobytes() for top in range(3) for left in range(3)
        }
    different = {window.numpy().tobytes() for window in windows}
    assert different <= possible
    assert len(different) > 12


def test_jitter_without_flip_never_mirrors():
    pair = tf.reshape(tf.range(5 * 2), (1, 5, 2))
    for seed in range(20):
        (window,) = augment.jitter((pair,), (1, 3), flip=False, seed=(seed, 0))
        assert window[0, 0, 0] < window[0, 2, 0]


def test_direction_swaps_source_and_target(facades):
    a_to_b, b_to_a = (
        next(
            iter(
                pipeline.evaluation_batches(
                    sources.pairs(facades, "test", direction=way), Geometry((32, 32))
                )
            )
        )
        for way in ("AtoB", "BtoA")
    )
    np.testing.assert_array_equal(a_to_b[0], b_to_a[1])
    np.testing.assert_array_equal(a_to_b[1], b_to_a[0])
    assert np.abs(a_to_b[0] - a_to_b[1]).max() > 0.1


def test_evaluation_yields_every_pair_once_as_it_is(facades):
    pairs = sources.pairs(facades, "test")
    batches = list(pipeline.evaluation_batches(pairs, Geometry((32, 32)), batch_size=2))
    assert [len(source) for source, _ in batches] == [2, 1]
    for index, file in enumerate(pairs.names):
        pair = np.asarray(Image.open(facades / "test" / file)) / 127.5 - 1
        source, target = (batch[index % 2] for batch in batches[index // 2])
        np.testing.assert_allclose(np.concatenate([source, target], axis=1), pair, atol=1e-6)


def test_images_are_loaded_at_286_256_of_their_size(numbered):
    windows = as_array(stream(numbered, augmentation=Augmentation(flip=False)), 40)[:, 0].reshape(
        80, -1
    )
    # 16 pixels are cut from 18, so each of five pairs has nine windows.
    assert 25 < len({tuple(window) for window in windows}) <= 45


@pytest.fixture
def uneven(tmp_path):
    """Four 16-bit photos of different sizes, each of one value."""
    for index, size in enumerate([(20, 24), (24, 20), (30, 40), (17, 19)]):
        codecs.write(np.full((*size, 1), 9000 * index, "uint16"), tmp_path / f"{index}.png")
    return tmp_path


@pytest.mark.parametrize("preprocess", ["crop", "scale_width_and_crop", "scale_width", "pad"])
def test_any_preprocess_streams_the_same_with_and_without_cache(uneven, preprocess):
    photos = sources.photos(uneven)
    geometry = Geometry((16, 16), preprocess=preprocess, multiple=8)
    task = tasks.task("inpainting", photos.formats)
    streams = [
        list(
            pipeline.training_batches(
                photos, geometry, task=task, seed=2, cache_gigabytes=gigabytes
            ).take(8)
        )
        for gigabytes in (0, 1)
    ]
    assert sorted({round(float(target[0, 0, 0, 0]) * 1000) for _, target in streams[0]}) == [
        round(index * 18000 / 65.535) - 1000 for index in range(4)
    ]
    for (source, target), (cached_source, cached_target) in zip(*streams):
        np.testing.assert_array_equal(source, cached_source)
        np.testing.assert_array_equal(target, cached_target)
        assert all(side % 8 == 0 for side in source.shape[1:3])


def test_source_noise_leaves_targets_alone_and_is_the_same_for_the_same_seed(numbered):
    plain, noisy, again, other = (
        as_array(stream(numbered, augmentation=augmentation, seed=seed), 4)
        for augmentation, seed in (
            (Augmentation(), 3),
            (Augmentation(source_brightness=0.3, source_noise=0.1), 3),
            (Augmentation(source_brightness=0.3, source_noise=0.1), 3),
            (Augmentation(source_brightness=0.3, source_noise=0.1), 4),
        )
    )
    np.testing.assert_array_equal(noisy[:, 1], plain[:, 1])
    np.testing.assert_array_equal(noisy, again)
    assert np.abs(other[:, 0] - noisy[:, 0]).max() > 0.1
    difference = noisy[:, 0] - plain[:, 0]
    lights = difference.mean(axis=(2, 3, 4))
    assert 0.03 < np.abs(lights).max() < 0.33
    inner = np.abs(plain[:, 0]) < 0.4  # Where nothing is clipped.
    grain = (difference - lights[..., None, None, None])[inner]
    assert np.std(grain) == pytest.approx(0.1, rel=0.1)
    assert np.abs(noisy).max() <= 1


def test_negative_noise_is_refused():
    message = (
        "The brightness and noise of sources must be at least 0. Received: "
        "source_brightness=0.1, source_noise=-1."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Augmentation(source_brightness=0.1, source_noise=-1)


def two_domains(folder, *counts):
    """Images of one value each, ten times their number."""
    for domain, count in zip("AB", counts):
        for index in range(count):
            pixels = np.full((8, 8, 1), 10 * index, "uint8")
            codecs.write(pixels, folder / f"train{domain}/{index}.png")
    return sources.unpaired(folder)


def unpaired_numbers(domains, batches, **options):
    """Returns which image of A and of B each example is: int `[2, examples]`."""
    options = {"seed": 1, **options}
    stream = pipeline.unpaired_batches(domains, Geometry((4, 4)), **options).take(batches)
    values = [[images.to_pixels(image).numpy()[:, 0, 0, 0] // 10 for image in ab] for ab in stream]
    return np.concatenate(values, axis=1).astype(int)


@pytest.mark.parametrize("counts", [(5, 5), (3, 5), (5, 3), (1, 4)])
def test_each_domain_has_epochs_of_its_own_that_hold_every_image_once(tmp_path, counts):
    order = unpaired_numbers(two_domains(tmp_path, *counts), 60)
    for numbers_of_domain, count in zip(order, counts):
        epochs = numbers_of_domain.reshape(-1, count)
        assert np.sort(epochs).tolist() == [list(range(count))] * (60 // count)
        assert len(np.unique(epochs, axis=0)) > count / 2  # Orders differ.


@pytest.mark.parametrize("counts", [(5, 5), (3, 5), (5, 3)])
def test_no_image_of_a_is_tied_to_one_of_b(tmp_path, counts):
    a, b = unpaired_numbers(two_domains(tmp_path, *counts), 150)
    meetings = np.zeros(counts, int)
    np.add.at(meetings, (a, b), 1)
    # 150 meetings of all pairs: 6 or 10 of each are expected by chance.
    assert meetings.min() >= 1
    assert meetings.max() <= 3 * 150 / np.prod(counts)
    # The distance of their numbers follows from nothing.
    assert len(set(zip(a, b))) == np.prod(counts)


def test_unpaired_streams_resume_and_follow_from_their_seed_alone(tmp_path):
    domains = two_domains(tmp_path, 5, 5)
    order = unpaired_numbers(domains, 20)
    np.testing.assert_array_equal(unpaired_numbers(domains, 20, cache_gigabytes=0), order)
    np.testing.assert_array_equal(unpaired_numbers(domains, 13, first_step=7), order[:, 7:])
    np.testing.assert_array_equal(unpaired_numbers(domains, 10, batch_size=2), order)
    other = unpaired_numbers(domains, 20, seed=2)
    assert (other != order).any(axis=1).all()  # In both domains.


@pytest.mark.parametrize("counts", [(3, 5), (5, 3)])
def test_serial_batches_pair_by_position_and_resume(tmp_path, counts):
    domains = two_domains(tmp_path, *counts)
    order = unpaired_numbers(domains, 14, order="serial")
    assert order.tolist() == [[n % count for n in range(14)] for count in counts]
    resumed = unpaired_numbers(domains, 5, order="serial", batch_size=2, first_step=2)
    np.testing.assert_array_equal(resumed, order[:, 4:])
    shared = unpaired_numbers(domains, 7, order="serial", shard=pipeline.Shard(1, 1, 2))
    np.testing.assert_array_equal(shared, order[:, 1::2])
    with pytest.raises(
        InputError, match=r"^`order` must be one of shuffled, serial\. Received: 's"
    ):
        unpaired_numbers(domains, 1, order="sorted")


@pytest.mark.parametrize("counts", [(5, 5), (3, 5)])
def test_the_shares_of_workers_are_the_unpaired_stream_of_one(tmp_path, counts):
    """Two workers of two replicas, batches of two: rows of eight examples."""
    domains = two_domains(tmp_path, *counts)
    options = {"batch_size": 2, "seed": 4}
    alone = unpaired_numbers(domains, 24, **options).reshape(2, 6, 4, 2)
    for first in (0, 2):
        shard = pipeline.Shard(first, 2, 4)
        part = unpaired_numbers(domains, 12, shard=shard, **options).reshape(2, 6, 2, 2)
        np.testing.assert_array_equal(part, alone[:, :, first : first + 2])
        resumed = unpaired_numbers(domains, 8, shard=shard, first_step=4, **options)
        np.testing.assert_array_equal(resumed, part[:, 2:].reshape(2, 16))


@pytest.fixture
def unlike_domains(tmp_path):
    """Grey photos of 8 bits and coloured ones of 16 bits, of other counts and sizes."""
    for index in range(3):
        codecs.write(np.full((20, 30 + index, 1), 90 * index, "uint8"), tmp_path / f"A/{index}.png")
    for index in range(2):
        pixels = RANDOM.integers(0, 65536, (16, 12, 3)).astype("uint16")
        codecs.write(pixels, tmp_path / f"B/{index}.png")
    return sources.unpaired(tmp_path, layout="unpaired")


def test_domains_may_differ_in_channels_bits_and_sizes(unlike_domains):
    formats = [domain.formats[0] for domain in unlike_domains]
    assert [pixel_format[:2] for pixel_format in formats] == [(1, "uint8"), (3, "uint16")]
    a, b = next(iter(pipeline.unpaired_batches(unlike_domains, Geometry((12, 12)), batch_size=2)))
    assert (a.shape, b.shape) == ((2, 12, 12, 1), (2, 12, 12, 3))
    geometry = Geometry((12, 12), preprocess="pad", multiple=8)
    a, b = next(iter(pipeline.unpaired_batches(unlike_domains, geometry)))
    assert (a.shape[1:3], b.shape[1:3]) == ((24, 32), (16, 16))
    message = (
        "The preprocess 'crop' needs images of at least 14 x 14 pixels. Received 2 of 2 examples "
        "that differ: B/0.png of 16 x 12, B/1.png of 16 x 12. Use "
        'preprocess="resize_and_crop".'
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        pipeline.unpaired_batches(unlike_domains, Geometry((14, 14), preprocess="crop"))


def test_each_domain_goes_through_the_source_of_its_task(unlike_domains):
    (a, _), (b, _) = (domain.formats * 2 for domain in unlike_domains)
    directions = tasks.Labels((a, b), (200, None)), tasks.Pairs((b, a))
    options = {"tasks": directions, "seed": 1}
    for batches in (
        pipeline.unpaired_batches(unlike_domains, Geometry((12, 12)), **options),
        pipeline.unpaired_evaluation_batches(unlike_domains, Geometry((12, 12)), tasks=directions),
    ):
        one_hot, colors = next(iter(batches))
        assert one_hot.shape[-1] == 200
        assert set(tf.argmax(one_hot, axis=-1).numpy().ravel() // 90) <= {0, 1, 2}
        assert colors.shape[-1] == 3


def test_noise_is_added_to_the_domain_a_alone(tmp_path):
    domains = two_domains(tmp_path, 5, 5)
    plain, noisy = (
        next(iter(pipeline.unpaired_batches(domains, Geometry((4, 4)), augmentation=augmentation)))
        for augmentation in (Augmentation(), Augmentation(source_noise=0.1))
    )
    assert np.abs(noisy[0] - plain[0]).max() > 0.05
    np.testing.assert_array_equal(noisy[1], plain[1])


@pytest.mark.parametrize("counts", [(5, 5), (3, 5), (5, 3)])
def test_unpaired_evaluation_takes_all_in_order_and_repeats_the_smaller_domain(tmp_path, counts):
    domains = two_domains(tmp_path, *counts)
    batches = list(pipeline.unpaired_evaluation_batches(domains, Geometry((8, 8)), batch_size=2))
    assert [len(a) for a, _ in batches] == [2, 2, 1]
    for domain, count in enumerate(counts):
        values = np.concatenate([images.to_pixels(ab[domain]).numpy() for ab in batches])
        numbers_of_domain = values[:, 0, 0, 0] // 10
        assert numbers_of_domain.tolist() == [index % count for index in range(5)]


def test_evaluation_takes_the_centre_of_what_is_larger(tmp_path):
    pixels = RANDOM.integers(0, 256, (20, 30, 3)).astype("uint8")
    codecs.write(pixels, tmp_path / "1.png")
    photos = sources.photos(tmp_path)
    task = tasks.task("inpainting", photos.formats)
    batches = pipeline.evaluation_batches(photos, Geometry((16, 8), preprocess="crop"), task=task)
    ((_, target),) = batches
    np.testing.assert_array_equal(images.to_pixels(target)[0], pixels[2:18, 11:19])


def test_evaluation_leaves_nothing_to_chance(tmp_path):
    pixels = np.kron(RANDOM.integers(0, 256, (3, 4, 3)), np.ones((8, 8, 1))).astype("uint8")
    codecs.write(pixels, tmp_path / "1.png")
    photos = sources.photos(tmp_path)
    task = tasks.task("edges", photos.formats)
    ((source, _),) = pipeline.evaluation_batches(photos, Geometry((24, 32)), task=task)
    drawing = edges.extract(pixels)
    assert drawing.min() == 0
    np.testing.assert_array_equal(images.to_pixels(source)[0], drawing)
