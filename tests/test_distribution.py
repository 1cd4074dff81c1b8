"""Two replicas, on two logical CPUs, train as one."""

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import smooth_images, tiny_pix2pix
from tfpix2pix import InputError
from tfpix2pix.data import codecs, pipeline, sources
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.families import Worker
from training.engine import loop


def trained(facades, strategy, norm="instance", steps=3):
    pairs = sources.pairs(facades, direction="BtoA")

    def batches(worker):
        return pipeline.training_batches(
            pairs, Geometry((32, 32)), batch_size=4 // worker.replicas, seed=2
        )

    with strategy.scope():
        model = tiny_pix2pix(norm=norm)
    step = loop.training_step(model, strategy)
    for _, batch in zip(range(steps), loop.distributed_batches(strategy, batches)):
        step(batch)
    return model


def networks(model):
    return [*model.players.values(), *model.averaged.values()]


@pytest.fixture(scope="module")
def models(facades, mirrored):
    return trained(facades, tf.distribute.get_strategy()), trained(facades, mirrored)


def test_two_replicas_end_with_the_weights_of_one(models):
    for one, two in zip(*(model.trainable_variables for model in models)):
        np.testing.assert_allclose(one.numpy(), two.numpy(), atol=1e-5)


def test_the_logs_of_two_replicas_are_means_over_both(models):
    one, two = ({t: float(m.result()) for t, m in model.trackers.items()} for model in models)
    assert two == pytest.approx(one, rel=1e-4)


@pytest.mark.slow
def test_synchronized_batch_norm_takes_the_statistics_of_all_replicas(facades, mirrored):
    one = trained(facades, tf.distribute.get_strategy(), norm="batch", steps=1)
    two = trained(facades, mirrored, norm="batch_sync", steps=1)
    for a, b in zip(one.generator.weights, two.generator.weights):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-4, err_msg=a.name)


def test_clipping_parts_scales_and_averages_are_of_all_replicas(mirrored):
    pairs = smooth_images((4, 32, 32, 3)), smooth_images((4, 32, 32, 3), seed=1)

    def stepped(strategy):
        with strategy.scope():
            model = tiny_pix2pix(norm="none", l1_weight=1.0)
            clipping = (keras.optimizers.legacy.SGD(1.0, global_clipnorm=0.05) for _ in range(2))
            scaling = (keras.mixed_precision.LossScaleOptimizer(o, True, 64.0) for o in clipping)
            model.compile(dict(zip(model.players, scaling)), micro_batches=2, ema_decay=0.5)
        share = 4 // strategy.num_replicas_in_sync
        batch = strategy.experimental_distribute_values_from_function(
            lambda context: tuple(
                images[share * context.replica_id_in_sync_group :][:share] for images in pairs
            )
        )
        strategy.run(model.train_step, args=(batch,))
        return model

    one = stepped(tf.distribute.OneDeviceStrategy("CPU:0"))
    two = stepped(mirrored)
    for pair in zip(networks(one), networks(two)):
        for a, b in zip(*(network.weights for network in pair)):
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-6, err_msg=a.name)
    assert (one.averaged["generator"].weights[0] != one.generator.weights[0]).numpy().any()


def test_xla_is_refused_for_several_replicas(mirrored):
    message = (
        "`jit_compile` is for one device: XLA cannot compile what several exchange. Received: 2 "
        "devices. Leave it out or use one device."
    )
    with mirrored.scope(), pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        tiny_pix2pix().compile(jit_compile=True)


def test_two_replicas_share_the_unpaired_stream_of_one(mirrored, tmp_path):
    random = np.random.default_rng(0)
    for domain, count in (("A", 3), ("B", 5)):
        for index in range(count):
            pixels = random.integers(0, 256, (10, 12, 3)).astype("uint8")
            codecs.write(pixels, tmp_path / f"train{domain}/{index}.png")
    domains = sources.unpaired(tmp_path)

    def batches(worker):
        shard = pipeline.Shard(0, worker.replicas, worker.replicas)
        return pipeline.unpaired_batches(
            domains, Geometry((8, 8)), batch_size=4 // worker.replicas, seed=2, shard=shard
        )

    distributed = loop.distributed_batches(mirrored, batches)
    for alone, shared in zip(batches(Worker()).take(6), distributed):
        for images, parts in zip(alone, shared):
            parts = [part.numpy() for part in mirrored.experimental_local_results(parts)]
            np.testing.assert_array_equal(np.concatenate(parts), images)
