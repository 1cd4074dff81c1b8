"""A training step with hints beside PyTorch's, from the same weights on the same batches."""

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import smooth_images
from tfpix2pix import importers
from tfpix2pix.data.hint_points import drawn_points
from training.benchmarks import worker

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
torch_reference = pytest.importorskip("tests.torch_reference")
pytorch_hints = pytest.importorskip("training.benchmarks.pytorch_hints")

torch.set_num_threads(1)  # As fast for maps this small, and threads wait for each other.
SIDE = 32
LEARNING_RATE = 2e-4
NAMES = {"generator": "G", "discriminator": "D"}


def batch():
    """Returns sources, points and targets of three examples; the last one has no points."""
    source, target = smooth_images((3, SIDE, SIDE, 1), 1), smooth_images((3, SIDE, SIDE, 2), 2)
    keys = tf.constant([[0, 3], [0, 5], [0, 7]], "int64")
    points = tf.stack([drawn_points(*pair) for pair in zip(target, keys)]).numpy()
    points[2, :, 2] = -1
    assert (points[..., 2] >= 0).sum(1)[:2].min() >= 2
    return source, points, target


def channels_first(part):
    part = np.array(part)
    return torch.from_numpy(part.transpose(0, 3, 1, 2).copy() if part.ndim == 4 else part)


def imported(player, state):
    """Returns our network of PyTorch's weights, or of their gradients."""
    state = {name: value.detach().numpy() for name, value in state.items()}
    if player == "generator":
        return importers.imported_generator(state)[0]
    channels = {"source_channels": 1, "target_channels": 2}
    return importers.imported_discriminator(state, **channels)[0]


def built(preset):
    """Returns `(model, translator, step, translate)` of the preset, narrower, of same weights."""
    options = worker.options_of(worker.configured(preset, SIDE, 4, 3))
    model, directions = worker.experiment(options)
    step, translate = pytorch_hints.restated(options)
    for seed, (player, name) in enumerate(NAMES.items()):
        network = torch_reference.randomized(step.networks[name], seed, deviation=0.2)
        ours = imported(player, network.state_dict())
        for layer in model.players[player].layers:
            layer.set_weights(ours.get_layer(layer.name).get_weights())
    return model, directions["translate"].network, step, translate


@pytest.mark.parametrize("preset", ["hints_small", "hints_tiny"])
def test_one_step_is_pytorch_s(preset):
    """What is painted, translations, losses, gradients, and weights after the step."""
    source, points, target = batch()
    parts = [channels_first(part) for part in (source, points, target)]
    model, translator, step, translate = built(preset)
    maps = pytorch_hints.painted(parts[1], parts[0]).permute(0, 2, 3, 1)
    np.testing.assert_allclose(model.joined(source, points)[..., 1:], maps, atol=1e-6)
    assert 0.05 < maps[:2, ..., -1].mean() < 0.9
    with torch.no_grad():
        expected = translate(*parts[:2]).permute(0, 2, 3, 1)
    np.testing.assert_allclose(translator([source, points]), expected, atol=1e-5)
    assert expected.std() > 0.05

    gradients = {}
    apply = model.apply

    def apply_and_record(of_players):
        gradients.update(of_players)
        apply(of_players)

    model.apply = apply_and_record
    logs = model.train_step((source, points, target))
    theirs = step(*parts)
    assert set(logs) == set(theirs)
    for name, value in logs.items():
        assert float(value) == pytest.approx(float(theirs[name]), rel=1e-3), name
    assert theirs["generator_hints"] > 0.1
    for player, name in NAMES.items():
        network = step.networks[name]
        of_theirs = imported(player, {n: p.grad for n, p in network.named_parameters()})
        updated = imported(player, network.state_dict())
        compared = zip(
            *(gradients[player], of_theirs.trainable_variables),
            *(model.players[player].trainable_variables, updated.trainable_variables),
        )
        for found, gradient, ours, other in compared:
            gradient = gradient.numpy()
            error = np.linalg.norm(found - gradient)
            assert error <= 1e-3 * np.linalg.norm(gradient), ours.name
            # TensorFlow's epsilon counts 30 times as much in the first step.
            clear = np.abs(gradient) > 1e-4
            assert clear[gradient != 0].mean() > 0.6, ours.name
            difference = (ours.numpy() - other.numpy())[clear]
            assert np.abs(difference).max() <= 0.01 * LEARNING_RATE, ours.name
