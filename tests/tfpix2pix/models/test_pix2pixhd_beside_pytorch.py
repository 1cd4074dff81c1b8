"""pix2pixHD's networks and training step beside PyTorch's, from the same weights."""

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import smooth_images
from tfpix2pix import importers
from tfpix2pix.models import Pix2PixHD
from tfpix2pix.networks import enhanced_generator, multiscale_discriminator, resnet_generator

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
torch_reference = pytest.importorskip("tests.torch_reference")
theirs = pytest.importorskip("training.benchmarks.pytorch_pix2pixhd")

torch.set_num_threads(1)  # As fast for maps this small, and threads wait for each other.
CLASSES, FEATURES = 4, 2
SIZES = {"halvings": 2, "blocks": 1}
ORDER = ("stem", "down", "block", "up", "head")


def channels_first(images):
    return torch.from_numpy(np.ascontiguousarray(np.transpose(images, (0, 3, 1, 2))))


def place(name):
    """Returns where a layer stands among PyTorch's modules: outer parts of a generator first."""
    enhancer = int((re.match(r"enhancer(\d)", name) or ["", "0"])[1])
    scale = int((re.match(r"scale(\d)", name) or ["", "0"])[1])
    part = re.sub(r"^(enhancer|scale)\d_", "", name)
    kind, number = re.match(r"([a-z]+)(\d*)", part).groups()
    number = int(number or 0)
    if kind == "patch":
        return (scale, 0, number, 0)
    number = -number if kind == "up" else number
    return (scale or enhancer, ORDER.index(kind), number, "second" in part)


def layers_of(network):
    return sorted((x for x in network.layers if x.weights), key=lambda layer: place(layer.name))


def convolutions(module):
    return [
        m for m in module.modules() if isinstance(m, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))
    ]


def copy_weights(module, network):
    layers, others = layers_of(network), convolutions(module)
    assert len(layers) == len(others)
    for layer, other in zip(layers, others):
        kernel, bias = (x.detach().numpy() for x in (other.weight, other.bias))
        layer.set_weights([kernel.transpose(2, 3, 1, 0), bias])
    return network


def pairs():
    """Returns generators, encoder and discriminator as `(PyTorch's, ours)`, with equal weights."""
    channels = CLASSES + 1 + FEATURES
    shape = (None, None, channels)
    options = {"base_filters": 8, **SIZES}
    networks = {
        "global": (
            theirs.GlobalGenerator(channels, filters=8, **SIZES),
            resnet_generator(shape, **options),
        ),
        "local": (
            theirs.LocalEnhancer(channels, filters=2, enhancers=2, local_blocks=1, **SIZES),
            enhanced_generator(shape, enhancers=2, enhancer_blocks=1, **options),
        ),
        "encoder": (
            theirs.GlobalGenerator(3, FEATURES, filters=4, halvings=2, blocks=0),
            resnet_generator((None, None, 3), FEATURES, base_filters=4, halvings=2, blocks=0),
        ),
        "discriminator": (
            theirs.MultiscaleDiscriminator(CLASSES + 4, 4, layers=2, scales=3),
            multiscale_discriminator((None, None, CLASSES + 1), scales=3, layers=2, base_filters=4),
        ),
    }
    for seed, (module, network) in enumerate(networks.values()):
        copy_weights(torch_reference.randomized(module, seed, deviation=0.2), network)
    return networks


@pytest.mark.parametrize("name", ["global", "local", "encoder", "discriminator"])
def test_a_network_answers_as_pytorch_s(name):
    module, network = pairs()[name]
    channels = sum(symbolic.shape[-1] for symbolic in network.inputs)
    images = smooth_images((2, 32, 48, channels))
    with torch.no_grad():
        expected = module(channels_first(images))
    if name == "discriminator":
        outputs = network([images[..., : CLASSES + 1], images[..., CLASSES + 1 :]])
        expected = [output for scale in expected for output in scale]
    else:
        outputs, expected = [network(images)], [expected]
    assert len(outputs) == len(expected)
    for ours, other in zip(outputs, expected):
        np.testing.assert_allclose(ours, other.permute(0, 2, 3, 1), atol=1e-4)


