"""Edge detection: line drawings of photos, so that photos alone make a data set.

The paper's data are made by a trained detector (HED), thinned, and short lines removed. Oriented
edges, after the same steps, replace it here: of the methods they come nearest to the published
drawings. Canny's are those of the gradient alone; XDoG draws broader lines and fills dark areas.
"""

from collections.abc import Sequence
from typing import NamedTuple, Optional, Union

import numpy as np
from skimage import feature, filters, measure, morphology

from tfpix2pix.data import formats, hands, oriented
from tfpix2pix.errors import InputError

# Ratio of the two Gaussians, and weight of their difference (Winnemoeller et al., 2012).
XDOG_RATIO = 1.6
XDOG_SHARPNESS = 50.0

# From finer than by default to a blunt look, as multiples; few, since filters are kept in memory.
SIGMAS = (0.75, 1.0, 1.25, 1.5)

# Powers of 2 by which thresholds are multiplied: from a fifth lower to two fifths higher.
SPREAD = (-0.3, 0.5)


class Defaults(NamedTuple):
    """What a method does if it is not told otherwise; as the arguments of `extract`.

    Attributes:
        sigma: Standard deviation of the Gaussian blur.
        low: Where a line ends.
        high: Where a line starts.
        min_size: Pixels of the shortest line.

    Example:
        >>> METHODS["canny"].low
        0.8
    """

    sigma: float
    low: float
    high: float
    min_size: int


METHODS = {
    "oriented": Defaults(1.0, 0.6, 1.2, 12),
    "canny": Defaults(2.0, 0.8, 0.92, 5),
    "xdog": Defaults(1.0, 0.88, 0.94, 5),
}


def extract(
    photo: np.ndarray,
    method: str = "oriented",
    *,
    sigma: Optional[float] = None,
    low: Optional[float] = None,
    high: Optional[float] = None,
    min_size: Optional[int] = None,
) -> np.ndarray:
    """Draws the edges of a photo, black on white.

    A line starts where the strength of an edge is above `high` and continues while it is above
    `low`. For `"oriented"` these are multiples of the mean strength nearby, so a plain photo has
    few lines and a dark corner as many as a bright one; `sigma` and `min_size` are pixels of a
    photo of 256 x 256 and change with its size. For `"canny"` and `"xdog"` they are quantiles of
    the strength of all pixels, and `sigma` and `min_size` are pixels of the photo. The strength of
    XDoG is darkness. All lines but XDoG's are one pixel wide.

    Args:
        photo: uint8, uint16 or float32 `[height, width, channels]`, 1 to 4 channels.
        method: `"oriented"`, `"canny"` or `"xdog"`.
        sigma: Standard deviation of the Gaussian blur, positive; by default that of `METHODS`.
        low: At least 0, as a quantile at most 1; by default that of `METHODS`.
        high: At least `low`, as a quantile at most 1; by default that of `METHODS`.
        min_size: Connected lines of fewer pixels are removed; by default that of `METHODS`.

    Returns:
        uint8 `[height, width, 3]`, 0 on lines and 255 elsewhere.

    Raises:
        ValueError: If the method is unknown or a number out of its range.

    Example:
        >>> photo = np.zeros((32, 32, 3), "uint8")
        >>> photo[8:24, 8:24] = 255
        >>> lines = extract(photo)
        >>> lines.shape, np.unique(lines).tolist()
        ((32, 32, 3), [0, 255])
    """
    defaults = _defaults(method)
    numbers = [d if n is None else n for n, d in zip((sigma, low, high, min_size), defaults)]
    labels, _ = _labelled_lines(photo, method, *numbers)
    return _rgb(np.where(labels, 0, 255))


def sampled(
    photo: np.ndarray, seed: Union[int, Sequence[int]], method: str = "oriented"
) -> np.ndarray:
    """Draws the edges of a photo with random variations, as people draw.

    A model that was trained on a detector's exact edges expects them in human sketches too. So
    blur and threshold vary, and `tfpix2pix.data.hands.redraw` draws the lines again.

    Args:
        photo: As in `extract`.
        seed: int or sequence of ints; the same seed and photo give the same drawing.
        method: As in `extract`.

    Returns:
        uint8 `[height, width, 3]`, 0 on lines, 255 elsewhere, and between at the borders of smooth
        lines.

    Raises:
        ValueError: If the method is unknown.

    Example:
        >>> photo = np.tile(np.arange(32, dtype="uint8")[:, None, None] // 16 * 200, (1, 32, 3))
        >>> bool((sampled(photo, seed=1) == sampled(photo, seed=1)).all())
        True
    """
    sigma, low, high, min_size = _defaults(method)
    random = np.random.default_rng(seed)
    sigma *= random.choice(SIGMAS)
    if method == "oriented":
        spread = 2 ** random.uniform(*SPREAD)
        low *= spread
        high *= spread
    else:
        sampled_high = random.uniform(0.88, 0.96)
        low += sampled_high - high
        high = sampled_high
    labels, strength = _labelled_lines(photo, method, sigma, low, high, min_size)
    return _rgb(hands.redraw(labels, strength, random))


def _defaults(method):
    if method not in METHODS:
        raise InputError(f"`method` must be one of {', '.join(METHODS)}. Received: {method!r}.")
    return METHODS[method]


def _labelled_lines(photo, method, sigma, low, high, min_size):
    """Returns lines, int `[height, width]`, 1, 2, ... by connected line, and their strength."""
    is_quantile = method != "oriented"
    if not (sigma > 0 and 0 <= low <= high and (high <= 1 or not is_quantile)):
        raise InputError(
            f"`sigma` must be positive, and 0 <= low <= high{' <= 1' * is_quantile} for "
            f"{method!r}. Received: sigma={sigma}, low={low}, high={high}."
        )
    if method == "oriented":
        lines, strength = _oriented_lines(photo, sigma, low, high)
        min_size *= oriented.unit(photo.shape)
    else:
        lines = _quantile_lines(photo, method, sigma, low, high)
        strength = lines.astype("float32")
    labels = measure.label(lines, connectivity=2)
    sizes = np.bincount(labels.ravel())
    is_line = sizes >= min_size
    is_line[0] = False
    return (np.cumsum(is_line) * is_line)[labels], strength


def _oriented_lines(photo, sigma, low, high):
    rgb = formats.convert(photo, 3, str(photo.dtype)).astype("float32")
    rgb = np.clip(rgb / formats.full_range(photo.dtype)[1], 0, 1)
    crests = oriented.crests(*oriented.relative_strength(rgb, sigma), low)
    lines = filters.apply_hysteresis_threshold(crests, low, high)
    return morphology.skeletonize(lines), crests


def _quantile_lines(photo, method, sigma, low, high):
    alpha = formats.assumed_alpha(photo.shape[-1], str(photo.dtype))
    luminance = formats.convert(photo.astype("float32"), 1, "float32", alpha=alpha)[..., 0]
    # Borders are repeated: by skimage's default, mere rounding noise there is an edge.
    if method == "canny":
        edges = feature.canny(luminance, sigma, low, high, use_quantiles=True, mode="nearest")
        return morphology.skeletonize(edges)  # Canny leaves corners of stairs.
    fine, coarse = (
        filters.gaussian(luminance, s, mode="nearest") for s in (sigma, XDOG_RATIO * sigma)
    )
    darkness = XDOG_SHARPNESS * (coarse - fine) - fine
    return filters.apply_hysteresis_threshold(darkness, *np.quantile(darkness, [low, high]))


def _rgb(drawing):
    return np.repeat(drawing.astype("uint8")[..., np.newaxis], 3, axis=-1)
