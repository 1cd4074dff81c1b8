"""Edge detection: line drawings of photos, so that photos alone make a data set.

The paper's data are made by a trained detector (HED), thinned, and lines under 5 pixels removed;
Canny's edges, after the same steps, replace it here. XDoG draws broader lines and fills dark areas.
"""

from collections.abc import Sequence
from typing import Optional, Union

import numpy as np
from skimage import feature, filters, measure, morphology

from tfpix2pix.data import formats
from tfpix2pix.errors import InputError

# Sigma, low and high of each method; Canny's come nearest to the published HED edges by eye.
DEFAULTS = {"canny": (2.0, 0.8, 0.92), "xdog": (1.0, 0.88, 0.94)}

# Ratio of the two Gaussians, and weight of their difference (Winnemoeller et al., 2012).
XDOG_RATIO = 1.6
XDOG_SHARPNESS = 50.0


def extract(
    photo: np.ndarray,
    method: str = "canny",
    *,
    sigma: Optional[float] = None,
    low: Optional[float] = None,
    high: Optional[float] = None,
    min_size: int = 5,
) -> np.ndarray:
    """Draws the edges of a photo, black on white.

    A line starts where the strength of an edge is above the quantile `high` of all pixels and
    continues while it is above `low`, so exposure and contrast of the photo do not matter. The
    strength is the gradient norm for Canny, whose lines are one pixel wide, and darkness for XDoG.

    Args:
        photo: uint8, uint16 or float32 `[height, width, channels]`, 1 to 4 channels.
        method: `"canny"` or `"xdog"`.
        sigma: Standard deviation in pixels of the Gaussian blur; by default that of `DEFAULTS`.
        low: Quantile in [0, 1]; by default that of `DEFAULTS`.
        high: Quantile in [`low`, 1]; by default that of `DEFAULTS`.
        min_size: Connected lines of fewer pixels are removed.

    Returns:
        uint8 `[height, width, 3]`, 0 on lines and 255 elsewhere.

    Raises:
        ValueError: If the method is unknown or a number out of its range.

    Example:
        >>> photo = np.zeros((32, 32, 3), "uint8")
        >>> photo[8:24, 8:24] = 255
        >>> lines = extract(photo, sigma=1.0)
        >>> lines.shape, np.unique(lines).tolist()
        ((32, 32, 3), [0, 255])
    """
    defaults = _defaults(method)
    numbers = [d if n is None else n for n, d in zip((sigma, low, high), defaults)]
    return _drawn(_labelled_lines(photo, method, *numbers, min_size) > 0)


def sampled(
    photo: np.ndarray, seed: Union[int, Sequence[int]], method: str = "canny"
) -> np.ndarray:
    """Draws the edges of a photo with random variations, as people draw.

    A model that was trained on a detector's exact edges expects them in human sketches too. So
    blur and threshold vary, up to a fifth of the lines are missing, each of the others moves by up
    to a pixel in both directions, and half of the drawings have lines 3 pixels wide.

    Args:
        photo: As in `extract`.
        seed: int or sequence of ints; the same seed and photo give the same drawing.
        method: `"canny"` or `"xdog"`.

    Returns:
        uint8 `[height, width, 3]`, 0 on lines and 255 elsewhere.

    Raises:
        ValueError: If the method is unknown.

    Example:
        >>> photo = np.tile(np.arange(32, dtype="uint8")[:, None, None] // 16 * 200, (1, 32, 3))
        >>> bool((sampled(photo, seed=1) == sampled(photo, seed=1)).all())
        True
    """
    sigma, low, high = _defaults(method)
    random = np.random.default_rng(seed)
    sampled_high = random.uniform(0.88, 0.96)
    # For Canny a sigma from 1 to 2.5 pixels.
    labels = _labelled_lines(
        photo, method, sigma * random.uniform(0.5, 1.25), sampled_high - high + low, sampled_high, 5
    )
    count = labels.max()
    is_missing = random.permutation(count) < int(random.uniform(0, 0.2) * count)
    moves = random.integers(-1, 2, (count, 2))

    pixels = np.argwhere(labels)
    index = labels[tuple(pixels.T)] - 1
    moved = np.clip(pixels + moves[index], 0, np.array(labels.shape) - 1)[~is_missing[index]]
    lines = np.zeros(labels.shape, bool)
    lines[tuple(moved.T)] = True
    return _drawn(morphology.dilation(lines) if random.random() < 0.5 else lines)


def _defaults(method):
    if method not in DEFAULTS:
        raise InputError(f"`method` must be one of {', '.join(DEFAULTS)}. Received: {method!r}.")
    return DEFAULTS[method]


def _labelled_lines(photo, method, sigma, low, high, min_size):
    """Returns int `[height, width]`: 1, 2, ... on the lines, by connected line, 0 elsewhere."""
    if not (sigma > 0 and 0 <= low <= high <= 1):
        raise InputError(
            "`sigma` must be positive, and 0 <= low <= high <= 1. Received: "
            f"sigma={sigma}, low={low}, high={high}."
        )
    luminance = formats.convert(photo.astype("float32"), 1, "float32")[..., 0]
    # Borders are repeated: by skimage's default, mere rounding noise there is an edge.
    if method == "canny":
        edges = feature.canny(luminance, sigma, low, high, use_quantiles=True, mode="nearest")
        lines = morphology.skeletonize(edges)  # Canny leaves corners of stairs.
    else:
        fine, coarse = (
            filters.gaussian(luminance, s, mode="nearest") for s in (sigma, XDOG_RATIO * sigma)
        )
        darkness = XDOG_SHARPNESS * (coarse - fine) - fine
        lines = filters.apply_hysteresis_threshold(darkness, *np.quantile(darkness, [low, high]))
    labels = measure.label(lines, connectivity=2)
    sizes = np.bincount(labels.ravel())
    is_line = sizes >= min_size
    is_line[0] = False
    return (np.cumsum(is_line) * is_line)[labels]


def _drawn(lines):
    return np.repeat(np.where(lines, 0, 255).astype("uint8")[..., np.newaxis], 3, axis=-1)
