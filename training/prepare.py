"""Makes data sets of folders of images: `python -m training.prepare COMMAND ... --to FOLDER`."""

import sys
from functools import partial
from pathlib import Path
from typing import Literal, Optional, Union

import jsonargparse
import tqdm

from tfpix2pix import atomic
from tfpix2pix.data.places import PAIR, well_known
from tfpix2pix.errors import listed, reported
from tfpix2pix.lazily import check as checking
from tfpix2pix.lazily import combine as combining
from tfpix2pix.lazily import derive, face_folders, jobs, layouts, presentation, records, runs
from tfpix2pix.lazily import fetch as fetching
from tfpix2pix.lazily import hues as hue_measures
from tfpix2pix.locations import at_home
from training.engine.suggestions import (
    PAIRS,
    TWO_DOMAINS,
    command_with,
    mending_commands,
    training_command,
)

MORE_DOMAINS = "twingan_small"
OF_FACES = "edges2cats"
OF_TWINS = "twingan_tiny"
Size = Union[int, tuple[int, int]]


def combine(a: Path, b: Path, to: Path):
    """Puts A and B side by side, by their names.

    Args:
        a: Folder of images, which may have folders such as train and test.
        b: The same of the partners.
        to: Folder to write to.
    """
    _report(combining.combine_folders(a, b, to, progress=_bar), to, training_command(to))


def split(
    folder: Path,
    to: Path,
    val: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    layout: Literal["auto", "unpaired"] = "auto",
):
    """Divides images at random into train, val and test.

    Args:
        folder: Folder of images, or of A and B with images: pairs if they have names in common.
        to: Folder to write to.
        val: Share to choose by; 0 for none.
        test: Share to judge by; 0 for none. What is left is to train on.
        seed: Another seed gives another division.
        layout: Use unpaired if names that A and B have in common are a coincidence.
    """
    fractions = {"train": 1 - val - test, "val": val, "test": test}
    fractions = {name: share for name, share in fractions.items() if share}
    done = combining.split_folder(folder, to, fractions, seed=seed, layout=layout, progress=_bar)
    _report(done, to, training_command(to))


def resize(
    folder: Path,
    to: Path,
    size: Size = 256,
    how: Literal["crop", "pad", "stretch"] = "crop",
    kernel: Literal["bilinear", "bicubic", "area", "nearest"] = "bilinear",
    halves: bool = False,
):
    """Brings images to one size.

    Args:
        folder: Folder of images, which may have folders such as train and test.
        to: Folder to write to.
        size: Height and width in pixels, such as [256,512]; one number for a square.
        how: Whether to cut off what is too much, to add a white border, or to stretch.
        kernel: How pixels are mixed; nearest for label maps.
        halves: Whether the files are side by side; the size is that of each half then.
    """
    done = combining.resize_folder(
        folder, to, _pair(size), how=how, kernel=kernel, halves=halves, progress=_bar
    )
    _report(done, to, training_command(to) if halves else None)


def faces(
    photos: Path,
    to: Path,
    of: Literal["cats", "people"] = "cats",
    size: Size = 256,
    margin: float = 0.25,
    smallest: int = 64,
):
    """Cuts faces out of photos, upright and at one place, to learn to draw them.

    Args:
        photos: Folder of photos, which may have folders such as train and test.
        to: Folder to write to, with faces.csv, which says how many faces each photo has.
        of: Whose faces.
        size: Height and width in pixels; one number for a square.
        margin: What is shown around a face at most, in parts of its side.
        smallest: Least side of a face in the photo, in pixels.
    """
    found = face_folders.cut_out_faces(
        photos, to, of, size=_pair(size), margin=margin, smallest=smallest, progress=_bar
    )
    done = found.done
    print(
        f"{to}: {sum(found.counts.values())} faces; {done.made} photos were searched, "
        f"{done.skipped} before. Of {len(found.counts)} photos"
    )
    for number, rows in (("no face", (0, 0)), ("one face", (1, 1)), ("several", (2, sys.maxsize))):
        named = found.photos_with(*rows)
        names = f": {listed(named)}" if named and rows != (1, 1) else ""
        print(f"    {len(named)} have {number}{names}")
    if found.photos_with(1, sys.maxsize):
        command = command_with({"data.folder": str(to)}, to.name, OF_FACES)
        print(f"{to / face_folders.TABLE} names all. Train on them: {command}")


