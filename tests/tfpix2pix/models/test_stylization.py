"""A step of styles, term by term, and what a new style leaves as it is."""

import numpy as np
import pytest
import tensorflow as tf

from tests import reference
from tests.cases import sgd, smooth_images, tiny_stylization
from tfpix2pix import InputError, optimizers
from tfpix2pix.layers import DomainNormalization

DOMAINS = ("photos", "ink", "oil")
BATCH = tuple(smooth_images((2, 16, 16, 3), seed) * scale for seed, scale in enumerate((1, 0.7, 2)))
WEIGHTS = {"cycle_weight": 3.0, "identity_weight": 0.25}


def spread(model):
    """Gives each style rows of its own."""
    for offset, weight in enumerate(model.players["generator"].weights):
        if weight.shape.rank == 2:
            values = np.sin(np.arange(weight.shape.num_elements()) + offset)
            weight.assign(1 + 0.5 * values.reshape(weight.shape))
    return model


def built(optimizer=sgd, **options):
    return spread(tiny_stylization(optimizer, DOMAINS, **{**WEIGHTS, **options}))


def mean_square(logits, target):
    return tf.reduce_mean((logits - target) ** 2)


def difference(images, others):
    return tf.reduce_mean(tf.abs(images - others))


def terms(model, number):
    """The terms of a step between photos and one style, each domain's alone."""
    generator, judge = model.players["generator"], model.players["discriminator"]
    photos, style = BATCH[0], BATCH[number]

    def made(images, domain):
        return generator([images, tf.repeat(tf.one_hot([domain], 3), 2, 0)])

    def says(images, domain):
        return judge(images)[..., domain]

    forth, back = made(photos, number), made(style, 0)
    generated = {
        "gan": mean_square(says(forth, number), 1) + mean_square(says(back, 0), 1),
        "cycle": 3 * (difference(made(forth, 0), photos) + difference(made(back, number), style)),
        "identity": 0.75
        * (difference(made(photos, 0), photos) + difference(made(style, number), style)),
    }  # fmt: skip
    judged = 0.5 * (
        mean_square(says(photos, 0), 1) + mean_square(says(back, 0), 0)
        + mean_square(says(style, number), 1) + mean_square(says(forth, number), 0)
    )  # fmt: skip
    return generated, judged


def test_each_step_is_of_one_style_in_turns():
    model = built()
    for number in (1, 2, 1):
        with tf.GradientTape(persistent=True) as tape:
            generated, judged = terms(model, number)
            total = sum(generated.values())
        expected = {}
        for player, loss in (("generator", total), ("discriminator", judged)):
            variables = model.players[player].trainable_variables
            gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
            expected[player] = [v - 0.1 * g for v, g in zip(variables, gradients)]
        model.reset_metrics()
        logs = model.train_step(BATCH)
        for term, value in generated.items():
            np.testing.assert_allclose(logs[f"generator_{term}"], value, rtol=1e-4)
        np.testing.assert_allclose(logs["discriminator_gan"], judged, rtol=1e-4)
        for player, values in expected.items():
            for variable, value in zip(model.players[player].trainable_variables, values):
                np.testing.assert_allclose(variable, value, atol=1e-5, err_msg=variable.name)


def test_a_new_style_leaves_all_else_of_the_generator_to_the_bit():
    model = built(optimizers.adam, new_style="oil")
    generator = model.players["generator"]
    before = {weight.name: weight.numpy() for weight in generator.weights}
    for _ in range(3):
        model.train_step(BATCH)
    norms = [layer for layer in generator.layers if isinstance(layer, DomainNormalization)]
    rows = {weight.name for norm in norms for weight in norm.weights}
    for weight in generator.weights:
        old, new = before[weight.name], weight.numpy()
        if weight.name in rows:
            np.testing.assert_array_equal(new[:2], old[:2], err_msg=weight.name)
            assert (new[2] != old[2]).any(), weight.name
        else:
            np.testing.assert_array_equal(new, old, err_msg=weight.name)
    assert model.notes == ("Of the generator only the rows of 'oil' are trained.",)


def test_a_new_style_starts_as_the_mean_of_those_that_there_are():
    old = spread(tiny_stylization(sgd, ("photos", "ink")))
    new = built()
    for player, axis in (("generator", 0), ("discriminator", -1)):
        for layer in new.players[player].layers:
            other = old.players[player].get_layer(layer.name)
            is_row = isinstance(layer, DomainNormalization) or layer.name == "head_conv"
            has_rows = is_row and (player == "discriminator") == (layer.name == "head_conv")
            for started, weight in zip(
                new.starting_weights(layer, other, old), other.get_weights()
            ):
                if has_rows:
                    started, weight = (np.moveaxis(x, axis, 0) for x in (started, weight))
                    np.testing.assert_allclose(started[2], weight.mean(0), rtol=1e-6)
                    started = started[:2]
                np.testing.assert_array_equal(started, weight)


def features(images):
    """Stands for a network of features: two layers, of other sides."""
    return [images[:, ::2, ::2] ** 2, tf.nn.avg_pool2d(images, 4, 4, "VALID")]


def test_features_are_compared_with_the_photo_and_the_style():
    model = built(perceptual=features, content_weight=2.0, gram_weight=5.0)
    made = model.translate(BATCH[0], 1)
    logs = model.train_step(BATCH)
    photo, style, fake = ([np.asarray(x) for x in features(x)] for x in (BATCH[0], BATCH[1], made))
    content = np.mean((photo[1] - fake[1]) ** 2)
    np.testing.assert_allclose(logs["generator_content"], 2 * content, rtol=1e-3)
    grams = [np.mean((reference.gram(a) - reference.gram(b)) ** 2) for a, b in zip(style, fake)]
    np.testing.assert_allclose(logs["generator_gram"], 5 * np.mean(grams), rtol=1e-3)


def test_domains_are_photos_and_styles():
    for domains, new_style in ((("photos",), None), (("A", "B"), "A"), (("A", "B"), "C")):
        with pytest.raises(InputError) as error:
            tiny_stylization(domains=domains, new_style=new_style)
        assert str(error.value) == (
            "`domains` must name that of photos, then one style or more, and `new_style` one of "
            f"the styles. Received: domains={domains}, new_style={new_style!r}. Name them."
        )
