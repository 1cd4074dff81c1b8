import gc
import re
import weakref

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow import keras

from tests.cases import fixed_weights, open_generator, smooth_images
from tfpix2pix import InputError, inference, unet_generator
from tfpix2pix.data.geometry import reflect_to_multiple
from tfpix2pix.inference import translate
from tfpix2pix.layers import BatchNormalization, Dropout


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([2, 4, 8]))
def test_padding_is_numpy_s_reflection(height, width, multiple):
    images = np.arange(2 * height * width).reshape(2, height, width, 1)
    padded, top, left = reflect_to_multiple(tf.constant(images), multiple)
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


@pytest.mark.parametrize("depth", [2, 3])
def test_multiple_is_the_product_of_the_strides(depth):
    assert (
        inference.size_multiple(unet_generator((None, None, 1), depth=depth, base_filters=4))
        == 2**depth
    )


def test_a_size_that_fits_is_translated_as_the_network_does():
    generator = fixed_weights(open_generator())
    source = smooth_images((2, 8, 12, 3))
    np.testing.assert_allclose(translate(generator, source), generator(source), atol=1e-6)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_any_size_comes_back_as_it_went_in_whatever_its_neighbours(norm):
    generator = fixed_weights(open_generator(norm=norm))
    source = smooth_images((3, 7, 13, 3))
    translated = translate(generator, source)
    assert (translated.shape, translated.dtype) == (source.shape, tf.float32)
    alone = translate(generator, source[1:2])
    np.testing.assert_allclose(translated[1], alone[0], atol=1e-5)


def test_a_padded_image_is_translated_by_what_it_shows_not_by_its_padding():
    """Cropping a larger translation of the reflected image gives the same pixels."""
    generator = fixed_weights(open_generator())
    source = smooth_images((1, 6, 8, 3))
    reflected = np.pad(source, ((0, 0), (1, 1), (0, 0), (0, 0)), mode="reflect")
    expected = generator(reflected)[:, 1:-1]
    np.testing.assert_allclose(translate(generator, source), expected, atol=1e-6)


def test_a_list_of_images_of_many_sizes_is_translated_in_its_order():
    generator = fixed_weights(open_generator())
    images = [smooth_images((*size, 3), seed) for seed, size in enumerate([(5, 9), (8, 4), (5, 9)])]
    for image, translated in zip(images, translate(generator, images)):
        np.testing.assert_allclose(translated, translate(generator, image[None])[0], atol=1e-6)
    drawn = translate(dropout_alone(3), images, samples=2)
    assert [x.shape.as_list() for x in drawn] == [[2, 5, 9, 3], [2, 8, 4, 3], [2, 5, 9, 3]]


# What batch norm goes by.


def test_statistics_of_the_batch_are_those_of_training_and_change_nothing():
    generator = fixed_weights(open_generator(norm="batch", dropout_levels=0))
    before = generator.get_weights()
    source = smooth_images((3, 8, 12, 3)) * tf.reshape([0.1, 0.5, 1.0], (3, 1, 1, 1))
    translated = translate(generator, source, statistics="batch")
    np.testing.assert_equal(generator.get_weights(), before)
    np.testing.assert_allclose(translated, generator(source, training=True), atol=1e-5)
    assert np.abs(translated - translate(generator, source)).max() > 0.01


def test_moving_statistics_are_those_of_keras_own_layer():
    generator = fixed_weights(open_generator(norm="batch"))

    def plain(layer):
        kind = type(layer)
        kind = keras.layers.BatchNormalization if kind is BatchNormalization else kind
        return kind.from_config(layer.get_config())

    expected = keras.models.clone_model(generator, clone_function=plain)
    expected.set_weights(generator.get_weights())
    source = smooth_images((2, 8, 12, 3))
    translated = translate(generator, source, statistics="moving")
    np.testing.assert_allclose(translated, expected(source), atol=1e-5)
    assert np.abs(translated - translate(generator, source)).max() > 0.01


# Samples.


def dropout_alone(channels):
    inputs = keras.Input((None, None, channels))
    return keras.Model(inputs, Dropout(0.2, seed=0, name="up1_dropout")(inputs))


def test_dropout_drops_its_share_and_scales_the_rest():
    samples = translate(dropout_alone(50), tf.ones((1, 20, 20, 50)), samples=3).numpy()
    assert samples.shape == (3, 1, 20, 20, 50)
    assert set(np.unique(samples)) == {0.0, 1.25}
    # Binomial: 4 standard deviations of 20,000 draws.
    np.testing.assert_allclose((samples == 0).mean(axis=(1, 2, 3, 4)), 0.2, atol=0.0113)


