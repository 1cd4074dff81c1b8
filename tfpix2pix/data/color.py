"""Colour: sRGB to CIE Lab and back, within the graph."""

import tensorflow as tf

from tfpix2pix.errors import InputError

# sRGB primaries (IEC 61966-2-1) and the white point D65 for an observer of 2 degrees.
_TO_XYZ = [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169]]
_TO_XYZ += [[0.019334, 0.119193, 0.950227]]
_WHITE = [0.95047, 1.0, 1.08883]
_LINEAR = 0.008856  # Up to this Y the curve is a line.
_CUBE = 16 / 116


def to_lab(rgb: tf.Tensor) -> tf.Tensor:
    """Converts sRGB to CIE Lab.

    Args:
        rgb: float32 `[..., 3]` in [0, 1].

    Returns:
        float32 `[..., 3]`: L in [0, 100], a and b within about [-108, 98].

    Example:
        >>> [round(value) for value in to_lab(tf.ones((1, 3)))[0].numpy().tolist()]
        [100, 0, 0]
    """
    high = rgb > 0.04045
    # The gradient needs the power to be defined in the unused branch too.
    curve = tf.pow((tf.where(high, rgb, 1.0) + 0.055) / 1.055, 2.4)
    xyz = tf.linalg.matvec(tf.constant(_TO_XYZ), tf.where(high, curve, rgb / 12.92)) / _WHITE
    root = tf.pow(tf.maximum(xyz, _LINEAR), 1 / 3)
    x, y, z = tf.unstack(tf.where(xyz > _LINEAR, root, 7.787 * xyz + _CUBE), axis=-1)
    return tf.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def from_lab(lab: tf.Tensor, *, gamut: str = "clip") -> tf.Tensor:
    """Converts CIE Lab to sRGB.

    Args:
        lab: float32 `[..., 3]`, L in [0, 100].
        gamut: What becomes of colours that sRGB has not: `"clip"` cuts off each channel, which
            changes the lightness; `"fade"` mixes in so much grey of their lightness, in linear
            light, that they are within, and keeps it.

    Returns:
        float32 `[..., 3]` in [0, 1].

    Raises:
        ValueError: If `gamut` is neither.

    Example:
        >>> white = from_lab(tf.constant([100.0, 0.0, 0.0]))
        >>> [round(value) for value in white.numpy().tolist()]
        [1, 1, 1]
    """
    if gamut not in ("clip", "fade"):
        raise InputError(f"`gamut` must be clip or fade. Received: {gamut!r}. Use one of these.")
    lightness, a, b = tf.unstack(lab, axis=-1)
    y = (lightness + 16) / 116
    curve = tf.stack([a / 500 + y, y, tf.maximum(y - b / 200, 0.0)], axis=-1)
    xyz = tf.where(curve > 0.2068966, curve**3, (curve - _CUBE) / 7.787) * _WHITE
    rgb = tf.linalg.matvec(tf.linalg.inv(tf.constant(_TO_XYZ)), xyz)
    if gamut == "fade":
        rgb = _faded(rgb, xyz[..., 1:2])
    high = 1.055 * tf.pow(tf.maximum(rgb, 0.0031308), 1 / 2.4) - 0.055
    return tf.clip_by_value(tf.where(rgb > 0.0031308, high, 12.92 * rgb), 0.0, 1.0)


def _faded(rgb, grey):
    """Moves linear colours towards the grey of their luminance, just so far that none is beyond."""
    away = rgb - grey
    room = tf.where(away > 0, 1 - grey, grey)
    share = tf.math.divide_no_nan(room, tf.abs(away))
    share = tf.reduce_min(tf.where(tf.abs(away) > room, share, 1.0), axis=-1, keepdims=True)
    return grey + share * away
