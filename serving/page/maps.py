"""Maps: what is painted on a control's surface, turned into the control's value."""

from collections.abc import Mapping
from typing import Any, Optional

import numpy as np
from PIL import Image

from serving.page.display import distinct_colors
from serving.page.sketches import read

MOST_CLASSES = 12  # Of a map of whole numbers without names.


def surface(control: Mapping[str, Any], size: tuple[int, int]) -> Optional[dict[str, Any]]:
    """Describes the surface on which a visitor paints the value of a control.

    Args:
        control: What the card says of the control: dict of `name`, `dtype`, `shape`, `about`.
        size: `(height, width)` in pixels of the images that are sent.

    Returns:
        Dict of `kind`, `size`, and `palette`, a dict of the names of classes to RGB colours of 8
        bits; `None` for a control that cannot be painted.

    Example:
        >>> about = {"kind": "map", "names": ["sky", "sea"]}
        >>> control = {"name": "x", "dtype": "int32", "shape": [None, None, 1], "about": about}
        >>> list(surface(control, (4, 8))["palette"])
        ['sky', 'sea']
    """
    kind = control["about"].get("kind")
    shape = control["shape"]
    if kind not in ("map", "image") or len(shape) != 3 or shape[-1] is None:
        return None
    palette = _palette(control) if kind == "map" else {}
    channels = {"map": (1, len(palette)), "image": (1, 3)}[kind]
    if shape[-1] not in channels:
        return None
    return {
        "kind": kind,
        "size": [side or whole for side, whole in zip(shape, size)],
        "palette": palette,
    }


def painted_value(painted: bytes, control: Mapping[str, Any], shown: Mapping[str, Any]) -> list:
    """Turns what is painted on a surface into the value of its control.

    Args:
        painted: bytes of a PNG file, transparent where nothing is.
        control: As of `surface`.
        shown: What `surface` returned.

    Returns:
        Nested lists `[height][width][channels]`. Of a map the number of the class, or its place in
        the range of floats, or as many channels as classes, of which one is 1; the first class
        where nothing is painted. Of an image its pixels in the range, on white.

    Example:
        >>> import io
        >>> about = {"kind": "map", "palette": {"sky": [0, 0, 255], "sea": [0, 255, 0]}}
        >>> control = {"name": "x", "dtype": "int32", "shape": [None, None, 1], "about": about}
        >>> file = io.BytesIO()
        >>> Image.new("RGBA", (2, 1), (0, 255, 0, 255)).save(file, "png")
        >>> painted_value(file.getvalue(), control, surface(control, (1, 2)))
        [[[1], [1]]]
    """
    image = Image.fromarray(read(painted))
    image = image.resize(shown["size"][::-1], Image.Resampling.NEAREST)
    pixels = np.asarray(image)
    is_painted = pixels[..., 3:] > 127
    channels = control["shape"][-1]
    low, high = control["about"].get("range", (-1.0, 1.0))
    is_float = control["dtype"].startswith("float")
    if shown["kind"] == "map":
        colors = np.array(list(shown["palette"].values()), int)
        distances = np.abs(pixels[..., np.newaxis, :3].astype(int) - colors).sum(-1)
        classes = np.argmin(distances, axis=-1) * is_painted[..., 0]
        if channels == len(colors) > 1:
            return np.eye(channels, dtype=int)[classes].tolist()
        levels = np.linspace(low, high, len(colors)) if is_float else np.arange(len(colors))
        return levels[classes][..., np.newaxis].tolist()
    color = np.where(is_painted, pixels[..., :3], 255)
    if channels == 1:
        color = np.asarray(Image.fromarray(color.astype("uint8")).convert("L"))[..., np.newaxis]
    values = low + color / 255 * (high - low) if is_float else color
    return (values if is_float else values.astype(int)).tolist()


def _palette(control):
    """Returns the colours of a map's classes, by the card or as far apart as they can be."""
    about = control["about"]
    if "palette" in about:
        return {name: list(color) for name, color in about["palette"].items()}
    names = about.get("names")
    if names is None and control["dtype"].startswith("float"):
        names = ["off", "on"]
    elif names is None:
        _, high = about.get("range", (0, MOST_CLASSES - 1))
        names = range(min(int(high), MOST_CLASSES - 1) + 1)
    return dict(zip(map(str, names), distinct_colors(len(names))))
