import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import restored_generator
from tfpix2pix import InputError, checkpointing, config, families, losses, runs
from tfpix2pix.config import DataConfig, ExperimentConfig, PlaceConfig, TrainConfig
from tfpix2pix.datasets import synthetic
from tfpix2pix.families import Worker, pairs, pix2pix, pixels, preset, presets
from tfpix2pix.families.family import whole
from tfpix2pix.families.pix2pix import Pix2PixConfig

UNUSUAL = ExperimentConfig(
    name="mine",
    summary="Not a default in it.",
    data=DataConfig(
        "pairs",
        layout="photos",
        task="edges",
        edges_by="runs/hed",
        edges_by_sha256="05a8",
        direction="BtoA",
        preprocess="crop",
        image_size=(64, 32),
        load_size=(70, 40),
        source_channels=1,
        target_channels=2,
        source_kernel="bicubic",
        target_kernel="area",
        source_labels={"sky": (0, 0, 255), "sea": (0, 9, 99)},
        ignored_label=255,
        target_labels=7,
        source_dtype="uint16",
        target_dtype="uint16",
        source_range=(-1.0, 9.0),
        target_range=(0.0, 4095.0),
        places={"depth": PlaceConfig(1, "float32", (0.0, 80.0), "area")},
        attributes="rows.csv",
        flip=False,
        source_brightness=0.2,
        source_noise=0.1,
        serial_batches=True,
        bad_files="skip",
        cache_gigabytes=0.5,
    ),
    model=Pix2PixConfig(
        base_filters=8,
        depth=4,
        norm="batch",
        dropout_levels=1,
        skips=False,
        conventions="affinelayer",
        bias="all",
        affine_instance=True,
        upsampling="nearest",
        initializer="xavier",
        gain=0.3,
        discriminator_filters=16,
        discriminator_norm="spectral",
        conditional=False,
        receptive_field=34,
        l1_weight=10.0,
        l2_weight=3.0,
        gan_weight=2.0,
        adversarial="least_squares",
        real_label=0.9,
        penalty="r1",
        penalty_weight=5.0,
    ),
    train=TrainConfig(
        steps=7,
        batch_size=2,
        learning_rate=1e-3,
        discriminator_learning_rate=4e-3,
        update="simultaneous",
        discriminator_steps=2,
        schedule="step",
        warmup_steps=2,
        decay_from=3,
        decay_every=5,
        clip_norm=0.5,
        micro_batches=4,
        precision="mixed_float16",
        ema_decay=0.9,
        jit=True,
        deterministic=True,
        seed=5,
        checkpoint_every=3,
        keep_checkpoints=1,
        log_every=2,
        validate_every=4,
        best_by="ssim",
        patience=3,
        rollback_on_nan=True,
        histograms=True,
        start_from="runs/other",
    ),
    untrained=("discriminator",),
)


def test_the_unusual_case_has_no_default_in_it():
    for section in config.SECTIONS:
        options = getattr(UNUSUAL, section)
        defaults = type(options)()
        for field in dataclasses.fields(options):
            if field.name != "epochs":  # Which decide the steps.
                assert getattr(options, field.name) != getattr(defaults, field.name), field.name


def test_a_configuration_survives_its_file(tmp_path):
    runs.save_config(UNUSUAL, tmp_path / "run")
    assert runs.load_config(tmp_path / "run") == UNUSUAL
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.yaml"]


