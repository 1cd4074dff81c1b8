"""Alignment: whether the edges of A and B lie at the same places."""

from typing import NamedTuple

import numpy as np
from PIL import Image

SIDE = 128  # Pixels to which images are brought.
REACH = 24  # Pixels of these by which B is looked for.
LEAST_SHIFT = 4


class Placement(NamedTuple):
    """Where B lies on A, by the correlation of their edges.

    Attributes:
        down: By which share of the height B lies too low; negative when too high.
        right: By which share of the width it lies too far right.
        there: Correlation at this place, at most 1.
        here: Correlation where B is, or next to it.
        least: What the shift gains in the quarter of the image in which it gains least.

    Example:
        >>> Placement(0.0, 0.25, 0.5, 0.125, 0.25).gain
        0.375
    """

    down: float
    right: float
    there: float
    here: float
    least: float

    @property
    def gain(self):
        """What the shift gains in correlation."""
        return self.there - self.here

    @property
    def distance(self):
        """How far B lies off, in pixels of `SIDE`."""
        return max(abs(self.down), abs(self.right)) * SIDE


def placement(a, b):
    """Looks for the shift of B at which its edges fit those of A best.

    Args:
        a: uint8 `[height, width, 3]`.
        b: The same, of any size.

    Returns:
        `Placement`.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> photo, labels = synthetic.facade((128, 128), seed=1)
        >>> found = placement(photo, np.roll(labels, 16, axis=1))
        >>> found.down, found.right
        (0.0, 0.125)
    """
    a, b = _edges(a), _edges(b)
    surface = _correlations(a, b, REACH)
    down, right = (int(i) - REACH for i in np.unravel_index(surface.argmax(), surface.shape))
    # A true shift is one of all parts; in rows of windows, the next window fits in some alone.
    half, gains = SIDE // 2, []
    for top in (0, half):
        for left in (0, half):
            quarter = np.s_[top : top + half, left : left + half]
            part = _correlations(a[quarter], b[quarter], REACH + 1)
            gains.append(_best_at(part, down, right) - _best_at(part, 0, 0))
    return Placement(
        down / SIDE,
        right / SIDE,
        float(surface.max()),
        float(_best_at(surface, 0, 0)),
        float(min(gains)),
    )


def misaligned(placements):
    """Finds pairs whose B is shifted, and pairs that seem not to belong together.

    Args:
        placements: List of `Placement`, or `None` for pairs of which nothing is known.

    Returns:
        `(shifted, unrelated)`: lists of indices. What is usual in the set is not found: in sets
        with little in common between A and B's edges, little can be said.

    Example:
        >>> good, bad = Placement(0, 0, 0.6, 0.6, 0), Placement(0.1, 0, 0.6, 0.2, 0.3)
        >>> misaligned([good, good, bad, good])
        ([2], [])
    """
    known = [index for index, of in enumerate(placements) if of is not None]
    if not known:
        return [], []
    found = [placements[index] for index in known]
    gains = [of.gain for of in found]
    least_gain = np.clip(2.2 * np.percentile(gains, 90), 0.08, 0.2)
    shifted = [
        index
        for index, of in zip(known, found)
        if of.distance >= LEAST_SHIFT
        and of.gain >= least_gain
        and of.there >= 0.2
        and of.least >= -0.02
    ]
    heights = np.array([of.there for of in found])
    middle = np.median(heights)
    deviation = 1.48 * np.median(np.abs(heights - middle))
    least = middle - max(5 * deviation, 0.25) if len(found) >= 8 else 0
    unrelated = [
        index
        for index, of in zip(known, found)
        # What fits best where it is belongs there, be it ever so faint.
        if of.there < least and of.distance > 2 and index not in shifted
    ]
    return shifted, unrelated


def _edges(image):
    # As floats, or masks of 0 and 1 would be rounded away.
    grey = Image.fromarray(image).convert("L").convert("F").resize((SIDE, SIDE), Image.BOX)
    steps = np.hypot(*np.gradient(np.asarray(grey)))
    # Capped, or a few hard edges would outweigh all others.
    return np.minimum(steps, np.percentile(steps, 98))


def _correlations(a, b, reach):
    """Returns the correlation at each shift up to `reach`, `[2 * reach + 1, 2 * reach + 1]`."""
    window = np.sqrt(np.outer(*[np.hanning(len(a) + 2)[1:-1]] * 2))
    a, b = ((edges - edges.mean()) * window for edges in (a, b))
    product = np.conj(np.fft.rfft2(a)) * np.fft.rfft2(b)
    surface = np.roll(np.fft.irfft2(product, s=a.shape), (reach, reach), (0, 1))
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return surface[: 2 * reach + 1, : 2 * reach + 1] / max(lengths, 1e-9)


def _best_at(surface, down, right):
    """Returns the greatest correlation at a shift and next to it."""
    row, column = len(surface) // 2 + down, len(surface) // 2 + right
    return surface[row - 1 : row + 2, column - 1 : column + 2].max()
