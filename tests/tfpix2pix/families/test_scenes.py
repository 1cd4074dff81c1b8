"""Two papers in few lines, as whole runs: one of named places, one with a task of its own."""

import base64
import dataclasses
import io
import re
import zlib
from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases.families import TRAIN
from tests.tfpix2pix.data.test_places import TOWNS, write_scenes
from tfpix2pix import InputError, load_run, losses
from tfpix2pix.config import DataConfig, ExperimentConfig, PlaceConfig
from tfpix2pix.config_files import from_yaml, to_yaml
from tfpix2pix.data.base_task import kinds
from tfpix2pix.data.places import INSTANCE, PHOTO, NamedPlace
from tfpix2pix.data.tasks import Colorization
from tfpix2pix.datasets import synthetic
from tfpix2pix.export import (
    export,
    model_card,
    read_card,
    run_details,
    source_details,
    task_of,
)
from tfpix2pix.families import FAMILIES, Family, checked_family, pairs, pixels, preset, scenes
from tfpix2pix.families.compiling import compile_model
from tfpix2pix.inference import Control, Direction, Example
from tfpix2pix.models import Column, TranslationModel
from tfpix2pix.translation import export_translator
from training.engine import loop


class Guided(TranslationModel):
    """A generator of a source and of what guides it, by L1 alone."""

    def __init__(self, generator, role):
        super().__init__({"generator": generator}, ["generator_l1"], name="guided")
        self.validation_metrics = {"l1": "less"}
        self.role = role

    def translate(self, batch):
        source, guide, _ = batch
        return self.players["generator"]([source, tf.cast(guide, "float32")])

    def train_step(self, batch):
        with tf.GradientTape() as tape:
            objective = self.objective("generator", l1=losses.l1(batch[-1], self.translate(batch)))
        self.apply({"generator": self.gradients(tape, objective, "generator")})
        return self.logs()

    def validate(self, batch):
        return {"l1": losses.l1(batch[-1], self.translate(batch))}

    def columns(self, batch):
        source, guide, target = batch
        return {
            "source": Column("source", "translate", source),
            "guide": Column(self.role, "translate", guide, source),
            "target": Column("target", "translate", target, source),
        }

    def passes(self, batch):
        return [("generator", [batch[0], tf.cast(batch[1], "float32")])]


@dataclass(frozen=True)
class GuidedConfig:
    filters: int = 3

    def multiple(self, image_size):
        return 1


def generator(config, guide_channels):
    sources, targets = pixels.task(config).channels
    source = keras.Input((None, None, sources), name="image")
    guide = keras.Input((None, None, guide_channels), name="guide")
    joined = keras.layers.Concatenate(name="joined")([source, guide])
    output = keras.layers.Conv2D(targets, 3, padding="same", activation="tanh", name="head_conv")
    return keras.Model([source, guide], output(joined), name="generator")


def control(name, channels):
    spec = tf.TensorSpec((None, None, channels))
    return Control(
        name,
        spec,
        lambda source: tf.repeat(tf.zeros_like(source[..., :1]), channels, axis=-1),
        {"kind": "map"},
    )


def guided_direction(config, model, control, example):
    network = model.players["generator"]
    kernel = pixels.kernels(config.data)[0]
    direction = Direction(network, pixels.task(config), 1, (control,), True, kernel, example)
    return {"translate": direction}


# A paper of named places: what pix2pixHD's family needs of them.
SCENES = Family(
    GuidedConfig,
    {},
    scenes.feed(
        NamedPlace("label"),
        (INSTANCE._replace(optional=True), NamedPlace("depth", optional=True)),
        PHOTO,
    ),
    lambda config: compile_model(Guided(generator(config, 1), "instances"), config.train),
    lambda config, model: guided_direction(
        config,
        model,
        control("instances", 1),
        scenes.scene_example(config, {"instances": "instance"}),
    ),
)


# A paper with a task of its own: what hints need.
@dataclass(frozen=True)
class Dots(Colorization):
    """Colour, of which dots that follow from the key are given."""

    name = "dots"

    def example(self, images, key):
        source, target = self.still(images)[::2]
        mask = tf.random.stateless_uniform((*source.shape[:2], 1), key) < 0.2
        return source, tf.where(mask, self.dots(target), 0), target

    def still(self, images):
        source, target = super().still(images)
        top = tf.range(source.shape[0])[:, tf.newaxis, tf.newaxis] < 4
        return source, tf.where(top, self.dots(target), 0), target

    def dots(self, target):
        return tf.pad(target, [[0, 0], [0, 0], [0, 1]], constant_values=1)


def dots_example(batch):
    source, hints, target = batch
    return Example(source, target, {"hints": hints})


DOTS = Family(
    GuidedConfig,
    {},
    dataclasses.replace(pairs.FEED, tasks=("dots",)),
    lambda config: compile_model(Guided(generator(config, 3), "hints"), config.train),
    lambda config, model: guided_direction(config, model, control("hints", 3), dots_example),
)


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setitem(FAMILIES, "scenes", SCENES)
    monkeypatch.setitem(FAMILIES, "dots", DOTS)


def scenes_config(folder, **options):
    options = {"image_size": (12, 24), "source_labels": 34, **options}
    return ExperimentConfig(
        "streets", "", DataConfig(str(folder), **options), GuidedConfig(), TRAIN, "scenes"
    )


def card_of(run):
    return model_card(run.directions, "model", **run_details(run), **source_details(run))


