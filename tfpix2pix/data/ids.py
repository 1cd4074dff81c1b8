"""Ids: reads the whole numbers of label and instance maps as they are in their files."""

import io

import numpy as np
import tensorflow as tf
import tifffile
from PIL import Image, ImageOps

from tfpix2pix.data import arrays, codecs

_GREY = ("1", "L", "P", "I")
_PNG_BITS = 24  # Place of the byte.


def decode_ids(encoded: bytes) -> np.ndarray:
    """Decodes a map of ids: a grey image of 1 to 32 bits, or one with a palette, whose indices.

    Args:
        encoded: Content of a PNG, TIFF, NPY or other file without loss.

    Returns:
        int32 `[height, width, 1]`.

    Raises:
        tfpix2pix.data.codecs.UnreadableError: If it cannot be decoded, has colours, fractions or
            lost some of its values as a JPEG, or ids are negative or need more than 31 bits.

    Example:
        >>> deep = np.array([[[70_000], [33_001]]], "int32")
        >>> file = io.BytesIO()
        >>> np.save(file, deep)
        >>> decode_ids(file.getvalue()).ravel().tolist()
        [70000, 33001]
    """
    decoded = codecs.decode(encoded)  # Refuses what is broken or too large.
    if decoded.format in ("JPEG", "MPO"):
        raise codecs.UnreadableError(
            f"it is a {decoded.format} file, which does not keep ids; save the map as PNG"
        )
    pixels = _stored(encoded, decoded)
    if pixels.shape[-1] != 1:
        raise codecs.UnreadableError(
            f"it has {pixels.shape[-1]} channels, and a map of ids is grey or has a palette"
        )
    if pixels.dtype.kind not in "bui":
        raise codecs.UnreadableError(f"it has values of {pixels.dtype}, and ids are whole numbers")
    low = int(pixels.min())
    high = int(pixels.max())
    if low < 0 or high > np.iinfo("int32").max:
        raise codecs.UnreadableError(
            f"it has the id {low if low < 0 else high}, and ids are from 0 to 2147483647"
        )
    return pixels.astype("int32")


def read_ids(encoded: tf.Tensor, dtype: str = "int32") -> tf.Tensor:
    """Decodes a map of ids within the graph.

    Args:
        encoded: string scalar, the bytes of a file.
        dtype: Type that holds its ids.

    Returns:
        `dtype` `[height, width, 1]`.

    Example:
        >>> encoded = codecs.encode(np.full((2, 4, 1), 33_001, "uint16"), ".png")
        >>> read_ids(encoded)[0, 0].numpy().tolist()
        [33001]
    """

    def by_libraries(content):
        content = content if isinstance(content, bytes) else content.item()
        return decode_ids(content).astype(dtype)

    # A tensor: of bytes, an eager `numpy_function` makes an array without the last zeros.
    encoded = tf.convert_to_tensor(encoded)
    pixels = tf.numpy_function(by_libraries, [encoded], dtype, stateful=False)
    return tf.ensure_shape(pixels, (None, None, 1))


def _stored(encoded, decoded):
    """Returns the numbers in a file `[height, width, channels]`, of any type."""
    if decoded.format == "NPY":
        pixels = arrays.load_npy(encoded)
    elif decoded.format == "TIFF" and not _has_palette(encoded):
        pixels = tifffile.imread(io.BytesIO(encoded), key=0)
    else:
        pixels = _by_pillow(encoded, decoded)
    return pixels if pixels.ndim == 3 else pixels[..., np.newaxis]


def _has_palette(encoded):
    with tifffile.TiffFile(io.BytesIO(encoded)) as file:
        return file.pages[0].photometric == tifffile.PHOTOMETRIC.PALETTE


def _by_pillow(encoded, decoded):
    with Image.open(io.BytesIO(encoded)) as image:
        if image.mode.startswith("I;16"):
            return np.asarray(ImageOps.exif_transpose(image)).astype("uint16")
        if image.mode not in _GREY:
            return decoded.pixels
        upright = np.asarray(ImageOps.exif_transpose(image))
        if image.mode == "L" and image.format == "PNG":
            # Pillow scales 2 and 4 bits to 8.
            return upright // (255 // (2 ** min(encoded[_PNG_BITS], 8) - 1))
        return upright
