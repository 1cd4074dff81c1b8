"""What a checkpoint of a training holds by which names, and how networks get it back."""

import re
import warnings
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Optional, Union

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.locations import readable
from tfpix2pix.models import TranslationModel

# Folders in that of a run.
CHECKPOINTS = "checkpoints"
BEST = "best"
AVERAGED = "averaged_"  # Before the name of a player.

_NOTHING = MappingProxyType({})
_STEP = "step/.ATTRIBUTES/VARIABLE_VALUE"


def checkpoint(model: TranslationModel, step: tf.Variable) -> tf.train.Checkpoint:
    """Names what a checkpoint of a training holds: networks, noise, optimizers, state and the step.

    Averaged translators are among the networks. Layers go by their names, not by Keras' count of
    layers, so that a checkpoint outlives a layer without weights that a later version adds or
    drops.

    Args:
        model: A compiled `tfpix2pix.models.TranslationModel`.
        step: int64 scalar variable, the number of steps taken.

    Returns:
        `tf.train.Checkpoint`.

    Example:
        >>> from tfpix2pix import runs, preset
        >>> model = runs.float32_model(preset("quickstart"))
        >>> int(checkpoint(model, tf.Variable(0, dtype="int64")).step)
        0
    """
    averages = {f"{AVERAGED}{player}": network for player, network in model.averaged.items()}
    networks = {**model.players, **averages}
    layers = {name: _layers_by_name(network) for name, network in networks.items()}
    optimizers = {f"{player}_optimizer": model.optimizers[player] for player in model.players}
    state = _named_state(model.state)
    if model.earlier_updates:
        state["earlier_updates"] = dict(model.earlier_updates)
    return tf.train.Checkpoint(step=step, noise=model.noise, **layers, **optimizers, **state)


def save_state(model: TranslationModel, path: Union[str, Path]) -> None:
    """Saves the state of a model alone, from where `restore` takes it.

    Args:
        model: `tfpix2pix.models.TranslationModel`.
        path: Path of the checkpoint, without suffix.

    Example:
        >>> from tfpix2pix import runs, preset
        >>> model = runs.float32_model(preset("quickstart"))
        >>> model.state = {"mean": tf.Variable(0.0)}
        >>> model.state["mean"].assign(0.5) is None
        False
        >>> save_state(model, "saved/state")
        >>> other = {"mean": tf.Variable(0.0)}
        >>> restore({}, "saved/state", other)
        >>> float(other["mean"])
        0.5
    """
    tf.train.Checkpoint(**_named_state(model.state)).write(str(path))


def restore(networks: Mapping[str, keras.Model], path: str, state: Mapping = _NOTHING) -> None:
    """Restores networks and state from a checkpoint.

    Args:
        networks: Dict of name in the checkpoint to `keras.Model`.
        path: Path of the checkpoint, without suffix.
        state: `tfpix2pix.models.TranslationModel.state`, or nothing to leave it as it is.

    Raises:
        ValueError: If the checkpoint is damaged, or of other networks or another state.

    Example:
        >>> from tfpix2pix import runs, preset
        >>> model = runs.float32_model(preset("quickstart"))
        >>> path = checkpoint(model, tf.Variable(7, dtype="int64")).save("saved/ckpt")
        >>> restore(model.players, path)
        >>> saved_step(path)
        7
    """
    try:
        layers = {name: _layers_by_name(network) for name, network in networks.items()}
        status = tf.train.Checkpoint(**layers, **_named_state(state)).read(path)
        status.expect_partial().assert_existing_objects_matched()
    except (AssertionError, IndexError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0][:200]
        raise InputError(
            f"A checkpoint must be whole and of the run's configuration. Received: {path}, which "
            f"does not fit ({reason}). Restore the config.yaml that the run was trained with."
        ) from error


def newest_checkpoint(folder: Union[str, Path], kind: str = CHECKPOINTS) -> str:
    """Returns the path of the newest whole checkpoint of a run; warns of damaged ones.

    Args:
        folder: Folder of the run.
        kind: `CHECKPOINTS`, or `BEST` for the one that was best in validation.

    Returns:
        str, without suffix.

    Raises:
        ValueError: If there is none, or none is whole.

    Example:
        >>> newest_checkpoint("no-such-run")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A trained run has checkpoints in no-such-run/checkpoints. ...
    """
    newest = newest_usable(readable(folder) / kind)
    if newest is None:
        raise InputError(
            f"A trained run has checkpoints in {Path(folder) / kind}. Received: "
            f"{str(folder)!r}, which has none yet. Train it further, or lower "
            "`train.checkpoint_every`."
        )
    return newest


