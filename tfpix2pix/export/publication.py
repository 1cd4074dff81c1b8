"""Publication: a SavedModel becomes a version of a served model if it is proved equal."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable, Optional, Union

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfpix2pix import atomic
from tfpix2pix.errors import InputError
from tfpix2pix.export.cards import model_card, seal
from tfpix2pix.export.comparison import check_parity, parity, rounding
from tfpix2pix.export.directions import served_directions
from tfpix2pix.export.signatures import signatures
from tfpix2pix.export.weights import StoredWeights
from tfpix2pix.inference import Embedding
from tfpix2pix.locations import readable


def export(
    directions,
    folder: Union[str, Path],
    *,
    task=None,
    size: Optional[tuple[int, int]] = None,
    embeddings: Mapping[str, Embedding] = MappingProxyType({}),
    card: Optional[Mapping[str, Any]] = None,
    weights: str = "float32",
    keep: Optional[int] = None,
    finish: Optional[Callable[[Path], None]] = None,
    tolerance: float = 1e-4,
) -> tuple[Path, float]:
    """Writes directions, or one generator, as the next version of a served model.

    The SavedModel takes images of any size up to `tfpix2pix.export.MOST_PIXELS`. The signatures of
    the first direction:

    * `serving_default`: `image_bytes`, string `[batch]`, PNG or JPEG files, to `output_bytes`, PNG
      files of the task's bits and channels. Where PNG cannot hold these, it is the same as `float`.
    * `float`: `image`, float32 `[batch, height, width, channels]` in [-1, 1], to `output`, float32
      `[batch, height, width, output_channels]`.
    * `uint8`, where files have 8 bits: `image`, their pixels, to `output`, those of translations.
    * `sampled`, where the generator has dropout: as `serving_default`, with noise by `seed`, int64
      `[batch]`. An image with its seed is translated alike in any batch, as the first of
      `inference.translate(..., samples=1, seed=seed)`.
    * For every other control one of its name: as `serving_default`, with a value of the control for
      each image beside it, `[batch, *shape]`. Elsewhere controls are neutral.
    * `controlled`, where there are controls: with a value of each, and `set_NAME`, bool `[batch]`.
    * `model_card`: `request`, string `[batch]`, whose content is ignored, to `model_card`, string
      `[batch]`, each the JSON of the card.

    Those of another direction `D` are `D`, as `serving_default`, `D_float` and so on. The first
    embedding has `embedding`, of `image_bytes`, and `embedding_float`, of `image`, to `embedding`,
    float32 `[batch, length]`; another one, `E`, has `E_embedding` and `E_embedding_float`. Dropout
    is off but in samples; the statistics are those of each image. All signatures share one body of
    variables. The version is written under a name that servers pass over, loaded back, compared
    with the networks, and then renamed; its `model_card.json` has `parity`, the difference, too,
    and `files`, the SHA-256 of every other file.

    Args:
        directions: Dict of names to `tfpix2pix.inference.Direction`, the default one first; or a
            `keras.Model` with open sides as the direction `translate`.
        folder: Folder of the served model; the version becomes the next numbered folder in it.
        task: Of a generator, `tfpix2pix.data.tasks.Pairs` or another, what lies between files and
            the generator; by default that of pairs of 8 bits.
        size: `(height, width)` in pixels of most images that will be served; it makes these faster.
        embeddings: Dict of names to `tfpix2pix.inference.Embedding`, the default one first.
        card: Dict of what is known of the training, the last five arguments of
            `tfpix2pix.export.model_card`.
        weights: What the variables are stored as. `"float16"` takes half the bytes: weights are
            rounded, cast in the graph, and computed with in float32. The version is then compared
            with the networks of rounded weights, and `rounding` in its card tells how far these
            are from the networks; vectors by these have a hash of their own in the card.
        keep: How many of the newest versions stay, once the new one is in place; by default all.
        finish: Function of the folder of the new version that adds to it before it is published.
        tolerance: Largest difference allowed between the two, in the range [-1, 1].

    Returns:
        `(version, difference)`: path of the version, and the largest difference, as of `parity`.

    Raises:
        ValueError: If the difference is larger, `keep` is below 1, two signatures have one name,
            float16 cannot hold a weight, or the folder could not be read; nothing is published.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> export(generator, "exports/facades")[0].as_posix()
        'exports/facades/1'
    """
    if keep is not None and keep < 1:
        raise InputError(
            f"`keep` must be at least 1. Received: keep={keep}. Leave it out to keep all versions."
        )
    served = served_directions(directions, task)
    directions = {name: one.direction for name, one in served.items()}
    folder = readable(folder)
    known = card or {}
    options = {"size": size, "embeddings": embeddings}
    networks = [one.network for one in (*directions.values(), *embeddings.values())]
    stored = StoredWeights(networks, weights)
    with stored.rounded():  # Vectors of rounded weights are others, and so is their hash.
        described = model_card(served, folder.resolve().name, weights=weights, **options, **known)
    measured = {}
    if weights != "float32":
        measured["rounding"] = rounding(directions, stored, known.get("examples", {}), size=size)
    folder.mkdir(parents=True, exist_ok=True)
    version = folder / str(max(versions(folder), default=0) + 1)
    with atomic.replacing(version, flush=True) as part, stored.rounded():
        _save(stored, signatures(served, described, read=stored.read, **options), part)
        measured["parity"] = difference = parity(served, part, **options)
        check_parity(difference, tolerance, folder)
        if finish is not None:
            finish(part)
        seal(part, {**described, **measured})
        _check_free(version)
    if keep is not None:
        _remove_oldest(folder, keep)
    return version, difference


def _check_free(version):
    if version.exists():
        raise InputError(
            f"A version must have a number of its own. Received: {version}, which another "
            "export published meanwhile. Export again."
        )


def _save(stored, functions, part):
    module = tf.Module()
    module.weights = stored.variables
    tf.saved_model.save(
        module,
        str(part),
        signatures=functions,
        options=tf.saved_model.SaveOptions(experimental_custom_gradients=False),
    )
    _forget(part)


def _forget(part):
    """Removes from a graph what nobody who serves it needs.

    These are the names of custom gradients, for whoever loads it in Python would be warned of each
    function that has some, which are dozens; and the shapes of outputs, which are inferred.
    """
    path = part / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for graph in saved.meta_graphs:
        functions = graph.graph_def.library.function
        nodes = [*graph.graph_def.node, *(node for f in functions for node in f.node_def)]
        for node in nodes:
            node.attr.pop("_gradient_op_type", None)
            node.attr.pop("_output_shapes", None)
    path.write_bytes(saved.SerializeToString())
    (part / "fingerprint.pb").unlink()  # It is optional, and was that of the graph before.


def versions(folder: Union[str, Path]) -> list[int]:
    """Lists the versions of a served model as TensorFlow Serving finds them.

    Args:
        folder: Folder of the served model.

    Returns:
        Sorted list of int; folders that are not whole numbers are no versions.

    Example:
        >>> versions(".")
        []
    """
    numbers = map(_number, Path(folder).iterdir())
    return sorted(number for number in numbers if number is not None)


def newest_version(folder: Union[str, Path]) -> Path:
    """Returns the folder of the newest version of an export.

    Args:
        folder: Folder of the served model, or of a version.

    Returns:
        `pathlib.Path`.

    Raises:
        ValueError: If there is none.

    Example:
        >>> newest_version("no-such-export")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: An export is a folder with numbered versions, ...
    """
    folder = Path(folder)
    numbers = versions(folder) if folder.is_dir() else []
    version = folder / str(numbers[-1]) if numbers else folder
    if not (version / "saved_model.pb").is_file():
        raise InputError(
            "An export is a folder with numbered versions, as `tfpix2pix.export.export` makes it. "
            f"Received: {str(folder)!r}, which has none. Check the spelling or export a run."
        )
    return version


def _remove_oldest(folder, keep):
    oldest = versions(folder)[:-keep]
    for path in [path for path in folder.iterdir() if _number(path) in oldest]:
        # Under a name that servers pass over first, so that none finds a part of a version.
        part = folder / f".removed-{os.getpid()}-{path.name}"
        os.rename(path, part)
        atomic.remove(part)


def _number(path):
    name = path.name
    return int(name) if path.is_dir() and name.isascii() and name.isdigit() else None
