"""Says how good a run is, or which of several is best: `python -m training.evaluate --run R`."""

from pathlib import Path
from typing import Optional

import jsonargparse

from tfpix2pix.errors import reported
from tfpix2pix.locations import at_home
from training.evaluation.results import PAGE, evaluate


def main(arguments: Optional[list] = None):
    """Evaluates from the command line.

    Args:
        arguments: List of str, without the program's name; by default those of the process.
    """
    parser = jsonargparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__)
    parser.add_argument(
        "--run", type=Path, nargs="+", required=True, help="Folder of the run, or of several."
    )
    parser.add_function_arguments(evaluate, skip={"run"}, as_positional=False)
    parsed = parser.parse_args(at_home(arguments))
    runs = evaluate(**parsed)["runs"]
    # After the command line has been read: TensorFlow takes seconds.
    from training.evaluation import results_page, revealed_scores
    from training.evaluation.scores import MEASURES, shared_names

    titles = [run["title"] for run in runs]
    print(_row("mean", titles))
    for name in shared_names([run["mean"] for run in runs]):
        numbers = [results_page.number(run["mean"][name]) for run in runs]
        print(_row(MEASURES[name].title, numbers))
    revealed = revealed_scores.table(runs)
    if revealed:
        print(_row("PSNR, dB, by revealed points", titles, 22))
    for title, cells in revealed:
        print(_row(title, map(revealed_scores.text, cells), 22))
    print(f"Look at {parsed.to / PAGE}.")


def _row(title, cells, width=12):
    return " ".join([f"{title:34}", *(f"{cell:>{width}}" for cell in cells)])


if __name__ == "__main__":
    with reported():
        main()
