import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import toy
from tests.cases.families import cyclegan, write_domains
from tfpix2pix import InputError, families, load_run, preset, runs
from tfpix2pix.config import DataConfig, TrainConfig
from tfpix2pix.data import codecs
from tfpix2pix.families import Worker, checked_family, unpaired
from training.engine import batches, loop


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setitem(families.FAMILIES, "toy", toy.FAMILY)


def changed(section, **options):
    config = toy.FAMILY.presets["toy"]
    options = dataclasses.replace(getattr(config, section), **options)
    return dataclasses.replace(config, **{section: options})


def streamed(folder, count=6, **options):
    """Returns the completed configuration, and training and held-out batches as NumPy arrays."""
    config = changed("data", folder=str(folder), **options)
    examples = unpaired.examples(config, "train")
    config = unpaired.completed(config, examples)
    phase = families.Phase("whole", 9, config.train.batch_size, config.data.image_size)
    training = unpaired.training(config, examples, phase, Worker(), 0).take(count)
    held_out = unpaired.held_out(config, unpaired.examples(config, "held_out"), phase)
    return config, list(training.as_numpy_iterator()), list(held_out.as_numpy_iterator())


IGNORED = {
    "data.task='edges' (unpaired data ignore it: the images of all domains are taken as they "
    "are)": changed("data", task="edges"),
    "data.direction='BtoA' (unpaired data ignore it: all directions are trained)": changed(
        "data", direction="BtoA"
    ),
    "train.update='simultaneous' (the toy paper ignores it: it has no discriminator), "
    "train.discriminator_steps=2 (the toy paper ignores it: it has no discriminator), "
    "train.discriminator_learning_rate=0.1 (the toy paper ignores it: it has no "
    "discriminator)": changed(
        "train", update="simultaneous", discriminator_steps=2, discriminator_learning_rate=0.1
    ),
}


@pytest.mark.parametrize("received", IGNORED)
def test_an_option_that_nothing_reads_is_refused_wherever_a_configuration_comes_in(
    received, tmp_path
):
    config = IGNORED[received].with_data(write_domains(tmp_path / "data"))
    runs.save_config(config, tmp_path / "saved")
    message = (
        f"The options of a training must be ones that toy reads. Received: {received}. Leave them "
        "out."
    )
    for way in (
        lambda: checked_family(config),
        lambda: loop.train(config, tmp_path / "run"),
        lambda: batches.completed(config),
        lambda: load_run(tmp_path / "saved").family,
    ):
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            way()
    assert not (tmp_path / "run").exists()


