import io

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tfpix2pix.data import images

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
    np.testing.assert_array_equal(images.to_uint8(signed), pixels)


@given(st.floats(-2, 2, width=32))
def test_to_uint8_takes_the_nearest_level_and_clips(value):
    expected = np.clip(np.rint((np.float32(value) + np.float32(1)) * np.float32(127.5)), 0, 255)
    assert images.to_uint8(tf.constant(value)).numpy() == expected


@pytest.mark.parametrize("size", [(6, 10), (9, 31), (12, 20)])
def test_resize_agrees_with_pillow_within_a_level(size):
    expected = np.asarray(Image.fromarray(PIXELS).resize(size[::-1], Image.BILINEAR)).astype(int)
    resized = images.resize(tf.constant(PIXELS), size).numpy()
    assert np.abs(resized - expected).max() <= 1
