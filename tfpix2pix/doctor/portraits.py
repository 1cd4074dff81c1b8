"""Portraits: whether images show faces that are small, and were better cut out."""

from collections.abc import Iterator, Mapping

import numpy as np
from PIL import Image

from tfpix2pix.data.looks import Look, to_rgb
from tfpix2pix.data.parallel import map_in_parallel
from tfpix2pix.datasets import faces
from tfpix2pix.doctor.evidence import Evidence
from tfpix2pix.doctor.findings import Finding, Item, preparation
from tfpix2pix.errors import InputError

# Images that are searched first, to see whose faces there are; and in all, if most have some.
_FIRST = 8
_SAMPLE = 24
_SEARCHED = 384  # Pixels of the longer side; cascades know no faces below 24 pixels.
_SMALLEST = 24
# Faces are taken for the subject where most of the images have some. Of portraits of people and of
# cats 97% and more do; of horses and of paintings of horses 22% seem to, of anime none.
_LEAST_FOUND = 0.6
# Of the width. Faces of images that `tfpix2pix.datasets.faces` cuts out take 0.67 with its margin,
# those of faces2anime 0.58 and more, those of the cats usually 0.74.
_SMALL = 1 / 3
_CUT_OUT = 1.5  # Sides of what is cut out, by that of the face.
_TOLERANCE = 0.8  # Of the smallest face of the sample; others may be smaller.


def judge_faces(evidence: Evidence, side_looks: Mapping[str, Look]) -> Iterator[Finding]:
    """Measures how large the faces are that photos show, on a sample, where OpenCV is installed.

    Args:
        evidence: `tfpix2pix.doctor.evidence.Evidence`.
        side_looks: dict of side to `tfpix2pix.data.looks.Look`.

    Yields:
        `Finding` of each domain, or of single photos; some may have no items, and there is none of
        pairs.

    Example:
        >>> from skimage import data
        >>> from tfpix2pix.data import codecs
        >>> from tfpix2pix.doctor.evidence import gather
        >>> from tfpix2pix.doctor.suspicions import side_looks
        >>> codecs.write(data.astronaut(), "crew/eileen.png")
        >>> crew = gather("crew", "photos")
        >>> [str(finding.items[0]) for finding in judge_faces(crew, side_looks(crew))]
        ['eileen.png (19% of the width)']
    """
    if evidence.layout not in ("unpaired", "photos") or not _has_opencv():
        return
    for side in evidence.sides():
        pictures = evidence.pictures(side)
        if side_looks[side].kind != "photo":
            continue
        names = [pictures[i].name for i in _spread(len(pictures), _SAMPLE)]
        first = [names[i] for i in _spread(len(names), _FIRST)]
        found = {of: _shares(evidence, first, of) for of in faces.KINDS}
        of = max(found, key=lambda kind: len(found[kind]))
        if len(found[of]) < _LEAST_FOUND * len(first):
            continue
        found = found[of] | _shares(evidence, [name for name in names if name not in first], of)
        median = np.median(list(found.values()))
        are_small = median < _SMALL and len(found) >= _LEAST_FOUND * len(names)
        yield Finding(
            "small_faces",
            "note",
            f"Images{f' of {side}' if side else ''} whose faces are small: usually {median:.0%} of "
            f"the width, in {len(found)} of {len(names)} images that were searched",
            "Of small faces networks see few pixels. To translate faces, cut them out; leave the "
            "images if all that they show is meant.",
            [Item((name,), f"{share:.0%} of the width") for name, share in found.items()]
            if are_small
            else [],
            preparation(evidence, side, "faces", _options(evidence, found, of)),
        )


def _has_opencv():
    """Whether faces can be found; loads OpenCV, which threads that load it at once get half of."""
    try:
        faces.find_faces(np.zeros((24, 24, 3), "uint8"), next(iter(faces.KINDS)))
    except InputError:
        return False
    return True


def _options(evidence, found, of):
    """Returns options that cut out faces as small as these, and enlarge less than half of them."""
    sides = [share * evidence.read(name).shape[1] for name, share in found.items()]
    size = 2 ** int(np.log2(np.median(sides) * _CUT_OUT))
    smallest = max(int(min(sides) * _TOLERANCE), _SMALLEST)
    return {"of": of, "size": str(size)} | (
        {"smallest": str(smallest)} if smallest < faces.SMALLEST else {}
    )


def _spread(total, count):
    return np.linspace(0, total - 1, min(count, total)).round().astype(int).tolist()


def _shares(evidence, names, of):
    """Returns which share of the width the largest face takes, where there is one, by name."""

    def share(name):
        picture = Image.fromarray(to_rgb(evidence.read(name)))
        picture.thumbnail((_SEARCHED, _SEARCHED), Image.BOX)
        found = faces.find_faces(np.asarray(picture), of, smallest=_SMALLEST, views=faces.VIEWS[:1])
        return found[0].side / picture.width if found else None

    shares = zip(names, map_in_parallel(share, names))
    return {name: value for name, value in shares if value is not None}
