import io
import re
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data import codecs, formats, images

RANDOM = np.random.default_rng(0)
PIXELS = RANDOM.integers(0, 256, (12, 20, 3)).astype("uint8")
# What each format holds without loss: channels by type.
LOSSLESS = {
    ".png": {"uint8": (1, 2, 3, 4), "uint16": (1, 2, 3, 4)},
    ".bmp": {"uint8": (1, 3)},
    ".webp": {"uint8": (3, 4)},
    ".tiff": {"uint8": (1, 2, 3, 4, 7), "uint16": (1, 2, 3, 4, 7), "float32": (1, 3, 7)},
    ".npy": {"uint8": (1, 3, 7), "uint16": (1, 3, 7), "float32": (1, 3, 7)},
}
CASES = []
for suffix, counts_by_dtype in LOSSLESS.items():
    for dtype, counts in counts_by_dtype.items():
        CASES += [(suffix, dtype, channels) for channels in counts]


def saved(image, kind, **options):
    encoded = io.BytesIO()
    image.save(encoded, kind, **options)
    return encoded.getvalue()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_goes_in_comes_out_to_the_bit(data):
    suffix, dtype, channels = data.draw(st.sampled_from(CASES))
    shape = (data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9)), channels)
    elements = st.floats(-1e6, 1e6, width=32) if dtype == "float32" else None
    pixels = data.draw(arrays.arrays(dtype, shape, elements=elements))
    decoded = codecs.decode(codecs.encode(pixels, suffix)).pixels
    assert decoded.dtype == dtype
    if suffix == ".webp" and (pixels[..., 3:] == 255).all():  # Then it stores no alpha.
        pixels = pixels[..., :3]
    np.testing.assert_array_equal(decoded, pixels)


def test_webp_stores_no_alpha_that_is_opaque_everywhere():
    pixels = RANDOM.integers(0, 256, (5, 7, 4)).astype("uint8")
    pixels[..., 3] = 255
    decoded = codecs.decode(codecs.encode(pixels, ".webp")).pixels
    np.testing.assert_array_equal(decoded, pixels[..., :3])
    pixels[2, 3, 3] = 254
    decoded = codecs.decode(codecs.encode(pixels, ".webp")).pixels
    np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.parametrize(("suffix", "dtype", "channels"), CASES)
def test_other_libraries_read_what_was_written(suffix, dtype, channels):
    pixels = RANDOM.integers(0, 65536, (5, 7, channels)).astype(dtype)
    encoded = codecs.encode(pixels, suffix)
    if suffix == ".npy":
        read = np.load(io.BytesIO(encoded))
    elif suffix == ".tiff":
        read = tifffile.imread(io.BytesIO(encoded))
    elif dtype == "uint16":  # Pillow would reduce colours of 16 bits to 8.
        read = tf.io.decode_png(encoded, dtype="uint16").numpy()
    else:
        read = np.asarray(Image.open(io.BytesIO(encoded)))
    np.testing.assert_array_equal(read.reshape(pixels.shape), pixels)


@pytest.mark.parametrize(("suffix", "dtype", "channels"), CASES)
def test_what_is_called_native_tensorflow_reads_alike(suffix, dtype, channels):
    pixels = RANDOM.integers(0, 65536, (5, 7, channels)).astype(dtype)
    encoded = codecs.encode(pixels, suffix)
    native = codecs.decode(encoded).native
    assert native == (suffix == ".png")
    for wanted in (1, 3, 4) if native else ():
        decoded = images.decode(encoded, wanted, dtype)
        np.testing.assert_array_equal(decoded, formats.convert(pixels, wanted, dtype))


def test_the_first_frame_and_page_count():
    frames = [Image.new("RGB", (4, 2), color) for color in ("white", "black")]
    for kind in ("gif", "tiff", "webp"):
        encoded = saved(frames[0], kind, save_all=True, append_images=frames[1:])
        decoded = codecs.decode(encoded)
        assert (decoded.frames, decoded.native) == (2, False)
        assert decoded.pixels.min() > 250


def test_orientation_of_cameras_is_applied():
    smooth = Image.fromarray(PIXELS[:2, :3]).resize((48, 32), Image.BICUBIC)
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn clockwise to see it upright.
    decoded = codecs.decode(saved(smooth, "jpeg", exif=exif, quality=95))
    plain = codecs.decode(saved(smooth, "jpeg", quality=95)).pixels
    np.testing.assert_array_equal(decoded.pixels, np.rot90(plain, -1))
    assert not decoded.native


