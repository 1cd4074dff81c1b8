"""Hands: redraws the lines of a photo as people draw, who leave out, slip and press unevenly."""

import numpy as np
from scipy import ndimage
from skimage import measure

from tfpix2pix.data import oriented

# How often a hand draws everything, the longest lines alone, those and the eyes, or one outline.
CHOICES = {"all": 0.55, "long": 0.1, "eyes": 0.2, "outline": 0.15}
LONG = (0.2, 0.4)  # Part of the side that a long line spans at least.
KEPT = 3  # How many lines are long in any case.
EYES = (2, 7)  # How many short lines, the strongest, stand for eyes, nose and mouth.
GAP = 14.0  # Units between which lines of one outline are joined.
ENCLOSED = 0.8  # Of the ink, at least, is within the body that an outline is of.
SLIP = 2.0  # Units by which a line is off at most, as a standard deviation.
WAVES = (10.0, 40.0)  # Units within which it is off alike.
SPLINE_DEVIATION = 151 / 315  # Of a cubic B-spline in two dimensions of knots of deviation 1.
WIDTHS = (1.0, 4.0)  # Units of a line, but at least a pixel.


def redraw(labels: np.ndarray, strength: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Draws lines again by a hand that is chosen at random.

    Half of the hands draw all lines but up to a fifth; the others draw the long lines alone, the
    long lines and the strongest of the short ones, such as eyes, or one closed outline. Lines
    waver, half of the hands leave gaps, and pens are thin and thick and press unevenly. Half of
    the pens are smooth, with grey borders, as lines are that a browser drew.

    Args:
        labels: int `[height, width]`: 1, 2, ... on the lines, by connected line, 0 elsewhere.
        strength: float32 `[height, width]`, of edges; that on the lines counts.
        random: Generator of NumPy.

    Returns:
        uint8 `[height, width]`, 0 on lines and 255 elsewhere.

    Example:
        >>> lines = np.eye(32, dtype=int)
        >>> drawing = redraw(lines, lines.astype("float32"), np.random.default_rng(0))
        >>> drawing.shape, bool(drawing.min() < 128 < drawing.max())
        ((32, 32), True)
    """
    choice = random.choice(list(CHOICES), p=list(CHOICES.values()))
    lines = _outline(labels > 0) if choice == "outline" else None
    if lines is None:
        lines = _chosen(labels, strength, choice, random)
    if not lines.any():
        return np.full(labels.shape, 255, "uint8")
    unit = oriented.unit(labels.shape)
    width = np.exp(random.uniform(*np.log(WIDTHS))) * unit
    pressure = 1 + 0.3 * _waves(labels.shape, 12 * unit, random)
    cover = np.clip(
        np.maximum(1, width * pressure) / 2 + 0.5 - ndimage.distance_transform_edt(~lines), 0, 1
    )
    if random.random() < 0.5:
        has_ink = _waves(labels.shape, 2.5 * unit, random) > random.uniform(-2.5, -1.2)
        cover *= has_ink
    slip = random.uniform(0, SLIP) * unit
    wave = random.uniform(*WAVES) * unit
    places = [
        place + slip * _waves(labels.shape, wave, random) for place in np.indices(labels.shape)
    ]
    cover = ndimage.map_coordinates(cover.astype("float32"), places, order=1, mode="nearest")
    if random.random() < 0.5:
        cover = cover >= 0.5
    return np.rint(255 * (1 - cover)).astype("uint8")


def _chosen(labels, strength, choice, random):
    """Returns bool `[height, width]`: those of the lines that a hand draws."""
    lines = measure.regionprops(labels, strength)
    spans = np.array([max(np.subtract(line.bbox[2:], line.bbox[:2])) for line in lines], int)
    # The longest are drawn in any case.
    least = np.sort(spans)[-KEPT:].min(initial=max(labels.shape))
    is_long = spans >= min(random.uniform(*LONG) * max(labels.shape), least)
    is_drawn = np.append(False, is_long)
    short = 1 + np.flatnonzero(~is_long)
    if choice == "eyes":
        power = np.array([lines[k - 1].intensity_mean for k in short])
        is_drawn[short[np.argsort(power)[-random.integers(*EYES) :]]] = True
    elif choice != "long":
        is_drawn[short] = random.permutation(len(short)) >= int(random.uniform(0, 0.2) * len(lines))
    return is_drawn[labels]


def _outline(lines):
    """Returns the outline of the body that the lines are of, `None` where they are of no one body.

    The body is what lines enclose, where gaps are closed.
    """
    gap = GAP * oriented.unit(lines.shape)
    margin = int(gap) + 2
    ink = np.pad(lines, margin)
    solid = ndimage.binary_fill_holes(ndimage.distance_transform_edt(~ink) <= gap / 2)
    bodies, count = ndimage.label(ndimage.distance_transform_edt(solid) > gap / 2)
    if not count:
        return None
    body = bodies == 1 + np.argmax(np.bincount(bodies.ravel())[1:])
    if (ink & body).sum() < ENCLOSED * ink.sum():
        return None
    outline = body & ~ndimage.binary_erosion(body)
    return outline[margin:-margin, margin:-margin]


def _waves(shape, length, random):
    """Returns float32 `[height, width]`: smooth random values of mean 0 and deviation 1.

    A cubic B-spline through knots that are `length` pixels apart.
    """
    bases = [_spline(side, length, random.random()) for side in shape]
    knots = random.standard_normal([basis.shape[1] for basis in bases]).astype("float32")
    return bases[0] @ knots @ bases[1].T / SPLINE_DEVIATION


def _spline(side, length, start):
    """Returns float32 `[side, knots]`: the weights of the knots at each pixel."""
    places = start + np.arange(side) / length
    distances = np.abs(places[:, np.newaxis] + 1 - np.arange(int(places[-1]) + 4))
    near = 2 / 3 - distances**2 + distances**3 / 2
    far = np.maximum(2 - distances, 0) ** 3 / 6
    return np.where(distances < 1, near, far).astype("float32")
