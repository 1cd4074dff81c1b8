"""Model cards: what a client must know of a served model, as JSON in its graph and its folder."""

import base64
import datetime
import hashlib
import io
import json
import platform
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Optional, Union

import numpy as np

from tfpix2pix import atomic
from tfpix2pix.data import codecs
from tfpix2pix.data.base_task import kind_of
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.errors import InputError
from tfpix2pix.export.directions import (
    ONLY,
    Served,
    chosen_direction,
    served_directions,
)
from tfpix2pix.export.drawings import PICTURE
from tfpix2pix.export.embeddings import embedding_entries, embedding_names
from tfpix2pix.inference import SEED, Direction, Embedding, embeddings_sha256
from tfpix2pix.lines import packages

FILE = "model_card.json"
# Every answer of the signature `model_card` holds the card, which lists the first direction's
# examples twice, for readers of formats 1 and 2. So it must stay small.
MOST_EXAMPLES = 6
MOST_BYTES = 150_000
_OF_FIRST = ("task", "source", "target", "size_multiple", "drawing", "examples")


def model_card(
    directions: Mapping[str, Direction],
    name: str,
    *,
    size: Optional[tuple[int, int]] = None,
    weights: str = "float32",
    embeddings: Mapping[str, Embedding] = MappingProxyType({}),
    drawings: Optional[Mapping[str, dict]] = None,
    examples: Optional[Mapping[str, list]] = None,
    config: Optional[dict] = None,
    step: Optional[int] = None,
    metrics: Optional[Mapping[str, float]] = None,
) -> dict[str, Any]:
    """Describes a served model.

    Args:
        directions: Dict of names to `tfpix2pix.inference.Direction`, the default one first.
        name: Name of the served model.
        size: `(height, width)` in pixels of the training images, if it is known.
        weights: What the variables are stored as.
        embeddings: Dict of names to `tfpix2pix.inference.Embedding`, the default one first.
        drawings: Dict of the names of directions to what their sources look like, see
            `tfpix2pix.export.drawing`.
        examples: Dict of the names of directions to lists of sources, pixels `[height, width,
            channels]` of the task's source format, each alone or with a dict of the names of
            controls to its values. The first 6 are kept, as far as all need at most 150 kB, where
            files can be served.
        config: `tfpix2pix.config.ExperimentConfig` as a dict, if a run is exported.
        step: Number of steps it was trained.
        metrics: Dict of name to the value at the last validation.

    Returns:
        Dict that `json.dumps` takes: `format`, 2; `name`; `created`; `image_size`; `weights`;
        `config`; `step`; `metrics`; `versions` of the packages; and `directions`, a list of dicts,
        the default one first, of `name`; `paired`; `task`, the name of its class; `source` and
        `target`, each with `channels`, `dtype` and `value_range`; `labels` of both, if they are
        label maps; `size_multiple`, of the sides that the network takes without padding;
        `drawing`; `examples`, PNG files in base64; `example_controls`, if there are any, dicts of
        the names of controls to values, NPY files in base64 of zlib; `signatures`, the names of
        those without a control, and of `controlled`, which takes all; and `controls`, dicts of
        `name`, `signature`, `dtype`, `shape` and `about`. With embeddings also `embeddings`, see
        `tfpix2pix.export.embeddings.embedding_entries`, and `embeddings_sha256`, by which an index
        is checked, see the function of that name in `tfpix2pix.inference`. For readers of format
        1, what describes the default direction stands beside `format` too.

    Example:
        >>> from tfpix2pix.export import named_directions
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> card = model_card(named_directions(generator), "tiny")
        >>> card["size_multiple"], card["directions"][0]["signatures"]["float"]
        (4, 'float')
    """
    entries = [
        _entry(
            direction_name,
            served,
            (drawings or {}).get(direction_name, PICTURE),
            (examples or {}).get(direction_name, ()),
        )
        for direction_name, served in served_directions(directions).items()
    ]
    vectors = {}
    if embeddings:
        vectors["embeddings"] = embedding_entries(embeddings, embedding_names(embeddings))
        vectors["embeddings_sha256"] = embeddings_sha256(embeddings)
    return {
        "format": 2,
        "name": name,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "image_size": size and list(size),
        "weights": weights,
        **{key: entries[0][key] for key in _OF_FIRST},
        "directions": entries,
        **vectors,
        "config": config or {},
        "step": step,
        "metrics": dict(metrics or {}),
        "versions": {"python": platform.python_version(), **packages()},
    }


def _entry(name, served: Served, drawing, examples):
    direction, signatures, as_files = served
    task = direction.task
    without_control = {
        "default": signatures.default,
        "float": signatures.float,
        "uint8": signatures.uint8,
        "controlled": signatures.controlled,
    }
    return {
        "name": name,
        "paired": direction.paired,
        "task": task.name,
        "source": task.source_format._asdict(),
        "target": task.target_format._asdict(),
        "labels": list(getattr(task, "labels", (None, None))),
        "size_multiple": direction.multiple,
        "drawing": drawing,
        **(_encoded(examples) if as_files else {"examples": []}),
        "signatures": {key: value for key, value in without_control.items() if value is not None},
        "controls": [
            {
                "name": control.name,
                "signature": signatures.controls[control.name],
                "dtype": control.spec.dtype.name,
                "shape": list(control.spec.shape),
                "about": dict(control.about),
            }
            for control in direction.controls
        ],
    }


