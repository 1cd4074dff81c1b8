"""Distribution metrics: FID and KID compare all translations with all targets by features."""

from functools import partial
from typing import Callable, Optional

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError


class _Moments:
    """Running count, mean and scatter (sum of products of deviations) of features."""

    def __init__(self, count=0, mean=0.0, scatter=0.0):
        self.count = count
        self.mean = mean
        self.scatter = scatter

    def add(self, features):
        features = np.asarray(features, "float64")
        mean = features.mean(axis=0)
        self.merge(_Moments(len(features), mean, (features - mean).T @ (features - mean)))

    def merge(self, other):
        if not other.count:
            return
        # Chan et al., 1979: unlike sums of squares, exact for features far from 0.
        count = self.count + other.count
        step = other.mean - self.mean
        between = np.outer(step, step) * (self.count * other.count / count)
        self.scatter = self.scatter + other.scatter + between
        self.mean = self.mean + step * (other.count / count)
        self.count = count


class _Features:
    """All features."""

    def __init__(self):
        self.count = 0
        self.batches = []

    def add(self, features):
        self.batches.append(np.array(features))
        self.count += len(features)

    def merge(self, other):
        self.batches += other.batches
        self.count += other.count


class _FeatureMetric(keras.metrics.Metric):
    """Accumulates the features of targets and those of translations.

    The accumulators are no variables, since their size follows from the first batch: they are in
    main memory and in no checkpoint.
    """

    def __init__(self, features, name, dtype):
        super().__init__(name=name, dtype=dtype)
        function_name = getattr(features, "__name__", type(features).__name__)
        self.feature_model = getattr(features, "name", function_name)
        # Behind a function, or Keras would save the network with every model of this metric.
        self._features = lambda images: features(images)
        self.reset_state()

    @tf.autograph.experimental.do_not_convert  # It would wrap an `InputError`.
    def update_state(self, target, translated):
        """Adds a batch of each, float `[batch, height, width, channels]` in [-1, 1].

        Either may be `None`: targets and translations need not come in pairs.
        """
        for side, images in (("_targets", target), ("_translations", translated)):
            if images is None:
                continue
            features = self._features(tf.cast(images, "float32"))
            if len(features.shape) != 2:
                raise InputError(
                    "A feature model returns `[batch, features]`. Received: shape "
                    f"{tuple(features.shape)} of {self.feature_model}. Pool height and width."
                )
            tf.numpy_function(partial(self._add, side), [features], [])

    def merge_state(self, metrics):
        """Adds the features of other metrics of the same class."""
        for metric in metrics:
            self._targets.merge(metric._targets)
            self._translations.merge(metric._translations)

    def reset_state(self):
        """Forgets all batches."""
        self._targets = self.accumulator()
        self._translations = self.accumulator()

    @tf.autograph.experimental.do_not_convert
    def result(self):
        """Returns the measure as a scalar."""
        measure = tf.numpy_function(self._measured, [], "float64")
        return tf.cast(tf.ensure_shape(measure, ()), self.dtype)

    def _add(self, side, features):
        getattr(self, side).add(features)
        return []

    def _measured(self):
        counts = self._targets.count, self._translations.count
        if min(counts) < 2:
            raise InputError(
                "Distributions are compared by 2 targets and 2 translations or more. Received: "
                f"{counts[0]} and {counts[1]}. Update the metric with more."
            )
        return self._measure()