def test_pairs_refuse_to_be_paired_by_position():
    config = dataclasses.replace(preset("facades"), data=DataConfig(serial_batches=True))
    message = (
        "The options of a training must be ones that pix2pix reads. Received: "
        "data.serial_batches=True (pairs ignore it: the images of a pair belong together). Leave "
        "them out."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        checked_family(config)


@pytest.mark.slow
@pytest.mark.parametrize("counts", [(3, 5), (5, 3)])
def test_an_epoch_of_two_domains_is_the_larger_one_and_a_run_records_steps(counts, tmp_path):
    folder = write_domains(tmp_path / "data", counts)
    config = dataclasses.replace(
        toy.FAMILY.presets["toy"].with_data(folder), train=TrainConfig(epochs=3, batch_size=2)
    )
    _, step = loop.train(config, tmp_path / "run", until=2)
    recorded = runs.load_config(tmp_path / "run").train
    assert (step, recorded.steps, recorded.epochs) == (2, 8, None)  # 15 images, 2 a batch.
    _, step = loop.train(config, tmp_path / "run")  # The same command goes on to the end.
    assert step == 8


def test_serial_batches_pair_the_images_of_one_position(tmp_path):
    for domain, count in (("A", 3), ("B", 5)):
        for index in range(count):
            pixels = np.full((16, 16, 1), 10 * index, "uint8")
            codecs.write(pixels, tmp_path / f"train{domain}/{index}.png")
    _, training, _ = streamed(tmp_path, 7, serial_batches=True, image_size=16)
    numbers = [[round((image[0, 0, 0, 0] + 1) * 12.75) for image in pair] for pair in training]
    assert numbers == [[n % 3, n % 5] for n in range(7)]


def test_what_is_ignored_at_its_default_and_what_is_read_are_accepted():
    data = DataConfig(image_size=64, source_noise=0.1, flip=False, source_labels=3)
    config = dataclasses.replace(toy.FAMILY.presets["toy"], data=data)
    assert checked_family(config) is toy.FAMILY
    config = dataclasses.replace(preset("facades"), data=DataConfig(direction="BtoA"))
    assert checked_family(config) is families.FAMILIES["pix2pix"]


def test_every_ignored_option_is_one():
    default = preset("facades")
    for family in families.FAMILIES.values():
        for option in {**family.feed.ignored, **family.ignored}:
            section, name = option.split(".")
            assert hasattr(getattr(default, section), name), option


def test_label_maps_of_either_domain_are_one_hot(tmp_path):
    for index in range(3):
        photo = np.full((16, 16, 3), 80 * index, "uint8")
        codecs.write(photo, tmp_path / f"trainA/{index}.png")
        labels = np.random.default_rng(index).integers(0, 5, (16, 16, 1)).astype("uint8")
        codecs.write(labels, tmp_path / f"trainB/{index}.png")
    config, training, held_out = streamed(tmp_path, target_labels=5, image_size=16)
    assert (config.data.source_channels, config.data.target_channels) == (3, 5)
    assert config.data.target_range == (0.0, 4.0)
    for a, b in (*training, *held_out):
        assert (a.shape, b.shape) == ((1, 16, 16, 3), (1, 16, 16, 5))
        np.testing.assert_array_equal(b.sum(axis=-1), -3)  # One class is 1, four are -1.
    a_to_b, b_to_a = unpaired.tasks(config)
    assert (a_to_b.channels, b_to_a.channels) == ((3, 5), (5, 3))
    labels = codecs.read(tmp_path / "trainB/1.png")
    np.testing.assert_array_equal(held_out[1][1].argmax(axis=-1)[0], labels[..., 0])
    np.testing.assert_array_equal(a_to_b.picture(None, tf.constant(held_out[1][1]))[0], labels)


def pixels(shape, dtype, seed):
    values = np.random.default_rng(seed).uniform(0, 1, shape)
    return (
        values.astype(dtype)
        if dtype == "float32"
        else ((values * np.iinfo(dtype).max).astype(dtype))
    )


# Suffix, channels and type of the files of A and of B.
KINDS = [
    (("png", 1, "uint8"), ("png", 3, "uint16")),
    (("png", 3, "uint8"), ("tiff", 1, "float32")),
    (("npy", 3, "float32"), ("bmp", 3, "uint8")),
    (("png", 1, "uint16"), ("tiff", 5, "uint8")),
]


@pytest.mark.parametrize(
    ("a", "b", "counts"),
    [(*kind, counts) for kind, counts in zip(KINDS, [(3, 5), (5, 3), (3, 5), (5, 3)])],
)
def test_domains_of_any_counts_formats_and_sizes_go_there_and_back(a, b, counts, tmp_path):
    sizes = {"A": (30, 24), "B": (20, 41)}
    written = {}
    for domain, (suffix, channels, dtype), count in zip("AB", (a, b), counts):
        for index in range(count):
            height, width = sizes[domain]
            image = pixels((height + index, width, channels), dtype, index)
            name = f"train{domain}/{domain.lower() * (index + 1)}.{suffix}"
            codecs.write(image, tmp_path / name)
            written[domain, index] = image
    config, training, held_out = streamed(tmp_path, 8, image_size=16)
    data = config.data
    assert (data.source_channels, data.target_channels) == (a[1], b[1])
    assert (data.source_dtype, data.target_dtype) == (a[2], b[2])
    assert len(held_out) == max(counts)
    for batches_of_domains in (training, held_out):
        for image_a, image_b in batches_of_domains:
            assert (image_a.shape, image_b.shape) == ((1, 16, 16, a[1]), (1, 16, 16, b[1]))
            assert max(np.abs(image).max() for image in (image_a, image_b)) <= 1
    # Whole images: what networks see of the first of each becomes its file's pixels again.
    _, _, whole = streamed(tmp_path, 1, preprocess="pad", image_size=16)
    for position, (domain, task) in enumerate(zip("AB", unpaired.tasks(config))):
        image = written[domain, 0]
        padded = task.source_picture(tf.constant(whole[0][position]))[0].numpy()
        top, left = ((p - s) // 2 for p, s in zip(padded.shape, image.shape[:2]))
        assert padded.dtype == image.dtype
        restored = padded[top : top + image.shape[0], left : left + image.shape[1]]
        np.testing.assert_allclose(restored, image, atol=1e-6)


def test_grey_among_colour_is_colour_and_alpha_is_dropped(tmp_path):
    for index, channels in enumerate((1, 3, 4)):
        codecs.write(pixels((16, 16, channels), "uint8", index), tmp_path / f"trainA/{index}.png")
    codecs.write(pixels((16, 16, 2), "uint8", 9), tmp_path / "trainB/0.png")
    config, training, _ = streamed(tmp_path, 4, image_size=16)
    assert (config.data.source_channels, config.data.target_channels) == (3, 1)
    assert {pair[0].shape for pair in training} == {(1, 16, 16, 3)}


def test_crops_of_large_images_keep_their_scale(tmp_path):
    """The reference's recipe for large images: windows of 360 of images of width 1024; here 20."""
    ramp = np.tile(np.linspace(0, 255, 80, dtype="uint8")[:, np.newaxis], (60, 1, 1))
    for index, domain in enumerate("AB"):
        image = ramp if domain == "A" else np.repeat(ramp, 2, axis=1)[:100]
        codecs.write(image, tmp_path / f"train{domain}/{index}.png")
    options = {"preprocess": "scale_width_and_crop", "load_size": 60, "image_size": 20}
    _, training, held_out = streamed(tmp_path, 6, **options, flip=False)
    for pair in (*training, *held_out):
        for image in pair:
            assert image.shape == (1, 20, 20, 1)
            # A third of the width has a third of the greys, in both domains, held out or not.
            assert image[0, 10, -1, 0] - image[0, 10, 0, 0] == pytest.approx(2 * 19 / 60, abs=0.05)
    message = (
        "The sides of `image_size` must be multiples of 2, as the networks need. Received: "
        "image_size=(21, 21). Use (20, 20)."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        streamed(tmp_path, 1, **{**options, "image_size": 21})


@pytest.mark.slow
def test_trained_on_crops_of_large_images_a_generator_translates_whole_ones(tmp_path):
    config = cyclegan(tmp_path / "data")  # Images of 36 x 32 pixels.
    data = dataclasses.replace(
        config.data, preprocess="scale_width_and_crop", load_size=44, image_size=20
    )
    train = dataclasses.replace(config.train, steps=2)
    loop.train(dataclasses.replace(config, data=data, train=train), tmp_path / "run")
    run = load_run(tmp_path / "run")
    assert all(np.isfinite(value) for value in run.validation.values())
    for direction in ("AtoB", "BtoA"):
        assert run.translate(pixels((37, 51, 3), "uint8", 1), direction).shape == (37, 51, 3)
