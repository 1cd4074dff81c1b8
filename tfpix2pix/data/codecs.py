"""Codecs: read and write image files of any format as arrays, without loss.

TensorFlow's own operations read only PNG, JPEG, BMP and GIF, ignore the orientation and reduce bits
that do not fit. Pillow reads nearly everything, but 16-bit colour as 8 bits; TensorFlow (PNG) and
tifffile (TIFF) read that. `serving/client/decoding.py` decodes as this file does, by Pillow alone.
"""

import io
import os
from pathlib import Path
from typing import NamedTuple, Union

import numpy as np
import tensorflow as tf
import tifffile
from PIL import Image, ImageOps

from tfpix2pix import atomic
from tfpix2pix.data import arrays, tiffs
from tfpix2pix.errors import InputError

# What is read, and never written.
READ_ONLY = (".gif", ".jfif", ".jpe", ".pgm", ".ppm")
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".npy", *READ_ONLY)
DTYPES = ("uint8", "uint16", "float32")

# Of 0 to 9. A photo of 256 pixels takes 5 ms, and 18 ms by the default 6, for files that are 1 to
# 14% smaller; a translation by 64 filters takes 95 ms.
PNG_COMPRESSION = 1

# What Pillow takes for a decompression bomb: a file of some bytes can declare any size.
MOST_PIXELS = 2 * Image.MAX_IMAGE_PIXELS

# The modes of Pillow that TensorFlow's decoder reads alike, by format. MPO files are JPEG files of
# cameras with more images behind the first.
_NATIVE_MODES = {
    "PNG": {"1", "L", "LA", "RGB", "RGBA", "P", "I;16"},
    "JPEG": {"L", "RGB"},
    "MPO": {"L", "RGB"},
}
# The channels that a format holds; TIFF and NPY hold any of any type.
_CHANNELS = {
    "uint8": {
        ".png": (1, 2, 3, 4),
        ".jpg": (1, 3),
        ".jpeg": (1, 3),
        ".bmp": (1, 3),
        ".webp": (3, 4),
    },
    "uint16": {".png": (1, 2, 3, 4)},
    "float32": {},
}
_OPEN_FORMATS = (".tif", ".tiff", ".npy")
_PNG_BITS = 24  # Place of the byte; so is the next one.
_PNG_COLOR = 25
# Tags.
_EXIF_ORIENTATION = 0x0112
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class UnreadableError(InputError):
    """A file that is no image, is broken, or is too large to decode.

    Example:
        >>> decode(b"GIF of a cat")
        Traceback (most recent call last):
        ...
        tfpix2pix.data.codecs.UnreadableError: it cannot be decoded: it is no image of a ...
    """


class Decoded(NamedTuple):
    """A decoded image, and the properties of its file.

    Attributes:
        pixels: uint8, uint16 or float32 `[height, width, channels]`.
        format: Name of the format, such as `"PNG"`.
        frames: Number of images in the file; only the first is decoded.
        native: Whether `tfpix2pix.data.images.decode` gives the same pixels.
        alpha: Whether the last channel is alpha, by the file's own word.

    Example:
        >>> decode(encode(np.zeros((2, 4, 3), "uint8"), ".png")).native
        True
    """

    pixels: np.ndarray
    format: str
    frames: int
    native: bool
    alpha: bool = False


def read(path: Union[str, os.PathLike]) -> np.ndarray:
    """Reads an image file; its content decides its format, not its name.

    Args:
        path: Path of the file.

    Returns:
        uint8, uint16 or float32 `[height, width, channels]`, see `decode`.

    Raises:
        UnreadableError: If it cannot be decoded.

    Example:
        >>> write(np.zeros((2, 4, 6), "float32"), "six.tiff")
        >>> read("six.tiff").shape
        (2, 4, 6)
    """
    try:
        encoded = Path(path).read_bytes()
    except OSError as error:
        raise UnreadableError(unread(path, error)) from error
    return decode(encoded).pixels


