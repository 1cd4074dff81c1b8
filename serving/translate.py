"""Translates files by an export, without a server: `python -m serving.translate IMAGES ...`.

python -m serving.translate IMAGES --export FOLDER --to FOLDER
"""

import sys
from pathlib import Path
from typing import Literal, Optional

import jsonargparse
from tqdm import tqdm

from tfpix2pix import translation
from tfpix2pix.errors import reported


def open_export(
    export: Path,
    direction: Optional[str] = None,
    kernel: Literal["bilinear", "bicubic", "area", "nearest"] = "bilinear",
    *,
    controls,
):
    """Opens an export to translate by it.

    Args:
        export: Folder of the served model, whose newest version is taken, or of a version.
        direction: Which way to translate, of an export with several; by default the first.
        kernel: How pixels are mixed when they are resized; nearest for label maps.
        controls: Dict of the name of a control to its value.

    Returns:
        `tfpix2pix.translation.Translator`.
    """
    return translation.export_translator(
        export, direction=direction, kernel=kernel, controls=controls
    )


def main(arguments=None):
    """Translates an image file, an animation (GIF, TIFF, WebP, PNG) or a folder of such.

    Images are whole ones, not side by side, of any size. Each frame is translated by itself: equal
    frames become equal ones, but it is not promised that a video is consistent over time.

    Args:
        arguments: List of str, without the program's name; by default those of the process.
    """
    parser = jsonargparse.ArgumentParser(
        prog="python -m serving.translate", description=main.__doc__.split("Args:")[0]
    )
    parser.add_argument("images", type=Path, help="File or folder; a video's frames in a folder.")
    parser.add_argument("--to", type=Path, required=True, help="Folder to write to.")
    parser.add_argument(
        "--control",
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="Value of an input beside the image, such as seed=7; one of them at a time.",
    )
    parser.add_function_arguments(open_export, skip={"controls"}, as_positional=False)
    names = parser.add_function_arguments(
        translation.translate_files,
        skip={"translator", "images", "to", "progress"},
        as_positional=False,
    )
    options = parser.parse_args(arguments).as_dict()
    images = options.pop("images")
    to = options.pop("to")
    controls = translation.named_values(options.pop("control"))
    file_options = {name: options.pop(name) for name in names}
    report = translation.translate_files(
        open_export(**options, controls=controls),
        images,
        to,
        progress=lambda files, total: tqdm(files, total=total, unit=" files"),
        **file_options,
    )
    if report.failures:
        sys.exit(f"error: {report}")
    print(f"{to}: {report}")


if __name__ == "__main__":
    with reported():
        main()
