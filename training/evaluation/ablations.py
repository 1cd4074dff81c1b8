"""The paper's ablations: the trainings of each row of its tables, and the scores of rows."""

import dataclasses
import itertools
import json
import sys
from pathlib import Path
from typing import Optional

import numpy as np
import tensorflow as tf

from tfpix2pix import atomic, inference, load_run, metrics, report
from tfpix2pix import config as configs
from tfpix2pix.checkpointing import CHECKPOINTS, saved_checkpoints
from tfpix2pix.config import ExperimentConfig
from tfpix2pix.data import images
from tfpix2pix.errors import InputError
from tfpix2pix.families import pixels
from tfpix2pix.inference import Direction
from tfpix2pix.metrics.segmentation import SegmentationScores
from tfpix2pix.networks.patchgan import STRIDED_LAYERS
from training.engine import batches, loop, resuming
from training.evaluation import segmenters

PAPER_FIELD = 70  # Pixels of the paper's patches.
# Row -> options that differ from the paper's whole method: U-Net, L1+cGAN, 70x70.
TABLES = {
    "losses": {
        "L1": {"gan_weight": 0.0},
        "GAN": {"l1_weight": 0.0, "conditional": False},
        "cGAN": {"l1_weight": 0.0},
        "L1+GAN": {"conditional": False},
        "L1+cGAN": {},
    },
    "generator": {
        "enc-dec L1": {"skips": False, "gan_weight": 0.0},
        "enc-dec L1+cGAN": {"skips": False},
        "U-Net L1": {"gan_weight": 0.0},
        "U-Net L1+cGAN": {},
    },
    "patch": {f"{side}x{side}": {"receptive_field": side} for side in (1, 16, PAPER_FIELD, 286)},
}
MEASURES = {
    "L1": metrics.L1,
    "SSIM": metrics.SSIM,
    "Lab": metrics.LabIntersection,
    "sharpness": metrics.SharpnessRatio,
}
SEGMENT_TITLES = {"pixel_accuracy": "pixel", "class_accuracy": "class", "iou": "IoU"}
REAL = "target"  # The last row and column: the scores of real photos.
SHOWN = 4  # Examples in the pictures.
JUDGED_AT_ONCE = 8
LEAST_SIZE = 32  # Pixels.
LEGEND = """\
L1, in [0, 2], and SSIM are means over the held-out pairs. Lab is the share that the histograms of
L, a and b over all translations and over all targets have in common. Sharpness is the gradient
energy of translations over that of their targets: below 1 they are blurred, above 1 noisy. Pixel
and class accuracy and IoU say how many of the labels a segmenter predicts from translations. Less
is better for L1, and more for all but sharpness."""


def plan(base: ExperimentConfig, to: Path, tables: list, seeds: int) -> dict:
    """Plans which runs to train for each row.

    Args:
        base: `tfpix2pix.config.ExperimentConfig` of the paper's whole method.
        to: Folder in which to run.
        tables: Names of tables.
        seeds: How often each row is trained.

    Returns:
        Dict of table to a dict of row to a dict of run folder to its configuration. Rows of the
        same options share a run; patches that the images are too small for are left out.

    Raises:
        ValueError: If a table is unknown, the size no power of 2, or there is no seed.
    """
    size, _ = base.data.image_size
    if unknown := [table for table in tables if table not in TABLES]:
        raise InputError(
            f"`tables` must be of {', '.join(TABLES)}. Received: {', '.join(unknown)}. Use for "
            "example --tables losses,patch."
        )
    if size < LEAST_SIZE or size & (size - 1) or seeds < 1:
        raise InputError(
            f"`size` must be a power of 2, at least {LEAST_SIZE}, and `seeds` at least 1. "
            f"Received: size={size}, seeds={seeds}. Use --size 64 --seeds 1."
        )
    return {
        table: {
            row: _runs_of_row(base, to, options, seeds)
            for row, options in TABLES[table].items()
            if size >= least_size(options.get("receptive_field", PAPER_FIELD))
        }
        for table in tables
    }


def _runs_of_row(base, to, options, seeds):
    model = dataclasses.replace(base.model, **options)
    changes = configs.differences(base, dataclasses.replace(base, model=model))
    parts = [f"{name.split('.')[1]}={new}" for name, (_, new) in changes.items()]
    title = ",".join(parts) or "paper"
    runs = {}
    for seed in range(seeds):
        train = dataclasses.replace(base.train, seed=seed)
        run = to / "runs" / f"{title},seed={seed}"
        runs[run] = dataclasses.replace(base, model=model, train=train)
    return runs


def least_size(receptive_field: int) -> int:
    """Returns the side in pixels of the smallest images that a discriminator takes."""
    return 3 * 2 ** STRIDED_LAYERS[receptive_field]


def trained(config: ExperimentConfig, run: Path) -> Direction:
    """Trains a run to its end, if it has not been trained yet.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        run: Folder of the run.

    Returns:
        The `tfpix2pix.inference.Direction` in which it translates.

    Raises:
        ValueError: If the training was stopped, or the run has been trained for more steps.
    """
    steps = config.train.steps
    has_checkpoint = bool(saved_checkpoints(run / CHECKPOINTS))
    step = load_run(run).step if has_checkpoint else 0
    if step < steps:
        _, step = loop.train(config, run)
    if step != steps:
        raise InputError(
            f"All rows must be trained for {steps} steps. Received: {step} for {run}. Run the same "
            "command again if it was stopped, else use another --to folder."
        )
    _, direction = load_run(run).direction()
    return direction


