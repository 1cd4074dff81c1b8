"""Translates files by an export, without a server: `python -m serving.translate IMAGES ...`.

python -m serving.translate IMAGES --export FOLDER --to FOLDER
"""

from pathlib import Path
from typing import Literal, Optional

import jsonargparse

from tfpix2pix import translation
from tfpix2pix.errors import reported
from tfpix2pix.translation import program


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
        controls: Dict of the names of controls to values, or to paths of files with them.

    Returns:
        `tfpix2pix.translation.Translator`.
    """
    return translation.export_translator(
        export, direction=direction, kernel=kernel, controls=controls
    )


def main(arguments: Optional[list] = None) -> None:
    """Translates files by an export, without a server; see `tfpix2pix.translation.program`."""
    parser = jsonargparse.ArgumentParser(prog="python -m serving.translate")
    parser.add_argument("--control", **program.CONTROL)
    program.translate_by(parser, open_export, arguments)


if __name__ == "__main__":
    with reported():
        main()
