"""Drawings: what sources look like, so that a client can draw what the model was trained on."""

import numpy as np
from scipy import ndimage
from skimage import morphology, transform

from tfpix2pix.data.looks import FAR, features, look, packed, to_rgb, unpacked
from tfpix2pix.data.palettes import PALETTES

PICTURE = {"kind": "picture", "background": [255, 255, 255]}
LEAST_TWO_COLORED = 0.9  # Share of pixels near one of two colours; JPEG blurs the rest.
MOST_WIDTH = 0.06  # Of a line, as a part of the shorter side; what is wider is an area.
MOST_MEASURED = 8  # Pictures whose lines are measured, which takes 0.5 s each.
FINENESS = 4  # Parts of a pixel in which the widths of lines are measured.


def drawing(sources: list, *, labels=None, scale: float = 1.0, value_range=None) -> dict:
    """Measures what sources look like.

    They are `lines` if nearly all pixels are near one of two colours, of which one makes thin
    lines; `labels` if they have some flat colours; else a `picture`.

    Args:
        sources: List of uint8, uint16 or float32 `[height, width, channels]`.
        labels: If they are known to be label maps, see `tfpix2pix.data.tasks.Labels`.
        scale: By what their sides are multiplied before networks see them.
        value_range: Pixels that are black and white, see `tfpix2pix.data.formats.full_range`.

    Returns:
        Dict with `kind`; `background`, an RGB colour of 8 bits, the most frequent but where a class
        has this name; of lines `line_color` and `line_width`, the median in pixels after scaling;
        of labels `palette`, a dict of class to RGB colour.

    Example:
        >>> page = np.full((64, 64, 3), 255, "uint8")
        >>> page[20:22, 8:56] = page[8:56, 40:42] = 0
        >>> drawing([page])["line_width"]
        2.0
    """
    if isinstance(labels, int):
        labels = {f"class {number}": (number,) * 3 for number in range(labels)}
        return _label_drawing(labels, _most_frequent([to_rgb(x, (0, 255)) for x in sources]))
    pictures = [to_rgb(pixels, value_range) for pixels in sources]
    background = _most_frequent(pictures)
    if labels is not None:
        return _label_drawing(labels, background)
    lines = _line_drawing(pictures, background, scale)
    if lines is not None:
        return lines
    looks = look([features(picture, is_lossy=True) for picture in pictures])
    if looks.kind == "labels":
        return _label_drawing(_named_palette(looks.palette), background)
    return PICTURE


def _line_drawing(pictures, background, scale):
    pixels = np.concatenate([picture.reshape(-1, 3) for picture in pictures]).astype("int16")
    from_background = np.abs(pixels - background).max(axis=1)
    far = from_background[from_background > 2 * FAR]
    if not len(far):
        return None
    # The borders of smooth lines are between both colours.
    color = np.median(pixels[from_background >= np.quantile(far, 0.75)], axis=0).astype(int)
    distance = np.minimum(from_background, np.abs(pixels - color).max(axis=1))
    if np.mean(distance <= 2 * FAR) < LEAST_TWO_COLORED:
        return None
    widths = [
        _widths(x, background, color) for x in pictures[:: -(-len(pictures) // MOST_MEASURED)]
    ]
    width = np.median(np.concatenate(widths))
    if not width <= MOST_WIDTH * min(pictures[0].shape[:2]):  # Nor where there is no line.
        return None
    return {
        "kind": "lines",
        "background": background.tolist(),
        "line_color": color.tolist(),
        "line_width": round(float(width * scale), 2),
    }


def _widths(picture, background, color):
    """Returns the width of lines at each point of their middle, in pixels."""
    axis = (color - background) / np.sum((color - background) ** 2)
    share = (picture - background) @ axis  # 0 is background and 1 is line.
    fine = transform.resize(share, [FINENESS * side for side in share.shape], order=1)
    line = fine > 0.5
    return 2 * ndimage.distance_transform_edt(line)[morphology.skeletonize(line)] / FINENESS


def _most_frequent(pictures):
    colors, counts = np.unique(
        np.concatenate([packed(picture).ravel() for picture in pictures]), return_counts=True
    )
    return unpacked(colors[counts.argmax()])


def _label_drawing(palette, frequent):
    palette = {name: list(map(int, color)) for name, color in palette.items()}
    nearest = min(palette.values(), key=lambda color: np.abs(frequent - color).sum())
    background = palette.get("background", nearest)
    return {"kind": "labels", "background": background, "palette": palette}


def _named_palette(colors):
    """Returns the known palette that has all colours, or one of numbered colours."""
    for palette in PALETTES.values():
        known = np.array(list(palette.values()))
        if (np.abs(colors[:, None] - known).max(axis=-1).min(axis=1) <= FAR).all():
            return palette
    return {f"color {number}": color for number, color in enumerate(colors.tolist(), 1)}