def test_samples_differ_and_come_again_whatever_was_drawn_before_or_beside():
    generator = unet_generator((None, None, 3), depth=3, base_filters=4, norm="batch")
    fixed_weights(generator)
    states = [x.noise.state.numpy() for x in generator.layers if isinstance(x, Dropout)]
    source = smooth_images((3, 16, 24, 3))
    samples = translate(generator, source, samples=3, seed=7)
    assert samples.shape == (3, 3, 16, 24, 3)
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert np.abs(samples[one] - samples[other]).max() > 0.01
    again = translate(generator, source[1:2], samples=2, seed=7)
    np.testing.assert_allclose(again[:, 0], samples[:2, 1], atol=1e-5)
    assert np.abs(translate(generator, source, samples=1, seed=8)[0] - samples[0]).max() > 0.01
    np.testing.assert_allclose(translate(generator, source), generator(source), atol=1e-5)
    after = [x.noise.state.numpy() for x in generator.layers if isinstance(x, Dropout)]
    np.testing.assert_array_equal(states, after)


# Graphs.


def test_many_images_are_not_traced_one_by_one():
    traced = []
    inputs = keras.Input((None, None, 3))
    spy = keras.layers.Lambda(lambda x: traced.append(x.shape) or x)
    network = keras.Model(inputs, spy(inputs))
    traced.clear()
    for height in range(1, 12):
        image = smooth_images((1 + height % 3, height, 2 * height, 3))
        np.testing.assert_array_equal(translate(network, image), image)
    assert len(traced) <= 3


def test_weights_that_change_are_seen_and_a_generator_that_goes_is_gone():
    generator = fixed_weights(open_generator())
    source = smooth_images((1, 8, 8, 3))
    before = translate(generator, source)
    generator.set_weights([2 * weight for weight in generator.get_weights()])
    assert np.abs(before - translate(generator, source)).max() > 0.01
    reference = weakref.ref(generator)
    del generator
    gc.collect()
    assert reference() is None


# Odd inputs.


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3000, 20)])
@pytest.mark.parametrize("kind", ["blank", "black", "noise"])
def test_odd_images_have_finite_translations(size, kind):
    generator = fixed_weights(open_generator(norm="batch"))
    noise = tf.random.stateless_uniform((1, *size, 3), (0, 0), -1, 1)
    source = {"blank": tf.ones_like(noise), "black": -tf.ones_like(noise), "noise": noise}[kind]
    translated = translate(generator, source).numpy()
    assert translated.shape == source.shape
    assert np.abs(translated).max() <= 1  # False for NaN, too.


RULE = "`source` must be float `[batch, height, width, 3]` in [-1, 1] and not empty. Received: "
CURE = "`tfpix2pix.data.images.to_signed` makes it of pixels."
GENERATOR = unet_generator((None, None, 3), depth=2, base_filters=4, name="tiny")


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (np.zeros((1, 8, 8, 3), "uint8"), {}, f"{RULE}uint8 of shape (1, 8, 8, 3). {CURE}"),
        (np.zeros((1, 8, 8, 1)), {}, f"{RULE}float64 of shape (1, 8, 8, 1). {CURE}"),
        (np.zeros((8, 8, 3)), {}, f"{RULE}float64 of shape (8, 8, 3). {CURE}"),
        (np.zeros((1, 0, 8, 3)), {}, f"{RULE}float64 of shape (1, 0, 8, 3). {CURE}"),
        (
            [np.zeros((8, 8, 3)), np.zeros((1, 8, 8, 3))],
            {},
            f"{RULE.replace('batch, ', '')}float64 of shape (1, 8, 8, 3). {CURE}",
        ),
        (
            np.zeros((1, 8, 8, 3)),
            {"statistics": "mean"},
            "`statistics` must be one of batch, moving, per_image. Received: 'mean'. Use "
            '"per_image" to translate each image by its own.',
        ),
        (
            np.zeros((1, 8, 8, 3)),
            {"statistics": "moving"},
            'statistics="moving" needs a network with batch norm, which alone keeps moving '
            "averages. Received: 'tiny'. Use \"per_image\".",
        ),
        (
            np.zeros((1, 8, 8, 3)),
            {"samples": 0},
            "`samples` must be at least 1. Received: samples=0. Leave it out for one translation "
            "without noise.",
        ),
        (
            np.zeros((1, 8, 8, 3)),
            {"samples": 2},
            "`samples` differ by dropout alone, which 'tiny' has none of. Received: samples=2. "
            "Leave it out, or train with `dropout_levels` of at least 1.",
        ),
        (
            np.zeros((1, 8, 8, 3)),
            {"strip": 0},
            "`strip` must be at least 1. Received: strip=0. 64 rows are a good choice.",
        ),
    ],
)
def test_what_cannot_be_translated_is_refused(source, options, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        translate(GENERATOR, source, **options)
