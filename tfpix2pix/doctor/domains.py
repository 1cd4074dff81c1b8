"""Domains: what of two or more domains, whose images do not belong together, misleads networks.

Networks learn all in which domains differ, be it meant or not.
"""

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from tfpix2pix.data import layouts
from tfpix2pix.doctor.domain_looks import (
    Domain,
    has_bars,
    has_no_color,
    trained_pictures,
)
from tfpix2pix.doctor.evidence import Evidence
from tfpix2pix.doctor.findings import Finding, Item, preparation

# Set on portraits and anime, horses and ink paintings, and cats: none of them differs so much.
_UNEVEN = 10  # Images of one domain for each of the other.
_FEW = 100  # Images; published sets of two domains have 400 and more.
_SIZES = 2  # The usual shorter side of one domain, by that of the other.
_PROPORTIONS = 1.25  # The usual width by height of one domain, by that of the other.
_LEVELS = 64  # Of 255, between the mean brightness of the domains.
_GREY = (0.9, 0.5)  # Share of grey images from which a domain is grey, and below which another not.
_BARRED = 0.05  # Share of images with bars that is learnt.
_PLAIN = (0.7, 0.2)  # As `_GREY`, of images on a plain background.
_EXAMPLES = 3  # Images that show what a domain is like.


def judge_domains(evidence: Evidence, domains: Mapping[str, Domain]) -> Iterator[Finding]:
    """Compares the counts, sizes, colours and backgrounds of domains.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.
        domains: Dict of name to `tfpix2pix.doctor.domain_looks.Domain`, of the same.

    Yields:
        `Finding`; some may have no items, and there is none of other layouts.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor import domain_looks
        >>> from tfpix2pix.doctor.evidence import gather
        >>> from tfpix2pix.doctor.suspicions import side_looks
        >>> for name, level in (("night/trainA/1.png", 9), ("night/trainB/2.png", 200)):
        ...     codecs.write(np.full((4, 8, 3), level, "uint8"), name)
        >>> night = gather("night")
        >>> found = judge_domains(night, domain_looks.domains(night, side_looks(night)))
        >>> [str(finding.items[0]) for finding in found if finding.code == "brightness_of_domains"]
        ['trainA/1.png + trainB/2.png (mean 9 of A, 200 of B)']
    """
    if evidence.layout == "unpaired":
        yield from _judge_places(evidence, domains)
    if len(domains) < 2:
        return
    pictures = trained_pictures(evidence)
    yield from _judge_counts(pictures)
    yield from _judge_sizes(pictures, domains, evidence)
    yield from _judge_brightness(pictures)
    # Drawings are grey and on white, as all know who train on them.
    photos = {name: domain for name, domain in domains.items() if domain.kind == "photo"}
    yield from _judge_colors(pictures, photos)
    yield from _judge_surroundings(pictures, photos)


def _judge_places(evidence, domains):
    lost = {}
    for file in evidence.faults:
        domain = layouts.domain(file, evidence.domain_places)
        if domain not in domains:
            lost.setdefault(domain, []).append(file)
    yield Finding(
        "lost_domains",
        "error",
        "Domains without an image to train on that can be read",
        "Networks need images of each domain. Replace the files that cannot be decoded.",
        [Item(tuple(files), name) for name, files in sorted(lost.items())],
    )
    yield Finding(
        "unread_domains",
        "warning",
        "Folders of further domains, which are not read",
        f"Of these data {' and '.join(domains)} are read. To train on another domain, put its "
        "images in the place of one of them; or name all of them, for a family of such models.",
        [Item((folder,), f"{count} images") for folder, count in evidence.unread.items()],
    )


def _judge_counts(pictures):
    counts = {name: len(images) for name, images in pictures.items()}
    is_uneven = max(counts.values()) > _UNEVEN * min(counts.values())
    yield Finding(
        "uneven_domains",
        "note",
        f"One domain has more than {_UNEVEN} times the images of the other",
        "Its images come again as often, and may be learnt by heart. Add others.",
        [Item(_first(pictures), _of_each(counts))] if is_uneven else [],
    )
    yield Finding(
        "few_images",
        "note",
        f"Domains of fewer than {_FEW} images",
        "Few images are learnt by heart. Add others; they need no partner in the other domain.",
        [
            Item(_examples(pictures[name]), f"{count} of {name}")
            for name, count in counts.items()
            if count < _FEW
        ],
    )


