import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import open_generator, smooth_images
from tests.cases.directions import controlled_direction
from tfpix2pix import InputError
from tfpix2pix.inference import (
    SEED,
    Control,
    Direction,
    control_batches,
    translate,
    translate_in,
)
from tfpix2pix.layers import Dropout
from tfpix2pix.layers.initialization import derived_seed


@pytest.fixture(scope="module")
def direction():
    return controlled_direction()


def translated(direction, source, values, **options):
    batches = control_batches(direction, source, values)
    return translate(direction.network, source, controls=batches, **options).numpy()


def test_controls_are_the_inputs_of_the_network_in_its_order(direction):
    source = smooth_images((2, 6, 8, 3))
    values = {"season": [0, 1], "style": [0.1, -0.2, 0.3], "hints": np.ones((2, 6, 8, 4))}
    style, hints, season = control_batches(direction, source, values)
    np.testing.assert_allclose(style, [[0.1, -0.2, 0.3]] * 2)
    assert (hints.dtype, season.dtype) == (tf.float32, tf.int32)
    expected = direction.network([source, style, hints, season], training=False)
    np.testing.assert_allclose(translated(direction, source, values), expected, atol=1e-6)


def test_what_is_not_asked_for_is_neutral(direction):
    source = smooth_images((2, 6, 8, 3))
    style, hints, season = control_batches(direction, source)
    means = source.numpy().mean(axis=(1, 2, 3))
    np.testing.assert_allclose(style, np.stack([means] * 3, axis=1), atol=1e-6)
    assert not np.any(hints)
    assert season.numpy().tolist() == [0, 0]
    neutral = translated(direction, source, {})
    for values in ({"style": [1.0, 1.0, 1.0]}, {"season": 1}, {"hints": np.ones((6, 8, 4))}):
        assert np.abs(translated(direction, source, values) - neutral).max() > 0.01


def test_controls_with_open_sides_are_reflected_with_the_image(direction):
    source, hints = smooth_images((1, 5, 7, 3)), smooth_images((1, 5, 7, 4), seed=1)
    others = [tf.zeros((1, 3)), tf.zeros((1,), "int32")]
    around = ((0, 0), (0, 1), (0, 1), (0, 0))
    reflected = [np.pad(x, around, mode="reflect") for x in (source, hints)]
    expected = direction.network([reflected[0], others[0], reflected[1], others[1]])[:, :5, :7]
    controls = (others[0], hints, others[1])
    output = translate(direction.network, source, controls=controls)
    np.testing.assert_allclose(output, expected, atol=1e-6)


def test_samples_of_a_network_with_controls_come_again_with_their_seed(direction):
    source = smooth_images((2, 6, 8, 3))
    options = {"samples": 2, "seed": 5}
    first = translated(direction, source, {"season": 1}, **options)
    assert first.shape == (2, 2, 6, 8, 3)
    assert np.abs(first[0] - first[1]).max() > 0.01
    again = translated(direction, source[1:], {"season": 1}, **options)
    np.testing.assert_allclose(again[:, 0], first[:, 1], atol=1e-6)
    assert np.abs(translated(direction, source, {}, **options) - first).max() > 0.01


def test_a_seed_draws_the_controls_that_have_a_sample_and_are_not_set(direction):
    source = smooth_images((2, 6, 8, 3))

    def by_hand(number):
        pair = tf.constant((5, number), "int64")
        own = tf.random.experimental.stateless_fold_in(pair, derived_seed(0, "style"))
        style = np.repeat(tf.random.stateless_uniform((1, 3), own, -1, 1), 2, axis=0)
        values = {"style": style, "season": 1}
        return translated(direction, source, values, samples=[number], seed=5)[0]

    drawn = translate_in(direction, source, {"season": 1}, samples=2, seed=5).numpy()
    for number in (0, 1):
        np.testing.assert_allclose(drawn[number], by_hand(number), atol=1e-6)
    one = translate_in(direction, source[1:], {"season": 1, "seed": 5})
    np.testing.assert_allclose(one[0], drawn[0, 1], atol=1e-6)
    style = {"style": [0.1, 0.2, 0.3]}
    np.testing.assert_allclose(
        translate_in(direction, source, style, samples=2, seed=5),
        translated(direction, source, style, samples=2, seed=5),
        atol=1e-6,
    )


