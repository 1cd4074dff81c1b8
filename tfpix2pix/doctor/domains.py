"""Domains: how the images of two domains, which do not belong together, compare."""

from collections.abc import Iterator

import numpy as np

from tfpix2pix.doctor.evidence import Evidence
from tfpix2pix.doctor.findings import Finding, Item

_UNEVEN = 10  # Images of one domain for each of the other.
_LEVELS = 64  # Of 255, between the mean brightness of the domains.


def judge_domains(evidence: Evidence) -> Iterator[Finding]:
    """Compares the counts and the brightness of two domains.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.

    Yields:
        `Finding`; some may have no items, and there is none of other layouts.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor.evidence import gather
        >>> for name, level in (("night/trainA/1.png", 9), ("night/trainB/2.png", 200)):
        ...     codecs.write(np.full((4, 8, 3), level, "uint8"), name)
        >>> [str(finding.items[0]) for finding in judge_domains(gather("night")) if finding.items]
        ['trainA/1.png + trainB/2.png (mean 9 of A, 200 of B)']
    """
    if evidence.layout != "unpaired":
        return
    trained = [example for example in evidence.examples if example.split in ("train", "all")]
    pictures = {
        side: [p for example in trained for p in example.pictures if p.side == side]
        for side in evidence.sides()
    }
    if len(pictures) < 2:
        return
    files = tuple(images[0].name for images in pictures.values() if images)
    counts = [len(images) for images in pictures.values()]
    is_uneven = max(counts) > _UNEVEN * min(counts)
    yield Finding(
        "uneven_domains",
        "note",
        f"One domain has more than {_UNEVEN} times the images of the other",
        "Its images come again as often, and may be learnt by heart. Add others.",
        [Item(files, f"{counts[0]} of A, {counts[1]} of B")] if is_uneven else [],
    )
    means = [np.mean([p.features.mean for p in images]) for images in pictures.values() if images]
    differ = len(means) == 2 and abs(means[0] - means[1]) > _LEVELS
    yield Finding(
        "brightness_of_domains",
        "note",
        "One domain is much brighter than the other",
        "To invert all colours may be learnt for it: look at the first pictures of a training.",
        [Item(files, f"mean {means[0]:.0f} of A, {means[1]:.0f} of B")] if differ else [],
    )
