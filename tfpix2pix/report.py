"""Reports: pictures and pages that show what a model does."""

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfpix2pix.data import images

MARGIN = 8  # Pixels between images.


def columns(samples, tasks: Mapping) -> dict[str, list]:
    """Makes pictures of translated examples.

    Args:
        samples: List of what `model.columns` gives of a batch of one example: dicts of title to
            `tfpix2pix.models.Column`.
        tasks: Dict of direction to its task, see `tfpix2pix.data.tasks`.

    Returns:
        Dict of title to a list of uint8 `[height, width, 3]`.

    Example:
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.data.tasks import Pairs
        >>> from tfpix2pix.models import Column
        >>> white = np.ones((1, 8, 8, 1), "float32")
        >>> sample = {"input": Column("source", "translate", white)}
        >>> task = Pairs((PixelFormat(1, "uint8", (0, 255)),) * 2)
        >>> columns([sample], {"translate": task})["input"][0].shape
        TensorShape([8, 8, 3])
    """
    pictures = {title: [] for title in samples[0]}
    for sample in samples:
        for title, column in sample.items():
            pictures[title].append(_displayed(column, tasks[column.direction]))
    return pictures


def _displayed(column, task):
    if column.role in ("source", "reconstruction"):
        pixels = task.source_picture(column.images)
        return images.displayed(pixels, task.source_format.value_range)[0]
    pixels = task.picture(column.source, column.images)
    return images.displayed(pixels, task.target_format.value_range)[0]


def comparison(columns):
    """Draws images side by side, a titled column for each list, a row for each example.

    Args:
        columns: Dict of title to a list or batch of uint8 `[height, width, 3]`, of equal lengths.

    Returns:
        `PIL.Image.Image`; images are enlarged by a whole factor until the smallest side is at least
        128 pixels, and each is in the middle of a tile of the largest size.

    Example:
        >>> grey = np.full((2, 64, 64, 3), 128, "uint8")
        >>> comparison({"input": grey, "output": grey}).size
        (280, 312)
    """
    arrays = {title: [np.asarray(image) for image in batch] for title, batch in columns.items()}
    shapes = np.array([image.shape[:2] for batch in arrays.values() for image in batch])
    factor = -(-128 // shapes.min())
    height, width = (int(side) * factor for side in shapes.max(axis=0))
    header, count = 32, len(next(iter(arrays.values())))
    size = (len(arrays) * (width + MARGIN) + MARGIN, count * (height + MARGIN) + MARGIN + header)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for column, (title, batch) in enumerate(arrays.items()):
        left = MARGIN + column * (width + MARGIN)
        center = (left + width // 2, header // 2)
        draw.text(center, title, "black", ImageFont.load_default(16), anchor="mm")
        for row, image in enumerate(batch):
            tile = Image.fromarray(image)
            tile = tile.resize((tile.width * factor, tile.height * factor), Image.NEAREST)
            top = header + row * (height + MARGIN)
            at = (left + (width - tile.width) // 2, top + (height - tile.height) // 2)
            picture.paste(tile, at)
    return picture


def save_picture(picture, path):
    """Writes a picture, all at once or not at all.

    Args:
        picture: `PIL.Image.Image`.
        path: Path of the PNG file; its folder is made if it is missing.

    Example:
        >>> save_picture(Image.new("RGB", (4, 4)), "out/black.png")
        >>> with Image.open("out/black.png") as picture:
        ...     picture.size
        (4, 4)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path.with_suffix(".part"), "png")
    os.replace(path.with_suffix(".part"), path)