def edges(
    photos: Path,
    to: Path,
    size: Optional[Size] = None,
    method: Literal["oriented", "canny", "xdog"] = "oriented",
    by: Optional[Path] = None,
    samples: int = 1,
):
    """Draws the edges of photos, to learn edges to photos.

    Args:
        photos: Folder of photos, which may have folders such as train and test.
        to: Folder to write to.
        size: Height and width in pixels to crop and resize to; by default unchanged.
        method: Thin lines by oriented edges or by Canny, or a broad pen by XDoG.
        by: Folder of a run or of an export, from photos to edges, that draws instead.
        samples: Drawings of each photo; of several each is another hand's. Split photos before.
    """
    drawn = runs.open_detector(by).draw if by else method
    done = derive.edges(photos, to, _pair(size), method=drawn, samples=samples, progress=_bar)
    _report(done, to, training_command(to))


def grayscale(photos: Path, to: Path, size: Optional[Size] = None):
    """Takes the colour of photos, to learn to colour.

    Args:
        photos: Folder of photos, which may have folders such as train and test.
        to: Folder to write to.
        size: Height and width in pixels to crop and resize to; by default unchanged.
    """
    done = derive.grayscale(photos, to, _pair(size), progress=_bar)
    _report(done, to, training_command(to))


def blank(photos: Path, to: Path, size: Optional[Size] = None, share: float = 0.5):
    """Whitens the centre of photos, to learn to fill in.

    Args:
        photos: Folder of photos, which may have folders such as train and test.
        to: Folder to write to.
        size: Height and width in pixels to crop and resize to; by default unchanged.
        share: Sides of the white box in proportion to those of the photo.
    """
    done = derive.blank(photos, to, _pair(size), share=share, progress=_bar)
    _report(done, to, training_command(to))


def hues(
    data: Path,
    to: Path,
    domain: str = "B",
    of: tuple[Literal["hair", "eyes"], ...] = ("hair", "eyes"),
    domains: str = "A,B",
):
    """Names the colours of hair and eyes of upright faces, as attributes for a TwinGAN.

    They are the dominant colours in two boxes, above the forehead and around the eyes: of a hat or
    a hand that of the hat or hand. Look at the table before you train by it.

    Args:
        data: Folder of two domains of faces that fill their images.
        to: CSV file to write.
        domain: Whose images.
        of: Columns of the table.
        domains: Names of all domains of the data, such as faces,anime,cats.
    """
    names = domains.replace(",", " ").split()
    boxes = {name: hue_measures.BOXES[name] for name in of}
    counts = hue_measures.write_hues(
        data, to, domain=domain, boxes=boxes, domains=names, progress=_bar
    )
    for column, colors in counts.items():
        print(f"{column}: {', '.join(f'{color} {count}' for color, count in colors.items())}")
    settings = {"data.folder": str(data), "data.attributes": str(to)}
    print(f"Train by them: {command_with(settings, data.name, OF_TWINS)}")


def tfrecord(
    data: Path,
    to: Path,
    layout: str = "auto",
    shards: Optional[int] = None,
    places: tuple[str, ...] = (),
):
    """Packs a data set into few large files, quick to read from network disks.

    Args:
        data: Folder of the images, or manifest.
        to: Folder to write to.
        layout: How the files are arranged in the folder, photos for single ones; detected by
            default.
        shards: Number of files of each split; by default one for each 128 megabytes.
        places: Names of the images of an example, the source first and the target last, such as
            [label,instance,photo]; by default those of pairs.
    """
    counts = []
    named = tuple(map(well_known, places)) or PAIR
    for split in layouts.splits(data, named) or ["train"]:
        listing = layouts.listing(data, split, layout, places=named)
        counts.append(records.write_shards(listing, split, to, shards=shards, progress=_bar))
    _report(jobs.Done(*map(sum, zip(*counts))), to, training_command(to))


