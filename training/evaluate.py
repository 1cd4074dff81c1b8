"""Says how good a run is, or which of several is best: `python -m training.evaluate --run R`."""

import csv
import dataclasses
import io
import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Optional

import jsonargparse
import numpy as np

from tfpix2pix import atomic, factory, metrics, runs
from tfpix2pix.data import codecs, layouts
from tfpix2pix.errors import InputError, reported
from training import progress
from training.engine import run_log
from training.evaluation import results_page, segmenters
from training.evaluation.evaluated_run import Contender
from training.evaluation.scores import MEASURES

RESULT, TABLE, PAGE, PICTURES = "metrics.json", "images.csv", "index.html", "pictures"
MEAN_OF = 1000  # Training targets; more hardly change their mean.


def evaluate(
    run,
    to: Path,
    *,
    data: Optional[Path] = None,
    best: bool = False,
    averaged: bool = False,
    limit: Optional[int] = None,
    features: Optional[Path] = None,
    segmenter: Optional[Path] = None,
    statistics: Literal["per_image", "batch", "moving"] = "per_image",
):
    """Measures the translations of held-out examples, and makes a page to look at them.

    The folder gets `index.html`, `metrics.json`, `images.csv` with a row for each image of each
    run, and the pictures; it is whole or as it was before. L1, L2, PSNR and SSIM are of what
    networks see, as in training; all else is of RGB pictures.

    Args:
        run: Folder of a run, or list of such; the first is the one that others are compared to.
        to: Folder for the results; those of an earlier evaluation are replaced.
        data: Folder or manifest to take in place of the runs' own data.
        best: Whether to take the checkpoints that were best in validation.
        averaged: Whether the weights are the means over the last steps, of runs with --train.ema.
        limit: How many examples to take, the first ones; by default all.
        features: Weights of Keras' InceptionV3 without its top, a file, for FID and KID.
        segmenter: SavedModel from RGB images in [-1, 1] to logits of classes, for the paper's
            FCN-score. The labels are the first run's sources where those are label maps, one-hot
            or in the colours that `training.segmenter` notes, else what it finds in the targets.
        statistics: What the norms of the generator go by; see `tfpix2pix.inference.translate`.

    Returns:
        Dict, what `metrics.json` holds.

    Raises:
        ValueError: If a run, the data, the features or the segmenter cannot be used, the runs are
            not of the same examples, or the folder holds something else.

    Reference:
        Isola et al., 2017, sections 3.4, 4.1 and 4.2.
    """
    to = Path(to).resolve()
    _check_replaceable(to)
    if limit is not None and limit < 1:
        raise InputError(f"`limit` must be at least 1. Received: {limit}. Leave it out for all.")
    segment, classes = segmenters.load_any(segmenter) if segmenter else (None, None)
    judges = {
        "features": metrics.inception_features(features) if features else None,
        "segmenter": segment,
        "classes": classes,
    }
    runs = [Path(run)] if isinstance(run, (str, Path)) else [Path(one) for one in run]
    names = [one.resolve().name for one in runs]
    contenders = [
        Contender(
            one,
            name if names.count(name) == 1 else str(one),
            *_examples(one, data, limit),
            weights={"best": best, "averaged": averaged},
            statistics=statistics,
            **judges,
        )
        for one, name in zip(runs, names)
    ]
    first = contenders[0]
    for other in contenders[1:]:
        _check_same(first, other, other.examples.names == first.examples.names)
    with _replaced(to) as folder:
        baseline, sizes = _translate(contenders, folder / PICTURES)
        result = {
            "count": len(sizes),
            "baseline_l1": baseline,
            "targets": first.of_targets(),
            "features": first.feature_model,
            "segmenter": segmenter and str(segmenter),
            "statistics": statistics,
            "packages": run_log.packages(),
            "runs": [contender.told(first) for contender in contenders],
        }
        _write(result, contenders, sizes, folder)
    return result


def main(arguments=None):
    """Evaluates from the command line.

    Args:
        arguments: List of str, without the program's name; by default those of the process.
    """
    parser = jsonargparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument(
        "--run", type=Path, nargs="+", required=True, help="Folder of the run, or of several."
    )
    parser.add_function_arguments(evaluate, skip={"run"}, as_positional=False)
    parsed = parser.parse_args(arguments)
    runs = evaluate(**parsed)["runs"]
    print(" ".join([f"{'mean':28}", *(f"{run['title']:>12}" for run in runs)]))
    for name, measure in MEASURES.items():
        if name in runs[0]["mean"]:
            cells = (f"{results_page.number(run['mean'][name]):>12}" for run in runs)
            print(" ".join([f"{measure.title:28}", *cells]))
    print(f"Look at {parsed.to / PAGE}.")


