"""Finds look-alikes: `python -m training.embed PHOTOS --run RUN --domain A --to index.npz`."""

import sys
from pathlib import Path
from typing import Literal, Optional

import jsonargparse
from jsonargparse.typing import PositiveInt

from tfpix2pix.errors import InputError, reported
from tfpix2pix.lazily import inference, report, runs, translation
from tfpix2pix.locations import at_home
from training.progress import bar


def main(
    run: Path,
    domain: Optional[str] = None,
    to: Optional[Path] = None,
    index: Optional[Path] = None,
    neighbours: PositiveInt = 5,
    among: Optional[str] = None,
    metric: Literal["cosine", "l2"] = "cosine",
    json_lines: bool = False,
    best: bool = False,
    averaged: bool = False,
    *,
    photos: list,
    query: Optional[list],
):
    """Makes an index of photos by a run's embeddings, or finds those in it that are most alike.

    Photos are added to an index that is there, such as those of another domain. A query has
    answers in each domain of the index.

    Args:
        run: Folder of the run.
        domain: Domain of the photos or of the query; by default the run's first.
        to: NPZ file of the index to make or to add to; of a query a PNG file for a picture.
        index: NPZ file of the index to search.
        neighbours: How many to find in each domain.
        among: The one domain to search; by default all.
        metric: Whether near is of a small angle, or of a small Euclidean distance.
        json_lines: Whether to print answers as JSON, one a line.
        best: Whether to take the checkpoint that was best in validation.
        averaged: Whether the weights are the means over the last steps, of a run with
            --train.ema_decay.
        photos: Files and folders.
        query: Files and folders.
    """
    needed = index if query else to
    if bool(photos) == bool(query) or needed is None or (photos and index):
        raise InputError(
            "An index is made by `PHOTOS --to INDEX`, and searched by `--query IMAGES --index "
            "INDEX`. Received: another combination of PHOTOS, --query, --index and --to. Give "
            "those of one."
        )
    embeddings = runs.load_run(run, best=best, averaged=averaged).embeddings
    domain = inference.chosen_embedding(embeddings, domain)

    def progress(files, total):
        return bar(files, f"Embedding as {domain}", "files", total)

    if photos:
        made, failures = translation.index_files(photos, to, embeddings, domain, progress=progress)
        counts = [f"{(made.domains == name).sum()} of {name}" for name in sorted({*made.domains})]
        if counts:
            print(f"{to} has {' and '.join(counts)}.")
        if failures:
            lines = [f"{file}: {reason}" for file, reason in failures.items()]
            sys.exit("\n".join([f"error: {len(lines)} of the files were left out:", *lines]))
        return
    options = {"neighbours": neighbours, "among": among, "metric": metric}
    answers = translation.find_look_alikes(
        query, index, embeddings, domain, progress=progress, **options
    )
    for answer in answers:
        print(answer.json_lines if json_lines else answer)
    if to is not None:
        formats = {name: one.task.source_format for name, one in embeddings.items()}
        report.save_picture(translation.look_alikes_picture(answers, formats), to)
        print(f"Look at {to}.", file=sys.stderr)


def parsed(arguments: Optional[list] = None):
    """Returns the arguments of `main` from the command line, or from a list of str."""
    about = main.__doc__.split("Args:")[0]
    parser = jsonargparse.ArgumentParser(prog="python -m training.embed", description=about)
    text = "Files, and folders of such."
    parser.add_argument("photos", type=Path, nargs="*", help=text)
    parser.add_argument("--query", type=Path, nargs="+", help=text)
    parser.add_function_arguments(main, skip={"photos", "query"}, as_positional=False)
    return parser.parse_args(at_home(arguments)).as_dict()


if __name__ == "__main__":
    with reported():
        main(**parsed())
