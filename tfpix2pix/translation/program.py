"""The body of the programs that translate files, by a run or by an export."""

import sys
from pathlib import Path
from typing import Callable, Optional

import jsonargparse
from tqdm import tqdm

from tfpix2pix.translation.files import translate_files
from tfpix2pix.translation.translators import named_values


def main(
    name: str, open_translator: Callable, control_help: str, arguments: Optional[list] = None
) -> None:
    """Translates an image file, an animation (GIF, TIFF, WebP, PNG) or a folder of such.

    Images are whole ones, not side by side, of any size. Each frame is translated by itself: equal
    frames become equal ones, but it is not promised that a video is consistent over time.

    Args:
        name: Name of the program's module.
        open_translator: Function to a `tfpix2pix.translation.Translator`, whose arguments become
            the program's options beside those of `translate_files`; `controls` is a dict of names
            to values.
        control_help: What `--control` takes.
        arguments: List of str, without the program's name; by default those of the process.

    Raises:
        SystemExit: If the options are wrong, or a file could not be translated.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.translation import Translator
        >>> def open_negative(*, controls):
        ...     grey = PixelFormat(1, "uint8", (0.0, 255.0))
        ...     return Translator(lambda pixels: [255 - pixels], grey, grey)
        >>> codecs.write(np.zeros((2, 4, 1), "uint8"), "black/1.bmp")
        >>> main("negative", open_negative, "None.", ["black", "--to", "white"])
        white: 1 translation made, 0 were there already.
    """
    parser = jsonargparse.ArgumentParser(
        prog=f"python -m {name}", description=main.__doc__.split("Args:")[0]
    )
    parser.add_argument("images", type=Path, help="File or folder; a video's frames in a folder.")
    parser.add_argument("--to", type=Path, required=True, help="Folder to write to.")
    parser.add_argument(
        "--control", action="append", default=[], metavar="NAME=JSON", help=control_help
    )
    parser.add_function_arguments(open_translator, skip={"controls"}, as_positional=False)
    names = parser.add_function_arguments(
        translate_files, skip={"translator", "images", "to", "progress"}, as_positional=False
    )
    options = parser.parse_args(arguments).as_dict()
    images = options.pop("images")
    to = options.pop("to")
    controls = named_values(options.pop("control"))
    file_options = {name: options.pop(name) for name in names}
    report = translate_files(
        open_translator(**options, controls=controls),
        images,
        to,
        progress=lambda files, total: tqdm(files, total=total, unit=" files"),
        **file_options,
    )
    if report.failures:
        sys.exit(f"error: {report}")
    print(f"{to}: {report}")
