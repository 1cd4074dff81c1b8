"""Makes a data set of faces from a folder of photos."""

import csv
import io
import json
import os
from functools import partial
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from tfpix2pix import atomic
from tfpix2pix.data import codecs, folders, formats
from tfpix2pix.data.parallel import Progress, silent
from tfpix2pix.datasets import faces, jobs

RECORDS = ".faces"  # A file for each photo that is done; readers of data sets pass it over.
TABLE = "faces.csv"


class Report(NamedTuple):
    """What was found in a folder of photos.

    Attributes:
        done: `tfpix2pix.datasets.jobs.Done`, counting photos.
        counts: Dict of the path of each photo in its folder to the number of its faces.

    Example:
        >>> Report(jobs.Done(2, 0), {"a.jpg": 0, "b.jpg": 1}).photos_with(0)
        ['a.jpg']
    """

    done: jobs.Done
    counts: dict[str, int]

    def photos_with(self, least: int, most: Optional[int] = None) -> list[str]:
        """Returns the photos with `least` to `most` faces; by default with exactly `least`."""
        most = least if most is None else most
        return [photo for photo, count in self.counts.items() if least <= count <= most]


def cut_out_faces(
    photos: Union[str, os.PathLike],
    to: Union[str, os.PathLike],
    of: str,
    *,
    size: tuple[int, int] = (256, 256),
    margin: float = 0.25,
    smallest: int = faces.SMALLEST,
    progress: Progress = silent,
) -> Report:
    """Writes the faces of photos, each an upright image of one size.

    The largest face of `train/1.jpg` becomes `train/1.png`, others `train/1_face2.png` and so on.
    The file `faces.csv` says how many each photo has.

    Args:
        photos: Folder of photos, which may have folders such as train and test.
        to: Folder to write to.
        of: One of `tfpix2pix.datasets.faces.KINDS`.
        size: `(height, width)` in pixels.
        margin: As in `tfpix2pix.datasets.faces.cut_out`.
        smallest: As in `tfpix2pix.datasets.faces.find_faces`.
        progress: As in `tfpix2pix.datasets.jobs.run`.

    Returns:
        `Report`.

    Raises:
        ValueError: If OpenCV is missing, or an option out of its range. If files are broken; the
            faces of the others are written.

    Example:
        >>> from skimage import data
        >>> codecs.write(data.astronaut(), "crew/eileen.jpg")
        >>> cut_out_faces("crew", "crew-faces", "people", size=(64, 64)).counts
        {'eileen.jpg': 1}
        >>> codecs.read("crew-faces/eileen.png").shape
        (64, 64, 3)
    """
    blank = np.zeros((8, 8, 3), "uint8")  # Refuses wrong options before any file is read.
    faces.find_faces(blank, of, smallest=smallest)
    faces.cut_out(blank, faces.Face(4.0, 4.0, 4.0, 0.0, False), of, size=size, margin=margin)
    files = folders.images_by_name(photos, to)

    def make(name):
        with jobs.naming(files[name]):
            photo = codecs.read(files[name])
            photo = formats.convert(photo, 3, str(photo.dtype))
            found = faces.find_faces(photo, of, smallest=smallest)
        written = _free_names(name, files)
        for face in found:
            image = faces.cut_out(photo, face, of, size=size, margin=margin)
            suffix = ".tiff" if image.dtype == "float32" else ".png"
            codecs.write(image, Path(to, f"{next(written)}{suffix}"))
        # Written last: what it stands for is whole.
        atomic.write_bytes(json.dumps(len(found)).encode(), record(name))

    def record(name):
        return Path(to, RECORDS, f"{name}.json")

    done = jobs.run(
        [
            jobs.Job((file,), (str(record(name)),), partial(make, name))
            for name, file in files.items()
        ],
        progress,
    )
    counts = {
        file.relative_to(photos).as_posix(): json.loads(record(name).read_text("utf-8"))
        for name, file in files.items()
    }
    atomic.write_bytes(_table(counts).encode(), Path(to, TABLE))
    return Report(done, counts)


def _free_names(name, files):
    """Yields names of a photo's faces that are not those of other photos."""
    yield name
    number = 2
    while True:
        if f"{name}_face{number}" not in files:
            yield f"{name}_face{number}"
        number += 1


def _table(counts):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("photo", "faces"), *counts.items()])
    return text.getvalue()
