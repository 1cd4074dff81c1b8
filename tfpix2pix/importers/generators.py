"""U-Nets and ResNets from the state dicts of pytorch-CycleGAN-and-pix2pix and its descendants."""

from collections.abc import Mapping, Sequence

import numpy as np
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.importers.assignment import assign, conventions, normalized_as, with_norms
from tfpix2pix.importers.state_dicts import blurs, plain_state
from tfpix2pix.networks import enhanced_generator, resnet_generator, unet_generator

UNET = "unet"
RESNET = "resnet"
GLOBAL = "global"  # A ResNet of more than two halvings.
ENHANCED = "enhanced"
ANTIALIASED = "antialiased"  # A ResNet that halves and doubles by blurs.
# What a state dict of each has that none after it has: a kernel of this name and side.
STEMS = {
    UNET: ("model.model.0.weight", 4),
    ENHANCED: ("model1_1.1.weight", 7),
    RESNET: ("model.1.weight", 7),
}
RESNETS = (RESNET, GLOBAL, ANTIALIASED)
RESIDUAL = ("base_filters", "blocks", "halvings", "norm")


def imported_generator(state: Mapping[str, np.ndarray]) -> tuple[keras.Model, dict]:
    """Builds the generator of a state dict, with its weights.

    Args:
        state: Dict of name to array or tensor; see `plain_state`.

    Returns:
        `(generator, options)`: a `keras.Model` with open sides, and what describes it:
        `source_channels`, `target_channels`, `base_filters`, `norm`; `depth` of a U-Net, `blocks`,
        `halvings` and `dropout` of a ResNet, `enhancers` and `enhancer_blocks` of pix2pixHD's local
        one; and `bias`, `affine_instance` and `antialiased` where they are not those of the
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
    build = {UNET: _unet, ENHANCED: _enhanced, **dict.fromkeys(RESNETS, _resnet)}
    return build[generator_kind(state)](state)


def generator_kind(state: Mapping[str, np.ndarray]) -> str:
    """Returns which generator a state dict is of.

    Args:
        state: Dict of name to array or tensor; see `plain_state`.

    Returns:
        `"unet"`, `"resnet"`, `"antialiased"` of a ResNet with blurs, or `"global"` or `"enhanced"`
        of pix2pixHD.

    Raises:
        ValueError: If it is of none.

    Example:
        >>> generator_kind({"module.model.1.weight": np.zeros((64, 3, 7, 7))})
        'resnet'
    """
    state = plain_state(state)
    for kind, (name, side) in STEMS.items():
        if name in state and state[name].ndim == 4 and state[name].shape[-1] == side:
            if kind == RESNET and blurs(state):
                return ANTIALIASED
            is_global = kind == RESNET and _residual_levels(state, "model")[1]["halvings"] > 2
            return GLOBAL if is_global else kind
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
    levels, options = _residual_levels(state, "model")
    head = f"model.{_count(options, 4 if blurs(state) else 3) + 1}"
    options |= _sides(state, levels["stem_conv"], head, channel_axis=0)
    options |= normalized_as(state, levels["stem_conv"])
    options |= {"antialiased": True} if blurs(state) else {}
    generator = resnet_generator(
        (None, None, options["source_channels"]),
        options["target_channels"],
        **{name: options[name] for name in RESIDUAL},
        dropout=options["dropout"],
        conventions=conventions(options),
    )
    modules = {**with_norms(levels), "head_conv": head}
    assign(generator, state, modules, always_biased=["head_conv"])
    return generator, options


def _enhanced(state):
    levels, options = _residual_levels(state, "model")
    enhancers = 1
    while f"model{enhancers + 1}_1.1.weight" in state:
        enhancers += 1
    blocks = _blocks_from(state, "model1_2", 0)
    for number in range(1, enhancers + 1):
        prefix = f"enhancer{number}"
        levels[f"{prefix}_stem_conv"] = f"model{number}_1.1"
        levels[f"{prefix}_down_conv"] = f"model{number}_1.4"
        for block in range(blocks):
            name = f"model{number}_2.{block}.conv_block"
            levels[f"{prefix}_block{block + 1}_first_conv"] = f"{name}.1"
            levels[f"{prefix}_block{block + 1}_second_conv"] = f"{name}.5"
        levels[f"{prefix}_up_conv"] = f"model{number}_2.{blocks}"
    head = f"model{enhancers}_2.{blocks + 4}"
    options |= _sides(state, levels["stem_conv"], head, channel_axis=0)
    options |= normalized_as(state, levels["stem_conv"])
    options |= {"enhancers": enhancers, "enhancer_blocks": blocks}
    generator = enhanced_generator(
        (None, None, options["source_channels"]),
        options["target_channels"],
        **{name: options[name] for name in (*RESIDUAL, "enhancers", "enhancer_blocks")},
        conventions=conventions(options),
    )
    name = f"enhancer{enhancers}_head_conv"
    assign(generator, state, {**with_norms(levels), name: head}, always_biased=[name])
    return generator, options


def _residual_levels(state, prefix):
    """Maps our convolutions to PyTorch's modules, all but the head, and returns their options."""
    halvings = 0
    filters = len(state[f"{prefix}.1.weight"])
    blur = 1 if blurs(state) else 0  # A module behind what halves, and before what doubles.
    step = 3 + blur
    while _doubles(state.get(f"{prefix}.{4 + step * halvings}.weight"), filters * 2**halvings):
        halvings += 1
    first = 4 + step * halvings
    blocks = _blocks_from(state, prefix, first)
    # The second convolution of a block is its module 5; or, behind a dropout, 6.
    block_names = [f"{prefix}.{first + number}.conv_block" for number in range(blocks)]
    fifth, sixth = (f"{prefix}.{first}.conv_block.{number}.weight" in state for number in (5, 6))
    has_dropout = sixth and not fifth
    levels = {"stem_conv": f"{prefix}.1"}
    for level in range(halvings):
        levels[f"down{level + 1}_conv"] = f"{prefix}.{4 + step * level}"
        levels[f"up{halvings - level}_conv"] = f"{prefix}.{first + blocks + blur + step * level}"
    for number, name in enumerate(block_names, start=1):
        levels[f"block{number}_first_conv"] = f"{name}.1"
        levels[f"block{number}_second_conv"] = f"{name}.{6 if has_dropout else 5}"
    options = {"blocks": blocks, "halvings": halvings, "dropout": 0.5 if has_dropout else 0.0}
    return levels, options


def _doubles(kernel, filters):
    """Whether a kernel is that of a halving, to twice as many channels."""
    return kernel is not None and kernel.shape[:2] == (2 * filters, filters)


def _blocks_from(state, prefix, first):
    count = 0
    while any(name.startswith(f"{prefix}.{first + count}.conv_block.") for name in state):
        count += 1
    return count


def _count(options, modules_of_level):
    """Returns how many modules of a ResNet come before its head."""
    return 4 + 2 * modules_of_level * options["halvings"] + options["blocks"]


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
