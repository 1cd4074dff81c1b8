"""The results of an evaluation: numbers, pictures and a page, in a folder of their own."""

import csv
import io
import json
from pathlib import Path
from typing import Literal, Optional, Union

import numpy as np

from tfpix2pix import atomic
from tfpix2pix.bfloat16 import GraphPrecision, check_precision
from tfpix2pix.errors import InputError
from tfpix2pix.lazily import codecs, keras, metrics
from tfpix2pix.lines import packages
from training import progress

RESULT = "metrics.json"
TABLE = "images.csv"
PAGE = "index.html"
PICTURES = "pictures"
FEATURES = "features.keras"
REAL = "real"  # Among the pictures, the real images of what is translated into.
REAL_SHOWN = 8


def evaluate(
    run: Path,
    to: Path,
    *,
    data: Optional[Path] = None,
    direction: Optional[str] = None,
    best: bool = False,
    averaged: bool = False,
    limit: Optional[int] = None,
    features: Union[Literal["domains"], Path, None] = None,
    segmenter: Optional[Path] = None,
    statistics: Literal["per_image", "batch", "moving"] = "per_image",
    precision: GraphPrecision = "float32",
    revealed: Optional[list[int]] = None,
):
    """Measures the translations of held-out examples, and makes a page to look at them.

    The folder gets `index.html`, `metrics.json`, `images.csv` with a row for each image of each
    run, and the pictures, all at once or not at all. L1, L2, PSNR and SSIM compare images as
    networks see them, as in training; all other measures compare RGB pictures. Translations without
    targets are compared with all held-out images of the domain that they are translated into, and
    if a direction goes back, inputs with what comes back.

    Args:
        run: Folder of a run, or list of such; the first is the one that others are compared to.
        to: Folder for the results; those of an earlier evaluation are replaced.
        data: Folder or manifest to take in place of the runs' own data.
        direction: Direction to translate in; by default each run's first.
        best: Whether to take the checkpoints that were best in validation.
        averaged: Whether the weights are the means over the last steps, of runs with
            --train.ema_decay.
        limit: How many examples to take, the first ones; by default all.
        features: What FID and KID go by: a file of weights of Keras' InceptionV3 without its top,
            .h5; another Keras model of RGB pictures in [-1, 1] to features, .keras; or "domains", a
            small classifier of what the first run translates from and of what into, trained here on
            its training images and kept with the results as features.keras.
        segmenter: SavedModel from RGB images in [-1, 1] to logits of classes, for the paper's
            FCN-score. The labels are the first run's sources where those are label maps, one-hot
            or in the colours of the segmenter's classes, else what it finds in the targets.
        statistics: Statistics that the norms of the networks use; see
            `tfpix2pix.inference.translate`.
        precision: What the networks of the runs compute in; measures stay float32. auto_bfloat16 is
            faster on processors that have bfloat16.
        revealed: Of directions with hints: how many places of each target to show, to measure the
            PSNR of the pictures by; by default 0, 1, 2, 5, 10, 20, 50 and 100, "[]" for none.

    Returns:
        Dict, the content of `metrics.json`.

    Raises:
        ValueError: If a run, the data, the features or the segmenter cannot be used, the direction
            has no targets or does not show as many places of them, the runs have different
            examples, the machine does not compute in the precision, or the folder holds something
            else.

    Reference:
        Isola et al., 2017, sections 3.4, 4.1 and 4.2; Zhang et al., 2017, section 4.1.
    """
    from training.evaluation.evaluated_run import EvaluatedRun, Judges, Selection  # As `lazily`.

    check_precision(precision)
    to = Path(to).resolve()
    _check_replaceable(to)
    if limit is not None and limit < 1:
        raise InputError(f"`limit` must be at least 1. Received: {limit}. Leave it out for all.")
    feature_model, accuracy = _feature_model(features, run, data, direction)
    judges = Judges(feature_model, *_segmenter(segmenter))
    selection = Selection(data, limit, direction, best, averaged, statistics, precision, revealed)
    runs = [EvaluatedRun(folder, title, selection, judges) for folder, title in _titled(run)]
    first = runs[0]
    for other in runs[1:]:
        same = (other.names, other.references) == (first.names, first.references)
        _check_same(first, other, same)
    if revealed and all(one.revealed is None for one in runs):
        raise InputError(
            "`revealed` needs a direction with targets and a control that shows places of them, "
            f"such as hints. Received: {revealed} for {', '.join(one.title for one in runs)}. "
            "Leave it out."
        )
    with atomic.replacing(to) as folder:
        baseline, sizes = _translate(runs, folder / PICTURES)
        result = {
            "count": len(sizes),
            "baseline_l1": baseline,
            "targets": first.target_scores(),
            "real": len(first.references),
            "inputs": first.input_scores(),
            "features": first.feature_model,
            "features_accuracy": accuracy,
            "segmenter": segmenter and str(segmenter),
            "statistics": statistics,
            "precision": precision,
            "packages": packages(),
            "runs": [one.summary(first) for one in runs],
        }
        _write(result, runs, sizes, folder)
        if isinstance(feature_model, keras.Model):
            feature_model.save(folder / FEATURES)
    return result


def _segmenter(folder):
    """Returns a segmenter and its classes, if there is a folder of one."""
    from training.evaluation import segmenters

    return segmenters.load_any(folder) if folder else (None, None)


