"""Pixel formats: channels, type and range of images, and the conversions between them."""

from typing import NamedTuple, Optional

import numpy as np

from tfpix2pix.errors import InputError


class PixelFormat(NamedTuple):
    """Channels, type and range of the images in one place of all examples.

    Attributes:
        channels: Number of channels.
        dtype: `"uint8"`, `"uint16"` or `"float32"`; of ids `"int32"` too.
        value_range: `(low, high)`, the pixels that become -1 and 1.

    As an argument, `None` leaves a property to the files.

    Example:
        >>> PixelFormat(3, "uint8", (0.0, 255.0)).dtype
        'uint8'
    """

    channels: Optional[int] = None
    dtype: Optional[str] = None
    value_range: Optional[tuple[float, float]] = None


def full_range(dtype) -> tuple[float, float]:
    """Returns the range of values that becomes [-1, 1] by default.

    Args:
        dtype: `"uint8"`, `"uint16"`, `"float32"`, or `"int32"` of ids, as text or as a type of
            NumPy or TensorFlow.

    Returns:
        `(low, high)`: those of the integers, or (0, 1) for float32.

    Example:
        >>> full_range("uint16")
        (0.0, 65535.0)
    """
    dtype = np.dtype(getattr(dtype, "as_numpy_dtype", dtype))
    return (0.0, float(np.iinfo(dtype).max) if dtype.kind in "ui" else 1.0)


def assumed_alpha(channels: int, dtype: str) -> bool:
    """Whether the last channel is taken for alpha, where no file says: of 2 or 4 of integers.

    Args:
        channels: Channels of an image.
        dtype: Its type.

    Example:
        >>> assumed_alpha(4, "uint8"), assumed_alpha(4, "float32")
        (True, False)
    """
    return channels in (2, 4) and dtype != "float32"


def convertible(
    channels: int,
    dtype: str,
    wanted_channels: int,
    wanted_dtype: str,
    alpha: Optional[bool] = None,
) -> bool:
    """Whether `convert` can convert an image.

    Args:
        channels: Channels of an image.
        dtype: Its type.
        wanted_channels: Channels wanted.
        wanted_dtype: Type wanted.
        alpha: Whether its last channel is alpha; by default as of `assumed_alpha`.

    Returns:
        bool.

    Example:
        >>> convertible(6, "uint16", 3, "uint16")
        False
    """
    alpha = assumed_alpha(channels, dtype) if alpha is None else alpha
    has_color = channels - alpha in (1, 3)
    channels_fit = channels == wanted_channels or (has_color and wanted_channels <= 4)
    return channels_fit and (dtype == wanted_dtype or (dtype, wanted_dtype) == ("uint8", "uint16"))


def luma(red, green, blue):
    """Mixes grey by the luma of ITU-R BT.601, of whole numbers to the nearest, halves up.

    Args:
        red: Integers of at least 32 bits, of NumPy or TensorFlow; so are `green` and `blue`.
        green: As `red`.
        blue: As `red`.

    Returns:
        Integers of the same type and shape: in the graph the same as in NumPy, to the bit.

    Example:
        >>> [int(luma(*color)) for color in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
        [76, 150, 29]
    """
    return (299 * red + 587 * green + 114 * blue + 500) // 1000


def convert(
    pixels: np.ndarray, channels: int, dtype: str, *, alpha: Optional[bool] = None
) -> np.ndarray:
    """Converts an image to other channels and more bits, so that white stays white.

    Grey becomes RGB by repetition and RGB grey by its luma (ITU-R BT.601); alpha is dropped or
    added, opaque.

    Args:
        pixels: uint8, uint16 or float32 `[height, width, channels]`.
        channels: Channels wanted.
        dtype: Type wanted; the same, or `"uint16"` for uint8.
        alpha: Whether the last channel of the image is alpha; by default as of `assumed_alpha`.

    Returns:
        `dtype` `[height, width, channels]`.

    Raises:
        ValueError: If there is no such conversion.

    Example:
        >>> convert(np.full((1, 1, 1), 255, "uint8"), 3, "uint16").tolist()
        [[[65535, 65535, 65535]]]
    """
    old_channels = pixels.shape[-1]
    old_dtype = str(pixels.dtype)
    if not convertible(old_channels, old_dtype, channels, dtype, alpha):
        is_too_deep = (old_dtype, dtype) == ("uint16", "uint8")
        cure = "Scale them by `images.to_pixels(images.to_signed(pixels))`" if is_too_deep else ""
        raise InputError(
            "Grey and RGB, with and without alpha, can be converted to each other, and 8 bits to "
            f"16. Received: {old_channels} channels of {old_dtype} for {channels} of {dtype}. "
            f"{cure or 'Use images of one kind'}."
        )
    if dtype != old_dtype:
        pixels = pixels.astype(dtype) * 257
    if old_channels == channels:
        return pixels
    if alpha is None:
        alpha = assumed_alpha(old_channels, old_dtype)
    color = pixels[..., : old_channels - alpha]
    opacity = pixels[..., -1:] if alpha else None
    if color.shape[-1] == 3 and channels < 3:
        if dtype == "float32":
            color = (color @ np.array([[0.299], [0.587], [0.114]])).astype(dtype)
        else:
            color = luma(*np.split(color.astype("int64"), 3, axis=-1)).astype(dtype)
    elif color.shape[-1] == 1 and channels > 2:
        color = np.repeat(color, 3, axis=-1)
    if channels in (1, 3):
        return color
    if opacity is None:
        opacity = np.full_like(color[..., :1], 1 if dtype == "float32" else np.iinfo(dtype).max)
    return np.concatenate([color, opacity], axis=-1)


def fitting(pixels: np.ndarray, pixel_format: PixelFormat) -> np.ndarray:
    """Converts pixels to a format; refuses those that it cannot hold.

    Args:
        pixels: uint8, uint16 or float32 `[height, width, channels]`.
        pixel_format: `PixelFormat`.

    Returns:
        Pixels `[height, width, channels]` of the format.

    Raises:
        ValueError: If there is no such conversion, or a value is out of the format's range.

    Example:
        >>> fitting(np.zeros((4, 6, 1), "uint8"), PixelFormat(3, "uint8", (0.0, 255.0))).shape
        (4, 6, 3)
    """
    pixels = convert(pixels, pixel_format.channels, pixel_format.dtype)
    return in_range(pixels, pixel_format.value_range)


def in_range(pixels: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Refuses pixels out of a range.

    Args:
        pixels: Of any shape.
        value_range: `(low, high)`.

    Returns:
        The same pixels.

    Raises:
        ValueError: If one is outside, or not a number.

    Example:
        >>> in_range(np.array([3, 4]), (3.0, 4.0)).tolist()
        [3, 4]
    """
    low, high = value_range
    least = pixels.min()
    greatest = pixels.max()
    if not low <= least <= greatest <= high:  # Nor when one is not a number.
        raise InputError(
            f"Pixels must be in the range of what was trained on, {low:g} to {high:g}. Received: "
            f"values from {least:g} to {greatest:g}. Rescale them; label maps need the classes of "
            "the training."
        )
    return pixels