class Judge:
    """Scores translations of the held-out pairs.

    Args:
        config: `tfpix2pix.config.ExperimentConfig` whose data is complete.
        segmenter: Folder of a segmenter or `None`.

    Attributes:
        sources: List of uint8 `[height, width, 3]`, the first few sources.

    Raises:
        ValueError: If there is no such segmenter, or the data cannot be used.
    """

    def __init__(self, config: ExperimentConfig, segmenter: Optional[Path] = None):
        self.task = pixels.task(config)
        self.pairs = _held_out(config)
        source, _ = next(iter(self.pairs))
        self.sources = _shown(self.task.source_picture(source), self.task.source_format)
        self.segment = None
        self.labelled = itertools.repeat((None, None))
        if segmenter is not None:
            self.segment, labels = segmenters.load(segmenter)
            data = dataclasses.replace(config.data, source_labels=labels)
            self.labelled = _held_out(dataclasses.replace(config, data=data))

    def score(self, direction: Optional[Direction] = None):
        """Scores the translations of a direction.

        Args:
            direction: `tfpix2pix.inference.Direction`, or `None` to score the targets themselves.

        Returns:
            `(scores, pictures)`: dict of measure to float, and a list of uint8
            `[height, width, 3]`, the first few translations.
        """
        measures = {name: measure() for name, measure in MEASURES.items()}
        segments = None
        pictures = None
        for (source, target), (one_hot, _) in zip(self.pairs, self.labelled):
            translated = target
            if direction is not None:
                translated = inference.translate(
                    direction.network, source, multiple=direction.multiple
                )
            for measure in measures.values():
                measure.update_state(target, translated)
            if self.segment is not None:
                segments = segments or SegmentationScores(one_hot.shape[-1])
                segments.update_state(tf.argmax(one_hot, axis=-1), self.segment(translated))
            pictures = pictures or _shown(
                self.task.picture(source, translated), self.task.target_format
            )
        scores = {name: measure.result() for name, measure in measures.items()}
        if segments:
            segment_scores = segments.result().items()
            scores |= {SEGMENT_TITLES[name]: score for name, score in segment_scores}
        return {name: float(score) for name, score in scores.items()}, pictures


def score(planned: dict, judge: Judge, to: Path) -> dict:
    """Trains and scores all runs of a plan, and draws a picture of each table.

    Args:
        planned: As `plan` returns it.
        judge: `Judge`.
        to: Folder for the pictures.

    Returns:
        Dict of table to a dict of row to a dict of measure to a list of float, one of each seed;
        the last row has the scores of the targets.

    Raises:
        ValueError: If a run cannot be trained.
    """
    runs = {}
    for rows in planned.values():
        for row_runs in rows.values():
            runs.update(row_runs)
    for run, config in runs.items():
        resuming.check_same_experiment(config, run)
    results = {}
    for number, (run, config) in enumerate(runs.items(), 1):
        print(f"{number}/{len(runs)} {run}", file=sys.stderr)
        results[run] = judge.score(trained(config, run))
    target_scores, targets = judge.score()

    tables = {}
    for table, rows in planned.items():
        tables[table] = {}
        columns = {"input": judge.sources}
        for row, row_runs in rows.items():
            seeds = [results[run] for run in row_runs]
            tables[table][row] = {
                measure: [scores[measure] for scores, _ in seeds] for measure in target_scores
            }
            _, columns[row] = seeds[0]
        tables[table][REAL] = {measure: [value] for measure, value in target_scores.items()}
        columns[REAL] = targets
        report.save_picture(report.comparison(columns), to / f"{table}.png")
    return tables


def write(tables: dict, settings: dict, to: Path) -> str:
    """Writes the tables as ablation.json and ablation.md.

    Args:
        tables: As `score` returns it.
        settings: Dict of the options that all rows share.
        to: Folder of the files.

    Returns:
        str, the text of ablation.md.
    """
    content = json.dumps({**settings, "tables": tables}, indent=1)
    atomic.write_bytes(content.encode(), to / "ablation.json")
    page = markdown(tables, settings)
    atomic.write_bytes(page.encode(), to / "ablation.md")
    return page


def markdown(tables: dict, settings: dict) -> str:
    """Formats the tables for people.

    Args:
        tables: As `score` returns it.
        settings: Dict of the options that all rows share.

    Returns:
        str.
    """
    parts = [
        "# Ablations",
        ", ".join(f"{name} {value}" for name, value in settings.items()),
        LEGEND,
    ]
    for table, rows in tables.items():
        parts.append(f"## {table}")
        measures = list(rows[REAL])
        lines = [[table, *measures], ["---"] * (1 + len(measures))]
        lines += [[row, *map(_cell, scores.values())] for row, scores in rows.items()]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
        if table == "patch":
            parts.append(_about_patches(settings["size"]))
        parts.append(f"![{table}]({table}.png)")
    return "\n\n".join(parts) + "\n"


def _held_out(config):
    held_out, _ = batches.held_out_batches(config, batch_size=JUDGED_AT_ONCE)
    return held_out


def _shown(pictures, pixel_format):
    return list(images.displayed(pictures, pixel_format.value_range)[:SHOWN].numpy())


def _cell(scores):
    deviation = f" ± {np.std(scores, ddof=1):.3f}" if len(scores) > 1 else ""
    return f"{np.mean(scores):.3f}{deviation}"


def _about_patches(size):
    sides = [options["receptive_field"] for options in TABLES["patch"].values()]
    fitting = [side for side in sides if least_size(side) <= size]
    shares = ", ".join(f"{side} pixels like {side * 256 // size}" for side in fitting)
    return " ".join(
        [
            f"Measured by the image, patches are here as in the paper's images of 256: {shares}.",
            "Where a patch reaches beyond the image it sees zeros, as in the paper; a patch larger",
            "than the image always does.",
            *(
                f"{side}x{side} is left out, for it needs images of {least_size(side)} pixels."
                for side in sides
                if side not in fitting
            ),
        ]
    )
