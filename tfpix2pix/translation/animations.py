"""Animations: files of many frames or pages, read one by one and written at once."""

import io
from collections.abc import Iterable
from typing import NamedTuple, Optional

import tifffile
from PIL import Image, ImageOps, ImageSequence

from tfpix2pix.data import arrays, codecs, formats, tiffs
from tfpix2pix.errors import InputError

# Format of what holds frames -> suffix. A JPEG's further images are other views of the same.
SUFFIXES = {"GIF": ".gif", "PNG": ".png", "TIFF": ".tiff", "WEBP": ".webp"}

# Transparent frames replace each other; and nothing is lost where a format allows it.
_OPTIONS = {"GIF": {"disposal": 2}, "PNG": {}, "WEBP": {"lossless": True, "exact": True}}


class Animation(NamedTuple):
    """The frames of a file.

    Attributes:
        format: Name of the format, such as `"GIF"`.
        count: Number of frames, 1 for a still image.
        frames: Iterable of `(pixels, milliseconds)`; it can be used once.
        size: `(height, width)` in pixels of the first frame.
        loop: How often it plays, 0 for ever; `None` where the format does not say.

    Example:
        >>> Animation("GIF", 0, [], (4, 6)).loop is None
        True
    """

    format: str
    count: int
    frames: Iterable
    size: tuple[int, int]
    loop: Optional[int] = None


def read(encoded: bytes) -> Animation:
    """Reads the frames of an animation or the pages of a TIFF, or a still image as one frame.

    Args:
        encoded: bytes of a file of any format that `tfpix2pix.data.codecs.decode` knows.

    Returns:
        `Animation`; its frames are decoded when they are asked for, each as a file of its own is.

    Raises:
        UnreadableError: If it cannot be decoded; of later frames when they are asked for.

    Example:
        >>> import numpy as np
        >>> pages = [(np.full((2, 4, 1), level, "uint8"), 0) for level in (0, 9)]
        >>> [int(pixels.max()) for pixels, _ in read(encode(pages, "TIFF")).frames]
        [0, 9]
    """
    first = codecs.decode(encoded)
    size = first.pixels.shape[:2]
    if first.frames == 1 or first.format not in SUFFIXES:
        return Animation(first.format, 1, [(first.pixels, 0)], size)
    if first.format == "TIFF":
        return Animation("TIFF", first.frames, _named(_pages(encoded)), size)
    with Image.open(io.BytesIO(encoded)) as image:
        loop = image.info.get("loop")
    return Animation(first.format, first.frames, _named(_frames(encoded)), size, loop)


def encode(frames: list, format: str, *, loop: Optional[int] = None) -> bytes:
    """Encodes an animation, without loss but for GIF, which has 256 colours a frame.

    Args:
        frames: List of `(pixels, milliseconds)`, uint8 `[height, width, channels]`; for TIFF of any
            type, and without durations.
        format: One of `SUFFIXES`.
        loop: How often it plays, 0 for ever; `None` for once, or the format's default.

    Returns:
        bytes.

    Raises:
        ValueError: If the format cannot hold the channels or bits.

    Example:
        >>> import numpy as np
        >>> frames = [(np.full((2, 4, 3), level, "uint8"), 70) for level in (0, 255)]
        >>> animation = read(encode(frames, "GIF", loop=0))
        >>> animation.count, animation.loop, [duration for _, duration in animation.frames]
        (2, 0, [70, 70])
    """
    channels = max(pixels.shape[-1] for pixels, _ in frames)
    dtype = str(frames[0][0].dtype)
    if format == "TIFF":
        return _encoded_pages([pixels for pixels, _ in frames], channels, dtype)
    if dtype != "uint8" or channels > 4:
        raise InputError(
            f"An animation of the format {format} must have 1 to 4 channels of 8 bits. Received: "
            f"{channels} channels of {dtype}. Write the frames as files of their own."
        )
    # All alike, and grey with alpha, which GIF does not have, as colour with alpha.
    alike = [
        formats.convert(pixels, 4 if channels == 2 else channels, dtype) for pixels, _ in frames
    ]
    first, *others = (Image.fromarray(p[..., 0] if p.shape[-1] == 1 else p) for p in alike)
    options = {**_OPTIONS[format], **({} if loop is None else {"loop": loop})}
    durations = [duration for _, duration in frames]
    buffer = io.BytesIO()
    first.save(buffer, format, save_all=True, append_images=others, duration=durations, **options)
    return buffer.getvalue()


def _encoded_pages(pages, channels, dtype):
    color = "rgb" if channels in (3, 4) and dtype != "float32" else "minisblack"
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as file:
        for pixels in pages:
            if pixels.shape[-1] == 1:
                file.write(pixels[..., 0], photometric=color, contiguous=False)
            else:
                file.write(pixels, photometric=color, planarconfig="contig", contiguous=False)
    return buffer.getvalue()


def _frames(encoded):
    """Yields each frame, and its duration."""
    with Image.open(io.BytesIO(encoded)) as image:
        for frame in ImageSequence.Iterator(image):
            frame.load()  # WebP knows the duration only then.
            duration = frame.info.get("duration", 0)
            if "transparency" in frame.info:
                frame = frame.convert("RGBA")
            file = io.BytesIO()
            ImageOps.exif_transpose(frame).save(file, "tiff", compression="raw")
            yield codecs.decode(file.getvalue()).pixels, duration


def _pages(encoded):
    _, pages = tiffs.read_pages(encoded, codecs.MOST_PIXELS)
    for page in pages:
        yield arrays.supported(page.pixels), 0


def _named(frames):
    """Yields frames, and says which one cannot be decoded."""
    number = 1
    try:
        for frame in frames:
            yield frame
            number += 1
    # Decoders raise whatever they meet.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise codecs.UnreadableError(f"frame {number} cannot be decoded: {reason[:200]}") from error
