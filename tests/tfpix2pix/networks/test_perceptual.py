"""Features of frozen networks, and the loss of them."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate
from tensorflow import keras

from tests.cases import sgd, smooth_images, tiny_pix2pixhd
from tests.cases.families import pix2pixhd
from tfpix2pix import InputError, load_run, losses
from tfpix2pix.networks import PerceptualFeatures
from training.engine import loop

MISSING = (
    "The network of a perceptual loss is read from a file, not downloaded. Received: {file}, where "
    "there is none. Put vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5 of Keras Applications "
    "there (`keras.applications.VGG19(include_top=False)` fetches it into ~/.keras/models), or "
    "train without `perceptual`."
)


def refused(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


@pytest.fixture
def file(tmp_path):
    """A network of two layers of features."""
    images = keras.Input((None, None, 3))
    first = keras.layers.Conv2D(4, 3, activation="relu", kernel_initializer="he_normal")(images)
    second = keras.layers.Conv2D(2, 3, strides=2, kernel_initializer="he_normal")(first)
    keras.Model(images, [first, second]).save(tmp_path / "features.keras")
    return tmp_path / "features.keras"


def test_the_loss_weighs_layers_by_their_depth_and_not_by_their_size():
    random = np.random.default_rng(0)
    real, fake = ([random.normal(size=(2, n, n, 3)) for n in (8, 4, 2)] for _ in range(2))
    expected = sum(
        weight * np.abs(a - b).mean((1, 2, 3)) / np.abs(a).mean((1, 2, 3))
        for weight, a, b in zip((1 / 8, 1 / 4, 1), real, fake)
    )
    np.testing.assert_allclose(losses.perceptual(real, fake), expected, rtol=1e-5)
    larger = [[1000 * features for features in images] for images in (real, fake)]
    np.testing.assert_allclose(losses.perceptual(*larger), expected, rtol=1e-5)
    black = [0 * features for features in real]
    assert losses.perceptual(black, black).numpy().tolist() == [0.0, 0.0]


def test_a_step_descends_by_the_features_of_the_network(file):
    features = PerceptualFeatures(file)
    batch = (smooth_images((2, 16, 16, 3)), smooth_images((2, 16, 16, 3), 1))
    alone = {"gan_weight": 0.0, "feature_weight": 0.0}
    model = tiny_pix2pixhd(sgd, perceptual=features, perceptual_weight=3.0, **alone)
    network = keras.models.load_model(file, compile=False)
    generator = model.players["generator"]
    with tf.GradientTape() as tape:
        translated = generator(model.condition(batch[0]), training=True)
        terms = [
            weight * tf.reduce_mean(tf.abs(a - b), (1, 2, 3)) / tf.reduce_mean(tf.abs(a), (1, 2, 3))
            for weight, a, b in zip((1 / 4, 1), network(batch[1]), network(translated))
        ]
        expected = 3.0 * tf.reduce_mean(tf.add_n(terms))
    gradients = tape.gradient(expected, generator.trainable_weights)
    before = [weight.numpy() for weight in generator.trainable_weights]
    frozen = [weight.numpy() for weight in features.network.weights]
    logs = model.train_step(batch)
    np.testing.assert_allclose(logs["generator_perceptual"], expected, rtol=1e-5)
    rate = model.optimizers["generator"].learning_rate.numpy()
    for weight, old, gradient in zip(generator.trainable_weights, before, gradients):
        np.testing.assert_allclose(weight, old - rate * gradient, atol=1e-6)
    assert all((a == b.numpy()).all() for a, b in zip(frozen, features.network.weights))
    assert features.network.trainable_weights == []


@pytest.mark.slow
def test_a_run_needs_the_network_for_its_training_alone(file, tmp_path):
    config = pix2pixhd(tmp_path / "data", perceptual=str(file))
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, steps=3))
    loop.train(config, tmp_path / "run")
    file.unlink()
    run = load_run(tmp_path / "run")
    assert "generator_perceptual" in (tmp_path / "run/metrics.jsonl").read_text()
    source = tf.one_hot([[0] * 16] * 16, 5)[tf.newaxis]
    assert run.directions["translate"].network.input_shape[0][-1] == source.shape[-1]
    with refused(MISSING.format(file=file)):
        loop.train(config, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_files_that_hold_no_such_network_are_refused(file, tmp_path):
    with refused(
        "The network of a perceptual loss must take the images that are made. Received: "
        "features.keras of 3 channels for images of 1. Use another, or train without `perceptual`."
    ):
        PerceptualFeatures(file)(tf.zeros((1, 8, 8, 1)))
    for name in ("broken.h5", "broken.keras"):
        (tmp_path / name).write_bytes(b"broken")
        with pytest.raises(ValueError, match=r"must be weights of Keras' VGG19 .*Replace it\.$"):
            PerceptualFeatures(tmp_path / name)(tf.zeros((1, 8, 8, 3)))


@pytest.mark.slow
def test_vgg19_is_that_of_keras_of_pixels_without_their_means(tmp_path, monkeypatch):
    vgg19 = keras.applications.VGG19(include_top=False, weights=None)
    path = tmp_path / ".keras/models/vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5"
    path.parent.mkdir(parents=True)
    vgg19.save_weights(path)
    monkeypatch.setenv("HOME", str(tmp_path))
    features = PerceptualFeatures("vgg19")
    image = smooth_images((1, 32, 32, 3)).numpy()
    found = features(tf.constant(image))
    assert [one.shape[-1] for one in found] == [64, 128, 256, 512, 512]
    assert features.network.count_params() == 12_944_960
    # By hand: the order blue, green, red, and less the means of ImageNet.
    pixels = (image + 1) * 127.5
    pixels = pixels[..., ::-1] - [103.939, 116.779, 123.68]
    kernel, bias = vgg19.get_layer("block1_conv1").get_weights()
    padded = np.pad(pixels[0], ((1, 1), (1, 1), (0, 0)))
    expected = np.maximum(correlate(padded, kernel[..., 7], "valid")[..., 0] + bias[7], 0)
    np.testing.assert_allclose(found[0][0, ..., 7], expected, rtol=1e-4, atol=1e-3)
    assert features.name.startswith("vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5 ")
