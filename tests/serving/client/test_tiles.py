import io
import re

import numpy as np
import pytest
from PIL import Image

from serving.client import tiles
from serving.client.failures import BadArgument, BadImage
from tests.cases import smooth_images
from tfpix2pix.data import images


def encoded(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def decoded(file):
    return np.asarray(Image.open(io.BytesIO(file)))


def photo(height, width):
    return images.to_pixels(smooth_images((1, height, width, 3), 2))[0].numpy()


@pytest.mark.parametrize(
    ("size", "tiling", "spans"),
    [
        # Worked by hand: the last tile ends with the image, whatever it shares with the one before.
        ((7, 20), tiles.Tiling(8, 2), ([(0, 7)], [(0, 8), (6, 14), (12, 20)])),
        ((9, 8), tiles.Tiling(8, 0), ([(0, 8), (1, 9)], [(0, 8)])),
        ((8, 8), tiles.Tiling(8, 7), ([(0, 8)], [(0, 8)])),
        ((10, 8), tiles.Tiling(8, 7), ([(0, 8), (1, 9), (2, 10)], [(0, 8)])),
    ],
)
def test_tiles_cover_the_image_in_equal_sizes(size, tiling, spans):
    pixels = photo(*size)
    boxes, cut = tiles.cut(encoded(pixels), tiling)
    rows, columns = spans
    assert boxes == [
        [(left, top, right, bottom) for left, right in columns] for top, bottom in rows
    ]
    for box, tile in zip((box for row in boxes for box in row), cut):
        left, top, right, bottom = box
        np.testing.assert_array_equal(decoded(tile), pixels[top:bottom, left:right])


@pytest.mark.parametrize("size", [(40, 64), (64, 17), (100, 70), (16, 16)])
@pytest.mark.parametrize("overlap", [0, 5, 15])
def test_what_does_not_depend_on_the_surroundings_is_joined_as_it_was(size, overlap):
    pixels = photo(*size)
    boxes, cut = tiles.cut(encoded(pixels), tiles.Tiling(16, overlap))
    joined = decoded(tiles.join(boxes, [encoded(255 - decoded(tile)) for tile in cut]))
    # Both sides of a fade are equal; Pillow may round by one level.
    assert np.abs(joined.astype(int) - (255 - pixels.astype(int))).max() <= 1


@pytest.mark.parametrize("axis", [0, 1])
def test_neighbours_fade_linearly_into_each_other(axis):
    shape = np.roll([14, 8], axis)
    boxes, cut = tiles.cut(encoded(photo(*shape)), tiles.Tiling(8, 2))
    assert len(cut) == 2
    black, white = (np.full((8, 8, 3), level, "uint8") for level in (0, 255))
    joined = decoded(tiles.join(boxes, [encoded(black), encoded(white)]))
    line = joined[:, 3, 1] if axis == 0 else joined[3, :, 1]
    # Two pixels in common: a quarter and three quarters of the second.
    np.testing.assert_array_equal(line, [0] * 6 + [64, 191] + [255] * 6)


def test_an_image_that_fits_is_sent_as_it_is():
    file = encoded(photo(16, 9))
    assert tiles.cut(file, tiles.Tiling(16, 4)) == ([[(0, 0, 9, 16)]], [file])
    assert tiles.join([[(0, 0, 9, 16)]], [b"translated"]) == b"translated"


@pytest.mark.parametrize("tiling", [tiles.Tiling(8, 8), tiles.Tiling(8, -1), tiles.Tiling(0, 0)])
def test_tiles_that_do_not_cover_are_refused(tiling):
    message = (
        "Tiles must be larger than their overlap, which must not be negative. Received: tiles of "
        f"{tiling.side} pixels with {tiling.overlap} in common. Use larger tiles."
    )
    with pytest.raises(BadArgument, match=f"^{re.escape(message)}$"):
        tiling.check()


def test_bits_are_not_lost_without_a_word():
    deep = encoded(np.zeros((9, 9), "uint16"))
    with pytest.raises(BadImage) as caught:
        tiles.cut(deep, tiles.Tiling(8, 0))
    assert str(caught.value) == (
        "Tiles must have 8 bits. Received: INVALID_ARGUMENT: a PNG of 16 bits. Send the image "
        "whole."
    )
    with pytest.raises(BadImage) as caught:
        tiles.join([[(0, 0, 9, 9), (9, 0, 18, 9)]], [deep, deep])
    assert str(caught.value) == (
        "Translations in tiles must have 8 bits. Received: INVALID_ARGUMENT: a PNG of 16 bits. "
        "Send the image whole."
    )


def test_what_is_no_image_is_refused():
    with pytest.raises(BadImage) as caught:
        tiles.cut(b"no image", tiles.Tiling(8, 0))
    assert str(caught.value).startswith(
        "The image must be readable. Received: INVALID_ARGUMENT: cannot identify image file"
    )
