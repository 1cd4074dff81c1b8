"""Exports a run for TensorFlow Serving: `python -m serving.export --run FOLDER --to FOLDER`."""

import os
from typing import Literal, Optional

import jsonargparse
from tqdm import tqdm

from tfpix2pix.errors import InputError, reported
from tfpix2pix.lazily import export, runs
from tfpix2pix.locations import at_home


def main(
    run: str,
    to: str,
    format: Literal["saved_model", "tflite", "onnx"] = "saved_model",
    direction: Optional[str] = None,
    best: bool = False,
    averaged: bool = False,
    weights: Literal["float32", "float16"] = "float32",
    keep: Optional[int] = None,
):
    """Exports the newest checkpoint of a run as the next version of a served model.

    Args:
        run: Folder of the run.
        to: Folder of the served model; its name is the model's name. Of other formats, the path of
            the file without its suffix.
        format: saved_model is a version for TensorFlow Serving; tflite and onnx are single files
            of floats in [-1, 1] for other runtimes.
        direction: Which way a single file translates, of a run with several; by default the first.
        best: Whether to take the checkpoint that was best in validation.
        averaged: Whether the weights are the means over the last steps, of a run with
            --train.ema_decay.
        weights: What the weights are stored as. float16 takes half the bytes and computes in
            float32; the model card tells how far that moves translations.
        keep: How many of the newest versions stay; by default all.
    """
    is_served = format == "saved_model"
    if keep is not None and not is_served:
        raise InputError(
            "--keep is for versions of a served model. Received: --format "
            f"{format}, a single file that is replaced. Leave --keep out."
        )
    if direction is not None and is_served:
        raise InputError(
            "--direction is for a single file, since a version has all directions. Received: "
            f"--direction {direction}, --format {format}. Leave --direction out."
        )
    if weights != "float32" and not is_served:
        raise InputError(
            f"--weights is for versions of a served model. Received: --weights {weights}, --format "
            f"{format}. Leave --weights out."
        )
    # After the command line has been read: TensorFlow takes seconds.
    from serving.publishing.proof import check_served, write_warmup

    opened = runs.load_run(run, best=best, averaged=averaged)
    directions = opened.directions
    embeddings = opened.embeddings
    size = opened.image_size
    card = _card(opened)

    def finish(part):
        check_served(part, directions, size, embeddings=embeddings)
        write_warmup(part, size, directions)

    if is_served:
        options = {"size": size, "embeddings": embeddings, "card": card, "weights": weights}
        path, difference = export.export(directions, to, keep=keep, finish=finish, **options)
    else:
        path = f"{os.path.normpath(to)}.{format}"
        difference = export.convert(directions, path, direction=direction, size=size, card=card)
    model = "the trained model"
    if weights != "float32":
        moved = export.read_card(path)["rounding"]["largest"]
        model = f"{model} of {weights} weights, {moved:.1g} from the trained one,"
    print(f"{path} agrees with {model} within {difference:.1g}.")


def _card(run):
    """Returns what the model card tells of a run; prints a note if its data are not there."""
    details = export.run_details(run)
    try:
        sources = export.source_details(
            run, progress=lambda files, total: tqdm(files, "Examples", total, leave=False)
        )
    except InputError as error:
        print(f"note: the model card shows no examples, for the data were not found. {error}")
        return details
    return {**details, **sources}


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli(
            main, args=at_home(), as_positional=False, prog="python -m serving.export"
        )