def unpacked(value):
    return np.load(io.BytesIO(zlib.decompress(base64.b64decode(value))))


@pytest.mark.slow
def test_a_run_of_labels_instances_and_photos_from_files_to_the_card(tmp_path):
    written = write_scenes(tmp_path / "data")
    write_scenes(tmp_path / "data", split="test", places=("label", "instance"))
    strategy = tf.distribute.get_strategy()
    _, step = loop.train(scenes_config(tmp_path / "data"), tmp_path / "run", strategy)
    run = load_run(tmp_path / "run")
    assert step == run.step == TRAIN.steps
    assert list(run.config.data.places) == ["instance"]
    assert run.config.data.places["instance"].dtype == "int32"
    assert run.directions["translate"].task.channels == (34, 3)
    # The one split with photos; its instances are values of the control, to the bit.
    card = card_of(run)
    (entry,) = card["directions"]
    shown = [unpacked(values["instances"]) for values in entry["example_controls"]]
    for ids, town in zip(shown, TOWNS):
        np.testing.assert_array_equal(ids, written[town]["instance"])
    assert entry["labels"] == [34, None]
    assert task_of(card).channels == (34, 3)

    version, difference = export(run.directions, tmp_path / "exports/streets", size=(12, 24))
    assert difference < 1e-4
    label = written[TOWNS[0]]["label"]
    instances = written[TOWNS[0]]["instance"].astype("float32")
    translated = run.translate(label, instances=instances)
    translator = export_translator(version.parent, controls={"instances": instances})
    (served,) = translator.translate(label)
    assert np.abs(served.astype(int) - translated).max() <= 1
    assert read_card(version)["directions"][0]["controls"][0]["name"] == "instances"


def test_a_scene_example_names_places_and_the_row_of_a_table(tmp_path):
    write_scenes(tmp_path / "data")
    rows = [f"{town},{index}" for index, town in enumerate(TOWNS)]
    (tmp_path / "rows.csv").write_text("\n".join(["town,number", *rows]))
    config = scenes_config(tmp_path / "data", attributes=str(tmp_path / "rows.csv"))
    examples = SCENES.feed.examples(config, "train")
    config = SCENES.feed.completed(config, examples)
    controls = {"ids": "instance", "numbers": "attributes", "depths": "depth"}
    example = scenes.scene_example(config, controls)
    (phase,) = SCENES.phases(config)
    batches = list(SCENES.feed.held_out(config, examples, phase))
    assert [example(batch).controls["numbers"].numpy().item() for batch in batches] == [0, 1, 2]
    assert set(example(batches[0]).controls) == {"ids", "numbers"}
    assert example(batches[0]).target.shape == (1, 12, 24, 3)


def test_a_configuration_decides_which_places_are_read_and_is_kept(tmp_path):
    write_scenes(tmp_path)
    feed = SCENES.feed
    without = scenes_config(tmp_path, places={})
    assert feed.examples(without, "train").places == ("label", "photo")
    assert feed.completed(without, feed.examples(without, "train")).data.places == {}
    completed = feed.completed(
        scenes_config(tmp_path), feed.examples(scenes_config(tmp_path), "train")
    )
    assert completed.data.places == {
        "instance": PlaceConfig(1, "int32", (0.0, 2**31 - 1.0), "nearest")
    }
    assert from_yaml(to_yaml(completed), lambda name: GuidedConfig) == completed
    assert feed.completed(completed, feed.examples(completed, "train")) == completed
    with pytest.raises(InputError, match="which has none of depth"):
        feed.examples(scenes_config(tmp_path, places={"depth": PlaceConfig()}), "train")
    message = (
        "The images beside source and target must be of instance, depth. Received: mask. Leave "
        "them out of `data.places`."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        feed.examples(scenes_config(tmp_path, places={"mask": PlaceConfig()}), "train")


def test_a_task_of_one_s_own_is_trained_and_known_to_the_card(tmp_path):
    for split, seed in (("train", 0), ("test", 1)):
        synthetic.write_pairs(tmp_path / "data" / split, 2, (16, 16), seed=seed)
    data = DataConfig(str(tmp_path / "data"), task="dots", image_size=(16, 16), layout="photos")
    config = ExperimentConfig("dots", "", data, GuidedConfig(), TRAIN, "dots")
    loop.train(config, tmp_path / "run", tf.distribute.get_strategy())
    run = load_run(tmp_path / "run")
    card = card_of(run)
    (entry,) = card["directions"]
    assert (entry["task"], kinds()["dots"]) == ("dots", Dots)
    assert task_of(card) == run.directions["translate"].task
    assert isinstance(task_of(card), Dots)
    (hints, *_) = [unpacked(values["hints"]) for values in entry["example_controls"]]
    assert set(hints[4:].ravel()) == {0}
    assert set(hints[:4, :, 2].ravel()) == {1}


def test_a_task_of_another_family_is_refused():
    config = preset("facades")
    config = dataclasses.replace(config, data=DataConfig(task="dots"))
    message = (
        "The task of pix2pix must be one of pairs, colorization, inpainting, edges. Received: "
        "'dots'. Set `data.task` to one of these."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        checked_family(config)


def test_two_tasks_of_one_name_are_refused():
    other = type("Other", (Colorization,), {"name": "dots", "__module__": "elsewhere"})
    message = (
        f"A task must have a name of its own. Received: 'dots' of {__name__} and of elsewhere. "
        "Rename one."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        kinds()
    other.name = None  # Python keeps the class.
    assert kinds()["dots"] is Dots
