"""Gradient penalties: how steeply a discriminator may judge.

Each takes the gradient of an example's mean logit with respect to its target, the part of the input
that the generator can change.
"""

import tensorflow as tf

from tfpix2pix.errors import InputError


def wgan_gp(judge, real, fake, noise):
    """Returns (|gradient| - 1)² at a random point between real and fake.

    Args:
        judge: Function of targets to logits, float `[batch, rows, columns, 1]`.
        real: float `[batch, height, width, channels]`.
        fake: The same, translated.
        noise: float `[batch, height, width, channels]`, uniform in [0, 1); the first value of each
            example is used.

    Returns:
        float32 `[batch]`, at least 0.

    Example:
        >>> steep = lambda target: 3.0 * tf.reduce_sum(target, (1, 2, 3), keepdims=True)
        >>> wgan_gp(steep, *[tf.ones((1, 1, 1, 1))] * 3).numpy().tolist()
        [4.0]

    Reference:
        [Gulrajani et al., 2017](https://arxiv.org/abs/1704.00028), equation 3.
    """
    real, fake, noise = (tf.cast(x, "float32") for x in (real, fake, noise))
    share = noise[:, :1, :1, :1]
    return tf.square(_steepness(judge, real + share * (fake - real)) - 1.0)


def dragan(judge, real, fake, noise):
    """Returns (|gradient| - 1)² at a random point near real.

    Args:
        judge: Function of targets to logits, float `[batch, rows, columns, 1]`.
        real: float `[batch, height, width, channels]`.
        fake: Has no part in it.
        noise: float `[batch, height, width, channels]`, uniform in [0, 1), times half of the
            deviation of the real batch.

    Returns:
        float32 `[batch]`, at least 0.

    Example:
        >>> steep = lambda target: 3.0 * tf.reduce_sum(target, (1, 2, 3), keepdims=True)
        >>> dragan(steep, *[tf.ones((1, 1, 1, 1))] * 3).numpy().tolist()
        [4.0]

    Reference:
        [Kodali et al., 2017](https://arxiv.org/abs/1705.07215), algorithm 1.
    """
    del fake
    real, noise = tf.cast(real, "float32"), tf.cast(noise, "float32")
    return tf.square(_steepness(judge, real + 0.5 * tf.math.reduce_std(real) * noise) - 1.0)


def r1(judge, real, fake, noise):
    """Returns |gradient|² / 2 at real.

    Args:
        judge: Function of targets to logits, float `[batch, rows, columns, 1]`.
        real: float `[batch, height, width, channels]`.
        fake: Has no part in it.
        noise: Has no part in it.

    Returns:
        float32 `[batch]`, at least 0.

    Example:
        >>> steep = lambda target: 3.0 * tf.reduce_sum(target, (1, 2, 3), keepdims=True)
        >>> r1(steep, *[tf.ones((1, 1, 1, 1))] * 3).numpy().tolist()
        [4.5]

    Reference:
        [Mescheder et al., 2018](https://arxiv.org/abs/1801.04406), equation 9.
    """
    del fake, noise
    return 0.5 * tf.square(_steepness(judge, real))


def _steepness(judge, target):
    with tf.GradientTape() as tape:
        tape.watch(target)
        logits = tf.reduce_mean(tf.cast(judge(target), "float32"), axis=(1, 2, 3))
    gradient = tf.cast(tape.gradient(logits, target), "float32")
    # The root has no gradient at zero, where a discriminator without opinion is.
    return tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=(1, 2, 3)) + 1e-12)


PENALTIES = {"wgan_gp": wgan_gp, "dragan": dragan, "r1": r1}


def penalty(kind):
    """Returns a gradient penalty by its name, or `None` for `None`.

    Args:
        kind: `"wgan_gp"`, `"dragan"`, `"r1"` or `None`.

    Raises:
        ValueError: If the kind is unknown.

    Example:
        >>> penalty("r1") is r1
        True
    """
    if kind is not None and kind not in PENALTIES:
        raise InputError(
            f"`penalty` must be one of {sorted(PENALTIES)} or None. Received: penalty={kind!r}."
        )
    return PENALTIES.get(kind)
