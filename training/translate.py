"""Translates files by a run: `python -m training.translate IMAGES --run FOLDER --to FOLDER`."""

from pathlib import Path
from typing import Literal, Optional

import jsonargparse
from jsonargparse.typing import PositiveInt

from tfpix2pix import translation
from tfpix2pix.errors import reported
from tfpix2pix.lazily import runs
from tfpix2pix.translation import program


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
        averaged: Whether the weights are the means over the last steps, of a run with
            --train.ema_decay.
        samples: How many translations of each image to draw, by chance.
        seed: Another seed draws others.
        statistics: Whether batch norm goes by each image or by its moving averages.
        strip: Rows to compute at once, for images larger than memory.
        controls: Dict of the names of controls to values, or to paths of files with them.

    Returns:
        `tfpix2pix.translation.Translator`.
    """
    opened = runs.load_run(run, best=best, averaged=averaged)
    translator = translation.direction_translator(
        opened.direction(direction)[1],
        statistics=statistics,
        samples=samples,
        seed=seed,
        strip=strip,
        controls=controls,
    )
    return translator._replace(size=opened.image_size)


def main(arguments: Optional[list] = None) -> None:
    """Translates files by a run; see `tfpix2pix.translation.program`."""
    parser = jsonargparse.ArgumentParser(prog="python -m training.translate")
    parser.add_argument("--control", **program.CONTROL)
    program.translate_by(parser, open_run, arguments)


if __name__ == "__main__":
    with reported():
        main()