class FID(_FeatureMetric):
    """Fréchet distance between the features of targets and of translations, as two Gaussians.

    0 or more, in squared units of the features; less is better. With few examples it is biased
    upwards, by an error that shrinks with their count and depends on the model, so compare at equal
    counts only; its authors advise 10,000 or more. With fewer examples than features the
    covariances are singular; the distance is still finite, but mostly bias: use `KID` then.

    Mean and covariance are accumulated in float64, so memory does not grow with the data set.

    Args:
        features: Function of float32 `[batch, height, width, channels]` in [-1, 1] to float
            `[batch, features]`, such as `inception_features()`; its `name` or `__name__` becomes
            the attribute `feature_model`.
        name: Name of the metric.
        dtype: Type of the result.

    Example:
        >>> fid = FID(lambda images: tf.reduce_mean(images, axis=(1, 2)))
        >>> grey = tf.reshape([-0.5, 0.0, 0.5], (3, 1, 1, 1))
        >>> fid.update_state(grey, grey + 0.5)
        >>> round(float(fid.result()), 6)
        0.25

    Reference:
        [Heusel et al., 2017](https://arxiv.org/abs/1706.08500), equation 6; its bias:
        [Bińkowski et al., 2018](https://arxiv.org/abs/1801.01401), section 4.
    """

    accumulator = _Moments

    def __init__(self, features: Callable, name: str = "fid", dtype: Optional[str] = None):
        super().__init__(features, name, dtype)

    def _measure(self):
        one = self._targets.scatter / (self._targets.count - 1)
        other = self._translations.scatter / (self._translations.count - 1)
        step = self._targets.mean - self._translations.mean
        apart = step @ step + np.trace(one) + np.trace(other)
        if not np.isfinite(apart):
            return apart
        # The product of the covariances has the eigenvalues of this symmetric matrix, which are
        # real even where covariances are singular and a matrix root would be complex.
        values, vectors = np.linalg.eigh(one)
        root = vectors * np.sqrt(values.clip(0))
        shared = np.linalg.eigvalsh(root.T @ other @ root).clip(0)
        return np.maximum(apart - 2 * np.sqrt(shared).sum(), 0.0)


class KID(_FeatureMetric):
    """Kernel distance between the features of targets and of translations: squared MMD.

    About 0 or more; less is better. It is unbiased, so it may be below 0 and suits few examples.
    The kernel is the paper's polynomial, `(x . y / features + 1) ** 3`, so features keep their
    origin: moved ones measure otherwise. All of them stay in memory: 8 kB for each target and each
    translation with InceptionV3.

    Args:
        features: As of `FID`.
        subsets: Number of random subsets whose estimates are averaged.
        subset_size: Targets, and translations, in a subset; with no more than these in all, one
            subset has all of them.
        seed: Seed of the subsets, which depend on the order of the examples too.
        name: Name of the metric.
        dtype: Type of the result.

    Raises:
        InputError: If there are no subsets, or of less than 2 examples.

    Example:
        >>> kid = KID(lambda images: tf.reduce_mean(images, axis=(1, 2)))
        >>> grey = tf.reshape([-0.5, 0.0, 0.5], (3, 1, 1, 1))
        >>> kid.update_state(grey, grey + 0.5)
        >>> round(float(kid.result()), 3)
        0.182

    Reference:
        [Bińkowski et al., 2018](https://arxiv.org/abs/1801.01401), section 4.
    """

    accumulator = _Features

    def __init__(
        self,
        features: Callable,
        *,
        subsets: int = 100,
        subset_size: int = 1000,
        seed: int = 0,
        name: str = "kid",
        dtype: Optional[str] = None,
    ):
        if subsets < 1 or subset_size < 2:
            raise InputError(
                "KID is a mean over `subsets`, 1 or more, of `subset_size`, 2 or more. Received: "
                f"subsets={subsets}, subset_size={subset_size}. Use 100 and 1000."
            )
        super().__init__(features, name, dtype)
        self.subsets = subsets
        self.subset_size = subset_size
        self.seed = seed

    def estimates(self):
        """Returns the estimates of all subsets, float64 `[subsets]`; their mean is the result."""
        sides = [
            np.concatenate(side.batches).astype("float64")
            for side in (self._targets, self._translations)
        ]
        if max(len(side) for side in sides) <= self.subset_size:
            return np.array([_squared_mmd(*sides)])
        random = np.random.default_rng(self.seed)

        def subset(side):
            return side[random.permutation(len(side))[: self.subset_size]]

        return np.array([_squared_mmd(*map(subset, sides)) for _ in range(self.subsets)])

    def _measure(self):
        return self.estimates().mean()


def _squared_mmd(one, other):
    """The unbiased estimate: pairs of an example with itself are left out."""

    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x):
        values = kernel(x, x)
        return (values.sum() - np.trace(values)) / (len(x) * (len(x) - 1))

    return within(one) + within(other) - 2 * kernel(one, other).mean()
