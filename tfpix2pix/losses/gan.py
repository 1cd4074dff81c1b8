"""Adversarial losses of discriminator and generator, on raw logits.

Logits are float `[batch, rows, columns, 1]`, one for each patch, or `[batch, 1]` or `[batch]`, one
for each image.
"""

from functools import partial
from typing import Callable, NamedTuple, Optional

import tensorflow as tf

from tfpix2pix.errors import InputError


class AdversarialLoss(NamedTuple):
    """The loss of the discriminator and the loss of the generator.

    Attributes:
        discriminator: `(real_logits, fake_logits)` to float32 `[batch]`.
        generator: `(fake_logits)` to float32 `[batch]`.

    Example:
        >>> cross_entropy.generator(tf.zeros((1, 6, 6, 1))).numpy().tolist()
        [0.693147...]
    """

    discriminator: Optional[Callable]
    generator: Callable


def cross_entropy_discriminator(real_logits, fake_logits, *, real_label: float = 1.0):
    """Returns -log D(real) - log(1 - D(fake)), averaged over the patches of each example.

    Args:
        real_logits: float `[batch, rows, columns, 1]` of real pairs.
        fake_logits: The same of translated pairs.
        real_label: Target probability for real pairs; below 1 it prevents overconfidence (one-sided
            label smoothing, Salimans et al., 2016).

    Returns:
        float32 `[batch]`, at least 0; 2 log 2 for a discriminator that guesses.

    Example:
        >>> undecided = tf.zeros((1, 6, 6, 1))
        >>> cross_entropy_discriminator(undecided, undecided).numpy().tolist()
        [1.386294...]

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), equation 1.
    """
    # -log sigmoid(x) = softplus(-x), without the overflow of the logarithm.
    real = real_label * _mean(tf.nn.softplus, real_logits, -1.0)
    if real_label != 1.0:
        real += (1.0 - real_label) * _mean(tf.nn.softplus, real_logits)
    return real + _mean(tf.nn.softplus, fake_logits)


def cross_entropy_generator(fake_logits):
    """Returns -log D(fake), the non-saturating form, averaged over the patches of each example.

    Args:
        fake_logits: float `[batch, rows, columns, 1]` of translated pairs.

    Returns:
        float32 `[batch]`, at least 0.

    Example:
        >>> cross_entropy_generator(tf.fill((1, 6, 6, 1), 100.0)).numpy().tolist()
        [0.0]

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 3.3.
    """
    return _mean(tf.nn.softplus, fake_logits, -1.0)


def least_squares_discriminator(real_logits, fake_logits, *, real_label: float = 1.0):
    """Returns (D(real) - 1)² + D(fake)², averaged over the patches of each example.

    Args:
        real_logits: float `[batch, rows, columns, 1]` of real pairs.
        fake_logits: The same of translated pairs.
        real_label: Target value for real pairs.

    Returns:
        float32 `[batch]`, at least 0.

    Example:
        >>> least_squares_discriminator(tf.ones((1, 6, 6, 1)), tf.ones((1, 6, 6, 1))).numpy()
        array([1.], dtype=float32)

    Reference:
        [Mao et al., 2017](https://arxiv.org/abs/1611.04076), equation 9, without its halves.
    """
    return _mean(tf.square, real_logits, shift=-real_label) + _mean(tf.square, fake_logits)


def least_squares_generator(fake_logits):
    """Returns (D(fake) - 1)², averaged over the patches of each example.

    Args:
        fake_logits: float `[batch, rows, columns, 1]` of translated pairs.

    Returns:
        float32 `[batch]`, at least 0.

    Example:
        >>> least_squares_generator(tf.fill((1, 6, 6, 1), 3.0)).numpy().tolist()
        [4.0]

    Reference:
        [Mao et al., 2017](https://arxiv.org/abs/1611.04076), equation 9, without its halves.
    """
    return _mean(tf.square, fake_logits, shift=-1.0)


