"""Two replicas, on two logical CPUs, train as one."""

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import tiny_pix2pix
from tfpix2pix.data import pipeline, sources
from tfpix2pix.data.geometry import Geometry
from training import loop


def trained(facades, strategy, norm="instance", steps=3):
    pairs = sources.pairs(facades, direction="BtoA")

    def batches(replicas):
        return pipeline.training_batches(
            pairs, Geometry((32, 32)), batch_size=4 // replicas, seed=2
        )

    with strategy.scope():
        model = tiny_pix2pix(norm=norm)
    for _, _ in zip(range(steps), loop.steps(model, strategy, batches)):
        pass
    return model


@pytest.fixture(scope="module")
def mirrored():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    return strategy


@pytest.fixture(scope="module")
def models(facades, mirrored):
    return trained(facades, tf.distribute.get_strategy()), trained(facades, mirrored)


def test_two_replicas_end_with_the_weights_of_one(models):
    for one, two in zip(*(model.trainable_variables for model in models)):
        np.testing.assert_allclose(one.numpy(), two.numpy(), atol=1e-5)


def test_the_logs_of_two_replicas_are_means_over_both(models):
    one, two = ({t: float(m.result()) for t, m in model.trackers.items()} for model in models)
    assert two == pytest.approx(one, rel=1e-4)


def test_synchronized_batch_norm_takes_the_statistics_of_all_replicas(facades, mirrored):
    one = trained(facades, tf.distribute.get_strategy(), norm="batch", steps=1)
    two = trained(facades, mirrored, norm="batch_sync", steps=1)
    for a, b in zip(one.generator.weights, two.generator.weights):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-4, err_msg=a.name)
