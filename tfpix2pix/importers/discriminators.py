"""PatchGANs from the state dicts of pytorch-CycleGAN-and-pix2pix and of pix2pixHD."""

from collections.abc import Mapping
from typing import Optional

import numpy as np
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.importers.assignment import assign, conventions, normalized_as, with_norms
from tfpix2pix.importers.state_dicts import blurs, plain_state
from tfpix2pix.networks import (
    image_discriminator,
    multiscale_discriminator,
    patch_discriminator,
)
from tfpix2pix.networks.patchgan import STRIDED_LAYERS


def imported_discriminator(
    state: Mapping[str, np.ndarray], *, source_channels: Optional[int], target_channels: int
) -> tuple[keras.Model, dict]:
    """Builds the PatchGAN of a state dict, with its weights.

    Args:
        state: Dict of name to array or tensor; see `plain_state`.
        source_channels: Channels of the generator's input; `None` for a discriminator that judges
            images alone, such as CycleGAN's.
        target_channels: Channels of the generator's output.

    Returns:
        `(discriminator, options)`: a `keras.Model` with open sides, and what describes it:
        `base_filters`, `receptive_field`, `norm`, `conditional`, and `bias`, `affine_instance` and
        `antialiased` where they are not those of the conventions `"pytorch"`. Without
        `source_channels` it is an `image_discriminator`, and `conditional` is `False`.

    Raises:
        ValueError: If the state dict is not that of a PatchGAN; names the first layer that differs.

    Example:
        >>> imported_discriminator({}, source_channels=3, target_channels=3)
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: ...
    """
    state = plain_state(state)
    convolutions, receptive_field = _convolutions(state)
    first, *inner, head = convolutions
    kernel = state[f"{first}.weight"]
    options = {
        "base_filters": kernel.shape[0],
        "receptive_field": receptive_field,
        "conditional": source_channels is not None and kernel.shape[1] != target_channels,
        **normalized_as(state, inner[0]),
        **({"antialiased": True} if blurs(state) else {}),
    }
    common = {name: options[name] for name in ("base_filters", "receptive_field", "norm")}
    common["conventions"] = conventions(options)
    if source_channels is None:
        discriminator = image_discriminator((None, None, target_channels), **common)
    else:
        discriminator = patch_discriminator(
            (None, None, source_channels),
            target_channels,
            conditional=options["conditional"],
            **common,
        )
    levels = {f"patch{level}_conv": name for level, name in enumerate(inner, start=2)}
    modules = {"patch1_conv": first, **with_norms(levels), "head_conv": head}
    # The last layer of the discriminator of single pixels has no bias without norm.
    biased = ["patch1_conv"] if receptive_field == 1 else ["patch1_conv", "head_conv"]
    assign(discriminator, state, modules, always_biased=biased)
    return discriminator, options


def imported_multiscale_discriminator(
    state: Mapping[str, np.ndarray], *, target_channels: int
) -> tuple[keras.Model, dict]:
    """Builds the discriminators of several scales of a state dict of pix2pixHD, with their weights.

    Args:
        state: Dict of name to array or tensor; see `plain_state`.
        target_channels: Channels of the generator's output.

    Returns:
        `(discriminator, options)`: a `keras.Model` with open sides, and `base_filters`, `scales`,
        `layers`, `norm`, and `bias` and `affine_instance` as of `imported_discriminator`.

    Raises:
        ValueError: If the state dict is not that of such discriminators; names the first layer that
            differs.

    Example:
        >>> imported_multiscale_discriminator({"a": np.zeros(3)}, target_channels=3)
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: ...
    """
    state = plain_state(state)
    first = state.get("scale0_layer0.0.weight")
    if first is None or first.ndim != 4:
        raise InputError(
            "A state dict of discriminators of several scales has a kernel scale0_layer0.0.weight. "
            f"Received: one that starts with {next(iter(state))!r}. Give a file such as "
            "latest_net_D.pth of pix2pixHD."
        )
    scales = 1
    while f"scale{scales}_layer0.0.weight" in state:
        scales += 1
    layers = 1  # Of stride 2; one more has stride 1, and the last makes the logits.
    while f"scale0_layer{layers + 2}.0.weight" in state:
        layers += 1
    options = {
        "base_filters": first.shape[0],
        "scales": scales,
        "layers": layers,
        **normalized_as(state, "scale0_layer1.0"),
    }
    discriminator = multiscale_discriminator(
        (None, None, first.shape[1] - target_channels),
        target_channels,
        **{name: options[name] for name in ("base_filters", "scales", "layers", "norm")},
        conventions=conventions(options),
    )
    levels, ends = {}, {}
    for scale in range(scales):
        ends[f"scale{scale}_patch1_conv"] = f"scale{scale}_layer0.0"
        ends[f"scale{scale}_head_conv"] = f"scale{scale}_layer{layers + 1}.0"
        for level in range(1, layers + 1):
            levels[f"scale{scale}_patch{level + 1}_conv"] = f"scale{scale}_layer{level}.0"
    assign(discriminator, state, {**with_norms(levels), **ends}, always_biased=list(ends))
    return discriminator, options


def _convolutions(state):
    """Returns the names of a PatchGAN's convolutions in their order, and its receptive field."""
    numbers = {}
    for name, value in state.items():
        module, _, part = name.rpartition(".")
        number = module.split(".")[-1]
        if value.ndim == 4 and part == "weight" and number.isdigit():
            numbers[module] = int(number)
    names = sorted(numbers, key=numbers.get)
    size = state[f"{names[0]}.weight"].shape[-1] if names else None
    fields = {
        (1 if field == 1 else 4, max(strided, 1) + 2): field
        for field, strided in STRIDED_LAYERS.items()
    }
    if (size, len(names)) not in fields:
        received = f"{len(names)} of {size}x{size}" if names else "none"
        raise InputError(
            "A PatchGAN's state dict has 3 to 7 convolutions of 4x4, or 3 of 1x1. Received: "
            f"{received}. Give a file such as latest_net_D.pth."
        )
    return names, fields[size, len(names)]
