"""Optimizers that a phase starts anew, beside Adam and moving averages in NumPy."""

import re
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfpix2pix import InputError, optimizers, schedules
from tfpix2pix.checkpointing import checkpoint
from tfpix2pix.config import TrainConfig
from tfpix2pix.families import Phase
from tfpix2pix.families.compiling import compile_model
from tfpix2pix.models import TranslationModel
from tfpix2pix.optimizers import AdamSettings

STEPS, BORDER = 12, 5
SETTINGS = {"a": AdamSettings(0.1, 0.3, 0.9, 1e-4), "b": AdamSettings(updates=2)}
TRAIN = TrainConfig(
    steps=STEPS, learning_rate=0.2, schedule="linear", decay_from=2, warmup_steps=4, ema_decay=0.6
)
FIRST = Phase("first", BORDER, 1, (1, 1))
SECOND = Phase("second", STEPS - BORDER, 1, (1, 1), renewed=("a",))


class Weights(TranslationModel):
    """Players of one weight each, which descend its square."""

    def __init__(self):
        players = {name: self._player(name) for name in "ab"}
        super().__init__(players, ["a_size", "b_size"], translators=("a", "b"), name="weights")

    @staticmethod
    def _player(name):
        image = keras.Input((1,))
        layer = keras.layers.Dense(
            1, use_bias=False, kernel_initializer="ones", name=f"{name}_dense"
        )
        return keras.Model(image, layer(image), name=name)

    def train_step(self, batch):
        with tf.GradientTape(persistent=True) as tape:
            objectives = {
                name: self.objective(name, size=tf.reduce_sum(player(batch) ** 2, 1))
                for name, player in self.players.items()
            }
        self.apply({name: self.gradients(tape, x, name) for name, x in objectives.items()})
        return self.logs()


def built(phases=(FIRST, SECOND)):
    return compile_model(Weights(), TRAIN, SETTINGS, phases)


def taken(model, phase, steps):
    model.enter(phase, 0.0)
    step = tf.function(model.train_step)
    for _ in range(steps):
        step(tf.ones((1, 1)))
        model.enter(phase, 0.5)


def expected(name, renewed_at):
    """The weight, its average and the steps since the renewal, in NumPy."""
    settings = SETTINGS[name]
    rate = settings.learning_rate or TRAIN.learning_rate
    count = settings.updates
    weight = average = 1.0
    t = m = v = 0
    for step in range(STEPS):
        if step == renewed_at:
            t = m = v = 0
        remaining = min((count * STEPS - step) / (count * (STEPS - 2) + 1), 1.0)
        now = rate * remaining * min((step + 1) / (count * 4), 1.0)
        t += 1
        gradient = 2 * weight
        m = settings.beta_1 * m + (1 - settings.beta_1) * gradient
        v = settings.beta_2 * v + (1 - settings.beta_2) * gradient**2
        corrected = now * np.sqrt(1 - settings.beta_2**t) / (1 - settings.beta_1**t)
        weight -= corrected * m / (np.sqrt(v) + settings.epsilon)
        share = min(TRAIN.ema_decay, (2 + step) / (11 + step))
        average = share * average + (1 - share) * weight
    return weight, average, t


def found(model, name):
    weight, average = (
        float(network.get_weights()[0][0, 0])
        for network in (model.players[name], model.averaged[name])
    )
    return weight, average, int(model.optimizers[name].iterations)


def test_moments_start_anew_and_schedules_and_averages_go_on():
    model = built()
    taken(model, FIRST, BORDER)
    taken(model, SECOND, STEPS - BORDER)
    for name, renewed_at in (("a", BORDER), ("b", None)):
        np.testing.assert_allclose(found(model, name), expected(name, renewed_at), rtol=1e-5)
    assert model.steps_taken == STEPS
    assert abs(expected("a", BORDER)[0] - expected("a", None)[0]) > 1e-3
    assert model.optimizer is model.optimizers["a"]


@pytest.mark.parametrize("stop", [BORDER - 1, BORDER, BORDER + 1])
def test_a_restored_model_knows_when_it_was(stop, tmp_path):
    model = built()
    taken(model, FIRST, min(stop, BORDER))
    if stop > BORDER:
        taken(model, SECOND, stop - BORDER)
    path = checkpoint(model, tf.Variable(stop, dtype="int64")).save(tmp_path / "ckpt")
    model = built()
    model.enter(SECOND if stop > BORDER else FIRST, 0.5)
    checkpoint(model, tf.Variable(0, dtype="int64")).restore(path)
    if stop < BORDER:
        taken(model, FIRST, BORDER - stop)
    taken(model, SECOND, STEPS - max(stop, BORDER))
    np.testing.assert_allclose(found(model, "a"), expected("a", BORDER), rtol=1e-5)


def test_a_roll_back_over_the_border_renews_again(tmp_path):
    model = built()
    taken(model, FIRST, BORDER)
    path = checkpoint(model, tf.Variable(BORDER, dtype="int64")).save(tmp_path / "ckpt")
    taken(model, SECOND, 2)
    model.enter(FIRST, 0.9)
    checkpoint(model, tf.Variable(0, dtype="int64")).restore(path)
    taken(model, SECOND, STEPS - BORDER)
    for name, renewed_at in (("a", BORDER), ("b", None)):
        np.testing.assert_allclose(found(model, name), expected(name, renewed_at), rtol=1e-5)


def test_the_rate_of_a_renewed_optimizer_is_that_of_its_step(mirrored):
    with mirrored.scope():
        model = built()
        model.earlier_updates["a"].assign(7)
        model.enter(SECOND, 0.0)
    rate = schedules.schedule("linear", 0.1, steps=STEPS, decay_from=2, warmup=4)
    optimizer = model.optimizers["a"]
    np.testing.assert_allclose(optimizer.learning_rate(optimizer.iterations), rate(tf.constant(7)))
    config = optimizer.learning_rate.get_config()
    assert config["start"] == 7
    np.testing.assert_allclose(schedules.LearningRate(**config)(tf.constant(2)), rate(9))


def test_only_models_that_renew_save_when(tmp_path):
    saved = checkpoint(built((FIRST,)), tf.Variable(0, dtype="int64")).save(tmp_path / "ckpt")
    assert not any("earlier" in name for name, _ in tf.train.list_variables(saved))


def test_float16_scales_on_after_a_renewal():
    model = built()
    model.players["a"].layers[1]._dtype_policy = keras.mixed_precision.Policy("mixed_float16")
    model.compile(renewable={"a": lambda start: optimizers.adam(beta_2=0.5)})
    model.renew(["a"])
    scaling = keras.mixed_precision.LossScaleOptimizer
    assert all(isinstance(optimizer, scaling) for optimizer in model.optimizers.values())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: built((FIRST,)).enter(SECOND, 0.0),
            "`renew` starts the optimizers of players anew that `compile` got as `renewable`: "
            "none. Received: a. Compile the model with functions that make their optimizers.",
        ),
        (
            lambda: built((SECOND._replace(renewed=("c", "b")),)),
            "Settings and phases name players of the model: a, b. Received: c. Rename or remove "
            "them.",
        ),
        (
            lambda: Weights().compile(renewable={"c": partial(optimizers.adam, 0.1)}),
            "Optimizers are given per player, ['a', 'b']. Received: ['c']. Remove or rename them.",
        ),
    ],
)
def test_what_cannot_be_renewed_is_refused(call, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        call()