def _judge_sizes(pictures, domains, evidence):
    sides = {name: min(domain.size) for name, domain in domains.items()}
    sizes = {name: f"{d.size[0]} x {d.size[1]} pixels" for name, d in domains.items()}
    differ = max(sides.values()) >= _SIZES * min(sides.values())
    yield Finding(
        "sizes_of_domains",
        "note",
        f"One domain has images at least {_SIZES} times as large as the other",
        "Where small images are enlarged, networks learn blur as a mark of their domain. Train at "
        "a size that the small ones have, or find larger ones.",
        [Item(_first(pictures), _of_each(sizes))] if differ else [],
    )
    proportions = {name: domain.proportion for name, domain in domains.items()}
    differ = max(proportions.values()) >= _PROPORTIONS * min(proportions.values())
    # Trainings resize to a square, if not told otherwise.
    oblong = max(proportions, key=lambda name: abs(np.log(proportions[name])))
    yield Finding(
        "proportions_of_domains",
        "note",
        "The domains have other proportions than each other",
        "Both are resized to one size, so that networks learn to stretch. Crop those of "
        f"{oblong} to squares.",
        [Item(_first(pictures), _of_each(sizes))] if differ else [],
        preparation(evidence, oblong, "resize", {"size": str(sides[oblong]), "how": "crop"}),
    )


def _judge_brightness(pictures):
    means = {name: np.mean([p.features.mean for p in images]) for name, images in pictures.items()}
    differ = max(means.values()) - min(means.values()) > _LEVELS
    shown = {name: f"{mean:.0f}" for name, mean in means.items()}
    yield Finding(
        "brightness_of_domains",
        "note",
        "One domain is much brighter than the other",
        "To invert all colours may be learnt for it: look at the first pictures of a training.",
        [Item(_first(pictures), f"mean {_of_each(shown)}")] if differ else [],
    )


def _judge_colors(pictures, domains):
    yield Finding(
        "grey_domain",
        "note",
        "One domain is grey, and the other in colour",
        "Translations lose their colours, and those of the way back are made up, or hidden in the "
        "grey images as noise. If colours should stay, find images in colour.",
        [
            Item(
                _examples(pictures[grey.name], has_no_color) + _examples(pictures[other.name]),
                f"{grey.grey:.0%} of {grey.name} are grey, {other.grey:.0%} of {other.name}",
            )
            for grey, other in itertools.permutations(domains.values(), 2)
            if grey.grey >= _GREY[0] and other.grey <= _GREY[1]
        ],
    )


def _judge_surroundings(pictures, domains):
    for name, domain in domains.items():
        barred = [picture for picture in pictures[name] if has_bars(picture)]
        many = domain.barred >= _BARRED
        yield Finding(
            "bars",
            "warning" if many else "note",
            f"Images of {name} with bars of one colour at opposite sides",
            f"{'Networks learn to paint them. ' if many else ''}Cut the bars off.",
            [Item((p.name,), _bars_in_words(p.features.bars)) for p in barred],
        )
    yield Finding(
        "plain_backgrounds",
        "note",
        "One domain has plain backgrounds, and the other has not",
        "Translations lose their backgrounds, and those of the way back are made up. If they "
        "should stay, or not be seen, choose images of alike backgrounds.",
        [
            Item(
                _examples(pictures[plain.name]) + _examples(pictures[other.name]),
                f"{plain.plain:.0%} of {plain.name} lie on one colour, usually "
                f"{_color_in_words(plain.background)}, and {other.plain:.0%} of {other.name}",
            )
            for plain, other in itertools.permutations(domains.values(), 2)
            if plain.plain >= _PLAIN[0] and other.plain <= _PLAIN[1]
        ],
    )


def _first(pictures):
    return tuple(images[0].name for images in pictures.values())


def _examples(pictures, shows=None):
    chosen = [p for p in pictures if shows is None or shows(p)][:_EXAMPLES]
    return tuple(picture.name for picture in chosen)


def _of_each(values):
    return ", ".join(f"{value} of {name}" for name, value in values.items())


def _bars_in_words(bars):
    sides = zip(bars, ("top", "bottom", "left", "right"))
    return ", ".join(f"{share:.0%} at the {side}" for share, side in sides if share)


def _color_in_words(rgb):
    if min(rgb) >= 232:
        return "white"
    return "black" if max(rgb) <= 24 else f"RGB {' '.join(f'{value:.0f}' for value in rgb)}"
