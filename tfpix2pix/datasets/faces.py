"""Cuts faces out of photos, upright and at one place, so that one face fills each image.

OpenCV's cascades find faces that look at the camera and their eyes (Viola and Jones, 2001; the
cascade of cats is by Joseph Howse). Eyes, where a pair is found, decide angle and place.
"""

import math
import os
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tfpix2pix.data import formats, images
from tfpix2pix.errors import InputError


class Kind(NamedTuple):
    """Whose faces are found, and how they lie in the boxes of the cascade.

    Attributes:
        cascade: File of OpenCV's cascade.
        least_weight: What the last stage of the cascade must answer. 95 of 100 faces are above, and
            most of what is no face below.
        eyes: Where the middle between the eyes is, in parts of the box from its top.
        eye_distance: How far the eyes are from each other, in parts of the box.
        lift: How far the middle of the cut-out is above that of the box, in parts of the box.

    Example:
        >>> KINDS["cats"].lift > KINDS["people"].lift  # For the ears.
        True
    """

    cascade: str
    least_weight: float
    eyes: float
    eye_distance: float
    lift: float


# Medians of 132 cats and 149 people whose eyes were found; with cats the ears are above the box.
KINDS = {
    "cats": Kind("haarcascade_frontalcatface_extended.xml", 0.6, 0.42, 0.45, 0.08),
    "people": Kind("haarcascade_frontalface_default.xml", 4.0, 0.39, 0.36, 0.0),
}
EYES = "haarcascade_eye.xml"
# Views of a photo until one shows faces: degrees by which it is turned, and whether its histogram
# is equalized. Of 353 photos of cats the first shows no face in 48, all together in 17.
VIEWS = ((0, False), (0, True), (-20, False), (20, False), (-20, True), (20, True))
SEARCHED_SIDE = 1024  # Larger photos are reduced, to find faces; they are cut out of the whole one.
SMALLEST = 64  # Least side in pixels of a face that is cut out.
EYE_BOX = 200  # Side in pixels in which eyes are searched.
# How far a pair of eyes may be from where eyes are, in parts of the box.
EYE_TOLERANCE = 0.12

_local = threading.local()


class Face(NamedTuple):
    """A face in a photo.

    Attributes:
        x: Middle of the face in pixels, from the left.
        y: The same from the top.
        side: Side in pixels of the square from the forehead to the chin.
        angle: Degrees by which it is turned clockwise.
        has_eyes: Whether its eyes were found, and decided angle and place.

    Example:
        >>> Face(30.0, 40.0, 20.0, -5.0, True).side
        20.0
    """

    x: float
    y: float
    side: float
    angle: float
    has_eyes: bool


