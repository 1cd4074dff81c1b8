"""Exports a run for TensorFlow Serving: `python -m serving.export --run FOLDER --to FOLDER`."""

import os
import sys
from typing import Optional

import jsonargparse

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Start-up notes of TensorFlow concern no user.

from serving.warmup import write_warmup
from tfpix2pix import config, factory
from tfpix2pix.errors import InputError
from tfpix2pix.export import export


def main(run: str, to: str, best: bool = False, averaged: bool = False, keep: Optional[int] = None):
    """Exports the newest checkpoint of a run as the next version of a served model.

    Args:
        run: Folder of the run.
        to: Folder of the served model; its name is the model's name.
        best: Whether to take the checkpoint that was best in validation.
        averaged: Whether the weights are the means over the last steps, of a run with --train.ema.
        keep: How many of the newest versions stay; by default all.
    """
    generator = factory.restored_generator(run, best=best, averaged=averaged)
    options = config.load(run)
    size = options.data.image_size
    version, difference = export(
        generator,
        to,
        task=factory.task(options),
        size=size,
        keep=keep,
        finish=lambda part: write_warmup(part, size),
    )
    print(f"{version} agrees with the trained model within {difference:.1g}.")


if __name__ == "__main__":
    try:
        jsonargparse.auto_cli(main, as_positional=False)
    except InputError as error:
        sys.exit(f"error: {error}")
