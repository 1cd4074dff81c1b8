import re

import numpy as np
import pytest
import tensorflow as tf

from tests import reference
from tests.cases import fixed_weights, smooth_images
from tfpix2pix import InputError, unet_generator
from tfpix2pix.layers import (
    BatchNormalization,
    Dropout,
    InstanceNormalization,
    MatrixConv2D,
    MatrixConv2DTranspose,
    SpectralConv2D,
    convolution,
    normalization,
)
from tfpix2pix.layers.initialization import derived_seed, kernel_initializer

IMAGES = smooth_images((3, 5, 4, 2))
GAMMA, BETA = np.array([2.0, 0.5], "float32"), np.array([0.1, -0.3], "float32")


def with_weights(layer):
    layer.build(IMAGES.shape)
    layer.gamma.assign(GAMMA)
    layer.beta.assign(BETA)
    return layer


@pytest.mark.parametrize("layer", [InstanceNormalization(), BatchNormalization()])
def test_norms_of_large_images_round_as_little_as_those_of_small_ones(layer):
    """Where the size of batches is open; one sum over all pixels would be 1e-5 off."""
    images = np.random.default_rng(0).normal(0.3, 0.5, (1, 256, 512, 4)).astype("float32")
    exact = images.astype("float64")
    mean, variance = exact.mean((1, 2)), exact.var((1, 2))
    compute = tf.function(layer, [tf.TensorSpec((None, None, None, 4))])
    np.testing.assert_allclose(
        compute(images), (exact - mean) / np.sqrt(variance + 1e-5), atol=3e-6
    )


# The fused kernel takes one image, and each of a few large ones.
@pytest.mark.parametrize("shape", [(1, 5, 4, 2), (3, 5, 4, 2), (3, 16, 17, 2), (17, 16, 16, 2)])
def test_instance_norm_is_the_formula_on_both_of_its_paths(shape):
    layer = with_weights(InstanceNormalization(epsilon=0.01))
    images = smooth_images(shape)
    expected = reference.normalize(images.numpy(), GAMMA, BETA, (1, 2), epsilon=0.01)
    np.testing.assert_allclose(layer(images), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 5, 4, 2), (2, 16, 16, 2)])
def test_instance_norm_has_the_same_gradients_on_both_of_its_paths(shape):
    layer = with_weights(InstanceNormalization())
    images = smooth_images(shape)
    gradients = []
    for part in (images, images[:1], images[1:]):
        with tf.GradientTape() as tape:
            tape.watch(part)
            loss = tf.reduce_sum(layer(part) ** 3)
        gradients.append(tape.gradient(loss, [part, *layer.trainable_variables]))
    together, *each = gradients
    np.testing.assert_allclose(together[0], tf.concat([g[0] for g in each], 0), atol=1e-3)
    for total, *parts in zip(together[1:], *(g[1:] for g in each)):
        np.testing.assert_allclose(total, sum(parts), rtol=1e-4)


def test_batch_norm_takes_the_statistics_of_the_batch_in_training():
    layer = with_weights(BatchNormalization(epsilon=0.01))
    expected = reference.normalize(IMAGES.numpy(), GAMMA, BETA, (0, 1, 2), epsilon=0.01)
    np.testing.assert_allclose(layer(IMAGES, training=True), expected, atol=1e-5)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * np.mean(IMAGES, (0, 1, 2)), atol=1e-6)


@pytest.mark.parametrize("batch", [1, 3])
def test_batch_norm_takes_the_statistics_of_each_image_otherwise(batch):
    layer = with_weights(BatchNormalization(epsilon=0.01))
    expected = reference.normalize(IMAGES[:batch].numpy(), GAMMA, BETA, (1, 2), epsilon=0.01)
    np.testing.assert_allclose(layer(IMAGES[:batch], training=False), expected, atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, [0, 0])


def test_dropout_drops_its_share_and_keeps_the_mean():
    ones = tf.ones((1, 100, 100, 4))
    noisy = Dropout(0.3, seed=2)(ones, training=True).numpy()
    assert set(np.unique(noisy.round(5))) == {0, np.float32(1 / 0.7).round(5)}
    assert (noisy == 0).mean() == pytest.approx(0.3, abs=0.01)


def test_dropout_goes_on_from_a_checkpoint_with_the_same_noise(tmp_path):
    """Keras' own layer does not: its random state is left out of checkpoints."""
    ones = tf.ones((1, 8, 8, 2))
    layer = Dropout(0.5, seed=7)
    layer(ones, training=True)
    path = tf.train.Checkpoint(layer=layer).save(tmp_path / "checkpoint")
    expected = [layer(ones, training=True) for _ in range(2)]
    resumed = Dropout(0.5, seed=99)
    tf.train.Checkpoint(layer=resumed).restore(path).assert_consumed()
    for noise in expected:
        np.testing.assert_array_equal(resumed(ones, training=True), noise)
    assert np.abs(expected[0] - expected[1]).max() > 0


