"""Fills what a run translates by beside its weights: `python -m training.finish --run RUN`."""

from pathlib import Path
from typing import Optional

import jsonargparse

from tfpix2pix.errors import reported
from tfpix2pix.lazily import runs
from tfpix2pix.locations import at_home


def main(run: Path, data: Optional[Path] = None):
    """Fills the state of a run that its family makes after the training, such as statistics.

    A training that ends does so by itself. It is for one that was stopped.

    Args:
        run: Folder of the run.
        data: Folder or manifest of the training data, if they have moved.
    """
    filled = runs.finish_run(run, data)
    if filled:
        print(f"{run} has the state that it translates by, after steps {', '.join(filled)}.")
    else:
        print(f"{run} needs no more than its checkpoints.")


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli(
            main, args=at_home(), as_positional=False, prog="python -m training.finish"
        )
