"""Evidence: decodes every image of a data set once and keeps the features that are judged."""

import io
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np
from PIL import Image

from tfpix2pix.data import codecs, layouts
from tfpix2pix.data.further_domains import unread_domains
from tfpix2pix.data.looks import Features, features, to_rgb
from tfpix2pix.data.parallel import Progress, map_in_parallel, silent
from tfpix2pix.data.places import NamedPlace, domain_places
from tfpix2pix.data.storage import stored
from tfpix2pix.data.survey import Column, Record, examine_images
from tfpix2pix.doctor.alignment import Placement, placement

_EXIF_ORIENTATION = 0x0112  # A tag.
_LOSSY = ("JPEG", "MPO")


class Picture(NamedTuple):
    """An image of an example; of a side-by-side file, a half.

    Attributes:
        name: Path of its file from the data's folder.
        side: `"A"` or `"B"`, the name of a domain, or empty for photos.
        record: What the survey found, with the width of the half.
        features: `tfpix2pix.data.looks.Features`.
        is_turned: Whether EXIF data in the file turn or mirror it.

    Example:
        >>> Picture("train/1.png", "A", Record(4, 8), None, False).record.width
        8
    """

    name: str
    side: str
    record: Record
    features: Features
    is_turned: bool


class Example(NamedTuple):
    """An example that can be read.

    Attributes:
        split: `"train"`, `"val"` or `"test"`, or `"all"` where there are none.
        pictures: Tuple of one or two `Picture`.
        placement: Where B lies on A, or `None` where that cannot be known.

    Example:
        >>> Example("train", (), None).names
        ()
    """

    split: str
    pictures: tuple[Picture, ...]
    placement: Optional[Placement]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its files, each once."""
        return tuple(dict.fromkeys(picture.name for picture in self.pictures))


class Evidence(NamedTuple):
    """What is known of a data set.

    Attributes:
        layout: One of `tfpix2pix.data.layouts.LAYOUTS`.
        splits: dict of split to its number of examples, including those that cannot be read.
        examples: List of `Example` that can be read.
        unmatched: Names of the files without a partner.
        faults: dict of file name to why it cannot be used.
        strays: Names of the files in the folder that belong to no example.
        places: dict of file name to the `tfpix2pix.data.survey.Column` that reads it and its index
            there.
        unread: dict of folder of a further domain, which is not read, to its number of images.
        domain_places: `tfpix2pix.data.places.domain_places` of unpaired data.

    Example:
        >>> codecs.write(np.zeros((4, 8, 3), "uint8"), "dots/train/1.png")
        >>> gather("dots").splits
        {'train': 1}
    """

    layout: str
    splits: dict[str, int]
    examples: list[Example]
    unmatched: list[str]
    faults: dict[str, str]
    strays: list[str]
    places: dict[str, tuple[Column, int]]
    unread: dict[str, int]
    domain_places: tuple[NamedPlace, ...] = domain_places()

    @property
    def halves(self) -> bool:
        """Whether files hold both images of a pair."""
        return any(len(example.names) < len(example.pictures) for example in self.examples)

    def pictures(self, side: str) -> list[Picture]:
        """Returns the pictures of a side: A, B, a domain or the empty one."""
        return [p for example in self.examples for p in example.pictures if p.side == side]

    def sides(self) -> list[str]:
        """Returns the sides that there are, in order."""
        return sorted({picture.side for example in self.examples for picture in example.pictures})

    def read(self, name: str) -> np.ndarray:
        """Decodes a file by its name; returns pixels as `tfpix2pix.data.codecs.read`."""
        column, index = self.places[name]
        return codecs.decode(column.content(index)).pixels


def gather(
    data: Union[str, os.PathLike],
    layout: str = "auto",
    *,
    domains: Sequence[str] = (),
    progress: Progress = silent,
) -> Evidence:
    """Measures every image of a data set, on all cores; only the features are kept.

    Args:
        data: Path of a folder or of a manifest.
        layout: As in `tfpix2pix.data.layouts.listing`.
        domains: Names of the domains of unpaired data; by default A and B.
        progress: As in `tfpix2pix.datasets.jobs.run`.

    Returns:
        `Evidence`.

    Raises:
        ValueError: If there is no data set.

    Example:
        >>> codecs.write(np.zeros((4, 8, 3), "uint8"), "lines/1.png")
        >>> gather("lines").examples[0].pictures[1].record.width
        4
    """
    data = Path(data)
    of_domains = domain_places(domains or ("A", "B"))
    named = {"places": of_domains} if domains else {}
    layout = "unpaired" if domains else layout
    splits = layouts.splits(data, **named, layout=layout) or ["all"]
    listings = {split: layouts.listing(data, split, layout, **named) for split in splits}
    layout = next(iter(listings.values())).layout
    name = partial(os.path.relpath, start=data if data.is_dir() else data.parent)
    counts = {}
    faults = {}
    places = {}
    readable = []
    for split, listing in listings.items():
        names, columns, *_ = stored(listing)
        halves = len(columns) == 1 and layout not in ("unpaired", "photos")
        counts[split] = len(names)
        surveyed = [examine_images(column, progress=progress) for column in columns]
        for index, records in enumerate(zip(*surveyed)):
            files = [name(column.place(index)) for column in columns]
            places.update((file, (column, index)) for file, column in zip(files, columns))
            wrong = {file: record.fault for file, record in zip(files, records) if record.fault}
            if not wrong and halves and records[0].width % 2:
                wrong = {files[0]: f"{records[0].width} pixels wide"}
            faults.update(wrong)
            if not wrong:
                sides = "AB" if halves or len(files) == 2 else ""
                if layout == "unpaired":
                    sides = (layouts.domain(names[index], of_domains),)
                readable.append((split, files, sides, records))
    ranges = _ranges(readable)

    def measure(example):
        split, files, sides, records = example
        encoded = [column.content(index) for column, index in map(places.get, files)]
        images = [codecs.decode(content).pixels for content in encoded]
        turned = [_is_turned(*image) for image in zip(encoded, records)]
        if len(sides) > len(files):
            images = np.split(images[0], 2, axis=1)
            files = files * 2
            turned = turned * 2
            records = (records[0]._replace(width=records[0].width // 2),) * 2
        place = None
        limits_of_sides = [ranges[side] for side in sides or ("",)]
        measured = [
            features(image, limits, is_lossy=record.format in _LOSSY)
            for image, limits, record in zip(images, limits_of_sides, records)
        ]
        if len(images) == 2 and not any(image.is_blank for image in measured):
            place = placement(*map(to_rgb, images, limits_of_sides))
        pictures = map(Picture, files, sides or ("",), records, measured, turned)
        return Example(split, tuple(pictures), place)

    examples = list(map_in_parallel(measure, readable, progress))
    unmatched = [name(file) for listing in listings.values() for file in listing.unmatched]
    strays = _files(data) - {*places, *unmatched} if layout not in ("manifest", "tfrecord") else ()
    unread = unread_domains(data, places) if layout == "unpaired" else {}
    return Evidence(
        layout, counts, examples, unmatched, faults, sorted(strays), places, unread, of_domains
    )


def _ranges(readable):
    """Returns the range of values of each side over all examples, to scale them alike."""
    records_of_sides = {}
    for _, _, sides, records in readable:
        for side, record in zip(sides or ("",), records * len(sides or ("",))):
            records_of_sides.setdefault(side, []).append(record)
    return {
        side: (min(record.low for record in records), max(record.high for record in records))
        for side, records in records_of_sides.items()
    }


def _is_turned(encoded, record):
    if record.native or record.format == "NPY":
        return False
    try:
        with Image.open(io.BytesIO(encoded)) as image:
            return image.getexif().get(_EXIF_ORIENTATION, 1) != 1
    except Image.UnidentifiedImageError:  # A TIFF that Pillow does not know.
        return False


def _files(folder):
    """Returns the names of all files in a folder but hidden ones."""
    names = (file.relative_to(folder) for file in folder.rglob("*") if file.is_file())
    return {str(name) for name in names if not any(part.startswith(".") for part in name.parts)}
