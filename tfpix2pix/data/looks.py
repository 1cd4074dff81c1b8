"""Looks: a few kB of features of each image, and what it shows: photo, label map or drawing."""

import hashlib
from typing import NamedTuple, Optional

import imagehash
import numpy as np
from PIL import Image

from tfpix2pix.data import formats

SKETCH = 16  # Pixels of a side of the smallest picture in which an image can be known again.
MOST_SIDE = 512  # Larger images are measured with pixels left out, which makes no new colours.
LOSSY_BLANK = 2.5  # Deviation in levels below which a JPEG shows nothing.
MOST_COLORS = 256
MOST_PEAKS = 64
NEAR, FAR = 6, 24  # Levels: JPEG's changes within a flat area, and another colour for certain.


class Features(NamedTuple):
    """What is kept of an image. Colours are of 8 bits; other images are brought to them.

    Attributes:
        digest: Of all its pixels; equal where they are.
        hash: bool `[64]`, the perceptual hash.
        sketch: uint8 `[16, 16, 3]`.
        mean: Mean of the three channels.
        spread: Their standard deviations.
        greatest: Greatest value of the first channel as it is in the file: of ids, the last.
        is_grey: Whether the channels are equal.
        is_opaque: Whether nothing shines through.
        colors: Packed colours, or `None` when there are more than 256.
        peaks: int `[peaks, 5]`: the colours of flat areas but the most frequent, RGB; the flat
            pixels within `NEAR` of it; and those within `FAR`.
        flat: Share of the pixels that `peaks` counts.
        top: Packed colour that is most frequent.
        top_share: Share of the pixels that are nearly of this colour.
        solid: Of the others, the share whose lower and right neighbours are equal to them.
        thick: Of the pixels far from the top, the share in the midst of 5 x 5 such; 1 if none is.
        saturation: Mean difference of the greatest and the least channel.
        is_lossy: Whether it comes of a format without exact colours.

    Example:
        >>> features(np.zeros((16, 16, 3), "uint8")).top_share
        1.0
    """

    digest: bytes
    hash: np.ndarray
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

    @property
    def is_blank(self):
        """Whether it is of one colour, or in JPEG, which has noise, nearly so."""
        return max(self.spread) <= (LOSSY_BLANK if self.is_lossy else 0)


def features(pixels, value_range=None, *, is_lossy=False):
    """Measures an image.

    Args:
        pixels: uint8, uint16 or float32 `[height, width, channels]`.
        value_range: As in `to_rgb`.
        is_lossy: Whether it comes of a format without exact colours, JPEG.

    Returns:
        `Features`.

    Example:
        >>> features(np.full((16, 16, 1), 7, "uint8")).greatest
        7.0
    """
    rgb = to_rgb(pixels, value_range)
    picture = Image.fromarray(rgb)
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
        imagehash.phash(picture).hash.ravel(),
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
        _thick(from_top > 64),
        float(np.ptp(planes, axis=0).mean()),
        is_lossy,
    )


class Look(NamedTuple):
    """What images look like, all together.

    Attributes:
        kind: `"labels"`, `"drawing"` or `"photo"`.
        palette: int `[colors, 3]`: of label maps the colours, the most frequent first where they
            are not exact; else empty.
        exact: Whether all pixels of label maps have these colours.

    Example:
        >>> Look("photo", np.zeros((0, 3), int), False).kind
        'photo'
    """

    kind: str
    palette: np.ndarray
    exact: bool


def look(features):
    """Sees what images are; it is a guess.

    Args:
        features: List of `tfpix2pix.data.looks.Features`.

    Returns:
        `Look`. Blank images say nothing and are passed over.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> photo, labels = synthetic.facade((64, 64), seed=1)
        >>> [look([features(image)]).kind for image in (photo, labels)]
        ['photo', 'labels']
    """
    telling = [of for of in features if not of.is_blank]
    nothing = np.zeros((0, 3), int)
    if not telling:
        return Look("photo", nothing, False)

    def typical(name):
        return np.median([getattr(of, name) for of in telling])

    tops = unpacked([of.top for of in telling])
    if (
        typical("top_share") > 0.6
        and typical("thick") < 0.15
        and typical("saturation") < NEAR
        and min(np.median(tops), 255 - np.median(tops)) < FAR
    ):
        return Look("drawing", nothing, False)

    listed = [of.colors for of in telling if of.colors is not None]
    union = np.unique(np.concatenate(listed)) if listed else np.zeros(0)
    few = len(listed) >= 0.9 * len(telling) and len(union) <= MOST_COLORS
    # All grey photos together have few colours, but no two equal neighbours.
    solid = typical("solid") > (0.3 if typical("is_grey") else 0.05)
    if few and solid and not typical("is_lossy"):
        return Look("labels", unpacked(union), True)

    peaks = np.concatenate([of.peaks for of in telling])
    found = gather_peaks(peaks[:, :3], peaks[:, 3], peaks[:, 4])
    # Photos have few flat areas, or many colours between the peaks; of few images, too few peaks.
    share = found[:, 3].sum() / max(peaks[:, 4].sum(), 1)
    if typical("flat") < 0.03 or share < (0.85 if len(telling) >= 8 else 0.95):
        return Look("photo", nothing, False)
    shares = np.array([of.top_share for of in telling]) * 65536
    both = np.concatenate([peaks[:, 3], shares.astype("int32")])
    palette = gather_peaks(np.concatenate([peaks[:, :3], tops]), both)
    kept = palette[:, 3] > 5e-4 * both.sum()
    return Look("labels", palette[kept, :3], False)


def to_rgb(pixels, value_range=None):
    """Shows an image of any kind as RGB of 8 bits.

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


def packed(rgb):
    """Returns colours as one number each.

    Args:
        rgb: uint8 `[..., 3]`.

    Returns:
        uint32 `[...]`, `65536 * red + 256 * green + blue`.

    Example:
        >>> int(packed(np.array([1, 0, 2], "uint8")))
        65538
    """
    red, green, blue = np.moveaxis(rgb, -1, 0).astype("uint32")
    return (red << 16) + (green << 8) + blue


def unpacked(codes):
    """Returns what `packed` was given.

    Args:
        codes: int or int array, as `packed` returns.

    Returns:
        int array with an axis of 3 more.

    Example:
        >>> unpacked(65538).tolist()
        [1, 0, 2]
    """
    codes = np.asarray(codes, "int64")
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=-1)


def gather_peaks(colors, near, wide=None):
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
    colors, near, wide = colors[order], near[order], wide[order]
    found = []
    while len(colors) and len(found) < MOST_PEAKS:
        distance = np.abs(colors - colors[0]).max(axis=-1)
        rest = distance > FAR
        found.append((*colors[0], near[distance <= NEAR].sum(), wide[~rest].sum()))
        colors, near, wide = colors[rest], near[rest], wide[rest]
    return np.array(found, "int32").reshape(-1, 5)


def _peaks(planes, codes, from_top):
    """Returns the peaks of what is flat: alike in 3 x 3 pixels, and not of the top colour."""
    if min(from_top.shape) < 3:
        return np.zeros((0, 5), "int32")
    range_of = _around(planes, np.maximum) - _around(planes, np.minimum)
    flat = (range_of.max(axis=0) <= NEAR) & (from_top[1:-1, 1:-1] > FAR)
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
    inner = _around(_around(far, np.logical_and), np.logical_and)
    return float(inner.sum() / far.sum())
