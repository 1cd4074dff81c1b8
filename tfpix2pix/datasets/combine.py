"""Makes data sets from folders of images: combines pairs, divides into splits, resizes."""

import os
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Union

import numpy as np

from tfpix2pix import atomic
from tfpix2pix.data import codecs, folders, formats, images
from tfpix2pix.data.parallel import Progress, map_in_parallel, silent
from tfpix2pix.datasets import jobs
from tfpix2pix.errors import InputError, listed

WAYS = ("stretch", "crop", "pad")


def combine_folders(
    a: Union[str, os.PathLike],
    b: Union[str, os.PathLike],
    to: Union[str, os.PathLike],
    *,
    progress: Progress = silent,
) -> jobs.Done:
    """Writes side-by-side files, A in the left half and B in the right one.

    Partners have the same path in A and in B but for the suffix, so `train/1.jpg` in A goes with
    `train/1.png` in B. Bits stay as they are; grey beside RGB becomes RGB.

    Args:
        a: Folder of images, which may have folders with images.
        b: Folder of their partners.
        to: Folder to write to: PNG, or TIFF for float32 and more than 4 channels.
        progress: As in `tfpix2pix.datasets.jobs.run`.

    Returns:
        `tfpix2pix.datasets.jobs.Done`.

    Raises:
        ValueError: If a file has no partner, or differs from it in size, channels or bits; nothing
            is written then. If files are broken; the others are written.

    Example:
        >>> codecs.write(np.zeros((2, 4, 3), "uint8"), "A/train/1.png")
        >>> codecs.write(np.zeros((2, 4, 1), "uint8"), "B/train/1.png")
        >>> combine_folders("A", "B", "pairs")
        Done(made=1, skipped=0)
        >>> codecs.read("pairs/train/1.png").shape
        (2, 8, 3)
    """
    a_files = folders.images_by_name(a, to)
    b_files = folders.images_by_name(b, to)
    unmatched = [str(file) for name, file in a_files.items() if name not in b_files]
    unmatched += [str(file) for name, file in b_files.items() if name not in a_files]
    if unmatched:
        raise InputError(
            "Every image of A must have a partner in B of the same name, whatever its suffix, and "
            f"the reverse. Received {len(unmatched)} of {len(a_files) + len(b_files)} "
            f"without one: {listed(unmatched)}. Rename, add or remove files."
        )
    pairs = [
        jobs.image_job((file, b_files[name]), Path(to, name), _beside)
        for name, file in a_files.items()
    ]
    _check_alike([pair.inputs for pair in pairs if not jobs.is_done(pair)], progress)
    return jobs.run(pairs, progress)


def split_folder(
    folder: Union[str, os.PathLike],
    to: Union[str, os.PathLike],
    fractions: Mapping[str, float],
    *,
    seed: int = 0,
    layout: str = "auto",
    progress: Progress = silent,
) -> jobs.Done:
    """Divides images at random into `train`, `val` and `test`, by hard links, or else copies.

    Files that differ only in their suffix stay together, and so do those of the same name in `A`
    and `B`, if the folder has these; they become `train/A`, `train/B` and so on. If these have no
    name in common, they are two domains, which are divided each on its own and become `trainA`,
    `trainB` and so on. The same names, fractions and seed always give the same splits.

    Args:
        folder: Folder of images, or of `A` and `B` with images.
        to: Folder to write to; it may only hold an earlier, equal split.
        fractions: dict of split to its positive share; they sum to 1.
        seed: Seed of the division.
        layout: `"unpaired"` if equal names in `A` and `B` are a coincidence; `"auto"` goes by them.
        progress: As in `tfpix2pix.datasets.jobs.run`.

    Returns:
        `tfpix2pix.datasets.jobs.Done`, counting files.

    Raises:
        ValueError: If the fractions do not sum to 1, the layout is unknown or has no `A` and `B`,
            or `to` holds other images.

    Example:
        >>> for name in "abcde":
        ...     codecs.write(np.zeros((2, 4, 3), "uint8"), f"all/{name}.png")
        >>> split_folder("all", "data", {"train": 0.8, "test": 0.2}, seed=1)
        Done(made=5, skipped=0)
        >>> len(list(Path("data/train").iterdir()))
        4
    """
    shares = np.array(list(fractions.values()))
    if not len(shares) or shares.min() <= 0 or not np.isclose(shares.sum(), 1):
        raise InputError(
            f"`fractions` must be positive and sum to 1. Received: {fractions}, which sum to "
            f"{shares.sum():g}. Use for example {{'train': 0.8, 'val': 0.1, 'test': 0.1}}."
        )
    folder = Path(folder)
    to = Path(to)
    halves = [folder / "A", folder / "B"]
    has_halves = all(half.is_dir() for half in halves)
    if layout not in ("auto", "unpaired") or (layout == "unpaired" and not has_halves):
        raise InputError(
            "`layout` must be auto, or unpaired for a folder with A and B. Received: "
            f"layout={layout!r}, folder={str(folder)!r}. Move the images of each domain there."
        )
    groups = [_groups(half, to) for half in halves] if has_halves else [_groups(folder, to)]
    is_unpaired = has_halves and (layout == "unpaired" or not set(groups[0]) & set(groups[1]))
    targets = {}
    if is_unpaired:
        for letter, half, group in zip("AB", halves, groups):
            for part, files in _parts(group, fractions, seed):
                root = to / f"{part}{letter}"
                targets.update((root / file.relative_to(half), file) for file in files)
    else:
        together = {}
        for group in groups:
            for name, files in group.items():
                together.setdefault(name, []).extend(files)
        for part, files in _parts(together, fractions, seed):
            targets.update((to / part / file.relative_to(folder), file) for file in files)
    _check_only(to, targets)
    return jobs.run(
        [
            jobs.Job((file,), (target,), partial(_link, file, target))
            for target, file in targets.items()
        ],
        progress,
    )


