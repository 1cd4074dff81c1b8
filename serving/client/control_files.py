"""Values of controls as text and in files, of which each image may have one of its own.

`tfpix2pix/translation/value_files.py` is the truth; this is the same without NumPy and TensorFlow.
"""

import ast
import base64
import io
import json
import math
import re
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Optional

from PIL import Image

from serving.client import decoding
from serving.client.attribute_rows import KIND, ROW, named_row
from serving.client.failures import BadArgument, BadImage, Code
from serving.client.hint_rows import stroke_points

PHOTOS = (".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")  # Of controls that are images alone.
SUFFIXES = (".png", ".npy", ".json", *PHOTOS)
_PARTS = re.compile(r"[_\-. ]")  # Begin another part of a name.
MOST_NAMED = 5  # Of the files that are missing.
# NPY's name of a type -> that of `memoryview`.
NUMBERS = {"f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q"}
NUMBERS |= {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "b1": "?"}


def control_values(texts: list[str]) -> dict:
    """Reads values of controls as text.

    Args:
        texts: List of str, a name, `=`, and a value as JSON or `@` and a path, each.

    Returns:
        Dict of names to values and paths.

    Raises:
        BadArgument: If a text is none of these.

    Example:
        >>> control_values(["style=[0.5, 1]", "season=2", "hints=@hints"])
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
            raise BadArgument(
                "--control must be NAME=JSON, such as style=[0.5,1], or NAME=@FOLDER with a file "
                f"for each image. Received: {text!r}. Write text in double quotes."
            )
    return values


def files_by_name(control: str, folder: Path, names: Iterable[str]) -> dict[str, Path]:
    """Finds the files with the values of a control for images.

    Args:
        control: Name of the control.
        folder: Path of a folder; or of a file or of a table's row, which all images have then.
        names: Relative paths of the images without suffix, such as `"train/1"`.

    Returns:
        Dict of names to paths.

    Raises:
        BadArgument: If files are missing, or two have one name; names them.
    """
    if folder.is_file() or ROW in str(folder):
        return dict.fromkeys(names, folder)
    names = list(names)
    found = {}
    for name in names:
        path = folder / name
        files = [path.with_name(path.name + suffix) for suffix in SUFFIXES]
        found[name] = [file for file in files if file.is_file()]
    if not any(found.values()):
        found = _files_by_stem(folder, names)
    faults = [
        f"{' and '.join(file.name for file in files) or 'none'} for {name}"
        for name, files in found.items()
        if len(files) != 1
    ]
    if faults:
        more = f" and {len(faults) - MOST_NAMED} more" if len(faults) > MOST_NAMED else ""
        raise BadArgument(
            f"Each image must have one file with a value of the control {control!r}, of its name "
            f"or stem and with {', '.join(SUFFIXES)}. Received: in {str(folder)!r} "
            f"{', '.join(faults[:MOST_NAMED])}{more}. Add or remove files."
        )
    return {name: file for name, (file,) in found.items()}


def _files_by_stem(folder, names):
    """Returns the files of images by what their names share, as `tfpix2pix/data/stems.py` does."""
    ours, theirs = defaultdict(list), defaultdict(list)
    for name in names:
        for stem in _stems(name):
            ours[stem].append(name)
    for parent in {(folder / name).parent for name in names}:
        for file in sorted(parent.glob("*")):
            if file.suffix in SUFFIXES:
                for stem in _stems(file.relative_to(folder).with_suffix("").as_posix()):
                    theirs[stem].append(file)
    shared = {name: next((s for s in _stems(name) if s in theirs), None) for name in names}
    return {name: theirs[stem] if len(ours[stem]) == 1 else [] for name, stem in shared.items()}


def _stems(name):
    """Yields a name, and what is before each of its parts but the first, the longest first."""
    yield name
    end = len(name)
    for part in reversed(list(_PARTS.finditer(name, name.rfind("/") + 2))):
        if name[part.end() : end].isdigit():
            return
        end = part.start()
        yield name[:end]


def read_value(
    file: Path, control: Mapping[str, Any], size: Optional[tuple[int, int]] = None
) -> Any:
    """Reads the value of a control from a file.

    Args:
        file: PNG of a map, NPY or JSON; of a control that is an image, also a photo such as JPEG.
            Pixels are integers as they are, and floats from black to white in the control's range;
            colours of a palette in `about` are classes. Of points a PNG of strokes. Of attributes
            also a table, `:` and the name of an image, which the translation is to be like.
        control: What the card says of the control: dict of `name`, `dtype`, `shape`, `about`.
        size: `(height, width)` of the image that it is for, which strokes must have.

    Returns:
        Number, str or nested lists.

    Raises:
        BadImage: If it cannot be read.
    """
    if control["about"].get("kind") == KIND and ROW in str(file):
        return named_row(file, control["about"]["columns"])
    try:
        encoded = file.read_bytes()
        if file.suffix.lower() == ".json":
            return json.loads(encoded)
        if file.suffix.lower() == ".npy":
            return _array(encoded, control)
        is_photo = file.suffix.lower() in PHOTOS
        if is_photo and control["about"].get("kind") != "image":
            raise ValueError("it may have lost what a map's numbers are")
        with Image.open(io.BytesIO(encoded), formats=None if is_photo else ["PNG"]) as image:
            if image.format == "PNG" and encoded[24] > 8 and encoded[25] != 0:
                # Pillow would reduce them to 8.
                raise ValueError("it has more than 8 bits of colour, which NPY files can hold")
            upright = decoding.decoded(image, encoded)
            if control["about"].get("kind") == "points":
                return stroke_points(upright, size, control["about"]["most"])
            return image_value(upright, control)
    except (OSError, SyntaxError, ValueError, BadImage, Image.DecompressionBombError) as error:
        raise BadImage(
            f"The control {control['name']} must be in a PNG, NPY or JSON file.",
            Code.INVALID_ARGUMENT,
            f"{file}: {error}",
            "Replace the file.",
        ) from error


def example_values(direction: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Reads the values of controls that the examples of a model card have.

    Args:
        direction: What the card says of a direction.

    Returns:
        List of a dict of the names of controls to values for each example.

    Example:
        >>> example_values({"examples": ["..."], "controls": []})
        [{}]
    """
    known = {control["name"]: control for control in direction["controls"]}
    packed = direction.get("example_controls", [{} for _ in direction["examples"]])
    return [
        {
            name: _array(zlib.decompress(base64.b64decode(value)), known[name])
            for name, value in one.items()
        }
        for one in packed
    ]


