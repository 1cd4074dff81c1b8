"""Line drawings of every method beside given ones: precision, recall and F of lines, and time."""

import statistics
import time
from pathlib import Path

import numpy as np
from scipy import ndimage
from skimage import morphology

from tfpix2pix.config import DataConfig
from tfpix2pix.data import edges, formats, images, sources
from tfpix2pix.families import pairs
from training import progress

TOLERANCE = 2 / 256  # Of the side: how far off a line may be.
INK = 0.25  # Of black: what is as dark is ink. Reduced to half the size, thin lines are grey.
DRAWN = {
    **{method: lambda photo, _, m=method: edges.extract(photo, m) for method in edges.METHODS},
    "sampled": lambda photo, seed: edges.sampled(photo, seed),
}


def measure(data: Path, sizes: list[int], direction: str = "AtoB") -> dict:
    """Draws held-out photos by every method and compares with the drawings that are given.

    Lines of both are thinned. Precision is the part of drawn pixels that lie within 2 pixels, at
    256, of a given line, and recall the part of given ones near a drawn line; of all photos.

    Args:
        data: Folder of pairs of photos and drawings, black on white, in any layout.
        sizes: Sides in pixels to which photos and drawings are resized.
        direction: `"AtoB"` where A are the photos, `"BtoA"` where B are.

    Returns:
        Dict of size to a dict of method, and `"sampled"` for drawings of the default one by other
        hands, to a dict of "precision", "recall", "F" and "milliseconds", the median of a photo.

    Raises:
        ValueError: If the data cannot be used.
    """
    split = pairs.available_split(DataConfig(folder=str(data)), "held_out")
    examples = sources.pairs(data, split, direction=direction)
    return {size: _measured(examples, size) for size in sizes}


def table(results: dict) -> list[str]:
    """Returns the lines of a table of `measure`'s results."""
    lines = [f"{'pixels':>6}  {'method':10} {'precision':>9} {'recall':>7} {'F':>7} {'ms':>7}"]
    lines += [
        f"{size:6}  {method:10} {scores['precision']:9.3f} {scores['recall']:7.3f} "
        f"{scores['F']:7.3f} {scores['milliseconds']:7.1f}"
        for size, methods in results.items()
        for method, scores in methods.items()
    ]
    return lines


def matches(lines: np.ndarray, given: np.ndarray, tolerance: float) -> np.ndarray:
    """Counts the pixels of thinned lines that lie near others.

    Args:
        lines: bool `[height, width]`.
        given: Likewise, of the truth.
        tolerance: Pixels.

    Returns:
        int `[4]`: pixels of the lines near given ones and all of them, pixels of the given ones
        near the lines and all of them.
    """
    lines, given = map(morphology.skeletonize, (lines, given))
    counts = []
    for some, others in ((lines, given), (given, lines)):
        # Where there is no other line, all is farther than any tolerance.
        distance = ndimage.distance_transform_edt(~others) if others.any() else np.inf
        counts += [(some & (distance <= tolerance)).sum(), some.sum()]
    return np.array(counts)


def _measured(examples, size):
    counts = {method: np.zeros(4) for method in DRAWN}
    seconds = {method: [] for method in DRAWN}
    for index in progress.bar(range(len(examples.names)), f"{size} pixels", "photos"):
        photo, drawing = (
            images.resize(image, (size, size), "area").numpy() for image in examples.read(index)
        )
        white = formats.full_range(drawing.dtype)[1]
        grey = formats.convert(drawing, 1, str(drawing.dtype))[..., 0]
        given = grey <= (1 - INK) * white
        for method, draw in DRAWN.items():
            start = time.perf_counter()
            drawn = draw(photo, index)
            seconds[method].append(time.perf_counter() - start)
            counts[method] += matches(drawn[..., 0] < 128, given, TOLERANCE * size)
    return {method: _scores(counts[method], seconds[method]) for method in DRAWN}


def _scores(counts, seconds):
    """Pools counts; of nothing drawn or nothing given the score is 0."""
    near, drawn, found, given = counts
    precision = near / max(drawn, 1)
    recall = found / max(given, 1)
    return {
        "precision": precision,
        "recall": recall,
        "F": 2 * precision * recall / max(precision + recall, 1e-9),
        "milliseconds": 1000 * statistics.median(seconds),
    }
