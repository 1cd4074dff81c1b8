"""Looks: whether the images in one place are label maps, drawings or photos, and which differ."""

from typing import NamedTuple

import numpy as np

from tfpix2pix.doctor.features import FAR, MOST_COLORS, NEAR, gather_peaks, unpacked


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
        features: List of `tfpix2pix.doctor.features.Features`.

    Returns:
        `Look`. Blank images say nothing and are passed over.

    Example:
        >>> from tfpix2pix.data import synthetic
        >>> from tfpix2pix.doctor import features
        >>> photo, labels = synthetic.facade((64, 64), seed=1)
        >>> [look([features.features(image)]).kind for image in (photo, labels)]
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


def swapped(a, b):
    """Finds pairs that have A where the others have B.

    Args:
        a: List of `tfpix2pix.doctor.features.Features`.
        b: The same of the partners.

    Returns:
        List of the indices of such pairs; empty where A and B look much alike.

    Example:
        >>> from tfpix2pix.data import synthetic
        >>> from tfpix2pix.doctor import features
        >>> pairs = [synthetic.facade((32, 32), seed) for seed in range(6)]
        >>> pairs[2] = pairs[2][::-1]
        >>> swapped(*([features.features(image) for image in half] for half in zip(*pairs)))
        [2]
    """
    telling = [i for i, both in enumerate(zip(a, b)) if not any(of.is_blank for of in both)]
    if len(telling) < 4:
        return []
    difference = np.array([_profile(a[i]) - _profile(b[i]) for i in telling])
    middle = np.median(difference, axis=0)
    deviation = np.median(np.abs(difference - middle), axis=0) + 0.02
    # One number for each pair: 1 for the usual one, -1 for the same the other way round.
    weight = middle / deviation**2
    place = difference @ weight / max(middle @ weight, 1e-9)
    if np.mean(place > 0.25) < 0.5 or np.mean(place < 0) > 0.3:
        return []
    return [telling[i] for i in np.flatnonzero(place < -0.4)]


def _profile(of):
    return np.array(
        [
            of.top_share,
            of.flat,
            of.solid,
            of.thick,
            of.saturation / 255,
            np.mean(of.spread) / 128,
            of.colors is not None,
        ]
    )
