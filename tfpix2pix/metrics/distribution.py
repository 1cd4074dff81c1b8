"""Distribution metrics: whether translations look like targets as a whole, in a feature space."""

from functools import partial

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfpix2pix.errors import InputError


class _Moments:
    """Count, mean and scatter (sum of products of deviations) of features, merged as they come."""

    def __init__(self, count=0, mean=0.0, scatter=0.0):
        self.count, self.mean, self.scatter = count, mean, scatter

    def add(self, features):
        features = np.asarray(features, "float64")
        mean = features.mean(axis=0)
        self.merge(_Moments(len(features), mean, (features - mean).T @ (features - mean)))

    def merge(self, other):
        if not other.count:
            return
        # Chan et al., 1979: unlike sums of squares, exact for features far from 0.
        count, step = self.count + other.count, other.mean - self.mean
        between = np.outer(step, step) * (self.count * other.count / count)
        self.scatter = self.scatter + other.scatter + between
        self.mean = self.mean + step * (other.count / count)
        self.count = count


class _Kept:
    """All features, as they come."""

    def __init__(self):
        self.count, self.batches = 0, []

    def add(self, features):
        self.batches.append(np.array(features))
        self.count += len(features)

    def merge(self, other):
        self.batches += other.batches
        self.count += other.count


class _FeatureMetric(keras.metrics.Metric):
    """Hands the features of targets and of translations to an accumulator each.

    These are no variables, as their size shows with the first batch only: they are in main memory
    and in no checkpoint.
    """

    def __init__(self, features, name, dtype):
        super().__init__(name=name, dtype=dtype)
        name_of_function = getattr(features, "__name__", type(features).__name__)
        self.feature_model = getattr(features, "name", name_of_function)
        # Hidden in a function: Keras would save the network with whatever has this metric.
        self._features = lambda images: features(images)
        self.reset_state()

    @tf.autograph.experimental.do_not_convert  # It would make another error of ours.
    def update_state(self, target, translated):
        """Takes in a batch of each, float `[batch, height, width, channels]` in [-1, 1]."""
        for side, images in (("_targets", target), ("_translations", translated)):
            features = self._features(tf.cast(images, "float32"))
            if len(features.shape) != 2:
                raise InputError(
                    "A feature model returns `[batch, features]`. Received: shape "
                    f"{tuple(features.shape)} of {self.feature_model}. Pool height and width."
                )
            tf.numpy_function(partial(self._add, side), [features], [])

    def merge_state(self, metrics):
        """Takes in what other metrics of the kind have taken in."""
        for metric in metrics:
            self._targets.merge(metric._targets)
            self._translations.merge(metric._translations)

    def reset_state(self):
        """Forgets all batches."""
        self._targets, self._translations = self.accumulator(), self.accumulator()

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

    0 or more, in squared units of the features; less is better. Of few examples it is too great,
    by an error that shrinks with their count and depends on the model, so compare at equal counts
    only; its authors advise 10,000 or more. With fewer examples than features the covariances are
    singular; the distance is finite still, but mostly that error: take `KID` then.

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

    def __init__(self, features, name="fid", dtype=None):
        super().__init__(features, name, dtype)

    def _measure(self):
        one, other = (x.scatter / (x.count - 1) for x in (self._targets, self._translations))
        step = self._targets.mean - self._translations.mean
        apart = step @ step + np.trace(one) + np.trace(other)
        if not np.isfinite(apart):
            return apart
        # The eigenvalues of a product of covariances are those of a symmetric matrix, which has
        # them without the complex noise of a matrix root where covariances are singular.
        values, vectors = np.linalg.eigh(one)
        root = vectors * np.sqrt(values.clip(0))
        shared = np.linalg.eigvalsh(root.T @ other @ root).clip(0)
        return np.maximum(apart - 2 * np.sqrt(shared).sum(), 0.0)


class KID(_FeatureMetric):
    """Kernel distance between the features of targets and of translations: squared MMD.

    About 0 or more; less is better. It has no bias, so it may be below 0 and is fit for few
    examples. The kernel is the paper's polynomial, `(x . y / features + 1) ** 3`. All features are
    kept: 8 kB an example and side with InceptionV3.

    Args:
        features: As of `FID`.
        subsets: How many random subsets the mean is taken over.
        subset_size: Examples of each side in a subset; of no more than these, all are taken, once.
        seed: Of the subsets, which depend on the order of the examples too.
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

    accumulator = _Kept

    def __init__(self, features, *, subsets=100, subset_size=1000, seed=0, name="kid", dtype=None):
        if subsets < 1 or subset_size < 2:
            raise InputError(
                "KID is a mean over `subsets`, 1 or more, of `subset_size`, 2 or more. Received: "
                f"subsets={subsets}, subset_size={subset_size}. Use 100 and 1000."
            )
        super().__init__(features, name, dtype)
        self.subsets, self.subset_size, self.seed = subsets, subset_size, seed

    def estimates(self):
        """Returns the estimates of all subsets, float64 `[subsets]`; their mean is the result."""
        sides = [
            np.concatenate(side.batches).astype("float64")
            for side in (self._targets, self._translations)
        ]
        if max(len(side) for side in sides) <= self.subset_size:
            return np.array([_squared_mmd(*sides)])
        random = np.random.default_rng(self.seed)

        def drawn(side):
            return side[random.permutation(len(side))[: self.subset_size]]

        return np.array([_squared_mmd(*map(drawn, sides)) for _ in range(self.subsets)])

    def _measure(self):
        return self.estimates().mean()


def _squared_mmd(one, other):
    """The estimate without bias: pairs of an example with itself are left out."""

    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def within(x):
        values = kernel(x, x)
        return (values.sum() - np.trace(values)) / (len(x) * (len(x) - 1))

    return within(one) + within(other) - 2 * kernel(one, other).mean()
