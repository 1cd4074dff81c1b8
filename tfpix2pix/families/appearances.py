"""Appearances: what instances of each class look like, as few vectors of their features."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from tfpix2pix.errors import InputError
from tfpix2pix.lazily import tf

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


def read_centroids(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Reads the centroids of classes from a file of NumPy, and runs no code that it may contain.

    pix2pixHD's own file is a pickled dict of class to array, which is refused; the error says how
    to make an `.npz` of one.

    Args:
        path: Path of an `.npy`, `[classes, clusters, features]` with rows of NaN where a class has
            fewer clusters; or of an `.npz`, `[clusters, features]` under the number of each class.

    Returns:
        Dict of the number of each class that has any, such as `"7"`, to float32 `[clusters,
        features]`, in the order of the file.

    Raises:
        ValueError: If the file holds anything else.

    Example:
        >>> np.save("centroids.npy", [[[0.5, 1.0], [np.nan, np.nan]]])
        >>> read_centroids("centroids.npy")["0"].tolist()
        [[0.5, 1.0]]
    """
    rule = (
        "Appearances must be numbers alone: an .npy of [classes, clusters, features], or an .npz "
        "of [clusters, features] by the number of each class. Received: "
    )
    try:
        content = np.load(path, allow_pickle=False)
        if isinstance(content, np.lib.npyio.NpzFile):
            arrays = {str(int(name)): content[name] for name in content.files}
        else:
            arrays = {str(number): rows for number, rows in enumerate(content)}
    except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error):
            to = str(Path(path).with_suffix(".npz"))
            raise InputError(
                f"{rule}{str(path)!r}, which holds pickled objects. Reading these runs whatever "
                "is in them; if you trust the file, give what this makes of it: "
                f'python -c "import numpy as np; found = np.load({str(path)!r}, '
                f"allow_pickle=True).item(); np.savez({to!r}, "
                '**{str(k): v for k, v in found.items()})"'
            ) from error
        raise InputError(f"{rule}{str(path)!r} ({error}). Give such a file.") from error
    kept = {}
    for number, rows in arrays.items():
        if rows.ndim == 2 and rows.dtype.kind in "fiu":
            rows = rows[~np.isnan(rows).all(1)]
        if rows.ndim != 2 or rows.dtype.kind not in "fiu" or not np.isfinite(rows).all():
            raise InputError(
                f"{rule}{str(path)!r}, where class {number} has {rows.dtype} of shape "
                f"{rows.shape}, or numbers that are not finite. Give such a file."
            )
        if len(rows):
            kept[number] = rows.astype("float32")
    lengths = sorted({rows.shape[1] for rows in kept.values()})
    if len(lengths) != 1:
        raise InputError(
            f"{rule}{str(path)!r}, whose classes have {' and '.join(map(str, lengths)) or 'no'} "
            "features. Give such a file, with as many features of each class."
        )
    return kept


def assign(state: dict[str, tf.Variable], centroids: Mapping[str, np.ndarray]) -> None:
    """Puts centroids into the state of a model.

    Args:
        state: As of `empty_state`.
        centroids: Dict of the number of a class to float `[clusters, features]`, the most frequent
            first; of others there are none.

    Example:
        >>> from types import SimpleNamespace
        >>> state = empty_state(2, SimpleNamespace(clusters=2, instance_features=1))
        >>> assign(state, {"1": [[0.5]]})
        >>> centroid_lists(state)
        [[], [[0.5]]]
    """
    table = np.zeros(state["centroids"].shape, "float32")
    counts = np.zeros(len(table), "int32")
    for number, rows in centroids.items():
        counts[int(number)] = len(rows)
        table[int(number), : len(rows)] = rows
    state["centroids"].assign(table)
    state["counts"].assign(counts)


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
    centroids = {}
    for number, found in enumerate(vectors):
        large = [vector for is_large, vector in found if is_large]
        kept = np.array(large or [vector for _, vector in found], "float64")
        if len(kept):
            centroids[str(number)] = _centroids(kept, state["centroids"].shape[1], seed)
    assign(state, centroids)


def _centroids(vectors, most, seed):
    """Returns up to `most` centroids, that of most vectors first."""
    distinct = np.unique(vectors, axis=0)
    if len(distinct) <= most:
        nearest = [(vectors == one).all(1).sum() for one in distinct]
        return distinct[np.argsort(nearest, kind="stable")[::-1]]
    from scipy.cluster.vq import kmeans2  # It takes a third of a second.

    centroids, labels = kmeans2(vectors, most, minit="++", seed=seed)
    counts = np.bincount(labels, minlength=most)
    order = np.argsort(counts, kind="stable")[::-1]
    return centroids[order][counts[order] > 0]
