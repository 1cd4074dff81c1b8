"""Alignment: whether the edges of A and B lie at the same places."""

from collections.abc import Sequence
from typing import NamedTuple, Optional

import numpy as np
from PIL import Image

SIDE = 128  # Pixels to which images are resized.
REACH = 24  # Greatest shift that is tried, in these pixels.

# What is reported. These were set on the 506 pairs of facades and 900 of edges2shoes and
# edges2handbags, in which halves of some pairs were shifted or exchanged.
# A shift has to be this large in pixels of `SIDE`, with at least this correlation there. No quarter
# of the image may lose more than this, since quarters with few edges lose a little.
LEAST_SHIFT = 4
LEAST_CORRELATION = 0.2
LEAST_QUARTER_GAIN = -0.02
# It has to gain more correlation than is usual in the set, by a factor and within limits.
USUAL_GAIN_PERCENTILE = 90
GAIN_FACTOR = 2.2
GAIN_LIMITS = (0.08, 0.2)
# The images of a pair are unrelated if their correlation is this far below the median of the set,
# in standard deviations and at least; fewer pairs have no usual correlation. What correlates best
# within this distance, in pixels of `SIDE`, belongs together, however weakly.
LEAST_PAIRS = 8
DEVIATIONS = 5
LEAST_DROP = 0.25
MOST_DISTANCE_OF_RELATED = 2
NORMAL_DEVIATION = 1.48  # Standard deviation of a normal distribution, in median deviations.


class Placement(NamedTuple):
    """Where B lies on A, by the correlation of their edges.

    Attributes:
        down: By which share of the height B lies too low; negative if too high.
        right: By which share of the width B lies too far right.
        there: Correlation at the best shift, at most 1.
        here: Correlation without a shift, or next to it.
        least: Gain of the shift in the quarter of the image where it gains least.

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
    def gain(self) -> float:
        """Gain of the shift in correlation."""
        return self.there - self.here

    @property
    def distance(self) -> float:
        """Greater part of the shift, in pixels of `SIDE`."""
        return max(abs(self.down), abs(self.right)) * SIDE


def placement(a: np.ndarray, b: np.ndarray) -> Placement:
    """Finds the shift of B at which its edges fit those of A best.

    Args:
        a: uint8 `[height, width, 3]`.
        b: The same, of any size.

    Returns:
        `Placement`.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> photo, labels = synthetic.facade((128, 128), seed=1)
        >>> shift = placement(photo, np.roll(labels, 16, axis=1))
        >>> shift.down, shift.right
        (0.0, 0.125)
    """
    a = _edges(a)
    b = _edges(b)
    surface = _correlations(a, b, REACH)
    down, right = (int(i) - REACH for i in np.unravel_index(surface.argmax(), surface.shape))
    # A true shift holds in all quarters; in rows of windows, the next window fits in some alone.
    half = SIDE // 2
    gains = []
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


def misaligned(placements: Sequence[Optional[Placement]]) -> tuple[list[int], list[int]]:
    """Finds pairs whose B is shifted, and pairs that seem not to belong together.

    Args:
        placements: List of `Placement`, or `None` for pairs of which nothing is known.

    Returns:
        `(shifted, unrelated)`: lists of indices. A shift that is usual in the set is not reported:
        where the edges of A and B have little in common, correlations say little.

    Example:
        >>> good, bad = Placement(0, 0, 0.6, 0.6, 0), Placement(0.1, 0, 0.6, 0.2, 0.3)
        >>> misaligned([good, good, bad, good])
        ([2], [])
    """
    known = {i: place for i, place in enumerate(placements) if place is not None}
    if not known:
        return [], []
    usual_gain = np.percentile([place.gain for place in known.values()], USUAL_GAIN_PERCENTILE)
    least_gain = np.clip(GAIN_FACTOR * usual_gain, *GAIN_LIMITS)
    shifted = [
        index
        for index, place in known.items()
        if place.distance >= LEAST_SHIFT
        and place.gain >= least_gain
        and place.there >= LEAST_CORRELATION
        and place.least >= LEAST_QUARTER_GAIN
    ]
    correlations = np.array([place.there for place in known.values()])
    median = np.median(correlations)
    deviation = NORMAL_DEVIATION * np.median(np.abs(correlations - median))
    least = median - max(DEVIATIONS * deviation, LEAST_DROP) if len(known) >= LEAST_PAIRS else 0
    unrelated = [
        index
        for index, place in known.items()
        if place.there < least
        and place.distance > MOST_DISTANCE_OF_RELATED
        and index not in shifted
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
    row = len(surface) // 2 + down
    column = len(surface) // 2 + right
    return surface[row - 1 : row + 2, column - 1 : column + 2].max()
