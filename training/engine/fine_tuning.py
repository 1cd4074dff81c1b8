"""Fine-tuning: start with the weights of another run, where they fit, and say which do not."""

from pathlib import Path
from typing import NamedTuple, Union

from tfpix2pix import runs


class Loaded(NamedTuple):
    """What was taken from another run.

    Attributes:
        loaded: Names `player/layer` whose weights were taken.
        different: Those that have other shapes there.
        missing: Those that the other run has not.
    """

    loaded: list[str]
    different: list[str]
    missing: list[str]

    def __str__(self):
        """Returns it as one line."""
        parts = [f"{len(self.loaded)} layers were taken"]
        for names, why in ((self.different, "of another shape"), (self.missing, "missing")):
            if names:
                parts.append(f"{len(names)} are {why} ({', '.join(names[:5])}, ...)")
        return "; ".join(parts)


def start_from(model, run: Union[str, Path]):
    """Gives a model the weights of another run, layer by layer.

    Args:
        model: A compiled `tfpix2pix.models.TranslationModel`.
        run: Folder of the other run.

    Returns:
        `Loaded`.

    Raises:
        ValueError: If it is no run or has no checkpoint.
    """
    other = runs.load_run(run).model
    counterparts = model.counterparts(other)
    result = Loaded([], [], [])
    for player, network in model.players.items():
        counterpart = other.players.get(counterparts.get(player))
        others = {layer.name: layer for layer in counterpart.layers} if counterpart else {}
        for layer in network.layers:
            name = f"{player}/{layer.name}"
            if not layer.weights:
                continue
            if layer.name not in others:
                result.missing.append(name)
                continue
            weights = model.starting_weights(layer, others[layer.name], other)
            if weights is None:
                result.different.append(name)
                continue
            layer.set_weights(weights)
            result.loaded.append(name)
    for player, average in model.averaged.items():
        average.set_weights(model.players[player].get_weights())
    return result
