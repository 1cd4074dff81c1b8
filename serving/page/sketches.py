"""Turns drawings into sources like the training images: size, colours, width of lines."""

import base64
import io
import math
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError
from scipy import ndimage
from skimage.morphology import skeletonize

from serving.client.decoding import decoded
from serving.client.failures import BadImage, Code
from serving.page.display import recolored, shown_palette

SURE = 32  # Levels from a colour of the palette within which a pixel was meant to have it.
LEAST_INK = 0.2  # Of a line's contrast: thinner than a pixel, lines are pale.
MOST_PIXELS = 4_000_000  # Of a drawing; what is larger, such as a phone's photo, is reduced first.
FINE = 4  # Times finer than the model's pixels, at least, are lines drawn.


class Convention(NamedTuple):
    """How the sources of a model look; the default is that of models without a card.

    Attributes:
        size: `(height, width)` in pixels.
        kind: `"lines"`, `"labels"` or `"picture"`.
        background: `(red, green, blue)` in [0, 255].
        line_color: Likewise, of lines.
        line_width: Pixels.
        palette: Dict of the name of each class to its `(red, green, blue)`, of labels.
        examples: bytes of PNG files.
    """

    size: tuple = (256, 256)
    kind: str = "picture"
    background: tuple = (255, 255, 255)
    line_color: tuple = (0, 0, 0)
    line_width: float = 2.0
    palette: dict = {}  # noqa: RUF012, nobody changes it.
    examples: tuple = ()

    @classmethod
    def from_card(cls, direction: dict, size):
        """Reads the convention of a direction out of the model card.

        Args:
            direction: Dict of `drawing` and `examples`.
            size: `(height, width)` of the training images, or `None`.
        """
        return cls(
            size=tuple(size or cls().size),
            examples=tuple(base64.b64decode(example) for example in direction["examples"]),
            **direction["drawing"],
        )


def read(encoded):
    """Reads an image file as the client and the library do.

    Args:
        encoded: bytes of a file that Pillow reads.

    Returns:
        uint8 `[height, width, 4]`, the last channel the opacity.

    Raises:
        BadImage: If it is no image, or one of floats or 32 bits, whose white nobody knows.
    """
    try:
        return _read(encoded)
    except BadImage:
        raise
    except Exception as error:  # Decoders raise anything.
        unknown = isinstance(error, UnidentifiedImageError)  # Its text names an object in memory.
        reason = f"{len(encoded)} bytes of another format" if unknown else str(error)
        rule = "A drawing must be an image file."
        raise BadImage(rule, Code.INVALID_ARGUMENT, reason or type(error).__name__) from None


def _read(encoded):
    with Image.open(io.BytesIO(encoded)) as image:
        if image.mode in ("F", "I"):
            raise BadImage(
                "A drawing must have 8 or 16 bits.",
                Code.INVALID_ARGUMENT,
                f"a {image.format} of {'floats' if image.mode == 'F' else '32 bits'}",
                "Save it as PNG.",
            )
        image = decoded(image, encoded)
        if image.mode.startswith("I;16"):  # Pillow would clip them.
            image = Image.fromarray(np.rint(np.asarray(image) / 257).astype("uint8"))
        return np.asarray(image.convert("RGBA"))


def write(pixels):
    """Returns the bytes of the PNG file of uint8 `[height, width, channels]`."""
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "png")
    return encoded.getvalue()


def shown_file(encoded, convention):
    """Returns an image file in the colours of the page.

    Args:
        encoded: bytes of a file in the colours that the model knows.
        convention: `Convention`.

    Returns:
        bytes of a file; the same where the colours are.
    """
    if shown_palette(convention.palette) == convention.palette:
        return encoded
    return write(recolored(read(encoded)[..., :3], convention.palette))


def normalized(drawing, convention):
    """Turns any drawing into a source like the training images.

    Args:
        drawing: uint8 `[height, width, 4]` of any size; it is fitted into the model's, and the rest
            is background.
        convention: `Convention`.

    Returns:
        uint8 `[*convention.size, 3]`: lines of the model's colours, and as wide as its lines
        whatever pen drew them; of labels only colours of the palette, for these and for those
        in which the page shows them.
    """
    pixels = _on_background(drawing, convention)
    reduced = _resized(pixels, convention.size, Image.Resampling.BOX)
    for example in convention.examples:
        if np.array_equal(reduced, read(example)[..., :3]):
            return reduced  # Drawing it anew would only blur it.
    return NORMALIZERS[convention.kind](pixels, convention)


