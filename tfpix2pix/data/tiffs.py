"""TIFF files: one rule for all depths, layouts and compressions.

Pillow reads many of them with fewer bits or bands than they have, and by other rules at 16 bits
than at 8. tifffile reads the numbers that are stored; what they mean is decided here.
"""

import io
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tifffile
from PIL import Image
from skimage.color import lab2xyz, xyz2rgb

# Photometric interpretation -> how many samples of a pixel are its colour.
_COLORS = {"MINISWHITE": 1, "MINISBLACK": 1, "RGB": 3, "PALETTE": 1, "SEPARATED": 4}
_COLORS |= {"YCBCR": 3, "CIELAB": 3, "ICCLAB": 3}
_REDUCED = 1  # Bits of the type of a page: a smaller copy, a mask.
_MASK = 4
_ASSOCIATED = 1  # Kinds of further samples.
_UNASSOCIATED = 2
_ORIENTATION = 274
_INK_SET = 332
_CMYK = 1
_CHROMA = 256.0  # Stored in 16 bits for one unit of a and b.
# Bradford's adaptation of the white of prints to that of screens (ICC.1:2022, annex E).
_D50_TO_D65 = np.array(
    [
        [0.9555766, -0.0230393, 0.0631636],
        [-0.0282895, 1.0099416, 0.0210077],
        [0.0122982, -0.0204830, 1.3299098],
    ]
)

# Orientation -> quarters to turn left, and whether it is mirrored before, left to right.
_TURNS = {2: (0, True), 3: (2, False), 4: (2, True), 5: (1, True)}
_TURNS |= {6: (3, False), 7: (3, True), 8: (1, False)}


class Page(NamedTuple):
    """An image of a TIFF file.

    Attributes:
        pixels: `[height, width, channels]` of the type that is stored.
        alpha: Whether the last channel is alpha, by the file's own word.

    Example:
        >>> Page(np.zeros((2, 4, 3), "uint8"), False).alpha
        False
    """

    pixels: np.ndarray
    alpha: bool


def read_pages(encoded: bytes, most_pixels: int) -> tuple[int, Iterator[Page]]:
    """Reads the images of a TIFF file, without the smaller copies and masks of others.

    Black is 0 and white the greatest value, whatever the file stores; palettes, CMYK, YCbCr and Lab
    become RGB; colours are divided by an alpha that they were multiplied by; images stand upright.
    Further samples that are no alpha stay as they are.

    Args:
        encoded: bytes of a file.
        most_pixels: Height times width of the largest image that is decoded.

    Returns:
        `(count, pages)`: how many images there are, and an iterator of their `Page`s.

    Raises:
        ValueError: If a page is too large or cannot be read; or what else tifffile raises.

    Example:
        >>> file = io.BytesIO()
        >>> tifffile.imwrite(file, np.array([[0, 255]], "uint8"), photometric="miniswhite")
        >>> count, pages = read_pages(file.getvalue(), 99)
        >>> count, next(pages).pixels.tolist()
        (1, [[[255], [0]]])
    """
    file = tifffile.TiffFile(io.BytesIO(encoded))
    kept = [page for page in file.pages if not page.aspage().subfiletype & (_REDUCED | _MASK)]
    kept = [page.aspage() for page in kept] or [file.pages.first]

    def pages():
        for page in kept:
            if page.imagelength * page.imagewidth > most_pixels:
                raise ValueError(
                    f"{page.imagelength} x {page.imagewidth} pixels are declared, more than "
                    f"{most_pixels}; it may be a decompression bomb"
                )
            yield _read(page)

    return len(kept), pages()


def turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Turns an image upright.

    Args:
        pixels: `[height, width, channels]`.
        orientation: As EXIF and TIFF number it, 1 for upright.

    Returns:
        The same pixels, contiguous.

    Example:
        >>> turned(np.array([[[1], [2]]]), 6).tolist()
        [[[1]], [[2]]]
    """
    quarters, mirrored = _TURNS.get(orientation, (0, False))
    return np.ascontiguousarray(np.rot90(pixels[:, ::-1] if mirrored else pixels, quarters))


def _read(page):
    pixels = page.asarray()
    if page.axes == "SYX":  # Samples that lie behind each other.
        pixels = np.moveaxis(pixels, 0, -1)
    elif page.axes not in ("YX", "YXS"):
        raise ValueError(f"a page of the axes {page.axes}, which must be rows, columns and samples")
    pixels = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
    kind = getattr(page.photometric, "name", str(page.photometric))
    if kind not in _COLORS:
        raise ValueError(f"colours of the kind {kind}, which must be one of {', '.join(_COLORS)}")
    count = min(_COLORS[kind], pixels.shape[-1])
    color, extra = pixels[..., :count], pixels[..., count:]
    extras = list(page.extrasamples)
    alpha = extra.shape[-1] == 1 and extras in ([_ASSOCIATED], [_UNASSOCIATED])
    color = _rgb_or_grey(color, kind, page)
    if extra.shape[-1]:
        if alpha and extras == [_ASSOCIATED] and color.dtype.kind == "u":
            color = _divided(color, extra)
        color = np.concatenate([color, _as(extra, color.dtype)], axis=-1)
    return Page(_upright(color, page), alpha)


def _rgb_or_grey(color, kind, page):
    if kind == "PALETTE":
        return np.moveaxis(page.colormap >> 8, 0, -1)[color[..., 0]].astype("uint8")
    if kind == "SEPARATED":
        return _of_inks(color, page)
    if kind in ("CIELAB", "ICCLAB"):
        return _of_lab(color, kind)
    if color.dtype == bool:
        color = color.astype("uint8") * 255
    elif color.dtype == "uint8" and page.bitspersample < 8:
        color = color * (255 // (2**page.bitspersample - 1))
    if kind == "MINISWHITE" and color.dtype.kind == "u":
        color = np.iinfo(color.dtype).max - color
    return np.ascontiguousarray(color)


def _of_inks(inks, page):
    tag = page.tags.get(_INK_SET)
    if inks.shape[-1] != _COLORS["SEPARATED"] or (tag and tag.value != _CMYK):
        raise ValueError("inks that are not cyan, magenta, yellow and black; save it as RGB")
    if inks.dtype == "uint8":
        return np.asarray(Image.fromarray(np.ascontiguousarray(inks), "CMYK").convert("RGB"))
    most = np.iinfo(inks.dtype).max
    paper = most - inks.astype("float64")
    return np.rint(paper[..., :3] * paper[..., 3:] / most).astype(inks.dtype)


def _of_lab(lab, kind):
    if lab.dtype == "uint8":
        # ICC's has 128 added to a and b.
        offset = np.array([0, 128, 128] if kind == "ICCLAB" else [0, 0, 0], "uint8")
        stored = np.ascontiguousarray(lab ^ offset)
        image = Image.frombytes("LAB", stored.shape[1::-1], stored.tobytes())
        return np.asarray(image.convert("RGB"))
    chroma = lab[..., 1:].astype("int16" if kind == "CIELAB" else "float64")
    chroma = chroma - (2**15 if kind == "ICCLAB" else 0)
    values = np.concatenate([lab[..., :1] * (100 / 65535), chroma / _CHROMA], axis=-1)
    xyz = lab2xyz(values, illuminant="D50") @ _D50_TO_D65.T
    return np.rint(65535 * np.clip(xyz2rgb(xyz), 0, 1)).astype("uint16")


def _divided(color, alpha):
    """Divides colours by their alpha, as Pillow does: to the integer below; none by 0."""
    most = np.iinfo(color.dtype).max
    wide = color.astype("uint64") * most // np.maximum(alpha, 1)
    return np.where(alpha == 0, color, np.minimum(wide, most)).astype(color.dtype)


def _as(extra, dtype):
    if extra.dtype == dtype:
        return extra
    raise ValueError(f"samples of {extra.dtype} beside colours that become {dtype}; save it as RGB")


def _upright(pixels, page):
    tag = page.tags.get(_ORIENTATION)
    return turned(pixels, tag.value if tag else 1)
