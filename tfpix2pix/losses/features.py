"""Losses between the features that networks make of translated and of real images."""

from collections.abc import Sequence

import tensorflow as tf

# The reference's factor of three layers of stride 2, 4 / (3 + 1), for the sum over 4 layers.
LAYERS = 4


def feature_matching(real: Sequence[Sequence], fake: Sequence[Sequence]) -> tf.Tensor:
    """Returns how much the features of a discriminator differ, its logits left out.

    It is the mean over scales of 4 times the mean over layers of the L1, as in the reference.

    Args:
        real: For each scale the outputs of all layers on real images, float `[batch, height, width,
            channels]`, the last one the logits. No gradient goes through them.
        fake: The same of translated images.

    Returns:
        float32 `[batch]`.

    Example:
        >>> logits = tf.zeros((1, 2, 2, 1))
        >>> real, fake = tf.zeros((1, 4, 4, 8)), tf.fill((1, 4, 4, 8), 0.5)
        >>> feature_matching([[real, logits]], [[fake, logits]]).numpy().tolist()
        [2.0]

    Reference:
        [Wang et al., 2018](https://arxiv.org/abs/1711.11585), equation 4.
    """
    scales = []
    for real_outputs, fake_outputs in zip(real, fake):
        errors = [_difference(a, b)[0] for a, b in zip(real_outputs[:-1], fake_outputs[:-1])]
        scales.append(LAYERS * tf.add_n(errors) / len(errors))
    return tf.add_n(scales) / len(scales)


def perceptual(real: Sequence, fake: Sequence) -> tf.Tensor:
    """Returns how much the features of a frozen network differ, deeper ones weighted more.

    The L1 of each layer is divided by the mean of its features' sizes on the real image, so that a
    weight means the same for any network; the reference leaves that to VGG19's features. Weights
    are 1 for the last layer and 1/4, 1/8, 1/16, ... for those before it.

    Args:
        real: For each layer its outputs on real images, float `[batch, height, width, channels]`,
            the first one first. No gradient goes through them.
        fake: The same of translated images.

    Returns:
        float32 `[batch]`.

    Example:
        >>> real = [tf.fill((1, 4, 4, 8), 2.0), tf.fill((1, 2, 2, 8), 4.0)]
        >>> fake = [tf.fill((1, 4, 4, 8), 1.0), tf.fill((1, 2, 2, 8), 3.0)]
        >>> perceptual(real, fake).numpy().tolist()
        [0.375]

    Reference:
        [Wang et al., 2018](https://arxiv.org/abs/1711.11585), appendix.
    """
    count = len(real)
    terms = []
    for number, (a, b) in enumerate(zip(real, fake)):
        difference, size = _difference(a, b)
        weight = 1.0 if number == count - 1 else 0.5 ** (count - number)
        terms.append(weight * tf.math.divide_no_nan(difference, size))
    return tf.add_n(terms)


def _difference(real, fake):
    """Returns the means of the difference and of the real features' sizes, of each example."""
    real, fake = tf.cast(tf.stop_gradient(real), "float32"), tf.cast(fake, "float32")
    axes = (1, 2, 3)
    return tf.reduce_mean(tf.abs(real - fake), axes), tf.reduce_mean(tf.abs(real), axes)


def content(real: Sequence, fake: Sequence) -> tf.Tensor:
    """Returns the mean squared difference of features: of what is shown where.

    Args:
        real: For each layer its outputs on real images, float `[batch, height, width, channels]`.
            No gradient goes through them.
        fake: The same of translated images.

    Returns:
        float32 `[batch]`, the mean over layers.

    Example:
        >>> content([tf.zeros((1, 4, 4, 8))], [tf.fill((1, 4, 4, 8), 0.5)]).numpy().tolist()
        [0.25]

    Reference:
        [Dumoulin et al., 2016](https://arxiv.org/abs/1610.07629), section 2.1.
    """
    errors = []
    for a, b in zip(real, fake):
        a, b = tf.cast(tf.stop_gradient(a), "float32"), tf.cast(b, "float32")
        errors.append(tf.reduce_mean(tf.math.squared_difference(a, b), (1, 2, 3)))
    return tf.add_n(errors) / len(errors)


def gram(real: Sequence, fake: Sequence) -> tf.Tensor:
    """Returns the mean squared difference of features' Gram matrices: of texture, not of places.

    Args:
        real: For each layer its outputs on real images, float `[batch, height, width, channels]`.
            No gradient goes through them.
        fake: The same of translated images, which may have other sides.

    Returns:
        float32 `[batch]`, the mean over layers.

    Example:
        >>> real = tf.constant([[[[1.0], [3.0]]]])  # Of the Gram matrix (1 + 9) / 2.
        >>> gram([real], [tf.ones((1, 1, 1, 1))]).numpy().tolist()
        [16.0]

    Reference:
        [Gatys et al., 2016](https://arxiv.org/abs/1508.06576); divided by height times width, as in
        the code of [Dumoulin et al., 2016](https://arxiv.org/abs/1610.07629).
    """
    errors = []
    for a, b in zip(real, fake):
        difference = _gram(tf.stop_gradient(a)) - _gram(b)
        errors.append(tf.reduce_mean(tf.square(difference), (1, 2)))
    return tf.add_n(errors) / len(errors)


def _gram(features):
    """Returns the mean product of every two channels, float32 `[batch, channels, channels]`."""
    features = tf.cast(features, "float32")
    count = tf.cast(tf.shape(features)[1] * tf.shape(features)[2], "float32")
    return tf.einsum("bhwc,bhwd->bcd", features, features) / count
