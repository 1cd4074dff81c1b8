"""Whatever norm and biases a U-Net or PatchGAN has, nothing of a file is lost in silence."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

from tests import torch_reference as reference
from tests.cases import smooth_images, with_moving_statistics
from tfpix2pix import InputError, importers

pytestmark = pytest.mark.torch


def affine_instance(channels):
    return torch.nn.InstanceNorm2d(channels, affine=True)


def tracking_instance(channels):
    return torch.nn.InstanceNorm2d(channels, affine=True, track_running_stats=True)


def idle_instance(channels):
    """Returns instance norm as of 2018, and of PyTorch before 0.4: its statistics are not used."""
    return torch.nn.InstanceNorm2d(channels, track_running_stats=True)


BATCH = {"norm": "batch", "bias": "all"}
AFFINE = {"norm": "instance", "affine_instance": True}
NORMS = {
    "batch with biases": ((torch.nn.BatchNorm2d, True), BATCH),
    "affine instance that tracks": ((tracking_instance, True), BATCH),
    "affine instance that tracks, without biases": ((tracking_instance, False), {"norm": "batch"}),
    "affine instance": ((affine_instance, True), {**AFFINE, "bias": "all"}),
    "affine instance without biases": ((affine_instance, False), AFFINE),
    "instance with statistics": ((idle_instance, True), {"norm": "instance"}),
    "none": ("none", {"norm": "none"}),
}


@pytest.mark.parametrize("name", NORMS)
def test_a_unet_of_any_norm_gives_pytorch_s_output(name):
    norm, expected = NORMS[name]
    theirs = reference.randomized(reference.UNet(5, 8, norm=norm), deviation=0.1)
    ours, options = importers.imported_generator(theirs.state_dict())
    image = smooth_images((1, 32, 64, 3))
    translation = reference.translated(theirs, image)
    assert translation.std() > 0.05
    np.testing.assert_allclose(ours(image, training=False), translation, atol=1e-4)
    size = {"source_channels": 3, "target_channels": 3, "base_filters": 8, "depth": 5}
    assert options == {**size, **expected}


@pytest.mark.parametrize("name", NORMS)
@pytest.mark.parametrize("strided", [0, 2])
def test_a_patchgan_of_any_norm_gives_pytorch_s_logits(name, strided):
    norm, expected = NORMS[name]
    build = reference.PatchGAN if strided else reference.PixelGAN
    theirs = build(6, 8, *([strided] if strided else []), norm=norm)
    theirs = reference.randomized(theirs, deviation=0.2)
    sides = {"source_channels": 3, "target_channels": 3}
    ours, options = importers.imported_discriminator(theirs.state_dict(), **sides)
    images = [smooth_images((1, 32, 32, 3), seed) for seed in range(2)]
    logits = reference.translated(theirs, *images)
    np.testing.assert_allclose(ours(images, training=False), logits, atol=1e-4)
    field = {"receptive_field": 34 if strided else 1, "base_filters": 8, "conditional": True}
    assert options == {**field, **expected}


@pytest.mark.parametrize("name", list(NORMS)[:3])
@pytest.mark.parametrize("build", [reference.UNet, reference.ResNet])
def test_in_eval_mode_moving_statistics_are_pytorch_s(name, build):
    norm, _ = NORMS[name]
    theirs = build(5, 8, norm=norm) if build is reference.UNet else build(2, 8, norm=norm)
    theirs = reference.randomized(theirs, deviation=0.1)
    ours, _ = importers.imported_generator(theirs.state_dict())
    image = smooth_images((2, 32, 32, 3))
    expected = reference.translated(theirs, image, training=False)
    by_moving = with_moving_statistics(ours)
    np.testing.assert_allclose(by_moving(image, training=False), expected, atol=1e-4)


def test_biases_of_some_layers_alone_are_not_dropped_in_silence():
    state = dict(reference.UNet(5, 8).state_dict())
    state["model.model.0.bias"] = torch.ones(8)
    message = (
        "Every weight must have its place. The first that has none: 'model.model.0.bias' of shape "
        "(8,), for which the unet_generator has no variable. Give a checkpoint of a U-Net, ResNet "
        "or PatchGAN as its authors build it."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        importers.imported_generator(state)
    state = dict(reference.PatchGAN(6, 8, norm=(torch.nn.BatchNorm2d, True)).state_dict())
    del state["model.5.bias"]
    with pytest.raises(InputError, match=r"patch3_conv/bias of shape \(32,\), .* nothing under"):
        importers.imported_discriminator(state, source_channels=3, target_channels=3)


def test_a_unet_without_its_inner_levels_is_refused():
    state = {"model.model.0.weight": torch.zeros(8, 3, 4, 4)}
    with pytest.raises(InputError, match=r"down2_conv/kernel of shape \(4, 4, 8, 16\), .* nothing"):
        importers.imported_generator(state)
