"""Ids: whole numbers of 1 to 32 bits, and the indices of palettes, as they are in files."""

import io
import re

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from tests.cases.image_kinds import PALETTE, png, saved
from tfpix2pix.data import codecs
from tfpix2pix.data.ids import decode_ids, read_ids

RANDOM = np.random.default_rng(0)


def tiff(pixels):
    file = io.BytesIO()
    tifffile.imwrite(file, pixels)
    return file.getvalue()


def npy(pixels):
    file = io.BytesIO()
    np.save(file, pixels)
    return file.getvalue()


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_and_palettes_of_all_bits_give_their_numbers(bits):
    numbers = RANDOM.integers(0, 2**bits, (5, 7, 1))
    np.testing.assert_array_equal(decode_ids(png(numbers, 0, bits)), numbers)
    if bits <= 8:
        palette = (b"PLTE", PALETTE[: 2**bits].tobytes())
        np.testing.assert_array_equal(decode_ids(png(numbers, 3, bits, palette)), numbers)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "int16", "int32", "uint32", ">u2"])
@pytest.mark.parametrize("write", [tiff, npy])
def test_numbers_of_all_bits_stay_in_tiff_and_npy(write, dtype):
    """Pillow would give 24 of 32 bits, and signed 16 bits."""
    largest = 1 if dtype == "bool" else min(np.iinfo(dtype).max, 2**31 - 1)
    numbers = RANDOM.integers(0, largest, (5, 7), endpoint=True)
    numbers[0, 0] = largest
    decoded = decode_ids(write(numbers.astype(dtype)))
    assert (decoded.dtype, decoded.shape) == ("int32", (5, 7, 1))
    np.testing.assert_array_equal(decoded[..., 0], numbers)


@pytest.mark.parametrize("kind", ["BMP", "TIFF"])
def test_palettes_of_other_formats_give_their_indices(kind):
    numbers = RANDOM.integers(0, 256, (5, 7), "uint8")
    image = Image.fromarray(numbers, "P")
    image.putpalette(PALETTE.tobytes())
    np.testing.assert_array_equal(decode_ids(saved(image, kind))[..., 0], numbers)


@pytest.mark.parametrize(
    ("encoded", "fault"),
    [
        (tiff(np.full((2, 2), 2**31, "uint32")), "it has the id 2147483648, and ids are from 0 to"),
        (npy(np.full((2, 2), -1, "int32")), "it has the id -1, and ids are from 0 to 2147483647"),
        (npy(np.zeros((2, 2), "float32")), "it has values of float32, and ids are whole numbers"),
        (
            saved(Image.new("RGB", (2, 2)), "PNG"),
            "it has 3 channels, and a map of ids is grey or has a palette",
        ),
        (
            saved(Image.new("L", (2, 2)), "JPEG"),
            "it is a JPEG file, which does not keep ids; save the map as PNG",
        ),
        (b"", "it cannot be decoded: the file is empty"),
    ],
)
def test_what_is_no_map_of_ids_is_refused(encoded, fault):
    with pytest.raises(codecs.UnreadableError, match=f"^{re.escape(fault)}"):
        decode_ids(encoded)


def test_ids_are_read_alike_eagerly_and_within_a_dataset():
    encoded = npy(np.array([[0, 255]], "int32"))
    dataset = tf.data.Dataset.from_tensors(encoded).map(lambda file: read_ids(file, "uint8"))
    for pixels in (read_ids(encoded, "uint8"), *dataset):
        assert (pixels.dtype, pixels.numpy().tolist()) == (tf.uint8, [[[0], [255]]])
