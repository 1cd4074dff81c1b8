"""U-Nets and ResNets from the state dicts of pytorch-CycleGAN-and-pix2pix."""

from collections.abc import Mapping, Sequence

import numpy as np
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.importers.assignment import assign, conventions, normalized_as, with_norms
from tfpix2pix.importers.state_dicts import plain_state
from tfpix2pix.networks import resnet_generator, unet_generator

UNET = "unet"
RESNET = "resnet"
# What a state dict of each has that no other has: a kernel of this name and side.
STEMS = {UNET: ("model.model.0.weight", 4), RESNET: ("model.1.weight", 7)}


def imported_generator(state: Mapping[str, np.ndarray]) -> tuple[keras.Model, dict]:
    """Builds the generator of a state dict, with its weights.

    Args:
        state: Dict of name to array or tensor; see `plain_state`.

    Returns:
        `(generator, options)`: a `keras.Model` with open sides, and what describes it:
        `source_channels`, `target_channels`, `base_filters`, `norm`; `depth` of a U-Net, `blocks`
        and `dropout` of a ResNet; and `bias` and `affine_instance` where they are not those of the
        conventions `"pytorch"`. Whether a U-Net had dropout, its weights do not tell.

    Raises:
        ValueError: If the state dict is that of no such network; names the first layer that
            differs.

    Example:
        >>> imported_generator({"model.0.weight": np.zeros((64, 6, 4, 4))})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: ...
    """
    state = plain_state(state)
    return {UNET: _unet, RESNET: _resnet}[generator_kind(state)](state)


def generator_kind(state: Mapping[str, np.ndarray]) -> str:
    """Returns which generator a state dict is of.

    Args:
        state: Dict of name to array or tensor; see `plain_state`.

    Returns:
        `"unet"` or `"resnet"`.

    Raises:
        ValueError: If it is of neither.

    Example:
        >>> generator_kind({"module.model.1.weight": np.zeros((64, 3, 7, 7))})
        'resnet'
    """
    state = plain_state(state)
    for kind, (name, side) in STEMS.items():
        if name in state and state[name].ndim == 4 and state[name].shape[-1] == side:
            return kind
    stems = " or ".join(f"{name} of {side}x{side}" for name, side in STEMS.values())
    name, value = next(iter(state.items()))
    raise InputError(
        f"The state dict of a U-Net or ResNet has a kernel {stems}. Received: one that starts with "
        f"{name!r} of shape {value.shape}. Give a file such as latest_net_G.pth."
    )


def _unet(state):
    prefix = "model.model.1.model"
    prefixes = ["model.model"]
    # Any U-Net has an innermost level: if there is none, the first weight that differs is its.
    while f"{prefix}.1.weight" in state or len(prefixes) < 2:
        prefixes.append(prefix)
        prefix += ".3.model"
    modules = _unet_modules(prefixes)
    options = {
        **_sides(state, modules["down1_conv"], modules["head_conv"], channel_axis=1),
        "depth": len(prefixes),
        **normalized_as(state, modules["down2_conv"]),
    }
    generator = unet_generator(
        (None, None, options["source_channels"]),
        options["target_channels"],
        base_filters=options["base_filters"],
        depth=options["depth"],
        norm=options["norm"],
        conventions=conventions(options),
    )
    joined = {"head_conv", *(f"up{level}_conv" for level in range(1, options["depth"] - 1))}
    assign(generator, state, modules, joined=joined, always_biased=["head_conv"])
    return generator, options


def _unet_modules(prefixes: Sequence[str]) -> dict[str, str]:
    """Maps the names of our layers to those of PyTorch's nested modules, outermost first."""
    outermost, *middle, innermost = prefixes
    depth = len(prefixes)
    levels = {}
    for level, prefix in enumerate(middle, start=2):
        levels[f"down{level}_conv"] = f"{prefix}.1"
        levels[f"up{level - 1}_conv"] = f"{prefix}.5"
    levels[f"up{depth - 1}_conv"] = f"{innermost}.3"
    return {
        "down1_conv": f"{outermost}.0",
        f"down{depth}_conv": f"{innermost}.1",
        "head_conv": f"{outermost}.3",
        **with_norms(levels),
    }


def _resnet(state):
    blocks = 1  # If there is none, the first weight that differs is its.
    while any(name.startswith(f"{_block(blocks + 1)}.") for name in state):
        blocks += 1
    # The second convolution of a block is its module 5; or, behind a dropout, 6.
    fifth, sixth = (f"{_block(1)}.{number}.weight" in state for number in (5, 6))
    has_dropout = sixth and not fifth
    modules = _resnet_modules(blocks, has_dropout)
    options = {
        **_sides(state, modules["stem_conv"], modules["head_conv"], channel_axis=0),
        "blocks": blocks,
        "dropout": 0.5 if has_dropout else 0.0,
        **normalized_as(state, modules["stem_conv"]),
    }
    generator = resnet_generator(
        (None, None, options["source_channels"]),
        options["target_channels"],
        base_filters=options["base_filters"],
        blocks=blocks,
        norm=options["norm"],
        dropout=options["dropout"],
        conventions=conventions(options),
    )
    assign(generator, state, modules, always_biased=["head_conv"])
    return generator, options


def _block(number):
    """Returns the name of a residual block, counted from 1."""
    return f"model.{9 + number}.conv_block"


def _resnet_modules(blocks: int, has_dropout: bool) -> dict[str, str]:
    """Maps the names of our layers to those of PyTorch's modules."""
    levels = {"stem_conv": "model.1", "down1_conv": "model.4", "down2_conv": "model.7"}
    for block in range(1, blocks + 1):
        levels[f"block{block}_first_conv"] = f"{_block(block)}.1"
        levels[f"block{block}_second_conv"] = f"{_block(block)}.{6 if has_dropout else 5}"
    levels["up2_conv"] = f"model.{10 + blocks}"
    levels["up1_conv"] = f"model.{13 + blocks}"
    return {**with_norms(levels), "head_conv": f"model.{17 + blocks}"}


def _sides(state, stem, head, *, channel_axis):
    """Returns channels and filters; `channel_axis` is that of outputs in the last kernel."""
    first = state[f"{stem}.weight"]
    last = state.get(f"{head}.weight")
    # Without a last kernel there is something to build all the same: what differs is named later.
    known = last is not None and last.ndim == first.ndim
    return {
        "source_channels": first.shape[1],
        "target_channels": last.shape[channel_axis] if known else first.shape[1],
        "base_filters": first.shape[0],
    }
