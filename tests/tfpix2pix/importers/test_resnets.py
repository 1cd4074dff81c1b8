"""Imported ResNets against PyTorch, from the same weights on the same images."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

from tests import torch_reference as reference
from tests.cases import smooth_images
from tfpix2pix import InputError, importers

pytestmark = pytest.mark.torch
torch.set_num_threads(2)


def difference(theirs, side, *, training=True):
    """Returns the greatest difference of an imported network's translation, and its options."""
    channels = theirs.state_dict()["model.1.weight"].shape[1]
    ours, options = importers.imported_generator(theirs.state_dict())
    image = smooth_images((1, side, side, channels))
    expected = reference.translated(theirs, image, training=training)
    assert expected.std() > 0.05
    return np.abs(ours(image, training=False) - expected).max(), options


@pytest.mark.slow
@pytest.mark.parametrize(("blocks", "side"), [(9, 256), (6, 128)])
def test_a_resnet_of_full_width_gives_pytorch_s_output(blocks, side):
    theirs = reference.randomized(reference.ResNet(blocks))
    for training in (True, False):
        greatest, options = difference(theirs, side, training=training)
        assert greatest < 1e-4
    assert options == {
        "source_channels": 3,
        "target_channels": 3,
        "base_filters": 64,
        "blocks": blocks,
        "halvings": 2,
        "dropout": 0.0,
        "norm": "instance",
    }


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("blocks", "filters", "side"), [(9, 4, 256), (6, 8, 128), (1, 8, 20)])
def test_a_resnet_of_any_size_gives_pytorch_s_output(blocks, filters, side, training):
    theirs = reference.randomized(reference.ResNet(blocks, filters, (3, 1)), deviation=0.2)
    greatest, options = difference(theirs, side, training=training)
    assert greatest < 1e-4
    assert (options["source_channels"], options["target_channels"]) == (3, 1)
    assert (options["blocks"], options["base_filters"]) == (blocks, filters)


NORMS = {
    "batch": ("batch", {"norm": "batch"}),
    "none": ("none", {"norm": "none"}),
    "batch with biases": (
        (torch.nn.BatchNorm2d, True),
        {"norm": "batch", "bias": "all"},
    ),
    "affine instance": (
        (lambda channels: torch.nn.InstanceNorm2d(channels, affine=True), True),
        {"norm": "instance", "affine_instance": True, "bias": "all"},
    ),
}


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("name", NORMS)
def test_other_norms_and_dropout_are_found_out(name, dropout):
    norm, expected = NORMS[name]
    theirs = reference.ResNet(2, 8, norm=norm, dropout=dropout)
    greatest, options = difference(reference.randomized(theirs, deviation=0.1), 32)
    assert greatest < 1e-4
    assert options == {
        "source_channels": 3,
        "target_channels": 3,
        "base_filters": 8,
        "blocks": 2,
        "halvings": 2,
        "dropout": 0.5 if dropout else 0.0,
        **expected,
    }


def without(state, *names):
    return {name: value for name, value in state.items() if name not in names}


@pytest.mark.parametrize(
    ("change", "differs"),
    [
        (
            lambda state: {**state, "model.4.weight": torch.zeros(8, 4, 4, 4)},
            "that differs: down1_conv/kernel of shape (3, 3, 4, 8), for which the checkpoint has "
            "(4, 4, 4, 8) under 'model.4.weight'",
        ),
        (
            lambda state: {**state, "model.7.weight": torch.zeros(16, 8)},
            "that differs: down2_conv/kernel of shape (3, 3, 8, 16), for which the checkpoint has "
            "(16, 8) under 'model.7.weight'",
        ),
        (
            lambda state: without(state, "model.11.conv_block.5.bias"),
            "that differs: block2_second_conv/bias of shape (16,), for which the checkpoint has "
            "nothing under 'model.11.conv_block.5.bias'",
        ),
        (
            lambda state: without(state, *(name for name in state if "conv_block" in name)),
            "that differs: up2_conv/kernel of shape (3, 3, 8, 16), for which the checkpoint has "
            "nothing under 'model.10.weight'",
        ),
        (
            lambda state: without(state, "model.19.weight"),
            "that differs: head_conv/kernel of shape (7, 7, 4, 3), for which the checkpoint has "
            "nothing under 'model.19.weight'",
        ),
        (
            lambda state: {**state, "model.5.scale": torch.zeros(8, 1, 3, 3)},
            "that has none: 'model.5.scale' of shape (8, 1, 3, 3), for which the resnet_generator "
            "has no variable",
        ),
    ],
)
def test_the_first_layer_that_differs_is_named_with_both_shapes(change, differs):
    state = change(dict(reference.ResNet(2, 4).state_dict()))
    message = (
        f"Every weight must have its place. The first {differs}. Give a checkpoint of a U-Net, "
        "ResNet or PatchGAN as its authors build it."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        importers.imported_generator(state)
