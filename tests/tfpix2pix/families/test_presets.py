import dataclasses
import re

import numpy as np
import pytest

from tests.cases import toy
from tests.cases.families import write_domains, write_streets
from tfpix2pix import InputError, families, preset, presets, runs
from tfpix2pix.data import codecs
from tfpix2pix.datasets import synthetic
from training.train import parse

# Of the paper, section 6.2: pairs, epochs, batch size.
PAPER = {
    "facades": (400, 200, 1),
    "cityscapes": (2_975, 200, 1),
    "maps": (1_096, 200, 1),
    "edges2shoes": (49_825, 15, 4),
    "edges2handbags": (137_000, 15, 4),
    "night2day": (17_823, 17, 4),
    "colorization": (1_200_000, 6, 4),
    "inpainting": (14_900, 25, 4),
    "thermal2color": (36_609, 10, 4),
}


@pytest.mark.parametrize("name", sorted(PAPER))
def test_an_experiment_of_the_paper_has_its_numbers(name):
    pairs, epochs, batch_size = PAPER[name]
    config = preset(name)
    assert config.train.batch_size == batch_size
    assert config.train.steps == round(pairs * epochs / batch_size)
    assert (config.train.learning_rate, config.train.schedule) == (2e-4, "constant")
    assert (config.data.image_size, config.model.base_filters) == ((256, 256), 64)
    assert (config.model.l1_weight, config.model.receptive_field) == (100.0, 70)


@pytest.mark.parametrize("name", sorted(presets()))
def test_an_experiment_names_its_command_and_its_result(name):
    summary = preset(name).summary
    command = "training.quickstart" if name == "quickstart" else f"training.train {name} --data"
    assert f"python -m {command}" in summary
    assert "Not measured." in summary or ("L1 0." in summary and "cores" in summary)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    synthetic.write_pairs(folder / "pairs/train", 4, (40, 40))
    for number in range(4):
        photo, _ = synthetic.facade((40, 40), number)
        codecs.write(np.ascontiguousarray(photo), folder / f"photos/train/{number}.png")
    write_domains(folder / "unpaired")
    write_streets(folder / "scenes")
    return folder


def _kind(config):
    if config.family == "pix2pixhd":
        return "scenes"
    if config.data.task != "pairs":
        return "photos"
    return "unpaired" if config.data.layout == "unpaired" else "pairs"


def _small(options):
    """Returns the options of a family that make its networks small."""
    small = {"base_filters": 2, "receptive_field": 16, "blocks": 1}
    small |= {"discriminator_filters": 2} if hasattr(options, "scales") else {}
    return {name: value for name, value in small.items() if hasattr(options, name)}


def _experiments():
    """Yields all names; one of each family and kind of data is fast, others differ in numbers."""
    kinds = set()
    for name, config in sorted(presets().items(), key=lambda item: len(item[0])):
        kind = (config.family, _kind(config))
        yield pytest.param(name, marks=[pytest.mark.slow] if kind in kinds else [])
        kinds.add(kind)


@pytest.mark.parametrize("name", list(_experiments()))
def test_an_experiment_trains_on_tiny_data(name, folders):
    config = preset(name)
    config = dataclasses.replace(
        config.with_data(folders / _kind(config)),
        model=dataclasses.replace(config.model, **_small(config.model)),
    )
    data = dataclasses.replace(config.data, image_size=(16, 16), load_size=None)
    config = dataclasses.replace(config, data=data)
    family = families.FAMILIES[config.family]
    examples = family.feed.examples(config, "train", lambda items, total: items)
    config = family.feed.completed(config, examples)
    phase = family.phases(config)[0]
    model = family.model(config)
    batches = family.feed.training(config, examples, phase, families.Worker(), 0)
    for batch in batches.take(2):
        logs = model.train_step(batch)
    assert all(np.isfinite(value) for value in logs.values())


def test_the_generator_of_cats_is_small_enough_to_be_shipped():
    config = preset("edges2cats")
    assert (config.data.task, config.data.image_size) == ("edges", (128, 128))
    model = families.FAMILIES[config.family].model(config)
    assert 2 * model.generator.count_params() <= 12e6  # Bytes in float16.


def test_an_unknown_preset_is_refused_with_the_known_ones():
    message = (
        f"The preset must be one of {sorted(presets())}. Received: 'facade'. Start from the "
        "nearest one and override its options."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        preset("facade")


@pytest.fixture
def two_of_one_name(monkeypatch):
    """A family with an experiment whose name pix2pix has, and one of its own."""
    shared = dataclasses.replace(toy.FAMILY.presets["toy"], name="facades")
    family = dataclasses.replace(toy.FAMILY, presets={"facades": shared, **toy.FAMILY.presets})
    monkeypatch.setitem(families.FAMILIES, "toy", family)
    return shared


def test_the_first_family_keeps_a_name_and_the_other_is_named_with_it(two_of_one_name):
    assert preset("facades").family == preset("pix2pix/facades").family == "pix2pix"
    assert preset("toy/facades") == presets()["toy/facades"] == two_of_one_name
    assert preset("toy/toy") == preset("toy")
    assert "pix2pix/facades" not in presets()
    assert families.preset_name(two_of_one_name) == "toy/facades"
    for name in ("toy/maps", "owls/facades", "/facades"):
        with pytest.raises(InputError, match=rf"'toy/facades'.* Received: '{name}'\. Start from"):
            preset(name)


def test_a_command_names_one_of_two_presets_of_one_name(two_of_one_name, tmp_path):
    config, _ = parse(["toy/facades", "--data", "d", "--run", "r", "--model.filters", "3"])
    assert (config.family, config.name, config.model.filters) == ("toy", "facades", 3)
    runs.save_config(config, tmp_path)
    recorded = ["--config", str(tmp_path / "config.yaml"), "--run", "r"]
    assert parse(["toy/facades", *recorded])[0] == config
    message = (
        "The configuration of a run must be that of the preset beside it. Received: facades and a "
        "configuration of toy/facades. Use toy/facades."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        parse(["facades", *recorded])


def test_an_experiment_of_another_family_is_refused(monkeypatch):
    stray = dataclasses.replace(toy.FAMILY.presets["toy"], family="pix2pix")
    family = dataclasses.replace(toy.FAMILY, presets={"stray": stray})
    monkeypatch.setitem(families.FAMILIES, "toy", family)
    message = (
        "An experiment must name the family that has it. Received: stray of toy with "
        "family='pix2pix'. Use family='toy'."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        presets()
