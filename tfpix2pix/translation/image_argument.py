"""The image that a program of one's own gives to a model: pixels, or the path of a file."""

import os
from typing import Union

import numpy as np

from tfpix2pix.data import codecs
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.ids import decode_ids
from tfpix2pix.errors import InputError

MOST_CHANNELS = 4  # Of usual images: what has more of them in the last place may be turned.


def read_image(
    image: Union[np.ndarray, str, os.PathLike], source: PixelFormat, ids: bool = False
) -> np.ndarray:
    """Returns the pixels of an image that is given as such, or by the path of its file.

    Args:
        image: uint8, uint16 or float32 `[height, width, channels]`, or a path.
        source: `PixelFormat` of the images that are translated.
        ids: Whether files are maps of numbers.

    Returns:
        `[height, width, channels]`.

    Raises:
        ValueError: If it is no single image, or floats for pixels of whole numbers.

    Example:
        >>> read_image(np.zeros((5, 7), "uint8"), PixelFormat(1, "uint8", (0.0, 255.0)))
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: An image is `[height, width, channels]` ... pixels[..., None].
    """
    if isinstance(image, (str, os.PathLike)):
        if not os.path.isfile(image):
            raise InputError(
                "An image is an array or the path of a file. Received: "
                f"{os.fspath(image)!r}, where there is none. Check the spelling."
            )
        if ids:
            with open(image, "rb") as file:
                return decode_ids(file.read())
        return codecs.read(image)
    pixels = np.asarray(image)
    cure = None
    if pixels.ndim == 2:
        cure = "Add the axis of channels, pixels[..., None]."
    elif pixels.ndim == 4:
        cure = "Translate the images of a batch one by one."
    elif pixels.ndim != 3 or 0 in pixels.shape:
        cure = "Give one image with pixels."
    elif pixels.shape[0] <= MOST_CHANNELS < pixels.shape[-1] != source.channels:
        cure = "Put the channels last, pixels.transpose(1, 2, 0)."
    elif pixels.dtype.kind == "f" and source.dtype in ("uint8", "uint16"):
        cure = (
            f"Round floats that are levels, pixels.round().astype({source.dtype!r}); "
            "`tfpix2pix.data.images.to_pixels` makes pixels of floats in [-1, 1]."
        )
    if cure is not None:
        raise InputError(
            f"An image is `[height, width, channels]` of {source.dtype}. Received: shape "
            f"{pixels.shape} of {pixels.dtype}. {cure}"
        )
    return pixels
