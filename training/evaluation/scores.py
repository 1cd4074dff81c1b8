"""Measures: what an evaluation says of each example and of a run, and what of two is better."""

import math
from typing import Callable, NamedTuple

import numpy as np

from tfpix2pix import metrics
from tfpix2pix.errors import InputError
from training.bootstrap import mean_interval

RESAMPLES = 1000  # Of the bootstrap.


class Measure(NamedTuple):
    """A number of a translation beside its target.

    Attributes:
        title: What people call it, with its unit.
        better: `"less"`, `"more"` or `"near 1"`.
        function: Function of `(target, translated)`, float `[batch, height, width, channels]` in
            [-1, 1], to float32 `[batch]`; `None` for what is of all examples together.
        of_pictures: Whether it is of the RGB pictures that people see, and not of what networks
            see, such as one-hot maps.
    """

    title: str
    better: str
    function: Callable = None
    of_pictures: bool = False


OF_EXAMPLES = {
    "l1": Measure("L1", "less", metrics.l1),
    "l2": Measure("L2", "less", metrics.l2),
    "psnr": Measure("PSNR, dB", "more", metrics.psnr),
    "ssim": Measure("SSIM", "more", metrics.ssim),
    "ms_ssim": Measure("MS-SSIM", "more", metrics.ms_ssim),
    "lab_intersection": Measure("Lab intersection", "more", metrics.lab_intersection, True),
    "color_distance": Measure("Colour distance, ΔE", "less", metrics.color_distance, True),
    "sharpness_ratio": Measure("Sharpness ratio", "near 1", metrics.sharpness_ratio, True),
}
OF_RUNS = {
    "lab_intersection_of_all": Measure("Lab intersection, of all", "more"),
    "fid": Measure("FID", "less"),
    "kid": Measure("KID", "less"),
    "pixel_accuracy": Measure("Pixel accuracy", "more"),
    "class_accuracy": Measure("Class accuracy", "more"),
    "iou": Measure("IoU", "more"),
}
MEASURES = {**OF_EXAMPLES, **OF_RUNS}


def of_example(signed, pictures):
    """Measures one translation.

    Args:
        signed: `(target, translated)` as networks see them, float `[1, height, width, channels]` in
            [-1, 1].
        pictures: The same as RGB pictures.

    Returns:
        Dict of the names of `OF_EXAMPLES` to float; NaN where images are too small for a measure.
    """
    values = {}
    for name, measure in OF_EXAMPLES.items():
        try:
            pair = pictures if measure.of_pictures else signed
            values[name] = measure.function(*pair).numpy().item()
        except InputError:
            values[name] = math.nan
    return values


def badness(name, values):
    """Returns values of a measure so that less is better.

    Args:
        name: Name of the measure.
        values: float array.

    Returns:
        float array of the same shape.
    """
    better = MEASURES[name].better
    return {"less": values, "more": -values, "near 1": np.abs(values - 1)}[better]


def difference(first, other, seed=0):
    """Compares two runs on the same examples.

    Args:
        first: float `[examples]`, values of a measure.
        other: The same of another run.
        seed: Seed of the bootstrap.

    Returns:
        Dict of `mean`, that of `other` less that of `first`, and `low` and `high`, the bounds of
        its 95% percentile interval over resampled examples; examples without a finite difference
        are left out. `None` if there are no others.
    """
    with np.errstate(invalid="ignore"):  # Two infinite PSNRs.
        change = other - first
    change = change[np.isfinite(change)]
    if not len(change):
        return None
    low, high = mean_interval(change, resamples=RESAMPLES, seed=seed)
    return {"mean": float(change.mean()), "low": low, "high": high}