def hinge_discriminator(real_logits, fake_logits):
    """Returns max(0, 1 - D(real)) + max(0, 1 + D(fake)), averaged over the patches.

    Args:
        real_logits: float `[batch, rows, columns, 1]` of real pairs.
        fake_logits: The same of translated pairs.

    Returns:
        float32 `[batch]`, at least 0.

    Example:
        >>> hinge_discriminator(tf.fill((1, 6, 6, 1), 5.0), tf.zeros((1, 6, 6, 1))).numpy().tolist()
        [1.0]

    Reference:
        [Lim and Ye, 2017](https://arxiv.org/abs/1705.02894), section 2.
    """
    return _mean(tf.nn.relu, real_logits, -1.0, 1.0) + _mean(tf.nn.relu, fake_logits, 1.0, 1.0)


def wasserstein_discriminator(real_logits, fake_logits):
    """Returns D(fake) - D(real), averaged over the patches; needs a gradient penalty.

    Args:
        real_logits: float `[batch, rows, columns, 1]` of real pairs.
        fake_logits: The same of translated pairs.

    Returns:
        float32 `[batch]`, unbounded.

    Example:
        >>> real, fake = tf.ones((1, 6, 6, 1)), tf.zeros((1, 6, 6, 1))
        >>> wasserstein_discriminator(real, fake).numpy().tolist()
        [-1.0]

    Reference:
        [Arjovsky et al., 2017](https://arxiv.org/abs/1701.07875), equation 2.
    """
    return _mean(tf.identity, fake_logits) - _mean(tf.identity, real_logits)


def linear_generator(fake_logits):
    """Returns -D(fake), averaged over the patches: the generator's hinge and Wasserstein loss.

    Args:
        fake_logits: float `[batch, rows, columns, 1]` of translated pairs.

    Returns:
        float32 `[batch]`, unbounded.

    Example:
        >>> linear_generator(tf.fill((1, 6, 6, 1), 3.0)).numpy().tolist()
        [-3.0]

    Reference:
        [Arjovsky et al., 2017](https://arxiv.org/abs/1701.07875), equation 2.
    """
    return _mean(tf.identity, fake_logits, -1.0)


def mean_logit(logits) -> tf.Tensor:
    """Returns the mean over all logits of each example, whatever a discriminator judges by.

    Args:
        logits: float32 of two axes or more, the first of them the batch; or `[batch]`.

    Returns:
        float32 `[batch]`.

    Example:
        >>> mean_logit(tf.constant([[1.0, 3.0], [0.0, 0.0]])).numpy().tolist()
        [2.0, 0.0]
    """
    return tf.reduce_mean(logits, axis=list(range(1, len(logits.shape))))


def _mean(function: Callable, logits, factor: float = 1.0, shift: float = 0.0):
    logits = factor * tf.cast(logits, "float32") + shift
    return mean_logit(function(logits))


cross_entropy = AdversarialLoss(cross_entropy_discriminator, cross_entropy_generator)
least_squares = AdversarialLoss(least_squares_discriminator, least_squares_generator)
hinge = AdversarialLoss(hinge_discriminator, linear_generator)
wasserstein = AdversarialLoss(wasserstein_discriminator, linear_generator)

ADVERSARIAL = {
    "cross_entropy": cross_entropy,
    "least_squares": least_squares,
    "hinge": hinge,
    "wasserstein": wasserstein,
}
LABELLED = ("cross_entropy", "least_squares")


def adversarial(kind: str, *, real_label: float = 1.0) -> AdversarialLoss:
    """Returns the adversarial loss of a name.

    Args:
        kind: `"cross_entropy"`, `"least_squares"`, `"hinge"` or `"wasserstein"`.
        real_label: Target of the discriminator for real pairs, below 1 for one-sided label
            smoothing; for the first two kinds.

    Returns:
        `AdversarialLoss`.

    Raises:
        ValueError: If the kind is unknown, or has no labels to smooth.

    Example:
        >>> adversarial("hinge") is hinge
        True
    """
    if kind not in ADVERSARIAL:
        raise InputError(
            f"`adversarial` must be one of {sorted(ADVERSARIAL)}. Received: adversarial={kind!r}."
        )
    loss = ADVERSARIAL[kind]
    if real_label == 1.0:
        return loss
    if kind not in LABELLED:
        raise InputError(
            f"`real_label` must be 1 for an adversarial loss without labels. Received: "
            f"adversarial={kind!r}, real_label={real_label}. Use one of {sorted(LABELLED)}."
        )
    return loss._replace(discriminator=partial(loss.discriminator, real_label=real_label))
