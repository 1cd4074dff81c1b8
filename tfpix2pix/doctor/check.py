"""Check: finds what is wrong with a data set before it is trained on, and how to train on it."""

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Optional, Union

import numpy as np
from PIL import Image

from tfpix2pix.data.agreement import needed_range
from tfpix2pix.data.looks import to_rgb
from tfpix2pix.data.parallel import Progress, map_in_parallel, silent
from tfpix2pix.doctor import domain_looks, findings, suspicions
from tfpix2pix.doctor.domain_looks import Domain
from tfpix2pix.doctor.domains import judge_domains
from tfpix2pix.doctor.evidence import gather
from tfpix2pix.doctor.findings import Finding
from tfpix2pix.doctor.portraits import judge_faces

SHOWN = 5  # Items of a finding that are named and pictured; JSON has all.
_THUMBNAIL = (192, 96)  # Most width and height in pixels.


class Side(NamedTuple):
    """The images of one side, all together.

    Attributes:
        side: `"A"` or `"B"`, the name of a domain, or empty for photos.
        count: Number of images that can be read.
        kind: `"photo"`, `"labels"` or `"drawing"`, as it seems.
        palette: For label maps, the list of their colours, RGB.
        is_exact: Whether all pixels have these.
        size: `(height, width)`, the medians in pixels.
        channels: Number of channels in training, if all are converted to one.
        mean: Mean of the channels as shown, 0 to 255.
        spread: Mean of the images' standard deviations.
        value_range: Text of a range that holds all pixels, if that of their type does not.

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
    value_range: Optional[str] = None


class Suggestion(NamedTuple):
    """A setting of a training that suits the data.

    Attributes:
        option: Name in the configuration, such as `"data.direction"`.
        value: Its value as text.
        reason: Why; empty if it is obvious.

    Example:
        >>> str(Suggestion("train.batch_size", "1", "as in the paper"))
        'train.batch_size 1'
    """

    option: str
    value: str
    reason: str = ""

    def __str__(self) -> str:
        """Returns the option and its value on a line."""
        return f"{self.option} {self.value}"


@dataclass(frozen=True)
class Diagnosis:
    """The result of examining a data set.

    Attributes:
        data: Path of the data set.
        layout: One of `tfpix2pix.data.layouts.LAYOUTS`.
        splits: dict of split to its number of examples.
        sides: List of `Side`.
        findings: List of `tfpix2pix.doctor.findings.Finding`, errors first.
        suggestions: List of `Suggestion`.
        thumbnails: dict of file name to a small PNG, bytes, for items that can be shown.
        domains: dict of name to `tfpix2pix.doctor.domain_looks.Domain`; empty for other layouts.

    Example:
        >>> Diagnosis("cats", "photos", {"all": 1}, [], [], [], {}).is_fit
        True
    """

    data: str
    layout: str
    splits: dict[str, int]
    sides: list[Side]
    findings: list[Finding]
    suggestions: list[Suggestion]
    thumbnails: dict[str, bytes]
    domains: dict[str, Domain] = field(default_factory=dict)

    @property
    def is_fit(self) -> bool:
        """Whether there is no error, so that training may start."""
        return all(finding.severity != "error" for finding in self.findings)


def diagnose(
    data: Union[str, os.PathLike],
    layout: str = "auto",
    *,
    domains: Sequence[str] = (),
    classes: Optional[int] = None,
    progress: Progress = silent,
) -> Diagnosis:
    """Examines a data set.

    Args:
        data: Path of a folder or of a manifest.
        layout: As in `tfpix2pix.data.layouts.listing`.
        domains: Names of the domains of unpaired data; by default A and B.
        classes: Number of classes of the label maps, if their ids must be below it.
        progress: As in `tfpix2pix.datasets.jobs.run`.

    Returns:
        `Diagnosis`.

    Raises:
        ValueError: If there is no data set.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> pairs = synthetic.write_pairs("houses", 3, (32, 32))
        >>> diagnosis = diagnose("houses")
        >>> diagnosis.is_fit, diagnosis.findings, str(diagnosis.suggestions[2])
        (True, [], 'data.direction BtoA')
    """
    evidence = gather(data, layout, domains=domains, progress=progress)
    looks = suspicions.side_looks(evidence)
    domains = domain_looks.domains(evidence, looks)
    candidates = [
        *findings.judge_files(evidence),
        *findings.judge_storage(evidence),
        *findings.judge_formats(evidence),
        *suspicions.judge_repetition(evidence),
        *suspicions.judge_pairs(evidence),
        *suspicions.judge_content(evidence, looks, classes),
        *judge_domains(evidence, domains),
        *judge_faces(evidence, looks),
    ]
    present = [finding for finding in candidates if finding.items]
    present.sort(key=lambda finding: findings.SEVERITIES.index(finding.severity))
    sides = [_side(side, look, evidence.pictures(side)) for side, look in looks.items()]
    items = [item for finding in present for item in finding.items[:SHOWN]]
    shown = {file for item in items for file in item.files[:SHOWN]}
    shown = sorted(shown & set(evidence.places) - set(evidence.faults))
    thumbnails = map_in_parallel(lambda name: _thumbnail(evidence.read(name)), shown)
    return Diagnosis(
        str(data),
        evidence.layout,
        evidence.splits,
        sides,
        present,
        _suggestions(data, evidence, sides),
        dict(zip(shown, thumbnails)),
        domains,
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
        max(p.record.channels - p.record.alpha for p in pictures),
        tuple(np.mean([p.features.mean for p in pictures], axis=0).round(1).tolist()),
        tuple(np.mean([p.features.spread for p in pictures], axis=0).round(1).tolist()),
        needed_range([p.record for p in pictures]),
    )


def _suggestions(data, evidence, sides):
    """Returns the settings for pairs and for domains; of photos the programs know best."""
    if len(sides) < 2:
        return []
    sizes = [min(p.record[:2]) for example in evidence.examples for p in example.pictures]
    side = 2 ** min(int(np.log2(max(np.median(sizes), 1))), 9)
    smaller = sum(size < side for size in sizes)
    reason = "the power of two within the usual shorter side"
    reason += f"; {smaller} images are smaller and will be enlarged" if smaller else ""
    image_size = Suggestion("data.image_size", str(side), reason)
    if evidence.layout == "unpaired":
        counts = " and ".join(f"{side.count} of {side.side}" for side in sides)
        counts = f"{counts.replace(' ', ' images ', 1)}, of all splits"
        layout = Suggestion("data.layout", evidence.layout)
        return [Suggestion("data.folder", str(data), counts), layout, image_size]
    a, b = sides
    # Drawings and label maps are what one translates from; of two of a kind, A is.
    direction = "BtoA" if a.kind == "photo" != b.kind else "AtoB"
    source, target = (b, a) if direction == "BtoA" else (a, b)
    names = {"labels": "a label map", "drawing": "a drawing", "photo": "a photo"}
    guess = (
        f"a guess: {source.side} looks like {names[source.kind]}, {target.side} like "
        f"{names[target.kind]}"
    )
    count = evidence.splits.get("train") or sum(evidence.splits.values())
    batch_size, amount = (1, "as in the paper") if count < 1000 else (4, "many pairs")
    suggestions = [
        Suggestion("data.folder", str(data), f"{count} pairs to train on"),
        Suggestion("data.layout", evidence.layout),
        Suggestion("data.direction", direction, guess),
        image_size,
        Suggestion("data.source_channels", str(source.channels)),
        Suggestion("data.target_channels", str(target.channels)),
        Suggestion("train.batch_size", str(batch_size), f"{count} pairs, {amount}"),
    ]
    for place, one in (("source", source), ("target", target)):
        if one.value_range:
            reason = f"it holds all pixels of {one.side}"
            suggestions.append(Suggestion(f"data.{place}_range", one.value_range, reason))
    if source.is_exact:
        reason = "label maps must not get new colours"
        suggestions.append(Suggestion("data.source_kernel", "nearest", reason))
    return suggestions


def _thumbnail(pixels):
    picture = Image.fromarray(to_rgb(pixels, (float(pixels.min()), float(pixels.max()))))
    picture.thumbnail(_THUMBNAIL)
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return buffer.getvalue()