def read_card(version: Union[str, Path]) -> Optional[dict[str, Any]]:
    """Reads the card of a version.

    Args:
        version: Folder of the SavedModel.

    Returns:
        Dict, see `model_card`, with `parity`, `files`, and of rounded weights `rounding`; `None`
        for a version without a card.

    Example:
        >>> read_card("no-such-version") is None
        True
    """
    path = Path(version) / FILE
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def directions_of(card: Mapping[str, Any], signatures=()) -> dict[str, dict[str, Any]]:
    """Returns what a card says of each direction; a card of format 1 describes one, `translate`.

    Args:
        card: See `model_card`.
        signatures: Names of the signatures that the model has; a card of format 1 does not say
            whether there are samples.

    Returns:
        Dict of the names of directions to their part of the card, the default one first.

    Example:
        >>> pixels = {"channels": 3, "dtype": "uint8", "value_range": [0, 255]}
        >>> card = {"format": 1, "task": "pairs", "source": pixels, "target": pixels, "config": {}}
        >>> directions_of(card, ["sampled"])["translate"]["controls"][0]["signature"]
        'sampled'
    """
    if "directions" in card:
        return {entry["name"]: entry for entry in card["directions"]}
    names = {"default": "serving_default", "float": "float", "uint8": "uint8"}
    if {card["source"]["dtype"], card["target"]["dtype"]} != {"uint8"}:
        del names["uint8"]
    seed = {
        "name": SEED.name,
        "signature": "sampled",
        "dtype": SEED.spec.dtype.name,
        "shape": [],
        "about": dict(SEED.about),
    }
    data = card["config"].get("data", {})
    entry = {
        "name": ONLY,
        "paired": True,
        **{key: card[key] for key in _OF_FIRST if key in card},
        "labels": [data.get("source_labels"), data.get("target_labels")],
        "signatures": names,
        "controls": [seed] if "sampled" in signatures else [],
    }
    return {ONLY: entry}


def task_of(card: Mapping[str, Any], direction: Optional[str] = None):
    """Returns the task that a direction of a model was exported with.

    Args:
        card: See `model_card`.
        direction: Name of the direction; by default the first.

    Returns:
        `tfpix2pix.data.tasks.Pairs`, or another.

    Raises:
        ValueError: If there is no such direction.

    Example:
        >>> pixels = {"channels": 3, "dtype": "uint8", "value_range": [0, 255]}
        >>> card = {"task": "inpainting", "source": pixels, "target": pixels, "config": {}}
        >>> task_of(card).channels
        (3, 3)
    """
    entries = directions_of(card)
    entry = entries[chosen_direction(entries, direction)]
    formats = tuple(
        PixelFormat(place["channels"], place["dtype"], tuple(place["value_range"]))
        for place in (entry["source"], entry["target"])
    )
    kind = kind_of(entry["task"])
    return kind.of(formats[1:] if kind.of_photos else formats, tuple(entry["labels"]))


def seal(version: Union[str, Path], card: Mapping[str, Any]) -> None:
    """Writes the card of a version, with the SHA-256 of every other file.

    Args:
        version: Folder of the SavedModel.
        card: See `model_card`.

    Example:
        >>> atomic.write_bytes(b"graph", "sealed/saved_model.pb")
        >>> seal("sealed", {"format": 1})
        >>> verify("sealed")
        1
    """
    content = json.dumps({**card, "files": _hashes(version)}, indent=1)
    atomic.write_bytes(content.encode(), Path(version) / FILE)


def verify(version: Union[str, Path]) -> int:
    """Checks that the files of a version are those that were published.

    Args:
        version: Folder of the SavedModel.

    Returns:
        int: how many files the card lists.

    Raises:
        ValueError: If there is no card, or files are missing, changed or added; names them.

    Example:
        >>> verify("no-such-version")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A version must have a model_card.json. Received: ...
    """
    card = read_card(version)
    if card is None:
        raise InputError(
            f"A version must have a {FILE}. Received: {str(version)!r}, which has none. Check the "
            "spelling, or export the run again."
        )
    published = card["files"]
    present = _hashes(version)
    faults = []
    for path in sorted({*published, *present}):
        if path not in present:
            faults.append(f"{path} is missing")
        elif path not in published:
            faults.append(f"{path} is new")
        elif published[path] != present[path]:
            faults.append(f"{path} is changed")
    if faults:
        raise InputError(
            f"The files of a version must be those that were published. Received: {version}, where "
            f"{', '.join(faults)}. Copy the version anew, or export the run again."
        )
    return len(published)


def _hashes(version):
    version = Path(version)
    return {
        path.relative_to(version).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(version.rglob("*"))
        if path.is_file() and path != version / FILE
    }


def with_values(example) -> tuple[np.ndarray, dict[str, Any]]:
    """Returns the pixels of an example, and the values of its controls.

    Args:
        example: Pixels `[height, width, channels]`, alone or with a dict of names to values.

    Example:
        >>> with_values(np.zeros((1, 2, 3), "uint8"))[1]
        {}
    """
    return example if isinstance(example, tuple) else (example, {})


def _encoded(examples):
    files = []
    controls = []
    total = 0
    for pixels, values in map(with_values, examples[:MOST_EXAMPLES]):
        encoded = base64.b64encode(codecs.encode(pixels, ".png")).decode()
        packed = {name: _packed(value) for name, value in values.items()}
        total += len(encoded) + sum(map(len, packed.values()))
        if total > MOST_BYTES:
            break
        files.append(encoded)
        controls.append(packed)
    return {"examples": files, **({"example_controls": controls} if any(controls) else {})}


def _packed(value):
    file = io.BytesIO()
    np.save(file, np.asarray(value))
    return base64.b64encode(zlib.compress(file.getvalue(), 9)).decode()
