"""CycleGAN of tfpix2pix and of PyTorch's reference after the same training, side by side."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

from tfpix2pix import report, runs
from tfpix2pix.data import codecs
from tfpix2pix.families import preset
from training import import_checkpoint
from training.benchmarks.quality import check_pytorch
from training.engine import loop
from training.evaluation import results, scores

OURS = "tfpix2pix"
THEIRS = "PyTorch"
DIRECTIONS = ("AtoB", "BtoA")
MEASURES = ("kid", "cycle_l1", "identity_l1", "color_distance_of_all", "domain_sharpness")
SHOWN = 4  # Examples of each direction in the picture.


def measure(data: Path, folder: Path, *, size: int, filters: int, steps: int, seed: int) -> dict:
    """Trains both on two domains by the preset `cyclegan_small`, and measures held-out images.

    Finished trainings are not repeated; interrupted ones go on. PyTorch's networks are imported, so
    that one program evaluates both.

    Args:
        data: Folder with `trainA`, `trainB`, `testA` and `testB`.
        folder: Folder of the results: both runs, the evaluation of each direction, `quality.png`.
        size: Side of the images in pixels, a multiple of 8.
        filters: Filters of the networks' first level.
        steps: Steps of one image of each domain.
        seed: Seed of weights and data.

    Returns:
        Dict of direction to a dict of "input", "tfpix2pix" and "PyTorch" to dicts of measure to its
        mean over all held-out images.

    Raises:
        ValueError: If there is no PyTorch, or the data cannot be used.
    """
    check_pytorch()
    start = preset("cyclegan_small").with_data(data)
    config = dataclasses.replace(
        start,
        data=dataclasses.replace(start.data, image_size=(size, size)),
        model=dataclasses.replace(start.model, base_filters=filters),
        train=dataclasses.replace(start.train, steps=steps, seed=seed),
    )
    model, _ = loop.train(config, folder / OURS)
    if not (folder / THEIRS).exists():
        blocks = sum(
            layer.name.endswith("_add") for layer in model.players["generator_AtoB"].layers
        )
        options = {"size": size, "filters": filters, "blocks": blocks, "steps": steps, "seed": seed}
        _train_reference({"data": str(data), **options}, folder)
    features = "domains"
    measured = {}
    for direction in DIRECTIONS:
        to = folder / direction
        options = {"data": data, "direction": direction, "features": features}
        result = results.evaluate([folder / OURS, folder / THEIRS], to, **options)
        features = to / results.FEATURES
        means = {run["title"]: run["mean"] for run in result["runs"]}
        measured[direction] = {
            name: {measure: of_all[measure] for measure in MEASURES if measure in of_all}
            for name, of_all in {"input": result["inputs"], **means}.items()
        }
    report.save_picture(report.comparison(_columns(folder)), folder / "quality.png")
    return measured


def _train_reference(options, folder):
    """Trains the reference in a process of its own, and makes a run of its networks."""
    trained = folder / "checkpoints"
    arguments = json.dumps({"to": str(trained), **options})
    program = [sys.executable, "-m", "training.benchmarks.pytorch_cyclegan_train", arguments]
    subprocess.run(program, check=True)
    files = {name: trained / f"latest_net_{name}.pth" for name in ("G_A", "G_B")}
    import_checkpoint.main(files["G_A"], folder / THEIRS, reverse=files["G_B"])
    # Its networks are ours by their layers, and so its size of images and data are.
    runs.save_config(runs.load_config(folder / OURS), folder / THEIRS)


def _columns(folder):
    """Returns columns of pictures of both directions, of examples from all over them."""
    columns = {}
    for direction in DIRECTIONS:
        pictures = folder / direction / results.PICTURES
        for title, place in (("input", "input"), (OURS, "output1"), (THEIRS, "output2")):
            files = sorted((pictures / place).iterdir())
            chosen = files[:: -(-len(files) // SHOWN)]
            columns.setdefault(title, []).extend(map(codecs.read, chosen))
    return columns


def table(measured: dict) -> list[str]:
    """Returns the lines of a table of `measure`'s results."""
    titles = [scores.MEASURES[measure].title for measure in MEASURES]
    lines = ["; ".join(titles)]
    for direction, rows in measured.items():
        for name, values in rows.items():
            numbers = (f"{values.get(measure, float('nan')):9.3f}" for measure in MEASURES)
            lines.append(f"{direction} {name:10}" + "".join(numbers))
    return lines
