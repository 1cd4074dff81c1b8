"""Suspicions: what the pixels of a data set tell, such as leaks, shifts and blurred label maps."""

from collections import defaultdict

import numpy as np

from tfpix2pix.data import looks
from tfpix2pix.data.looks import packed, to_rgb
from tfpix2pix.doctor import alignment, duplicates
from tfpix2pix.doctor.findings import Finding, Item

_SAMPLE = 16  # Images of which the pixels are counted again.
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
    "shared_leak": ("warning", "The same A or B in several splits", _ONE_SPLIT),
    "shared": (
        "note",
        "The same A or B with different partners",
        "If one of the partners is wrong, remove it.",
    ),
}


def of_duplicates(evidence):
    """Finds examples that are there twice, or almost.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.

    Yields:
        `Finding`; some may have no items.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor import evidence
        >>> for name in ("train", "test"):
        ...     codecs.write(np.zeros((4, 8, 3), "uint8"), f"owls/{name}/1.png")
        >>> [finding.code for finding in of_duplicates(evidence.gather("owls")) if finding.items]
        ['leak']
    """
    examples = evidence.examples
    looked = [tuple(picture.features for picture in example.pictures) for example in examples]
    equal = duplicates.equal(looked)
    repeated = {index for group in equal for index in group[1:]}
    rest = [index for index in range(len(examples)) if index not in repeated]
    near = [[rest[i] for i in group] for group in duplicates.near([looked[i] for i in rest])]
    shared = []
    for place in range(max((len(of) for of in looked if len(of) > 1), default=0)):
        telling = [i for i in rest if not looked[i][place].is_blank]
        groups = duplicates.equal([(looked[i][place],) for i in telling])
        shared += [[telling[i] for i in group] for group in groups]
    items = defaultdict(list)
    for name, groups in (("duplicates", equal), ("near_duplicates", near), ("shared", shared)):
        for group in groups:
            leaks = len({examples[index].split for index in group}) > 1
            code = name.replace("duplicates", "leak").replace("shared", "shared_leak")
            files = tuple(file for index in group for file in examples[index].names[:1])
            items[code if leaks else name].append(Item(files))
    for code, (severity, title, cure) in _REPETITIONS.items():
        yield Finding(code, severity, title, cure, items[code])


def of_pairs(evidence):
    """Finds pairs whose images do not fit each other.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.

    Yields:
        `Finding`; some may have no items.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor import evidence
        >>> half = np.random.default_rng(0).integers(0, 256, (8, 8, 3), "uint8")
        >>> codecs.write(np.concatenate([half, half], axis=1), "emus/1.png")
        >>> [finding.code for finding in of_pairs(evidence.gather("emus")) if finding.items]
        ['identical']
    """
    pairs = [example for example in evidence.examples if len(example.pictures) == 2]
    both = [tuple(picture.features for picture in pair.pictures) for pair in pairs]
    identical = [index for index, (a, b) in enumerate(both) if a.digest == b.digest]
    places = [pair.placement for pair in pairs]
    shifted, unrelated = alignment.misaligned(places)
    yield Finding(
        "identical",
        "warning",
        "Pairs of which A and B are equal",
        "There is nothing to learn from them: remove them or mend how they were made.",
        [Item(pairs[index].names) for index in identical],
    )
    yield Finding(
        "misaligned",
        "warning",
        "Pairs of which B seems shifted against A",
        "L1 blurs what does not lie at one place. Look at them; align or remove them.",
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
        "Pairs of which B seems to belong to another A",
        "Look at them; find the right partner or remove them.",
        [Item(pairs[index].names) for index in unrelated],
    )
    yield Finding(
        "swapped",
        "warning",
        "Pairs that seem to have A and B exchanged",
        "Look at them; exchange A and B.",
        [Item(pairs[index].names) for index in (swapped(*zip(*both)) if both else ())],
    )