def unread(path: Union[str, os.PathLike], error: OSError) -> str:
    """Says why a file cannot be read.

    Args:
        path: Path of the file.
        error: What was raised.

    Returns:
        str.

    Example:
        >>> unread("cat.png", OSError(13, "Permission denied"))
        'it cannot be read: Permission denied'
    """
    path = Path(path)
    if path.is_symlink() and not path.exists():
        return f"it cannot be read: it is a link to {os.readlink(path)}, where there is nothing"
    return f"it cannot be read: {error.strerror}"


def decode(encoded: bytes) -> Decoded:
    """Decodes the bytes of a PNG, JPEG, BMP, GIF, TIFF, WebP, Netpbm or NPY file.

    Integers of 8 and 16 bits stay, those of 32 bits become float32; a bit becomes 0 or 255.
    Palettes and CMYK become RGB, with alpha where there is transparency. The EXIF orientation is
    applied. Of several frames or pages the first is decoded.

    Args:
        encoded: Content of the file.

    Returns:
        `Decoded`.

    Raises:
        UnreadableError: If the format is unknown, the file is cut off, or declares more than 179
            million pixels.

    Example:
        >>> int(decode(encode(np.full((2, 4, 3), 65535, "uint16"), ".png")).pixels.max())
        65535
    """
    try:
        if encoded.startswith(b"\x93NUMPY"):
            return Decoded(arrays.read_npy(encoded, MOST_PIXELS), "NPY", 1, False)
        if encoded[:4] in _TIFF_STARTS:
            return _decode_tiff(encoded)
        if (header := arrays.NETPBM_HEADER.match(encoded)) and int(header["largest"]) > 255:
            return Decoded(arrays.read_netpbm(encoded, MOST_PIXELS), "PPM", 1, False)
        with Image.open(io.BytesIO(encoded)) as image:
            if _is_deep_png(encoded, image.format):
                return _decode_deep_png(encoded, image)
            return _decode_by_pillow(image, encoded)
    # Decoders raise anything: SyntaxError, struct.error, zlib.error, errors of their own.
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, Image.UnidentifiedImageError):  # It would print an address in memory.
            reason = "it is no image of a known format" if encoded else "the file is empty"
        raise UnreadableError(f"it cannot be decoded: {reason[:200]}") from error


def encode(pixels: np.ndarray, suffix: str) -> bytes:
    """Encodes an image, without loss except for JPEG.

    WebP stores no alpha if all pixels are opaque; the image is RGB when it is read again.

    Args:
        pixels: uint8, uint16 or float32 `[height, width, channels]`.
        suffix: One of `SUFFIXES` but not of `READ_ONLY`; it decides the format.

    Returns:
        bytes.

    Raises:
        ValueError: If the format cannot hold the channels or bits; names those that can.

    Example:
        >>> encode(np.zeros((2, 4, 3), "uint8"), ".png")[1:4]
        b'PNG'
    """
    pixels = np.asarray(pixels)
    suffix = suffix.lower()
    dtype = str(pixels.dtype)
    channels = pixels.shape[-1]
    able = [s for s, counts in _CHANNELS.get(dtype, {}).items() if channels in counts]
    able += _OPEN_FORMATS if dtype in DTYPES else ()
    if suffix not in able:
        cure = f"Use {' or '.join(able)}." if able else f"Convert it to {' or '.join(DTYPES)}."
        raise InputError(
            f"The format of a file must hold the channels and bits of its image. Received: "
            f"{channels} channels of {dtype} for {suffix!r}. {cure}"
        )
    flat = pixels[..., 0] if channels == 1 else pixels
    if dtype == "uint16" and suffix == ".png":
        return tf.io.encode_png(pixels, compression=PNG_COMPRESSION).numpy()
    buffer = io.BytesIO()
    if suffix == ".npy":
        np.save(buffer, pixels, allow_pickle=False)
    elif suffix in (".tif", ".tiff"):
        color = "rgb" if channels in (3, 4) and dtype != "float32" else "minisblack"
        # Contiguous: tifffile would make pages of channels.
        plane = {"planarconfig": "contig"} if channels > 1 else {}
        tifffile.imwrite(buffer, flat, photometric=color, **plane)
    else:
        # Exact, or lossless WebP clears the colours of transparent pixels.
        options = {
            ".webp": {"lossless": True, "exact": True},
            ".png": {"compress_level": PNG_COMPRESSION},
        }.get(suffix, {"quality": 95})
        image = Image.fromarray(flat)
        image.save(buffer, Image.registered_extensions()[suffix], **options)
    return buffer.getvalue()


