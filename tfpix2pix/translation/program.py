"""The body of the programs that translate files, by a run or by an export."""

import sys
from pathlib import Path
from typing import Callable, Optional

from tqdm import tqdm

from tfpix2pix.bfloat16 import graph_precision
from tfpix2pix.lazily import folders, value_files
from tfpix2pix.locations import at_home
from tfpix2pix.translation.files import FileReport, translate_files

# The option for the values of controls, see `tfpix2pix.translation.named_values`.
CONTROL = {
    "action": "append",
    "default": [],
    "metavar": "NAME=JSON",
    "help": "Value of an input beside the image, such as seed=7 or style=[0.5,1]; NAME=@FILE reads "
    "it from a PNG, NPY or JSON file, NAME=@FOLDER from one for each image, of its name or stem. "
    "Repeat it for other inputs.",
}


def translate_by(parser, open_translator: Callable, arguments: Optional[list] = None) -> None:
    """Translates an image file, an animation (GIF, TIFF, WebP, PNG) or a folder of such.

    Images are whole ones, not side by side, of any size. Each frame is translated by itself: equal
    frames become equal ones, but it is not promised that a video is consistent over time.

    Args:
        parser: `jsonargparse.ArgumentParser` with the option `control`, of the arguments `CONTROL`.
            It gets `images`, `precision`, and the options of the other two
            functions.
        open_translator: Function to a `tfpix2pix.translation.Translator`; `controls` is a dict as
            of `named_values`, the other arguments become options.
        arguments: List of str, without the program's name; by default those of the process.

    Raises:
        SystemExit: If the options are wrong, or a file could not be translated.

    Example:
        >>> import jsonargparse
        >>> import numpy as np
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.translation import Translator
        >>> def open_negative(*, controls):
        ...     grey = PixelFormat(1, "uint8", (0.0, 255.0))
        ...     return Translator(lambda pixels: [255 - pixels], grey, grey)
        >>> codecs.write(np.zeros((2, 4, 1), "uint8"), "black/1.bmp")
        >>> parser = jsonargparse.ArgumentParser()
        >>> action = parser.add_argument("-control", **CONTROL)
        >>> translate_by(parser, open_negative, ["black", "-" "-to", "white"])
        white: 1 translation made, 0 were there already.
    """
    parser.description = translate_by.__doc__.split("Args:")[0]
    parser.add_argument("images", type=Path, help="File or folder; a video's frames in a folder.")
    parser.add_function_arguments(open_translator, skip={"controls"}, as_positional=False)
    names = parser.add_function_arguments(
        translate_files, skip={"translator", "images", "progress"}, as_positional=False
    )
    parser.add_function_arguments(graph_precision, as_positional=False)
    options = parser.parse_args(at_home(arguments)).as_dict()
    images = options.pop("images")
    precision = options.pop("precision")
    controls = value_files.named_values(options.pop("control"))
    file_options = {option: options.pop(option) for option in names}
    for note in folders.unread_formats(images):
        print(note, file=sys.stderr)
    with graph_precision(precision):
        report = translate_files(
            open_translator(**options, controls=controls),
            images,
            progress=lambda files, total: tqdm(files, total=total, unit=" files"),
            **file_options,
        )
    conclude(report, file_options["to"], precision)


def conclude(report: FileReport, to: Path, precision: str = "float32") -> None:
    """Prints what came of files, and ends the program with an error where some failed.

    Args:
        report: `FileReport`.
        to: Folder of the translations.
        precision: What they were computed in.

    Raises:
        SystemExit: If a file could not be translated.

    Example:
        >>> conclude(FileReport(2, 1, {}, []), Path("out"))
        out: 2 translations made, 1 was there already.
    """
    if report.wide:
        print(
            f"note: {report.wide} of the files are twice as wide as what was trained on. If A and "
            "B are side by side in them, translate one of them: the option half is left or right.",
            file=sys.stderr,
        )
    if report.failures:
        sys.exit(f"error: {report}")
    computed = "" if precision == "float32" else f" Precision: {precision}."
    print(f"{to}: {report}{computed}")
