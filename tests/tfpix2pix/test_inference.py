import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cases import fixed_weights, open_generator, smooth_images
from tfpix2pix import inference, unet_generator


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([2, 4, 8]))
def test_padding_is_numpy_s_reflection(height, width, multiple):
    images = np.arange(2 * height * width).reshape(2, height, width, 1)
    padded, top, left = inference.reflect_to_multiple(tf.constant(images), multiple)
    missing = [-side % multiple for side in (height, width)]
    before = [side // 2 for side in missing]
    around = [(low, side - low) for low, side in zip(before, missing)]
    # NumPy reflects as often as needed too, but only where there is something to reflect.
    expected = images
    for axis, (widths, side) in enumerate(zip(around, (height, width)), start=1):
        pads = [widths if index == axis else (0, 0) for index in range(4)]
        expected = np.pad(expected, pads, mode="reflect" if side > 1 else "edge")
    np.testing.assert_array_equal(padded, expected)
    assert [int(top), int(left)] == before


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_multiple_is_the_product_of_the_strides(depth):
    assert inference.size_multiple(unet_generator((None, None, 1), depth=depth)) == 2**depth


def test_a_size_that_fits_is_translated_as_the_network_does():
    generator = fixed_weights(open_generator())
    source = smooth_images((2, 8, 12, 3))
    np.testing.assert_array_equal(inference.translate(generator, source), generator(source))


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_any_size_comes_back_as_it_went_in_whatever_its_neighbours(norm):
    generator = fixed_weights(open_generator(norm=norm))
    source = smooth_images((3, 7, 13, 3))
    translated = inference.translate(generator, source)
    assert translated.shape == source.shape
    alone = inference.translate(generator, source[1:2])
    np.testing.assert_allclose(translated[1], alone[0], atol=1e-5)


def test_a_padded_image_is_translated_by_what_it_shows_not_by_its_padding():
    """Cropping a larger translation of the reflected image gives the same pixels."""
    generator = fixed_weights(open_generator())
    source = smooth_images((1, 6, 8, 3))
    reflected = np.pad(source, ((0, 0), (1, 1), (0, 0), (0, 0)), mode="reflect")
    expected = generator(reflected)[:, 1:-1]
    np.testing.assert_allclose(inference.translate(generator, source), expected, atol=1e-6)