def of_looks(evidence, seen, classes=None):
    """Judges what the images of each side show.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.
        seen: dict of side to `tfpix2pix.data.looks.Look`, as of `sides`.
        classes: Number of classes of the label maps, if they are to have ids below it.

    Yields:
        `Finding`; some may have no items.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor import evidence
        >>> codecs.write(np.zeros((4, 4, 3), "uint8"), "bats/B/1.png")
        >>> codecs.write(np.eye(4, dtype="uint8")[..., None] * 255, "bats/A/1.png")
        >>> found = evidence.gather("bats")
        >>> [finding.code for finding in of_looks(found, sides(found)) if finding.items]
        ['blank']
    """
    for side in evidence.sides():
        pictures, look = evidence.pictures(side), seen[side]
        of_side = f" of {side}" if side else ""
        yield Finding(
            "blank",
            "warning",
            f"Images{of_side} of one colour",
            "They show nothing. Remove them, unless this is what they are to teach.",
            [Item((p.name,)) for p in pictures if p.features.is_blank],
        )
        yield Finding(
            "exposure",
            "note",
            f"Images{of_side} that are much darker or brighter than the rest",
            "Look at them.",
            _exposure(pictures) if look.kind == "photo" else [],
        )
        blurred = look.kind == "labels" and not look.exact
        yield Finding(
            "blurred_labels",
            "warning",
            f"Label maps{of_side} whose colours are not exact: {len(look.palette)} colours, and "
            f"{_off_palette(evidence, pictures, look) if blurred else 0:.0%} of the pixels have "
            "none of these",
            "Save label maps as PNG, or give their palette by --data.source_labels, which maps "
            "every pixel to the nearest colour; the JSON report has the palette.",
            [Item((p.name,)) for p in pictures] if blurred else [],
        )
        is_ids = look.kind == "labels" and all(p.features.is_grey for p in pictures)
        yield Finding(
            "label_ids",
            "error",
            f"Label maps{of_side} with ids that are not below the {classes} classes",
            "Ids count from 0. Give more classes, or give what is void an id of its own.",
            [
                Item((p.name,), f"id {p.features.greatest:g}")
                for p in pictures
                if classes is not None and is_ids and p.features.greatest >= classes
            ],
        )


def sides(evidence):
    """Sees what the images of each side look like.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.

    Returns:
        dict of side to `tfpix2pix.data.looks.Look`.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor import evidence
        >>> codecs.write(np.zeros((4, 8, 3), "uint8"), "ants/1.png")
        >>> list(sides(evidence.gather("ants")))
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
    light = np.array([np.mean(picture.features.mean) for picture in pictures])
    if len(light) < 8:
        return []
    middle = np.median(light)
    far = max(6 * np.median(np.abs(light - middle)), 64)
    return [
        Item((picture.name,), f"mean {value:.0f}, the usual is {middle:.0f}")
        for picture, value in zip(pictures, light)
        if abs(value - middle) > far
    ]


def _off_palette(evidence, pictures, look):
    """Returns the share of pixels, in some of the images, that have no colour of the palette."""
    palette = packed(look.palette)
    off = total = 0
    for picture in pictures[:: max(1, len(pictures) // _SAMPLE)]:
        rgb = to_rgb(evidence.read(picture.name))
        start = rgb.shape[1] - picture.record.width if picture.side == "B" else 0
        codes = packed(rgb[:, start : start + picture.record.width])
        off += np.isin(codes, palette, invert=True).sum()
        total += codes.size
    return off / total


def swapped(a, b):
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
    telling = [i for i, both in enumerate(zip(a, b)) if not any(of.is_blank for of in both)]
    if len(telling) < 4:
        return []
    difference = np.array([_profile(a[i]) - _profile(b[i]) for i in telling])
    middle = np.median(difference, axis=0)
    deviation = np.median(np.abs(difference - middle), axis=0) + 0.02
    # One number for each pair: 1 for the usual one, -1 for the same the other way round.
    weight = middle / deviation**2
    place = difference @ weight / max(middle @ weight, 1e-9)
    if np.mean(place > 0.25) < 0.5 or np.mean(place < 0) > 0.3:
        return []
    return [telling[i] for i in np.flatnonzero(place < -0.4)]


def _profile(of):
    return np.array(
        [
            of.top_share,
            of.flat,
            of.solid,
            of.thick,
            of.saturation / 255,
            np.mean(of.spread) / 128,
            of.colors is not None,
        ]
    )
