"""Edges: line drawings of photos, so that photos alone make a data set for edges to photos.

The paper's data are made by a trained detector (HED), thinned, and rid of what is under 5 pixels;
Canny's edges, after the same steps, stand in for it. XDoG draws with a broader pen that fills
what is dark.
"""

import numpy as np
from skimage import feature, filters, measure, morphology

from tfpix2pix.data import formats
from tfpix2pix.errors import InputError

# Sigma, low and high of each method; Canny's come nearest to the published HED edges by eye.
DEFAULTS = {"canny": (2.0, 0.8, 0.92), "xdog": (1.0, 0.88, 0.94)}

# Ratio of the two Gaussians, and weight of their difference (Winnemoeller et al., 2012).
XDOG_RATIO, XDOG_SHARPNESS = 1.6, 50.0


def extract(photo, method="canny", *, sigma=None, low=None, high=None, min_size=5):
    """Draws the edges of a photo, black on white.

    A line starts where an edge is above the quantile `high` of all pixels and goes on while it is
    above `low`, so exposure and contrast of the photo do not matter. Canny's edges are as strong
    as the gradient and one pixel wide; those of XDoG are as strong as it is dark.

    Args:
        photo: uint8, uint16 or float32 `[height, width, channels]`, 1 to 4 channels.
        method: `"canny"` or `"xdog"`.
        sigma: Deviation in pixels of the Gaussian blur before; by default that of `DEFAULTS`.
        low: Quantile in [0, 1]; by default that of `DEFAULTS`.
        high: Quantile in [`low`, 1]; by default that of `DEFAULTS`.
        min_size: Connected lines of fewer pixels are left out.

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


def sampled(photo, seed, method="canny"):
    """Draws the edges of a photo as one of many hands might.

    A model that was trained on a detector's edges alone expects them in human sketches too. So
    blur and threshold vary, up to a fifth of the lines are forgotten, each of the others moves by
    up to a pixel in both directions, and half of the drawings are made with a pen of 3 pixels.

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
    forgotten = random.permutation(count) < int(random.uniform(0, 0.2) * count)
    moves = random.integers(-1, 2, (count, 2))

    pixels = np.argwhere(labels)
    index = labels[tuple(pixels.T)] - 1
    moved = np.clip(pixels + moves[index], 0, np.array(labels.shape) - 1)[~forgotten[index]]
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
    # Borders are repeated: to skimage's default, nothing but noise of rounding is an edge too.
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
    kept = sizes >= min_size
    kept[0] = False
    return (np.cumsum(kept) * kept)[labels]


def _drawn(lines):
    return np.repeat(np.where(lines, 0, 255).astype("uint8")[..., np.newaxis], 3, axis=-1)