def test_a_network_without_dropout_differs_by_drawn_controls_alone():
    image, level = keras.Input((None, None, 3)), keras.Input((1, 1, 1), name="level")
    network = keras.Model([image, level], keras.layers.Multiply()([image, level]))

    def draw(seed, source):
        return tf.repeat(tf.random.stateless_uniform((1, 1, 1, 1), seed), len(source), axis=0)

    level = Control("level", tf.TensorSpec((1, 1, 1)), lambda source: source[:, :1, :1, :1], {})
    drawn = Direction(network, None, multiple=1, controls=(level._replace(sample=draw), SEED))
    source = smooth_images((2, 6, 8, 3)) + 2.0
    outputs = translate_in(drawn, source, samples=3, seed=1).numpy()
    factors = outputs / source.numpy()
    assert (np.ptp(factors, axis=(1, 2, 3, 4)) < 1e-6).all()
    assert len(set(factors[:, 0, 0, 0, 0].round(5))) == 3
    np.testing.assert_allclose(
        translate_in(drawn, source), source * source[:, :1, :1, :1], atol=1e-5
    )
    with refused(
        "`samples` must be at least 1. Received: samples=0. Leave it out for one translation "
        "without chance."
    ):
        translate_in(drawn, source, samples=0)
    with refused(
        "A control must be an input of the network: level. Received: 'seed'. Leave it out."
    ):
        translate_in(drawn._replace(controls=(level,)), source, {"seed": 1})


def test_lists_of_images_have_lists_of_controls(direction):
    images = [smooth_images((*size, 3), seed) for seed, size in enumerate([(5, 9), (8, 4)])]
    seasons = [1, 0]
    batches = [
        control_batches(direction, image[tf.newaxis], {"season": season})
        for image, season in zip(images, seasons)
    ]
    controls = tuple([batch[0] for batch in batches_of_one] for batches_of_one in zip(*batches))
    for image, season, output in zip(
        images, seasons, translate(direction.network, images, controls=controls)
    ):
        expected = translated(direction, image[tf.newaxis], {"season": season})[0]
        np.testing.assert_allclose(output, expected, atol=1e-6)


def test_the_multiple_is_that_of_the_direction():
    image = keras.Input((None, None, 3))
    brighter = keras.layers.Lambda(lambda x: x + tf.cast(tf.shape(x)[1], "float32") / 100)
    network = keras.Model(image, brighter(image))
    source = smooth_images((1, 5, 7, 3))
    for multiple, height in ((None, 5), (8, 8)):
        output = translate(network, source, multiple=multiple)
        np.testing.assert_allclose(output, source + height / 100, atol=1e-6)


def refused(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


def test_values_that_do_not_fit_are_refused(direction):
    source = smooth_images((2, 6, 8, 3))
    with refused(
        "A control must be an input of the network: style, hints, season. Received: 'colour'. "
        "Leave it out."
    ):
        control_batches(direction, source, {"colour": 1})
    with refused(
        "The control 'style' must be numbers of shape [3], for all images or for each. Received: "
        "a value of shape (2,)."
    ):
        control_batches(direction, source, {"style": [1, 2]})
    with refused(
        "The control 'season' must be one number, for all images or for each. Received: 'wet'."
    ):
        control_batches(direction, source, {"season": "wet"})
    with refused(
        "The control 'hints' must be numbers of shape [any, any, 4], for all images or for each. "
        "Received: a value of shape (6, 8, 3)."
    ):
        control_batches(direction, source, {"hints": np.zeros((6, 8, 3))})
    batches = control_batches(direction, source)
    with refused(
        "`controls` must have a batch for each further input of the network. Received: 0 for 3 of "
        "'generator'. `tfpix2pix.inference.control_batches` makes them."
    ):
        translate(direction.network, source)
    with refused(
        "The control 'hints' must have the shape (2, 6, 8, 4) for these images. Received: "
        "(2, 4, 8, 4). Give a value for each image."
    ):
        translate(direction.network, source, controls=(batches[0], batches[1][:, :4], batches[2]))


def test_a_network_of_one_input_takes_no_controls():
    with refused(
        "`controls` must have a batch for each further input of the network. Received: 1 for 0 of "
        "'tiny'. `tfpix2pix.inference.control_batches` makes them."
    ):
        translate(open_generator(name="tiny"), smooth_images((1, 8, 8, 3)), controls=([1],))


def test_dropout_that_takes_an_input_by_another_argument_is_refused():
    class Scaled(Dropout):
        def call(self, inputs, level=1.0, training=None):
            return inputs * level

    image, level = keras.Input((None, None, 3)), keras.Input((1, 1, 3), name="level")
    network = keras.Model([image, level], Scaled(0.1, seed=0, name="a")(image, level=level))
    network._name = "net"
    with refused(
        "To be known layer by layer, a network must be functional, and so must the networks in it. "
        "Received: 'net', which calls 'a' with more than its tensors. Build it by "
        "`keras.Model(inputs, outputs)` of layers that are called with tensors."
    ):
        source = smooth_images((1, 4, 4, 3))
        translate(network, source, controls=(tf.ones((1, 1, 1, 3)),), samples=1)
