"""Detectors: models that draw the edges of photos, and drawings that are kept on disk."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, Optional, Union

import numpy as np
import platformdirs
import tensorflow as tf

from tfpix2pix.data import codecs, formats, images
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.parallel import Progress, map_in_parallel, silent
from tfpix2pix.data.sources import Examples
from tfpix2pix.errors import InputError
from tfpix2pix.export import read_card
from tfpix2pix.export.publication import newest_version
from tfpix2pix.translation.translators import (
    Translator,
    direction_translator,
    export_translator,
)

DRAWINGS = "drawings"  # Folder in the user's cache folder.
CHUNK = 2**24  # Bytes that are hashed at once.


@dataclass(frozen=True)
class Detector:
    """A model that draws the edges of photos.

    Attributes:
        name: Where it is, for errors.
        sha256: Hash of its weights.
        opened: Function to its `tfpix2pix.translation.Translator`; called when it first draws.
        side: Shorter side in pixels of the photos that it was trained on; `None` for any.

    Example:
        >>> grey = PixelFormat(1, "uint8", (0.0, 255.0))
        >>> negative = Translator(lambda pixels: [255 - pixels], grey, grey)
        >>> int(Detector("negative", "", lambda: negative).draw(np.zeros((2, 4, 1), "uint8")).max())
        255
    """

    name: str
    sha256: str
    opened: Callable[[], Translator]
    side: Optional[int] = None

    @cached_property
    def translator(self) -> Translator:
        """Its `tfpix2pix.translation.Translator`."""
        return self.opened()

    def draw(self, photo: np.ndarray) -> np.ndarray:
        """Draws a photo at the size of the model's training, and enlarges the drawing again.

        Args:
            photo: uint8, uint16 or float32 `[height, width, channels]`.

        Returns:
            uint8 or uint16 `[height, width, 1 or 3]`.

        Raises:
            ValueError: If the photo does not fit the model, or it draws neither grey nor RGB.
        """
        source = self.translator.source
        has_known_source = None not in source[:2]
        kind = (photo.shape[-1], str(photo.dtype))
        if has_known_source and not formats.convertible(*kind, *source[:2]):
            raise InputError(
                "The model that draws edges must take the pixels of the photos. Received: photos "
                f"of {kind[0]} channels of {kind[1]} for {self.name!r}, which takes "
                f"{source.channels} channels of {source.dtype}. Use a model that was trained on "
                "such photos."
            )
        size = photo.shape[:2]
        if self.side:
            scale = self.side / min(size)
            photo = images.resize(photo, [max(round(scale * side), 1) for side in size]).numpy()
        (drawing,) = self.translator.translate(photo)
        if drawing.shape[-1] not in (1, 3) or drawing.dtype not in ("uint8", "uint16"):
            raise InputError(
                "The model that draws edges must draw grey or RGB of 8 or 16 bits. Received: "
                f"{self.name!r}, which gives {drawing.shape[-1]} channels of {drawing.dtype}. Use "
                "a model from photos to edges."
            )
        return images.resize(drawing, size).numpy()


def run_detector(run: Any) -> Detector:
    """Returns the detector of a run: its first direction, by its newest checkpoint.

    Args:
        run: `tfpix2pix.runs.Run`.

    Returns:
        `Detector`.

    Raises:
        ValueError: If it has no checkpoint.

    Example:
        >>> from tfpix2pix import load_run
        >>> run_detector(load_run("no-such-run"))
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A run is a folder with a config.yaml, ...
    """
    checkpoint = Path(run.checkpoint)
    return Detector(
        str(run.folder),
        _sha256(checkpoint.parent.glob(f"{checkpoint.name}.*")),
        lambda: direction_translator(run.direction()[1]),
        _side(run.config.data.preprocess, run.image_size),
    )


def export_detector(folder: Union[str, Path]) -> Detector:
    """Returns the detector of an export: its first direction, of the newest version.

    Args:
        folder: As of `tfpix2pix.translation.export_translator`.

    Returns:
        `Detector`.

    Raises:
        ValueError: If it is no export.

    Example:
        >>> from tfpix2pix.export import export
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), 1, depth=2, base_filters=4)
        >>> version, _ = export(generator, "exports/edges")
        >>> export_detector("exports/edges").draw(np.zeros((5, 7, 3), "uint8")).shape
        (5, 7, 1)
    """
    try:
        version = newest_version(folder)
    except InputError as error:
        raise InputError(
            "A model that draws edges is the folder of a run or of an export. Received: "
            f"{str(folder)!r}, which is neither. Check the spelling; of a file such as edges.onnx, "
            "name the run or the export that it was made of."
        ) from error
    card = read_card(version) or {}
    preprocess = ((card.get("config") or {}).get("data") or {}).get("preprocess")
    weights = [version / "saved_model.pb", *(version / "variables").glob("*")]
    return Detector(
        str(folder),
        _sha256(weights),
        lambda: export_translator(version),
        _side(preprocess, card.get("image_size")),
    )


def with_drawings(
    examples: Examples, detector: Detector, *, progress: Progress = silent
) -> Examples:
    """Puts a drawing of its edges before each photo.

    A drawing is made once for each content of a photo and each detector, and kept in the user's
    cache folder.

    Args:
        examples: `tfpix2pix.data.sources.Examples` of one photo each.
        detector: `Detector`.
        progress: See `tfpix2pix.data.survey.examine_images`; called only if something is drawn.

    Returns:
        `tfpix2pix.data.sources.Examples` of a drawing and its photo.

    Raises:
        ValueError: If the photos do not fit the detector, or the cache cannot be written.

    Example:
        >>> from tfpix2pix.data import sources
        >>> codecs.write(np.zeros((4, 8, 1), "uint8"), "nights/1.png")
        >>> grey = PixelFormat(1, "uint8", (0.0, 255.0))
        >>> negative = Translator(lambda pixels: [255 - pixels], grey, grey)
        >>> detector = Detector("negative", "0", lambda: negative)
        >>> drawn = with_drawings(sources.photos("nights"), detector)
        >>> [int(image[0, 0, 0]) for image in drawn.read(tf.constant(0, tf.int64))]
        [255, 0]
    """
    folder = platformdirs.user_cache_path("tfpix2pix") / DRAWINGS / detector.sha256

    def photo(index):
        return examples.read(tf.constant(index, tf.int64))[0].numpy()

    def location(index):
        pixels = photo(index)
        content = f"{pixels.shape} {pixels.dtype} ".encode() + pixels.tobytes()
        return folder / f"{hashlib.sha256(content).hexdigest()}.png"

    files = list(map_in_parallel(location, list(range(len(examples.names)))))
    missing = {file: index for index, file in enumerate(files) if not file.is_file()}
    for file, index in progress(missing.items(), len(missing)) if missing else ():
        drawing = detector.draw(photo(index))
        try:
            codecs.write(drawing, file)
        except OSError as error:
            raise InputError(
                "Drawings are kept in the user's cache folder, which must be writable. Received: "
                f"{file.parent} ({error.strerror}). Make room, or set XDG_CACHE_HOME to a folder "
                "that is."
            ) from error
    drawn = codecs.read(files[0])
    kind = PixelFormat(drawn.shape[-1], str(drawn.dtype), formats.full_range(drawn.dtype))
    paths = tf.constant([str(file) for file in files])

    def read(index):
        drawing = images.decode(tf.io.read_file(tf.gather(paths, index)), *kind[:2])
        return (drawing, *examples.read(index))

    return examples._replace(
        read=read,
        formats=(kind, *examples.formats),
        sizes=np.repeat(examples.sizes, 2, axis=1),
    )


def check_unchanged(name: str, sha256: str, recorded: Optional[str]) -> None:
    """Refuses a detector whose weights are not those that a training started with.

    Args:
        name: Where it is.
        sha256: Hash of its weights.
        recorded: The hash that the training recorded, if it did.

    Raises:
        ValueError: If they differ.

    Example:
        >>> check_unchanged("runs/hed", "0123456789", "abcdefghij")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: The model that draws edges must stay the one that the ...
    """
    if recorded not in (None, sha256):
        raise InputError(
            "The model that draws edges must stay the one that the training started with. "
            f"Received: {name!r}, whose weights have the SHA-256 {sha256[:8]}..., not "
            f"{recorded[:8]}... Give the model of that time, or start another run."
        )


def _sha256(files: Iterable[Path]) -> str:
    """Returns the hash of the names and contents of files."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.name} {os.path.getsize(file)} ".encode())
        with file.open("rb") as content:
            while chunk := content.read(CHUNK):
                digest.update(chunk)
    return digest.hexdigest()


def _side(preprocess, image_size):
    """Returns the shorter side of whole photos in a training, where they were resized to one."""
    return min(image_size) if preprocess == "resize_and_crop" and image_size else None