def fetch(name: str, to: Path, from_file: Optional[Path] = None):
    """Fetches a published data set from its project page.

    Args:
        name: Pairs are cityscapes, edges2handbags, edges2shoes, facades, maps and night2day; two
            domains are apple2orange, cezanne2photo, horse2zebra, iphone2dslr_flower, monet2photo,
            summer2winter_yosemite, ukiyoe2photo and vangogh2photo.
        to: Folder in which it becomes a folder of its name.
        from_file: Its archive, downloaded by hand, for machines without internet.
    """
    folder = fetching.fetch_data_set(name, to, file=from_file, progress=_byte_bar)
    command = training_command(folder, fetching.DATA_SETS[name].direction)
    print(f"{folder} is there. Train on it: {command}")


def check(
    data: Path,
    to: Optional[Path] = None,
    layout: Literal[
        "auto", "side_by_side", "folders", "manifest", "tfrecord", "unpaired", "photos"
    ] = "auto",
    classes: Optional[int] = None,
    domains: str = "",
):
    """Reports what is wrong with a data set, and how to train on it.

    Args:
        data: Folder of images, which may have folders such as train and test, or a manifest.
        to: Folder to write check.html, with pictures, and check.json to.
        layout: How the files are arranged in the folder; detected by default.
        classes: Number of classes, if the ids of label maps must be below it.
        domains: Names of the domains of unpaired data, such as faces,anime,cats; by default A,B.
    """
    names = domains.replace(",", " ").split()
    diagnosis = checking.diagnose(data, layout, domains=names, classes=classes, progress=_bar)
    settings = {s.option: s.value for s in diagnosis.suggestions}
    preset = TWO_DOMAINS if diagnosis.layout == "unpaired" else PAIRS
    if names:
        settings["model.domains"] = ",".join(names)
        preset = MORE_DOMAINS
    command = command_with(settings, Path(data).stem, preset)
    mending = partial(mending_commands, data)
    print(presentation.text(diagnosis, command, mending=mending))
    if to:
        page = presentation.html(diagnosis, command, mending=mending)
        atomic.write_bytes(page.encode(), to / "check.html")
        atomic.write_bytes(presentation.to_json(diagnosis).encode(), to / "check.json")
        print(f"\nLook at {to / 'check.html'}.")
    if not diagnosis.is_fit:
        sys.exit(1)


# A subcommand is a function with types and a docstring; `to` becomes --to.
COMMANDS = (combine, split, resize, faces, edges, grayscale, blank, hues, tfrecord, fetch, check)


def main(arguments: Optional[list] = None):
    """Runs the subcommand of the command line.

    Args:
        arguments: List of str, without the program's name; by default those of the process.
    """
    parser = jsonargparse.ArgumentParser(prog="python -m training.prepare", description=__doc__)
    commands = parser.add_subcommands()
    for function in COMMANDS:
        command = jsonargparse.ArgumentParser()
        command.add_function_arguments(function, skip={"to", "from_file"}, as_positional=True)
        text = "Folder to write to. Files in it that are newer than their inputs stay."
        if function is check:
            command.add_argument("--to", type=Optional[Path], help="Folder for a page and JSON.")
        elif function is hues:
            command.add_argument("--to", type=Path, required=True, help="CSV file to write.")
        else:
            command.add_argument("--to", type=Path, required=True, help=text)
        if function is fetch:  # `from` is no name in Python.
            text = "Its archive, downloaded by hand, for machines without internet."
            command.add_argument("--from", dest="from_file", type=Optional[Path], help=text)
        commands.add_subcommand(function.__name__, command, help=function.__doc__.splitlines()[0])
    parsed = parser.parse_args(at_home(arguments))
    function = next(f for f in COMMANDS if f.__name__ == parsed.subcommand)
    function(**parsed[parsed.subcommand])


def _pair(size):
    return (size, size) if isinstance(size, int) else size


def _bar(iterable, total):
    return tqdm.tqdm(iterable, total=total, unit=" files")


def _byte_bar(chunks, total, done):
    with tqdm.tqdm(total=total, initial=done, unit="B", unit_scale=True) as bar:
        for chunk in chunks:
            yield chunk
            bar.update(len(chunk))


def _report(done, to, command=None):
    numbers = f"{to}: {done.made} files made, {done.skipped} were there already."
    print(f"{numbers} Train on them: {command}" if command else numbers)


if __name__ == "__main__":
    with reported():
        main()
