"""Places: the images of an example by their names, such as label, instance and photo."""

import string
from collections.abc import Sequence
from typing import NamedTuple, Optional

from tfpix2pix.data.formats import PixelFormat


class NamedPlace(NamedTuple):
    """One image of every example: where its file lies, and how it is read.

    Attributes:
        name: Name of the place, of the column of a manifest and of the image in a TFRecord.
        folders: What its folder may be called, as in `train_label`, `train/label` and
            `label/train`; by default as the place. Columns may be called so too.
        format: `PixelFormat` wanted; the files decide what is left open.
        ids: Whether files hold whole numbers, which are read as they are: grey of 8, 16 and 32
            bits, and the indices of palettes.
        greatest: The greatest id; by default the upper end of the format's range.
        ignored: Id of pixels without one, beyond the greatest.
        kernel: How its images are resized; `"nearest"` for ids and label maps.
        optional: Whether data may be without it.

    Example:
        >>> NamedPlace("photo", ("img",)).folder_names, NamedPlace("depth").folder_names
        (('img',), ('depth',))
    """

    name: str
    folders: tuple[str, ...] = ()
    format: PixelFormat = PixelFormat()
    ids: bool = False
    greatest: Optional[int] = None
    ignored: Optional[int] = None
    kernel: str = "bilinear"
    optional: bool = False

    @property
    def folder_names(self) -> tuple[str, ...]:
        """What its folder may be called."""
        return self.folders or (self.name,)

    def column(self, names) -> Optional[str]:
        """Returns which of the names of columns is its own, `None` if none is."""
        own = {name.lower() for name in (self.name, *self.folders)}
        return next((name for name in names if name.lower() in own), None)


# The images of a pair, whose folders are A and B.
PAIR = (NamedPlace("a", ("A",)), NamedPlace("b", ("B",)))


def domain_places(names: Sequence[str] = ("A", "B")) -> tuple[NamedPlace, ...]:
    """Returns where the images of domains lie, which do not belong together.

    Args:
        names: Names of the domains.

    Returns:
        Tuple of `NamedPlace`. A folder is called as its domain, or A, B, C, ... by its number,
        unless a domain has such a name.

    Example:
        >>> [place.folder_names for place in domain_places(("faces", "anime"))]
        [('faces', 'A'), ('anime', 'B')]
    """
    letters = string.ascii_uppercase
    if any(name in letters for name in names):
        return tuple(NamedPlace(name) for name in names)
    return tuple(NamedPlace(name, (name, letter)) for name, letter in zip(names, letters))


IDS = PixelFormat(1, "int32")

# What pix2pixHD's data hold beside label maps.
INSTANCE = NamedPlace("instance", ("instance", "inst"), IDS, ids=True, kernel="nearest")
PHOTO = NamedPlace("photo", ("photo", "img"))


def well_known(name: str) -> NamedPlace:
    """Returns the place of a name, with what its folders are called in published data.

    Args:
        name: Any name; `"instance"` and `"photo"` are those of pix2pixHD's data.

    Returns:
        `NamedPlace`.

    Example:
        >>> well_known("instance") is INSTANCE, well_known("depth").folder_names
        (True, ('depth',))
    """
    known = {place.name: place for place in (INSTANCE, PHOTO)}
    return known.get(name, NamedPlace(name))


def present(places, found) -> tuple[NamedPlace, ...]:
    """Returns the places that data have.

    Args:
        places: `NamedPlace`s, those of an example in their order.
        found: Function of a place to whether it is there.

    Returns:
        Tuple of `NamedPlace`; empty if one is missing that is not optional.

    Example:
        >>> scene = (NamedPlace("label"), NamedPlace("instance", optional=True))
        >>> [place.name for place in present(scene, lambda place: place.name == "label")]
        ['label']
    """
    there = tuple(place for place in places if found(place))
    needed = [place for place in places if not place.optional]
    return there if all(place in there for place in needed) else ()
