"""Objects: which instance each pixel of a drawing belongs to, and how each instance shall look."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Optional

import numpy as np
from PIL import Image
from skimage.measure import label

from serving.page.sketches import Convention, class_numbers, read, write

INSTANCES = "instances"
APPEARANCE = "appearance"
CONTROLS = (INSTANCES, APPEARANCE)  # Names of controls that have no widgets of their own.
MOST_IDS = 2**31
UNNAMED = "object"  # Of drawings without classes.


class Strokes(NamedTuple):
    """What the canvas knows of a drawing beside its colours.

    Attributes:
        marks: bytes of a PNG file: for each pixel the number of the last stroke over it, see
            `Objects.ids`, as red * 65536 + green * 256 + blue.
        appearances: Dict of ids to the numbers of the appearances that a visitor has chosen.
    """

    marks: bytes
    appearances: Mapping[int, int]


class Objects:
    """The instances of a direction's drawings, each of which may have an appearance of its own.

    Args:
        convention: `Convention` of its sources.
        known: ids of the instances of examples.
        appearances: Names of the appearances of each class.
        chance: The lowest number of an appearance; those below 0 are by chance.

    Attributes:
        known: Sorted list of the ids of examples.
        appearances: As received.
        chance: As received.
    """

    def __init__(
        self,
        convention: Convention,
        known: Sequence[int] = (),
        appearances: Sequence[str] = (),
        chance: int = -1,
    ):
        self.known = np.unique(np.array(known, "int64")).tolist()
        self.appearances = list(appearances)
        self.chance = chance
        self._convention = convention
        self._names = list(convention.palette) or [UNNAMED]

    @classmethod
    def from_card(cls, controls: list, convention: Convention, examples: list) -> Optional[Any]:
        """Reads the objects of a direction out of the model card.

        Args:
            controls: List of what the card says of each control.
            convention: `Convention`.
            examples: List of a dict of the names of controls to values for each example.

        Returns:
            `Objects`, or `None` of a direction that takes no instances.
        """
        about = {control["name"]: control["about"] for control in controls}
        if about.get(INSTANCES, {}).get("kind") != "map":
            return None
        maps = [np.ravel(values[INSTANCES]) for values in examples if INSTANCES in values]
        known = np.concatenate(maps) if maps else ()
        appearance = about.get(APPEARANCE, {})
        lowest = appearance.get("range", (-1, 0))[0]
        return cls(convention, known, appearance.get("names", ()), int(lowest))

    def marks(self, values: Mapping[str, Any]) -> Optional[bytes]:
        """Returns the marks with which an example begins.

        Args:
            values: Dict of the names of controls to values of the example.

        Returns:
            bytes of a PNG file, or `None` of an example without instances.
        """
        if INSTANCES not in values:
            return None
        ids = np.array(values[INSTANCES], "int64")[..., 0]
        return packed(1 + np.searchsorted(self.known, ids))

    def ids(self, source, marks):
        """Returns the id of the instance that each pixel belongs to.

        A stroke is one instance, though a later one may divide it. An instance of an example keeps
        its id where nothing is painted over it. Where no stroke was, the background has the number
        of its class, and of other classes each connected area is an instance, known by its first
        pixel. So ids stay as they are, whatever is painted elsewhere.

        Args:
            source: uint8 `[height, width, 3]` as it is sent.
            marks: int `[height, width]`: 0 where no stroke was; n for the n-th of `known`; beyond
                these another number for each stroke.

        Returns:
            int32 `[height, width]`.
        """
        classes = class_numbers(source, self._convention)
        background = class_numbers(
            np.array([[self._convention.background]], "uint8"), self._convention
        ).item()
        areas = label(np.where(marks > 0, -1, classes), background=-1, connectivity=1)
        _, first, area = np.unique(areas, return_index=True, return_inverse=True)
        highest = max([len(self._names) - 1, *self.known[-1:]])
        ids = highest + 1 + first[area.reshape(areas.shape)]
        ids = np.where(classes == background, classes, ids)
        known = np.array([0, *self.known])
        is_known = (marks > 0) & (marks < len(known))
        ids = np.where(is_known, known[np.where(is_known, marks, 0)], ids)
        stroke = highest + 1 + marks.size + marks - len(known)
        # Only ids at the end of their range count on from 0.
        return (np.where(marks >= len(known), stroke, ids) % MOST_IDS).astype("int32")

    def controls(self, source, strokes: Strokes) -> dict[str, list]:
        """Returns the values of the controls by which the model sees the objects of a drawing.

        Args:
            source: uint8 `[height, width, 3]` as it is sent.
            strokes: `Strokes`.

        Returns:
            Dict of `instances`, and `appearance` if a visitor has chosen any.
        """
        ids = self.ids(source, unpacked(strokes.marks, source.shape[:2]))
        values = {INSTANCES: ids[..., np.newaxis].tolist()}
        if strokes.appearances:
            values[APPEARANCE] = numbers(ids, strokes.appearances)[..., np.newaxis].tolist()
        return values

    def sample(self, controls: Mapping[str, list], strokes: Strokes, seed: int) -> dict[str, list]:
        """Returns the values of a sample: by chance is what the visitor has not chosen.

        Args:
            controls: Values of `controls`.
            strokes: `Strokes`.
            seed: int, not below 0.

        Returns:
            Dict of `appearance`, or empty if none is chosen: then the model draws all.
        """
        if not strokes.appearances:
            return {}
        ids = np.array(controls[INSTANCES])
        by_chance = -1 - seed % max(1, -self.chance)
        return {APPEARANCE: numbers(ids, strokes.appearances, by_chance).tolist()}

    def shown(self, source, controls: Mapping[str, list]) -> dict[str, Any]:
        """Returns what the page needs to find the object at a pixel.

        Args:
            source: uint8 `[height, width, 3]` as it is sent.
            controls: Values of `controls`.

        Returns:
            Dict of `places`, bytes of a PNG file of numbers as in `Strokes.marks`: the place of
            each pixel's object in `ids`, a list; and `names`, the most frequent class of each.
        """
        ids, places = np.unique(np.array(controls[INSTANCES]), return_inverse=True)
        places = places.reshape(source.shape[:2])
        classes = class_numbers(source, self._convention)
        pairs = np.ravel(places * len(self._names) + classes)
        counts = np.bincount(pairs, minlength=len(ids) * len(self._names))
        frequent = counts.reshape(len(ids), -1).argmax(1)
        names = [self._names[number] for number in frequent]
        return {"places": packed(places), "ids": ids.tolist(), "names": names}


def numbers(ids, appearances: Mapping[int, int], others: int = 0):
    """Returns the number of the appearance of each pixel.

    Args:
        ids: int array.
        appearances: Dict of ids to numbers.
        others: Number of ids that have none.

    Returns:
        int32 array of the shape of `ids`.

    Example:
        >>> numbers(np.array([[4, 9, 4]]), {4: 2}).tolist()
        [[2, 0, 2]]
    """
    result = np.full(np.shape(ids), others, "int32")
    for instance, number in appearances.items():
        result[ids == int(instance)] = number
    return result


def packed(values):
    """Returns the bytes of a PNG file of whole numbers below 2 ** 24, in its three channels."""
    values = np.asarray(values, "int64")
    return write(np.stack([values >> shift & 255 for shift in (16, 8, 0)], -1).astype("uint8"))


def unpacked(encoded: bytes, size: tuple[int, int]):
    """Returns the numbers of a file that `packed` or the canvas made, at a size.

    Args:
        encoded: bytes of a PNG file of any size.
        size: `(height, width)`.

    Returns:
        int64 `[height, width]`.

    Example:
        >>> unpacked(packed([[5, 70_000]]), (1, 2)).tolist()
        [[5, 70000]]
    """
    image = Image.fromarray(read(encoded)[..., :3])
    pixels = np.asarray(image.resize(size[::-1], Image.Resampling.NEAREST), "int64")
    return pixels @ np.array([65536, 256, 1])
