"""Makes pairs from photos alone: the other image of each pair is computed from the photo."""

import os
import zlib
from functools import partial
from pathlib import Path
from typing import Callable, Optional, Union

import numpy as np

from tfpix2pix.data import edges as lines
from tfpix2pix.data import folders, formats
from tfpix2pix.data.parallel import Progress, silent
from tfpix2pix.datasets import combine, jobs
from tfpix2pix.errors import InputError


def edges(
    photos: Union[str, os.PathLike],
    to: Union[str, os.PathLike],
    size: Optional[tuple[int, int]] = None,
    *,
    method: Union[str, Callable] = "oriented",
    samples: int = 1,
    progress: Progress = silent,
) -> jobs.Done:
    """Writes pairs of edges and photos: black lines on white in A, the photo in B.

    Args:
        photos: Folder of photos, which may have folders with photos.
        to: Folder to write side-by-side files to, in the same folders.
        size: `(height, width)` in pixels to which the photo is cropped and resized first; by
            default it is not.
        method: As in `tfpix2pix.data.edges.extract`; or a function of a photo to its drawing,
            uint8 or uint16 `[height, width, 1 or 3]`, which is called by several threads.
        samples: How many pairs to make of each photo. More than one are drawn by
            `tfpix2pix.data.edges.sampled`, seeded by the photo's name, and are called `name_0`,
            `name_1` and so on; split the photos first, or drawings of one get into two splits.
        progress: As in `tfpix2pix.datasets.jobs.run`.

    Returns:
        `tfpix2pix.datasets.jobs.Done`.

    Raises:
        ValueError: If the method is unknown, or `samples` below 1, or above it for a function. If
            files are broken; the others are written.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> codecs.write(np.zeros((20, 30, 3), "uint8"), "cats/1.png")
        >>> edges("cats", "edges2cats", (16, 16), samples=2)
        Done(made=2, skipped=0)
        >>> codecs.read("edges2cats/1_0.png").shape
        (16, 32, 3)
    """
    if samples < 1:
        raise InputError(f"`samples` must be at least 1. Received: {samples}.")
    if callable(method) and samples > 1:
        raise InputError(
            f"A model draws a photo in one way: `samples` must be 1. Received: {samples}. Leave it "
            "out, or the model."
        )

    def draw(photo, seed=None):
        if callable(method):
            return formats.convert(method(photo), 3, str(photo.dtype))
        drawing = (
            lines.extract(photo, method) if seed is None else lines.sampled(photo, seed, method)
        )
        return (drawing * (formats.full_range(photo.dtype)[1] / 255)).astype(photo.dtype)

    def drawings(name):
        if samples == 1:
            return {name: draw}
        seed = zlib.crc32(name.encode())  # Not `hash`, which differs from process to process.
        return {f"{name}_{i}": partial(draw, seed=(seed, i)) for i in range(samples)}

    return _derive(photos, to, size, drawings, progress)


def grayscale(
    photos: Union[str, os.PathLike],
    to: Union[str, os.PathLike],
    size: Optional[tuple[int, int]] = None,
    *,
    progress: Progress = silent,
) -> jobs.Done:
    """Writes pairs of grey and coloured photos: the luma (ITU-R BT.601) in A, the photo in B.

    Args:
        photos: As in `edges`.
        to: As in `edges`.
        size: As in `edges`.
        progress: As in `tfpix2pix.datasets.jobs.run`.

    Returns:
        `tfpix2pix.datasets.jobs.Done`.

    Raises:
        ValueError: If files are broken; the others are written.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> codecs.write(np.full((2, 2, 3), (0, 0, 255), "uint8"), "seas/blue.png")
        >>> grayscale("seas", "gray2seas")
        Done(made=1, skipped=0)
        >>> codecs.read("gray2seas/blue.png")[0, :, 2].tolist()
        [29, 29, 255, 255]
    """

    def grey(photo):
        return formats.convert(photo, 1, str(photo.dtype))

    return _derive(photos, to, size, lambda name: {name: grey}, progress)


def blank(
    photos: Union[str, os.PathLike],
    to: Union[str, os.PathLike],
    size: Optional[tuple[int, int]] = None,
    *,
    share: float = 0.5,
    progress: Progress = silent,
) -> jobs.Done:
    """Writes pairs of incomplete and whole photos: A is B with a white box in its centre.

    Args:
        photos: As in `edges`.
        to: As in `edges`.
        size: As in `edges`.
        share: Sides of the box in proportion to those of the photo: 0.5 is the paper's (section
            6.2), 0.3 that of affinelayer's code.
        progress: As in `tfpix2pix.datasets.jobs.run`.

    Returns:
        `tfpix2pix.datasets.jobs.Done`.

    Raises:
        ValueError: If `share` is not in (0, 1]. If files are broken; the others are written.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> codecs.write(np.zeros((4, 4, 3), "uint8"), "walls/1.png")
        >>> blank("walls", "blank2walls")
        Done(made=1, skipped=0)
        >>> codecs.read("blank2walls/1.png")[1, :4, 0].tolist()
        [0, 255, 255, 0]
    """
    if not 0 < share <= 1:
        raise InputError(f"`share` must be above 0 and at most 1. Received: {share}.")

    def incomplete(photo):
        source = photo.copy()
        box = combine.center(source, [round(share * side) for side in photo.shape[:2]])
        box[...] = formats.full_range(photo.dtype)[1]
        return source

    return _derive(photos, to, size, lambda name: {name: incomplete}, progress)


def _derive(photos, to, size, variants, progress):
    """Writes pairs of an image that is computed from a photo, and the photo.

    `variants` is a function of a photo's name to a dict of a pair's name to the function that
    computes A from the photo.
    """

    def work(make, photo):
        photo = formats.convert(photo, 3, str(photo.dtype))
        photo = photo if size is None else combine.fit(photo, size)
        return np.concatenate([np.broadcast_to(make(photo), photo.shape), photo], axis=1)

    (make, *_) = variants("").values()
    work(make, np.zeros((8, 8, 3), "uint8"))  # Refuses wrong options before any file is read.
    return jobs.run(
        [
            jobs.image_job((file,), Path(to, pair), partial(work, make))
            for name, file in folders.images_by_name(photos, to).items()
            for pair, make in variants(name).items()
        ],
        progress,
    )
