"""State dicts of PyTorch, in all the forms in which they are saved, as plain names and arrays."""

import os
from collections.abc import Mapping
from typing import Any, Union

import numpy as np

from tfpix2pix.errors import InputError

# `torch.compile` puts this before the names of what it compiles, and `nn.DataParallel` the other.
COMPILED = "_orig_mod"
PARALLEL = "module"
STATISTICS = ("running_mean", "running_var")


def read_state_dict(path: Union[str, os.PathLike]) -> dict[str, np.ndarray]:
    """Reads a PyTorch checkpoint, and runs no code that it may contain.

    Args:
        path: Path of a `.pth` file that holds a state dict.

    Returns:
        Dict of name to `np.ndarray`; see `plain_state`.

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
        return _arrays(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # PyTorch raises nearly anything for a file that is not its own.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            "The checkpoint must be a file of PyTorch that holds nothing but a state dict. "
            f"Received: {str(path)!r} ({reason}). Give a file such as latest_net_G.pth."
        ) from error


def plain_state(state: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Returns a state dict as arrays under the names that the network's author gave them.

    Args:
        state: Dict of name to array, tensor or parameter of PyTorch; or a dict whose `state_dict`
            is that. Names may begin with those of wrappers, `module.` and `_orig_mod.`.

    Returns:
        Dict of name to `np.ndarray`: float32, whatever the precision of the file, or integers.

    Raises:
        ValueError: If it holds anything else.

    Example:
        >>> state = {"state_dict": {"module.model.1.bias": np.ones(2, "float16")}}
        >>> plain_state(state)
        {'model.1.bias': array([1., 1.], dtype=float32)}
    """
    try:
        return _arrays(state)
    except TypeError as error:
        raise InputError(
            f"A state dict must hold tensors by their names. Received: {error}. Give what "
            "`network.state_dict()` returns."
        ) from error


def idle_statistics(state: Mapping[str, Any]) -> list[str]:
    """Lists statistics of norms without scale, which were saved and not used.

    Until 2018 the reference's instance norm saved them; since then it removes them on reading.

    Args:
        state: As from `plain_state`.

    Returns:
        Names of their entries.

    Example:
        >>> idle_statistics({"1.running_var": 1, "2.running_var": 1, "2.weight": 1})
        ['1.running_var']
    """
    names = [name for name in state if name.endswith(STATISTICS)]
    return [name for name in names if f"{name.rpartition('.')[0]}.weight" not in state]


def blurs(state: Mapping[str, Any]) -> list[str]:
    """Lists the fixed kernels of blurs, by which antialiased networks halve and double.

    Args:
        state: As from `plain_state`.

    Returns:
        Names of their entries.

    Example:
        >>> blurs({"model.1.weight": 1, "model.7.filt": 1})
        ['model.7.filt']
    """
    return [name for name in state if name.endswith(".filt")]


def _arrays(state):
    if isinstance(state, Mapping) and isinstance(state.get("state_dict"), Mapping):
        state = state["state_dict"]
    if not isinstance(state, Mapping) or not state:
        raise TypeError(f"it is {'empty' if isinstance(state, Mapping) else _kind(state)}")
    arrays = {}
    for name, value in state.items():
        if not isinstance(name, str) or not hasattr(value, "shape"):
            raise TypeError(f"its entry {name!r} is {_kind(value)}")
        plain_name = _plain_name(name)
        if plain_name in arrays:
            raise TypeError(f"it has {plain_name!r} twice, with and without the name of a wrapper")
        arrays[plain_name] = _array(value)
    return arrays


def _kind(value):
    return f"of the type {type(value).__name__}"


def _plain_name(name):
    parts = [part for part in name.split(".") if part != COMPILED]
    while parts[:1] == [PARALLEL]:
        del parts[0]
    return ".".join(parts)


def _array(value):
    if hasattr(value, "detach"):  # A parameter, or a tensor, perhaps of another device.
        value = value.detach().cpu()
        # NumPy has no bfloat16.
        value = (value.float() if value.is_floating_point() else value).numpy()
    value = np.asarray(value)
    return value if value.dtype.kind in "bui" else value.astype("float32", copy=False)
