"""Suspicions: faults that the pixels of a data set show: leaks, shifts, blurred label maps."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Optional

import numpy as np

from tfpix2pix.data import looks
from tfpix2pix.data.looks import packed, to_rgb
from tfpix2pix.doctor import alignment, duplicates
from tfpix2pix.doctor.evidence import Evidence
from tfpix2pix.doctor.findings import Finding, Item

_SAMPLE = 16  # Images whose pixels are compared with the palette.

# An image is reported as dark or bright if its mean is this far from the median of all: in median
# deviations, and at least in levels. Fewer images have no usual mean.
_EXPOSURE_DEVIATIONS = 6
_EXPOSURE_LEVELS = 64
_EXPOSURE_LEAST_IMAGES = 8

# `swapped` projects pairs on the line from A's look to B's; 1 is the usual pair, -1 its exchange.
# Set, as all numbers here, on facades, edges2shoes and edges2handbags with planted faults.
_SWAP_LEAST_PAIRS = 4
_SWAP_LEAST_DEVIATION = 0.02  # So that a feature in which all agree does not decide alone.
_SWAP_USUAL = 0.25  # At least half of the pairs have to be above it,
_SWAP_MOST_BELOW_ZERO = 0.3  # and at most this share below 0; else A and B look much alike.
_SWAP_REPORTED = -0.4
_ONE_SPLIT = "What was trained on cannot judge: keep it in one split."
_REPETITIONS = {
    "leak": ("error", "The same example in several splits", _ONE_SPLIT),
    "duplicates": ("warning", "The same example several times", "Keep one of each."),
    "near_leak": ("warning", "Nearly the same example in several splits", _ONE_SPLIT),
    "near_duplicates": (
        "warning",
        "Nearly the same example several times",
        "Look at them; keep one of each unless the difference matters.",
    ),
    "both_domains": (
        "warning",
        "The same image in both domains",
        "A domain is learnt by what the other does not show: keep it in one of them.",
    ),
    "shared_leak": ("warning", "The same A or B in several splits", _ONE_SPLIT),
    "shared": (
        "note",
        "The same A or B with different partners",
        "If one of the partners is wrong, remove it.",
    ),
}


def judge_repetition(evidence: Evidence) -> Iterator[Finding]:
    """Finds examples that occur twice, or almost.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.

    Yields:
        `Finding`; some may have no items.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor.evidence import gather
        >>> for name in ("train", "test"):
        ...     codecs.write(np.zeros((4, 8, 3), "uint8"), f"owls/{name}/1.png")
        >>> [finding.code for finding in judge_repetition(gather("owls")) if finding.items]
        ['leak']
    """
    examples = evidence.examples
    features = [tuple(picture.features for picture in example.pictures) for example in examples]
    equal = duplicates.equal(features)
    repeated = {index for group in equal for index in group[1:]}
    rest = [index for index in range(len(examples)) if index not in repeated]
    near = [[rest[i] for i in group] for group in duplicates.near([features[i] for i in rest])]
    shared = []
    for place in range(max((len(images) for images in features if len(images) > 1), default=0)):
        filled = [i for i in rest if not features[i][place].is_blank]
        groups = duplicates.equal([(features[i][place],) for i in filled])
        shared += [[filled[i] for i in group] for group in groups]
    items = defaultdict(list)
    for name, groups in (("duplicates", equal), ("near_duplicates", near), ("shared", shared)):
        for group in groups:
            code = name
            if len({examples[index].pictures[0].side for index in group}) > 1:
                code = "both_domains"
            elif len({examples[index].split for index in group}) > 1:
                code = name.replace("duplicates", "leak").replace("shared", "shared_leak")
            files = tuple(file for index in group for file in examples[index].names[:1])
            items[code].append(Item(files))
    for code, (severity, title, cure) in _REPETITIONS.items():
        yield Finding(code, severity, title, cure, items[code])


def judge_pairs(evidence: Evidence) -> Iterator[Finding]:
    """Finds pairs whose images do not fit each other.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.

    Yields:
        `Finding`; some may have no items.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor.evidence import gather
        >>> half = np.random.default_rng(0).integers(0, 256, (8, 8, 3), "uint8")
        >>> codecs.write(np.concatenate([half, half], axis=1), "emus/1.png")
        >>> [finding.code for finding in judge_pairs(gather("emus")) if finding.items]
        ['identical']
    """
    pairs = [example for example in evidence.examples if len(example.pictures) == 2]
    features = [tuple(picture.features for picture in pair.pictures) for pair in pairs]
    identical = [index for index, (a, b) in enumerate(features) if a.digest == b.digest]
    exchanged = swapped(*zip(*features)) if features else []
    places = [pair.placement for pair in pairs]
    shifted, unrelated = alignment.misaligned(places)
    yield Finding(
        "identical",
        "warning",
        "Pairs whose A and B are equal",
        "There is nothing to learn from them: remove them or mend how they were made.",
        [Item(pairs[index].names) for index in identical],
    )
    yield Finding(
        "misaligned",
        "warning",
        "Pairs whose B seems shifted against A",
        "The L1 loss blurs misaligned pairs. Look at them; align or remove them.",
        [
            Item(
                pairs[i].names,
                f"B lies {_way(places[i].down, 'too low', 'too high')} and "
                f"{_way(places[i].right, 'too far right', 'too far left')}",
            )
            for i in shifted
        ],
    )
    yield Finding(
        "unrelated",
        "warning",
        "Pairs whose B seems to belong to another A",
        "Look at them; find the right partner or remove them.",
        [Item(pairs[index].names) for index in unrelated],
    )
    yield Finding(
        "swapped",
        "warning",
        "Pairs that seem to have A and B exchanged",
        "Look at them; exchange A and B.",
        [Item(pairs[index].names) for index in exchanged],
    )


def judge_content(
    evidence: Evidence, side_looks: dict[str, looks.Look], classes: Optional[int] = None
) -> Iterator[Finding]:
    """Judges what the images of each side show.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.
        side_looks: dict of side to `tfpix2pix.data.looks.Look`, see the function `side_looks`.
        classes: Number of classes of the label maps, if their ids must be below it.

    Yields:
        `Finding`; some may have no items.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor.evidence import gather
        >>> codecs.write(np.zeros((4, 4, 3), "uint8"), "bats/B/1.png")
        >>> codecs.write(np.eye(4, dtype="uint8")[..., None] * 255, "bats/A/1.png")
        >>> bats = gather("bats")
        >>> [f.code for f in judge_content(bats, side_looks(bats)) if f.items]
        ['blank']
    """
    for side in evidence.sides():
        pictures = evidence.pictures(side)
        look = side_looks[side]
        side_phrase = f" of {side}" if side else ""
        yield Finding(
            "blank",
            "warning",
            f"Images{side_phrase} of one colour",
            "They show nothing. Remove them, unless they are meant to be blank.",
            [Item((p.name,)) for p in pictures if p.features.is_blank],
        )
        yield Finding(
            "exposure",
            "note",
            f"Images{side_phrase} that are much darker or brighter than the rest",
            "Look at them, and remove those that are exposed wrongly.",
            _exposure(pictures) if look.kind == "photo" else [],
        )
        blurred = look.kind == "labels" and not look.exact
        yield Finding(
            "blurred_labels",
            "warning",
            f"Label maps{side_phrase} whose colours are not exact: {len(look.palette)} colours, "
            f"and {_off_palette(evidence, pictures, look) if blurred else 0:.0%} of the pixels "
            "have none of these",
            "Save label maps as PNG, or give their palette as source_labels, which maps every "
            "pixel to the nearest colour; the JSON report has the palette.",
            [Item((p.name,)) for p in pictures] if blurred else [],
        )
        is_ids = look.kind == "labels" and all(p.features.is_grey for p in pictures)
        yield Finding(
            "label_ids",
            "error",
            f"Label maps{side_phrase} with ids that are not below the {classes} classes",
            "Ids count from 0. Give more classes, or give what is void an id of its own.",
            [
                Item((p.name,), f"id {p.features.greatest:g}")
                for p in pictures
                if classes is not None and is_ids and p.features.greatest >= classes
            ],
        )


def side_looks(evidence: Evidence) -> dict[str, looks.Look]:
    """Guesses what the images of each side show.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.

    Returns:
        dict of side to `tfpix2pix.data.looks.Look`.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor.evidence import gather
        >>> codecs.write(np.zeros((4, 8, 3), "uint8"), "ants/1.png")
        >>> list(side_looks(gather("ants")))
        ['A', 'B']
    """
    return {
        side: looks.look([picture.features for picture in evidence.pictures(side)])
        for side in evidence.sides()
    }


def _way(share, forward, backward):
    return f"{abs(share):.0%} {forward if share >= 0 else backward}"


def _exposure(pictures):
    pictures = [picture for picture in pictures if not picture.features.is_blank]
    means = np.array([np.mean(picture.features.mean) for picture in pictures])
    if len(means) < _EXPOSURE_LEAST_IMAGES:
        return []
    median = np.median(means)
    deviation = np.median(np.abs(means - median))
    most = max(_EXPOSURE_DEVIATIONS * deviation, _EXPOSURE_LEVELS)
    return [
        Item((picture.name,), f"mean {mean:.0f}, the usual is {median:.0f}")
        for picture, mean in zip(pictures, means)
        if abs(mean - median) > most
    ]


def _off_palette(evidence, pictures, look):
    """Returns the share of pixels, in some of the images, that have no colour of the palette."""
    palette = packed(look.palette)
    off = 0
    total = 0
    for picture in pictures[:: max(1, len(pictures) // _SAMPLE)]:
        rgb = to_rgb(evidence.read(picture.name))
        start = rgb.shape[1] - picture.record.width if picture.side == "B" else 0
        codes = packed(rgb[:, start : start + picture.record.width])
        off += np.isin(codes, palette, invert=True).sum()
        total += codes.size
    return off / total


def swapped(a: Sequence[looks.Features], b: Sequence[looks.Features]) -> list[int]:
    """Finds pairs that have A where the others have B.

    Args:
        a: List of `tfpix2pix.data.looks.Features`.
        b: The same of the partners.

    Returns:
        List of the indices of such pairs; empty where A and B look much alike.

    Example:
        >>> from tfpix2pix.datasets import synthetic
        >>> pairs = [synthetic.facade((32, 32), seed) for seed in range(6)]
        >>> pairs[2] = pairs[2][::-1]
        >>> swapped(*([looks.features(image) for image in half] for half in zip(*pairs)))
        [2]
    """
    pairs = enumerate(zip(a, b))
    filled = [i for i, pair in pairs if not any(image.is_blank for image in pair)]
    if len(filled) < _SWAP_LEAST_PAIRS:
        return []
    differences = np.array([_profile(a[i]) - _profile(b[i]) for i in filled])
    usual = np.median(differences, axis=0)
    deviation = np.median(np.abs(differences - usual), axis=0) + _SWAP_LEAST_DEVIATION
    # One number for each pair: 1 for the usual one, -1 for the same the other way round.
    weight = usual / deviation**2
    places = differences @ weight / max(usual @ weight, 1e-9)
    if np.mean(places > _SWAP_USUAL) < 0.5 or np.mean(places < 0) > _SWAP_MOST_BELOW_ZERO:
        return []
    return [filled[i] for i in np.flatnonzero(places < _SWAP_REPORTED)]


def _profile(image):
    """Returns numbers of a similar scale that differ between photos, label maps and drawings."""
    return np.array(
        [
            image.top_share,
            image.flat,
            image.solid,
            image.thick,
            image.saturation / 255,
            np.mean(image.spread) / 128,
            image.colors is not None,
        ]
    )
