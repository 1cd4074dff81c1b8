"""Domain looks: what the images of a domain look like together: sizes, colours, backgrounds."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from PIL import Image

from tfpix2pix.data import color
from tfpix2pix.data.looks import NEAR, Look
from tfpix2pix.data.surroundings import plain_background
from tfpix2pix.doctor.evidence import Evidence, Picture

RANGES = 10  # Of lightness, in the histogram.
COLORS = 6  # That stand for all of a domain.
_QUANTIZED = 256  # Images that these are taken from.


class Domain(NamedTuple):
    """What the images of a domain look like that are trained on.

    Colours are those of the images reduced to 16 x 16 pixels; lightness and chroma are of CIE Lab.

    Attributes:
        name: Name of the domain, such as `"A"`.
        kind: `"photo"`, `"labels"` or `"drawing"`, as it seems.
        counts: Dict of split to the number of images that can be read.
        size: `(height, width)`, the medians in pixels.
        smallest: `(height, width)` of the image with the least shorter side.
        proportion: Median of width by height.
        lightness: Mean and standard deviation of all pixels, 0 to 100.
        chroma: Mean of all pixels; 0 for greys.
        histogram: Shares of the pixels in ten equal ranges of lightness.
        colors: List of `(red, green, blue, share)` of colours that stand for all, frequent first.
        grey: Share of the images without colour.
        barred: Share of the images with bars of one colour at opposite sides; 0 but for photos,
            since areas of label maps look like bars.
        plain: Share of the images with a background of one colour.
        background: Median of these colours, RGB; empty where there are none.

    Example:
        >>> sizes = ((4, 4), (4, 4), 1.0)
        >>> Domain("A", "photo", {}, *sizes, (0.0, 0.0), 0.0, [], [], 0.0, 0.0, 0.0, []).grey
        0.0
    """

    name: str
    kind: str
    counts: dict[str, int]
    size: tuple[int, int]
    smallest: tuple[int, int]
    proportion: float
    lightness: tuple[float, float]
    chroma: float
    histogram: list[float]
    colors: list[tuple[float, ...]]
    grey: float
    barred: float
    plain: float
    background: list[float]


def domains(evidence: Evidence, side_looks: Mapping[str, Look]) -> dict[str, Domain]:
    """Measures each domain of an unpaired data set.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.
        side_looks: Dict of side to `tfpix2pix.data.looks.Look`.

    Returns:
        Dict of name to `Domain`, in order; empty for other layouts.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor.evidence import gather
        >>> from tfpix2pix.doctor.suspicions import side_looks
        >>> for name in ("red/trainA/1.png", "red/trainB/2.png"):
        ...     codecs.write(np.full((8, 8, 3), (255, 0, 0), "uint8"), name)
        >>> red = gather("red")
        >>> [round(domain.chroma) for domain in domains(red, side_looks(red)).values()]
        [105, 105]
    """
    splits = {}
    for example in evidence.examples:
        for picture in example.pictures:
            splits.setdefault(picture.side, Counter())[example.split] += 1
    return {
        name: _measured(name, side_looks[name].kind, dict(splits[name]), pictures)
        for name, pictures in trained_pictures(evidence).items()
    }


def trained_pictures(evidence: Evidence) -> dict[str, list[Picture]]:
    """Returns the pictures of each domain that are trained on.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.

    Returns:
        Dict of name to list of `tfpix2pix.doctor.evidence.Picture`, in order, without domains of
        none; empty for other layouts.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor.evidence import gather
        >>> for name in ("bees/trainA/1.png", "bees/trainB/2.png", "bees/trainB/3.png"):
        ...     codecs.write(np.zeros((4, 8, 3), "uint8"), name)
        >>> {name: len(pictures) for name, pictures in trained_pictures(gather("bees")).items()}
        {'A': 1, 'B': 2}
    """
    if evidence.layout != "unpaired":
        return {}
    trained = [example for example in evidence.examples if example.split in ("train", "all")]
    pictures = [picture for example in trained for picture in example.pictures]
    named = {side: [p for p in pictures if p.side == side] for side in evidence.sides()}
    return {name: of_domain for name, of_domain in named.items() if of_domain}


def has_no_color(picture: Picture) -> bool:
    """Returns whether a picture is grey, up to what JPEG changes.

    Args:
        picture: `tfpix2pix.doctor.evidence.Picture`.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor.evidence import gather
        >>> codecs.write(np.full((8, 8, 3), (90, 93, 90), "uint8"), "fog/1.png")
        >>> has_no_color(gather("fog", "photos").examples[0].pictures[0])
        True
    """
    return picture.features.saturation < NEAR


def has_bars(picture: Picture) -> bool:
    """Returns whether a picture has bars; a subject on a plain background has none.

    Args:
        picture: `tfpix2pix.doctor.evidence.Picture`.

    Example:
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor.evidence import gather
        >>> film = np.random.default_rng(0).integers(50, 200, (80, 80, 3)).astype("uint8")
        >>> film[:8] = film[72:] = 0
        >>> codecs.write(film, "films/1.png")
        >>> has_bars(gather("films", "photos").examples[0].pictures[0])
        True
    """
    bars = picture.features.bars
    return all(bars) or (any(bars) and not len(plain_background(picture.features.sketch)))


def _measured(name, kind, counts, pictures):
    sizes = np.array([(p.record.height, p.record.width) for p in pictures])
    sketches = np.array([p.features.sketch for p in pictures])
    # A domain may have a hundred thousand images: the sketches are converted in parts.
    parts = [color.to_lab(part.astype("float32") / 255).numpy() for part in _parts(sketches)]
    lab = np.concatenate(parts).reshape(-1, 3)
    histogram, _ = np.histogram(lab[:, 0], RANGES, (0, 100))
    backgrounds = [plain_background(sketch) for sketch in sketches]
    plain = [background for background in backgrounds if len(background)]
    return Domain(
        name,
        kind,
        counts,
        tuple(np.median(sizes, axis=0).astype(int).tolist()),
        tuple(sizes[sizes.min(axis=1).argmin()].tolist()),
        float(np.median(sizes[:, 1] / sizes[:, 0])),
        (float(lab[:, 0].mean()), float(lab[:, 0].std())),
        float(np.hypot(lab[:, 1], lab[:, 2]).mean()),
        (histogram / len(lab)).tolist(),
        _colors(sketches),
        float(np.mean([has_no_color(p) for p in pictures])),
        float(np.mean([has_bars(p) for p in pictures])) if kind == "photo" else 0.0,
        len(plain) / len(pictures),
        np.median(plain, axis=0).tolist() if plain else [],
    )


def _parts(sketches):
    return np.array_split(sketches, -(-len(sketches) // 4096))


def _colors(sketches):
    """Returns the colours that stand for all, with their shares, the most frequent first."""
    chosen = sketches[:: -(-len(sketches) // _QUANTIZED)]
    picture = Image.fromarray(chosen.reshape(-1, chosen.shape[2], 3)).quantize(COLORS)
    palette = np.array(picture.getpalette()).reshape(-1, 3)
    counts = sorted(picture.getcolors(), reverse=True)
    total = sum(count for count, _ in counts)
    return [(*palette[index].tolist(), count / total) for count, index in counts]
