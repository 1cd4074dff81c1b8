"""Model cards: what a client must know of a served model, as JSON in its graph and its folder."""

import base64
import datetime
import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path

from tfpix2pix import __version__, atomic, inference
from tfpix2pix.data import codecs, tasks
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.errors import InputError
from tfpix2pix.export.drawings import PICTURE
from tfpix2pix.export.signatures import served_as_files

FILE = "model_card.json"
MOST_EXAMPLES, MOST_BYTES = 6, 300_000  # All examples are in each answer of the signature.


def model_card(
    generator,
    task,
    name,
    *,
    size=None,
    drawing=PICTURE,
    examples=(),
    config=None,
    step=None,
    metrics=None,
):
    """Describes a served model.

    Args:
        generator: `keras.Model` with open sides.
        task: `tfpix2pix.data.tasks.Pairs` or another, as it is exported with.
        name: Name of the served model.
        size: `(height, width)` in pixels of the training images, if it is known.
        drawing: What sources look like, as `tfpix2pix.export.drawing` tells.
        examples: List of sources, pixels `[height, width, channels]` of the task's source kind. The
            first 6 are kept, as far as all need at most 300 kB, where files can be served.
        config: `tfpix2pix.config.ExperimentConfig` as a dict, if a run is exported.
        step: Number of steps it was trained.
        metrics: Dict of name to the value at the last validation.

    Returns:
        Dict that `json.dumps` takes: `format`, 1; `name`; `created`; `task`, one of
        `tfpix2pix.data.tasks.TASKS`; `source` and `target`, each with `channels`, `dtype` and
        `value_range`; `image_size`; `size_multiple`, of the sides that the network takes without
        padding; `drawing`; `examples`, PNG files in base64; `config`; `step`; `metrics`; and
        `versions` of the packages.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> task = tasks.Pairs((PixelFormat(3, "uint8", (0.0, 255.0)),) * 2)
        >>> card = model_card(generator, task, "tiny")
        >>> card["size_multiple"], card["source"]["dtype"]
        (4, 'uint8')
    """
    task_name = next((of for of, kind in tasks.OF_PHOTOS.items() if type(task) is kind), "pairs")
    versions = {of: metadata.version(of) for of in ("tensorflow", "keras", "numpy")}
    return {
        "format": 1,
        "name": name,
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "task": task_name,
        "source": task.source_format._asdict(),
        "target": task.target_format._asdict(),
        "image_size": size and list(size),
        "size_multiple": inference.size_multiple(generator),
        "drawing": drawing,
        "examples": _encoded(examples) if served_as_files(task) else [],
        "config": config or {},
        "step": step,
        "metrics": metrics or {},
        "versions": {"python": platform.python_version(), "tfpix2pix": __version__, **versions},
    }


def read_card(version):
    """Reads the card of a version.

    Args:
        version: Folder of the SavedModel.

    Returns:
        Dict, see `model_card`, with `parity` and `files`; `None` for a version without a card.

    Example:
        >>> read_card("no-such-version") is None
        True
    """
    path = Path(version) / FILE
    return json.loads(path.read_text("utf-8")) if path.is_file() else None


def task_of(card):
    """Returns the task that a model was exported with.

    Args:
        card: See `model_card`.

    Returns:
        `tfpix2pix.data.tasks.Pairs`, or another.

    Example:
        >>> kind = {"channels": 3, "dtype": "uint8", "value_range": [0, 255]}
        >>> task_of({"task": "inpainting", "source": kind, "target": kind, "config": {}}).channels
        (3, 3)
    """
    source, target = (
        PixelFormat(of["channels"], of["dtype"], tuple(of["value_range"]))
        for of in (card["source"], card["target"])
    )
    formats = (source, target) if card["task"] == "pairs" else (target,)
    options = card["config"].get("data", {})
    labels = tuple(options.get(f"{place}_labels") for place in ("source", "target"))
    return tasks.task(card["task"], formats, labels)


def seal(version, card):
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


def verify(version):
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
    listed, found = card["files"], _hashes(version)
    faults = [
        f"{path} is {'missing' if path not in found else 'new'}"
        if path not in listed or path not in found
        else f"{path} is changed"
        for path in sorted({*listed, *found})
        if listed.get(path) != found.get(path)
    ]
    if faults:
        raise InputError(
            f"The files of a version must be those that were published. Received: {version}, where "
            f"{', '.join(faults)}. Copy the version anew, or export the run again."
        )
    return len(listed)


def _hashes(version):
    version = Path(version)
    return {
        path.relative_to(version).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(version.rglob("*"))
        if path.is_file() and path != version / FILE
    }


def _encoded(examples):
    files, total = [], 0
    for pixels in examples[:MOST_EXAMPLES]:
        encoded = base64.b64encode(codecs.encode(pixels, ".png")).decode()
        total += len(encoded)
        if total > MOST_BYTES:
            break
        files.append(encoded)
    return files
