import re

import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity
from tensorflow import keras

from tests.cases import sgd, smooth_images, tiny_pix2pix, values
from tfpix2pix import InputError, losses

SOURCE, TARGET = smooth_images((2, 32, 32, 3)), smooth_images((2, 32, 32, 3), seed=1)


def moved(model, player, before):
    """Returns how far each variable of a player has gone per unit of plain gradient descent."""
    return [
        (old - new.numpy()) / 0.1
        for old, new in zip(before, model.players[player].trainable_variables)
    ]


def trainable(model, player):
    return [variable.numpy() for variable in model.players[player].trainable_variables]


def test_discriminator_descends_half_of_its_loss_on_the_generator_as_it_was():
    model = tiny_pix2pix(optimizer=sgd)
    with tf.GradientTape() as tape:
        translated = model.generator(SOURCE, training=True)
        real = model.discriminator([SOURCE, TARGET], training=True)
        fake = model.discriminator([SOURCE, translated], training=True)
        bce = keras.losses.BinaryCrossentropy(from_logits=True)
        loss = 0.5 * (bce(tf.ones_like(real), real) + bce(tf.zeros_like(fake), fake))
    expected = tape.gradient(loss, model.discriminator.trainable_variables)
    before = trainable(model, "discriminator")
    logs = model.train_step((SOURCE, TARGET))
    assert float(logs["discriminator_gan"]) == pytest.approx(float(loss), rel=1e-5)
    for step, gradient in zip(moved(model, "discriminator", before), expected):
        np.testing.assert_allclose(step, gradient, rtol=1e-2, atol=1e-5)


def test_generator_descends_against_the_updated_discriminator():
    model = tiny_pix2pix(optimizer=sgd, l1_weight=7.0)
    twin = tiny_pix2pix(optimizer=sgd)
    before = trainable(model, "generator")
    model.train_step((SOURCE, TARGET))
    twin.discriminator.set_weights(model.discriminator.get_weights())
    with tf.GradientTape() as tape:
        translated = twin.generator(SOURCE, training=True)
        fake = twin.discriminator([SOURCE, translated], training=True)
        bce = keras.losses.BinaryCrossentropy(from_logits=True)
        loss = bce(tf.ones_like(fake), fake) + 7.0 * tf.reduce_mean(tf.abs(TARGET - translated))
    expected = tape.gradient(loss, twin.generator.trainable_variables)
    for step, gradient in zip(moved(model, "generator", before), expected):
        np.testing.assert_allclose(step, gradient, rtol=1e-2, atol=2e-5)


@pytest.mark.parametrize(
    ("options", "left"),
    [({"l1_weight": 0.0, "gan_weight": 3.0}, "gan"), ({"l1_weight": 5.0, "gan_weight": 0.0}, "l1")],
)
def test_a_term_of_weight_zero_leaves_the_other_s_gradient_alone(options, left):
    model = tiny_pix2pix(optimizer=sgd, **options)
    twin = tiny_pix2pix(optimizer=sgd)
    before = trainable(model, "generator")
    model.train_step((SOURCE, TARGET))
    twin.discriminator.set_weights(model.discriminator.get_weights())
    with tf.GradientTape() as tape:
        translated = twin.generator(SOURCE, training=True)
        if left == "l1":
            loss = 5.0 * tf.reduce_mean(tf.abs(TARGET - translated))
        else:
            fake = twin.discriminator([SOURCE, translated], training=True)
            loss = 3.0 * tf.reduce_mean(losses.cross_entropy_generator(fake))
    expected = tape.gradient(loss, twin.generator.trainable_variables)
    for step, gradient in zip(moved(model, "generator", before), expected):
        np.testing.assert_allclose(step, gradient, rtol=1e-2, atol=2e-5)


