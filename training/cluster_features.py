"""Finds what instances look like, class by class: `python -m training.cluster_features --run R`."""

from pathlib import Path
from typing import Optional

import jsonargparse

from tfpix2pix.errors import InputError, reported
from tfpix2pix.lazily import runs
from tfpix2pix.locations import at_home


def main(run: Path, data: Optional[Path] = None):
    """Finds the appearances of each class by k-means of its instances' features, and stores them.

    A training that ends does so by itself: this is `training.finish` for a run of pix2pixHD that
    was stopped, or whose data have changed, and it prints what it found. Translations take the
    appearances by number.

    Args:
        run: Folder of a run with `--model.instance_features`.
        data: Folder or manifest of the training data, if they have moved.
    """
    features = getattr(runs.load_config(run).model, "instance_features", 0)
    if not features:
        raise InputError(
            "A run must have features of instances. Received: "
            f"{str(run)!r}, without. Train one of pix2pixHD with --model.instance_features 3."
        )
    runs.finish_run(run, data)
    network = runs.load_run(run).directions["translate"].network
    counts = [len(vectors) for vectors in network.get_layer("features_lookup").centroids]
    for number, count in enumerate(counts):
        if count:
            print(f"class {number:<6} {count:3}")
    print(f"{run} has {sum(counts)} appearances of {len(counts) - counts.count(0)} classes.")


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli(
            main, args=at_home(), as_positional=False, prog="python -m training.cluster_features"
        )
