"""Images in the graph: decodes, resizes and scales between pixels and the networks' [-1, 1]."""

from typing import Optional, Union

import tensorflow as tf

from tfpix2pix.data import codecs, formats
from tfpix2pix.errors import InputError

KERNELS = ("bilinear", "bicubic", "area", "nearest")


def decode(encoded: tf.Tensor, channels: int = 3, dtype: str = "uint8") -> tf.Tensor:
    """Decodes a PNG, JPEG, BMP or GIF (first frame) within the graph.

    PNG and JPEG files become what `codecs.decode` and `formats.convert` make of them, to the bit,
    but for what `codecs.Decoded.native` tells: the orientation is ignored, animations and CMYK.

    Args:
        encoded: string scalar, the bytes of a file.
        channels: 1 for grey, 3 for RGB or 4 with alpha; other files are converted.
        dtype: `"uint8"` or `"uint16"`; files of other bits are converted, white stays white.

    Returns:
        `dtype` `[height, width, channels]`.

    Example:
        >>> decode(encode(tf.zeros((2, 4, 3), "uint8"))).shape
        TensorShape([2, 4, 3])
    """
    colors = max(channels, 3)  # TensorFlow mixes grey in linear light if a PNG names its gamma.

    def png():
        image = tf.io.decode_png(encoded, colors, dtype)
        return _with_alpha_of_full_range(image, encoded) if colors == 4 else image

    def without_alpha(rgb):
        # TensorFlow widens a PNG's 255 to 65535, but a JPEG's to 65280.
        rgb = rgb if dtype == "uint8" else tf.cast(rgb, dtype) * 257
        opaque = [[0, 0], [0, 0], [0, colors - 3]]
        return tf.pad(rgb, opaque, constant_values=tf.as_dtype(dtype).max)

    def jpeg():
        # Else TensorFlow takes the fast DCT, which is some levels off.
        return without_alpha(tf.io.decode_jpeg(encoded, 3, dct_method="INTEGER_ACCURATE"))

    def other():
        # Files of many frames come with a fourth axis unless this is off.
        return without_alpha(tf.io.decode_image(encoded, 3, expand_animations=False))

    magic = tf.strings.substr(encoded, 0, 3)
    image = tf.case([(magic == b"\x89PN", png), (magic == b"\xff\xd8\xff", jpeg)], default=other)
    image = tf.ensure_shape(image, (None, None, colors))
    if channels == 1:
        grey = formats.luma(*tf.unstack(tf.cast(image, "int32"), axis=-1))
        image = tf.cast(grey, dtype)[..., tf.newaxis]
    return image


def decode_any(
    encoded: tf.Tensor, channels: int, dtype: str, *, native: Union[bool, tf.Tensor]
) -> tf.Tensor:
    """Decodes a file of any format.

    Args:
        encoded: string scalar, the bytes of a file.
        channels: Channels wanted; see `tfpix2pix.data.formats.convert`.
        dtype: `"uint8"`, `"uint16"` or `"float32"`; at least as wide as the file's.
        native: bool or bool scalar, whether `decode` gives the same; it is several times faster.

    Returns:
        `dtype` `[height, width, channels]`.

    Example:
        >>> encoded = codecs.encode(tf.zeros((2, 4, 6), "uint16").numpy(), ".tiff")
        >>> decode_any(encoded, 6, "uint16", native=False).shape
        TensorShape([2, 4, 6])
    """
    # A tensor: of bytes, an eager `numpy_function` makes an array without the last zeros.
    encoded = tf.convert_to_tensor(encoded)

    def by_libraries(encoded):
        encoded = encoded if isinstance(encoded, bytes) else encoded.item()
        decoded = codecs.decode(encoded)
        return formats.convert(decoded.pixels, channels, dtype, alpha=decoded.alpha)

    def anything():
        image = tf.numpy_function(by_libraries, [encoded], dtype, stateful=False)
        return tf.ensure_shape(image, (None, None, channels))

    if channels not in (1, 3, 4) or dtype == "float32" or native is False:
        return anything()
    if native is True:
        return decode(encoded, channels, dtype)
    return tf.cond(native, lambda: decode(encoded, channels, dtype), anything)


def encode(image: tf.Tensor) -> tf.Tensor:
    """Encodes an image as PNG, quickly: see `codecs.PNG_COMPRESSION`.

    Args:
        image: uint8 or uint16 `[height, width, channels]`, 1 to 4 channels.

    Returns:
        string scalar, the bytes of the file.

    Example:
        >>> encode(tf.zeros((2, 4, 3), "uint8")).numpy()[1:4]
        b'PNG'
    """
    return tf.io.encode_png(image, compression=codecs.PNG_COMPRESSION)


