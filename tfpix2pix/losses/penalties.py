"""Gradient penalties of the discriminator.

The gradient is that of an example's mean logit with respect to its target, which is the part of the
discriminator's input that the generator can change.
"""

from typing import Callable, Optional

import tensorflow as tf

from tfpix2pix.errors import InputError
from tfpix2pix.losses.gan import mean_logit


def wgan_gp(judge: Callable, real, fake, noise):
    """Returns (gradient norm - 1)² at a random point between real and fake.

    Args:
        judge: The discriminator as a function of targets to logits, float
            `[batch, rows, columns, 1]`.
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
    return tf.square(_gradient_norm(judge, real + share * (fake - real)) - 1.0)


def dragan(judge: Callable, real, fake, noise):
    """Returns (gradient norm - 1)² at a random point near real.

    Args:
        judge: The discriminator as a function of targets to logits, float
            `[batch, rows, columns, 1]`.
        real: float `[batch, height, width, channels]`.
        fake: Ignored; all penalties have the same arguments.
        noise: float `[batch, height, width, channels]`, uniform in [0, 1); half of the standard
            deviation of the real batch scales it.

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
    real = tf.cast(real, "float32")
    noise = tf.cast(noise, "float32")
    return tf.square(_gradient_norm(judge, real + 0.5 * tf.math.reduce_std(real) * noise) - 1.0)


def dragan_variance(judge: Callable, real, fake, noise):
    """Returns (gradient norm - 1)² at a random point around real, as the code of TwinGAN does.

    Args:
        judge: The discriminator as a function of targets to logits, float
            `[batch, rows, columns, 1]`.
        real: float `[batch, height, width, channels]`.
        fake: Ignored; all penalties have the same arguments.
        noise: float `[batch, height, width, channels]`, uniform in [0, 1). It is moved to [-1, 1)
            and scaled by half of the *variance* of the real batch, and by its own first value in
            each example.

    Returns:
        float32 `[batch]`, at least 0.

    Example:
        >>> steep = lambda target: 3.0 * tf.reduce_sum(target, (1, 2, 3), keepdims=True)
        >>> dragan_variance(steep, *[tf.ones((1, 1, 1, 1))] * 3).numpy().tolist()
        [4.0]

    Reference:
        [Li, 2018](https://arxiv.org/abs/1809.00946), its code.
    """
    del fake
    real, noise = (tf.cast(x, "float32") for x in (real, noise))
    steps = noise[:, :1, :1, :1] * (2.0 * noise - 1.0)
    moved = real + 0.5 * tf.math.reduce_variance(real) * steps
    return tf.square(_gradient_norm(judge, moved) - 1.0)


def r1(judge: Callable, real, fake, noise):
    """Returns (gradient norm)² / 2 at real.

    Args:
        judge: The discriminator as a function of targets to logits, float
            `[batch, rows, columns, 1]`.
        real: float `[batch, height, width, channels]`.
        fake: Ignored; all penalties have the same arguments.
        noise: Ignored; all penalties have the same arguments.

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
    return 0.5 * tf.square(_gradient_norm(judge, real))


def _gradient_norm(judge, target):
    with tf.GradientTape() as tape:
        tape.watch(target)
        logits = mean_logit(tf.cast(judge(target), "float32"))
    gradient = tf.cast(tape.gradient(logits, target), "float32")
    # At zero, where the discriminator is constant, the root has no gradient.
    return tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=(1, 2, 3)) + 1e-12)


PENALTIES = {"wgan_gp": wgan_gp, "dragan": dragan, "dragan_variance": dragan_variance, "r1": r1}


def penalty(kind: Optional[str]) -> Optional[Callable]:
    """Returns the gradient penalty of a name, or `None` for `None`.

    Args:
        kind: `"wgan_gp"`, `"dragan"`, `"dragan_variance"`, `"r1"` or `None`.

    Returns:
        A function of this module, or `None`.

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