def resize_folder(
    folder: Union[str, os.PathLike],
    to: Union[str, os.PathLike],
    size: tuple[int, int],
    *,
    how: str = "crop",
    kernel: str = "bilinear",
    halves: bool = False,
    progress: Progress = silent,
) -> jobs.Done:
    """Writes images in another size, in the same folders.

    Args:
        folder: Folder of images, which may have folders with images.
        to: Folder to write to: PNG, or TIFF for float32 and more than 4 channels.
        size: `(height, width)` in pixels; of each half for side-by-side files.
        how: As in `fit`.
        kernel: As in `tfpix2pix.data.images.resize`; `"nearest"` for label maps.
        halves: Whether the files are side by side and each half is resized on its own.
        progress: As in `tfpix2pix.datasets.jobs.run`.

    Returns:
        `tfpix2pix.datasets.jobs.Done`.

    Raises:
        ValueError: If `how`, the kernel or the size is impossible. If files are broken, or of odd
            width although they have halves; the others are written.

    Example:
        >>> codecs.write(np.zeros((20, 80, 3), "uint8"), "large/1.jpg")
        >>> resize_folder("large", "small", (16, 16), halves=True)
        Done(made=1, skipped=0)
        >>> codecs.read("small/1.png").shape
        (16, 32, 3)
    """
    fitted = partial(fit, size=size, how=how, kernel=kernel)
    fitted(np.zeros((1, 1, 1), "uint8"))  # Refuses wrong options before any file is read.

    def work(image):
        if not halves:
            return fitted(image)
        if image.shape[1] % 2:
            raise InputError(f"it is {image.shape[1]} pixels wide, so it has no equal halves")
        return np.concatenate([fitted(half) for half in np.split(image, 2, axis=1)], axis=1)

    files = folders.images_by_name(folder, to)
    return jobs.run(
        [jobs.image_job((file,), Path(to, name), work) for name, file in files.items()], progress
    )


