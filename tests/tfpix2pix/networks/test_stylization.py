"""The network of styles: F.2 of Dumoulin et al.'s appendix."""

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import smooth_images
from tfpix2pix.networks import image_discriminator, style_translator, stylization_generator


@pytest.mark.parametrize("styles", [2, 5])
def test_a_style_costs_3206_weights_beside_those_that_all_share(styles):
    network = stylization_generator((None, None, 3), styles=styles)
    kernels = [w for w in network.trainable_weights if "kernel" in w.name]
    rows = [w for w in network.trainable_weights if "kernel" not in w.name]
    assert sum(w.shape.num_elements() for w in kernels) == 1_674_432
    assert {w.shape[0] for w in rows} == {styles}
    assert sum(w.shape.num_elements() for w in rows) == 3206 * styles


def test_a_style_alone_is_its_row():
    network = stylization_generator((None, None, 3), styles=3, base_filters=4, blocks=1)
    for offset, weight in enumerate(network.weights):
        values = np.sin(np.arange(weight.shape.num_elements()) + offset)
        weight.assign(values.reshape(weight.shape))
    image = smooth_images((2, 8, 12, 3))
    rows = tf.constant([[0.0, 0.0, 1.0]] * 2)
    alone = style_translator(network, 2)(image)
    np.testing.assert_array_equal(alone, network([image, rows]))
    assert np.abs(alone - network([image, rows[:, ::-1]])).max() > 0.1


@pytest.mark.parametrize("image_norm", ["full", "affine"])
def test_a_fully_normalized_image_has_the_mean_of_its_style(image_norm):
    network = stylization_generator(
        (None, None, 3), base_filters=4, blocks=1, image_norm=image_norm
    )
    norm = network.get_layer("head_norm")
    norm.beta.assign([[0.1, 0.2, 0.3], [-0.3, -0.2, -0.1]])
    norm.gamma.assign(tf.fill((2, 3), 0.01))
    images = tf.concat([smooth_images((1, 8, 8, 3)), smooth_images((1, 8, 8, 3), 5)], 0)
    means = tf.reduce_mean(tf.atanh(network([images, tf.eye(2)])), (1, 2))
    near = np.allclose(means, norm.beta, atol=1e-5)
    assert near == (image_norm == "full")


def test_a_discriminator_of_domains_has_a_logit_for_each():
    judge = image_discriminator((32, 32, 3), receptive_field=16, base_filters=4, domains=3)
    assert judge.output_shape == (None, 14, 14, 3)