def find_faces(
    photo: np.ndarray,
    of: str,
    *,
    smallest: int = SMALLEST,
    views: Sequence[tuple[int, bool]] = VIEWS,
) -> list[Face]:
    """Finds the faces of a photo that look at the camera.

    Where the photo as it is shows none, it is searched with its histogram equalized, and turned by
    20 degrees in both directions.

    Args:
        photo: uint8, uint16 or float32 `[height, width, channels]`, 1 to 4 channels.
        of: One of `KINDS`.
        smallest: Least side of a face in pixels.
        views: What is searched, one after the other until one shows faces: by how many degrees the
            photo is turned, and whether its histogram is equalized.

    Returns:
        List of `Face`, the largest first.

    Raises:
        ValueError: If OpenCV is missing, the kind is unknown, or `smallest` below 24, the least
            that the cascades know.

    Example:
        >>> from skimage import data
        >>> (face,) = find_faces(data.astronaut(), "people")
        >>> abs(face.x - 220) < 15 and abs(face.y - 110) < 15
        True
    """
    cv2 = _opencv()
    if of not in KINDS:
        raise InputError(f"`of` must be one of {', '.join(KINDS)}. Received: {of!r}.")
    if smallest < 24:
        raise InputError(f"`smallest` must be at least 24 pixels. Received: {smallest}.")
    scale = min(1.0, SEARCHED_SIDE / max(photo.shape[:2]))
    if scale < 1:
        sides = [max(round(side * scale), 1) for side in photo.shape[:2]]
        photo = images.resize(photo, sides, "area").numpy()
    grey = _grey(photo)
    least = max(round(smallest * scale), 24)
    height, width = grey.shape
    for turn, is_equalized in views:
        # Seen so, a face that is turned clockwise by `turn` is upright.
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), turn, 1.0)
        view = cv2.equalizeHist(grey) if is_equalized else grey
        if turn:
            view = cv2.warpAffine(view, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        boxes = _boxes(view, KINDS[of], least)
        if boxes:
            back = cv2.invertAffineTransform(matrix)
            faces = [_face(view, box, KINDS[of], turn) for box in boxes]
            return [_in_photo(face, back, scale) for face in faces]
    return []


def cut_out(
    photo: np.ndarray,
    face: Face,
    of: str,
    *,
    size: tuple[int, int] = (256, 256),
    margin: float = 0.25,
) -> np.ndarray:
    """Cuts a face out of a photo, upright.

    Where the photo ends near the face the margin is smaller, on all sides. What lies outside of the
    photo even without a margin is reflected.

    Args:
        photo: uint8, uint16 or float32 `[height, width, 3]`.
        face: `Face`.
        of: One of `KINDS`; with cats the middle is higher, for their ears.
        size: `(height, width)` in pixels; the face is not stretched, the longer side shows more.
        margin: What is added on every side at most, in parts of the side of the face.

    Returns:
        The same type `[*size, 3]`.

    Raises:
        ValueError: If OpenCV is missing, the size is not positive or the margin negative.

    Example:
        >>> photo = np.zeros((100, 100, 3), "uint8")
        >>> cut_out(photo, Face(50.0, 50.0, 40.0, 10.0, True), "people", size=(32, 48)).shape
        (32, 48, 3)
    """
    cv2 = _opencv()
    if min(size) < 1 or not margin >= 0:
        raise InputError(
            f"`size` must be positive and `margin` at least 0. Received: size={tuple(size)}, "
            f"margin={margin}."
        )
    cosine = math.cos(math.radians(face.angle))
    sine = math.sin(math.radians(face.angle))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    middle = np.array([face.x, face.y]) - turn @ [0, KINDS[of].lift * face.side]
    proportions = np.array(size[::-1]) / min(size)
    room = _room(middle, turn, proportions, photo.shape)
    shorter = min(face.side * (1 + 2 * margin), max(face.side, room))
    # Cut out with the pixels of the photo, then resized, which takes the mean where it shrinks.
    width, height = (max(round(side), 1) for side in shorter * proportions)
    # OpenCV takes no more than 32,766 pixels a side: what is not needed goes first.
    reach = math.hypot(height, width) / 2 + 2
    first = np.clip(np.floor(middle - reach), 0, np.array(photo.shape[1::-1]) - 1).astype(int)
    last = np.maximum(np.ceil(middle + reach), first + 1).astype(int)
    part = np.ascontiguousarray(photo[first[1] : last[1], first[0] : last[0]])
    shift = middle - first - turn @ [(width - 1) / 2, (height - 1) / 2]
    upright = cv2.warpAffine(
        part,
        np.column_stack([turn, shift]),
        (width, height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return images.resize(upright, size).numpy()


def _room(middle, turn, proportions, shape):
    """Returns the shorter side of the largest rectangle about a point that is within a photo."""
    corners = [turn @ (proportions / 2 * signs) for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
    ends = np.array(shape[1::-1]) - 1.0 - middle
    rooms = [
        (end if step > 0 else -start) / step
        for corner in corners
        for step, start, end in zip(corner, middle, ends)
        if step
    ]
    return min(rooms)


def _grey(photo):
    """Returns uint8 `[height, width]`, which is all that cascades take."""
    alpha = formats.assumed_alpha(photo.shape[-1], str(photo.dtype))
    luma = formats.convert(photo.astype("float32"), 1, "float32", alpha=alpha)[..., 0]
    return np.rint(np.clip(luma * (255 / formats.full_range(photo.dtype)[1]), 0, 255)).astype(
        "uint8"
    )


def _opencv():
    try:
        import cv2
    except ImportError as error:
        raise InputError(
            "Faces are found by the package opencv-python-headless. Received: no "
            f"{error.name}. Install it by `pip install tfpix2pix[faces]`."
        ) from error
    return cv2


def _classifier(name):
    """Returns a cascade of this thread's own: one that threads share finds other faces."""
    cv2 = _opencv()
    if name not in (known := _local.__dict__):
        known[name] = cv2.CascadeClassifier(os.path.join(cv2.data.haarcascades, name))
    return known[name]


def _boxes(view, kind, least):
    """Returns the boxes `(x, y, side)` of different faces, the largest first."""
    found, _, weights = _classifier(kind.cascade).detectMultiScale3(
        view, scaleFactor=1.1, minNeighbors=3, minSize=(least, least), outputRejectLevels=True
    )
    boxes = []
    # In this order: OpenCV's threads give them in another one each time.
    for weight, x, y, side in sorted(
        ((float(weight), *map(int, box[:3])) for weight, box in zip(weights, found)), reverse=True
    ):
        apart = all(
            max(abs(x + side / 2 - u - s / 2), abs(y + side / 2 - v - s / 2)) > max(side, s) / 2
            for u, v, s in boxes
        )
        if weight >= kind.least_weight and apart:
            boxes.append((x, y, side))
    return sorted(boxes, key=lambda box: (-box[2], box))


def _face(view, box, kind, turn):
    """Returns the face of a box, in the pixels of the view."""
    x, y, side = box
    middle = np.array([x + side / 2, y + side / 2])
    pair = min(_pairs_of_eyes(view, box, kind), default=None)
    if pair is None:
        return Face(*middle, side, turn, False)
    _, eyes, angle = pair
    down = (0.5 - kind.eyes) * side  # From the eyes to the middle of the face.
    radians = math.radians(angle)
    x, y = np.array([x, y]) + np.array(eyes) * side
    return Face(
        x - math.sin(radians) * down, y + math.cos(radians) * down, side, turn + angle, True
    )


def _pairs_of_eyes(view, box, kind) -> Iterator[tuple]:
    """Yields `(error, middle, angle)` of what may be a pair of eyes, in parts of the box."""
    cv2 = _opencv()
    x, y, side = box
    upper = view[y : y + round(0.65 * side), x : x + side]
    scale = EYE_BOX / side
    upper = cv2.resize(upper, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    found = _classifier(EYES).detectMultiScale(upper, 1.05, 1, minSize=(24, 24), maxSize=(90, 90))
    middles = [
        ((a + width / 2) / EYE_BOX, (b + height / 2) / EYE_BOX) for a, b, width, height in found
    ]
    for left in middles:
        for right in middles:
            across = right[0] - left[0]
            down = right[1] - left[1]
            middle = ((left[0] + right[0]) / 2, (left[1] + right[1]) / 2)
            error = max(
                abs(middle[0] - 0.5),
                abs(middle[1] - kind.eyes),
                abs(math.hypot(across, down) - kind.eye_distance),
            )
            if across > 0 and abs(down) < 0.5 * across and error < EYE_TOLERANCE:
                yield error, middle, math.degrees(math.atan2(down, across))


def _in_photo(face, back, scale):
    """Returns a face of a view in the pixels of the photo."""
    x, y = back @ [face.x, face.y, 1]
    return Face(float(x) / scale, float(y) / scale, face.side / scale, face.angle, face.has_eyes)
