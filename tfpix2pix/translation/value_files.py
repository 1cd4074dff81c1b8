"""Values of controls as text and in files, of which each image may have one of its own."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, Optional

import numpy as np

from tfpix2pix.data import arrays, codecs, stems
from tfpix2pix.data.attributes import ROW, named_row
from tfpix2pix.data.folders import by_name
from tfpix2pix.data.images import resize
from tfpix2pix.errors import InputError
from tfpix2pix.inference import Control
from tfpix2pix.inference.points import point_rows, scaled_points
from tfpix2pix.inference.translation import has_open_sides
from tfpix2pix.translation.strokes import stroke_points

PHOTOS = (".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")  # Of controls that are images alone.
SUFFIXES = (".png", ".npy", ".json", *PHOTOS)
MOST_NAMED = 5  # Of the files that are missing.


class ValueFolder(NamedTuple):
    """A folder with a file of a control's value for each image, of its name or stem.

    Attributes:
        control: `tfpix2pix.inference.Control`.
        folder: `pathlib.Path`; of a file, which all images have then.

    Example:
        >>> from tfpix2pix.inference import SEED
        >>> ValueFolder(SEED, Path("no-such-folder")).files(["1"])
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: Each image must have one file with a value of the control ...
    """

    control: Control
    folder: Path

    def files(self, names: Iterable[str]) -> dict[str, Path]:
        """Finds the files of images.

        Args:
            names: Relative paths of the images without suffix, such as `"train/1"`.

        Returns:
            Dict of names to paths.

        Raises:
            ValueError: If files are missing, or two have one name; names them.
        """
        if self.folder.is_file():
            return dict.fromkeys(names, self.folder)
        names = list(names)
        found = {}
        for name in names:
            path = self.folder / name
            files = [path.with_name(path.name + suffix) for suffix in SUFFIXES]
            found[name] = [file for file in files if file.is_file()]
        if not any(found.values()):
            found = self._by_stem(names)
        faults = [
            f"{' and '.join(file.name for file in files) or 'none'} for {name}"
            for name, files in found.items()
            if len(files) != 1
        ]
        if faults:
            more = f" and {len(faults) - MOST_NAMED} more" if len(faults) > MOST_NAMED else ""
            raise InputError(
                f"Each image must have one file with a value of the control {self.control.name!r}, "
                f"of its name or stem and with {', '.join(SUFFIXES)}. Received: in "
                f"{str(self.folder)!r} {', '.join(faults[:MOST_NAMED])}{more}. Add or remove files."
            )
        return {name: file for name, (file,) in found.items()}

    def _by_stem(self, names):
        """Returns the files of images by what their names share, such as `sea_7_instances`."""
        named = {name: self.folder / name for name in names}
        folders = sorted({path.parent for path in named.values()})
        files = [file for folder in folders for file in sorted(folder.glob("*"))]
        files = [file for file in files if file.suffix in SUFFIXES]
        examples, _ = stems.matched([named, by_name(self.folder, files)])
        partners = {path: [file] for path, file in examples.values()}
        return {name: partners.get(path, []) for name, path in named.items()}


def read_value(file: Path, control: Control, size: Optional[tuple[int, int]] = None) -> Any:
    """Reads the value of a control from a file.

    Args:
        file: PNG of a map, NPY or JSON; of a control that is an image, also a photo such as JPEG.
            Pixels are integers as they are, and floats from black to white in the control's range;
            colours of a palette in `about` are classes. Of points a PNG of strokes. Of attributes
            also a table, `:` and the name of an image, which the translation is to be like.
        control: `tfpix2pix.inference.Control`.
        size: `(height, width)` of the image that it is for, which strokes must have.

    Returns:
        Array, number or nested lists.

    Raises:
        ValueError: If it cannot be read.

    Example:
        >>> import tensorflow as tf
        >>> codecs.write(np.array([[[0], [255]]], "uint8"), Path("strength.png"))
        >>> control = Control("strength", tf.TensorSpec((None, None, 1)), about={"range": [0, 1]})
        >>> read_value(Path("strength.png"), control).tolist()
        [[[0.0], [1.0]]]
    """
    if control.about.get("kind") == "attributes" and ROW in str(file):
        return named_row(file)
    try:
        encoded = file.read_bytes()
        if file.suffix.lower() == ".json":
            return json.loads(encoded)
        if file.suffix.lower() == ".npy":
            value = arrays.load_npy(encoded)
            has_no_channels = value.ndim == 2 and len(control.spec.shape) == 3
            return value[..., np.newaxis] if has_no_channels else value
        if file.suffix.lower() in PHOTOS and control.about.get("kind") != "image":
            raise ValueError("it may have lost what a map's numbers are")
        pixels = codecs.decode(encoded).pixels
        if control.about.get("kind") == "points":
            return stroke_points(pixels, size, control.about["most"])
        return pixel_values(pixels, control)
    except (OSError, ValueError) as error:
        raise InputError(
            f"The value of a control must be a PNG, NPY or JSON file. Received: {str(file)!r} for "
            f"{control.name!r}: {str(error).rstrip('.')}. Replace it."
        ) from error


def pixel_values(pixels: np.ndarray, control: Control) -> np.ndarray:
    """Returns the map that pixels stand for.

    Args:
        pixels: uint8 or uint16 `[height, width, channels]`.
        control: `tfpix2pix.inference.Control`.

    Returns:
        `[height, width, channels]`: where `about` has a palette and the pixels its colours, the
        number of the class, or as many channels as classes, of which one is 1; of other integers
        the pixels, and of floats the pixels from black to white in the control's range.

    Raises:
        ValueError: If a colour is none of the palette.

    Example:
        >>> import tensorflow as tf
        >>> about = {"palette": {"sky": [0, 0, 255], "sea": [0, 255, 0]}}
        >>> classes = Control("classes", tf.TensorSpec((None, None, 1), "int32"), about=about)
        >>> pixel_values(np.array([[[0, 255, 0], [0, 0, 255]]], "uint8"), classes).tolist()
        [[[1], [0]]]
    """
    channels = control.spec.shape[-1] if control.spec.shape.rank else None
    palette = control.about.get("palette", {})
    if palette and pixels.shape[-1] == 3 != channels:
        matches = np.stack([(pixels == color).all(-1) for color in palette.values()], axis=-1)
        if not matches.any(-1).all():
            color = pixels[~matches.any(-1)][0].tolist()
            raise InputError(
                f"Colours must be those of {', '.join(palette)}. Received: {color}. Correct them."
            )
        return matches * 1 if channels == len(palette) else matches.argmax(-1)[..., np.newaxis]
    if not control.spec.dtype.is_floating:
        return pixels
    low, high = control.about.get("range", (-1.0, 1.0))
    return low + pixels / np.iinfo(pixels.dtype).max * (high - low)


def scaled_value(
    value: Any, control: Control, sides: tuple[int, int], longer_side: int, kernel: str
) -> Any:
    """Returns the value of a control for its image resized.

    Args:
        value: As read.
        control: `tfpix2pix.inference.Control`.
        sides: `(height, width)` of the image before.
        longer_side: Pixels of its longer side then.
        kernel: Of controls that are images, see `tfpix2pix.data.images.resize`.

    Returns:
        Points at the same places, a map as high and wide as the image resized, and others as they
        are.

    Example:
        >>> import tensorflow as tf
        >>> hints = Control("hints", tf.TensorSpec((None, 6)), about={"kind": "points"})
        >>> points = [(10, 20, (255, 0, 0), 3.5)]
        >>> scaled_value(points, hints, (60, 80), 40, "bilinear").tolist()
        [[4.75, 9.75, 255.0, 0.0, 0.0, 1.5]]
    """
    kind = control.about.get("kind")
    if kind == "points":
        return scaled_points(point_rows(value), longer_side / max(sides))
    array = np.asarray(value)
    if has_open_sides(control.spec.shape) and array.shape[:-1] == sides:
        return scaled(array, longer_side, kernel if kind == "image" else "nearest")
    return value


def scaled(pixels: np.ndarray, longer_side: int, kernel: str) -> np.ndarray:
    """Returns an image of the same proportions.

    Args:
        pixels: `[height, width, channels]`.
        longer_side: Pixels of the longer side.
        kernel: See `tfpix2pix.data.images.resize`.

    Returns:
        `[height, width, channels]`, of one pixel at least.

    Example:
        >>> scaled(np.zeros((8, 4, 3), "uint8"), 4, "bilinear").shape
        (4, 2, 3)
    """
    height, width = pixels.shape[:2]
    factor = longer_side / max(height, width)
    size = [max(1, round(side * factor)) for side in (height, width)]
    return resize(pixels, size, kernel).numpy()


def named_values(texts: Iterable[str]) -> dict[str, Any]:
    """Reads values of controls as text.

    Args:
        texts: Iterable of str, a name, `=`, and a value as JSON or `@` and a path, each.

    Returns:
        Dict of names to values and paths.

    Raises:
        ValueError: If a text is none of these.

    Example:
        >>> named_values(["style=[0.5, 1]", "season=2", "hints=@hints"])
        {'style': [0.5, 1], 'season': 2, 'hints': PosixPath('hints')}
    """
    values = {}
    for text in texts:
        name, separator, value = text.partition("=")
        try:
            is_path = value.startswith("@")
            values[name] = Path(value[1:]).expanduser() if is_path else json.loads(value)
        except ValueError:
            separator = ""
        if not (name and separator):
            raise InputError(
                "The value of a control must be NAME=JSON, such as style=[0.5,1], or NAME=@FOLDER "
                f"with a file for each image. Received: {text!r}. Write text in double quotes."
            )
    return values
