import re
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import fixed_weights, open_generator, smooth_images
from tfpix2pix import InputError
from tfpix2pix.inference import output_difference, recalibrated, translate, with_instance_norm
from tfpix2pix.layers import BatchNormalization

BATCHES = [smooth_images((2, 8, 12, 3)), 0.3 * smooth_images((1, 12, 12, 3), seed=4)]


def batch_norm_generator():
    return fixed_weights(open_generator(norm="batch", dropout_levels=0, conventions="affinelayer"))


def test_recalibration_is_the_mean_of_the_batches_moments():
    generator = batch_norm_generator()
    before = generator.get_weights()
    copy = recalibrated(generator, BATCHES)
    np.testing.assert_equal(generator.get_weights(), before)
    # What the first norm receives depends on no other.
    received = keras.Model(generator.input, generator.get_layer("down2_norm").input)
    values = [received(batch).numpy().astype("float64") for batch in BATCHES]
    norm = copy.get_layer("down2_norm")
    for moving, moment in ((norm.moving_mean, np.mean), (norm.moving_variance, np.var)):
        expected = np.mean([moment(x, axis=(0, 1, 2)) for x in values], axis=0)
        np.testing.assert_allclose(moving, expected, rtol=1e-4, atol=1e-6)


def test_behind_each_other_norms_are_measured_as_in_training():
    generator = batch_norm_generator()
    copy = recalibrated(generator, BATCHES[:1])
    translated = translate(copy, BATCHES[0], statistics="moving")
    np.testing.assert_allclose(translated, generator(BATCHES[0], training=True), atol=1e-4)


def test_instance_norm_with_the_weights_of_batch_norm_translates_alike():
    generator = batch_norm_generator()
    copy = with_instance_norm(generator)
    assert not any(isinstance(layer, BatchNormalization) for layer in copy.layers)
    assert [layer.name for layer in copy.layers] == [layer.name for layer in generator.layers]
    assert (
        len(copy.get_weights()) == len(generator.get_weights()) - 4
    )  # Two norms' moving averages.
    assert output_difference(generator, copy, BATCHES) < 1e-6
    moving = partial(translate, generator, statistics="moving")
    assert output_difference(moving, copy, BATCHES) > 0.01


def test_a_difference_is_the_mean_over_all_values_not_over_batches():
    batches = [tf.zeros((1, 1, 2, 2)), tf.ones((1, 3, 2, 2))]
    assert output_difference(tf.identity, tf.ones_like, batches) == 4 / 16


NO_NORM = (
    "Norm surgery is for networks with batch norm. Received: 'unet_generator', which has none. "
    'Other networks have no moving statistics; use statistics="per_image".'
)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: recalibrated(open_generator(), BATCHES), NO_NORM),
        (lambda: with_instance_norm(open_generator()), NO_NORM),
        (
            lambda: recalibrated(open_generator(norm="batch"), []),
            "Statistics are measured on at least one batch. Received: none. Give the sources of "
            "the training pairs.",
        ),
        (
            lambda: output_difference(tf.identity, tf.identity, []),
            "Generators are compared on at least one batch. Received: none. Give some sources.",
        ),
    ],
)
def test_surgery_without_what_it_needs_is_refused(call, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        call()
