"""Domain norms beside NumPy: F.3 of the conditional norms of Dumoulin et al., and batch norms."""

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests import reference
from tests.cases import smooth_images
from tfpix2pix import InputError
from tfpix2pix.layers import DomainNormalization, InstanceNormalization, OneHot
from tfpix2pix.layers.domain_norms import recalibrated

IMAGES = smooth_images((4, 5, 3, 2))
RANDOM = np.random.default_rng(0)
GAMMA, BETA = RANDOM.normal(size=(2, 3, 2)).astype("float32")
MIXED = RANDOM.dirichlet(np.ones(3), 4).astype("float32")


def built(base="instance", *, gamma=GAMMA, beta=BETA, **options):
    layer = DomainNormalization(3, base, epsilon=0.01, **options)
    layer.build([IMAGES.shape, (4, 3)])
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    return layer


def blended(weights, table):
    return (np.asarray(weights) @ table)[:, np.newaxis, np.newaxis]


def test_equal_rows_are_instance_norm():
    layer = built(gamma=np.tile(GAMMA[:1], (3, 1)), beta=np.tile(BETA[:1], (3, 1)))
    plain = InstanceNormalization(epsilon=0.01)
    plain.build(IMAGES.shape)
    plain.set_weights([GAMMA[0], BETA[0]])
    np.testing.assert_allclose(layer([IMAGES, tf.constant([2, 0, 1, 1])]), plain(IMAGES), atol=1e-5)


def test_numbers_of_domains_are_weights_of_one():
    numbers = tf.constant([2, 0, 1, 1])
    layer = built()
    expected = reference.normalize(
        IMAGES.numpy(), blended(np.eye(3)[numbers], GAMMA), blended(np.eye(3)[numbers], BETA),
        (1, 2), 0.01,
    )  # fmt: skip
    np.testing.assert_allclose(layer([IMAGES, numbers]), expected, atol=1e-5)
    np.testing.assert_array_equal(layer([IMAGES, numbers]), layer([IMAGES, tf.one_hot(numbers, 3)]))


def test_weights_blend_scales_and_shifts_of_each_image():
    expected = reference.normalize(
        IMAGES.numpy(), blended(MIXED, GAMMA), blended(MIXED, BETA), (1, 2), 0.01
    )
    np.testing.assert_allclose(built()([IMAGES, MIXED]), expected, atol=1e-5)


@pytest.mark.parametrize("sides", [(16, 18), (5, 3), None])
def test_images_of_any_sides_are_normalized_alike(sides):
    """Of known sizes by the fused kernel, from 256 pixels on, and else by plain operations."""
    images = smooth_images((4, *(sides or (16, 18)), 2))
    inputs = [keras.Input(images.shape[1:] if sides else (None, None, 2), 4 if sides else None)]
    inputs.append(keras.Input((3,), 4 if sides else None))
    layer = built()
    network = keras.Model(inputs, layer(inputs))
    expected = reference.normalize(
        images.numpy(), blended(MIXED, GAMMA), blended(MIXED, BETA), (1, 2), 0.01
    )
    np.testing.assert_allclose(network([images, MIXED]), expected, atol=1e-5)
    moments = tf.nn.moments(images, (1, 2), keepdims=True)
    rows = layer.normalized([images[:, 1:3], MIXED], *moments)
    np.testing.assert_allclose(rows, expected[:, 1:3], atol=1e-5)


def test_a_blend_is_as_far_between_its_styles_as_its_weights():
    first, second = (built()([IMAGES, tf.fill((4,), number)]) for number in (0, 2))
    made = built()([IMAGES, tf.constant([[0.3, 0.0, 0.7]] * 4)])
    np.testing.assert_allclose(made, 0.3 * first + 0.7 * second, atol=1e-5)


@pytest.mark.parametrize("base", ["instance", "batch", "batch_renorm", "none"])
def test_the_row_of_a_domain_alone_learns(base):
    layer = built(base)
    numbers = tf.fill((4,), 1)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer([IMAGES, numbers], training=True) ** 3)
    for gradient in tape.gradient(loss, [layer.gamma, layer.beta]):
        assert np.abs(gradient[1]).min() > 0
        assert np.abs(gradient).sum() == np.abs(gradient[1]).sum()


def test_a_vector_of_any_length_scales_and_shifts_too():
    layer = built(conditions=5)
    vectors = RANDOM.normal(size=(4, 5)).astype("float32")
    kernels = RANDOM.normal(size=(2, 5, 2)).astype("float32")
    layer.gamma_kernel.assign(kernels[0])
    layer.beta_kernel.assign(kernels[1])
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    gamma = blended(MIXED, GAMMA) + blended(unit, kernels[0])
    beta = blended(MIXED, BETA) + blended(unit, kernels[1])
    expected = reference.normalize(IMAGES.numpy(), gamma, beta, (1, 2), 0.01)
    np.testing.assert_allclose(layer([IMAGES, MIXED, vectors]), expected, atol=1e-5)
    np.testing.assert_allclose(layer([IMAGES, MIXED, 7 * vectors]), expected, atol=1e-5)


