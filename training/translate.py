"""Translates files by a run: `python -m training.translate IMAGES --run FOLDER --to FOLDER`."""

import sys
from pathlib import Path
from typing import Literal, Optional

import jsonargparse
from jsonargparse.typing import PositiveInt
from tqdm import tqdm

from tfpix2pix import load_run, translation
from tfpix2pix.errors import reported


def open_run(
    run: Path,
    direction: Optional[str] = None,
    best: bool = False,
    averaged: bool = False,
    samples: Optional[PositiveInt] = None,
    seed: int = 0,
    statistics: Literal["per_image", "moving"] = "per_image",
    strip: Optional[PositiveInt] = None,
    *,
    controls,
):
    """Opens a run to translate by it.

    Args:
        run: Folder of the run.
        direction: Which way to translate, of a run with several; by default the first.
        best: Whether to take the checkpoint that was best in validation.
        averaged: Whether the weights are the means over the last steps, of a run with --train.ema.
        samples: How many translations of each image to draw, with dropout as the noise.
        seed: Another seed draws others.
        statistics: Whether batch norm goes by each image or by its moving averages.
        strip: Rows to compute at once, for images larger than memory.
        controls: Dict of the names of controls to values.

    Returns:
        `tfpix2pix.translation.Translator`.
    """
    _, chosen = load_run(run, best=best, averaged=averaged).direction(direction)
    return translation.direction_translator(
        chosen,
        statistics=statistics,
        samples=samples,
        seed=seed,
        strip=strip,
        controls=controls,
    )


def main(arguments=None):
    """Translates an image file, an animation (GIF, TIFF, WebP, PNG) or a folder of such.

    Images are whole ones, not side by side, of any size. Each frame is translated by itself: equal
    frames become equal ones, but it is not promised that a video is consistent over time.

    Args:
        arguments: List of str, without the program's name; by default those of the process.
    """
    parser = jsonargparse.ArgumentParser(
        prog="python -m training.translate", description=main.__doc__.split("Args:")[0]
    )
    parser.add_argument("images", type=Path, help="File or folder; a video's frames in a folder.")
    parser.add_argument("--to", type=Path, required=True, help="Folder to write to.")
    parser.add_argument(
        "--control",
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="Value of an input beside the image, such as style=[0.5,1]; repeat it for others.",
    )
    parser.add_function_arguments(open_run, skip={"controls"}, as_positional=False)
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
        open_run(**options, controls=controls),
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