def _feature_model(features, run, data, direction):
    """Returns `(model, accuracy)`: how well it tells domains apart that it was trained for."""
    from tfpix2pix import load_run
    from training.evaluation import domain_classifier
    from training.evaluation.evaluated_run import judged_direction

    if features is None:
        return None, None
    if features == "domains":
        first, _ = _titled(run)[0]
        first = load_run(first) if data is None else load_run(first).with_data(data)
        return domain_classifier.trained(
            first, judged_direction(first, direction)[0], steps=domain_classifier.STEPS
        )
    if Path(features).suffix == ".keras":
        return domain_classifier.load(features), None
    return metrics.inception_features(features), None


def _titled(run):
    """Returns `(folder, title)` of each run: its name, or its path where names are the same."""
    folders = [Path(run)] if isinstance(run, (str, Path)) else [Path(folder) for folder in run]
    names = [folder.resolve().name for folder in folders]
    return [
        (folder, name if names.count(name) == 1 else str(folder))
        for folder, name in zip(folders, names)
    ]


def _translate(runs, folder):
    """Measures all examples and writes their pictures; returns the baseline and the sizes."""
    first = runs[0]
    mean = first.mean_target()
    baselines = []
    sizes = []
    _meet_domain(runs, folder)
    examples = zip(*(run.examples() for run in runs))
    for index, row in enumerate(progress.bar(examples, "Examples", "examples", len(first.names))):
        target = row[0].target
        labels = first.labels(row[0].source)
        sizes.append(row[0].source.shape[1:3])
        if mean is not None and mean.shape == target.shape:
            baselines.append(metrics.mean_image_l1([(None, mean)], [(None, target)]))
        shown = []
        for run, example in zip(runs, row):
            _check_same(first, run, np.array_equal(target, example.target))
            shown.append(run.measure(example, labels))
        for number, title, name in _pictures(runs):
            codecs.write(shown[number][title], folder / name / f"{index:05d}.png")
    has_baseline = len(baselines) == len(sizes)
    return float(np.mean(baselines)) if has_baseline else None, sizes


def _meet_domain(runs, folder):
    """Shows the runs the real images of what they translate into, and writes some."""
    first = runs[0]
    real = first.meet_domain(REAL_SHOWN)
    for other in runs[1:]:
        others = other.meet_domain(REAL_SHOWN)
        _check_same(first, other, all(map(np.array_equal, real, others)))
    for index, picture in enumerate(real):
        codecs.write(picture, folder / REAL / f"{index:05d}.png")


def _pictures(runs):
    """Returns `(number, title, name)` of all pictures of an example: whose, which, and folder."""
    shared = [title for title in ("input", "target") if title in runs[0].columns]
    pictures = [(0, title, title) for title in shared]
    of_each = [
        (number, title, f"{title}{number + 1}" if len(runs) > 1 else title)
        for title in ("output", "reconstruction", "identity")
        for number, run in enumerate(runs)
        if title in run.columns
    ]
    return [*pictures[:1], *of_each, *pictures[1:]]


def _write(result, runs, sizes, folder):
    """Writes the numbers and the page."""
    from training.evaluation import results_page

    names = runs[0].names
    scores = [run.scores() for run in runs]
    columns = [
        (_column_title(runs, number, title), f"{PICTURES}/{name}")
        for number, title, name in _pictures(runs)
    ]
    shown = min(result["real"], REAL_SHOWN)
    real = [f"{PICTURES}/{REAL}/{index:05d}.png" for index in range(shown)]
    page = results_page.html(result, names, sizes, scores, columns, real)
    atomic.write_bytes(page.encode("utf-8", "replace"), folder / PAGE)
    table = _table(runs, names, scores)
    atomic.write_bytes(table.encode("utf-8", "replace"), folder / TABLE)
    atomic.write_bytes(json.dumps(result, indent=1).encode(), folder / RESULT)


def _column_title(runs, number, title):
    if len(runs) == 1 or title in ("input", "target"):
        return title
    return runs[number].title if title == "output" else f"{runs[number].title}: {title}"


def _table(runs, names, scores):
    """Returns the measures of each example and run as CSV."""
    from training.evaluation.scores import shared_names

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    measured = shared_names(scores)
    revealed = [run.revealed.columns() if run.revealed else {} for run in runs]
    titles = [*measured, *dict.fromkeys(title for columns in revealed for title in columns)]
    table.writerow(["number", "name", "run", *titles])
    for run, run_scores, columns in zip(runs, scores, revealed):
        numbers = {**run_scores, **columns}
        for index, name in enumerate(names):
            cells = [numbers[title][index] if title in numbers else "" for title in titles]
            table.writerow([index, name, run.title, *cells])
    return text.getvalue()


def _check_same(first, other, same):
    if not same:
        raise InputError(
            "Runs are compared on the same examples, by name and by target or real images. "
            f"Received: {str(first.folder)!r} and {str(other.folder)!r}, of which they differ. "
            "Evaluate them apart; if they differ in data alone, name these by --data."
        )


def _check_replaceable(to):
    """Refuses a folder of something else."""
    held = sorted(path.name for path in to.iterdir()) if to.is_dir() else []
    is_ours = RESULT in held and {*held} <= {RESULT, TABLE, PAGE, PICTURES, FEATURES}
    if to.is_file() or (held and not is_ours):
        raise InputError(
            "The results need a folder of their own, or that of an earlier evaluation. Received: "
            f"{str(to)!r}, which holds {', '.join(held[:3]) or 'no folder'}. Use another --to."
        )
