"""Says how good a run is, or which of several is best: `python -m training.evaluate --run R`."""

from pathlib import Path
from typing import Optional

import jsonargparse

from tfpix2pix.errors import reported
from training.evaluation import results_page
from training.evaluation.results import PAGE, evaluate
from training.evaluation.scores import MEASURES, shared_names


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
    parsed = parser.parse_args(arguments)
    runs = evaluate(**parsed)["runs"]
    print(" ".join([f"{'mean':34}", *(f"{run['title']:>12}" for run in runs)]))
    for name in shared_names([run["mean"] for run in runs]):
        cells = (f"{results_page.number(run['mean'][name]):>12}" for run in runs)
        print(" ".join([f"{MEASURES[name].title:34}", *cells]))
    print(f"Look at {parsed.to / PAGE}.")


if __name__ == "__main__":
    with reported():
        main()