def test_a_training_takes_steps_or_epochs(tmp_path):
    config_of_run = dataclasses.replace(UNUSUAL, train=TrainConfig(epochs=3))
    runs.save_config(config_of_run, tmp_path)
    assert runs.load_config(tmp_path).train == TrainConfig(epochs=3)
    for options in ({"steps": 7, "epochs": 3}, {"epochs": 0}):
        message = (
            "A training takes a number of `steps`, or at least one of `epochs`. Received: "
            f"steps={options.get('steps', 80000)}, epochs={options['epochs']}. Leave one of them "
            "at its default, steps=80000 or epochs=None."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            TrainConfig(**options)


@pytest.mark.parametrize(
    ("epochs", "batch_size", "steps"), [(200, 1, 80_000), (1, 1, 400), (15, 4, 1500), (1, 3, 134)]
)
def test_the_epochs_of_pairs_are_those_of_the_paper_s_presets(epochs, batch_size, steps, tmp_path):
    """400 facades for 200 epochs are 80,000 steps; a last part of a batch counts."""
    family = families.FAMILIES["pix2pix"]
    pairs_of_data = synthetic.write_pairs(tmp_path, 2, (32, 32)).spread(400)
    pairs_of_data = pairs_of_data._replace(names=[str(n) for n in range(400)])
    train = TrainConfig(epochs=epochs, batch_size=batch_size)
    completed = family.completed(
        dataclasses.replace(UNUSUAL, data=DataConfig(), train=train), pairs_of_data
    )
    assert (completed.train.steps, completed.train.epochs) == (steps, None)


def test_one_number_is_a_square():
    assert DataConfig(image_size=128).image_size == (128, 128)
    assert DataConfig(load_size=[140, 150]).load_size == (140, 150)


def test_differences_are_named_with_both_values():
    train = dataclasses.replace(UNUSUAL.train, steps=9, seed=6)
    other = dataclasses.replace(UNUSUAL, train=train)
    assert config.differences(UNUSUAL, other, ignoring=["train.steps"]) == {"train.seed": (5, 6)}


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    message = (
        "A run is a folder with a config.yaml, as training makes it. Received: "
        f"{str(tmp_path)!r}, which has none. Check the spelling or train it first."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        runs.load_config(tmp_path)


def test_a_spoiled_configuration_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("name: x\nsummary: y\ndata: {}\nmodel: {}\n")
    message = (
        f"{tmp_path}/config.yaml must hold the sections data, model, train with the options of "
        "this version. Received something else ('train'). Restore the file or train anew."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        runs.load_config(tmp_path)


def test_the_facades_preset_is_the_paper_s():
    facades = preset("facades")
    assert facades.data == DataConfig(direction="BtoA", image_size=(256, 256))
    assert facades.model == Pix2PixConfig(base_filters=64, receptive_field=70, l1_weight=100.0)
    assert (facades.train.batch_size, facades.train.learning_rate) == (1, 2e-4)
    assert facades.train.steps == 200 * 400
    assert pix2pix.model(facades).generator.get_layer("down8_conv").filters == 512


def test_an_unknown_preset_is_refused():
    message = (
        f"The preset must be one of {sorted(presets())}. Received: 'facade'. Start from the "
        "nearest one and override its options."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        preset("facade")


def test_the_family_passes_every_option_on():
    with pytest.raises(InputError, match="1 for a simultaneous update"):
        pix2pix.model(UNUSUAL)
    train = dataclasses.replace(UNUSUAL.train, discriminator_steps=1)
    model = pix2pix.model(dataclasses.replace(UNUSUAL, train=train))
    names = {layer.name for layer in model.generator.layers}
    assert {"down4_conv", "down4_norm", "up3_dropout", "up3_enlarge"} <= names
    assert not {"down5_conv", "up2_dropout", "up3_join"} & names
    first = model.generator.get_layer("down1_conv")
    assert (first.filters, first.use_bias) == (8, True)
    assert first.kernel_initializer.scale == pytest.approx(0.3**2)
    norm = model.generator.get_layer("down2_norm")
    assert (type(norm).__name__, norm.momentum) == ("BatchNormalization", 0.1)
    judge = model.discriminator.get_layer("patch1_conv")
    assert (type(judge).__name__, judge.filters) == ("SpectralConv2D", 16)
    assert judge.kernel.shape[2] == 7  # Classes of the target.
    assert model.generator.input_shape[-1] == 2  # Classes of the source.
    assert model.generator.output_shape[-1] == 7
    assert model.discriminator.output_shape == (None, 14, 6, 1)
    assert (model.l1_weight, model.gan_weight, model.update) == (10.0, 2.0, "simultaneous")
    assert model.penalty == (5.0, losses.r1)
    target, translated = np.zeros((1, 2, 2, 3)), np.full((1, 2, 2, 3), 0.5)
    weighted = model.extra_losses["l2"](target, target, translated)
    assert weighted.numpy().tolist() == [3.0 * 0.25]
    judged = model.adversarial.discriminator(np.zeros((1, 1, 1, 1)), np.zeros((1, 1, 1, 1)))
    assert float(judged[0]) == pytest.approx(0.9**2)
    assert (model.micro_batches, model.ema_decay, model.jit_compile) == (4, 0.9, True)
    assert {judge.compute_dtype, first.compute_dtype} == {"float16"}
    assert keras.mixed_precision.global_policy().name == "float32"
    assert isinstance(model.optimizers["generator"], keras.mixed_precision.LossScaleOptimizer)
    for player, rate in (("generator", 1e-3), ("discriminator", 4e-3)):
        adam = model.optimizers[player].inner_optimizer
        assert adam.global_clipnorm == 0.5
        expected = ["step", rate, *(7, 2, 3, 5)]
        assert list(adam.learning_rate.get_config().values()) == expected


def test_durations_are_steps_of_the_training_for_a_player_with_several_in_each():
    train = dataclasses.replace(UNUSUAL.train, update="alternating", schedule="linear")
    model = pix2pix.model(dataclasses.replace(UNUSUAL, train=train))
    judge, maker = (
        model.optimizers[player].inner_optimizer.learning_rate.get_config()
        for player in ("discriminator", "generator")
    )
    assert [judge[name] for name in ("steps", "warmup", "decay_from")] == [14, 4, 6]
    assert [maker[name] for name in ("steps", "warmup", "decay_from")] == [7, 2, 3]


def test_a_run_without_checkpoints_is_refused(tmp_path):
    runs.save_config(preset("facades"), tmp_path)
    message = (
        f"A trained run has checkpoints in {tmp_path}/checkpoints. Received: {str(tmp_path)!r}, "
        "which has none yet. Train it further, or lower `train.checkpoint_every`."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        restored_generator(tmp_path)


@pytest.fixture
def saved_run(tmp_path):
    config_of_run = dataclasses.replace(preset("quickstart"), model=Pix2PixConfig(base_filters=2))
    runs.save_config(config_of_run, tmp_path)
    model = pix2pix.model(config_of_run)
    checkpoint = checkpointing.checkpoint(model, tf.Variable(3, dtype="int64"))
    tf.train.CheckpointManager(checkpoint, tmp_path / "checkpoints", 1).save(3)
    return tmp_path


def test_checkpoints_name_layers_as_the_networks_do(saved_run):
    names = tf.train.load_checkpoint(saved_run / "checkpoints").get_variable_to_shape_map()
    for name in ("generator/down2_conv/kernel", "discriminator/head_conv/bias"):
        assert f"{name}/.ATTRIBUTES/VARIABLE_VALUE" in names
    assert sum("_dropout/noise" in name for name in names) > 0


def test_a_checkpoint_of_another_configuration_is_refused(saved_run):
    other = dataclasses.replace(runs.load_config(saved_run), model=Pix2PixConfig(base_filters=4))
    runs.save_config(other, saved_run)
    with pytest.raises(InputError, match=r"\)\. Restore the config.yaml that the run was"):
        restored_generator(saved_run)


def test_a_truncated_checkpoint_is_refused(saved_run):
    (data,) = (saved_run / "checkpoints").glob("*.data-*")
    data.write_bytes(data.read_bytes()[:100])
    with pytest.raises(InputError, match=r"^One of the checkpoints of a run must be whole\. Rec"):
        restored_generator(saved_run)


def test_a_batch_that_cannot_be_shared_is_refused():
    message = (
        "`train.batch_size` must be a multiple of the number of devices. Received: batch_size=2, "
        "devices=3. Use batch_size=3."
    )
    config = dataclasses.replace(UNUSUAL, model=Pix2PixConfig())
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        pairs.training(config, None, whole(config)[0], Worker(replicas=3), 0)


def test_data_must_be_named():
    message = "The folder of the data must be given. Received: none. Set `data.folder`."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        pairs.examples(preset("facades"), "train")


def test_what_is_left_to_the_data_is_filled_in(facades):
    open_config = dataclasses.replace(
        preset("facades"),
        data=DataConfig(str(facades), direction="BtoA", source_labels="cmp_facades"),
    )
    completed = pairs.completed(open_config, pairs.examples(open_config, "train"))
    assert (completed.data.source_channels, completed.data.target_channels) == (12, 3)
    assert (completed.data.source_dtype, completed.data.target_range) == ("uint8", (0.0, 255.0))
    assert pairs.completed(completed, pairs.examples(completed, "held_out")) == completed


def test_other_channels_than_the_classes_give_are_refused(facades):
    config = dataclasses.replace(
        preset("facades"),
        data=DataConfig(str(facades), target_labels="cmp_facades", target_channels=3),
    )
    message = (
        "The networks must have the channels that the data give, 3 and 12. Received: "
        "source_channels and target_channels of (None, 3). Leave `data.source_channels` "
        "and `data.target_channels` out."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        pairs.completed(config, pairs.examples(config, "train"))


def test_held_out_examples_are_the_first_split_that_there_is(facades, tmp_path):
    def held_out(folder):
        config = dataclasses.replace(preset("facades"), data=DataConfig(str(folder)))
        return len(pairs.examples(config, "held_out").names)

    assert held_out(facades) == 3
    (tmp_path / "train").symlink_to(facades / "train")
    assert held_out(tmp_path) == 6
    (tmp_path / "val").symlink_to(facades / "test")
    assert held_out(tmp_path) == 3


def test_what_is_left_open_is_rgb_of_8_bits(facades):
    config = dataclasses.replace(preset("facades"), data=DataConfig(str(facades), image_size=32))
    assert pixels.task(config).source_format == (3, "uint8", (0.0, 255.0))
    examples = pairs.examples(config, "train")
    source, target = next(iter(pairs.held_out(config, examples, whole(config)[0])))
    assert max(float(tf.reduce_max(tf.abs(image))) for image in (source, target)) <= 1
