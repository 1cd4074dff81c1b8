"""Scores by what a user shows: PSNR against the number of places that a control reveals."""

from collections.abc import Callable, Sequence
from typing import Optional

import numpy as np
import tensorflow as tf

from tfpix2pix import metrics
from tfpix2pix.data import images
from tfpix2pix.errors import InputError
from tfpix2pix.inference import Control, Direction
from training.bootstrap import mean_interval
from training.evaluation.scores import RESAMPLES

COUNTS = (0, 1, 2, 5, 10, 20, 50, 100)
SEED = 0  # Of the places; each example has its own.
TITLE = "PSNR, dB, by revealed points"
NO_COLOR = "no colour at all"


class RevealedScores:
    """Compares translations that are shown some places of their targets with these.

    Args:
        control: Control with `reveal`, of the direction that translates.
        counts: How many places to show, each number at least 0; by default those of `COUNTS` that
            the control takes.

    Attributes:
        counts: The same, each once, in ascending order.

    Raises:
        ValueError: If a number is negative, or the control does not take as many.
    """

    def __init__(self, control: Control, counts: Optional[Sequence[int]] = None):
        most = control.about.get("most", np.inf)
        if counts is None:
            counts = [count for count in COUNTS if count <= most]
        wrong = [count for count in counts if not (isinstance(count, int) and 0 <= count <= most)]
        if wrong:
            limit = "at least 0" if most == np.inf else f"from 0 to {most}"
            raise InputError(
                "`revealed` must be whole numbers of places of a target to show by the control "
                f"{control.name!r}, each {limit}. Received: {', '.join(map(str, wrong))}. Leave it "
                f"out for {', '.join(map(str, COUNTS))}."
            )
        self.counts = sorted({*counts})
        self._control = control
        self._rows = []

    def add(self, target: np.ndarray, translate: Callable, no_color: np.ndarray) -> None:
        """Reveals places of an example's target, more and more of the same, and measures.

        Args:
            target: uint8 `[height, width, 3]`, the picture of the target.
            translate: Function of a dict of a control's name to its values to the picture of the
                translation that they make, as `target`.
            no_color: What to compare with, as `target`.
        """
        key = tf.constant((SEED, len(self._rows)), "int64")
        target = target[np.newaxis]
        pixels = tf.cast(target, "float32")
        pictures = [no_color]
        for count in self.counts:
            values = self._control.reveal(pixels, count, key)
            pictures.append(translate({self._control.name: values}))
        signed = images.to_signed(np.stack(pictures))
        targets = images.to_signed(np.repeat(target, len(pictures), axis=0))
        self._rows.append(metrics.psnr(targets, signed).numpy())

    def columns(self) -> dict[str, list[float]]:
        """Returns the PSNR of each example in decibels, by the titles of columns of a table."""
        titles = ["psnr_no_color", *(f"psnr_revealed_{count}" for count in self.counts)]
        return dict(zip(titles, np.transpose(self._rows).tolist()))

    def summary(self) -> Optional[dict]:
        """Returns means over the examples, with their 95% bootstrap intervals.

        Returns:
            Dict of `examples`, how many there are; `no_color`, a dict of `mean`, `low` and `high`
            in decibels; and `points`, a list of such with the `count` of places and the `gain`,
            another such, over the least count on the same examples. Examples that some picture
            equals are left out, as photos without colour are; `None` if no others remain.
        """
        rows = np.array(self._rows)
        rows = rows[np.isfinite(rows).all(axis=1)]
        if not len(rows):
            return None
        no_color, *of_counts = rows.T
        points = [
            {"count": count, **_interval(psnr), "gain": _interval(psnr - of_counts[0])}
            for count, psnr in zip(self.counts, of_counts)
        ]
        return {"examples": len(rows), "no_color": _interval(no_color), "points": points}


def revealing_control(direction: Direction) -> Optional[Control]:
    """Returns the control of a direction that can show places of its targets, if there is any.

    Args:
        direction: `tfpix2pix.inference.Direction`.

    Returns:
        `tfpix2pix.inference.Control`, or `None`.
    """
    controls = direction.controls if direction.paired else ()
    return next((control for control in controls if control.reveal is not None), None)


def table(runs: list[dict]) -> list[tuple[str, list]]:
    """Returns the rows of a table of several runs.

    Args:
        runs: Their entries in `metrics.json`, of which some have `revealed`.

    Returns:
        List of `(title, cells)`: pictures without colour, and each number of places, with a dict
        of `RevealedScores.summary` for each run or `None`; empty if no run has any.
    """
    revealed = [run["revealed"] or {"points": ()} for run in runs]
    by_count = [{str(point["count"]): point for point in one["points"]} for one in revealed]
    counts = sorted({count for points in by_count for count in points}, key=int)
    rows = [(count, [points.get(count) for points in by_count]) for count in counts]
    no_color = (NO_COLOR, [one.get("no_color") for one in revealed])
    return [no_color, *rows] if rows else []


def text(cell: Optional[dict]) -> str:
    """Returns a cell of a `table` as people read it: the mean in decibels, and its interval."""
    return "" if cell is None else "{mean:.2f} [{low:.2f}, {high:.2f}]".format(**cell)


def _interval(values):
    low, high = mean_interval(values, resamples=RESAMPLES)
    return {"mean": float(values.mean()), "low": low, "high": high}
