import io
import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data import codecs, images

PIXELS = np.random.default_rng(0).integers(0, 256, (12, 20, 3)).astype("uint8")


def file_of(pixels, kind, **options):
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, kind, **options)
    return encoded.getvalue()


@pytest.mark.parametrize("kind", ["png", "bmp"])
def test_decode_reads_what_pillow_wrote(kind):
    np.testing.assert_array_equal(images.decode(file_of(PIXELS, kind)), PIXELS)


def test_decode_reads_jpeg_as_pillow_does():
    smooth = np.asarray(Image.fromarray(PIXELS[:3, :3]).resize((64, 48), Image.BICUBIC))
    encoded = file_of(smooth, "jpeg", quality=90)
    expected = np.asarray(Image.open(io.BytesIO(encoded))).astype(int)
    assert np.abs(images.decode(encoded).numpy() - expected).max() <= 4


def test_decode_takes_the_first_frame_of_a_gif():
    frames = [Image.new("RGB", (4, 2), color) for color in ("white", "black")]
    encoded = io.BytesIO()
    frames[0].save(encoded, "gif", save_all=True, append_images=frames[1:])
    assert images.decode(encoded.getvalue()).numpy().tolist() == np.full((2, 4, 3), 255).tolist()


def test_decode_turns_grey_into_the_channels_asked_for():
    encoded = file_of(PIXELS[..., 0], "png")
    decoded = images.decode(encoded, channels=3).numpy()
    np.testing.assert_array_equal(decoded, np.stack([PIXELS[..., 0]] * 3, -1))


def test_pillow_reads_what_encode_wrote():
    encoded = images.encode(tf.constant(PIXELS)).numpy()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(encoded))), PIXELS)


def test_every_pixel_value_survives_the_network_s_range():
    pixels = np.arange(256, dtype="uint8")
    signed = images.to_signed(pixels)
    assert (signed[0], signed[255]) == (-1.0, 1.0)
    np.testing.assert_array_equal(images.to_pixels(signed), pixels)


@given(st.floats(-2, 2, width=32))
def test_to_pixels_takes_the_nearest_level_and_clips(value):
    expected = np.clip(np.rint((np.float32(value) + np.float32(1)) * np.float32(127.5)), 0, 255)
    assert images.to_pixels(tf.constant(value)).numpy() == expected


@pytest.mark.parametrize("size", [(6, 10), (9, 31), (12, 20), (30, 50), (24, 5)])
@pytest.mark.parametrize(
    ("kernel", "filter_of_pillow"),
    [("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)],
)
def test_resize_agrees_with_pillow_within_a_level(size, kernel, filter_of_pillow):
    calm = PIXELS // 2 + 64  # Pillow clips what overshoots between its two passes.
    expected = np.asarray(Image.fromarray(calm).resize(size[::-1], filter_of_pillow)).astype(int)
    for dtype, scale in (("uint8", 1), ("uint16", 257), ("float32", 1)):
        resized = images.resize(tf.constant(calm.astype(dtype) * scale), size, kernel)
        assert resized.dtype == dtype
        assert np.abs(resized.numpy() / scale - expected).max() <= 1.1


@pytest.mark.parametrize("size", [(6, 10), (12, 20), (24, 5), (7, 13)])
def test_nearest_makes_no_new_values_and_agrees_with_pillow(size):
    # But where the centre of a pixel falls between two: there either is right.
    expected = np.asarray(Image.fromarray(PIXELS).resize(size[::-1], Image.NEAREST))
    for dtype in ("uint8", "uint16", "float32"):
        np.testing.assert_array_equal(
            images.resize(tf.constant(PIXELS, dtype), size, "nearest"), expected
        )


def test_area_is_the_mean_of_what_a_pixel_covers():
    shrunk = images.resize(tf.constant(PIXELS), (4, 5), "area").numpy()
    blocks = PIXELS.reshape(4, 3, 5, 4, 3).mean(axis=(1, 3))
    assert np.abs(shrunk - blocks).max() <= 0.5 + 1e-4


def test_resize_makes_no_difference_at_the_right_size():
    for kernel in images.KERNELS:
        for dtype in ("uint8", "uint16"):
            same = images.resize(tf.constant(PIXELS, dtype), (12, 20), kernel)
            np.testing.assert_array_equal(same, PIXELS)


def test_an_unknown_kernel_is_refused():
    message = "`kernel` must be one of bilinear, bicubic, area, nearest. Received: 'lanczos'."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        images.resize(tf.constant(PIXELS), (4, 4), "lanczos")


def test_sixteen_bits_are_decoded_from_any_file_so_that_white_is_white():
    """TensorFlow alone makes 65280 of a JPEG's 255, and 65535 of a PNG's."""
    white = np.full((8, 8, 3), 255, "uint8")
    for kind in ("png", "jpeg", "bmp"):
        assert images.decode(file_of(white, kind), 3, "uint16").numpy().min() == 65535
    deep = np.random.default_rng(1).integers(0, 65536, (5, 7, 3)).astype("uint16")
    np.testing.assert_array_equal(images.decode(images.encode(deep), 3, "uint16"), deep)


@pytest.mark.parametrize("eager", [True, False])
def test_read_gives_all_bytes_to_the_libraries(eager):
    """NumPy drops the zeros at the end of a string, with which TIFF files often end."""
    pixels = np.zeros((3, 5, 6), "uint16")
    encoded = codecs.encode(pixels, ".tiff")
    assert encoded.endswith(b"\0")

    def read(encoded):
        return images.decode_any(encoded, 6, "uint16", native=False)

    read = read if eager else tf.function(read)
    np.testing.assert_array_equal(read(tf.constant(encoded)), pixels)


def test_read_chooses_by_the_flag_of_each_file():
    encoded = [codecs.encode(PIXELS, suffix) for suffix in (".png", ".tiff")]
    dataset = tf.data.Dataset.from_tensor_slices((encoded, [True, False]))
    for image in dataset.map(
        lambda file, native: images.decode_any(file, 3, "uint8", native=native)
    ):
        np.testing.assert_array_equal(image, PIXELS)


@pytest.mark.parametrize(
    ("dtype", "value_range"), [("uint16", None), ("uint16", (100, 4095)), ("float32", (-3.0, 5.0))]
)
def test_ranges_become_the_networks_and_come_back(dtype, value_range):
    low, high = value_range or (0, 65535)
    pixels = np.linspace(low, high, 4096).astype(dtype)
    signed = images.to_signed(tf.constant(pixels), value_range).numpy()
    np.testing.assert_allclose(signed, (pixels - low) / (high - low) * 2 - 1, atol=1e-6)
    back = images.to_pixels(signed, dtype, value_range).numpy()
    np.testing.assert_allclose(back, pixels, atol=0 if dtype == "uint16" else 1e-6)


def test_all_of_sixteen_bits_survive_the_networks_range():
    pixels = np.arange(65536, dtype="uint16")
    np.testing.assert_array_equal(images.to_pixels(images.to_signed(pixels), "uint16"), pixels)


def test_any_kind_is_displayed_in_colour():
    cases = [
        (np.array([[[0, 128, 255, 7]]], "uint8"), None, [0, 128, 255]),
        (np.array([[[65535, 0]]], "uint16"), None, [255] * 3),
        (np.array([[[-1.0]]], "float32"), (-3, 1), [128] * 3),
        (np.array([[[0, 1, 0.5, 9, 9]]], "float32"), None, [0, 255, 128]),
    ]
    for pixels, value_range, expected in cases:
        assert images.displayed(tf.constant(pixels), value_range)[0, 0].numpy().tolist() == expected