def test_a_batch_is_normalized_by_its_own_statistics_with_the_norm_of_its_domain():
    weights = np.tile(MIXED[:1], (4, 1))
    expected = reference.normalize(
        IMAGES.numpy(), blended(weights, GAMMA), blended(weights, BETA), (0, 1, 2), 0.01
    )
    plain = built("batch")([IMAGES, weights], training=True)
    np.testing.assert_allclose(plain, expected, atol=1e-5)
    layer = built("batch", conditions=1)  # The same numbers on the way of an image's own scale.
    np.testing.assert_allclose(
        layer([IMAGES, weights, np.ones((4, 1))], training=True), expected, atol=1e-5
    )


def test_a_step_moves_the_statistics_of_its_path_alone():
    layer = built("batch", paths=6, momentum=0.9)
    batches = [IMAGES, 2 * IMAGES + 1, IMAGES - 3]
    mean = variance = 0.0
    for number, batch in enumerate(batches):
        layer([batch, tf.fill((4,), 1), tf.fill((4,), 4)], training=True)
        share = max(0.1, 1 / (number + 1))  # At first the mean over all batches.
        mean += share * (batch.numpy().mean((0, 1, 2)) - mean)
        variance += share * (batch.numpy().var((0, 1, 2), ddof=1) - variance)
    layer([7 * IMAGES, tf.fill((4,), 1), tf.zeros((4, 6))], training=True)  # Of no path.
    expected_mean = np.zeros((6, 2))
    expected_variance = np.ones((6, 2))
    expected_mean[4] = mean
    expected_variance[4] = variance
    np.testing.assert_allclose(layer.moving_mean, expected_mean, atol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, expected_variance, atol=1e-5)
    assert layer.batches_seen.numpy().tolist() == [0, 0, 0, 0, 3, 0]

    number = tf.fill((4,), 1)
    shown = layer([IMAGES, number, tf.fill((4,), 4)])
    expected = (IMAGES - mean) / np.sqrt(variance + 0.01) * GAMMA[1] + BETA[1]
    np.testing.assert_allclose(shown, expected, atol=1e-4)


# Steps, and by how much batch renorm may scale down, up, and shift (TwinGAN's code).
@pytest.mark.parametrize(
    ("seen", "least", "most", "shifted"),
    [(9_999, 0.9, 1.1, 0.1), (10_000, 0.66, 1.5, 0.3), (20_000, 0.5, 2, 0.5), (30_000, 0.25, 4, 1)],
)
def test_batch_renorm_corrects_within_limits_that_widen(seen, least, most, shifted):
    layer = built("batch_renorm", momentum=0.9)
    layer.batches_seen.assign([0, seen, 0])
    layer.moving_mean.assign([[9, 9], [0.2, -2.0], [9, 9]])
    layer.moving_variance.assign([[9, 9], [0.01, 40.0], [9, 9]])
    images = IMAGES.numpy()
    mean, deviation = images.mean((0, 1, 2)), np.sqrt(images.var((0, 1, 2)) + 0.01)
    moving = np.sqrt(np.array([0.01, 40.0]) + 0.01)
    scale = np.clip(deviation / moving, least, most)
    shift = np.clip((mean - [0.2, -2.0]) / moving, -shifted, shifted)
    expected = ((images - mean) / deviation * scale + shift) * GAMMA[1] + BETA[1]
    result = layer([IMAGES, tf.fill((4,), 1)], training=True)
    np.testing.assert_allclose(result, expected, atol=1e-5)
    assert layer.batches_seen.numpy().tolist() == [0, seen + 1, 0]


def test_without_statistics_an_image_is_scaled_and_shifted():
    expected = IMAGES * blended(MIXED, GAMMA) + blended(MIXED, BETA)
    np.testing.assert_allclose(built("none")([IMAGES, MIXED], training=True), expected, atol=1e-6)


def test_recalibrated_statistics_are_the_means_and_training_goes_on_with_its_momentum():
    image, domain = keras.Input((None, None, 2)), keras.Input((3,))
    norm = DomainNormalization(3, "batch", momentum=0.5, name="norm")
    network = keras.Model([image, domain], norm([image, domain]))
    batches = [IMAGES, 3 * IMAGES, IMAGES - 1]
    network([50 * IMAGES, np.eye(3)[[2] * 4]], training=True)
    with recalibrated([network, network]):
        for batch in batches:
            network([batch, np.eye(3)[[2] * 4]], training=True)
    mean = np.mean([batch.numpy().mean((0, 1, 2)) for batch in batches], 0)
    np.testing.assert_allclose(norm.moving_mean[2], mean, atol=1e-5)
    network([IMAGES, np.eye(3)[[2] * 4]], training=True)
    expected = (mean + IMAGES.numpy().mean((0, 1, 2))) / 2
    np.testing.assert_allclose(norm.moving_mean[2], expected, atol=1e-5)


def test_a_number_becomes_the_weights_of_every_image():
    assert OneHot(2, 3)(IMAGES).numpy().tolist() == [[0, 0, 1]] * 4


def test_an_unknown_base_is_refused():
    message = "`base` must be one of instance, batch, batch_renorm, none. Received: 'layer'."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        DomainNormalization(2, "layer")
