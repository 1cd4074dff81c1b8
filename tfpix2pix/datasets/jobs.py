"""Makes output files from input files in parallel, and skips those that are up to date.

An output that is not older than its inputs stays, so other options need another folder. Every file
is written whole or not at all, so a preparation may be interrupted and started again.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Callable, NamedTuple, Union

from tfpix2pix.data import codecs
from tfpix2pix.data.parallel import Progress, map_in_parallel, silent
from tfpix2pix.errors import InputError


class Job(NamedTuple):
    """The making of one output file.

    Attributes:
        inputs: Paths of the input files.
        outputs: Possible paths of the output file; `make` chooses one.
        make: Function without arguments that writes the output file.

    Example:
        >>> Job(("a.png",), ("b.png",), lambda: None).outputs
        ('b.png',)
    """

    inputs: tuple[Path, ...]
    outputs: tuple[str, ...]
    make: Callable[[], None]


class Done(NamedTuple):
    """How many files a preparation wrote.

    Attributes:
        made: Number of files that were written.
        skipped: Number of files that were up to date.

    Example:
        >>> run([])
        Done(made=0, skipped=0)
    """

    made: int
    skipped: int


def run(jobs: Sequence[Job], progress: Progress = silent) -> Done:
    """Runs all jobs whose output is missing or older than an input, on all cores.

    Args:
        jobs: List of `Job`.
        progress: Function of an iterable and its length to an iterable of the same, such as tqdm's
            progress bar.

    Returns:
        `Done`.

    Raises:
        ValueError: If jobs raised such an error; names their inputs, after all others were run.

    Example:
        >>> import numpy as np
        >>> codecs.write(np.full((2, 4, 3), 255, "uint8"), "white.png")
        >>> job = image_job(("white.png",), "black", lambda white: white * 0)
        >>> run([job]), run([job])
        (Done(made=1, skipped=0), Done(made=0, skipped=1))
    """
    results = list(map_in_parallel(_attempt, jobs, progress))
    faults = [result for result in results if isinstance(result, str)]
    if faults:
        raise InputError(
            f"Every file must be an image that can be used. Received {len(faults)} of {len(jobs)} "
            f"that are not: {', '.join(faults)}; the rest was written. Replace or remove them and "
            "run the same command again."
        )
    return Done(sum(results), len(jobs) - sum(results))


def is_done(job: Job) -> bool:
    """Whether a job's output exists and is not older than its inputs.

    Args:
        job: `Job`.

    Returns:
        bool.

    Example:
        >>> from tfpix2pix import atomic
        >>> for name in ("input.png", "output.png"):
        ...     atomic.write_bytes(b"", name)
        >>> is_done(Job(("input.png",), ("output.png",), None))
        True
    """
    newest = max(_changed(file) for file in job.inputs)
    return any(
        os.path.exists(output) and os.stat(output).st_mtime_ns >= newest for output in job.outputs
    )


def _changed(file):
    try:
        return os.stat(file).st_mtime_ns
    except OSError as error:
        raise InputError(
            "What is prepared must be files that can be read. Received: "
            f"{file}: {codecs.unread(file, error)}. Replace or remove it."
        ) from error


def image_job(
    inputs: Sequence[Union[str, os.PathLike]], stem: Union[str, os.PathLike], work: Callable
) -> Job:
    """Returns the job that makes one image from others.

    Args:
        inputs: Paths of the images.
        stem: Path of the output without its suffix, which is `.png`, or `.tiff` for float32 and
            more than 4 channels.
        work: Function of as many arrays, uint8, uint16 or float32 `[height, width, channels]`, to
            one such array.

    Returns:
        `Job`.

    Example:
        >>> image_job(("a.jpg",), "out/a", lambda image: image).outputs
        ('out/a.png', 'out/a.tiff')
    """
    png = f"{stem}.png"
    tiff = f"{stem}.tiff"

    def make():
        images = []
        for file in inputs:
            with naming(file):
                images.append(codecs.read(file))
        with naming(*inputs):
            image = work(*images)
        fits_png = image.dtype != "float32" and image.shape[-1] <= 4
        codecs.write(image, png if fits_png else tiff)

    return Job(tuple(inputs), (png, tiff), make)


@contextlib.contextmanager
def naming(*files: Union[str, os.PathLike]) -> Iterator[None]:
    """Puts the names of files in front of an error about their content.

    Args:
        *files: Their paths.

    Example:
        >>> with naming("cat.png"):
        ...     raise InputError("it is 7 pixels wide")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: cat.png (it is 7 pixels wide)
    """
    try:
        yield
    except InputError as error:
        raise InputError(f"{' and '.join(map(str, files))} ({error})") from error


def _attempt(job):
    """Returns whether the file was made, or why it could not be."""
    if is_done(job):
        return False
    try:
        job.make()
    except InputError as error:
        return str(error)
    return True
