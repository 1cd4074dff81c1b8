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
        function: Function of two images, float `[batch, height, width, channels]` in [-1, 1], to
            float32 `[batch]`; `None` for measures by all examples together.
        form: That of the images: `"signed"`, as networks see them, such as one-hot maps, or
            `"pictures"`, in RGB as people see them.
        compares: Which two images it takes; an example without one of them has no such measure.
    """

    title: str
    better: Literal["less", "more", "near 1"]
    function: Optional[Callable] = None
    form: Literal["signed", "pictures"] = "signed"
    compares: tuple[str, str] = ("target", "output")


EXAMPLE_MEASURES = {
    "l1": Measure("L1", "less", metrics.l1),
    "l2": Measure("L2", "less", metrics.l2),
    "psnr": Measure("PSNR, dB", "more", metrics.psnr),
    "ssim": Measure("SSIM", "more", metrics.ssim),
    "ms_ssim": Measure("MS-SSIM", "more", metrics.ms_ssim),
    "lab_intersection": Measure("Lab intersection", "more", metrics.lab_intersection, "pictures"),
    "color_distance": Measure("Colour distance, ΔE", "less", metrics.color_distance, "pictures"),
    "sharpness_ratio": Measure("Sharpness ratio", "near 1", metrics.sharpness_ratio, "pictures"),
    "cycle_l1": Measure("Cycle L1", "less", metrics.l1, compares=("input", "reconstruction")),
    "identity_l1": Measure("Identity L1", "less", metrics.l1, compares=("input", "identity")),
    "domain_color": Measure("Colour distance to the domain, ΔE", "less"),
    "domain_sharpness": Measure("Sharpness, of the domain's", "near 1"),
}
RUN_MEASURES = {
    "color_distance_of_all": Measure("Colour distance, of all, ΔE", "less"),
    "lab_intersection_of_all": Measure("Lab intersection, of all", "more"),
    "fid": Measure("FID", "less"),
    "kid": Measure("KID", "less"),
    "pixel_accuracy": Measure("Pixel accuracy", "more"),
    "class_accuracy": Measure("Class accuracy", "more"),
    "iou": Measure("IoU", "more"),
}
MEASURES = {**EXAMPLE_MEASURES, **RUN_MEASURES}


def measure_example(signed: dict, pictures: dict) -> dict[str, float]:
    """Measures one translation by each measure whose images are there.

    Args:
        signed: Dict of the images of an example, some of `"input"`, `"output"`, `"target"`,
            `"reconstruction"` and `"identity"`, as networks see them: float
            `[1, height, width, channels]` in [-1, 1].
        pictures: The same as RGB pictures.

    Returns:
        Dict of names of `EXAMPLE_MEASURES` to float; NaN where images are too small.
    """
    images = {"signed": signed, "pictures": pictures}
    values = {}
    for name, measure in EXAMPLE_MEASURES.items():
        chosen = [images[measure.form].get(role) for role in measure.compares]
        if measure.function is None or any(image is None for image in chosen):
            continue
        try:
            values[name] = measure.function(*chosen).numpy().item()
        except InputError:
            values[name] = math.nan
    return values


def shared_names(scores: list) -> list[str]:
    """Returns the names of the measures that all of several runs have, in their order.

    Args:
        scores: For each run a dict whose keys are names of `MEASURES`.

    Returns:
        List of str.
    """
    return [name for name in MEASURES if all(name in run_scores for run_scores in scores)]


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
