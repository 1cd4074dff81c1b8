"""Check: what is wrong with a data set before hours are spent on it, and how to train on it."""

import io
import shlex
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image

from tfpix2pix.data import formats
from tfpix2pix.data.looks import to_rgb
from tfpix2pix.data.parallel import map_in_parallel, silent
from tfpix2pix.doctor import findings, suspicions
from tfpix2pix.doctor.evidence import gather
from tfpix2pix.doctor.findings import Finding

SHOWN = 5  # Items of a finding that are named and pictured; JSON has all.
_THUMBNAIL = (192, 96)  # Most width and height in pixels.


class Side(NamedTuple):
    """The images of one side, all together.

    Attributes:
        side: `"A"` or `"B"`, or empty for photos.
        count: Number of images that can be read.
        kind: `"photo"`, `"labels"` or `"drawing"`, as it seems.
        palette: For label maps, the list of their colours, RGB.
        is_exact: Whether all pixels have these.
        size: `(height, width)`, the medians in pixels.
        channels: Number of channels in training, if all are converted to one.
        mean: Mean of the channels as shown, 0 to 255.
        spread: Mean of the images' standard deviations.

    Example:
        >>> Side("A", 1, "photo", [], False, (4, 4), 3, (0.0,) * 3, (0.0,) * 3).kind
        'photo'
    """

    side: str
    count: int
    kind: str
    palette: list[list[int]]
    is_exact: bool
    size: tuple[int, int]
    channels: int
    mean: tuple[float, ...]
    spread: tuple[float, ...]


class Flag(NamedTuple):
    """A flag of `python -m training.train` that suits the data.

    Attributes:
        text: Flag and value.
        reason: Why; empty for what is plain.

    Example:
        >>> Flag("--train.batch_size 1", "as in the paper").text
        '--train.batch_size 1'
    """

    text: str
    reason: str


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor says.

    Attributes:
        data: Path of the data set.
        layout: One of `tfpix2pix.data.layouts.LAYOUTS`.
        splits: dict of split to its number of examples.
        sides: List of `Side`.
        findings: List of `tfpix2pix.doctor.findings.Finding`, errors first.
        suggestions: List of `Flag`.
        thumbnails: dict of file name to a small PNG, bytes, for items that can be shown.

    Example:
        >>> Diagnosis("cats", "photos", {"all": 1}, [], [], [], {}).is_fit
        True
    """

    data: str
    layout: str
    splits: dict[str, int]
    sides: list[Side]
    findings: list[Finding]
    suggestions: list[Flag]
    thumbnails: dict[str, bytes]

    @property
    def is_fit(self):
        """Whether there is no error, so that training may start."""
        return all(finding.severity != "error" for finding in self.findings)


def check(data, layout="auto", *, classes=None, progress=silent):
    """Examines a data set.

    Args:
        data: Path of a folder or of a manifest.
        layout: As in `tfpix2pix.data.layouts.listing`.
        classes: Number of classes of the label maps, if they are to have ids below it.
        progress: As in `tfpix2pix.datasets.jobs.run`.

    Returns:
        `Diagnosis`.

    Raises:
        ValueError: If there is no data set.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> pairs = synthetic.write_pairs("houses", 3, (32, 32))
        >>> diagnosis = check("houses")
        >>> diagnosis.is_fit, diagnosis.findings, diagnosis.suggestions[2].text
        (True, [], '--data.direction BtoA')
    """
    evidence = gather(data, layout, progress=progress)
    seen = suspicions.sides(evidence)
    found = [
        *findings.of_files(evidence),
        *findings.of_formats(evidence),
        *findings.of_kinds(evidence),
        *suspicions.of_duplicates(evidence),
        *suspicions.of_pairs(evidence),
        *suspicions.of_looks(evidence, seen, classes),
    ]
    found = [finding for finding in found if finding.items]
    found.sort(key=lambda finding: findings.SEVERITIES.index(finding.severity))
    sides = [_side(side, look, evidence.pictures(side)) for side, look in seen.items()]
    shown = {file for of in found for item in of.items[:SHOWN] for file in item.files[:SHOWN]}
    shown = sorted(shown & set(evidence.places) - set(evidence.faults))
    thumbnails = map_in_parallel(lambda name: _thumbnail(evidence.read(name)), shown)
    return Diagnosis(
        str(data),
        evidence.layout,
        evidence.splits,
        sides,
        found,
        _suggestions(data, evidence, sides),
        dict(zip(shown, thumbnails)),
    )


def _side(side, look, pictures):
    sizes = np.array([(p.record.height, p.record.width) for p in pictures])
    return Side(
        side,
        len(pictures),
        look.kind,
        look.palette.tolist(),
        look.exact,
        tuple(np.median(sizes, axis=0).astype(int).tolist()),
        max(formats.without_alpha(p.record.channels) for p in pictures),
        tuple(np.mean([p.features.mean for p in pictures], axis=0).round(1).tolist()),
        tuple(np.mean([p.features.spread for p in pictures], axis=0).round(1).tolist()),
    )


def _suggestions(data, evidence, sides):
    """Returns the flags of pairs; of other data the programs know best."""
    if len(sides) != 2 or evidence.layout == "unpaired":
        return []
    a, b = sides
    # Drawings and label maps are what one translates from; of two of a kind, A is.
    turned = a.kind == "photo" != b.kind
    source, target = (b, a) if turned else (a, b)
    names = {"labels": "a label map", "drawing": "a drawing", "photo": "a photo"}
    sizes = [min(p.record[:2]) for example in evidence.examples for p in example.pictures]
    side = 2 ** min(int(np.log2(max(np.median(sizes), 1))), 9)
    count = evidence.splits.get("train") or sum(evidence.splits.values())
    batch, kind = (1, "as in the paper") if count < 1000 else (4, "many pairs")
    flags = [
        Flag(f"--data {shlex.quote(str(data))}", f"{count} pairs to train on"),
        Flag(f"--data.layout {evidence.layout}", ""),
        Flag(
            f"--data.direction {'BtoA' if turned else 'AtoB'}",
            f"a guess: {source.side} looks like {names[source.kind]}, {target.side} like "
            f"{names[target.kind]}",
        ),
        Flag(f"--data.image_size {side}", "the power of two within the usual shorter side"),
        Flag(f"--model.source_channels {source.channels}", ""),
        Flag(f"--model.target_channels {target.channels}", ""),
        Flag(f"--train.batch_size {batch}", f"{count} pairs, {kind}"),
    ]
    if source.is_exact:
        flags.append(Flag("--data.source_kernel nearest", "label maps must not get new colours"))
    return flags


def _thumbnail(pixels):
    picture = Image.fromarray(to_rgb(pixels, (float(pixels.min()), float(pixels.max()))))
    picture.thumbnail(_THUMBNAIL)
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return buffer.getvalue()
