"""TwinGAN's networks: the counts of its code, what fades at its ends, what a domain's norms do."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests import reference
from tests.cases import smooth_images
from tfpix2pix import InputError
from tfpix2pix.layers import Fade
from tfpix2pix.layers.growing import faded
from tfpix2pix.networks import (
    TwinNetworks,
    style_encoders,
    twingan_discriminators,
    twingan_encoders,
    twingan_generators,
    twingan_translator,
)
from tfpix2pix.networks.growth import phase_names

# Kernels of the encoder, its norms for each domain, the same of the generator, a discriminator and
# all together, by its code with at most 256 filters.
COUNTS = {
    4: (768, 512, 1_180_416, 1_030, 1_642_497, 4_469_262),
    8: (1_180_416, 1_536, 2_949_888, 2_054, 2_822_657, 9_782_798),
    16: (2_360_064, 2_560, 4_719_360, 3_078, 4_002_817, 15_096_334),
    32: (2_802_048, 3_072, 5_456_256, 3_590, 4_445_057, 17_161_742),
    64: (2_912_448, 3_328, 5_640_384, 3_846, 4_555_585, 17_678_350),
    128: (2_940_000, 3_456, 5_686_368, 3_974, 4_583_201, 17_807_630),
    256: (2_946_864, 3_520, 5_697_840, 4_038, 4_590_097, 17_840_014),
}
OPTIONS = TwinNetworks(16, base_filters=16, most_filters=6, skip_size=8, norm="batch")
IMAGES = smooth_images((2, 16, 16, 3))


def numbers(network, *, norms):
    return sum(
        int(np.prod(weight.shape))
        for weight in network.trainable_weights
        if ("_norm/" in weight.name) == norms
    )


@pytest.fixture(scope="module")
def whole():
    options = TwinNetworks(256)
    makers = (twingan_encoders, twingan_generators, twingan_discriminators)
    return [make(options) for make in makers]


@pytest.mark.parametrize("side", COUNTS)
def test_networks_have_as_many_parameters_as_those_of_the_code(side, whole):
    encoder, generator, discriminator = (networks[str(side)] for networks in whole)
    counted = (
        numbers(encoder, norms=False),
        numbers(encoder, norms=True) // 2,
        numbers(generator, norms=False),
        numbers(generator, norms=True) // 2,
        numbers(discriminator, norms=False),
    )
    trained = sum(
        numbers(network, norms=norms) for network in (encoder, generator) for norms in (True, False)
    )
    assert (*counted, trained + 2 * counted[-1]) == COUNTS[side]


def translators(domains):
    encoders, generators = twingan_encoders(OPTIONS), twingan_generators(OPTIONS)
    for network in (encoders["16 fade"], generators["16 fade"]):
        with_random_weights(network)

    def translator(phase, alpha=None):
        for network in (encoders[phase], generators[phase]):
            blend(network, alpha)
        return twingan_translator(encoders[phase], generators[phase], domains)

    return translator


def blend(network, alpha):
    for layer in network.layers:
        if isinstance(layer, Fade):
            layer.alpha.assign(alpha)


def with_random_weights(network):
    random = np.random.default_rng(0)
    for weight in network.weights:
        low = 0.5 if "variance" in weight.name else -1.0
        weight.assign(random.uniform(low, 1.0, weight.shape))


def doubled(images):
    return np.repeat(np.repeat(images, 2, axis=1), 2, axis=2)


@pytest.mark.parametrize("domains", [(0, 1), (1, 0), (0, 0), (1, 1)])
def test_a_translation_that_fades_is_the_coarse_one_at_first_and_the_fine_one_at_last(domains):
    translator = translators(domains)
    coarse = translator("8")(tf.nn.avg_pool2d(IMAGES, 2, 2, "VALID"))
    np.testing.assert_array_equal(translator("16 fade", 0.0)(IMAGES), doubled(coarse))
    np.testing.assert_array_equal(translator("16 fade", 1.0)(IMAGES), translator("16")(IMAGES))
    between = translator("16 fade", 0.5)(IMAGES)
    assert np.abs(between - doubled(coarse)).max() > 0.01
    assert coarse.numpy().std() > 0.01


def test_a_judgement_that_fades_is_the_coarse_one_at_first_and_the_fine_one_at_last():
    phases = twingan_discriminators(OPTIONS)
    with_random_weights(phases["16 fade"])
    old = faded(IMAGES, 0.0)
    np.testing.assert_array_equal(old, doubled(tf.nn.avg_pool2d(IMAGES, 2, 2, "VALID")))
    blend(phases["16 fade"], 0.0)
    coarse = phases["8"](tf.nn.avg_pool2d(IMAGES, 2, 2, "VALID"))
    np.testing.assert_array_equal(phases["16 fade"](old), coarse)
    blend(phases["16 fade"], 1.0)
    np.testing.assert_array_equal(faded(IMAGES, 1.0), IMAGES)
    np.testing.assert_array_equal(phases["16 fade"](IMAGES), phases["16"](IMAGES))


def test_what_grows_keeps_the_layers_it_had():
    for make in (twingan_encoders, twingan_generators, twingan_discriminators):
        networks = make(OPTIONS)
        assert list(networks) == phase_names(16) == ["4", "8 fade", "8", "16 fade", "16"]
        small, large = ({x.name: x for x in networks[phase].layers} for phase in ("8", "16"))
        shared = [name for name in small if re.match(r"(base|up|down|head)\d*_", name)]
        assert len(shared) > 5
        assert all(small[name] is large[name] for name in shared)


def test_the_parameters_of_norms_alone_change_the_domain():
    encoder, generator = twingan_encoders(OPTIONS)["16"], twingan_generators(OPTIONS)["16"]
    for network in (encoder, generator):
        with_random_weights(network)
    same, other = (twingan_translator(encoder, generator, (0, target)) for target in (0, 1))
    expected = other(IMAGES).numpy()
    assert np.abs(same(IMAGES) - expected).mean() > 0.1
    kernels = [layer for layer in generator.layers if hasattr(layer, "kernel")]
    before = [layer.kernel.numpy() for layer in kernels]
    for norm in (layer for layer in generator.layers if hasattr(layer, "gamma")):
        for table in (norm.gamma, norm.beta, *norm.unaveraged):
            rows = table.numpy()
            rows[0] = rows[1]  # Of the domain, or of the path from 0 to it.
            table.assign(rows)
    np.testing.assert_array_equal(same(IMAGES), expected)
    np.testing.assert_array_equal(other(IMAGES), expected)
    for layer, kernel in zip(kernels, before):
        np.testing.assert_array_equal(layer.kernel, kernel)


@pytest.mark.parametrize("skip_size", [4, 8, 16])
def test_translations_are_those_of_the_restated_network(skip_size):
    options = dataclasses.replace(OPTIONS, norm="instance", skip_size=skip_size)
    encoder, generator = twingan_encoders(options)["16"], twingan_generators(options)["16"]
    parts = {"encoder": encoder, "generator": generator}
    for network in parts.values():
        with_random_weights(network)
    translated = twingan_translator(encoder, generator, (1, 0))(IMAGES)
    weights = {name: reference.weights_of(network) for name, network in parts.items()}
    expected = reference.twingan(IMAGES.numpy().astype("float64"), weights, 16, skip_size, (1, 0))
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(translated, np.clip(expected, -1, 1), atol=1e-4)


def test_equalized_networks_have_the_same_names_and_weights_of_deviation_1():
    options = dataclasses.replace(OPTIONS, learning_rates="equalized", minibatch_deviation=False)
    plain, equalized = (twingan_discriminators(x)["16"] for x in (OPTIONS, options))
    names = [layer.name for layer in plain.layers]
    assert [layer.name for layer in equalized.layers] == [n for n in names if "deviation" not in n]
    kernel = equalized.get_layer("head_second_conv").kernel.numpy()
    assert 0.8 < kernel.std() < 1.2
    assert plain.get_layer("head_second_conv").kernel.numpy().std() < 0.05


@pytest.mark.parametrize("size", [2, 12, 48])
def test_a_growth_to_no_power_of_2_is_refused(size):
    message = (
        "A growth goes from a first side to a last one, powers of 2 from 4 pixels on. Received: "
        f"4 to {size}. Use sides such as 4, 8, 16, 32, 64, 128 or 256."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        phase_names(size)


def test_a_vector_scales_and_shifts_each_norm_of_the_generator():
    options = dataclasses.replace(OPTIONS, norm="instance", conditions=5)
    networks = [make(options)["16"] for make in (twingan_encoders, twingan_generators)]
    for network in networks:
        with_random_weights(network)
    vector = np.random.default_rng(5).normal(size=(2, 5)).astype("float32")
    parts = {"hair": 2, "style": 3}
    translator = twingan_translator(*networks, (1, 0), vector=parts)
    assert [one.name for one in translator.inputs] == ["image", "hair", "style"]
    weights = dict(zip(("encoder", "generator"), map(reference.weights_of, networks)))
    for unset in ((), ("hair",)):
        inputs = [IMAGES, *([] if unset else [vector[:, :2]]), vector[:, 2:]]
        translator = twingan_translator(*networks, (1, 0), vector=parts, unset=unset)
        asked = vector * ([0, 0, 1, 1, 1] if unset else 1)
        expected = reference.twingan(IMAGES.numpy(), weights, 16, 8, (1, 0), asked)
        np.testing.assert_allclose(translator(inputs), np.clip(expected, -1, 1), atol=2e-4)
    # Where nothing is said, it is the network without a vector.
    nothing = twingan_translator(*networks, (1, 0), vector=parts, unset=("hair", "style"))
    expected = reference.twingan(IMAGES.numpy(), weights, 16, 8, (1, 0))
    np.testing.assert_allclose(nothing(IMAGES), np.clip(expected, -1, 1), atol=2e-4)


def test_a_discriminator_adds_the_projection_of_its_last_features():
    judge = twingan_discriminators(OPTIONS, conditions=5)["16"]
    with_random_weights(judge)
    vector = np.random.default_rng(5).normal(size=(2, 5)).astype("float32")
    plain = twingan_discriminators(OPTIONS)["16"]
    kernel = judge.get_layer("head_projection").kernel
    for layer in plain.layers:
        layer.set_weights(judge.get_layer(layer.name).get_weights())
    last = plain.get_layer("head_second_activation").get_output_at(-1)  # Of the last phase.
    features = keras.Model(plain.inputs, last)(IMAGES).numpy()
    expected = plain(IMAGES) + reference.projection(features, kernel.numpy(), vector)
    np.testing.assert_allclose(judge([IMAGES, vector]), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(judge([IMAGES, 0 * vector]), plain(IMAGES), atol=1e-5)


def test_a_style_s_code_is_that_of_the_restated_network():
    encoder = style_encoders(OPTIONS, 3)["16"]
    with_random_weights(encoder)
    expected = reference.style_code(IMAGES.numpy(), reference.weights_of(encoder), 16)
    np.testing.assert_allclose(encoder(IMAGES), expected, rtol=1e-4, atol=1e-5)