def to_signed(pixels: tf.Tensor, value_range: Optional[tuple[float, float]] = None) -> tf.Tensor:
    """Maps pixels to [-1, 1].

    Args:
        pixels: uint8, uint16 or float32 of any shape.
        value_range: `(low, high)`, the pixels that become -1 and 1; by default
            `formats.full_range`.

    Returns:
        float32 of the same shape.

    Example:
        >>> to_signed(tf.constant([0, 255], "uint8")).numpy().tolist()
        [-1.0, 1.0]
    """
    pixels = tf.convert_to_tensor(pixels)
    low, high = value_range or formats.full_range(pixels.dtype)
    pixels = tf.cast(pixels, "float32")
    return (pixels - low if low else pixels) / ((high - low) / 2) - 1.0


def to_pixels(
    signed: tf.Tensor, dtype: str = "uint8", value_range: Optional[tuple[float, float]] = None
) -> tf.Tensor:
    """Maps [-1, 1] to pixels: the inverse of `to_signed`.

    Args:
        signed: float of any shape.
        dtype: `"uint8"` or `"uint16"`, rounded and clipped to their range, or `"float32"`.
        value_range: `(low, high)`, what -1 and 1 become; by default `formats.full_range`.

    Returns:
        `dtype` of the same shape.

    Example:
        >>> to_pixels(tf.constant([-1.5, 0.0, 1.0])).numpy().tolist()
        [0, 128, 255]
    """
    low, high = value_range or formats.full_range(dtype)
    pixels = (tf.cast(signed, "float32") + 1.0) * ((high - low) / 2) + low
    return _rounded(pixels, tf.as_dtype(dtype))


def displayed(pixels: tf.Tensor, value_range: Optional[tuple[float, float]] = None) -> tf.Tensor:
    """Converts pixels of any format to those of a screen.

    Args:
        pixels: uint8, uint16 or float32 `[..., channels]`; of more than 4 channels the first 3 are
            shown, of 2 the first.
        value_range: `(low, high)`, black and white; by default `formats.full_range`.

    Returns:
        uint8 `[..., 3]`.

    Example:
        >>> displayed(tf.constant([[65535]], "uint16")).numpy().tolist()
        [[255, 255, 255]]
    """
    pixels = to_pixels(to_signed(pixels, value_range))
    return pixels[..., :3] if pixels.shape[-1] > 2 else tf.repeat(pixels[..., :1], 3, axis=-1)


def resize(image: tf.Tensor, size: tuple[int, int], kernel: str = "bilinear") -> tf.Tensor:
    """Resizes an image, with antialiasing where it shrinks.

    Args:
        image: uint8, uint16 or float32 `[height, width, channels]`, or with a batch axis before.
        size: `(height, width)` in pixels.
        kernel: `"bilinear"`, `"bicubic"`, `"area"`, or `"nearest"`, which makes no new values: for
            label maps.

    Returns:
        The same type in the new size; the same pixels where the size is already right.

    Raises:
        ValueError: If the kernel is unknown.

    Example:
        >>> resize(tf.zeros((8, 8, 3), "uint8"), (4, 2), "bicubic").shape
        TensorShape([4, 2, 3])
    """
    if kernel not in KERNELS:
        raise InputError(f"`kernel` must be one of {', '.join(KERNELS)}. Received: {kernel!r}.")
    image = tf.convert_to_tensor(image)

    def resized(antialias):
        return tf.image.resize(image, size, kernel, antialias=antialias)

    if kernel in ("bilinear", "bicubic"):
        # Without antialiasing TensorFlow skips pixels where an image shrinks; where it grows,
        # antialiasing gives the same values in twice the time.
        sides = tf.shape(image)[-3:-1]
        result = tf.cond(tf.reduce_any(sides > size), lambda: resized(True), lambda: resized(False))
    else:
        result = resized(False)
    return _rounded(result, image.dtype) if result.dtype != image.dtype else result


def _with_alpha_of_full_range(image, png):
    """Makes a PNG without alpha opaque, where TensorFlow fills in 3 of 255 for 2 bits."""
    bits = tf.io.decode_raw(tf.strings.substr(png, 0, 25), "uint8", fixed_length=25)[24]
    filled = tf.cast(2 ** tf.minimum(tf.cast(bits, "int32"), 8) - 1, image.dtype)
    alpha = image[..., 3:]
    is_filled = tf.reduce_all(alpha == filled * (image.dtype.max // 255))
    opaque = tf.fill(tf.shape(alpha), tf.constant(image.dtype.max, image.dtype))
    return tf.concat([image[..., :3], tf.where(is_filled, opaque, alpha)], axis=-1)


def _rounded(pixels, dtype):
    if not dtype.is_integer:
        return tf.cast(pixels, dtype)
    return tf.cast(tf.clip_by_value(tf.round(pixels), dtype.min, dtype.max), dtype)