def test_seeds_differ_by_layer_and_by_network():
    seeds = {derived_seed(seed, name) for seed in (0, 1) for name in ("down1_conv", "down2_conv")}
    assert len(seeds) == 4


@pytest.mark.parametrize(
    ("kind", "gain", "deviation"),
    [
        ("normal", 0.03, 0.03),
        ("xavier", 0.5, 0.5 * np.sqrt(2 / (16 * 32 + 16 * 64))),
        ("kaiming", 9.0, np.sqrt(2 / (16 * 32))),
    ],
)
def test_initializers_have_the_deviation_of_pytorch_s(kind, gain, deviation):
    draws = [kernel_initializer(kind, gain, seed=4)((4, 4, 32, 64)).numpy() for _ in range(2)]
    np.testing.assert_array_equal(*draws)
    assert draws[0].std() == pytest.approx(deviation, rel=0.02)
    assert draws[0].mean() == pytest.approx(0, abs=deviation / 20)
    assert np.abs(draws[0]).max() > 3 * deviation, "the normal distribution is not cut off"


def test_the_orthogonal_initializer_is_orthogonal():
    matrix = kernel_initializer("orthogonal", 0.5, seed=4)((4, 4, 3, 8)).numpy().reshape(-1, 8)
    np.testing.assert_allclose(matrix.T @ matrix, 0.25 * np.eye(8), atol=1e-6)


def test_spectral_convolution_has_spectral_norm_one():
    layer = SpectralConv2D(5, 3, use_bias=False)
    images = smooth_images((1, 6, 6, 2))
    layer(images)
    kernel = 3 * smooth_images((3, 3, 2, 5))
    layer.kernel.assign(kernel)
    for _ in range(30):
        output = layer(images, training=True)
    largest = np.linalg.svd(kernel.numpy().reshape(-1, 5), compute_uv=False)[0]
    expected = tf.nn.conv2d(images, kernel / largest, 1, "VALID")
    np.testing.assert_allclose(output, expected, rtol=1e-4)
    np.testing.assert_allclose(layer(images, training=False), expected, rtol=1e-4)
    np.testing.assert_array_equal(layer.kernel, kernel)


def test_spectral_convolution_s_gradient_is_orthogonal_to_its_kernel():
    """A kernel's length cancels out, so the loss cannot change along it."""
    layer = SpectralConv2D(5, 3, use_bias=False)
    images = smooth_images((2, 6, 6, 2))
    for _ in range(40):
        layer(images, training=True)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(layer(images, training=True) ** 3)
    gradient = tape.gradient(loss, layer.kernel)
    along = tf.reduce_sum(gradient * layer.kernel) / tf.norm(gradient) / tf.norm(layer.kernel)
    assert abs(float(along)) < 1e-3


def test_instance_norm_without_scale_and_shift_has_no_weights():
    layer = normalization("instance", affine=False, epsilon=0.01, name="norm")
    expected = reference.normalize(IMAGES.numpy(), 1, 0, (1, 2), epsilon=0.01)
    np.testing.assert_allclose(layer(IMAGES), expected, atol=1e-5)
    np.testing.assert_allclose(layer(IMAGES[:1]), expected[:1], atol=1e-5)
    assert layer.weights == []


def test_a_network_without_norm_has_no_layer_of_it():
    network = unet_generator((8, 8, 3), depth=2, base_filters=2, norm="none")
    assert not [layer.name for layer in network.layers if "norm" in layer.name]
    message = "`kind` must be one of ['batch', 'batch_sync', 'instance']. Received: kind='none'."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        normalization("none", name="down1_norm")


def plain(layer):
    """Returns what a halving or doubling layer computes, by TensorFlow's convolution."""

    def convolve(x, kernel):
        if isinstance(layer, MatrixConv2D):
            return tf.nn.conv2d(x, kernel, 2, "SAME")
        batch, height, width, _ = x.shape
        shape = (batch, 2 * height, 2 * width, kernel.shape[2])
        return tf.nn.conv2d_transpose(x, kernel, shape, 2, "SAME")

    return convolve


def operations(function, *arguments):
    graph = tf.function(function).get_concrete_function(*arguments).graph
    return [operation.type for operation in graph.get_operations()]


