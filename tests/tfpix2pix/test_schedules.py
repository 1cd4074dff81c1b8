import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfpix2pix import InputError
from tfpix2pix.optimizers import adam
from tfpix2pix.schedules import LearningRate, schedule


def rates(*arguments, count=None, **options):
    rate_at = schedule(*arguments, **options)
    return [float(rate_at(tf.constant(n, "int64"))) for n in range(count or options["steps"])]


def test_a_constant_rate_is_the_number_itself():
    assert schedule("constant", 2e-4, steps=9, decay_from=3, decay_every=2) == 2e-4


def test_a_warm_up_rises_linearly_to_the_whole_rate():
    assert rates("constant", 8.0, steps=6, warmup=4) == [2, 4, 6, 8, 8, 8]
    assert rates("linear", 12.0, steps=4, warmup=2, decay_from=2) == pytest.approx([6, 12, 8, 4])


def test_linear_decay_is_the_reference_s_without_its_epoch_of_rate_zero():
    def reference_rate(epoch):
        return 1 - max(0, epoch + 1 - 100) / 101

    computed = rates("linear", 1.0, steps=200)
    np.testing.assert_allclose(computed, [reference_rate(n) for n in range(200)], rtol=1e-5)
    stepped_too_early = [reference_rate(n + 1) for n in range(200)]
    assert (computed[-1], stepped_too_early[-1]) == (pytest.approx(1 / 101), 0)


@pytest.mark.parametrize("steps", [1, 7, 1334])
def test_linear_decay_is_the_reference_s_staircase_without_its_stairs(steps):
    """Of so many steps an epoch: no rate is further from it than a stair, and the mean is equal."""
    last = 200 * steps
    computed = np.array(schedule("linear", 1.0, steps=last)(tf.range(last)))
    staircase = np.repeat([1 - max(0, epoch - 100) / 101 for epoch in range(1, 201)], steps)
    assert np.abs(computed - staircase).max() < 1 / 101
    assert computed.mean() == pytest.approx(staircase.mean(), abs=1e-5)
    assert computed[: last // 2].tolist() == [1.0] * (last // 2)
    assert (np.diff(computed[last // 2 :]) < 0).all()
    assert computed[-1] == pytest.approx(1 / (last // 2 + 1), rel=1e-4)  # And never 0.


def test_cosine_decay_goes_from_the_warm_up_to_just_above_zero():
    expected = [1.0, 2.0, *(1 + np.cos(np.pi * n / 5) for n in (1, 2, 3, 4))]
    computed = rates("cosine", 2.0, steps=6, warmup=2)
    np.testing.assert_allclose(computed, expected, rtol=1e-5)
    later = rates("cosine", 2.0, steps=6, decay_from=4)
    np.testing.assert_allclose(later, [2, 2, 2, 2, 1.5, 0.5], rtol=1e-5)


def test_steps_fall_to_a_tenth_each():
    computed = rates("step", 1.0, steps=7, decay_every=3)
    np.testing.assert_allclose(computed, [1, 1, 1, 0.1, 0.1, 0.1, 0.01], rtol=1e-5)
    np.testing.assert_allclose(rates("step", 1.0, steps=4), [1, 0.1, 0.01, 0.001], rtol=1e-5)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_a_longer_training_stays_at_the_last_rate(kind):
    computed = rates(kind, 1.0, steps=80_000, count=1)
    last, beyond = (float(schedule(kind, 1.0, steps=80_000)(n)) for n in (79_999, 90_000))
    assert 0 < last == beyond < 1e-4 < computed[0]


def test_the_optimizer_follows_its_count_and_survives_its_config():
    revived = keras.optimizers.legacy.Adam.from_config(
        adam(schedule("linear", 1.0, steps=4, warmup=2, decay_from=2)).get_config()
    )
    assert isinstance(revived.learning_rate, LearningRate)
    revived.iterations.assign(3)
    variable = tf.Variable([1.0, 1.0])

    @tf.function
    def step():
        revived.apply_gradients([(tf.constant([5.0, 5.0]), variable)])

    step()
    # With moments from zero, Adam moves by rate * (1 - b1) / (1 - b1^4) * sqrt(...) after 4 counts.
    corrected = 0.5 / (1 - 0.5**4) * np.sqrt((1 - 0.999**4) / 0.001)
    np.testing.assert_allclose(variable, 1.0 - corrected / 3, rtol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"kind": "plateau", "steps": 9},
            "`schedule` must be one of ['constant', 'cosine', 'linear', 'step']. Received: "
            "schedule='plateau'.",
        ),
        (
            {"kind": "linear", "steps": 4, "decay_from": 4},
            "`warmup` must be at least 0, `decay_every` at least 1, and `decay_from` a step of the "
            "training. Received: warmup=0, decay_every=1, decay_from=4, steps=4. Start to decay "
            "earlier or train longer.",
        ),
    ],
)
def test_impossible_schedules_are_refused(arguments, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        schedule(rate=1.0, **arguments)