def image_value(image: Image.Image, control: Mapping[str, Any]) -> list:
    """Returns the map that an image stands for.

    Args:
        image: `PIL.Image.Image` of 8 bits, or grey of 16.
        control: As of `read_value`.

    Returns:
        Nested lists `[height][width][channels]`, see `read_value`.

    Raises:
        ValueError: If a colour is none of the palette.

    Example:
        >>> about = {"palette": {"sky": [0, 0, 255], "sea": [0, 255, 0]}}
        >>> control = {"name": "x", "dtype": "int32", "shape": [None, None, 1], "about": about}
        >>> image_value(Image.new("RGB", (2, 1), (0, 255, 0)), control)
        [[[1], [1]]]
    """
    channels = control["shape"][-1] if control["shape"] else None
    palette = [tuple(color) for color in control["about"].get("palette", {}).values()]
    if palette and image.mode == "RGB" and channels != 3:
        return _classes(image, palette, channels, control)
    if image.mode.startswith("I"):
        image = image.convert("I")
    values = memoryview(image.tobytes()).cast("i" if image.mode == "I" else "B").tolist()
    if control["dtype"].startswith("float"):
        low, high = control["about"].get("range", (-1.0, 1.0))
        most = 65535 if image.mode == "I" else 255
        values = [low + value / most * (high - low) for value in values]
    return _nested(values, (image.height, image.width, len(image.getbands())))


def _classes(image, palette, channels, control):
    numbers = {color: number for number, color in enumerate(palette)}
    pixels = image.tobytes()
    try:
        classes = [numbers[color] for color in zip(pixels[::3], pixels[1::3], pixels[2::3])]
    except KeyError as error:
        names = ", ".join(control["about"]["palette"])
        raise ValueError(
            f"Colours must be those of {names}. Received: {list(error.args[0])}. Correct them."
        ) from None
    if channels != len(palette):
        return _nested(classes, (image.height, image.width, 1))
    rows = [[int(index == number) for index in range(channels)] for number in classes]
    return _nested(list(chain.from_iterable(rows)), (image.height, image.width, channels))


def _array(encoded, control):
    """Reads an NPY file: its header is a Python dict (numpy.lib.format)."""
    if not encoded.startswith(b"\x93NUMPY"):
        raise ValueError("it is no NPY file")
    size = 2 if encoded[6] == 1 else 4
    start = 8 + size + int.from_bytes(encoded[8 : 8 + size], "little")
    header = ast.literal_eval(encoded[8 + size : start].decode("latin-1"))
    order, kind = header["descr"][0], header["descr"][1:]
    native = {"little": "<", "big": ">"}[sys.byteorder]
    if header["fortran_order"] or order not in ("|", "=", native) or kind not in NUMBERS:
        raise ValueError(f"its numbers are {header['descr']}, in another order of axes or bytes")
    values = memoryview(encoded)[start:].cast(NUMBERS[kind]).tolist()
    shape = header["shape"]
    if len(values) != math.prod(shape):
        raise ValueError("it is cut off")
    has_no_channels = len(shape) == 2 and len(control["shape"]) == 3
    return _nested(values, (*shape, 1) if has_no_channels else shape)


def _nested(values, shape):
    """Returns nested lists of a shape; of none the one value."""
    for side in reversed(shape[1:]):
        values = [values[start : start + side] for start in range(0, len(values), side)]
    return values if shape else values[0]