def _examples(run, data, limit):
    """Returns the configuration of a run, with other data if they are named, and its examples."""
    config = runs.load_config(run)
    if data is not None:
        config = dataclasses.replace(
            config, data=dataclasses.replace(config.data, folder=str(data))
        )
    found = factory.examples(config, "held_out", progress=progress.survey)
    return config, found._replace(names=found.names[:limit], sizes=found.sizes[:limit])


def _translate(contenders, folder):
    """Measures all examples and writes the pictures; returns the baseline and the sizes."""
    first, baseline, sizes = contenders[0], [], []
    mean = _mean_target(first.config)
    batches = zip(*(contender.batches() for contender in contenders))
    batches = progress.bar(batches, "Examples", "examples", len(first.examples.names))
    for index, batch in enumerate(batches):
        source, target = batch[0]
        labels = first.labels(source)
        sizes.append(target.shape[1:3])
        if mean is not None:
            baseline.append(metrics.mean_image_l1([(None, mean)], [(None, target)]))
        pictures = {}
        for contender, place, (source, own_target) in zip(contenders, _places(contenders), batch):
            _check_same(first, contender, np.array_equal(target, own_target))
            shown = contender.measure(source, target, labels)
            pictures = {**shown, **pictures, place: shown["output"]}
        for place in ("input", *_places(contenders), "target"):
            codecs.write(pictures[place], folder / place / f"{index:05d}.png")
    return float(np.mean(baseline)) if baseline else None, sizes


def _places(contenders):
    """Returns the folder of each contender's pictures."""
    count = len(contenders)
    return ["output"] if count == 1 else [f"output{n}" for n in range(1, count + 1)]


def _mean_target(config):
    """Returns the mean of the training targets, or `None` where they differ in size or are none."""
    splits = layouts.splits(config.data.folder)
    if factory.geometry(config).window is None or (splits and "train" not in splits):
        return None
    examples = factory.examples(config, "train", progress=progress.survey)
    count = min(MEAN_OF, len(examples.names))
    batches = factory.evaluation_batches(config, examples).take(count)
    batches = progress.bar(batches, "Mean image", "examples", count)
    return sum(np.asarray(target, "float64") / count for _, target in batches)


def _write(result, contenders, sizes, folder):
    """Writes the numbers and the page."""
    names, scores = contenders[0].examples.names, [one.scores() for one in contenders]
    outputs = [run["title"] for run in result["runs"]] if len(contenders) > 1 else ["output"]
    places = ["input", *_places(contenders), "target"]
    columns = [
        (title, f"{PICTURES}/{place}")
        for title, place in zip(["input", *outputs, "target"], places)
    ]
    page = results_page.html(result, names, sizes, scores, columns)
    atomic.write_bytes(page.encode("utf-8", "replace"), folder / PAGE)
    rows = io.StringIO()
    table = csv.writer(rows, lineterminator="\n")
    table.writerow(["number", "name", "run", *scores[0]])
    for contender, of in zip(contenders, scores):
        for index, name in enumerate(names):
            table.writerow(
                [index, name, contender.title, *(values[index] for values in of.values())]
            )
    atomic.write_bytes(rows.getvalue().encode("utf-8", "replace"), folder / TABLE)
    atomic.write_bytes(json.dumps(result, indent=1).encode(), folder / RESULT)


def _check_same(first, other, same):
    if not same:
        raise InputError(
            "Runs are compared on the same examples, by name and target. Received: "
            f"{str(first.run)!r} and {str(other.run)!r}, of which they differ. Evaluate them "
            "apart; if they differ in data alone, name these by --data."
        )


def _check_replaceable(to):
    """Refuses a folder of something else."""
    held = sorted(path.name for path in to.iterdir()) if to.is_dir() else []
    is_ours = RESULT in held and {*held} <= {RESULT, TABLE, PAGE, PICTURES}
    if to.is_file() or (held and not is_ours):
        raise InputError(
            "The results need a folder of their own, or that of an earlier evaluation. Received: "
            f"{str(to)!r}, which holds {', '.join(held[:3]) or 'no folder'}. Use another --to."
        )


@contextmanager
def _replaced(to):
    """Gives a folder to fill, which takes the place of another at the end, or is removed."""
    part, old = (to.with_name(f".{to.name}.{suffix}") for suffix in ("part", "old"))
    for left_behind in (part, old):
        shutil.rmtree(left_behind, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if to.exists():
            os.replace(to, old)
        os.replace(part, to)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(part, ignore_errors=True)


if __name__ == "__main__":
    with reported():
        main()
