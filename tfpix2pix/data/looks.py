"""Looks: features of images, a few kB each, and whether they show photos, labels or drawings."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, Optional

import imagehash
import numpy as np
from PIL import Image, ImageOps

from tfpix2pix.data import formats
from tfpix2pix.data.palettes import packed, unpacked
from tfpix2pix.data.surroundings import bars

SKETCH = 16  # Pixels of a side of the smallest picture by which an image can be recognized.
HASHED = 32  # Pixels of a side of the picture that the perceptual hash is made of.
MOST_SIDE = 512  # Larger images are measured on a grid of pixels, which makes no new colours.
LOSSY_BLANK = 2.5  # Standard deviation in levels up to which a JPEG is blank.
MOST_COLORS = 256
MOST_PEAKS = 64
NEAR = 6  # Levels that JPEG changes within a flat area.
FAR = 24  # Levels that certainly make another colour.
THICK = 64  # Levels from the background at which a pixel belongs to a line or an area.

# `look` compares medians over the images of a side with these. They were set on the 506 pairs of
# facades (photos and label maps, JPEG), 900 of edges2shoes and edges2handbags (drawings and photos
# on white) and the pairs of `tfpix2pix.datasets.synthetic` (label maps as PNG, JPEG and ids).
# Drawings: mostly background, of thin strokes, without colour, on white or black.
DRAWING_LEAST_BACKGROUND = 0.6
DRAWING_MOST_THICK = 0.15
# Exact label maps: nearly all images have few colours, and equal neighbours.
LABELS_LEAST_OF_FEW_COLORS = 0.9
LABELS_LEAST_SOLID = 0.05
# All grey photos together have few colours, but no two equal neighbours.
GREY_LABELS_LEAST_SOLID = 0.3
# Blurred label maps: flat areas, whose pixels lie near the peaks. Of few images come few peaks.
LABELS_LEAST_FLAT = 0.03
LABELS_LEAST_NEAR_PEAKS = 0.85
LABELS_LEAST_NEAR_PEAKS_OF_FEW = 0.95
MANY_IMAGES = 8
# A rarer colour is blur between two classes.
PALETTE_LEAST_SHARE = 5e-4
BACKGROUND_WEIGHT = 65536  # Pixels that an image counts for when the background is added.


class Features(NamedTuple):
    """Features of an image, measured on RGB of 8 bits.

    Attributes:
        digest: Of all pixels; equal for equal images.
        hash: bool `[64]`, the perceptual hash.
        mirrored_hash: That of its mirror image.
        sketch: uint8 `[16, 16, 3]`.
        mean: Mean of the three channels.
        spread: Their standard deviations.
        greatest: Greatest value of the first channel of the file: the last id of a label map.
        is_grey: Whether the channels are equal.
        is_opaque: Whether there is no alpha below its greatest value.
        colors: Packed colours, or `None` if there are more than 256.
        peaks: int `[peaks, 5]`: the colours of flat areas except the most frequent one, RGB; the
            number of flat pixels within `NEAR` of each; and that within `FAR`.
        flat: Share of the pixels that `peaks` counts.
        top: Packed colour that is most frequent.
        top_share: Share of the pixels that are nearly of this colour.
        solid: Of the other pixels, the share that equals its lower and right neighbours.
        thick: Of the pixels far from `top`, the share at the centre of 5 x 5 such; 1 if none is.
        saturation: Mean difference of the greatest and the least channel.
        is_lossy: Whether the format of the file is lossy.
        bars: Heights of the upper and the lower bar of one colour and widths of the left and the
            right one, as shares of the sides; see `tfpix2pix.data.surroundings.bars`.

    Example:
        >>> features(np.zeros((16, 16, 3), "uint8")).top_share
        1.0
    """

    digest: bytes
    hash: np.ndarray
    mirrored_hash: np.ndarray
    sketch: np.ndarray
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    greatest: float
    is_grey: bool
    is_opaque: bool
    colors: Optional[np.ndarray]
    peaks: np.ndarray
    flat: float
    top: int
    top_share: float
    solid: float
    thick: float
    saturation: float
    is_lossy: bool
    bars: tuple[float, ...]

    @property
    def is_blank(self) -> bool:
        """Whether it has one colour, or in JPEG, which adds noise, nearly so."""
        return max(self.spread) <= (LOSSY_BLANK if self.is_lossy else 0)


def features(
    pixels: np.ndarray,
    value_range: Optional[tuple[float, float]] = None,
    *,
    is_lossy: bool = False,
) -> Features:
    """Measures an image.

    Args:
        pixels: uint8, uint16 or float32 `[height, width, channels]`.
        value_range: As in `to_rgb`.
        is_lossy: Whether it comes from a lossy format, JPEG.

    Returns:
        `Features`.

    Example:
        >>> features(np.full((16, 16, 1), 7, "uint8")).greatest
        7.0
    """
    rgb = to_rgb(pixels, value_range)
    picture = Image.fromarray(rgb)
    hashed = picture.convert("L").resize((HASHED, HASHED), Image.LANCZOS)
    small = rgb[tuple(slice(None, None, -(-side // MOST_SIDE)) for side in rgb.shape[:2])]
    # Channels first: NumPy is many times slower along an axis of 3.
    planes = np.ascontiguousarray(np.moveaxis(small, -1, 0))
    codes = packed(small)
    colors, counts = np.unique(codes, return_counts=True)
    top = int(colors[counts.argmax()])
    from_top = np.abs(planes.astype("int16") - unpacked(top)[:, None, None]).max(axis=0)
    peaks = _peaks(planes, codes, from_top)
    opaque = 1 if pixels.dtype == "float32" else np.iinfo(pixels.dtype).max
    digest = hashlib.sha256(f"{pixels.shape} {pixels.dtype}".encode())
    digest.update(np.ascontiguousarray(pixels))
    return Features(
        digest.digest(),
        imagehash.phash(hashed).hash.ravel(),
        imagehash.phash(ImageOps.mirror(hashed)).hash.ravel(),
        np.asarray(picture.resize((SKETCH, SKETCH), Image.BOX)),
        tuple(planes.mean(axis=(1, 2)).tolist()),
        tuple(planes.std(axis=(1, 2)).tolist()),
        float(pixels[..., 0].max()),
        bool((planes == planes[0]).all()),
        pixels.shape[-1] not in (2, 4) or bool((pixels[..., -1] == opaque).all()),
        colors if len(colors) <= MOST_COLORS else None,
        peaks,
        float(peaks[:, 4].sum() / from_top.size),
        top,
        float((from_top <= NEAR).mean()),
        _solid(codes, top),
        _thick(from_top > THICK),
        float(np.ptp(planes, axis=0).mean()),
        is_lossy,
        bars(planes),
    )


class Look(NamedTuple):
    """What the images of one side show.

    Attributes:
        kind: `"labels"`, `"drawing"` or `"photo"`.
        palette: int `[colors, 3]`: the colours of label maps, the most frequent first if they are
            not exact; else empty.
        exact: Whether all pixels of label maps have these colours.

    Example:
        >>> Look("photo", np.zeros((0, 3), int), False).kind
        'photo'
    """

    kind: str
    palette: np.ndarray
    exact: bool


def look(features: Sequence[Features]) -> Look:
    """Guesses what the images of one side show.

    Args:
        features: List of `tfpix2pix.data.looks.Features`.

    Returns:
        `Look`. Blank images are ignored.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> photo, labels = synthetic.facade((64, 64), seed=1)
        >>> [look([features(image)]).kind for image in (photo, labels)]
        ['photo', 'labels']
    """
    images = [image for image in features if not image.is_blank]
    no_colors = np.zeros((0, 3), int)
    if not images:
        return Look("photo", no_colors, False)
    backgrounds = unpacked([image.top for image in images])
    if _are_drawings(images, backgrounds):
        return Look("drawing", no_colors, False)
    palette = _exact_palette(images)
    if palette is not None:
        return Look("labels", palette, True)
    palette = _blurred_palette(images, backgrounds)
    if palette is not None:
        return Look("labels", palette, False)
    return Look("photo", no_colors, False)


def _median(images, name):
    return np.median([getattr(image, name) for image in images])


def _are_drawings(images, backgrounds):
    background = np.median(backgrounds)
    return (
        _median(images, "top_share") > DRAWING_LEAST_BACKGROUND
        and _median(images, "thick") < DRAWING_MOST_THICK
        and _median(images, "saturation") < NEAR
        and min(background, 255 - background) < FAR
    )


def _exact_palette(images):
    """Returns the colours of label maps whose pixels all have one of them, or `None`."""
    if _median(images, "is_lossy"):
        return None
    listed = [image.colors for image in images if image.colors is not None]
    if len(listed) < max(LABELS_LEAST_OF_FEW_COLORS * len(images), 1):
        return None
    colors = np.unique(np.concatenate(listed))
    is_grey = _median(images, "is_grey")
    least_solid = GREY_LABELS_LEAST_SOLID if is_grey else LABELS_LEAST_SOLID
    if len(colors) > MOST_COLORS or _median(images, "solid") <= least_solid:
        return None
    return unpacked(colors)


def _blurred_palette(images, backgrounds):
    """Returns the colours around which those of blurred label maps lie, or `None`."""
    peaks = np.concatenate([image.peaks for image in images])
    common = gather_peaks(peaks[:, :3], peaks[:, 3], peaks[:, 4])
    # Photos have few flat areas, or many colours between the peaks.
    near_peaks = common[:, 3].sum() / max(peaks[:, 4].sum(), 1)
    is_many = len(images) >= MANY_IMAGES
    least = LABELS_LEAST_NEAR_PEAKS if is_many else LABELS_LEAST_NEAR_PEAKS_OF_FEW
    if _median(images, "flat") < LABELS_LEAST_FLAT or near_peaks < least:
        return None
    shares = np.array([image.top_share for image in images]) * BACKGROUND_WEIGHT
    weights = np.concatenate([peaks[:, 3], shares.astype("int32")])
    palette = gather_peaks(np.concatenate([peaks[:, :3], backgrounds]), weights)
    return palette[palette[:, 3] > PALETTE_LEAST_SHARE * weights.sum(), :3]


def to_rgb(pixels: np.ndarray, value_range: Optional[tuple[float, float]] = None) -> np.ndarray:
    """Converts an image of any pixel format to RGB of 8 bits, to be looked at.

    Args:
        pixels: uint8, uint16 or float32 `[height, width, channels]`. Alpha is left out, and so are
            channels after the third.
        value_range: `(low, high)`, the pixels that become 0 and 255; by default
            `tfpix2pix.data.formats.full_range`.

    Returns:
        uint8 `[height, width, 3]`.

    Example:
        >>> to_rgb(np.full((1, 1, 1), 300, "uint16"), (0, 600)).tolist()
        [[[128, 128, 128]]]
    """
    channels = pixels.shape[-1]
    color = pixels[..., : 1 if channels <= 2 else 3]
    if pixels.dtype != "uint8":
        low, high = value_range or formats.full_range(pixels.dtype)
        scaled = (color.astype("float32") - low) * (255 / max(high - low, 1e-9))
        color = np.rint(scaled.clip(0, 255)).astype("uint8")
    return np.repeat(color, 3, axis=-1) if channels <= 2 else np.ascontiguousarray(color)


def gather_peaks(
    colors: np.ndarray, near: np.ndarray, wide: Optional[np.ndarray] = None
) -> np.ndarray:
    """Finds the colours around which others lie.

    Args:
        colors: int `[colors, 3]`.
        near: int `[colors]`, pixels of each.
        wide: As `near`, counted for the surroundings of each; by default the same.

    Returns:
        int `[at most 64, 5]` as in `Features`, the most frequent first; no two within `FAR`.

    Example:
        >>> gather_peaks(np.array([[9, 9, 9], [8, 9, 9], [99, 9, 9]]), np.array([5, 4, 1])).tolist()
        [[9, 9, 9, 9, 9], [99, 9, 9, 1, 1]]
    """
    wide = near if wide is None else wide
    order = np.argsort(-near, kind="stable")
    peaks = []
    while len(order) and len(peaks) < MOST_PEAKS:
        peak = colors[order[0]]
        distance = np.abs(colors[order] - peak).max(axis=-1)
        near_count = near[order[distance <= NEAR]].sum()
        wide_count = wide[order[distance <= FAR]].sum()
        peaks.append((*peak, near_count, wide_count))
        order = order[distance > FAR]
    return np.array(peaks, "int32").reshape(-1, 5)


def _peaks(planes, codes, from_top):
    """Returns the peaks of flat areas: alike in 3 x 3 pixels, and not of the top colour."""
    if min(from_top.shape) < 3:
        return np.zeros((0, 5), "int32")
    ranges = _around(planes, np.maximum) - _around(planes, np.minimum)
    flat = (ranges.max(axis=0) <= NEAR) & (from_top[1:-1, 1:-1] > FAR)
    colors, counts = np.unique(codes[1:-1, 1:-1][flat], return_counts=True)
    return gather_peaks(unpacked(colors), counts)


def _around(planes, combine):
    """Combines each 3 x 3 pixels of the last two axes."""
    rows = combine(combine(planes[..., :-2, :], planes[..., 1:-1, :]), planes[..., 2:, :])
    return combine(combine(rows[..., :-2], rows[..., 1:-1]), rows[..., 2:])


def _solid(codes, top):
    here = codes[:-1, :-1]
    other = here != top
    alike = (here == codes[1:, :-1]) & (here == codes[:-1, 1:])
    return float(alike[other].mean()) if other.any() else 0.0


def _thick(far):
    if min(far.shape) < 5 or not far.any():
        return 1.0
    centres = _around(_around(far, np.logical_and), np.logical_and)
    return float(centres.sum() / far.sum())