def newest_usable(folder: Union[str, Path]) -> Optional[str]:
    """Returns the newest checkpoint that is whole, and warns of newer ones that are not.

    Args:
        folder: Folder of the checkpoints.

    Returns:
        Path without suffix, `None` if there are no checkpoints.

    Raises:
        ValueError: As `newest_whole`.

    Example:
        >>> newest_usable("no-such-run") is None
        True
    """
    newest, damaged = newest_whole(folder)
    for one in damaged:
        warnings.warn(f"A checkpoint is damaged and passed over: {one}", stacklevel=3)
    return newest


def newest_whole(folder: Union[str, Path]) -> tuple[Optional[str], list[str]]:
    """Finds the newest checkpoint that is whole: the one by which every program goes.

    It goes by the files of checkpoints, for their list, the file `checkpoint`, may be missing after
    a copy or a kill.

    Args:
        folder: Folder of the checkpoints.

    Returns:
        `(path, damaged)`: path without suffix, `None` if there are no checkpoints; and the newer
        ones that are not whole, with the reason.

    Raises:
        ValueError: If there are checkpoints, but none is whole.

    Example:
        >>> newest_whole("no-such-run")
        (None, [])
    """
    damaged = []
    for path in saved_checkpoints(folder):
        files = Path(path).parent.glob(f"{Path(path).name}.*")
        stamps = sorted((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
        fault = _damage(path, tuple(stamps))
        if fault is None:
            return path, damaged
        damaged.append(f"{path} ({fault})")
    if damaged:
        raise InputError(
            f"One of the checkpoints of a run must be whole. Received: {'; '.join(damaged)}. Copy "
            "them again from where they are whole, or train in another folder."
        )
    return None, damaged


def saved_checkpoints(folder: Union[str, Path]) -> list[str]:
    """Lists the checkpoints of a folder, the newest first.

    Args:
        folder: Folder of the checkpoints.

    Returns:
        List of str, paths without suffix.

    Example:
        >>> saved_checkpoints("no-such-run")
        []
    """
    numbers = {
        int(match[1]): file.with_suffix("")
        for file in Path(folder).glob("ckpt-*.index")
        if (match := re.fullmatch(r"ckpt-(\d+)\.index", file.name))
    }
    return [str(numbers[number]) for number in sorted(numbers, reverse=True)]


@lru_cache(maxsize=16)
def _damage(path, stamps):
    """Reads a whole checkpoint, as restoring reads some of it much later; says why it cannot.

    It is read once, as long as its files stay as their `stamps` say.
    """
    del stamps
    try:
        reader = tf.train.load_checkpoint(path)
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (OSError, ValueError, IndexError, tf.errors.OpError) as error:
        return str(error).splitlines()[0][:200]
    return None


def saved_step(path: str) -> int:
    """Returns the number of steps after which a checkpoint was saved.

    Args:
        path: Path of the checkpoint, without suffix.

    Returns:
        int.

    Example:
        >>> step = tf.Variable(7, dtype="int64")
        >>> saved_step(tf.train.Checkpoint(step=step).write("saved/ckpt"))
        7
    """
    return int(tf.train.load_variable(path, _STEP))


def saved_values(path: Union[str, Path]) -> dict[str, np.ndarray]:
    """Reads all that a checkpoint holds.

    Args:
        path: Path of the checkpoint, without suffix.

    Returns:
        Dict of the name of each variable to its value.

    Example:
        >>> step = tf.Variable(7, dtype="int64")
        >>> values = saved_values(tf.train.Checkpoint(step=step).write("saved/ckpt"))
        >>> {name: int(value) for name, value in values.items()}
        {'step/.ATTRIBUTES/VARIABLE_VALUE': 7}
    """
    reader = tf.train.load_checkpoint(str(path))
    names = [name for name in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


def _named_state(state):
    return {"state": dict(state)} if state else {}


def _layers_by_name(network):
    return {
        layer.name: layer for layer in network.layers if layer.weights or hasattr(layer, "noise")
    }
