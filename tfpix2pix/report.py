"""Reports: pictures and pages that show what a model does."""

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfpix2pix.data import images

MARGIN = 8  # Pixels between images.


def columns(model, task, samples):
    """Translates examples and makes pictures of them.

    Args:
        model: A compiled `Pix2Pix`.
        task: `tfpix2pix.data.tasks.Pairs`, or another.
        samples: List of `(source, target)`, batches of one example in [-1, 1].

    Returns:
        Dict of the titles input, output and target to lists of uint8 `[height, width, 3]`.

    Example:
        >>> from types import SimpleNamespace
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.data.tasks import Pairs
        >>> negative = SimpleNamespace(translate=lambda source: -source)
        >>> white = np.ones((1, 8, 8, 1), "float32")
        >>> task = Pairs((PixelFormat(1, "uint8", (0, 255)),) * 2)
        >>> columns(negative, task, [(white, white)])["output"][0].shape
        TensorShape([8, 8, 3])
    """
    shown = {"input": [], "output": [], "target": []}
    for source, target in samples:
        translated = model.translate(source)
        of_source, of_target = task.source_format.value_range, task.target_format.value_range
        shown["input"].append(images.displayed(task.source_picture(source), of_source)[0])
        for title, result in (("output", translated), ("target", target)):
            shown[title].append(images.displayed(task.picture(source, result), of_target)[0])
    return shown


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
