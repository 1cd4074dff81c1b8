"""Reruns the paper's ablations, small: `python -m training.ablation --data FOLDER --to FOLDER`.

Tables 1 to 4 of Isola et al., 2017: which losses, U-Net or encoder-decoder, how large a patch the
discriminator judges. Each row is a run like those of `training.train`.
"""

import dataclasses
import itertools
import json
import sys
from pathlib import Path
from typing import Literal, Optional

import jsonargparse
import numpy as np
import tensorflow as tf

from tfpix2pix import atomic, factory, inference, metrics, report
from tfpix2pix import config as configs
from tfpix2pix.data import images
from tfpix2pix.errors import InputError, reported
from tfpix2pix.metrics.segmentation import SegmentationScores
from tfpix2pix.networks.patchgan import STRIDED_LAYERS
from tfpix2pix.presets import QUICKSTART
from training import progress
from training.engine import loop
from training.evaluation import segmenters

# Row -> options that are not those of the paper's whole method: U-Net, L1+cGAN, 70x70.
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
    "patch": {f"{side}x{side}": {"receptive_field": side} for side in (1, 16, 70, 286)},
}
MEASURES = {
    "L1": metrics.L1,
    "SSIM": metrics.SSIM,
    "Lab": metrics.LabIntersection,
    "sharpness": metrics.SharpnessRatio,
}
FOUND = {"pixel_accuracy": "pixel", "class_accuracy": "class", "iou": "IoU"}
REAL = "target"  # The last row and column: what real photos score.
SHOWN, JUDGED_AT_ONCE = 4, 8
LEGEND = """\
L1, in [0, 2], and SSIM are means over the held-out pairs. Lab is the share that the histograms of
L, a and b over all translations and over all targets have in common. Sharpness is the gradient
energy of translations over that of their targets: below 1 they are blurred, above 1 noisy. Pixel
and class accuracy and IoU tell how much of the labels a segmenter finds again in translations. Less
is better for L1, and more for all but sharpness."""


def main(
    data: str,
    to: Path,
    tables: str = ",".join(TABLES),
    direction: Literal["AtoB", "BtoA"] = "BtoA",
    size: int = 64,
    steps: int = 1500,
    filters: int = 16,
    segmenter: Optional[Path] = None,
    seeds: int = 1,
):
    """Trains every row, scores it on the held-out pairs, and writes tables and pictures.

    The same command goes on after an interruption; what is trained is not trained again.

    Args:
        data: Folder of pairs, or their manifest.
        to: Folder for the runs, ablation.json, ablation.md and a picture of each table.
        tables: Which of losses, generator and patch, with commas between.
        direction: AtoB translates A into B, BtoA B into A.
        size: Side of the images in pixels, a power of 2.
        steps: Length of each training, in batches of 4.
        filters: Filters of the networks' first level.
        segmenter: SavedModel of training.segmenter, to judge translations of label maps by.
        seeds: How often each row is trained, from another seed each time.
    """
    base = dataclasses.replace(
        QUICKSTART,
        name="ablation",
        summary="A row of training.ablation.",
        data=dataclasses.replace(
            QUICKSTART.data, folder=data, direction=direction, image_size=size, load_size=size
        ),
        model=dataclasses.replace(QUICKSTART.model, base_filters=filters, receptive_field=70),
        train=dataclasses.replace(QUICKSTART.train, steps=steps),
    )
    base = factory.completed(base, factory.examples(base, "train", progress=progress.survey))
    if base.data.target_channels != 3:
        raise InputError(
            "What is judged must be in colour. Received: targets of "
            f"{base.data.target_channels} channels. Use other data or the other --direction."
        )
    planned = plan(base, to, tables.split(","), seeds)
    judge = Judge(base, segmenter)
    runs = {
        run: config
        for rows in planned.values()
        for of_row in rows.values()
        for run, config in of_row.items()
    }
    for run, config in runs.items():
        loop.check_same_experiment(config, run)

    results = {}
    for number, (run, config) in enumerate(runs.items(), 1):
        print(f"{number}/{len(runs)} {run}", file=sys.stderr)
        results[run] = judge.score(trained(config, run))
    real, targets = judge.score()
    told = {}
    for table, rows in planned.items():
        of_rows = {row: [results[run] for run in of_row] for row, of_row in rows.items()}
        told[table] = {
            row: {name: [scores[name] for scores, _ in of_row] for name in real}
            for row, of_row in of_rows.items()
        }
        told[table][REAL] = {name: [score] for name, score in real.items()}
        pictures = {row: of_row[0][1] for row, of_row in of_rows.items()}
        columns = {"input": judge.sources, **pictures, REAL: targets}
        report.save_picture(report.comparison(columns), to / f"{table}.png")
    settings = {"data": data, "direction": direction, "size": size, "steps": steps}
    settings |= {"filters": filters, "segmenter": segmenter and str(segmenter), "seeds": seeds}
    content = json.dumps({**settings, "tables": told}, indent=1)
    atomic.write_bytes(content.encode(), to / "ablation.json")
    page = markdown(told, settings)
    atomic.write_bytes(page.encode(), to / "ablation.md")
    print(page)


