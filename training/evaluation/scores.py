"""Measures of an evaluation: of each example, of a run, and of the difference of two runs."""

import math
from typing import Callable, Literal, NamedTuple, Optional

import numpy as np

from tfpix2pix import metrics
from tfpix2pix.errors import InputError
from training.bootstrap import mean_interval

RESAMPLES = 1000  # Of the bootstrap.


class Measure(NamedTuple):
    """A number that says how good translations are.

    Attributes:
        title: What people call it, with its unit.
        better: Which numbers are better.
        function: Function of `(target, translated)`, float `[batch, height, width, channels]` in
            [-1, 1], to float32 `[batch]`; `None` for measures of all examples together.
        compares: The images that the function takes: `"signed"`, as networks see them, such as
            one-hot maps, or `"pictures"`, in RGB as people see them.
    """

    title: str
    better: Literal["less", "more", "near 1"]
    function: Optional[Callable] = None
    compares: Literal["signed", "pictures"] = "signed"


EXAMPLE_MEASURES = {
    "l1": Measure("L1", "less", metrics.l1),
    "l2": Measure("L2", "less", metrics.l2),
    "psnr": Measure("PSNR, dB", "more", metrics.psnr),
    "ssim": Measure("SSIM", "more", metrics.ssim),
    "ms_ssim": Measure("MS-SSIM", "more", metrics.ms_ssim),
    "lab_intersection": Measure("Lab intersection", "more", metrics.lab_intersection, "pictures"),
    "color_distance": Measure("Colour distance, ΔE", "less", metrics.color_distance, "pictures"),
    "sharpness_ratio": Measure("Sharpness ratio", "near 1", metrics.sharpness_ratio, "pictures"),
}
RUN_MEASURES = {
    "lab_intersection_of_all": Measure("Lab intersection, of all", "more"),
    "fid": Measure("FID", "less"),
    "kid": Measure("KID", "less"),
    "pixel_accuracy": Measure("Pixel accuracy", "more"),
    "class_accuracy": Measure("Class accuracy", "more"),
    "iou": Measure("IoU", "more"),
}
MEASURES = {**EXAMPLE_MEASURES, **RUN_MEASURES}


def measure_example(signed: tuple, pictures: tuple) -> dict[str, float]:
    """Measures one translation.

    Args:
        signed: `(target, translated)` as networks see them, float `[1, height, width, channels]` in
            [-1, 1].
        pictures: The same as RGB pictures.

    Returns:
        Dict of the names of `EXAMPLE_MEASURES` to float; NaN where images are too small.
    """
    pairs = {"signed": signed, "pictures": pictures}
    values = {}
    for name, measure in EXAMPLE_MEASURES.items():
        try:
            values[name] = measure.function(*pairs[measure.compares]).numpy().item()
        except InputError:
            values[name] = math.nan
    return values


def badness(name: str, values):
    """Returns values of a measure so that less is better.

    Args:
        name: Name of the measure.
        values: float array.

    Returns:
        float array of the same shape.
    """
    better = MEASURES[name].better
    return {"less": values, "more": -values, "near 1": np.abs(values - 1)}[better]


def difference(first, other, seed: int = 0) -> Optional[dict[str, float]]:
    """Compares two runs on the same examples.

    Args:
        first: float `[examples]`, values of a measure.
        other: The same of another run.
        seed: Seed of the bootstrap.

    Returns:
        Dict of `mean`, that of `other` less that of `first`, and `low` and `high`, the bounds of
        its 95% percentile interval over resampled examples. Examples without a finite difference
        are left out; `None` if no others remain.
    """
    with np.errstate(invalid="ignore"):  # Two infinite PSNRs.
        change = other - first
    change = change[np.isfinite(change)]
    if not len(change):
        return None
    low, high = mean_interval(change, resamples=RESAMPLES, seed=seed)
    return {"mean": float(change.mean()), "low": low, "high": high}
