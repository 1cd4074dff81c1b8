"""Importers: build our networks from PyTorch checkpoints of other implementations.

They read those of pytorch-CycleGAN-and-pix2pix (`latest_net_G.pth`, `latest_net_D.pth`): U-Nets and
PatchGANs with batch or instance norm. The shapes in a file give the options of its network.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Union

import numpy as np
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.networks import patch_discriminator, unet_generator
from tfpix2pix.networks.patchgan import STRIDED_LAYERS

# A kernel is [height, width, inputs, outputs] in Keras' convolutions and [height, width, outputs,
# inputs] in its transposed ones; in PyTorch's [outputs, inputs, height, width] and [inputs,
# outputs, height, width].
KERNEL_AXES = (2, 3, 1, 0)
TORCH_NAMES = {
    "kernel": "weight",
    "bias": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def read_state_dict(path: Union[str, os.PathLike]) -> dict[str, np.ndarray]:
    """Reads a PyTorch checkpoint, and runs no code that it may contain.

    Args:
        path: Path of a `.pth` file that holds a state dict.

    Returns:
        Dict of name to `np.ndarray`.

    Raises:
        ValueError: If PyTorch is not installed, or the file holds anything but a state dict.

    Example:
        >>> read_state_dict("no-such-file.pth")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: ...
    """
    try:
        import torch
    except ImportError as error:
        raise InputError(
            "Reading a PyTorch checkpoint takes PyTorch. Received: an environment without it. "
            "Install it: python -m pip install torch."
        ) from error
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        arrays = {name: value.numpy() for name, value in state.items()}
    except Exception as error:  # PyTorch raises nearly anything for a file that is not its own.
        reason = str(error).splitlines()[0]
        raise InputError(
            "The checkpoint must be a file of PyTorch that holds nothing but a state dict. "
            f"Received: {str(path)!r} ({reason}). Give a file such as latest_net_G.pth."
        ) from error
    # nn.DataParallel puts the name of its wrapper before every name.
    return {name.removeprefix("module."): value for name, value in arrays.items()}


def imported_generator(state: Mapping[str, np.ndarray]) -> tuple[keras.Model, dict]:
    """Builds the U-Net of a state dict, with its weights.

    Args:
        state: Dict of name to `np.ndarray`, as from `read_state_dict`.

    Returns:
        `(generator, options)`: a `keras.Model` with open sides, and the options that describe it:
        `source_channels`, `target_channels`, `base_filters`, `depth`, `norm`.

    Raises:
        ValueError: If the state dict is not that of a U-Net; names the first layer that differs.

    Example:
        >>> imported_generator({"model.0.weight": np.zeros((64, 6, 4, 4))})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: ...
    """
    first = "model.model.0.weight"
    last = "model.model.3.weight"
    if not {first, last, "model.model.1.model.1.weight"} <= set(state):
        raise InputError(
            f"A U-Net's state dict has {first} and {last}. Received: one that starts with "
            f"{sorted(state)[:3]}. Other generators, such as ResNets, are not known yet."
        )
    prefix = "model.model.1.model"
    prefixes = ["model.model"]
    while f"{prefix}.1.weight" in state:
        prefixes.append(prefix)
        prefix += ".3.model"
    options = {
        "source_channels": state[first].shape[1],
        "target_channels": state[last].shape[1],
        "base_filters": state[first].shape[0],
        "depth": len(prefixes),
        "norm": "batch" if f"{prefixes[1]}.2.weight" in state else "instance",
    }
    generator = unet_generator(
        (None, None, options["source_channels"]),
        options["target_channels"],
        base_filters=options["base_filters"],
        depth=options["depth"],
        norm=options["norm"],
        conventions="pytorch",
    )
    joined = {"head_conv", *(f"up{level}_conv" for level in range(1, options["depth"] - 1))}
    _load(generator, state, _unet_sources(prefixes, options["norm"]), joined=joined)
    return generator, options


def imported_discriminator(
    state: Mapping[str, np.ndarray], *, source_channels: int, target_channels: int
) -> tuple[keras.Model, dict]:
    """Builds the PatchGAN of a state dict, with its weights.

    Args:
        state: Dict of name to `np.ndarray`, as from `read_state_dict`.
        source_channels: Channels of the generator's input.
        target_channels: Channels of the generator's output.

    Returns:
        `(discriminator, options)`: a `keras.Model` with open sides, and the options of
        `patch_discriminator` that describe it: `base_filters`, `receptive_field`, `norm`,
        `conditional`.

    Raises:
        ValueError: If the state dict is not that of a PatchGAN; names the first layer that differs.

    Example:
        >>> imported_discriminator({}, source_channels=3, target_channels=3)
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: ...
    """
    names = [name.removesuffix(".weight") for name, value in state.items() if value.ndim == 4]
    convolutions = sorted(names, key=lambda name: int(name.split(".")[-1]))
    size = state[f"{convolutions[0]}.weight"].shape[-1] if convolutions else None
    fields = {
        (1 if field == 1 else 4, max(strided, 1) + 2): field
        for field, strided in STRIDED_LAYERS.items()
    }
    if (size, len(convolutions)) not in fields:
        raise InputError(
            "A PatchGAN's state dict has 3 to 7 convolutions of 4x4, or 3 of 1x1. Received: "
            f"{len(convolutions)} of {size}x{size}. Give a file such as latest_net_D.pth."
        )
    channels = state[f"{convolutions[0]}.weight"].shape[1]
    after_second = _next_module(convolutions[1])
    options = {
        "base_filters": state[f"{convolutions[0]}.weight"].shape[0],
        "receptive_field": fields[size, len(convolutions)],
        "norm": "batch" if f"{after_second}.weight" in state else "instance",
        "conditional": channels != target_channels,
    }
    discriminator = patch_discriminator(
        (None, None, source_channels), target_channels, conventions="pytorch", **options
    )
    *levels, head = convolutions
    sources = {f"patch{level}_conv": name for level, name in enumerate(levels, start=1)}
    if options["norm"] == "batch":
        norms = enumerate(levels[1:], start=2)
        sources.update({f"patch{level}_norm": _next_module(name) for level, name in norms})
    _load(discriminator, state, {**sources, "head_conv": head})
    return discriminator, options


def _unet_sources(prefixes: Sequence[str], norm: str) -> dict[str, str]:
    """Maps the names of our layers to those of PyTorch's nested modules, outermost first."""
    outermost, *middle, innermost = prefixes
    sources = {"down1_conv": f"{outermost}.0", "head_conv": f"{outermost}.3"}
    for level, prefix in enumerate(middle, start=2):
        sources[f"down{level}_conv"] = f"{prefix}.1"
        sources[f"up{level - 1}_conv"] = f"{prefix}.5"
        if norm == "batch":
            sources[f"down{level}_norm"] = f"{prefix}.2"
            sources[f"up{level - 1}_norm"] = f"{prefix}.6"
    depth = len(prefixes)
    sources[f"down{depth}_conv"] = f"{innermost}.1"
    sources[f"up{depth - 1}_conv"] = f"{innermost}.3"
    if norm == "batch":
        sources[f"up{depth - 1}_norm"] = f"{innermost}.4"
    return sources


