"""The client's files: what is sent for each, and where its result goes."""

import io
import os
from pathlib import Path

from PIL import Image

from serving.client.failures import BadArgument, BadImage, Code

SUFFIXES = (".png", ".jpg", ".jpeg")


def read_image(path, half=None):
    """Reads what is sent for a file.

    Args:
        path: Path of a PNG or JPEG file.
        half: `"left"` or `"right"` for that half of a side-by-side file; by default all of it.

    Returns:
        bytes of an image file: those of `path`, or a PNG of the half; a `BadImage` if the file is
        not to be read, or if a half would lose bits.
    """
    try:
        whole = Path(path).read_bytes()
        return whole if half is None else _half(whole, half)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        return BadImage("The image must be readable.", Code.INVALID_ARGUMENT, str(error))


def results(images, to):
    """Finds the image files to send, and names the files to write.

    Args:
        images: Paths of files, and of folders of files.
        to: Folder for the results; those of a folder keep their places within it.

    Returns:
        Dict of the path of each result, in order, to the path of its image.

    Raises:
        BadArgument: If one is missing, a folder has none, or a result would replace something.
    """
    found = {}
    for given in images:
        if given.is_dir():
            if to.resolve().is_relative_to(given.resolve()):
                raise BadArgument(
                    f"Results must go outside of the folder of images. Received: {to}, in {given}. "
                    "Choose another folder."
                )
            files = sorted(p for p in given.rglob("*") if p.suffix.lower() in SUFFIXES)
            named = [(to / path.relative_to(given).with_suffix(".png"), path) for path in files]
        else:
            named = [(to / f"{given.stem}.png", given)] if given.is_file() else []
        if not named:
            raise BadArgument(
                "The images must be files, or folders of PNG and JPEG files. Received: "
                f"{given}. Correct the path."
            )
        for result, path in named:
            taken = path if result.resolve() == path.resolve() else found.get(result)
            if taken is not None:
                raise BadArgument(
                    f"Each result must have a name of its own. Received: {path}, whose result "
                    f"{result} would replace that of {taken}. Rename one, or choose another folder."
                )
            found[result] = path
    return found


def write(encoded, path):
    """Writes a file whole or not at all.

    Args:
        encoded: bytes of the file.
        path: Path to write to; its folders are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(encoded)
    os.replace(part, path)


def _half(whole, half):
    with Image.open(io.BytesIO(whole)) as image:
        if image.format == "PNG" and whole[24] > 8 and not image.mode.startswith("I"):
            # Pillow reduces them to 8 bits without a word.
            return BadImage(
                "A half can be cut of 8-bit files and of grey ones.",
                Code.INVALID_ARGUMENT,
                "16 bits of colour or of grey with transparency",
                "Cut it by another program, or send all of it.",
            )
        middle = image.width // 2
        left, right = (0, middle) if half == "left" else (middle, image.width)
        encoded = io.BytesIO()
        image.crop((left, 0, right, image.height)).save(encoded, "png")
    return encoded.getvalue()
