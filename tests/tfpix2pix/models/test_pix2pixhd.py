"""pix2pixHD: counts, stages, features, and what is refused."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import sgd, smooth_images, tiny_pix2pixhd
from tfpix2pix import InputError, losses, preset
from tfpix2pix.families import Phase, appearances, checked_family
from tfpix2pix.networks import enhanced_generator, multiscale_discriminator, resnet_generator

OPEN = (None, None)


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (lambda: resnet_generator((*OPEN, 36), halvings=4), 182_546_755),
        (lambda: enhanced_generator((*OPEN, 36)), 182_857_059),
        (lambda: multiscale_discriminator((*OPEN, 36), scales=3), 8_404_803),
        (lambda: resnet_generator((*OPEN, 3), base_filters=16, blocks=0, halvings=4), 788_803),
    ],
    ids=["global", "enhanced", "discriminators", "encoder"],
)
def test_networks_have_the_reference_s_number_of_parameters(build, count):
    assert build().count_params() == count


def test_an_enhancer_of_zeros_passes_the_global_features_on():
    options = {"base_filters": 4, "blocks": 1, "enhancer_blocks": 1, "halvings": 2}
    network = enhanced_generator((32, 32, 3), **options)
    inner = resnet_generator((16, 16, 3), base_filters=4, blocks=1)
    for layer in inner.layers:
        if layer.weights and layer.name != "head_conv":
            layer.set_weights(network.get_layer(layer.name).get_weights())
    front = network.get_layer("enhancer1_down_conv")
    front.set_weights([0 * weights for weights in front.get_weights()])
    names = ("source1_pool", "enhancer1_add")
    parts = keras.Model(network.input, [network.get_layer(name).output for name in names])
    features = keras.Model(inner.input, inner.get_layer("up1_activation").output)
    pooled, added = parts(smooth_images((1, 32, 32, 3)))
    np.testing.assert_allclose(added, features(pooled), atol=1e-5)
    assert np.abs(added).max() > 0.1


def test_feature_matching_is_that_of_the_reference():
    random = np.random.default_rng(0)
    real, fake = (
        [[random.normal(size=(2, 4, 4, 3)) for _ in range(5)] for _ in range(2)] for _ in range(2)
    )
    expected = sum(
        np.abs(a - b).mean((1, 2, 3)) * (4 / 4) / 2
        for real_scale, fake_scale in zip(real, fake)
        for a, b in zip(real_scale[:-1], fake_scale[:-1])
    )
    np.testing.assert_allclose(losses.feature_matching(real, fake), expected, rtol=1e-5)
    assert losses.feature_matching(real, real).numpy().tolist() == [0.0, 0.0]


def enhanced_model():
    return tiny_pix2pixhd(sgd, enhanced=True)


def test_enhancers_learn_alone_and_then_all():
    model = enhanced_model()
    batch = (smooth_images((2, 16, 16, 3)), smooth_images((2, 16, 16, 3), 1))
    generator = model.players["generator"]
    sizes = (2, (16, 16))
    for name, moving in (("enhancer", {True}), ("joint", {True, False})):
        model.enter(Phase(name, 5, *sizes), 0.0)
        before = {layer.name: layer.get_weights() for layer in generator.layers}
        model.train_step(batch)
        moved = {
            layer.name.startswith("enhancer")
            for layer in generator.layers
            if any((a != b).any() for a, b in zip(before[layer.name], layer.get_weights()))
        }
        assert moved == moving


def test_a_second_stage_starts_with_the_first_to_the_bit():
    first = resnet_generator((*OPEN, 3), base_filters=8, blocks=1)
    second = enhanced_generator((*OPEN, 3), base_filters=8, blocks=1, halvings=2)
    names = {layer.name for layer in second.layers if layer.weights}
    shared = {layer.name for layer in first.layers if layer.weights} - {"head_conv"}
    assert shared < names
    assert all(name.startswith("enhancer") for name in names - shared)
    for layer in first.layers:
        if layer.name in shared:
            shapes = [w.shape for w in second.get_layer(layer.name).get_weights()]
            assert shapes == [w.shape for w in layer.get_weights()]


def test_what_the_networks_see_is_joined_of_labels_boundaries_and_features():
    model = tiny_pix2pixhd(has_instances=True, encoded=True)
    one_hot = tf.one_hot([[[0, 1], [2, 2]]], 3) * 2 - 1
    ids = tf.constant([[[[4], [5]], [[6], [6]]]])
    joined = model.condition(one_hot, ids)
    np.testing.assert_array_equal(joined[..., :3], (one_hot + 1) / 2)
    assert joined[..., 3].numpy().tolist() == [[[1.0, 1.0], [1.0, 1.0]]]
    photo = smooth_images((1, 16, 16, 3))
    ids = tf.repeat(tf.repeat(ids, 8, 1), 8, 2)
    features = model.encode(photo, ids)
    assert features.shape == (1, 16, 16, 2)
    assert len(np.unique(features.numpy().reshape(-1, 2), axis=0)) == 3
    batch = (tf.repeat(tf.repeat(one_hot, 8, 1), 8, 2), ids, photo)
    made = model.translate(model.translation_inputs(batch))
    np.testing.assert_allclose(made, model.translate((*batch[:2], features)), atol=1e-6)


def test_appearances_are_centroids_of_large_instances_the_most_frequent_first():
    """Of a class with a large and a small instance, the small one does not count."""

    class Options:
        clusters, instance_features = 2, 1

    state = appearances.empty_state(3, Options)
    classes = np.zeros((16, 16), int)
    classes[8:] = 1
    ids = classes + 0
    ids[0, 0] = 9
    features = np.zeros((16, 16, 1))
    features[0, 0] = 7.0  # One pixel is less than half of 16 * 16 / 32.
    images = []
    for value in (0.5, 0.52, 0.48, -0.5):
        one = features.copy()
        one[8:] = value
        images.append((classes, ids, one))
    appearances.fill(state, images, seed=1)
    zeros, both, none = appearances.centroid_lists(state)
    assert (zeros, none) == ([[0.0]], [])
    np.testing.assert_allclose(both, [[0.5], [-0.5]], atol=1e-6)


def test_an_encoder_needs_instances():
    with pytest.raises(InputError) as caught:
        tiny_pix2pixhd(encoded=True)
    assert str(caught.value) == (
        "An encoder needs instances, and the discriminator as many outputs for each scale. "
        "Received: has_instances=False, scales=2 and 6 outputs. Change one of them."
    )


def test_a_table_that_nothing_reads_is_refused():
    config = preset("streets_tiny")
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, attributes="a.csv"))
    with pytest.raises(InputError) as caught:
        checked_family(config)
    assert str(caught.value) == (
        "The options of a training must be ones that pix2pixhd reads. Received: data.attributes="
        "'a.csv' (pix2pixHD ignores it: its networks take no table). Leave them out."
    )
