"""Tiles: an image that is too large for a server, cut up and put together again without seams."""

import io
from typing import NamedTuple

from PIL import Image

from serving.client.failures import BadArgument, BadImage, Code


class Tiling(NamedTuple):
    """How images are cut.

    Attributes:
        side: Most pixels of a tile's sides; images that fit are not cut.
        overlap: Pixels that neighbours share; there one fades into the other.
    """

    side: int
    overlap: int

    def check(self):
        """Raises `BadArgument` if tiles would not cover an image."""
        if not 0 <= self.overlap < self.side:
            raise BadArgument(
                "Tiles must be larger than their overlap, which must not be negative. Received: "
                f"tiles of {self.side} pixels with {self.overlap} in common. Use larger tiles."
            )


def cut(encoded, tiling):
    """Cuts an image file into tiles of equal size, row by row.

    Args:
        encoded: bytes of an image file, as `serving.client.decoding.sendable` returns it.
        tiling: `Tiling`.

    Returns:
        `(boxes, tiles)`: list of rows of `(left, top, right, bottom)`, and a list of bytes of PNG
        files; an image that fits stays as it is.

    Raises:
        BadImage: If it cannot be read, or has more bits than tiles would keep.
    """
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            columns, rows = (_spans(length, tiling) for length in image.size)
            boxes = [
                [(left, top, right, bottom) for left, right in columns] for top, bottom in rows
            ]
            if len(columns) == len(rows) == 1:
                return boxes, [encoded]
            _check_depth(encoded, "Tiles")
            return boxes, [_png(image.crop(box)) for row in boxes for box in row]
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadImage("The image must be readable.", Code.INVALID_ARGUMENT, str(error)) from error


def join(boxes, tiles):
    """Puts translated tiles together.

    Args:
        boxes: As from `cut`.
        tiles: List of bytes of PNG files of 8 bits, of the sizes of the boxes.

    Returns:
        bytes of a PNG file.

    Raises:
        BadImage: If they have more bits.
    """
    if len(tiles) == 1:
        return tiles[0]
    rest = iter(tiles)
    joined = None
    for above, row in zip([None, *boxes], boxes):
        strip = None
        for before, box in zip([None, *row], row):
            tile = next(rest)
            _check_depth(tile, "Translations in tiles")
            with Image.open(io.BytesIO(tile)) as image:
                strip = strip or Image.new(image.mode, (row[-1][2], image.height))
                mask = _ramp(image.size, before[2] - box[0]) if before else None
                strip.paste(image, (box[0], 0), mask)
        top = row[0][1]
        joined = joined or Image.new(strip.mode, (row[-1][2], boxes[-1][0][3]))
        shared = above[0][3] - top if above else 0
        mask = _ramp(strip.size[::-1], shared).transpose(Image.Transpose.TRANSPOSE)
        joined.paste(strip, (0, top), mask)
    return _png(joined)


def _check_depth(encoded, what):
    """Raises `BadImage` for a PNG file that Pillow would reduce to 8 bits without a word.

    Args:
        encoded: bytes of an image file.
        what: What has 8 bits, or is grey without transparency; for the error.
    """
    with Image.open(io.BytesIO(encoded)) as image:
        if image.format == "PNG" and encoded[24] > 8:
            raise BadImage(
                f"{what} must have 8 bits.",
                Code.INVALID_ARGUMENT,
                "a PNG of 16 bits",
                "Send the image whole.",
            )


def _spans(length, tiling):
    """Returns `(start, end)` of the tiles along an axis; the last one ends with the image."""
    if length <= tiling.side:
        return [(0, length)]
    starts = range(0, length - tiling.side, tiling.side - tiling.overlap)
    return [(start, start + tiling.side) for start in (*starts, length - tiling.side)]


def _ramp(size, shared):
    """Returns a mask that rises over the first `shared` columns and is full in the rest."""
    levels = [round(255 * (index + 0.5) / shared) for index in range(shared)]
    row = bytes([*levels, *[255] * (size[0] - shared)])
    return Image.frombytes("L", (size[0], 1), row).resize(size, Image.Resampling.NEAREST)


def _png(image):
    encoded = io.BytesIO()
    image.save(encoded, "png")
    return encoded.getvalue()
