"""Exports a run for TensorFlow Serving: `python -m serving.export --run FOLDER --to FOLDER`."""

import os
import sys

import jsonargparse

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Start-up notes of TensorFlow concern no user.

from tfpix2pix import config, factory
from tfpix2pix.errors import InputError
from tfpix2pix.export import export


def main(run: str, to: str, best: bool = False, averaged: bool = False):
    """Exports the newest checkpoint of a run as the next version of a served model.

    Args:
        run: Folder of the run.
        to: Folder of the served model; its name is the model's name.
        best: Whether to take the checkpoint that was best in validation.
        averaged: Whether the weights are the means over the last steps, of a run with --train.ema.
    """
    generator = factory.restored_generator(run, best=best, averaged=averaged)
    version, difference = export(generator, to, task=factory.task(config.load(run)))
    print(f"{version} agrees with the trained model within {difference:.1g}.")


if __name__ == "__main__":
    try:
        jsonargparse.auto_cli(main, as_positional=False)
    except InputError as error:
        sys.exit(f"error: {error}")