def _load(network, state, sources, *, joined=()):
    """Sets the weights of a network from a state dict, layer by layer from input to output.

    `joined` names the layers whose input joins decoder and skip; PyTorch has the skip first.
    """
    for layer in network.layers:
        for variable in layer.weights:
            part = variable.name.split("/")[-1].split(":")[0]
            name = f"{sources[layer.name]}.{TORCH_NAMES[part]}"
            value = state.get(name)
            if value is not None and part == "kernel":
                if layer.name in joined:
                    # The check of the shape below refuses an odd number of channels.
                    skip, decoder = np.array_split(value, 2)
                    value = np.concatenate([decoder, skip])
                value = value.transpose(KERNEL_AXES)
            if value is None or value.shape != tuple(variable.shape):
                received = "nothing" if value is None else f"{value.shape}"
                raise InputError(
                    "Every weight must have its place. The first that differs: "
                    f"{layer.name}/{part} of shape {tuple(variable.shape)}, for which the "
                    f"checkpoint has {received} under {name!r}. Give a checkpoint of a U-Net or "
                    "PatchGAN as its authors build it."
                )
            variable.assign(value)


def _next_module(name):
    """Returns the name of the module after `name` in a PyTorch `Sequential`."""
    *parents, index = name.split(".")
    return ".".join([*parents, str(int(index) + 1)])