def test_a_gradient_penalty_is_really_applied():
    model = tiny_pix2pix(optimizer=sgd, penalty=(5.0, losses.r1), gan_weight=2.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            inner.watch(TARGET)
            real = model.discriminator([SOURCE, TARGET], training=True)
            mean = tf.reduce_mean(real, axis=(1, 2, 3))
        slope = tf.reduce_sum(inner.gradient(mean, TARGET) ** 2, axis=(1, 2, 3))
        translated = model.generator(SOURCE, training=True)
        fake = model.discriminator([SOURCE, translated], training=True)
        judging = losses.cross_entropy_discriminator(real, fake)
        loss = tf.reduce_mean(0.5 * judging + 5.0 * 0.5 * slope)
    expected = outer.gradient(loss, model.discriminator.trainable_variables)
    before = trainable(model, "discriminator")
    logs = model.train_step((SOURCE, TARGET))
    assert float(logs["discriminator_penalty"]) == pytest.approx(
        2.5 * float(tf.reduce_mean(slope)), rel=1e-4
    )
    for step, gradient in zip(moved(model, "discriminator", before), expected):
        np.testing.assert_allclose(step, gradient, rtol=1e-2, atol=1e-5)


def test_a_simultaneous_update_learns_from_the_state_before_it():
    model = tiny_pix2pix(optimizer=sgd, l1_weight=7.0, update="simultaneous")
    with tf.GradientTape(persistent=True) as tape:
        translated = model.generator(SOURCE, training=True)
        real = model.discriminator([SOURCE, TARGET], training=True)
        fake = model.discriminator([SOURCE, translated], training=True)
        judging = tf.reduce_mean(0.5 * losses.cross_entropy_discriminator(real, fake))
        fooling = tf.reduce_mean(
            losses.cross_entropy_generator(fake) + 7.0 * losses.l1(TARGET, translated)
        )
    for player, loss in (("discriminator", judging), ("generator", fooling)):
        expected = tape.gradient(loss, model.players[player].trainable_variables)
        twin = tiny_pix2pix(optimizer=sgd, l1_weight=7.0, update="simultaneous")
        before = trainable(twin, player)
        twin.train_step((SOURCE, TARGET))
        for step, gradient in zip(moved(twin, player, before), expected):
            np.testing.assert_allclose(step, gradient, rtol=1e-2, atol=2e-5)


def test_discriminator_steps_are_taken_before_the_generator_s():
    several, one = (tiny_pix2pix(optimizer=sgd, discriminator_steps=n) for n in (3, 1))
    for _ in range(2):
        generator = one.generator.get_weights()
        one.train_step((SOURCE, TARGET))
        one.generator.set_weights(generator)
    one.train_step((SOURCE, TARGET))
    several.train_step((SOURCE, TARGET))
    for a, b in zip(several.trainable_variables, one.trainable_variables):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_loss_of_one_s_own_is_minimized_and_logged():
    def brightness(source, target, translated):
        assert source.shape == target.shape == translated.shape
        return 50.0 * tf.reduce_mean(translated, axis=(1, 2, 3))

    options = {"l1_weight": 0.0, "gan_weight": 0.0, "extra_losses": {"brightness": brightness}}
    model = tiny_pix2pix(optimizer=sgd, **options)
    with tf.GradientTape() as tape:
        loss = 50.0 * tf.reduce_mean(model.generator(SOURCE, training=True))
    expected = tape.gradient(loss, model.generator.trainable_variables)
    before = trainable(model, "generator")
    logs = model.train_step((SOURCE, TARGET))
    assert float(logs["generator_brightness"]) == pytest.approx(float(loss), rel=1e-4)
    for step, gradient in zip(moved(model, "generator", before), expected):
        np.testing.assert_allclose(step, gradient, rtol=1e-2, atol=2e-4)


@pytest.mark.parametrize(
    "options",
    [
        {"adversarial": losses.least_squares, "update": "simultaneous"},
        {"adversarial": losses.hinge, "discriminator_steps": 2},
        {"adversarial": losses.wasserstein, "penalty": (10.0, losses.wgan_gp)},
        {"penalty": (10.0, losses.dragan), "update": "simultaneous"},
        {"norm": "batch", "penalty": (10.0, losses.r1)},
    ],
)
@pytest.mark.slow
def test_every_variable_moves_whatever_the_objective(options):
    model = tiny_pix2pix(**options)
    before = [variable.numpy() for variable in model.trainable_variables]
    logs = model.fit(SOURCE, TARGET, batch_size=2, verbose=0).history
    assert np.isfinite([value for values in logs.values() for value in values]).all()
    # To losses that are linear at zero, a shift of all logits makes no difference.
    linear = options.get("adversarial") in (losses.hinge, losses.wasserstein)
    still = model.discriminator.get_layer("head_conv").bias if linear else None
    for variable, old in zip(model.trainable_variables, before):
        assert variable is still or np.abs(variable - old).max() > 0, variable.name


def test_impossible_updates_are_refused():
    message = "`update` must be one of ['alternating', 'simultaneous']. Received: update='both'."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        tiny_pix2pix(update="both")
    message = (
        "`discriminator_steps` must be at least 1, and 1 for a simultaneous update. Received: "
        "discriminator_steps=2, update='simultaneous'."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        tiny_pix2pix(update="simultaneous", discriminator_steps=2)


def test_compile_without_arguments_gives_the_paper_s_optimizers():
    model = tiny_pix2pix()
    assert set(model.optimizers) == {"generator", "discriminator"}
    for optimizer in model.optimizers.values():
        settings = optimizer.get_config()
        assert isinstance(optimizer, keras.optimizers.legacy.Adam)
        names = ("learning_rate", "beta_1", "beta_2", "epsilon")
        assert [settings[name] for name in names] == pytest.approx([2e-4, 0.5, 0.999, 1e-8])
    assert len({id(optimizer) for optimizer in model.optimizers.values()}) == 2


def test_compile_refuses_an_unknown_player():
    message = (
        "Optimizers are given per player, ['discriminator', 'generator']. Received: ['critic']. "
        "Remove or rename them."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        tiny_pix2pix().compile({"critic": sgd()})


def test_evaluate_is_the_l1_of_translate():
    model = tiny_pix2pix()
    expected = np.abs(model.translate(SOURCE) - TARGET).mean()
    measured = model.evaluate(SOURCE, TARGET, batch_size=1, verbose=0, return_dict=True)
    assert measured == {"l1": pytest.approx(expected, rel=1e-5)}


@pytest.mark.slow
def test_training_on_one_pair_makes_it_the_answer():
    model = tiny_pix2pix(dropout_levels=1)
    pair = (SOURCE[:1], 0.5 * TARGET[:1] + 0.2)
    before = float(losses.l1(pair[1], model.translate(pair[0]))[0])
    model.fit(tf.data.Dataset.from_tensors(pair).repeat(150), verbose=0)
    assert float(losses.l1(pair[1], model.translate(pair[0]))[0]) < 0.5 * before


def test_logs_are_means_over_the_epoch_by_stable_names():
    model = tiny_pix2pix()
    history = model.fit(SOURCE, TARGET, batch_size=1, verbose=0).history
    assert list(history) == ["discriminator_gan", "generator_gan", "generator_l1"]


def test_same_seeds_and_batches_give_the_same_weights_to_the_bit():
    first, second = (tiny_pix2pix(dropout_levels=1) for _ in range(2))
    for model in (first, second):
        model.fit(SOURCE, TARGET, batch_size=1, shuffle=False, verbose=0)
    for a, b in zip(values(first), values(second)):
        np.testing.assert_array_equal(a, b)


def test_validation_measures_similarity_as_of_pixels():
    model = tiny_pix2pix()
    measured = model.validate((SOURCE, TARGET))["ssim"]
    pixels = [(np.asarray(x) + 1) / 2 for x in (TARGET, model.translate(SOURCE))]
    expected = [
        structural_similarity(
            *pair,
            data_range=1,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for pair in zip(*pixels)
    ]
    np.testing.assert_allclose(measured, expected, atol=1e-4)
