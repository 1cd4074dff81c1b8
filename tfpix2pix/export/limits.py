"""Limits of what is served: images by pixels and bits, before anything is decoded or computed."""

import tensorflow as tf

from tfpix2pix.data import images
from tfpix2pix.data.formats import PixelFormat

MOST_PIXELS = 2**24  # Of an image that is served, such as 4096 x 4096.


def check_size(size, most_pixels: int):
    """Refuses an image by its sides: a server enforces no shape of a signature.

    Args:
        size: int `[height, width]` in pixels.
        most_pixels: Height times width of the largest image that is translated.

    Returns:
        The operation that fails for an image that is empty or too large.

    Example:
        >>> check_size(tf.constant([4, 4]), most_pixels=16)
    """
    size = tf.cast(size, "int64")
    fits = tf.reduce_all(size > 0) & (tf.reduce_prod(size) <= most_pixels)
    rule = (
        f"An image must have at least 1 pixel and at most {most_pixels}. Received: [height width]"
    )
    return tf.debugging.Assert(fits, [rule, size, "Scale it, or cut it into parts."])


def check_bits(encoded, dtype: str):
    """Refuses a PNG of 16 bits for images of 8, of which decoding would cut off the lower ones.

    Args:
        encoded: string scalar, a file.
        dtype: Type of the images, `"uint8"` or `"uint16"`.

    Returns:
        The operation that fails for such a file.

    Example:
        >>> check_bits(tf.io.encode_png(tf.zeros((4, 6, 1), "uint16")), "uint16")
    """
    head = _head(encoded)
    is_deep = _starts(head, b"\x89PNG") & (head[24] == 16)
    fits = tf.logical_not(is_deep) | (dtype != "uint8")
    rule = "Images of 8 bits must be sent to this model. Received: a PNG of 16 bits"
    return tf.debugging.Assert(fits, [rule, "Scale it to 8 bits."])


def decode(encoded, pixel_format: PixelFormat, most_pixels: int):
    """Decodes a file of an image that is neither too large nor of too many bits.

    Args:
        encoded: string scalar, a file.
        pixel_format: `tfpix2pix.data.formats.PixelFormat` of the pixels that are wanted.
        most_pixels: Height times width of the largest image.

    Returns:
        Pixels `[height, width, channels]`.

    Raises:
        tf.errors.InvalidArgumentError: When it is run.

    Example:
        >>> encoded = tf.io.encode_png(tf.zeros((4, 6, 1), "uint8"))
        >>> decode(encoded, PixelFormat(3, "uint8", (0.0, 255.0)), MOST_PIXELS).shape
        TensorShape([4, 6, 3])
    """
    checks = [
        check_size(declared_size(encoded), most_pixels),
        check_bits(encoded, pixel_format.dtype),
    ]
    with tf.control_dependencies(checks):
        return images.decode(encoded, pixel_format.channels, pixel_format.dtype)


def declared_size(encoded):
    """Reads the sides of an image from the head of its file, so that no bomb is decoded.

    Args:
        encoded: string scalar, a file.

    Returns:
        int64 `[height, width]`; of other files than PNG, JPEG, GIF and BMP 1 pixel, since decoding
        refuses them.

    Example:
        >>> declared_size(tf.io.encode_png(tf.zeros((4, 6, 1), "uint8"))).numpy().tolist()
        [4, 6]
    """
    head = _head(encoded)

    def number(offset, powers):
        digits = head[offset : offset + len(powers)]
        return tf.reduce_sum(digits * [256**power for power in powers])

    def bmp_size():
        # A height below zero stands for rows from the top.
        height = number(22, (0, 1, 2, 3))
        return tf.stack([tf.minimum(height, 2**32 - height), number(18, (0, 1, 2, 3))])

    def png_size():
        return tf.stack([number(20, (3, 2, 1, 0)), number(16, (3, 2, 1, 0))])

    return tf.case(
        [
            (_starts(head, b"\x89PNG"), png_size),
            (
                _starts(head, b"\xff\xd8\xff"),
                lambda: tf.image.extract_jpeg_shape(encoded, "int64")[:2],
            ),
            (_starts(head, b"GIF"), lambda: tf.stack([number(8, (0, 1)), number(6, (0, 1))])),
            (_starts(head, b"BM"), bmp_size),
        ],
        default=lambda: tf.ones(2, "int64"),
    )


def _head(encoded):
    """Returns the first 26 bytes of a file, zeros where it is shorter: int64 `[26]`."""
    head = tf.io.decode_raw(tf.strings.substr(encoded, 0, 26), "uint8", fixed_length=26)
    return tf.cast(head, "int64")


def _starts(head, magic):
    return tf.reduce_all(head[: len(magic)] == list(magic))
