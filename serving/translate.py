"""Translates files by an export, without a server: `python -m serving.translate IMAGES ...`.

python -m serving.translate IMAGES --export FOLDER --to FOLDER
"""

import os
import sys
from pathlib import Path
from typing import Literal, Optional

import jsonargparse
from jsonargparse.typing import PositiveInt
from tqdm import tqdm

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Start-up notes of TensorFlow concern no user.

from tfpix2pix import report, translation
from tfpix2pix.errors import InputError


def translate(
    images: Path,
    export: Path,
    to: Path,
    size: Optional[PositiveInt] = None,
    kernel: Literal["bilinear", "bicubic", "area", "nearest"] = "bilinear",
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
        export: Folder of the served model, whose newest version is taken, or of a version.
        to: Folder to write to, under the same names. What is there stays.
        size: Pixels to resize the longer side to before; by default it stays.
        kernel: How pixels are mixed then; nearest for label maps.
        format: Of the outputs; png by default, tiff for what that cannot hold.
        frames: What the frames of an animation become.
        overwrite: Whether to make what is there already anew.
        grid: PNG file for a picture of the first inputs beside their outputs.
    """
    translator = translation.of_export(export, kernel=kernel)
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
        prog="python -m serving.translate", description=translate.__doc__.split("Args:")[0]
    )
    parser.add_argument("images", type=Path, help="File or folder; a video's frames in a folder.")
    parser.add_function_arguments(translate, skip={"images"}, as_positional=False)
    translate(**parser.parse_args(arguments))


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error: {error}")