@pytest.mark.parametrize(
    ("mode", "expected_mode"),
    [("P", "RGB"), ("CMYK", "RGB"), ("1", "L"), ("LA", "LA"), ("YCbCr", "RGB"), ("LAB", "RGB")],
)
def test_other_modes_become_grey_or_rgb(mode, expected_mode):
    converted = Image.fromarray(PIXELS).convert(mode)
    kind = {"CMYK": "jpeg", "YCbCr": "jpeg", "LAB": "tiff"}.get(mode, "png")
    encoded = saved(converted, kind)
    expected = np.asarray(Image.open(io.BytesIO(encoded)).convert(expected_mode))
    decoded = codecs.decode(encoded).pixels
    np.testing.assert_array_equal(decoded, expected.reshape(decoded.shape))


def test_transparency_of_palettes_becomes_alpha():
    palette = Image.fromarray(PIXELS).quantize(8)
    encoded = saved(palette, "png", transparency=3)
    decoded = codecs.decode(encoded)
    assert decoded.pixels.shape == (12, 20, 4)
    np.testing.assert_array_equal(decoded.pixels[..., 3] == 0, np.asarray(palette) == 3)


def test_arrays_of_other_types_become_those_there_are():
    def decoded(array):
        encoded = io.BytesIO()
        np.save(encoded, array)
        return codecs.decode(encoded.getvalue()).pixels

    assert decoded(np.ones((2, 3), bool)).tolist() == np.full((2, 3, 1), 255).tolist()
    assert decoded(np.ones((2, 3), ">u2")).dtype == np.uint16
    for dtype in ("int32", "float64", "float16", "int16"):
        pixels = decoded(np.full((2, 3), -7, dtype))
        assert (pixels.dtype, pixels.min()) == (np.float32, -7)


def png_of_declared_size(height, width):
    def chunk(kind, content):
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def npy_of_declared_size(*shape):
    encoded = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        encoded, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return encoded.getvalue()


def damaged(kind, **options):
    noise = Image.fromarray(RANDOM.integers(0, 256, (64, 64, 3)).astype("uint8"))
    whole = saved(noise, kind, **options)
    return whole[: len(whole) // 2]


def with_wrong_checksum():
    encoded = bytearray(codecs.encode(np.zeros((9, 9, 3), "uint16"), ".png"))
    encoded[60] ^= 1
    return bytes(encoded)


BROKEN = {
    "empty": (b"", "the file is empty"),
    "text": (b"<svg></svg>", "it is no image of a known format"),
    "zeros": (bytes(4096), "it is no image of a known format"),
    "cut jpeg": (damaged("jpeg"), r"image file is truncated .*"),
    "cut png": (damaged("png"), r".*"),
    "cut bmp": (damaged("bmp"), r"image file is truncated .*"),
    "cut tiff": (damaged("tiff"), r".*"),
    "cut webp": (damaged("webp", lossless=True), r".*"),
    "cut npy": (npy_of_declared_size(64, 64, 3), r".*"),
    "cut deep png": (codecs.encode(np.zeros((64, 64, 3), "uint16"), ".png")[:60], r".*"),
    "cut deep tiff": (codecs.encode(np.zeros((64, 64, 3), "uint16"), ".tiff")[:400], r".*"),
    "wrong checksum": (with_wrong_checksum(), r".*"),
    "png bomb": (png_of_declared_size(50_000, 50_000), r".*decompression bomb.*"),
    "npy bomb": (npy_of_declared_size(50_000, 50_000), r".*decompression bomb"),
    "npy of objects": (npy_of_declared_size(2, 2, 2, 2), r".*must be \[height, width, channels\]"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_before_they_cost_memory(name):
    encoded, reason = BROKEN[name]
    with pytest.raises(codecs.UnreadableError, match=rf"^it cannot be decoded: {reason}$"):
        codecs.decode(encoded)


def test_what_a_format_cannot_hold_is_refused():
    message = (
        "The format of a file must hold the channels and bits of its image. Received: 3 channels "
        "of uint16 for '.jpg'. Use .png or .tif or .tiff or .npy."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        codecs.encode(np.zeros((2, 2, 3), "uint16"), ".JPG")
    message = (
        "The format of a file must hold the channels and bits of its image. Received: 1 channels "
        "of float64 for '.npy'. Convert it to uint8 or uint16 or float32."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        codecs.encode(np.zeros((2, 2, 1)), ".npy")


def test_a_write_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(InputError):
        codecs.write(np.zeros((2, 2, 6), "uint8"), tmp_path / "a.png")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(OSError, match=r"b\.png"):
        codecs.write(np.zeros((2, 2, 3), "uint8"), tmp_path / "b.png")
    assert [path.name for path in tmp_path.iterdir()] == ["b.png"]
