"""Translates folders by an export on many processes and machines, by Ray Data.

python -m training.translate_many IMAGES --export FOLDER --to FOLDER
"""

import sys
from pathlib import Path
from typing import Literal, Optional

import jsonargparse
from jsonargparse.typing import NonNegativeFloat, PositiveInt
from tqdm import tqdm

from tfpix2pix.errors import reported
from tfpix2pix.lazily import folders, value_files
from tfpix2pix.locations import at_home
from tfpix2pix.translation import program


def translate_many(
    images: Path,
    export: Path,
    to: Path,
    direction: Optional[str] = None,
    kernel: Literal["bilinear", "bicubic", "area", "nearest"] = "bilinear",
    format: Optional[Literal["png", "jpg", "bmp", "tiff", "webp", "npy"]] = None,
    frames: Literal["folder", "animation"] = "folder",
    size: Optional[PositiveInt] = None,
    half: Optional[Literal["left", "right"]] = None,
    overwrite: bool = False,
    precision: Literal["float32", "auto_bfloat16"] = "float32",
    workers: Optional[PositiveInt] = None,
    processors: PositiveInt = 1,
    gpus: NonNegativeFloat = 0.0,
    address: Optional[str] = None,
    *,
    control: list,
):
    """Translates a folder by an export, by many workers of Ray Data.

    A worker that ends, with its machine or without, is replaced; nothing is left out, and nothing
    is translated that is there already. Names of translations are those of `training.translate`.

    Args:
        images: File or folder; on many machines all paths must be the same on each of them.
        export: Folder of the served model, whose newest version is taken, or of a version.
        to: Folder to write to, under the same names.
        direction: Which way to translate, of an export with several; by default the first.
        kernel: How pixels are mixed when they are resized; nearest for label maps.
        format: Of the translations; by default png, or tiff for what png cannot hold.
        frames: Whether frames become files in a folder, or an animation in the same format.
        size: Pixels to resize the longer side to before; by default it stays.
        half: Which half of side-by-side files to translate; by default all of each file.
        overwrite: Whether to translate again what is there already.
        precision: What networks compute in.
        workers: How many processes have a model; by default as many as there is room for.
        processors: Processors of each; what one does not use is lost, so many small ones gain.
        gpus: GPUs of each; 0.5 lets two share one.
        address: HOST:PORT of a Ray cluster, or auto for that of this machine; by default a local
            one is started.
        control: List of NAME=JSON, NAME=@FILE and NAME=@FOLDER, values of inputs beside the image.
    """
    # Here, so that wrong options are refused before TensorFlow is loaded.
    from tfpix2pix.export.publication import newest_version
    from training.engine.file_workers import Plan, Resources, translate_by_workers

    options = {"format": format, "frames": frames, "size": size, "half": half}
    controls = {  # Workers have other working folders.
        name: value.resolve() if isinstance(value, Path) else value
        for name, value in value_files.named_values(control).items()
    }
    opening = {"direction": direction, "kernel": kernel, "controls": controls}
    version = newest_version(export).resolve()
    plan = Plan(version, to.resolve(), opening, {**options, "overwrite": overwrite}, precision)
    for note in folders.unread_formats(images):
        print(note, file=sys.stderr)
    report = translate_by_workers(
        plan,
        images,
        Resources(workers, processors, gpus, address),
        progress=lambda files, total, done: tqdm(files, total=total, initial=done, unit=" files"),
    )
    program.conclude(report, to, precision)


def main(arguments: Optional[list] = None) -> None:
    """Runs the program.

    Args:
        arguments: List of str, without the program's name; by default those of the process.
    """
    parser = jsonargparse.ArgumentParser(
        prog="python -m training.translate_many", description=__doc__
    )
    parser.add_argument("images", type=Path, help="File or folder; the same on all machines.")
    parser.add_argument("--control", **program.CONTROL)
    parser.add_function_arguments(translate_many, skip={"images", "control"}, as_positional=False)
    translate_many(**parser.parse_args(at_home(arguments)).as_dict())


if __name__ == "__main__":
    with reported():
        main()
