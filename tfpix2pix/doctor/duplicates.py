"""Duplicates: examples of equal or nearly equal pixels, which count twice or leak into the test."""

from collections.abc import Sequence

import numpy as np

from tfpix2pix.data.looks import Features

ROWS = 256  # Examples that are compared with all others at once; bounds the memory.
MOST_BITS = 6  # Of the perceptual hash, in which near duplicates differ on average.
# Least correlation of the sketches of near duplicates, of both images of a pair and of single ones.
# Photos of one object in one pose come close, as shoes on white do; that both images of a pair do
# is no chance.
CORRELATION = 0.95
CORRELATION_ALONE = 0.995


def equal(features: Sequence[tuple[Features, ...]]) -> list[list[int]]:
    """Finds examples of equal pixels.

    Args:
        features: List of examples: tuples of `tfpix2pix.data.looks.Features`.

    Returns:
        List of lists of indices, each of at least two examples that are equal in all images.

    Example:
        >>> from tfpix2pix.data import looks
        >>> images = [np.full((8, 8, 1), grey, "uint8") for grey in (1, 2, 1)]
        >>> equal([(looks.features(image),) for image in images])
        [[0, 2]]
    """
    groups = {}
    for index, images in enumerate(features):
        groups.setdefault(tuple(image.digest for image in images), []).append(index)
    return [members for members in groups.values() if len(members) > 1]


def near(features: Sequence[tuple[Features, ...]]) -> list[list[int]]:
    """Finds examples that are nearly alike: encoded again, resized, mirrored or a little brighter.

    Args:
        features: As in `equal`, none equal in all images.

    Returns:
        List of lists of indices, each of at least two examples; in a list, each is near another.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> from tfpix2pix.data import looks
        >>> photo = synthetic.facade((64, 64), seed=1)[0]
        >>> other = synthetic.facade((64, 64), seed=2)[0]
        >>> near([(looks.features(image),) for image in (photo, other, photo // 2)])
        [[0, 2]]
    """
    if not features:
        return []
    # The product of bits as +1 and -1 counts equal ones: many times faster than XOR in NumPy.
    bits = _signs(features, "hash")
    mirrored_bits = _signs(features, "mirrored_hash")
    least = bits.shape[1] - 2 * MOST_BITS * len(features[0])
    sketches = np.array([[image.sketch for image in images] for images in features])
    spreads = np.array([[image.sketch.std() for image in images] for images in features])
    group = np.arange(len(features))
    for start in range(0, len(features), ROWS):
        known = bits[: start + ROWS].T
        upright = bits[start : start + ROWS] @ known >= least
        mirrored = mirrored_bits[start : start + ROWS] @ known >= least
        for row in np.flatnonzero((upright | mirrored).sum(axis=1) > 1):
            index = start + row
            views = (
                (upright[row], sketches[index]),
                (mirrored[row], sketches[index][:, :, ::-1]),
            )
            alike = []
            for near_hash, sketch in views:
                others = np.flatnonzero(near_hash[:index])
                is_alike = _alike(sketch, sketches[others], spreads[index], spreads[others])
                alike += others[is_alike].tolist()
            # Each joins the first that it is near to, so that no set has more joints than examples.
            group[index] = group[min(alike, default=index)]
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    return [part.tolist() for part in parts if len(part) > 1]


def _signs(features, name):
    bits = [np.concatenate([getattr(image, name) for image in images]) for images in features]
    return np.array(bits).astype("float32") * 2 - 1


def _alike(sketch, others, spread, spreads):
    """Returns which of the other examples look like one in all images, bool `[others]`."""
    least = CORRELATION if len(sketch) > 1 else CORRELATION_ALONE
    sketch = sketch.reshape(len(sketch), -1)
    others = others.reshape(len(others), *sketch.shape)
    centered = sketch - sketch.mean(axis=-1, keepdims=True)
    products = np.einsum("oip,ip->oi", others.astype("float32"), centered.astype("float32"))
    scale = spread * spreads * sketch.shape[-1]
    # What is blank in both is equal.
    return np.where(scale, products >= least * scale, spread == spreads).all(axis=-1)
