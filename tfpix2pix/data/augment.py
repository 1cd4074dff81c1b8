"""Augmentation: random crop and flip of both images of a pair; noise on the source alone."""

from dataclasses import dataclass
from typing import Optional

import tensorflow as tf

from tfpix2pix.errors import InputError


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training examples, besides the crop.

    Attributes:
        flip: Whether to mirror source and target together with probability one half.
        source_brightness: Greatest change of brightness of the source alone, of its range of 2.
        source_noise: Standard deviation of the noise on the source alone, of its range of 2.

    Raises:
        ValueError: If one is negative.

    Example:
        >>> Augmentation(flip=False).source_noise
        0.0
    """

    flip: bool = True
    source_brightness: float = 0.0
    source_noise: float = 0.0

    def __post_init__(self):
        """Checks the ranges."""
        if min(self.source_brightness, self.source_noise) < 0:
            raise InputError(
                "The brightness and noise of sources must be at least 0. Received: "
                f"source_brightness={self.source_brightness}, source_noise={self.source_noise}."
            )


def jitter(
    images: tuple[tf.Tensor, ...],
    size: Optional[tuple[int, int]],
    *,
    flip: bool = True,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """Cuts the same random window out of images and mirrors all with probability one half.

    Args:
        images: Tuple of `[height, width, channels]` of any dtypes and channels, of one size.
        size: `(height, width)` of the window in pixels, at most that of the images; `None` for all.
        flip: Whether to mirror left and right.
        seed: int `[2]`; the same seed gives the same jitter.

    Returns:
        Tuple of `[*size, channels]` of the same dtypes.

    Example:
        >>> jitter((tf.zeros((8, 8, 6), "uint8"),), (4, 4), seed=(0, 1))[0].shape
        TensorShape([4, 4, 6])

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 6.2.
    """
    seed = tf.convert_to_tensor(seed, "int64")
    if size is not None:
        margin = tf.shape(images[0])[:2] - size + 1
        offset = tf.random.stateless_uniform([2], seed, 0, tf.int32.max, tf.int32) % margin
        images = window(images, offset, size)
    if not flip:
        return images
    # Folded in, so that the mirroring does not depend on the window.
    mirror = tf.random.experimental.stateless_fold_in(seed, 1)
    return tf.cond(
        tf.random.stateless_uniform([], mirror) < 0.5,
        lambda: tuple(tf.reverse(image, [1]) for image in images),
        lambda: images,
    )


def window(
    images: tuple[tf.Tensor, ...], offset: tf.Tensor, size: tuple[int, int]
) -> tuple[tf.Tensor, ...]:
    """Cuts the same window out of images.

    Args:
        images: Tuple of `[height, width, channels]`.
        offset: int32 `[2]`: top and left in pixels.
        size: `(height, width)` in pixels.

    Returns:
        Tuple of `[*size, channels]`.

    Example:
        >>> (cut,) = window((tf.reshape(tf.range(6), (2, 3, 1)),), (1, 0), (1, 2))
        >>> cut.numpy().ravel().tolist()
        [3, 4]
    """
    begin = tf.concat([offset, [0]], axis=0)
    return tuple(tf.slice(image, begin, (*size, image.shape[-1])) for image in images)


def perturb(source: tf.Tensor, augmentation: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Changes the brightness of a source at random and adds noise.

    Args:
        source: float `[height, width, channels]` in [-1, 1].
        augmentation: `Augmentation`.
        seed: int `[2]`; the same seed gives the same result.

    Returns:
        The same shape and type, clipped to [-1, 1].

    Example:
        >>> brighter = Augmentation(source_brightness=0.5)
        >>> perturb(tf.ones((1, 1, 1)), brighter, (0, 1)).numpy().item() <= 1.0
        True
    """
    if not (augmentation.source_brightness or augmentation.source_noise):
        return source
    light, grain = (tf.random.experimental.stateless_fold_in(seed, part) for part in (2, 3))
    most = augmentation.source_brightness
    source += tf.random.stateless_uniform([], light, -most, most)
    source += augmentation.source_noise * tf.random.stateless_normal(tf.shape(source), grain)
    return tf.clip_by_value(source, -1.0, 1.0)