SIDES = [(side, side) for side in range(1, 17)] + [(1, 2), (2, 1), (1, 5), (2, 7), (4, 3)]


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("sides", SIDES, ids=str)
@pytest.mark.parametrize("kind", [MatrixConv2D, MatrixConv2DTranspose])
def test_matrix_convolution_equals_the_plain_one_with_all_gradients(kind, sides, batch):
    halves = kind is MatrixConv2D
    small = [-(-side // 2) for side in sides] if halves else sides
    many = 4 * batch * int(np.prod(small))
    layer = kind(many if halves else 3, 4, strides=2, padding="same")
    images = smooth_images((batch, *sides, 2 if halves else many))
    layer(images)
    assert not [op for op in operations(layer, images) if op.startswith("Conv2D")]
    kernel = smooth_images(layer.kernel.shape, seed=1)
    layer.kernel.assign(kernel)
    layer.bias.assign(smooth_images(layer.bias.shape))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([images, kernel])
        output = layer(images)
        expected = plain(layer)(images, kernel) + layer.bias
    upstream = smooth_images(expected.shape, seed=2)
    mine = tape.gradient(output, [images, layer.kernel, layer.bias], upstream)
    plain_ones = tape.gradient(expected, [images, kernel, layer.bias], upstream)
    for ours, theirs in zip((output, *mine), (expected, *plain_ones)):
        # Sums of up to 1024 products of which most cancel out are compared with the largest.
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * np.abs(theirs).max())


@pytest.mark.parametrize("kind", [MatrixConv2D, MatrixConv2DTranspose])
def test_matrix_convolution_has_the_second_derivatives_of_the_plain_one(kind):
    """Gradient penalties need them."""
    layer = kind(64, 4, strides=2, padding="same", use_bias=False)
    images = smooth_images((1, 4, 4, 64))
    layer(images)
    gradients = []
    for convolve in (lambda x, _: layer(x), plain(layer)):
        with tf.GradientTape() as outer:
            with tf.GradientTape() as tape:
                tape.watch(images)
                loss = tf.reduce_sum(tf.sin(convolve(images, layer.kernel)))
            penalty = tf.reduce_sum(tape.gradient(loss, images) ** 2)
        gradients.append(outer.gradient(penalty, layer.kernel))
    np.testing.assert_allclose(*gradients, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "shape", "dtype"),
    [
        ({"strides": 1}, (1, 4, 4, 64), "float32"),
        ({"padding": "valid"}, (1, 4, 4, 64), "float32"),
        ({"kernel_size": 3}, (1, 4, 4, 64), "float32"),
        ({}, (1, 12, 12, 64), "float32"),
        ({}, (1, 4, 4, 64), "mixed_bfloat16"),
        ({}, (1, None, None, 64), "float32"),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", [MatrixConv2D, MatrixConv2DTranspose])
def test_other_sizes_kernels_and_precisions_stay_convolutions(kind, options, shape, dtype):
    options = {"kernel_size": 4, "strides": 2, "padding": "same", **options}
    layer = kind(64, **options, dtype=dtype)
    spec = tf.TensorSpec(shape, tf.float32)
    layer.build(shape)
    assert [op for op in operations(layer, spec) if op.startswith("Conv2D")]


@pytest.mark.parametrize("kind", [MatrixConv2D, MatrixConv2DTranspose])
def test_matrix_convolution_reads_what_the_plain_one_wrote(kind, tmp_path):
    written = kind.__base__(16, 4, strides=2, padding="same", name="down2_conv")
    images = smooth_images((1, 2, 2, 16))
    expected = written(images)
    path = tf.train.Checkpoint(layer=written).save(tmp_path / "checkpoint")
    layer = kind.from_config(written.get_config())
    tf.train.Checkpoint(layer=layer).restore(path)
    np.testing.assert_allclose(layer(images), expected, atol=1e-6)
    assert [v.name for v in layer.weights] == [v.name for v in written.weights]
    assert layer.get_config() == written.get_config()


def test_an_open_generator_translates_alike_by_products_and_convolutions(monkeypatch):
    network = fixed_weights(unet_generator((None, None, 3), depth=5, base_filters=8))
    sizes = [(1, 32, 32, 3), (2, 32, 64, 3), (1, 96, 32, 3)]
    batches = [smooth_images(size) for size in sizes]
    products = [operations(network, batch).count("Einsum") for batch in batches]
    assert all(products)
    translated = [network(batch) for batch in batches]
    monkeypatch.setattr(convolution, "_is_product", lambda *args, **kwargs: False)
    for batch, image in zip(batches, translated):
        np.testing.assert_allclose(network(batch), image, atol=1e-5)
