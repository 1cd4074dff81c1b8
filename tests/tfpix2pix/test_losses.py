import numpy as np
import tensorflow as tf

from tests import reference
from tests.cases import smooth_images
from tfpix2pix import losses

REAL, FAKE = 3 * smooth_images((2, 3, 5, 1)), 2 * smooth_images((2, 3, 5, 1), seed=1)


def test_discriminator_loss_is_the_paper_s_equation_1():
    real, fake = reference.sigmoid(REAL.numpy()), reference.sigmoid(FAKE.numpy())
    expected = -(np.log(real) + np.log(1 - fake)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(losses.cross_entropy_discriminator(REAL, FAKE), expected, rtol=1e-5)


def test_generator_loss_is_the_non_saturating_one():
    expected = -np.log(reference.sigmoid(FAKE.numpy())).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(losses.cross_entropy_generator(FAKE), expected, rtol=1e-5)


def test_a_confident_discriminator_still_gives_the_generator_a_gradient():
    confident = tf.fill((1, 1, 1, 1), -50.0)
    with tf.GradientTape() as tape:
        tape.watch(confident)
        loss = losses.cross_entropy_generator(confident)
    assert float(tape.gradient(loss, confident)) == -1.0


def test_l1_is_the_mean_over_each_image():
    target, translated = smooth_images((2, 4, 3, 2)), smooth_images((2, 4, 3, 2), seed=2)
    expected = np.abs(target - translated).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(losses.l1(target, translated), expected, rtol=1e-6)
    assert losses.l1([[[[1.0]]]], [[[[-1.0]]]]).numpy().tolist() == [2.0]
