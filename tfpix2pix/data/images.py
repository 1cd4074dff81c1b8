"""Images at the border: encoded bytes, uint8 pixels and the networks' range of [-1, 1]."""

import tensorflow as tf


def decode(encoded, channels=3):
    """Decodes a PNG, JPEG, BMP or GIF (first frame).

    Args:
        encoded: string scalar, the bytes of a file.
        channels: 1 for grey, 3 for RGB or 4 with alpha; other files are converted.

    Returns:
        uint8 `[height, width, channels]` in [0, 255].

    Example:
        >>> decode(encode(tf.zeros((2, 4, 3), "uint8"))).shape
        TensorShape([2, 4, 3])
    """
    # Files of many frames come with a fourth axis unless this is off.
    image = tf.io.decode_image(encoded, channels=channels, expand_animations=False)
    return tf.ensure_shape(image, (None, None, channels))


def encode(image):
    """Encodes an image as PNG.

    Args:
        image: uint8 `[height, width, channels]`, 1 to 4 channels.

    Returns:
        string scalar, the bytes of the file.

    Example:
        >>> encode(tf.zeros((2, 4, 3), "uint8")).numpy()[1:4]
        b'PNG'
    """
    return tf.io.encode_png(image)


def to_signed(pixels):
    """Maps [0, 255] to [-1, 1].

    Args:
        pixels: uint8 of any shape.

    Returns:
        float32 of the same shape.

    Example:
        >>> to_signed(tf.constant([0, 255], "uint8")).numpy().tolist()
        [-1.0, 1.0]
    """
    return tf.cast(pixels, "float32") / 127.5 - 1.0


def to_uint8(signed):
    """Maps [-1, 1] to [0, 255], rounded, values beyond clipped: the inverse of `to_signed`.

    Args:
        signed: float of any shape.

    Returns:
        uint8 of the same shape.

    Example:
        >>> to_uint8(tf.constant([-1.5, 0.0, 1.0])).numpy().tolist()
        [0, 128, 255]
    """
    pixels = tf.round((tf.cast(signed, "float32") + 1.0) * 127.5)
    return tf.cast(tf.clip_by_value(pixels, 0.0, 255.0), "uint8")


def resize(image, size):
    """Resizes an image bilinearly, averaging what shrinks.

    Args:
        image: uint8 `[height, width, channels]` or `[batch, height, width, channels]`.
        size: `(height, width)` in pixels.

    Returns:
        uint8 of the new size; the same pixels where the size is already right.

    Example:
        >>> resize(tf.zeros((8, 8, 3), "uint8"), (4, 2)).shape
        TensorShape([4, 2, 3])
    """
    # Without antialiasing TensorFlow skips pixels where an image shrinks.
    resized = tf.image.resize(image, size, antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), "uint8")
