"""Reports: pictures that show what a model does, examples beside their translations."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Union

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfpix2pix import atomic
from tfpix2pix.data import images

MARGIN = 8  # Pixels between images.
LEAST_SIDE = 128  # Pixels to which the smallest side is enlarged at least.
HEADER = 32  # Pixels above the images, for the titles.
LABEL = 24  # Pixels of a line below an image.
FONT_SIZE = 16


def columns(samples, tasks: Mapping) -> dict[str, list]:
    """Makes pictures of what a model shows of held-out examples.

    Args:
        samples: List of what `tfpix2pix.models.TranslationModel.columns` returns for a batch: dicts
            of title to `tfpix2pix.models.Column`.
        tasks: Dict of the names of directions to their tasks, such as
            `tfpix2pix.data.tasks.Pairs`.

    Returns:
        Dict of title to a list of uint8 `[height, width, 3]`, one for each example.

    Example:
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.data.tasks import Pairs
        >>> from tfpix2pix.models import Column
        >>> white = np.ones((1, 8, 8, 1), "float32")
        >>> sample = {
        ...     "input": Column("source", "translate", white),
        ...     "output": Column("translation", "translate", -white, white),
        ... }
        >>> tasks = {"translate": Pairs((PixelFormat(1, "uint8", (0, 255)),) * 2)}
        >>> shown = columns([sample], tasks)
        >>> {title: [int(image[0, 0, 0]) for image in column] for title, column in shown.items()}
        {'input': [255], 'output': [0]}
    """
    shown = {}
    for sample in samples:
        for title, column in sample.items():
            pictures = _pictures(column, tasks[column.direction])
            shown.setdefault(title, []).extend(pictures)
    return shown


def _pictures(column, task):
    """Returns the images of a column as people see them, uint8 `[batch, height, width, 3]`."""
    if column.role == "instances":
        return _of_ids(column.images)
    if column.role == "mask":
        return images.displayed(column.images, (0.0, 1.0))
    if column.role == "hints":
        return _with_hints(column, task)
    if column.role in ("source", "reconstruction", "identity"):
        pixels = task.source_picture(column.images)
        return images.displayed(pixels, task.source_format.value_range)
    pixels = task.picture(column.source, column.images)
    return images.displayed(pixels, task.target_format.value_range)


def _of_ids(ids):
    """Gives each id a colour of its own, never a dark one; 0 is black."""
    ids = np.asarray(ids, "int64")
    mixed = (ids * 2_654_435_761) % 2**32  # Knuth's multiplier: neighbours differ most.
    colors = np.concatenate([64 + (mixed >> shift) % 192 for shift in (24, 16, 8)], axis=-1)
    return np.where(ids == 0, 0, colors).astype("uint8")


def _with_hints(column, task):
    """Puts hints, of the target's values with their mask behind, on their sources."""
    values = column.images[..., :-1]
    mask = np.asarray(column.images[..., -1:]) > 0
    hints = images.displayed(task.picture(column.source, values), task.target_format.value_range)
    pixels = task.source_picture(column.source)
    return np.where(mask, hints, images.displayed(pixels, task.source_format.value_range))


def comparison(
    columns: Mapping,
    caption: str = "",
    labels: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> Image.Image:
    """Draws images side by side, a titled column for each list, a row for each example.

    Args:
        columns: Dict of title to a list or batch of uint8 `[height, width, 3]`, of equal lengths.
        caption: Title of the whole, above them; none if it is empty.
        labels: Dict of some titles to what is written below each image of the list, lines of text;
            what is too long is cut off at its start.

    Returns:
        `PIL.Image.Image`; images are enlarged by a whole factor until the smallest side has at
        least 128 pixels, and each is in the middle of a tile of the largest size.

    Example:
        >>> grey = np.full((2, 64, 64, 3), 128, "uint8")
        >>> comparison({"input": grey, "output": grey}).size
        (280, 312)
        >>> comparison({"input": grey}, labels={"input": ["one", "another"]}).size
        (144, 360)
    """
    arrays = {title: [np.asarray(image) for image in batch] for title, batch in columns.items()}
    shapes = np.array([image.shape[:2] for batch in arrays.values() for image in batch])
    factor = -(-LEAST_SIDE // shapes.min())
    height, width = (int(side) * factor for side in shapes.max(axis=0))
    count = len(next(iter(arrays.values())))
    header = HEADER * (2 if caption else 1)
    lines = [text.count("\n") + 1 for texts in labels.values() for text in texts]
    step = height + LABEL * max(lines, default=0) + MARGIN
    size = (len(arrays) * (width + MARGIN) + MARGIN, count * step + MARGIN + header)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(FONT_SIZE)
    if caption:
        draw.text((size[0] // 2, HEADER // 2), caption, "black", font, anchor="mm")
    for column, (title, batch) in enumerate(arrays.items()):
        left = MARGIN + column * (width + MARGIN)
        center = (left + width // 2, header - HEADER // 2)
        draw.text(center, title, "black", font, anchor="mm")
        for row, image in enumerate(batch):
            tile = Image.fromarray(image)
            tile = tile.resize((tile.width * factor, tile.height * factor), Image.NEAREST)
            top = header + row * step
            corner = (left + (width - tile.width) // 2, top + (height - tile.height) // 2)
            picture.paste(tile, corner)
        for row, text in enumerate(labels.get(title, ())):
            for line, words in enumerate(text.split("\n")):
                top = header + row * step + height + line * LABEL
                middle = (left + width // 2, top + LABEL // 2)
                draw.text(middle, _shortened(words, font, width), "black", font, anchor="mm")
    return picture


def _shortened(text, font, width):
    """Cuts off the start of a text, such as folders before a name, until it is narrow enough."""
    shown = text
    while text and font.getlength(shown) > width:
        text = text[1:]
        shown = f"...{text}"
    return shown


def save_picture(picture: Image.Image, path: Union[str, Path]) -> None:
    """Writes a picture as PNG, whole or not at all.

    Args:
        picture: `PIL.Image.Image`.
        path: Path of the PNG file; its folder is made if it is missing.

    Example:
        >>> save_picture(Image.new("RGB", (4, 4)), "out/black.png")
        >>> with Image.open("out/black.png") as picture:
        ...     picture.size
        (4, 4)
    """
    with atomic.replacing(path) as part:
        picture.save(part, "png")
