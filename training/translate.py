"""Translates files by a run: `python -m training.translate IMAGES --run FOLDER --to FOLDER`."""

import sys
from pathlib import Path
from typing import Literal, Optional

import jsonargparse
from jsonargparse.typing import PositiveInt
from tqdm import tqdm

from tfpix2pix import config as configs
from tfpix2pix import factory, report, translation
from tfpix2pix.errors import InputError


def translate(
    images: Path,
    run: Path,
    to: Path,
    best: bool = False,
    averaged: bool = False,
    samples: Optional[PositiveInt] = None,
    seed: int = 0,
    statistics: Literal["per_image", "moving"] = "per_image",
    strip: Optional[PositiveInt] = None,
    size: Optional[PositiveInt] = None,
    format: Optional[Literal["png", "jpg", "bmp", "tiff", "webp", "npy"]] = None,
    frames: Literal["folder", "animation"] = "folder",
    overwrite: bool = False,
    grid: Optional[Path] = None,
):
    """Translates an image file, an animation (GIF, TIFF, WebP, PNG) or a folder of such.

    Images are whole ones, not side by side, of any size. Each frame is translated by itself: equal
    frames become equal ones, but it is not promised that a video is consistent over time.

    Args:
        images: File or folder; a video is a folder of its frames.
        run: Folder of the run.
        to: Folder to write to, under the same names. What is there stays.
        best: Whether to take the checkpoint that was best in validation.
        averaged: Whether the weights are the means over the last steps, of a run with --train.ema.
        samples: How many translations of each image to draw, with dropout as the noise.
        seed: Another seed draws others.
        statistics: Whether batch norm goes by each image or by its moving averages.
        strip: Rows to compute at once, for images larger than memory.
        size: Pixels to resize the longer side to before; by default it stays.
        format: Of the outputs; png by default, tiff for what that cannot hold.
        frames: What the frames of an animation become.
        overwrite: Whether to make what is there already anew.
        grid: PNG file for a picture of the first inputs beside their outputs.
    """
    config = configs.load(run)
    translator = translation.of_generator(
        factory.restored_generator(run, best=best, averaged=averaged),
        factory.task(config),
        kernel=factory.geometry(config).kernels[0],
        statistics=statistics,
        samples=samples,
        seed=seed,
        strip=strip,
    )
    done = translation.translate_files(
        translator,
        images,
        to,
        suffix=format and f".{format}",
        frames=frames,
        size=size,
        overwrite=overwrite,
        progress=lambda files, total: tqdm(files, total=total, unit=" files"),
    )
    if grid and done.shown:
        report.save_picture(translation.contact_sheet(done, translator), grid)
    if done.failed:
        sys.exit(f"error: {done}")
    print(f"{to}: {done}")


def main(arguments=None):
    """Runs the command line.

    Args:
        arguments: List of str, without the program's name; by default those of the process.
    """
    parser = jsonargparse.ArgumentParser(
        prog="python -m training.translate", description=translate.__doc__.split("Args:")[0]
    )
    parser.add_argument("images", type=Path, help="File or folder; a video's frames in a folder.")
    parser.add_function_arguments(translate, skip={"images"}, as_positional=False)
    translate(**parser.parse_args(arguments))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
