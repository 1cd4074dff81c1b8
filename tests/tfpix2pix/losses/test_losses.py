import re

import numpy as np
import pytest
import tensorflow as tf

from tests import reference
from tests.cases import smooth_images
from tfpix2pix import InputError, losses

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
    assert tape.gradient(loss, confident).numpy().item() == -1.0


@pytest.mark.parametrize("label", [1.0, 0.9])
def test_label_smoothing_asks_for_less_than_certainty(label):
    real, fake = reference.sigmoid(REAL.numpy()), reference.sigmoid(FAKE.numpy())
    entropy = -(label * np.log(real) + (1 - label) * np.log(1 - real) + np.log(1 - fake))
    loss = losses.adversarial("cross_entropy", real_label=label)
    np.testing.assert_allclose(
        loss.discriminator(REAL, FAKE), entropy.mean(axis=(1, 2, 3)), rtol=1e-5
    )
    squares = (REAL.numpy() - label) ** 2 + FAKE.numpy() ** 2
    loss = losses.adversarial("least_squares", real_label=label)
    np.testing.assert_allclose(
        loss.discriminator(REAL, FAKE), squares.mean(axis=(1, 2, 3)), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("kind", "discriminator", "generator"),
    [
        ("least_squares", lambda r, f: (r - 1) ** 2 + f**2, lambda f: (f - 1) ** 2),
        ("hinge", lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f), lambda f: -f),
        ("wasserstein", lambda r, f: f - r, lambda f: -f),
    ],
)
def test_the_other_adversarial_losses_are_their_formulas(kind, discriminator, generator):
    loss = losses.adversarial(kind)
    real, fake = REAL.numpy(), FAKE.numpy()
    expected = discriminator(real, fake).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(loss.discriminator(REAL, FAKE), expected, rtol=1e-4, atol=1e-6)
    expected = generator(fake).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(loss.generator(FAKE), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", ["cross_entropy", "least_squares", "hinge", "wasserstein"])
def test_one_logit_an_image_is_one_patch(kind):
    loss = losses.adversarial(kind)
    patch = REAL[:, :1, :1], FAKE[:, :1, :1]
    for shape in ((2, 1), (2,)):
        real, fake = (tf.reshape(logits, shape) for logits in patch)
        np.testing.assert_array_equal(loss.discriminator(real, fake), loss.discriminator(*patch))
        np.testing.assert_array_equal(loss.generator(fake), loss.generator(patch[1]))


def test_unknown_losses_are_refused():
    message = (
        "`adversarial` must be one of ['cross_entropy', 'hinge', 'least_squares', 'wasserstein']. "
        "Received: adversarial='lsgan'."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        losses.adversarial("lsgan")
    message = (
        "`real_label` must be 1 for an adversarial loss without labels. Received: "
        "adversarial='hinge', real_label=0.9. Use one of ['cross_entropy', 'least_squares']."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        losses.adversarial("hinge", real_label=0.9)
    message = (
        "`penalty` must be one of ['dragan', 'dragan_variance', 'r1', 'wgan_gp'] or None. "
        "Received: penalty='gp'."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        losses.penalty("gp")


def gradient_norm_at(points):
    """Returns the gradient norm of mean(sin(x)) over each example, by hand."""
    gradient = np.cos(points) / points[0].size
    return np.sqrt((gradient**2).sum(axis=(1, 2, 3)))


def judge(target):
    return tf.sin(target)


REAL_IMAGE, FAKE_IMAGE = smooth_images((2, 4, 3, 2)), smooth_images((2, 4, 3, 2), seed=2)
NOISE = np.random.default_rng(0).uniform(size=(2, 4, 3, 2)).astype("float32")


def test_wgan_gp_looks_between_real_and_fake():
    real, fake = REAL_IMAGE.numpy(), FAKE_IMAGE.numpy()
    between = real + NOISE[:, :1, :1, :1] * (fake - real)
    expected = (gradient_norm_at(between) - 1) ** 2
    np.testing.assert_allclose(
        losses.wgan_gp(judge, REAL_IMAGE, FAKE_IMAGE, NOISE), expected, rtol=1e-5
    )


def test_dragan_looks_around_real():
    real = REAL_IMAGE.numpy()
    expected = (gradient_norm_at(real + 0.5 * real.std() * NOISE) - 1) ** 2
    np.testing.assert_allclose(losses.dragan(judge, REAL_IMAGE, None, NOISE), expected, rtol=1e-5)


def test_r1_looks_at_real():
    expected = gradient_norm_at(REAL_IMAGE.numpy()) ** 2 / 2
    np.testing.assert_allclose(losses.r1(judge, REAL_IMAGE, None, None), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", ["wgan_gp", "dragan", "r1"])
def test_a_penalty_takes_one_logit_an_image(kind):
    def by_image(target):
        return tf.reduce_mean(judge(target), axis=(1, 2, 3))

    arguments = REAL_IMAGE, FAKE_IMAGE, NOISE
    penalty = losses.penalty(kind)
    np.testing.assert_allclose(penalty(by_image, *arguments), penalty(judge, *arguments), rtol=1e-5)


def test_dragan_of_the_code_of_twingan_looks_around_real_by_the_variance():
    real = REAL_IMAGE.numpy()
    around = real + 0.5 * real.var() * NOISE[:, :1, :1, :1] * (2 * NOISE - 1)
    expected = (gradient_norm_at(around) - 1) ** 2
    penalty = losses.dragan_variance(judge, REAL_IMAGE, FAKE_IMAGE, NOISE)
    np.testing.assert_allclose(penalty, expected, rtol=1e-5)


def test_a_penalty_has_a_finite_gradient_where_the_discriminator_is_flat():
    weight = tf.Variable(0.0)
    with tf.GradientTape() as tape:
        loss = losses.wgan_gp(lambda x: weight * x, REAL_IMAGE, FAKE_IMAGE, NOISE)
    assert np.isfinite(tape.gradient(loss, weight))


def test_l2_is_the_mean_square_over_each_image():
    expected = ((REAL_IMAGE.numpy() - FAKE_IMAGE.numpy()) ** 2).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(losses.l2(REAL_IMAGE, FAKE_IMAGE), expected, rtol=1e-5)


def test_l1_is_the_mean_over_each_image():
    target, translated = smooth_images((2, 4, 3, 2)), smooth_images((2, 4, 3, 2), seed=2)
    expected = np.abs(target - translated).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(losses.l1(target, translated), expected, rtol=1e-6)
    assert losses.l1([[[[1.0]]]], [[[[-1.0]]]]).numpy().tolist() == [2.0]
