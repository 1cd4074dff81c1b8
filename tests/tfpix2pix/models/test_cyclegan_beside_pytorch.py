"""CycleGAN's training step beside PyTorch's, from the same weights on the same batches."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import smooth_images
from tfpix2pix import CycleGAN
from tfpix2pix.models.cyclegan import PLAYERS
from tfpix2pix.networks import image_discriminator, resnet_generator

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
torch_reference = pytest.importorskip("tests.torch_reference")
pytorch_cyclegan = pytest.importorskip("training.benchmarks.pytorch_cyclegan")

torch.set_num_threads(1)  # As fast for maps this small, and threads wait for each other.
SIDE = 32
LEARNING_RATE = 2e-4
# The reference calls a discriminator as the generator whose translations it judges.
NAMES = dict(zip(PLAYERS, ("G_A", "G_B", "D_B", "D_A")))
WEIGHTS = {"cycle_weights": (7.0, 12.0), "identity_weights": (0.4, 0.4)}


def pair(batch, seed):
    """Returns images of two domains; A is darker."""
    shape = (batch, SIDE, SIDE, 3)
    return 0.6 * smooth_images(shape, seed) - 0.3, smooth_images(shape, seed + 100)


def channels_first(images):
    return torch.from_numpy(np.ascontiguousarray(np.transpose(images, (0, 3, 1, 2))))


def in_keras_order(tensors):
    """Kernels of convolutions and of transposed ones are turned alike; biases stay."""
    tensors = (tensor.detach() for tensor in tensors)
    return [(t.permute(2, 3, 1, 0) if t.dim() == 4 else t).numpy().copy() for t in tensors]


def built(pool_size, optimizer=None):
    """Returns `(model, step)` of the same weights; PyTorch's pools are still its own."""
    networks = pytorch_cyclegan.networks(filters=4, blocks=2, strided=1)
    for seed, network in enumerate(networks.values()):
        torch_reference.randomized(network, seed)
    shape = (SIDE, SIDE, 3)
    options = {"base_filters": 4, "conventions": "pytorch"}
    players = {
        player: image_discriminator(shape, receptive_field=16, **options)
        if "discriminator" in player
        else resnet_generator(shape, blocks=2, **options)
        for player in PLAYERS
    }
    for player, network in players.items():
        network.set_weights(in_keras_order(networks[NAMES[player]].parameters()))
    model = CycleGAN(players, pool_size=pool_size, **WEIGHTS)
    model.compile(optimizer and {player: optimizer() for player in PLAYERS})
    pools = {name: pytorch_cyclegan.Pool(pool_size) for name in ("D_A", "D_B")}
    identity_weight = WEIGHTS["identity_weights"][0]
    step = pytorch_cyclegan.Step(
        networks, pools, cycle_weights=WEIGHTS["cycle_weights"], identity_weight=identity_weight
    )
    return model, step


def fill(model, step, batch):
    """Fills the pools with the same images, and lets PyTorch's draw what ours will."""
    noise = tf.random.Generator.from_seed(0)
    np.testing.assert_array_equal(noise.state, model.noise.state)
    for domain, name in (("A", "D_B"), ("B", "D_A")):
        pool = model.pools[domain]
        images = smooth_images((pool.size, SIDE, SIDE, 3), seed=ord(domain))
        pool.images.assign(images)
        pool.count.assign(pool.size)
        coins = noise.uniform([batch]) < 0.5
        places = noise.uniform([batch], maxval=pool.size, dtype="int32")
        assert len(set(coins.numpy())) == 2  # Old and new ones come back.
        drawn = iter([int(p) if coin else None for coin, p in zip(coins, places)])
        step.pools[name].kept = list(channels_first(images))
        step.pools[name].draw = lambda size, drawn=drawn: next(drawn)


def steps_before_a_norm(network):
    """Returns, for each variable, whether it is a bias that a norm takes away again."""
    has_norm = {layer.name for layer in network.layers if layer.name.endswith("_norm")}
    return [
        "/bias" in variable.name and variable.name.split("_conv/")[0] + "_norm" in has_norm
        for variable in network.trainable_variables
    ]


def term_of(name):
    player, _, term = name.rpartition("_")
    return f"{NAMES[player]}_{term}"


def test_one_step_with_full_pools_is_pytorch_s():
    """Losses, gradients, weights and what the pools hold afterwards."""
    batch = pair(4, seed=3)
    descending, step = built(pool_size=3, optimizer=lambda: keras.optimizers.legacy.SGD(1.0))
    before = {player: network.get_weights() for player, network in descending.players.items()}
    fill(descending, step, batch=4)
    logs = descending.train_step(batch)
    theirs = step(*map(channels_first, batch))
    assert {term_of(name) for name in logs} == set(theirs)
    for name, value in logs.items():
        assert float(value) == pytest.approx(float(theirs[term_of(name)]), rel=1e-4), name
    adam, again = built(pool_size=3)
    fill(adam, again, batch=4)
    adam.train_step(batch)
    for player, name in NAMES.items():
        parameters = list(step.networks[name].parameters())
        gradients = in_keras_order(parameter.grad for parameter in parameters)
        network = descending.players[player]
        for old, new, gradient in zip(before[player], network.get_weights(), gradients):
            scale = np.abs(gradients[0]).max()
            np.testing.assert_allclose(old - new, gradient, rtol=1e-3, atol=1e-3 * scale)
        # Adam turns the rounding errors of a bias before a norm into whole steps.
        compared = zip(
            steps_before_a_norm(network),
            adam.players[player].get_weights(),
            in_keras_order(parameters),
            gradients,
        )
        for vanishes, ours, expected, gradient in compared:
            # TensorFlow's epsilon counts 30 times as much in the first step.
            clear = np.abs(gradient) > 1e-4
            assert vanishes or clear.mean() > 0.8
            np.testing.assert_allclose(ours[clear], expected[clear], atol=0.01 * LEARNING_RATE)
    for domain, name in (("A", "D_B"), ("B", "D_A")):
        kept = np.stack([image.numpy() for image in step.pools[name].kept])
        ours = np.transpose(descending.pools[domain].images, (0, 3, 1, 2))
        np.testing.assert_allclose(ours, kept, atol=1e-5)


def test_fifty_steps_have_pytorch_s_losses():
    """Adam makes whole steps of rounding errors, so single losses drift apart.

    PyTorch's own, from weights that differ by 1e-7, are 3% away from each other after 50 steps,
    their sums 0.7%, and their means over 10 steps 1.7%.
    """
    model, step = built(pool_size=0)
    take_step = tf.function(model.train_step)
    curves = []
    for number in range(50):
        batch = pair(4, seed=number % 7)
        model.reset_metrics()
        ours = take_step(batch)
        theirs = step(*map(channels_first, batch))
        curves.append([(float(ours[name]), float(theirs[term_of(name)])) for name in ours])
    ours, theirs = np.moveaxis(curves, -1, 0)
    np.testing.assert_allclose(ours.sum(axis=1), theirs.sum(axis=1), rtol=0.02)
    means = (curve.reshape(5, 10, -1).mean(axis=1) for curve in (ours, theirs))
    np.testing.assert_allclose(*means, rtol=0.04)
    assert theirs.sum(axis=1)[-7:].mean() < 0.9 * theirs.sum(axis=1)[:7].mean()
