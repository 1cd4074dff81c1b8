"""Projections of patches from the state dicts of contrastive-unpaired-translation."""

from collections.abc import Mapping

import numpy as np
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.importers.state_dicts import plain_state
from tfpix2pix.networks import patch_projector

# Our layers of a map, and what their modules are called behind its number.
LAYERS = {"hidden": "0", "vector": "2"}


def imported_projector(state: Mapping[str, np.ndarray]) -> tuple[keras.Model, dict]:
    """Builds the projection of a state dict, with its weights.

    Args:
        state: Dict of name to array or tensor; see `plain_state`.

    Returns:
        `(projector, options)`: a `keras.Model`, and what describes it: `channels` of each map and
        `units`.

    Raises:
        ValueError: If the state dict is not that of such a projection.

    Example:
        >>> state = {"mlp_0.0.weight": np.zeros((8, 3)), "mlp_0.0.bias": np.zeros(8)}
        >>> state |= {"mlp_0.2.weight": np.zeros((8, 8)), "mlp_0.2.bias": np.zeros(8)}
        >>> imported_projector(state)[1]
        {'channels': (3,), 'units': 8}
    """
    state = plain_state(state)
    channels = []
    while (kernel := state.get(f"mlp_{len(channels)}.0.weight")) is not None and kernel.ndim == 2:
        units = kernel.shape[0]
        channels.append(kernel.shape[1])
    shapes = {}
    for number, count in enumerate(channels):
        for module, inputs in zip(LAYERS.values(), (count, units)):
            shapes[f"mlp_{number}.{module}.weight"] = (units, inputs)
            shapes[f"mlp_{number}.{module}.bias"] = (units,)
    received = {name: value.shape for name, value in state.items()}
    if not channels or received != shapes:
        differing = {**received, **shapes}
        first = next((n for n in differing if received.get(n) != shapes.get(n)), "mlp_0.0.weight")
        raise InputError(
            "A projection has two dense layers for each map, mlp_0.0 and mlp_0.2 those of the "
            f"first. The first weight that differs: {first!r}, of shape "
            f"{received.get(first, 'none')} instead of {shapes.get(first, 'none')}. Give a file "
            "such as latest_net_F.pth."
        )
    projector = patch_projector(channels, units=units)
    for number in range(len(channels)):
        for role, module in LAYERS.items():
            name = f"mlp_{number}.{module}"
            weights = [state[f"{name}.weight"].T, state[f"{name}.bias"]]
            projector.get_layer(f"map{number + 1}_{role}").set_weights(weights)
    return projector, {"channels": tuple(channels), "units": units}
