"""TwinGAN's training step beside PyTorch's, from the same weights on the same batches."""

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import smooth_images
from training.benchmarks import worker

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
torch_reference = pytest.importorskip("tests.torch_reference")
pytorch_twingan = pytest.importorskip("training.benchmarks.pytorch_twingan")

torch.set_num_threads(1)  # As fast for maps this small, and threads wait for each other.
BATCH = 4
PLAYERS = ("encoder", "generator", "discriminator_A", "discriminator_B")
LEARNING_RATES = {player: 1.2e-3 if "discriminator" in player else 3e-4 for player in PLAYERS}


def pair(side):
    """Returns images of two domains; A is darker."""
    shape = (BATCH, side, side, 3)
    return 0.6 * smooth_images(shape, 3) - 0.3, smooth_images(shape, 103)


def channels_first(images):
    return torch.from_numpy(np.ascontiguousarray(np.transpose(images, (0, 3, 1, 2))))


def in_keras_order(tensor):
    tensor = tensor.detach()
    turned = tensor.permute(2, 3, 1, 0) if tensor.dim() == 4 else tensor
    return turned.numpy().copy()


def layer_of(name):
    """Returns our layer and its variable for PyTorch's name of a parameter or statistic."""
    kinds = {"running_mean": "moving_mean", "running_var": "moving_variance"}
    if name.startswith("image_"):
        return "to{side}_norm", {"scale": "gamma", "shift": "beta"}[name.removeprefix("image_")]
    if name.startswith("to_image"):
        return "to{side}_conv", "kernel"
    _, unit, *part, kind = name.split(".")
    if part == ["norm"]:
        return f"{unit}_norm", {"weight": "gamma", "bias": "beta", **kinds}[kind]
    layer = unit if unit == "head_logit" else f"{unit}_conv"
    return layer, {"weight": "kernel", "bias": "bias"}[kind]


def variables(model, player, network):
    """Returns a dict of PyTorch's names to our variables."""
    found = {}
    for name, _ in [*network.named_parameters(), *network.named_buffers()]:
        layer, variable = layer_of(name)
        ours = model.players[player].get_layer(layer.format(side=model.side))
        found[name] = getattr(ours, variable)
    return found


def built(side):
    """Returns `(model, step, translate)` of the preset, but narrower, of the same weights."""
    options = worker.options_of(worker.configured("twingan_small", side, 32, BATCH))
    model, _ = worker.experiment(options)
    step, translate = pytorch_twingan.restated(options)
    for seed, (player, network) in enumerate(step.networks.items()):
        torch_reference.randomized(network, seed, deviation=0.2)
        for name, buffer in network.named_buffers():
            if name.endswith("running_var"):
                buffer.abs_().add_(0.5)
        ours = variables(model, player, network)
        for name, value in network.state_dict().items():
            ours[name].assign(in_keras_order(value).reshape(ours[name].shape))
        for layer in model.players[player].layers:
            if layer.name.endswith("_norm") and layer.has_statistics:
                layer.batches_seen.assign(tf.fill([4], 1000.0))  # The first ones count more.
    return model, step, translate


@pytest.mark.parametrize("side", [4, 32])
def test_one_step_is_pytorch_s(side):
    """Translations, losses, gradients, weights, and the statistics of each path."""
    a, b = pair(side)
    model, step, translate = built(side)
    for network in step.networks.values():
        network.eval()
    with torch.no_grad():
        translated = translate(channels_first(a)).permute(0, 2, 3, 1)
    np.testing.assert_allclose(model.translate(a, "AtoB"), translated, atol=1e-5)
    assert translated.std() > 0.05

    for network in step.networks.values():
        network.train()
    ours = {p: variables(model, p, network) for p, network in step.networks.items()}
    before = {p: {name: x.numpy() for name, x in named.items()} for p, named in ours.items()}
    theirs = step(channels_first(a), channels_first(b))
    logs = model.train_step((a, b))
    assert set(logs) == set(theirs)
    for name, value in logs.items():
        assert float(value) == pytest.approx(float(theirs[name]), rel=1e-4), name
    for player, network in step.networks.items():
        optimizer = model.optimizers[player]
        share = []
        for name, parameter in network.named_parameters():
            variable = ours[player][name]
            expected, gradient = (
                in_keras_order(x).reshape(variable.shape) for x in (parameter, parameter.grad)
            )
            found = 2.0 * optimizer.get_slot(variable, "m").numpy()  # Of momentum 0.5.
            tolerance = 2e-3 * np.abs(gradient).max()
            np.testing.assert_allclose(found, gradient, atol=tolerance, err_msg=name)
            # TensorFlow's epsilon counts 10 times as much in the first step.
            clear = np.abs(gradient) > 1e-4
            share.append(clear.mean())
            tolerance = 0.01 * LEARNING_RATES[player]
            np.testing.assert_allclose(variable.numpy()[clear], expected[clear], atol=tolerance)
        assert np.mean(share) > 0.7
        for name, statistics in network.named_buffers():
            found = ours[player][name].numpy()
            np.testing.assert_allclose(found, statistics, rtol=1e-4, atol=1e-5, err_msg=name)
            assert (np.abs(before[player][name] - found).max(axis=1) > 1e-3).all()
