"""From the names and shapes of PyTorch's modules to the weights of our layers, none left over."""

import dataclasses
from collections.abc import Collection, Mapping

import numpy as np
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.importers.state_dicts import STATISTICS, blurs, idle_statistics
from tfpix2pix.layers import CONVENTIONS, Conventions

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
CURE = "Give a checkpoint of a U-Net, ResNet or PatchGAN as its authors build it."


def normalized_as(state: Mapping[str, np.ndarray], convolution: str) -> dict:
    """Finds out which norm a network has, by the module after one of its convolutions.

    A norm with scale, shift and statistics is batch norm, or an instance norm that tracks
    statistics: by the statistics of an image they are one. Without scale and shift there is no norm
    in a file. The reference's convolutions then have a bias beside instance norm, and none
    without a norm.

    Args:
        state: Dict of name to `np.ndarray`.
        convolution: Name of the convolution.

    Returns:
        Dict with `norm`, and where the network differs from the reference's with `affine_instance`
        and `bias`, as in `tfpix2pix.layers.Conventions`.

    Example:
        >>> normalized_as({"model.2.weight": 1, "model.2.bias": 1, "model.3.weight": 1}, "model.2")
        {'norm': 'instance', 'affine_instance': True, 'bias': 'all'}
    """
    has_bias = f"{convolution}.bias" in state
    tracked = any(name.endswith(STATISTICS) for name in state)
    if f"{next_module(convolution)}.weight" not in state:
        return {"norm": "instance" if has_bias or tracked else "none"}
    options = {"norm": "batch"} if tracked else {"norm": "instance", "affine_instance": True}
    return {**options, "bias": "all"} if has_bias else options


def conventions(options: Mapping) -> Conventions:
    """Returns the reference's conventions, with what a network has otherwise.

    Args:
        options: As from `normalized_as`.

    Returns:
        `tfpix2pix.layers.Conventions`.

    Example:
        >>> conventions({"norm": "batch", "bias": "all"}).has_bias("batch")
        True
    """
    names = ("affine_instance", "antialiased", "bias")
    changes = {name: options[name] for name in names if name in options}
    return dataclasses.replace(CONVENTIONS["pytorch"], **changes)


def next_module(name: str) -> str:
    """Returns the name of the module after `name` in a PyTorch `Sequential`.

    Args:
        name: Name of a module, whose last part is its number.

    Returns:
        str.

    Example:
        >>> next_module("model.8")
        'model.9'
    """
    *parents, number = name.split(".")
    return ".".join([*parents, str(int(number) + 1)])


def with_norms(modules: Mapping[str, str]) -> dict[str, str]:
    """Adds the norm after each convolution.

    Args:
        modules: Dict of our convolution, such as `"down2_conv"`, to the name of the other's module.

    Returns:
        Dict with `"down2_norm"` too, the module after it.

    Example:
        >>> with_norms({"down2_conv": "model.2"})
        {'down2_conv': 'model.2', 'down2_norm': 'model.3'}
    """
    norms = {layer.replace("_conv", "_norm"): next_module(name) for layer, name in modules.items()}
    return {**modules, **norms}


def assign(
    network: keras.Model,
    state: Mapping[str, np.ndarray],
    modules: Mapping[str, str],
    *,
    joined: Collection[str] = (),
    always_biased: Collection[str] = (),
) -> None:
    """Sets the weights of a network from a state dict, layer by layer from input to output.

    Args:
        network: `keras.Model`.
        state: Dict of name to `np.ndarray`.
        modules: Dict of our layer to the name of the other's module.
        joined: Layers whose input joins decoder and skip; PyTorch has the skip first.
        always_biased: Layers that have a bias even in a network without norm, whose other
            convolutions have one here and none there. Theirs start at 0, which is the same.

    Raises:
        ValueError: If a weight has no counterpart of its shape, on either side; names the first.

    Example:
        >>> x = keras.Input((4, 4, 3))
        >>> network = keras.Model(x, keras.layers.Conv2D(8, 4, name="down1_conv")(x))
        >>> assign(network, {"model.0.weight": np.zeros((8, 3, 4))}, {"down1_conv": "model.0"})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: Every weight must have its place. The first that differs: ...
    """
    names = {layer.name: modules[layer.name] for layer in network.layers if layer.weights}
    convolutions = {layer.name for layer in network.layers if hasattr(layer, "kernel")}
    biased = {layer for layer in convolutions if f"{names[layer]}.bias" in state}
    starts_at_0 = convolutions - set(always_biased) if biased <= set(always_biased) else ()
    used = set()
    for layer in network.layers:
        for variable in layer.weights:
            part = variable.name.split("/")[-1].split(":")[0]
            name = f"{names[layer.name]}.{TORCH_NAMES[part]}"
            value = state.get(name)
            if part == "kernel" and value is not None and value.ndim == len(KERNEL_AXES):
                if layer.name in joined:
                    # The check of the shape below refuses an odd number of channels.
                    skip, decoder = np.array_split(value, 2)
                    value = np.concatenate([decoder, skip])
                value = value.transpose(KERNEL_AXES)
            if part == "bias" and layer.name in starts_at_0:
                value = np.zeros(variable.shape, "float32")
            if value is None or value.shape != tuple(variable.shape):
                received = "nothing" if value is None else f"{value.shape}"
                raise InputError(
                    "Every weight must have its place. The first that differs: "
                    f"{layer.name}/{part} of shape {tuple(variable.shape)}, for which the "
                    f"checkpoint has {received} under {name!r}. {CURE}"
                )
            variable.assign(value)
            used.add(name)
    _check_nothing_is_left(network, state, used)


def _check_nothing_is_left(network, state, used):
    """Refuses weights of a checkpoint that the network has no place for."""
    used = {*used, *idle_statistics(state), *blurs(state)}
    for name, value in state.items():
        if name not in used and not name.endswith("num_batches_tracked"):
            raise InputError(
                f"Every weight must have its place. The first that has none: {name!r} of shape "
                f"{value.shape}, for which the {network.name} has no variable. {CURE}"
            )
