"""Exports a run for TensorFlow Serving: `python -m serving.export --run FOLDER --to FOLDER`."""

import os
import sys
from typing import Literal, Optional

import jsonargparse

from serving.publishing.proof import check_served, write_warmup
from serving.publishing.run_card import card_of_run
from tfpix2pix import factory, runs
from tfpix2pix.errors import InputError
from tfpix2pix.export import convert, export


def main(
    run: str,
    to: str,
    format: Literal["saved_model", "tflite", "onnx"] = "saved_model",
    best: bool = False,
    averaged: bool = False,
    keep: Optional[int] = None,
):
    """Exports the newest checkpoint of a run as the next version of a served model.

    Args:
        run: Folder of the run.
        to: Folder of the served model; its name is the model's name. Of other formats, the path of
            the file without its suffix.
        format: saved_model is a version for TensorFlow Serving; tflite and onnx are single files
            of floats in [-1, 1] for other runtimes.
        best: Whether to take the checkpoint that was best in validation.
        averaged: Whether the weights are the means over the last steps, of a run with --train.ema.
        keep: How many of the newest versions stay; by default all.
    """
    if keep is not None and format != "saved_model":
        raise InputError(
            "--keep is for versions of a served model. Received: --format "
            f"{format}, a single file that is replaced. Leave --keep out."
        )
    generator = factory.restored_generator(run, best=best, averaged=averaged)
    options = runs.load_config(run)
    size = options.data.image_size
    described = {
        "task": factory.task(options),
        "size": size,
        "card": card_of_run(run, options, best=best),
    }

    def finish(part):
        check_served(part, generator, size)
        write_warmup(part, size)

    if format == "saved_model":
        path, difference = export(
            generator,
            to,
            **described,
            keep=keep,
            finish=finish,
        )
    else:
        path = f"{os.path.normpath(to)}.{format}"
        difference = convert(generator, path, **described)
    print(f"{path} agrees with the trained model within {difference:.1g}.")


if __name__ == "__main__":
    try:
        jsonargparse.auto_cli(main, as_positional=False)
    except InputError as error:
        sys.exit(f"error: {error}")
