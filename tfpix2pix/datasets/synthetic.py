"""Synthetic facades: label maps in pix2pix's colours and photos rendered from them, by a seed.

They replace a data set where there is no internet: the labels decide the photo up to wall colour,
light and noise, so a network learns them within minutes, and an untrained one is visibly wrong.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Union

import numpy as np

from tfpix2pix.data import codecs, sources
from tfpix2pix.data.palettes import CMP_FACADES
from tfpix2pix.errors import InputError

IDS = {name: index for index, name in enumerate(CMP_FACADES)}
LABEL_COLORS = np.array(list(CMP_FACADES.values()), "uint8")

# Albedo of each class in the photo, RGB in [0, 1], and how far it stands out from the wall.
ALBEDO = np.array(
    [
        (0.62, 0.77, 0.92),
        (0.78, 0.66, 0.52),
        (0.17, 0.21, 0.27),
        (0.36, 0.22, 0.13),
        (0.88, 0.84, 0.75),
        (0.72, 0.70, 0.66),
        (0.26, 0.27, 0.29),
        (0.34, 0.47, 0.37),
        (0.90, 0.80, 0.62),
        (0.66, 0.54, 0.42),
        (0.84, 0.77, 0.67),
        (0.48, 0.17, 0.15),
    ]
)
RELIEF = np.array([0, 0, -1, -1, 2, 1, 2, 0.5, 1, 0.5, 1.5, 0])


def facade(size: tuple[int, int], seed: Union[int, Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Renders one facade.

    Args:
        size: `(height, width)` in pixels, each at least 16.
        seed: int or sequence of ints; the same seed and size give the same pixels.

    Returns:
        `(photo, labels)`, each uint8 `[height, width, 3]`; labels has exactly the colours of
        `tfpix2pix.data.palettes.CMP_FACADES`.

    Raises:
        ValueError: If a side is below 16 pixels.

    Example:
        >>> photo, labels = facade((64, 48), seed=1)
        >>> photo.shape, labels.shape
        ((64, 48, 3), (64, 48, 3))
    """
    if min(size) < 16:
        raise InputError(
            f"Both sides of a facade must be at least 16 pixels. Received: size={tuple(size)}. "
            "Use more."
        )
    random = np.random.default_rng(seed)
    ids = _layout(size, random)
    photo = _render(ids, random)
    return (photo * 255).round().astype("uint8"), LABEL_COLORS[ids]


def write_pairs(
    folder: Union[str, os.PathLike], count: int, size: tuple[int, int], *, seed: int = 0
) -> sources.Examples:
    """Writes facades as side-by-side PNG files: the photo is A (left), the label map B (right).

    Args:
        folder: Folder to write to; made if it is missing. Files of the same names are replaced.
        count: Number of pairs.
        size: `(height, width)` in pixels of each half.
        seed: int; other seeds give other facades.

    Returns:
        `tfpix2pix.data.sources.Examples` from label map to photo (`"BtoA"`), as facades are used.

    Example:
        >>> pairs = write_pairs("facades", 2, (32, 32), seed=3)
        >>> pairs.names
        ['00000.png', '00001.png']
    """
    for index in range(count):
        pair = np.concatenate(facade(size, (seed, index)), axis=1)
        codecs.write(pair, Path(folder, f"{index:05d}.png"))
    return sources.pairs(folder, layout="side_by_side", direction="BtoA")


