"""Reports: pictures and pages that show what a model does."""

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MARGIN = 8  # Pixels between images.


def comparison(columns):
    """Draws batches of images side by side, a titled column for each batch, a row for each example.

    Args:
        columns: Dict of title to uint8 `[batch, height, width, 3]`, all of equal batch and size.

    Returns:
        `PIL.Image.Image`, images enlarged by a whole factor to at least 128 pixels.

    Example:
        >>> grey = np.full((2, 64, 64, 3), 128, "uint8")
        >>> comparison({"input": grey, "output": grey}).size
        (280, 312)
    """
    batches = {title: np.asarray(batch) for title, batch in columns.items()}
    count, height, width, _ = next(iter(batches.values())).shape
    factor = -(-128 // min(height, width))
    height, width = height * factor, width * factor
    header = 32
    size = (len(batches) * (width + MARGIN) + MARGIN, count * (height + MARGIN) + MARGIN + header)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for column, (title, batch) in enumerate(batches.items()):
        left = MARGIN + column * (width + MARGIN)
        draw.text(
            (left + width // 2, header // 2),
            title,
            "black",
            ImageFont.load_default(16),
            anchor="mm",
        )
        for row, image in enumerate(batch):
            tile = Image.fromarray(image).resize((width, height), Image.NEAREST)
            picture.paste(tile, (left, header + row * (height + MARGIN)))
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
