"""Image files that TensorFlow reads unlike the library: Pillow decodes them as the library does.

`tfpix2pix/data/codecs.py` is the truth; this is what of it needs neither TensorFlow nor tifffile.
"""

import io
from contextlib import contextmanager

from PIL import Image, ImageOps, UnidentifiedImageError

from serving.client.failures import BadImage, ClientError, Code

# Others go to the server as they are, for it to refuse.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
# The modes of Pillow that TensorFlow reads alike, by format; MPO is JPEG with more images behind.
NATIVE_MODES = {
    "PNG": {"1", "L", "LA", "RGB", "RGBA", "P", "I", "I;16"},
    "JPEG": {"L", "RGB"},
    "MPO": {"L", "RGB"},
}
# What marks an animation or an orientation in a PNG, for which Pillow would decode all of it.
PNG_MARKS = (b"acTL", b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
# Tags.
ORIENTATION = 0x0112
SAMPLE_BITS = 258
SAMPLES = 277


def sendable(encoded: bytes) -> bytes:
    """Returns what is sent for an image file, so that a server reads the library's pixels.

    TensorFlow ignores the orientation, knows neither TIFF nor WebP nor Netpbm, few kinds of BMP and
    of CMYK, and of GIF no transparency nor canvas.

    Args:
        encoded: bytes of a file.

    Returns:
        bytes: the file itself if TensorFlow reads it as the library does, or if it is no image, for
        the server to refuse in its own words; else a PNG file.

    Raises:
        BadImage: If it cannot be decoded, or not without loss of bits.

    Example:
        >>> file = io.BytesIO()
        >>> Image.new("CMYK", (2, 1), (0, 255, 255, 0)).save(file, "jpeg")
        >>> Image.open(io.BytesIO(sendable(file.getvalue()))).getpixel((0, 0))
        (254, 0, 0)
    """
    with _readable():
        try:
            image = Image.open(io.BytesIO(encoded), formats=FORMATS)
        except UnidentifiedImageError:
            return encoded
        with image:
            if _is_native(image, encoded):
                return encoded
            _check_bits(image, encoded)
            file = io.BytesIO()
            decoded(image, encoded).save(file, "png", icc_profile=None, compress_level=1)
            return file.getvalue()


def upright_size(encoded: bytes) -> tuple[int, int]:
    """Returns the `(height, width)` of what a server reads of an image file.

    Args:
        encoded: bytes of a file.

    Raises:
        BadImage: If it cannot be decoded.

    Example:
        >>> file = io.BytesIO()
        >>> Image.new("L", (2, 1)).save(file, "png")
        >>> upright_size(file.getvalue())
        (1, 2)
    """
    with _readable(), Image.open(io.BytesIO(sendable(encoded))) as image:
        return image.height, image.width


def decoded(image: Image.Image, encoded: bytes) -> Image.Image:
    """Returns what the library reads of an image, but with the bits that Pillow reads.

    Args:
        image: `PIL.Image.Image` as opened.
        encoded: bytes of its file.

    Returns:
        `PIL.Image.Image`, upright: grey or RGB, with alpha where there is transparency.

    Example:
        >>> file = io.BytesIO()
        >>> Image.new("P", (2, 1)).save(file, "gif", transparency=0)
        >>> decoded(Image.open(file), file.getvalue()).mode
        'RGBA'
    """
    mode = image.mode
    transparent = "transparency" in image.info
    if image.format == "PNG" and mode == "L" and transparent:
        # Pillow scales 2 and 4 bits to 8, but not the value that is transparent.
        image.info["transparency"] *= 255 // (2 ** encoded[24] - 1)
    image = ImageOps.exif_transpose(image)
    if mode.startswith("I"):
        return image
    if mode in ("1", "L"):
        return image.convert("LA" if transparent else "L")
    alike = {"LA": "LA", "La": "LA", "RGBA": "RGBA", "RGBa": "RGBA", "PA": "RGBA"}
    return image.convert(alike.get(mode, "RGBA" if transparent else "RGB"))


@contextmanager
def _readable():
    """Raises `BadImage` for what Pillow raises."""
    try:
        yield
    except ClientError:
        raise
    except Exception as error:  # Decoders raise anything.
        reason = str(error) or type(error).__name__
        raise BadImage("The image must be readable.", Code.INVALID_ARGUMENT, reason) from error


def _is_native(image, encoded):
    kind = image.format
    if image.mode not in NATIVE_MODES.get(kind, ()):
        return False
    if kind == "PNG" and not any(mark in encoded for mark in PNG_MARKS):
        return True
    still = kind == "MPO" or getattr(image, "n_frames", 1) == 1
    return still and image.getexif().get(ORIENTATION, 1) == 1


def _check_bits(image, encoded):
    """Refuses what Pillow reads with fewer bits or channels than the file has."""
    deep = image.mode in ("I", "F")
    if image.format == "PNG":
        deep = encoded[24] > 8 and encoded[25] != 0  # Colour, or grey with alpha.
    elif image.format == "TIFF":
        samples = image.tag_v2.get(SAMPLES, 1)
        deep |= samples > 1 and max(image.tag_v2.get(SAMPLE_BITS, (1,))) > 8
        deep |= samples not in (1, 3, 4) and image.mode != "LA"
    elif image.format == "PPM":
        settings = image.tile[0][3]
        deep |= isinstance(settings, tuple) and settings[-1] > 255
    if deep:
        raise BadImage(
            "What is sent must have 8 bits, or 16 of grey, or be an upright PNG.",
            Code.INVALID_ARGUMENT,
            f"a {image.format} of more bits or channels",
            "Convert it to such a PNG.",
        )