def _layout(size, random):
    """Returns the class of each pixel, int `[height, width]`: floors and columns of a house."""
    ids = np.full(size, IDS["background"])

    def fill(name, top, left, bottom, right):
        # Fractions of the image; everything is at least one pixel wide and high.
        (y0, y1), (x0, x1) = (
            (round(low * side), max(round(high * side), round(low * side) + 1))
            for (low, high), side in zip(((top, bottom), (left, right)), size)
        )
        ids[max(y0, 0) : y1, max(x0, 0) : x1] = IDS[name]

    roof = random.uniform(0.04, 0.16)
    left = random.uniform(0, 0.1)
    right = 1 - random.uniform(0, 0.1)
    floors = random.integers(3, 6)
    columns = random.integers(2, 5)
    floor = (1 - roof) / floors
    column = (right - left) / columns
    has_pillars, has_deco, has_molding, has_blinds = random.random(4) < (0.4, 0.5, 0.5, 0.6)
    fill("facade", roof, left, 1, right)

    for row in range(floors):
        top = roof + row * floor
        is_ground = row == floors - 1
        has_balcony = random.random() < 0.35
        has_shop = is_ground and random.random() < 0.6
        door = random.integers(columns)
        if row == 0 or is_ground or random.random() < 0.3:
            fill("cornice", top, left - 0.01, top + 0.16 * floor, right + 0.01)
        for index in range(columns):
            start = left + (index + 0.22) * column
            end = start + 0.56 * column
            if is_ground and index == door:
                fill("door", top + 0.3 * floor, start, 1, end)
                continue
            if has_shop:
                fill("shop", top + 0.3 * floor, start - 0.12 * column, 1, end + 0.12 * column)
                fill("window", top + 0.5 * floor, start - 0.06 * column, 1, end + 0.06 * column)
                continue
            if has_molding:
                fill(
                    "molding",
                    top + 0.22 * floor,
                    start - 0.06 * column,
                    top + 0.8 * floor,
                    end + 0.06 * column,
                )
            fill("window", top + 0.3 * floor, start, top + 0.8 * floor, end)
            if has_blinds and random.random() < 0.5:
                fill("blind", top + 0.3 * floor, start, top + random.uniform(0.4, 0.7) * floor, end)
            if has_deco:
                fill("deco", top + 0.2 * floor, start, top + 0.29 * floor, end)
            margin = 0.05 * column
            fill("sill", top + 0.8 * floor, start - margin, top + 0.88 * floor, end + margin)
            if has_balcony and not is_ground:
                fill(
                    "balcony",
                    top + 0.64 * floor,
                    start - 0.15 * column,
                    top + 0.94 * floor,
                    end + 0.15 * column,
                )
    for index in range(columns + 1) if has_pillars else ():
        center = left + index * column
        fill("pillar", roof + 0.16 * floor, center - 0.05 * column, 1, center + 0.05 * column)
    return ids


def _render(ids, random):
    """Returns the photo of a layout, float `[height, width, 3]` in [0, 1]."""
    height, width = ids.shape
    rows, columns = np.mgrid[0:height, 0:width] / [[[height]], [[width]]]
    photo = ALBEDO[ids] * (1 + random.normal(0, 0.04, ALBEDO.shape))[ids]

    # Texture: courses of bricks on walls, bars on balconies and blinds, a sky paler downwards.
    bricks = 0.05 * _stripes(height, 32)[:, None] * (ids == IDS["facade"])
    bars = 0.14 * _stripes(width, 24) * (ids == IDS["balcony"])
    slats = 0.08 * _stripes(height, 40)[:, None] * (ids == IDS["blind"])
    sky = 0.12 * rows * (ids == IDS["background"])
    glass = 0.22 * np.clip(np.sin((rows - columns) * 2 * np.pi * 3), 0, 1) * (ids == IDS["window"])
    photo += (bricks + bars + slats + sky + glass)[..., None]

    # Shading: light from the upper left, so what stands out is lit there and throws a shadow right
    # below.
    relief = RELIEF[ids]
    reach = max(1, round(height / 64))
    shifted = np.pad(relief, ((reach, 0), (reach, 0)), mode="edge")[:height, :width]
    photo *= (1 - 0.13 * np.clip(shifted - relief, 0, 3) + 0.06 * np.clip(relief - shifted, 0, 3))[
        ..., None
    ]
    photo *= (1.06 - 0.16 * rows * random.uniform(0.5, 1))[..., None]
    return np.clip(photo + random.normal(0, 0.02, photo.shape), 0, 1)


def _stripes(side, count):
    """Returns `count` stripes of +1 and -1 along a side, fewer where they were under 4 pixels."""
    centers = (np.arange(side) + 0.5) / side
    return np.sign(np.sin(2 * np.pi * min(count, side // 4) * centers))