def class_numbers(source, convention):
    """Returns the class of each pixel.

    Args:
        source: uint8 `[height, width, 3]`, as `normalized` returns it.
        convention: `Convention`; without a palette all is class 0.

    Returns:
        int64 `[height, width]`, places in the palette.
    """
    if not convention.palette:
        return np.zeros(source.shape[:2], "int64")
    return _nearest(source, convention.palette.values())[0]


def _on_background(drawing, convention):
    """Fits a drawing into background of the model's proportions, as large as it is and needed."""
    height, width = convention.size
    background = tuple(convention.background)
    factor = math.ceil(math.sqrt(drawing[..., 0].size / MOST_PIXELS))
    if convention.kind == "labels":  # Their colours must not be mixed.
        drawing, factor = np.ascontiguousarray(drawing[::factor, ::factor]), 1
    image = Image.fromarray(drawing)
    page = Image.new("RGBA", image.size, background)
    page.alpha_composite(image)
    page = page.convert("RGB").reduce(factor)
    scale = max(1, page.width / width, page.height / height)
    size = (round(width * scale), round(height * scale))
    return np.asarray(ImageOps.pad(page, size, color=background))


def _lines(pixels, convention):
    background, line_color = np.array([convention.background, convention.line_color], float)
    contrast = np.abs(line_color - background).max()
    (distance,) = _distances(pixels, [background])
    ink = (distance > LEAST_INK * contrast).astype("uint8")
    cover = np.zeros(convention.size)
    if ink.any():
        # Around the middle of each stroke a line of the model's width, drawn finely and reduced:
        # so are thin lines of training images paler, not broken.
        height, width = (max(FINE * side, have) for side, have in zip(convention.size, ink.shape))
        middle = skeletonize(_resized(ink, (height, width), Image.Resampling.NEAREST) > 0)
        radius = convention.line_width * width / convention.size[1] / 2
        fine = np.clip(radius + 0.5 - ndimage.distance_transform_edt(~middle), 0, 1)
        cover = _resized(fine.astype("float32"), convention.size, Image.Resampling.BOX)
    mixed = background + (line_color - background) * cover[..., np.newaxis]
    return np.round(mixed).astype("uint8")


def _labels(pixels, convention):
    palette = np.array(list(convention.palette.values()), "uint8")
    shown = shown_palette(convention.palette)
    others = [] if shown == convention.palette else shown.values()
    places, distance = _nearest(pixels, [*palette, *others])
    classes = places % len(palette)
    sure = distance <= SURE
    if sure.any():
        # A border that a browser smoothed has colours between two classes, often those of a third.
        nearest = ndimage.distance_transform_edt(~sure, return_distances=False, return_indices=True)
        classes = classes[tuple(nearest)]
    return palette[_resized(classes.astype("uint8"), convention.size, Image.Resampling.NEAREST)]


def _picture(pixels, convention):
    return _resized(pixels, convention.size, Image.Resampling.LANCZOS)


def _nearest(pixels, colors):
    """Returns the place of the nearest colour, and how far it is, int `[height, width]` each."""
    keys = (pixels.astype("int32") << np.array([16, 8, 0], "int32")).sum(-1)
    # Label maps have few colours.
    _, firsts, places = np.unique(keys, return_index=True, return_inverse=True)
    distances = _distances(pixels.reshape(-1, 3)[firsts], colors)
    places = places.reshape(keys.shape)
    return np.argmin(distances, 0)[places], np.min(distances, 0)[places]


def _distances(pixels, colors):
    """Returns the largest difference of a channel, int16 `[colors, *sides]`."""
    signed = pixels.astype("int16")
    return np.stack([np.abs(signed - np.array(color, "int16")).max(-1) for color in colors])


def _resized(pixels, size, resampling):
    return np.asarray(Image.fromarray(pixels).resize(size[::-1], resampling))


NORMALIZERS = {"lines": _lines, "labels": _labels, "picture": _picture}
