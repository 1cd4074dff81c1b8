"""Domain normalization: the scale, shift and statistics of a norm are a domain's, all else shared.

So one network translates between several domains, and the weights of a batch, one for each domain,
say which it is called for; other weights blend domains.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Optional, Union

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers.network_calls import leaves
from tfpix2pix.layers.norms import normalized_images

# What is added to the variance: TwinGAN's code for batch norms, Dumoulin's for instance norm.
EPSILONS = {"instance": 1e-5, "batch": 1e-3, "batch_renorm": 1e-3, "none": 0.0}
# After how many updates batch renorm may correct by how much more (TwinGAN's code).
RENORM_FROM = (10_000, 20_000, 30_000)
MOST_SCALED = (1.1, 1.5, 2.0, 4.0)
LEAST_SCALED = (0.9, 0.66, 0.5, 0.25)
MOST_SHIFTED = (0.1, 0.3, 0.5, 1.0)


@keras.utils.register_keras_serializable("tfpix2pix")
class DomainNormalization(keras.layers.Layer):
    """A norm with a scale, a shift and moving statistics for each domain.

    `scale = sum_d w_d gamma_d` and `shift = sum_d w_d beta_d` of the weights w of an image, and
    with conditions `+ W c / |c|` of a vector c. By `"instance"` each image has the statistics of
    its own. By `"batch"` and `"batch_renorm"` a batch has, in training, which is of one domain and
    so must have one blend of domains; then moving statistics count. A path tells batches of one
    domain apart whose statistics differ, such as real images and translations.

    Args:
        domains: How many domains there are.
        base: `"instance"`, `"batch"`, `"batch_renorm"`, or `"none"` for scale and shift alone.
        conditions: Length of a vector that scale and shift depend on too; 0 for none.
        paths: How many moving statistics there are; 0 for one for each domain.
        momentum: Decay of the moving statistics per step. The first ones are the mean over all
            steps so far, and so they are for ever by 1.0.
        epsilon: Added to the variance; by default that of `EPSILONS`.
        kernel_initializer: How W starts, see `keras.initializers`.
        **kwargs: Those of `keras.layers.Layer`.

    Call: `[x, weights]`, and the weights of the paths and the vector if there are such; float
    `[batch, height, width, channels]` to the same shape and dtype. Weights are float
    `[batch, domains]`, or int `[batch]`, the number of the domain. Those of paths are such too;
    where all are 0, moving statistics stay as they are. The vector is float `[batch, conditions]`.

    Raises:
        ValueError: If the base is unknown.

    Example:
        >>> layer = DomainNormalization(2)
        >>> images = tf.constant([[[[1.0]], [[3.0]]], [[[1.0]], [[3.0]]]])
        >>> layer([images, tf.constant([0, 1])]).shape
        TensorShape([2, 2, 1, 1])
        >>> layer.beta[1].assign([5.0]) is None
        False
        >>> layer([images, tf.constant([0, 1])]).numpy().round(2).ravel().tolist()
        [-1.0, 1.0, 4.0, 6.0]

    Reference:
        [Dumoulin et al., 2016](https://arxiv.org/abs/1610.07629), section 2.2; [Li,
        2018](https://arxiv.org/abs/1809.00946), of batch statistics; [Ioffe,
        2017](https://arxiv.org/abs/1702.03275), of their correction by batch renorm.
    """

    def __init__(
        self,
        domains: int,
        base: str = "instance",
        *,
        conditions: int = 0,
        paths: int = 0,
        momentum: float = 0.99,
        epsilon: Optional[float] = None,
        kernel_initializer: Union[str, keras.initializers.Initializer] = "zeros",
        **kwargs,
    ):
        super().__init__(**kwargs)
        if base not in EPSILONS:
            raise InputError(f"`base` must be one of {', '.join(EPSILONS)}. Received: {base!r}.")
        self.domains = domains
        self.base = base
        self.conditions = conditions
        self.paths = paths
        self.momentum = momentum
        self.epsilon = EPSILONS[base] if epsilon is None else epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    @property
    def has_statistics(self) -> bool:
        """Whether it keeps moving statistics."""
        return self.base in ("batch", "batch_renorm")

    @property
    def unaveraged(self) -> list:
        """The moving statistics, which averages of weights leave alone: they are of other ones."""
        if not self.has_statistics:
            return []
        return [self.moving_mean, self.moving_variance, self.batches_seen]

    def build(self, input_shape):
        """Creates scale and shift of each domain, and the statistics of each path."""
        channels = input_shape[0][-1]

        def add(name, rows, value, **options):
            shape = (channels,) if rows is None else (rows, channels)
            options |= {"initializer": value, "experimental_autocast": False}
            return self.add_weight(name, shape, **options)

        self.gamma = add("gamma", self.domains, "ones")
        self.beta = add("beta", self.domains, "zeros")
        if self.conditions:
            self.gamma_kernel = add("gamma_kernel", self.conditions, self.kernel_initializer)
            self.beta_kernel = add("beta_kernel", self.conditions, self.kernel_initializer)
        if self.has_statistics:
            kept = {
                "trainable": False,
                "synchronization": tf.VariableSynchronization.ON_READ,
                "aggregation": tf.VariableAggregation.MEAN,
            }
            paths = self.paths or self.domains
            self.moving_mean = add("moving_mean", paths, "zeros", **kept)
            self.moving_variance = add("moving_variance", paths, "ones", **kept)
            self.batches_seen = self.add_weight(
                "batches_seen", (paths,), initializer="zeros", experimental_autocast=False, **kept
            )
        super().build(input_shape)

    def call(self, inputs: Sequence, training: Optional[bool] = None):
        """Normalizes by the image, the batch or the path, then scales and shifts by the domain."""
        whole = bool(training) and self.has_statistics  # The batch has one scale and shift.
        x, gamma, beta, paths = self._parts(inputs, whole)
        if whole:
            return self._by_batch(x, gamma, beta, tf.reduce_mean(paths, 0))
        if self.base == "instance":
            return normalized_images(x, gamma, beta, self.epsilon)
        return self._by_path(x, gamma, beta, paths)

    def normalized(self, inputs: Sequence, mean, variance):
        """Normalizes rows of images by the moments of the whole ones, for translation in strips.

        Args:
            inputs: As of a call, of rows.
            mean: float32 `[batch, 1, 1, channels]`, of each whole image.
            variance: The same.

        Returns:
            float `[batch, rows, width, channels]`.
        """
        x, gamma, beta, paths = self._parts(inputs)
        if self.base != "instance":
            return self._by_path(x, gamma, beta, paths)
        scale = gamma * tf.math.rsqrt(variance[:, 0, 0] + self.epsilon)
        return _scaled(x, scale, beta - mean[:, 0, 0] * scale)

    def _parts(self, inputs, whole=False):
        """Returns the images, their scales and shifts, or one of the batch, and their paths."""
        x, weights, *more = inputs
        weights = _weights(weights, self.domains)
        paths = _weights(more.pop(0), self.paths) if self.paths else weights
        if whole and not self.conditions:
            weights = tf.reduce_mean(weights, 0, keepdims=True)
        gamma = tf.matmul(weights, self.gamma)
        beta = tf.matmul(weights, self.beta)
        if self.conditions:
            vector = tf.linalg.l2_normalize(tf.cast(more.pop(0), "float32"), axis=-1)
            gamma += tf.matmul(vector, self.gamma_kernel)
            beta += tf.matmul(vector, self.beta_kernel)
        return x, gamma, beta, paths

    def _by_path(self, x, gamma, beta, paths):
        """Normalizes by the moving statistics of paths, or scales and shifts alone."""
        if self.base == "none":
            return _scaled(x, gamma, beta)
        mean, variance = (
            tf.matmul(paths, rows) for rows in (self.moving_mean, self.moving_variance)
        )
        scale = gamma * tf.math.rsqrt(variance + self.epsilon)
        return _scaled(x, scale, beta - mean * scale)

    def _by_batch(self, x, gamma, beta, paths):
        """Normalizes by the statistics of the batch, and updates those of the path."""
        if self.conditions:  # Images differ in scale and shift, which come afterwards.
            scale, shift = tf.ones_like(gamma[0]), tf.zeros_like(beta[0])
        else:
            scale, shift = tf.squeeze(gamma, 0), tf.squeeze(beta, 0)
        if self.base == "batch_renorm":
            factor, summand = self._corrections(x, paths)
            scale, shift = scale * factor, shift + scale * summand
        normalized, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x, scale, shift, epsilon=self.epsilon
        )
        self._update(paths, tf.stop_gradient(mean), tf.stop_gradient(variance))
        return _scaled(normalized, gamma, beta) if self.conditions else normalized

    def _update(self, paths, mean, variance):
        share = tf.maximum(1.0 - self.momentum, 1.0 / (self.batches_seen + 1.0))
        rate = (paths * share)[:, tf.newaxis]
        self.moving_mean.assign_add(rate * (mean - self.moving_mean))
        self.moving_variance.assign_add(rate * (variance - self.moving_variance))
        self.batches_seen.assign_add(paths)

    def _corrections(self, x, paths):
        """Returns by what batch renorm scales and shifts, from the batch's statistics to moving."""
        mean, variance = tf.nn.moments(tf.stop_gradient(tf.cast(x, "float32")), (0, 1, 2))
        row = paths[tf.newaxis]
        deviation = tf.sqrt(tf.matmul(row, self.moving_variance)[0] + self.epsilon)
        scale = tf.sqrt(variance + self.epsilon) / deviation
        shift = (mean - tf.matmul(row, self.moving_mean)[0]) / deviation
        level = tf.reduce_sum(
            tf.cast(tf.reduce_sum(paths * self.batches_seen) >= RENORM_FROM, "int32")
        )
        least, most, shifted = (
            tf.gather(limits, level) for limits in (LEAST_SCALED, MOST_SCALED, MOST_SHIFTED)
        )
        return tf.clip_by_value(scale, least, most), tf.clip_by_value(shift, -shifted, shifted)

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        names = ("domains", "base", "conditions", "paths", "momentum", "epsilon")
        own = {name: getattr(self, name) for name in names}
        own["kernel_initializer"] = keras.initializers.serialize(self.kernel_initializer)
        return {**super().get_config(), **own}


def _weights(weights, count):
    """Returns weights of domains or paths as float32 `[batch, count]`."""
    weights = tf.convert_to_tensor(weights)
    if weights.dtype.is_integer:
        return tf.one_hot(weights, count)
    return tf.cast(weights, "float32")


def _scaled(x, scale, shift):
    """Scales and shifts each image, in float32."""
    scale = scale[:, tf.newaxis, tf.newaxis]
    shift = shift[:, tf.newaxis, tf.newaxis]
    return tf.cast(tf.cast(x, "float32") * scale + shift, x.dtype)


@keras.utils.register_keras_serializable("tfpix2pix")
class OneHot(keras.layers.Layer):
    """The same weights for every image of a batch: one domain or path out of several.

    Args:
        number: Which one, from 0; -1 for none, so that all weights are 0.
        count: How many there are.
        **kwargs: Those of `keras.layers.Layer`.

    Call: `[batch, ...]` to float `[batch, count]`.

    Attributes:
        sees_batch_alone: `True`, since only how many images there are counts.

    Example:
        >>> OneHot(1, 3)(tf.zeros((2, 8, 8, 3))).numpy().tolist()
        [[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]]
    """

    sees_batch_alone = True

    def __init__(self, number: int, count: int, **kwargs):
        super().__init__(**kwargs)
        self.number = number
        self.count = count

    def call(self, inputs):
        """Repeats the weights for each image."""
        row = tf.one_hot([self.number], self.count, dtype=inputs.dtype)
        return tf.repeat(row, tf.shape(inputs)[0], axis=0)

    def get_config(self):
        """Returns the arguments that rebuild the layer."""
        return {**super().get_config(), "number": self.number, "count": self.count}


@contextmanager
def recalibrated(networks: Iterable[keras.Model]) -> Iterator[None]:
    """Measures moving statistics anew within a `with`: the mean over all calls in training.

    They are those of the weights as they are, where training keeps an average over its last steps.

    Args:
        networks: Networks, which are called in training within, and whose weights do not change.

    Yields:
        Nothing.

    Example:
        >>> image, domain = keras.Input((None, None, 1)), keras.Input((2,))
        >>> norm = DomainNormalization(2, "batch", name="norm")
        >>> network = keras.Model([image, domain], norm([image, domain]))
        >>> with recalibrated([network]):
        ...     for value in (1.0, 2.0, 6.0):
        ...         _ = network([tf.fill((2, 4, 4, 1), value), tf.eye(2)[:1]], training=True)
        >>> norm.moving_mean.numpy().tolist(), norm.batches_seen.numpy().tolist()
        ([[3.0], [0.0]], [3.0, 0.0])
    """
    layers = {id(layer): layer for network in networks for layer in leaves(network)}
    norms = [x for x in layers.values() if getattr(x, "has_statistics", False)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
        norm.batches_seen.assign(tf.zeros_like(norm.batches_seen))
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
