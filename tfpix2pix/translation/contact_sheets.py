"""Contact sheets: inputs beside their translations, as one small picture."""

from pathlib import Path
from typing import Union

import numpy as np
from PIL import Image

from tfpix2pix import report
from tfpix2pix.data import codecs
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.images import displayed
from tfpix2pix.translation.translators import Translator
from tfpix2pix.translation.value_files import scaled

TILE = 256  # Pixels of each side of a picture.


def contact_sheet(done, translator: Translator) -> Image.Image:
    """Draws inputs beside their translations, a row for each of the first files.

    Args:
        done: `tfpix2pix.translation.FileReport` with at least one example.
        translator: The `Translator` that made them.

    Returns:
        `PIL.Image.Image`.

    Example:
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> grey = PixelFormat(1, "uint8", (0.0, 255.0))
        >>> codecs.write(np.zeros((2, 4, 1), "uint8"), "black.png")
        >>> from tfpix2pix.translation import FileReport
        >>> done = FileReport(1, 0, {}, [("black.png", ["black.png"])])
        >>> contact_sheet(done, Translator(None, grey, grey)).size
        (536, 304)
    """
    columns = {"input": [thumbnail(file, translator.source) for file, _ in done.examples]}
    for index in range(translator.samples or 1):
        title = f"output {index}" if translator.samples else "output"
        columns[title] = [thumbnail(paths[index], translator.target) for _, paths in done.examples]
    return report.comparison(columns)


def thumbnail(file: Union[str, Path], pixel_format: PixelFormat) -> np.ndarray:
    """Returns a small picture of an image file.

    Args:
        file: Path of the file.
        pixel_format: `tfpix2pix.data.formats.PixelFormat`; files of its type are shown by its
            range.

    Returns:
        uint8 `[256, 256, 3]`, white around the image.

    Raises:
        ValueError: If the file cannot be decoded.

    Example:
        >>> codecs.write(np.zeros((8, 4, 3), "uint8"), "tall.png")
        >>> thumbnail("tall.png", PixelFormat(3, "uint8", (0.0, 255.0)))[128, ::64, 0].tolist()
        [255, 0, 0, 255]
    """
    pixels = codecs.read(file)
    value_range = pixel_format.value_range if str(pixels.dtype) == pixel_format.dtype else None
    picture = displayed(pixels, value_range).numpy()
    picture = scaled(picture, TILE, "area" if max(picture.shape) > TILE else "nearest")
    missing = [TILE - side for side in picture.shape[:2]]
    around = [(space // 2, space - space // 2) for space in missing]
    return np.pad(picture, (*around, (0, 0)), constant_values=255)
