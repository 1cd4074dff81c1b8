import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import toy
from tests.cases.families import write_domains
from tfpix2pix import InputError, families, load_run, preset, runs
from tfpix2pix.config import DataConfig, TrainConfig
from tfpix2pix.data import codecs
from tfpix2pix.families import Place, checked_family, unpaired
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
    training = unpaired.training(config, examples, phase, Place(), 0).take(count)
    held_out = unpaired.held_out(config, unpaired.examples(config, "held_out"), phase)
    return config, list(training.as_numpy_iterator()), list(held_out.as_numpy_iterator())


IGNORED = {
    "data.task='edges' (unpaired data ignore it: the images of both domains are taken as they "
    "are)": changed("data", task="edges"),
    "data.direction='BtoA' (unpaired data ignore it: both directions are trained)": changed(
        "data", direction="BtoA"
    ),
    "train.update='simultaneous' (the toy paper ignores it: it has no discriminator), "
    "train.discriminator_steps=2 (the toy paper ignores it: it has no discriminator)": changed(
        "train", update="simultaneous", discriminator_steps=2
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