def plan(base, to, tables, seeds):
    """Says what to train for each row.

    Args:
        base: `tfpix2pix.config.ExperimentConfig` of the paper's whole method.
        to: `pathlib.Path` of the folder in which to run.
        tables: Names of tables.
        seeds: How often each row is trained.

    Returns:
        Dict of table to a dict of row to a dict of run folder to its configuration. A run is that
        of several rows where these are the same; patches that the images are too small for are
        left out.

    Raises:
        ValueError: If a table is unknown, the size no power of 2, or there is no seed.
    """
    (size, _), known = base.data.image_size, ", ".join(TABLES)
    if unknown := [table for table in tables if table not in TABLES]:
        raise InputError(
            f"`tables` must be of {known}. Received: {', '.join(unknown)}. Use for example "
            "--tables losses,patch."
        )
    if size < 32 or size & (size - 1) or seeds < 1:
        raise InputError(
            "`size` must be a power of 2, at least 32, and `seeds` at least 1. Received: "
            f"size={size}, seeds={seeds}. Use --size 64 --seeds 1."
        )
    planned = {}
    for table in tables:
        planned[table] = {}
        for row, options in TABLES[table].items():
            if size < least_size(options.get("receptive_field", 70)):
                continue
            planned[table][row] = of_row = {}
            model = dataclasses.replace(base.model, **options)
            changed = configs.differences(base, dataclasses.replace(base, model=model))
            named = ",".join(f"{of.split('.')[1]}={new}" for of, (_, new) in changed.items())
            for seed in range(seeds):
                train = dataclasses.replace(base.train, seed=seed)
                run = to / "runs" / f"{named or 'paper'},seed={seed}"
                of_row[run] = dataclasses.replace(base, model=model, train=train)
    return planned


def least_size(receptive_field):
    """Returns the side in pixels of the smallest images that a discriminator takes."""
    return 3 * 2 ** STRIDED_LAYERS[receptive_field]


def trained(config, run):
    """Trains a run to its end, if it is not there yet.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        run: `pathlib.Path` of the run.

    Returns:
        The generator.

    Raises:
        ValueError: If the training was stopped, or had gone on for more steps before.
    """
    newest, steps = tf.train.latest_checkpoint(run / factory.CHECKPOINTS), config.train.steps
    step = int(newest.rsplit("-", 1)[1]) if newest else 0
    if step < steps:
        _, step = loop.train(config, run)
    if step != steps:
        raise InputError(
            f"All rows must be trained for {steps} steps. Received: {step} for {run}. Run the same "
            "command again if it was stopped, else use another --to folder."
        )
    return factory.restored_generator(run)


class Judge:
    """Scores generators by the held-out pairs.

    Args:
        config: `tfpix2pix.config.ExperimentConfig` whose data is complete.
        segmenter: Folder of a segmenter or `None`.

    Attributes:
        sources: List of uint8 `[height, width, 3]`, the first few sources.

    Raises:
        ValueError: If there is no such segmenter, or the data cannot be used.
    """

    def __init__(self, config, segmenter=None):
        self.task = factory.task(config)
        self.pairs = _held_out(config)
        source = next(iter(self.pairs))[0]
        self.sources = _shown(self.task.source_picture(source), self.task.source_format)
        self.segment, self.labelled = None, itertools.repeat((None, None))
        if segmenter is not None:
            self.segment, labels = segmenters.load(segmenter)
            data = dataclasses.replace(config.data, source_labels=labels)
            self.labelled = _held_out(dataclasses.replace(config, data=data))

    def score(self, generator=None):
        """Scores the translations of a generator.

        Args:
            generator: `keras.Model`, or `None` to score the targets themselves.

        Returns:
            `(scores, pictures)`: dict of measure to float, and a list of uint8
            `[height, width, 3]`, the first few translations.
        """
        measures = {name: measure() for name, measure in MEASURES.items()}
        found, pictures = None, None
        for (source, target), (one_hot, _) in zip(self.pairs, self.labelled):
            translated = target
            if generator is not None:
                translated = inference.translate(generator, source)
            for measure in measures.values():
                measure.update_state(target, translated)
            if self.segment is not None:
                found = found or SegmentationScores(one_hot.shape[-1])
                found.update_state(tf.argmax(one_hot, axis=-1), self.segment(translated))
            pictures = pictures or _shown(
                self.task.picture(source, translated), self.task.target_format
            )
        scores = {name: measure.result() for name, measure in measures.items()}
        if found:
            scores |= {FOUND[name]: score for name, score in found.result().items()}
        return {name: float(score) for name, score in scores.items()}, pictures


def _held_out(config):
    examples = factory.examples(config, "held_out")
    return factory.evaluation_batches(config, examples, batch_size=JUDGED_AT_ONCE)


def _shown(pictures, kind):
    return list(images.displayed(pictures, kind.value_range)[:SHOWN].numpy())


def markdown(tables, settings):
    """Writes the tables for people.

    Args:
        tables: Dict of table to a dict of row to a dict of measure to a list of float, one of each
            seed.
        settings: Dict of what is the same for all rows.

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


def _cell(scores):
    deviation = f" ± {np.std(scores, ddof=1):.3f}" if len(scores) > 1 else ""
    return f"{np.mean(scores):.3f}{deviation}"


def _about_patches(size):
    sides = [options["receptive_field"] for options in TABLES["patch"].values()]
    there = [side for side in sides if least_size(side) <= size]
    shares = ", ".join(f"{side} pixels like {side * 256 // size}" for side in there)
    return " ".join(
        [
            f"Measured by the image, patches are here as in the paper's images of 256: {shares}.",
            "What of a patch lies outside of the image is zeros, as in the paper; of one larger",
            "than the image some always does.",
            *(
                f"{side}x{side} is left out, for it needs images of {least_size(side)} pixels."
                for side in sides
                if side not in there
            ),
        ]
    )


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli(main, as_positional=False)
