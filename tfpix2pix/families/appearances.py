"""Appearances: what instances of each class look like, as few vectors of their features."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from scipy.cluster.vq import kmeans2

# Of height times width / 32: instances of less say little of what their class looks like.
LEAST_SHARE = 0.5


def empty_state(classes: int, options) -> dict[str, tf.Variable]:
    """Returns variables for centroids of classes, of which there are none yet.

    Args:
        classes: How many classes there are.
        options: With `clusters` and `instance_features`.

    Returns:
        Dict of `centroids`, float32 `[classes, clusters, features]`, and of `counts`, how many each
        class has, int32 `[classes]`.

    Example:
        >>> from types import SimpleNamespace
        >>> options = SimpleNamespace(clusters=10, instance_features=3)
        >>> empty_state(34, options)["centroids"].shape
        TensorShape([34, 10, 3])
    """
    shape = (classes, options.clusters, options.instance_features)
    return {
        "centroids": tf.Variable(np.zeros(shape, "float32"), trainable=False),
        "counts": tf.Variable(np.zeros(classes, "int32"), trainable=False),
    }


def centroid_lists(state: dict[str, tf.Variable]) -> list[list[list[float]]]:
    """Returns the centroids of each class.

    Args:
        state: As `empty_state` returns it.

    Returns:
        For each class a list of vectors, the most frequent first.

    Example:
        >>> from types import SimpleNamespace
        >>> centroid_lists(empty_state(2, SimpleNamespace(clusters=4, instance_features=3)))
        [[], []]
    """
    centroids, counts = (state[name].numpy() for name in ("centroids", "counts"))
    return [rows[:count].tolist() for rows, count in zip(centroids, counts)]


def fill(state: dict[str, tf.Variable], examples: Iterable, seed: int) -> None:
    """Finds the centroids of each class by k-means.

    Instances that cover less than a 64th of the height times the width by 32 are left out, if their
    class has others.

    Args:
        state: As of `empty_state`.
        examples: Iterable of `(classes, instances, features)` of an image each: int `[height,
            width]` twice, and float `[height, width, features]`, the same at all pixels of an
            instance.
        seed: Seed of the first centroids.

    Example:
        >>> from types import SimpleNamespace
        >>> state = empty_state(1, SimpleNamespace(clusters=2, instance_features=1))
        >>> ids = np.arange(4).reshape(2, 2)
        >>> features = np.array([[[0.0], [0.0]], [[0.0], [1.0]]])
        >>> fill(state, [(np.zeros((2, 2), int), ids, features)], seed=0)
        >>> centroid_lists(state)
        [[[0.0], [1.0]]]
    """
    vectors = [[] for _ in range(state["counts"].shape[0])]
    for classes, instances, features in examples:
        least = LEAST_SHARE * classes.size / 32
        _, firsts, pixels = np.unique(instances, return_index=True, return_counts=True)
        for first, count in zip(firsts, pixels):
            place = np.unravel_index(first, classes.shape)
            vectors[classes[place]].append((count > least, features[place]))
    centroids = np.zeros(state["centroids"].shape, "float32")
    counts = np.zeros(len(vectors), "int32")
    for number, found in enumerate(vectors):
        large = [vector for is_large, vector in found if is_large]
        kept = np.array(large or [vector for _, vector in found], "float64")
        if len(kept):
            made = _centroids(kept, centroids.shape[1], seed)
            counts[number] = len(made)
            centroids[number, : len(made)] = made
    state["centroids"].assign(centroids)
    state["counts"].assign(counts)


def _centroids(vectors, most, seed):
    """Returns up to `most` centroids, that of most vectors first."""
    distinct = np.unique(vectors, axis=0)
    if len(distinct) <= most:
        nearest = [(vectors == one).all(1).sum() for one in distinct]
        return distinct[np.argsort(nearest, kind="stable")[::-1]]
    centroids, labels = kmeans2(vectors, most, minit="++", seed=seed)
    counts = np.bincount(labels, minlength=most)
    order = np.argsort(counts, kind="stable")[::-1]
    return centroids[order][counts[order] > 0]
