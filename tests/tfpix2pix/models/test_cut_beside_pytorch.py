"""The training step of CUT and FastCUT beside PyTorch's, from the same weights and places."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import smooth_images
from tfpix2pix import importers
from tfpix2pix.families import cut, preset

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch")
torch_reference = pytest.importorskip("tests.torch_reference")
pytorch_cut = pytest.importorskip("training.benchmarks.pytorch_cut")

torch.set_num_threads(1)  # As fast for maps this small, and threads wait for each other.
SIDE = 32
LEARNING_RATE = 2e-4
NAMES = {"generator": "G", "discriminator": "D", "projector": "F"}


def channels_first(images):
    return torch.from_numpy(np.ascontiguousarray(np.transpose(images, (0, 3, 1, 2))))


def imported(player, state):
    """Returns our network of PyTorch's weights, or of their gradients."""
    state = {f"module.{name}": value.detach().numpy() for name, value in state.items()}
    if player == "generator":
        return importers.imported_generator(state)[0]
    if player == "projector":
        return importers.imported_projector(state)[0]
    return importers.imported_discriminator(state, source_channels=None, target_channels=3)[0]


def built(antialiased, **options):
    """Returns `(model, step)` of the same weights, and of the same chance."""
    config = preset("cut_debug")
    own = {"blocks": 2, "projection": 24, "antialiased": antialiased, **options}
    config = dataclasses.replace(config, model=dataclasses.replace(config.model, **own))
    model = cut.model(config)
    networks = pytorch_cut.networks(4, 2, 1, antialiased=antialiased, units=24)
    for seed, (player, name) in enumerate(NAMES.items()):
        torch_reference.randomized(networks[name], seed, deviation=0.2)
        ours = imported(player, networks[name].state_dict())
        model.players[player].set_weights(ours.get_weights())
    shared = {name: getattr(config.model, name) for name in ("nce_weight", "identity", "patches")}
    step = pytorch_cut.Step(networks, mirrored=config.model.mirrored == "half", **shared)
    # TensorFlow's epsilon counts 30 times as much in the first step, and the discriminator's
    # decides the generator's gradients.
    for optimizer in step.optimizers.values():
        optimizer.param_groups[0]["eps"] = 1e-8 / np.sqrt(1 - 0.999)
    return model, step


def share_chance(model, step):
    """Lets PyTorch's step draw what ours will; returns whether it is mirrored."""
    noise = tf.random.Generator.from_seed(0)
    noise.reset(model.noise.state)
    is_mirrored = bool(step.mirrored and noise.uniform(()) < 0.5)
    groups = 2 if step.identity else 1
    pixels = [int(np.prod(maps.shape[1:3])) for maps in model.maps(tf.zeros((1, SIDE, SIDE, 3)))]
    drawn = [
        tf.math.top_k(noise.uniform((groups, count)), min(step.patches, count)).indices.numpy()
        for count in pixels
    ]
    places = iter(
        [torch.from_numpy(rows[group]).long() for group in range(groups) for rows in drawn]
    )
    step.draw = lambda count, patches: next(places)
    step.toss = lambda: is_mirrored
    return is_mirrored


CUT = {"nce_weight": 2.0, "identity": True, "mirrored": "never"}
FAST = {"nce_weight": 10.0, "identity": False, "mirrored": "half"}


@pytest.mark.parametrize("antialiased", [True, False])
@pytest.mark.parametrize(
    ("options", "seed", "mirrored"),
    [(CUT, 0, False), (FAST, 2, False), (FAST, 0, True)],
    ids=["cut", "fastcut", "fastcut mirrored"],
)
def test_one_step_is_pytorch_s(antialiased, options, seed, mirrored):
    """Translations, losses, gradients, and weights after the step."""
    model, step = built(antialiased, **options)
    model.noise.reset_from_seed(seed)
    # Of images 3 and 4 a ReLU is at its kink: 1e-7 more of noise moves our own gradient by 8e-3.
    a, b = (smooth_images((2, SIDE, SIDE, 3), number) for number in (7, 8))
    with torch.no_grad():
        expected = step.networks["G"](channels_first(a)).permute(0, 2, 3, 1)
    np.testing.assert_allclose(model.translate(a), expected, atol=1e-4)
    assert expected.std() > 0.05
    gradients = {}
    apply = model.apply

    def apply_and_record(of_players):
        gradients.update(of_players)
        apply(of_players)

    model.apply = apply_and_record
    assert share_chance(model, step) == mirrored
    logs = model.train_step((a, b))
    theirs = step(channels_first(a), channels_first(b))
    assert set(logs) == set(theirs)
    for name, value in logs.items():
        assert float(value) == pytest.approx(float(theirs[name]), rel=1e-3), name
    for player, name in NAMES.items():
        state = step.networks[name].state_dict()
        of_theirs = {n: p.grad for n, p in step.networks[name].named_parameters()}
        largest = max(float(gradient.abs().max()) for gradient in of_theirs.values())
        compared = zip(
            model.players[player].trainable_variables,
            gradients[player],
            imported(player, {**state, **of_theirs}).get_weights(),
            imported(player, state).get_weights(),
        )
        for variable, found, gradient, updated in compared:
            # Biases before a norm have no gradient but rounding errors.
            scale = max(np.linalg.norm(gradient), 1e-2 * largest)
            assert np.linalg.norm(found - gradient) <= 1e-3 * scale, variable.name
            clear = np.abs(gradient) > max(1e-4, 1e-3 * largest)
            difference = (variable.numpy() - updated)[clear]
            assert np.abs(difference).max(initial=0) <= 0.01 * LEARNING_RATE, variable.name
