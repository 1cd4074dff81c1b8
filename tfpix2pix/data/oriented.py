"""Oriented edges: how strongly a photo changes across each of eight directions, and where most.

A derivative of a Gaussian that is longer along the line than across it keeps outlines whole and
averages fur away. What counts is the strength beside its surroundings, so that a dark face has
lines as a bright one has, and a plain wall has none.
"""

from functools import lru_cache

import numpy as np
import scipy.fft
from skimage import color

DIRECTIONS = 8
SCALES = (1.0, 2.0, 4.0)  # Sigmas across the line, as multiples of the finest.
# Less than 1, since small photos lose their finest lines first and large ones have noise.
SCALING = 0.8
ELONGATION = 2.0  # Sigma along the line, as a multiple of that across.
SURROUNDINGS = 34.0  # Sigma of the local mean, in units.
FAINT = 0.009  # The strength of a step of 0.8% of all lightness, which is hardly seen.
REACH = 3.0  # Sigmas beyond the border that are mirrored.
KEPT_PIXELS = 2**19  # Of the filters of larger photos, which are not kept: the 60 kept need 250 MB.


def unit(shape: tuple) -> float:
    """Returns the length in pixels by which drawings grow with images: 1 at 256 x 256 pixels.

    Args:
        shape: Of an image, `(height, width, ...)`.

    Returns:
        float.

    Example:
        >>> unit((128, 128, 3))
        0.5
    """
    return (shape[0] * shape[1]) ** 0.5 / 256


def relative_strength(photo: np.ndarray, sigma: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Measures the strength of edges beside the mean of their surroundings.

    Lightness and colour of CIE Lab are filtered by derivatives of Gaussians in eight directions, at
    three scales, and all strengths of one direction are added.

    Args:
        photo: float32 `[height, width, 3]` in [0, 1], RGB.
        sigma: Standard deviation of the finest scale across the line, in pixels of a photo of 256 x
            256; at others it is multiplied by `unit` to the power of 0.8.

    Returns:
        `(strength, direction)`: float32 `[height, width]`, the strength in multiples of its local
        mean, and int `[height, width]`, the direction of the strongest change: k for k / 8 of a
        half turn from the right downwards.

    Example:
        >>> photo = np.zeros((32, 32, 3), "float32")
        >>> photo[16:] = 1  # Changes downwards only: a quarter turn from the right.
        >>> strength, direction = relative_strength(photo)
        >>> int(direction[16, 16]), bool(strength[16, 16] > strength[8, 16])
        (4, True)
    """
    height, width = photo.shape[:2]
    sigma = sigma * unit(photo.shape) ** SCALING
    margin = int(np.ceil(REACH * ELONGATION * SCALES[-1] * sigma))
    lab = np.moveaxis(color.rgb2lab(photo).astype("float32") / 100, -1, 0)
    sides = [scipy.fft.next_fast_len(side + 2 * margin) for side in (height, width)]
    margins = [(margin, full - side - margin) for full, side in zip(sides, (height, width))]
    spectra = [scipy.fft.fft2(np.pad(plane, margins, "symmetric")) for plane in lab]
    strength = np.zeros((height, width), "float32")
    direction = np.zeros((height, width), int)
    for k in range(DIRECTIONS // 2):
        changes = np.zeros((2, height, width), "float32")
        for scale in SCALES:
            pair = _filters(*sides, scale * sigma, k)
            for spectrum in spectra:
                both = scipy.fft.ifft2(spectrum * pair)
                both = both[margin : margin + height, margin : margin + width]
                changes += np.abs([both.real, both.imag])
        for turned, change in zip((k, k + DIRECTIONS // 2), changes):
            direction[change > strength] = turned
            np.maximum(strength, change, out=strength)
    return strength / (FAINT + _local_mean(strength)), direction


def crests(strength: np.ndarray, direction: np.ndarray, low: float) -> np.ndarray:
    """Keeps the strength where it is greatest across its line, and removes the rest.

    Args:
        strength: float32 `[height, width]`.
        direction: int `[height, width]`, as of `relative_strength`.
        low: What is at most this strong is removed too.

    Returns:
        float32 `[height, width]`: 0 where there is no crest.

    Example:
        >>> strength = np.array([[1, 3, 2]] * 3, "float32")
        >>> crests(strength, np.zeros((3, 3), int), 0.5)[1].tolist()
        [0.0, 3.0, 0.0]
    """
    rows, columns = np.nonzero(strength > low)
    angles = direction[rows, columns] * np.pi / DIRECTIONS
    padded = np.pad(strength, 1, mode="edge")
    here = strength[rows, columns]
    ahead = _between(padded, rows + 1, columns + 1, np.sin(angles), np.cos(angles))
    behind = _between(padded, rows + 1, columns + 1, -np.sin(angles), -np.cos(angles))
    is_crest = (here >= ahead) & (here > behind)
    kept = np.zeros_like(strength)
    kept[rows[is_crest], columns[is_crest]] = here[is_crest]
    return kept


def _between(values, rows, columns, down, right):
    """Interpolates values at a distance of up to a pixel from each place."""
    next_rows = rows + np.sign(down).astype(int)
    next_columns = columns + np.sign(right).astype(int)
    down = np.abs(down)
    right = np.abs(right)
    return (1 - down) * (
        (1 - right) * values[rows, columns] + right * values[rows, next_columns]
    ) + down * ((1 - right) * values[next_rows, columns] + right * values[next_rows, next_columns])


def _filters(height, width, sigma, k):
    """Returns complex64 `[height, width]`: the spectra of the filters of two directions in one.

    A photo is real, so the real part of what is filtered is that of direction k, and the imaginary
    part that of the direction a quarter turn further.
    """
    if height * width <= KEPT_PIXELS:
        return _kept_filters(height, width, sigma, k)
    return _new_filters(height, width, sigma, k)


def _new_filters(height, width, sigma, k):
    rows = 2 * np.pi * scipy.fft.fftfreq(height)[:, np.newaxis]
    columns = 2 * np.pi * scipy.fft.fftfreq(width)

    def derivative(turned):
        angle = turned * np.pi / DIRECTIONS
        across = np.cos(angle) * columns + np.sin(angle) * rows
        along = np.cos(angle) * rows - np.sin(angle) * columns
        extent = across**2 + (ELONGATION * along) ** 2
        return 1j * sigma * across * np.exp(-0.5 * sigma**2 * extent)

    return (derivative(k) + 1j * derivative(k + DIRECTIONS // 2)).astype("complex64")


_kept_filters = lru_cache(maxsize=5 * len(SCALES) * DIRECTIONS // 2)(_new_filters)


def _local_mean(strength):
    """Blurs by a broad Gaussian, mirrored at the borders as a cosine transform is."""
    sigma = SURROUNDINGS * unit(strength.shape)
    waves = scipy.fft.dctn(strength)
    for axis, side in enumerate(strength.shape):
        fall = np.exp(-0.5 * (sigma * np.pi * np.arange(side) / side) ** 2).astype("float32")
        waves *= np.expand_dims(fall, 1 - axis)
    return scipy.fft.idctn(waves)