def fit(
    image: np.ndarray, size: tuple[int, int], how: str = "crop", kernel: str = "bilinear"
) -> np.ndarray:
    """Crops, pads or stretches an image to a size.

    Args:
        image: uint8, uint16 or float32 `[height, width, channels]`.
        size: `(height, width)` in pixels.
        how: `"crop"` cuts off equal margins, `"pad"` adds white ones, and `"stretch"` changes the
            proportions.
        kernel: As in `tfpix2pix.data.images.resize`.

    Returns:
        The same type in the new size.

    Raises:
        ValueError: If `how`, the kernel or the size is impossible.

    Example:
        >>> fit(np.zeros((20, 40, 3), "uint8"), (8, 8), "pad")[:, 0, 0].tolist()
        [255, 255, 0, 0, 0, 0, 255, 255]
    """
    if how not in WAYS:
        raise InputError(f"`how` must be one of {', '.join(WAYS)}. Received: {how!r}.")
    if min(size) < 1:
        raise InputError(f"`size` must be positive. Received: {tuple(size)}.")
    old = np.array(image.shape[:2])
    new = np.array(size)
    if how == "crop":
        image = center(image, np.maximum(np.rint(new * (old / new).min()), 1).astype(int))
    inner = np.maximum(np.rint(old * (new / old).min()), 1).astype(int) if how == "pad" else new
    image = images.resize(image, inner.tolist(), kernel).numpy()
    if how != "pad":
        return image
    white = formats.full_range(image.dtype)[1]
    padded = np.full((*size, image.shape[-1]), white, image.dtype)
    center(padded, inner)[...] = image
    return padded


def center(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the centre of an image, as a view through which the image can be changed.

    Args:
        image: array `[height, width, channels]`.
        size: `(height, width)` in pixels, at most those of the image.

    Returns:
        array `[*size, channels]`.

    Example:
        >>> center(np.arange(4).reshape(1, 4, 1), (1, 2)).ravel().tolist()
        [1, 2]
    """
    top, left = ((old - new) // 2 for old, new in zip(image.shape, size))
    return image[top : top + size[0], left : left + size[1]]


def _beside(a, b):
    if a.shape != b.shape:
        a, b = (formats.convert(image, 3, str(image.dtype)) for image in (a, b))
    return np.concatenate([a, b], axis=1)


def _check_alike(pairs, progress):
    """Refuses pairs whose images differ; broken files are refused when the pairs are written."""
    unlike = [fault for fault in map_in_parallel(_difference, pairs, progress) if fault]
    if unlike:
        raise InputError(
            "Both images of a pair must have the same height, width, channels and bits. Received "
            f"{len(unlike)} of {len(pairs)} pairs that differ: {listed(unlike)}. Resize both "
            "folders to one size, or convert the files."
        )


def _difference(pair):
    try:
        pixels = [codecs.read(file) for file in pair]
    except codecs.UnreadableError:
        return None
    channels = {image.shape[-1] for image in pixels}
    sizes_and_dtypes = {(image.shape[:2], image.dtype) for image in pixels}
    if len(sizes_and_dtypes) == 1 and (len(channels) == 1 or channels == {1, 3}):
        return None
    return " and ".join(f"{file} has {_in_words(image)}" for file, image in zip(pair, pixels))


def _in_words(image):
    height, width, channels = image.shape
    return f"{height}x{width} pixels, {channels} channels of {image.dtype}"


def _groups(root, to):
    """Returns a dict of name to the files of a folder that differ in their suffix alone."""
    groups = {}
    for file in folders.input_images(root, to):
        groups.setdefault(file.relative_to(root).with_suffix("").as_posix(), []).append(file)
    return groups


def _parts(groups, fractions, seed):
    """Yields each part and its files."""
    names = np.array(sorted(groups))[np.random.default_rng(seed).permutation(len(groups))]
    ends = np.cumsum(_counts(len(names), np.array(list(fractions.values()))))[:-1]
    for part, members in zip(fractions, np.split(names, ends)):
        yield part, [file for name in members for file in groups[name]]


def _counts(total, shares):
    """Returns whole numbers in proportion to the shares; none is 0 where there are enough."""
    counts = np.diff(np.rint(np.cumsum(shares) * total).astype(int), prepend=0)
    while counts.min() == 0 and total >= len(counts):
        counts[counts.argmin()] += 1
        counts[counts.argmax()] -= 1
    return counts


def _check_only(to, targets):
    """Refuses a folder with images of another split, which would then be in two splits."""
    others = [str(file) for file in folders.image_files(to) if file not in targets]
    if others:
        raise InputError(
            "The folder to split into must hold nothing but an earlier split of the same files, "
            f"fractions and seed. Received {len(others)} other images: {listed(others)}. Use "
            "another folder or remove them."
        )


def _link(file, target):
    with atomic.replacing(target) as part:
        part.unlink(missing_ok=True)
        try:
            os.link(file, part)
        except OSError:  # Another disk, or a file system without links.
            shutil.copy2(file, part)
