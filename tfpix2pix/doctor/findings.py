"""Findings: what is wrong with the files of a data set, by name, with the cure.

An error makes training impossible or its results wrong, and a warning probably makes them worse; a
note is worth knowing.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath
from typing import NamedTuple, Optional

from tfpix2pix.data import codecs, formats
from tfpix2pix.data.agreement import needed_range, no_data
from tfpix2pix.datasets import face_folders
from tfpix2pix.doctor.evidence import Evidence

SEVERITIES = ("error", "warning", "note")
# The suffixes of each format; only these mean something to other programs.
_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jfif", ".jpe"),
    # Of a camera with two lenses; the first image is a JPEG.
    "MPO": (".jpg", ".jpeg", ".jfif", ".jpe"),
    "PNG": (".png",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "NPY": (".npy",),
    "PPM": (".ppm", ".pgm"),
}


class Item(NamedTuple):
    """What a finding is about.

    Attributes:
        files: Names of the files; of duplicates those of the whole group.
        detail: More about them; may be empty.

    Example:
        >>> str(Item(("a.png", "b.png"), "equal"))
        'a.png + b.png (equal)'
    """

    files: tuple[str, ...]
    detail: str = ""

    def __str__(self) -> str:
        """Returns the files and the detail on a line."""
        return " + ".join(self.files) + (f" ({self.detail})" if self.detail else "")


class Preparation(NamedTuple):
    """What brings images of a data set into the form that a cure names.

    Attributes:
        command: What `tfpix2pix.datasets` calls it: `"faces"` or `"resize"`.
        options: Dict of its options to values as text.
        folders: Folders that it is for, from the data's folder; "." for all.
        others: Those of other domains, which stay as they are.

    Example:
        >>> Preparation("faces", {"of": "people"}, ("trainA",), ("trainB",)).command
        'faces'
    """

    command: str
    options: dict[str, str]
    folders: tuple[str, ...]
    others: tuple[str, ...] = ()


class Finding(NamedTuple):
    """Something about a data set that its owner should know.

    Attributes:
        code: Name of the kind of finding, such as `"unmatched"`.
        severity: One of `SEVERITIES`.
        title: What is wrong.
        cure: What to do.
        items: List of `Item`.
        preparation: `Preparation` that does what the cure says, if there is one.

    Example:
        >>> Finding("blank", "warning", "Blank images", "Remove them.", [Item(("a.png",))]).count
        1
    """

    code: str
    severity: str
    title: str
    cure: str
    items: list[Item]
    preparation: Optional[Preparation] = None

    @property
    def count(self) -> int:
        """Number of items."""
        return len(self.items)


def preparation(
    evidence: Evidence, side: str, command: str, options: dict[str, str]
) -> Preparation:
    """Returns a preparation of the images of a domain.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.
        side: Name of the domain, or empty for photos.
        command: As of `Preparation`.
        options: The same.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.doctor.evidence import gather
        >>> for name in ("elks/trainA/1.png", "elks/trainB/2.png"):
        ...     codecs.write(np.zeros((4, 8, 3), "uint8"), name)
        >>> preparation(gather("elks"), "B", "resize", {"size": "4"})[2:]
        (('trainB',), ('trainA',))
    """
    if not side:
        return Preparation(command, options, (".",))
    folders = {}
    for example in evidence.examples:
        for picture in example.pictures:
            folder = str(PurePath(picture.name).parent)
            folders.setdefault((example.split, picture.side), set()).add(folder)
    common = {key: os.path.commonpath(names) for key, names in folders.items()}
    return Preparation(
        command,
        options,
        tuple(folder for (_, of), folder in common.items() if of == side),
        tuple(folder for (_, of), folder in common.items() if of != side),
    )


def judge_files(evidence: Evidence) -> Iterator[Finding]:
    """Judges the files.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.

    Yields:
        `Finding`; some may have no items.

    Example:
        >>> from tfpix2pix import atomic
        >>> from tfpix2pix.doctor.evidence import gather
        >>> atomic.write_bytes(b"", "cats/1.png")
        >>> [finding.code for finding in judge_files(gather("cats")) if finding.items]
        ['unreadable']
    """
    faults = [
        Item((name,), fault.replace("it cannot be decoded: ", ""))
        for name, fault in evidence.faults.items()
    ]
    odd = [item for item in faults if item.detail.endswith("pixels wide")]
    yield Finding(
        "unmatched",
        "error",
        "Files without a partner",
        "Partners have the same path in A and B but for the suffix: rename, add or remove files.",
        [Item((name,)) for name in evidence.unmatched],
    )
    yield Finding(
        "unreadable",
        "error",
        "Files that cannot be decoded",
        'Replace or remove them, or leave them out by bad_files="skip".',
        [item for item in faults if item not in odd],
    )
    yield Finding(
        "odd_width",
        "error",
        "Side-by-side files of odd width",
        "Each file has A in its left and B in its right half, of one width. Combine A and B again, "
        "or give the layout if these files are no pairs.",
        odd,
    )
    yield Finding(
        "strays",
        "note",
        "Files in the folder that are not used",
        f"Images are {', '.join(codecs.SUFFIXES)} files at the places of the layout.",
        [
            Item((name,))
            for name in evidence.strays
            if PurePath(name).name != face_folders.TABLE
            and not any(PurePath(name).is_relative_to(folder) for folder in evidence.unread)
        ],
    )


def judge_storage(evidence: Evidence) -> Iterator[Finding]:
    """Judges how the images are stored.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.

    Yields:
        `Finding`; some may have no items.

    Example:
        >>> from tfpix2pix import atomic
        >>> import numpy as np
        >>> from tfpix2pix.doctor.evidence import gather
        >>> atomic.write_bytes(codecs.encode(np.zeros((4, 8, 3), "uint8"), ".png"), "hens/1.jpg")
        >>> [finding.code for finding in judge_storage(gather("hens")) if finding.items]
        ['suffix']
    """
    pictures = [picture for example in evidence.examples for picture in example.pictures]
    files = {picture.name: picture for picture in pictures}.values()
    yield Finding(
        "suffix",
        "warning",
        "Files whose suffix is not that of their format",
        "They are read by their content; other programs may not. Rename them.",
        [
            Item((p.name,), p.record.format)
            for p in files
            if evidence.layout != "tfrecord"
            and PurePath(p.name).suffix.lower() not in _SUFFIXES.get(p.record.format, ())
        ],
    )
    whole = evidence.halves and all(p.record.height == 2 * p.record.width for p in files)
    yield Finding(
        "whole",
        "error",
        "Square files, which would be cut into halves",
        "If they are whole images, put A and B into folders of these names, or combine them.",
        [Item((p.name,)) for p in files if whole and len(files) > 1],
    )
    yield Finding(
        "frames",
        "warning",
        "Files of several frames or pages, of which only the first is used",
        "Save each image as a file of its own.",
        [Item((p.name,), f"{p.record.frames} frames") for p in files if p.record.frames > 1],
    )
    yield Finding(
        "alpha",
        "warning",
        "Images that are transparent in places",
        "Training drops alpha and keeps the colours under it. Paste them on white, or "
        "give source_channels=4 or target_channels=4 if alpha is to be used.",
        [Item((p.name,)) for p in files if not p.features.is_opaque],
    )
    yield Finding(
        "turned",
        "note",
        "Images that their EXIF orientation turns",
        "They are used upright, as cameras mean it; check that their partners are, too.",
        [Item((p.name,)) for p in files if p.is_turned],
    )


def judge_formats(evidence: Evidence) -> Iterator[Finding]:
    """Judges sizes, channels and bits.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.

    Yields:
        `Finding`; some may have no items.

    Example:
        >>> import numpy as np
        >>> from tfpix2pix.doctor.evidence import gather
        >>> for name, width in (("A", 4), ("B", 6)):
        ...     codecs.write(np.zeros((4, width, 3), "uint8"), f"dogs/{name}/1.png")
        >>> [finding.code for finding in judge_formats(gather("dogs")) if finding.items]
        ['pair_sizes']
    """
    yield Finding(
        "pair_sizes",
        "warning",
        "Pairs whose A and B have different sizes",
        "Both are resized to one size, so they fit only if they show the same part. Resize both to "
        "one size, so that they do.",
        [
            Item(example.names, " and ".join(map(_size, example.pictures)))
            for example in evidence.examples
            if len({_size(picture) for picture in example.pictures}) > 1
        ],
    )
    sides = evidence.sides()[:1] if evidence.halves else evidence.sides()
    for side in sides:
        pictures = evidence.pictures(side)
        side_phrase = f" of {side}" if len(sides) > 1 else ""
        counts = Counter((p.record.channels, p.record.dtype) for p in pictures)
        ((usual, _),) = counts.most_common(1)
        unlike = [p for p in pictures if (p.record.channels, p.record.dtype) != usual]
        channels = max(p.record.channels - p.record.alpha for p in pictures)
        deepest = max((dtype for _, dtype in counts), key=codecs.DTYPES.index)
        stored = {(p.record.channels, p.record.dtype, p.record.alpha) for p in pictures}
        fit = all(formats.convertible(c, d, channels, deepest, alpha) for c, d, alpha in stored)
        yield Finding(
            "mixed_kinds" if fit else "unfit_kinds",
            "warning" if fit else "error",
            f"Images{side_phrase} of other channels or bits than the usual {_in_words(usual)}",
            f"They {'are' if fit else 'cannot be'} converted to "
            f"{_in_words((channels, deepest))}. Save all alike.",
            [Item((p.name,), _in_words((p.record.channels, p.record.dtype))) for p in unlike],
        )
        records = [p.record for p in pictures]
        value, sentence = no_data(records) if deepest == "float32" else (None, "")
        yield Finding(
            "no_data",
            "error",
            f"Pixels{side_phrase} without data",
            f"{sentence} Fill these, or leave the files out.",
            [Item((p.name,)) for p in pictures if value in (p.record.low, p.record.high)],
        )
        outside = needed_range(records) is not None
        yield Finding(
            "float_range",
            "warning",
            f"Images{side_phrase} of numbers that exceed [0, 1]",
            "Give the range that becomes [-1, 1] as source_range or target_range, such as "
            f"{needed_range(records)}.",
            [
                Item((p.name,), f"{p.record.low:g} to {p.record.high:g}")
                for p in pictures
                if outside and not 0 <= p.record.low <= p.record.high <= 1
            ],
        )
        sizes = Counter(_size(p) for p in pictures)
        ((common, _),) = sizes.most_common(1)
        yield Finding(
            "sizes",
            "note",
            f"Images{side_phrase} of other sizes than the usual {common}",
            "All are resized and cropped to one size; proportions may change.",
            [Item((p.name,), _size(p)) for p in pictures if _size(p) != common],
        )


def _size(picture):
    return f"{picture.record.height} x {picture.record.width} pixels"


def _in_words(stored):
    channels, dtype = stored
    return f"{channels} channel{'s' if channels > 1 else ''} of {dtype}"
