"""What `compile` adds to plain descent: clipping, parts, precision, averages, XLA."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import fixed_weights, restored_generator, sgd, smooth_images, tiny_pix2pix, values
from tfpix2pix import InputError, Pix2Pix, checkpointing, losses, runs
from tfpix2pix.families import pix2pix, preset
from tfpix2pix.families.pix2pix import Pix2PixConfig
from tfpix2pix.networks import patch_discriminator, unet_generator
from tfpix2pix.optimizers import adam

SOURCE, TARGET = smooth_images((4, 32, 32, 3)), smooth_images((4, 32, 32, 3), seed=1)


@pytest.fixture
def policy():
    yield keras.mixed_precision.set_global_policy
    keras.mixed_precision.set_global_policy("float32")


def of_sgd(options=None, **compiled):
    model = tiny_pix2pix(l1_weight=1.0, **(options or {}))
    model.compile({player: sgd() for player in model.players}, **compiled)
    return model


def gradients(model):
    """Returns by how much one step of plain descent moves each player, as a vector."""
    before = {player: vector(network) for player, network in model.players.items()}
    model.train_step((SOURCE, TARGET))
    return {p: (old - vector(model.players[p])) / 0.1 for p, old in before.items()}


def vector(network):
    return np.concatenate([variable.numpy().ravel() for variable in network.trainable_variables])


def test_a_discriminator_may_judge_whole_images():
    patches = patch_discriminator((32, 32, 3), receptive_field=34, base_filters=4)
    logit = keras.layers.GlobalAveragePooling2D()(patches.output)
    judges = [patches, keras.Model(patches.inputs, logit)]
    for kind, penalty in (("least_squares", losses.r1), ("wasserstein", losses.wgan_gp)):
        moved = []
        for judge in judges:
            generator = fixed_weights(tiny_pix2pix().generator)
            options = {"adversarial": losses.adversarial(kind), "penalty": (0.1, penalty)}
            model = Pix2Pix(generator, fixed_weights(judge), l1_weight=0.0, **options)
            model.compile({player: sgd() for player in model.players})
            moved.append(gradients(model))
        assert all(np.isfinite(moved[1][player]).all() for player in moved[1])
        if kind == "wasserstein":  # Linear, so the mean of all patches' losses is that of the mean.
            for player, gradient in moved[0].items():
                np.testing.assert_allclose(moved[1][player], gradient, atol=1e-4)


def test_adam_shortens_gradients_to_the_norm_over_all_variables():
    optimizer, variables = adam(clip_norm=0.5), [tf.Variable(0.0), tf.Variable([0.0])]
    optimizer.apply_gradients(zip([tf.constant(3.0), tf.constant([4.0])], variables))
    moments = [float(tf.squeeze(optimizer.get_slot(v, "m"))) for v in variables]
    assert moments == pytest.approx([0.5 * 0.3, 0.5 * 0.4])


@pytest.mark.parametrize(("gradient", "share"), [(1e-8, 1 / (1 + 1e-3**-0.5)), (1.0, 1.0)])
def test_epsilon_is_added_before_the_root_is_corrected(gradient, share):
    weight = tf.Variable(0.0)
    adam(learning_rate=1.0).apply_gradients([(tf.constant(gradient), weight)])
    assert float(weight) == pytest.approx(-share, rel=1e-3)


def test_logits_are_observed_always_and_gradients_where_asked_for():
    model = of_sgd()
    gradients(model)
    assert [float(norm.result()) for norm in model.gradient_norms.values()] == [0.0, 0.0]
    model.reset_metrics()
    model.measures_gradients.assign(True)
    translated = model.generator(SOURCE, training=True)
    expected = {
        name: np.mean(model.discriminator([SOURCE, judged], training=True))
        for name, judged in (("real", TARGET), ("fake", translated))
    }
    lengths = {player: np.linalg.norm(moved) for player, moved in gradients(model).items()}
    logits, norms = (
        {name: float(mean.result()) for name, mean in group.items()}
        for group in (model.logits, model.gradient_norms)
    )
    assert logits == pytest.approx(expected, rel=1e-4, abs=1e-6)
    assert norms == pytest.approx(lengths, rel=1e-3)


def test_each_player_is_clipped_by_its_own_norm():
    longest = {p: 0.5 * np.linalg.norm(g) for p, g in gradients(of_sgd()).items()}
    clipped = tiny_pix2pix(l1_weight=1.0)
    clipped.compile(
        {p: keras.optimizers.legacy.SGD(0.1, global_clipnorm=n) for p, n in longest.items()}
    )
    found = {p: np.linalg.norm(g) for p, g in gradients(clipped).items()}
    assert found == pytest.approx(longest, rel=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"penalty": (5.0, losses.r1)},
        {"discriminator_steps": 2, "extra_losses": {"l2": lambda s, t, x: losses.l2(t, x)}},
        {"update": "simultaneous"},
    ],
)
def test_a_batch_in_parts_is_the_whole_batch(options):
    whole, parts = of_sgd(options), of_sgd(options, micro_batches=2)
    logs = [model.train_step((SOURCE, TARGET)) for model in (whole, parts)]
    for a, b in zip(values(whole), values(parts)):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
    for term, mean in logs[0].items():
        assert float(logs[1][term]) == pytest.approx(float(mean), rel=1e-5)


def test_a_batch_that_has_no_such_parts_is_refused():
    message = (
        "The batch of each device must be a multiple of `micro_batches`. Received: 4 examples "
        "a device, micro_batches=3. Use a larger batch."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        of_sgd(micro_batches=3).train_step((SOURCE, TARGET))


@pytest.mark.parametrize(
    ("precision", "rounding"), [("mixed_float16", 0.01), ("mixed_bfloat16", 0.2)]
)
def test_gradients_of_mixed_precision_are_float32_s_but_for_rounding(policy, precision, rounding):
    expected = gradients(of_sgd({"norm": "none"}))
    policy(precision)
    model = of_sgd({"norm": "none"})
    layers = model.generator.get_layer("down1_conv"), model.discriminator.get_layer("patch1_conv")
    assert {layer.compute_dtype for layer in layers} == {precision.removeprefix("mixed_")}
    assert model.generator.output.dtype == model.discriminator.output.dtype == tf.float32
    for optimizer in model.optimizers.values():
        scales = isinstance(optimizer, keras.mixed_precision.LossScaleOptimizer)
        assert scales == (precision == "mixed_float16")
    for player, found in gradients(model).items():
        difference = np.linalg.norm(found - expected[player])
        assert difference < rounding * np.linalg.norm(expected[player])


def test_a_step_that_overflows_is_left_out_and_lowers_the_scale(policy):
    policy("mixed_float16")
    model = tiny_pix2pix(norm="batch")
    scaling = keras.mixed_precision.LossScaleOptimizer(adam(), initial_scale=2.0**40)
    model.compile({"generator": scaling})
    before = [v.numpy() for v in model.trainable_variables]
    model.train_step((SOURCE, TARGET))
    assert model.optimizers["generator"] is scaling
    assert float(scaling.loss_scale) == 2.0**39
    assert float(model.optimizers["discriminator"].loss_scale) == 2.0**15
    ids = {id(variable) for variable in model.generator.trainable_variables}
    for variable, old in zip(model.trainable_variables, before):
        assert (variable.numpy() == old).all() == (id(variable) in ids), variable.name


def test_spectral_convolutions_train_in_float16(policy):
    policy("mixed_float16")
    generator = unet_generator((32, 32, 3), depth=2, base_filters=4)
    judge = patch_discriminator((32, 32, 3), receptive_field=16, base_filters=4, norm="spectral")
    model = Pix2Pix(generator, judge)
    model.compile()
    before = [v.numpy() for v in judge.trainable_variables]
    model.train_step((SOURCE[:1], TARGET[:1]))
    assert all((new.numpy() != old).any() for new, old in zip(judge.trainable_variables, before))


def test_the_averaged_generator_is_the_mean_over_past_weights():
    model = of_sgd(ema_decay=0.2)
    averages = model.generator.get_weights()
    for step in (1, 2, 3):
        model.train_step((SOURCE, TARGET))
        share = min(0.2, (1 + step) / (10 + step))
        averages = [
            share * average + (1 - share) * weight
            for average, weight in zip(averages, model.generator.get_weights())
        ]
    for found, expected in zip(model.averaged["generator"].get_weights(), averages):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert model.averaged["generator"].trainable_variables == []
    names = [
        [layer.name for layer in network.layers]
        for network in (model.averaged["generator"], model.generator)
    ]
    assert names[0] == names[1]


@pytest.mark.parametrize("options", [{"micro_batches": 0}, {"ema_decay": 1.0}])
def test_impossible_options_are_refused(options):
    micro_batches = options.get("micro_batches", 1)
    ema_decay = options.get("ema_decay", 0.0)
    message = (
        "`micro_batches` must be at least 1, and `ema_decay` at least 0 and below 1. Received: "
        f"micro_batches={micro_batches}, ema_decay={ema_decay}. A decay of 0.999 averages over "
        "some 1000 steps."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        tiny_pix2pix().compile(**options)


def test_parts_of_synchronized_batch_norm_are_refused():
    message = (
        '`micro_batches` must be 1 for norm="batch_sync", whose statistics are those of the whole '
        'batch. Received: micro_batches=2. Use norm="instance" or "batch".'
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        tiny_pix2pix(norm="batch_sync").compile(micro_batches=2)


def every_value(model):
    networks = [*model.players.values(), *model.averaged.values()]
    return [value for network in networks for value in values(network)]


def moments(model, player):
    optimizer, variables = model.optimizers[player], model.players[player].trainable_variables
    return [optimizer.get_slot(variable, name) for name in "mv" for variable in variables]


EVERYTHING = dataclasses.replace(
    preset("quickstart"),
    data=dataclasses.replace(preset("quickstart").data, image_size=32, load_size=32),
    model=Pix2PixConfig(base_filters=4, depth=2, receptive_field=16, penalty="dragan"),
    train=dataclasses.replace(
        preset("quickstart").train,
        batch_size=2,
        schedule="linear",
        steps=4,
        warmup_steps=2,
        clip_norm=1.0,
        micro_batches=2,
        precision="mixed_float16",
        ema_decay=0.5,
    ),
)


def test_with_all_options_a_resumed_training_ends_the_same_and_is_read_back(tmp_path):
    def started():
        model = pix2pix.model(EVERYTHING)
        return model, checkpointing.checkpoint(model, tf.Variable(0, dtype="int64"))

    def train(model, steps):
        for _ in range(steps):
            model.train_step((SOURCE[:2], TARGET[:2]))

    whole, checkpoint = started()
    train(whole, 2)
    path = checkpoint.save(tmp_path / "parts/ckpt")
    train(whole, 2)
    resumed, checkpoint = started()
    checkpoint.restore(path)
    train(resumed, 2)
    for a, b in zip(*(every_value(model) for model in (resumed, whole))):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(*(moments(model, "generator") for model in (resumed, whole))):
        np.testing.assert_array_equal(a, b)
    scales = [float(model.optimizers["generator"].loss_scale) for model in (whole, resumed)]
    assert scales[0] == scales[1] > 1
    assert not (values(whole.generator)[0] == values(started()[0].generator)[0]).any()

    runs.save_config(EVERYTHING, tmp_path)
    tf.train.CheckpointManager(checkpoint, tmp_path / "checkpoints", 1).save()
    for averaged in (False, True):
        trained = resumed.averaged["generator"] if averaged else resumed.generator
        restored = restored_generator(tmp_path, averaged=averaged)
        assert restored.compute_dtype == "float32"
        for a, b in zip(restored.get_weights(), trained.get_weights()):
            np.testing.assert_array_equal(a, b)


def test_averages_of_a_run_without_are_refused(tmp_path):
    runs.save_config(preset("quickstart"), tmp_path)
    message = (
        "Averaged weights are in runs with `train.ema_decay` above 0. Received: "
        f"{str(tmp_path)!r}, which has none. Take the weights as they are, or train "
        "another run with an `ema_decay` of 0.999."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        restored_generator(tmp_path, averaged=True)