@pytest.mark.parametrize("name", ["global", "local", "encoder", "discriminator"])
def test_a_network_is_built_of_a_checkpoint_of_the_reference_s_names(name):
    module, network = pairs()[name]
    state = module.state_dict()
    if name == "discriminator":
        built, options = importers.imported_multiscale_discriminator(state, target_channels=3)
        expected = {"base_filters": 4, "scales": 3, "layers": 2}
    else:
        built, options = importers.imported_generator(state)
        expected = {"base_filters": 4 if name == "encoder" else 8, "halvings": 2}
        expected |= {"enhancers": 2, "enhancer_blocks": 1} if name == "local" else {}
    assert {key: options[key] for key in expected} == expected
    images = smooth_images((1, 32, 48, sum(x.shape[-1] for x in network.inputs)))
    images = [images[..., :5], images[..., 5:]] if name == "discriminator" else images
    for ours, other in zip(tf.nest.flatten(built(images)), tf.nest.flatten(network(images))):
        np.testing.assert_allclose(ours, other, atol=1e-5)


def scene(batch, seed=0):
    """Returns one-hot classes as 1 and -1, instances of which ids come again, and photos."""
    random = np.random.default_rng(seed)
    classes = random.integers(0, CLASSES, (batch, 4, 6)).repeat(8, 1).repeat(8, 2)
    ids = random.integers(33_000, 33_004, (batch, 8, 12)).repeat(4, 1).repeat(4, 2)
    one_hot = np.eye(CLASSES, dtype="float32")[classes] * 2 - 1
    photo = smooth_images((batch, 32, 48, 3), seed).numpy()
    return one_hot, ids[..., np.newaxis].astype("int32"), photo


def test_instance_means_and_boundaries_are_pytorch_s():
    one_hot, ids, photo = scene(3)
    model = built()[0]
    edges = model.condition(one_hot, ids)[..., CLASSES:]
    expected = theirs.boundaries(channels_first(ids)).permute(0, 2, 3, 1)
    np.testing.assert_array_equal(edges, expected)
    means = model.means([photo, ids])
    expected = theirs.instance_means(channels_first(photo), channels_first(ids))
    np.testing.assert_allclose(means, expected.permute(0, 2, 3, 1), atol=1e-5)


def built(generator="global", optimizer=None):
    """Returns `(model, step, modules)` of the same weights."""
    networks = pairs()
    players = {"generator": networks[generator], **networks}
    modules = {name: players[name][0] for name in ("generator", "discriminator", "encoder")}
    model = Pix2PixHD(
        *(players[name][1] for name in modules), scales=3, has_instances=True, feature_weight=7.0
    )
    model.compile(optimizer and {name: optimizer() for name in modules})
    step = theirs.Step(*modules.values(), feature_weight=7.0)
    return model, step, modules


@pytest.mark.parametrize("generator", ["global", "local"])
def test_one_step_is_pytorch_s(generator):
    """Losses, and gradients of all three networks."""
    model, step, modules = built(generator, lambda: keras.optimizers.legacy.SGD(1.0))
    one_hot, ids, photo = scene(2)
    before = {
        name: [layer.get_weights() for layer in layers_of(model.players[name])] for name in modules
    }
    logs = model.train_step((one_hot, ids, photo))
    expected = step(*map(channels_first, (one_hot, ids, photo)))
    assert set(logs) == set(expected)
    for name, value in logs.items():
        assert float(value) == pytest.approx(float(expected[name]), rel=1e-4), name
    for name, module in modules.items():
        found = zip(before[name], layers_of(model.players[name]), convolutions(module))
        for old, layer, other in found:
            kernel = other.weight.grad.permute(2, 3, 1, 0).numpy()
            moved = old[0] - layer.get_weights()[0]
            scale = np.abs(kernel).max()
            np.testing.assert_allclose(moved, kernel, atol=1e-3 * scale, err_msg=layer.name)