def write(pixels: np.ndarray, path: Union[str, os.PathLike]) -> None:
    """Writes an image file, whole or not at all.

    Args:
        pixels: uint8, uint16 or float32 `[height, width, channels]`.
        path: Path of the file; its suffix decides the format. Its folder is made if it is missing.

    Raises:
        ValueError: As `encode`.

    Example:
        >>> write(np.zeros((2, 4, 3), "uint8"), "out/black.png")
        >>> int(read("out/black.png").max())
        0
    """
    atomic.write_bytes(encode(pixels, Path(path).suffix), path)


def _decode_by_pillow(image, encoded):
    frames = getattr(image, "n_frames", 1)
    kind = image.format
    mode = image.mode
    upright = image.getexif().get(_EXIF_ORIENTATION, 1) == 1
    transparent = "transparency" in image.info
    native = mode in _NATIVE_MODES.get(kind, ()) and upright and (frames == 1 or kind == "MPO")
    if kind == "PNG" and mode == "L" and isinstance(image.info.get("transparency"), int):
        # Pillow scales 2 and 4 bits to 8, but not the value that is transparent.
        image.info["transparency"] *= 255 // (2 ** encoded[_PNG_BITS] - 1)
    image = ImageOps.exif_transpose(image)
    if mode in ("I", "F"):
        pixels = np.asarray(image, "float32")
    elif mode.startswith("I;16"):
        pixels = _keyed(np.asarray(image).astype("uint16"), image.info.get("transparency"))
    else:
        if mode in ("1", "L"):
            mode = "LA" if transparent else "L"
        elif mode not in ("LA", "RGBA"):
            alike = {"La": "LA", "RGBa": "RGBA", "PA": "RGBA"}
            mode = alike.get(mode, "RGBA" if transparent else "RGB")
        pixels = np.asarray(image.convert(mode))
    pixels = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    return Decoded(pixels, kind, frames, native, pixels.shape[-1] in (2, 4))


def _is_deep_png(encoded, kind):
    """Whether it is a PNG of 16 bits and several channels, which Pillow reduces to 8 bits."""
    return kind == "PNG" and encoded[_PNG_BITS] == 16 and encoded[_PNG_COLOR] != 0


def _decode_deep_png(encoded, image):
    image.load()  # TensorFlow overlooks wrong checksums.
    pixels = tf.io.decode_png(encoded, dtype="uint16").numpy()
    pixels = _keyed(pixels, image.info.get("transparency"))
    orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    pixels = tiffs.turned(pixels, orientation)
    return Decoded(pixels, "PNG", 1, orientation == 1, pixels.shape[-1] in (2, 4))


def _keyed(pixels, key):
    """Adds alpha to 16 bits of which one colour is transparent."""
    if key is None:
        return pixels
    pixels = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    opaque = (pixels != np.array(key)).any(axis=-1, keepdims=True)
    return np.concatenate([pixels, opaque * np.uint16(65535)], axis=-1)


def _decode_tiff(encoded):
    count, pages = tiffs.read_pages(encoded, MOST_PIXELS)
    first = next(pages)
    return Decoded(arrays.supported(first.pixels), "TIFF", count, False, first.alpha)
