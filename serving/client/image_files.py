"""The client's files: what is sent for each, and where its result goes."""

import io
import os
from collections import Counter
from pathlib import Path
from typing import Optional, Union

from PIL import Image

from serving.client import decoding
from serving.client.failures import BadArgument, BadImage, Code

SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".jpe", ".bmp", ".gif", ".tif", ".tiff", ".webp")
SUFFIXES += (".pgm", ".ppm")
LEFTOVERS = ("__MACOSX",)  # Of archives that macOS made.


def read_image(path: Union[str, Path], half: Optional[str] = None):
    """Reads what is sent for a file.

    Args:
        path: Path of an image file.
        half: `"left"` or `"right"` for that half of a side-by-side file; by default all of it.

    Returns:
        bytes of an image file: those of `path`, or a PNG of the half; a `BadImage` if the file is
        not to be read, or if a half would lose bits.
    """
    try:
        encoded = Path(path).read_bytes()
        return encoded if half is None else _half(decoding.sendable(encoded), half)
    except BadImage as error:
        return error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return BadImage("The image must be readable.", Code.INVALID_ARGUMENT, str(error))


def results(images, to: Path):
    """Finds the image files to send, and names the files to write.

    Args:
        images: Paths of files, and of folders of files.
        to: Folder for the results; those of a folder keep their places within it. `a.jpg` becomes
            `a.png`, but `a.jpg.png` where there is an `a.png` too.

    Returns:
        Dict of the path of each result, in order, to the path of its image.

    Raises:
        BadArgument: If one is missing, a folder has none, or a result would replace something.
    """
    names = []
    for image in images:
        is_folder = image.is_dir()
        if is_folder and to.resolve().is_relative_to(image.resolve()):
            raise BadArgument(
                f"Results must go outside of the folder of images. Received: {to}, in {image}. "
                "Choose another folder."
            )
        for path in found(image):
            names.append((to / (path.relative_to(image) if is_folder else path.name), path))
    alike = Counter(name.with_suffix("") for name, _ in names)
    sources = {}
    for name, path in names:
        is_single = alike[name.with_suffix("")] == 1
        result = name.with_suffix(".png") if is_single else name.with_name(f"{name.name}.png")
        replaced = path if result.resolve() == path.resolve() else sources.get(result)
        if replaced is not None:
            raise BadArgument(
                f"Each result must have a name of its own. Received: {path}, whose result {result} "
                f"would replace that of {replaced}. Rename one, or choose another folder."
            )
        sources[result] = path
    return sources


def found(image: Path) -> list[Path]:
    """Lists the image files that a path stands for.

    Args:
        image: Path of a file, or of a folder of image files.

    Raises:
        BadArgument: If there is none.
    """
    files = [image] if image.is_file() else []
    if image.is_dir():
        files = sorted(path for path in _visible(image, ()) if path.suffix.lower() in SUFFIXES)
    if not files:
        raise BadArgument(
            f"The images must be files, or folders of image files. Received: {image}. Correct the "
            "path."
        )
    return files


def _visible(folder, entered):
    """Yields the files that people put in a folder, as `tfpix2pix/data/folders.py` does."""
    resolved = folder.resolve()
    if resolved in entered:
        return
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name in LEFTOVERS:
            continue
        if path.is_dir():
            yield from _visible(path, (*entered, resolved))
        else:
            yield path


def write(encoded, path: Path):
    """Writes a file whole or not at all, without the library's `atomic`.

    Args:
        encoded: bytes of the file.
        path: Path to write to; its folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(encoded)
    os.replace(part, path)


def _half(encoded, half):
    with Image.open(io.BytesIO(encoded)) as image:
        if image.format == "PNG" and encoded[24] > 8 and not image.mode.startswith("I"):
            # Pillow reduces them to 8 bits without a word.
            return BadImage(
                "A half can be cut of 8-bit files and of grey ones.",
                Code.INVALID_ARGUMENT,
                "16 bits of colour or of grey with transparency",
                "Cut it by another program, or send all of it.",
            )
        middle = image.width // 2
        left, right = (0, middle) if half == "left" else (middle, image.width)
        cropped = io.BytesIO()
        image.crop((left, 0, right, image.height)).save(cropped, "png")
    return cropped.getvalue()
