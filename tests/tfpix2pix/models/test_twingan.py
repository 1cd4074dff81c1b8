"""A step of TwinGAN beside its terms restated, its statistics, its phases."""

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import sgd, smooth_images, tiny_twingan
from tfpix2pix import InputError, losses
from tfpix2pix.families import Phase
from tfpix2pix.layers import DomainNormalization, Fade
from tfpix2pix.layers.network_calls import leaves
from tfpix2pix.models.domain_vectors import DomainVectors
from tfpix2pix.optimizers import adam

DOMAINS = ("A", "B")
PLAYERS = ("encoder", "generator", "discriminator_A", "discriminator_B")
EVERYTHING = {
    "reconstruction_weights": (2.0, 0.5),
    "gan_weights": (0.5, 3.0),
    "content_weights": (0.3, 0.7),
    "cycle_weights": (0.6, 1.5),
    "reconstruction_gan_from": 4,
    "distances": ("l2", "l2"),
    "penalty": (5.0, losses.r1),
}


def images(side, count=2):
    a = smooth_images((count, side, side, 3))
    return a, 0.5 * smooth_images((count, side, side, 3), seed=1) + 0.2


def hot(number, count, images):
    return tf.repeat(tf.one_hot([number], count), len(images), 0)


def passes(model, training=False):
    """Returns functions of images or codes and domains, which call the networks as documented."""
    domains, count = model.domains, len(model.domains)

    def encode(x, domain, made=0):
        number = domains.index(domain)
        inputs = [x, hot(number, count, x), hot(number + count * made, 2 * count, x)]
        return tf.nest.flatten(model.players["encoder"](inputs, training=training))

    def generate(codes, source, target, vector=None):
        start, end = domains.index(source), domains.index(target)
        weights = [hot(end, count, codes[0]), hot(count * start + end, count**2, codes[0])]
        weights += [] if vector is None else [vector]
        return model.players["generator"]([*codes, *weights], training=training)

    return encode, generate


def judge_of(model, domain, known):
    """Returns the discriminator of a domain, for images that are to fit its attributes."""
    judge = model.players[f"discriminator_{domain}"]
    if domain not in model.vectors.domains:
        return judge
    return lambda images: judge([images, known[domain]])


def restated(model, real, targets, options, known=None, drawn=None):
    """Returns all terms by their names, as the article and its code say, of images in [0, 1].

    With attributes each image is made and judged by those of the domain which it is to be of. With
    codes it is made in its own style, and a translation in one that is drawn.
    """
    encode, generate = passes(model)
    code = model.players.get("style_encoder")

    def vector(domain, style):
        parts = [known[domain]] if known else []
        parts += [style] if drawn else []
        return tf.concat(parts, -1) if parts else None

    own = {d: vector(d, code(real[d]) if drawn else None) for d in real}
    drawn_for = {d: vector(end, drawn[d] if drawn else None) for d, end in targets.items()}
    codes = {domain: encode(real[domain], domain) for domain in real}
    same = {domain: generate(codes[domain], domain, domain, own[domain]) for domain in real}
    made = {d: generate(codes[d], d, targets[d], drawn_for[d]) for d in real}
    into = {target: made[domain] for domain, target in targets.items()}
    mean = tf.reduce_mean
    difference = tf.square if options.get("distances", ("l1",))[0] == "l2" else tf.abs
    terms = {}
    for number, (domain, target) in enumerate(targets.items()):
        judge = judge_of(model, domain, known)
        weights = {
            name: options.get(f"{name}_weights", [default] * 3)[number]
            for name, default in (
                *(("reconstruction", 1), ("gan", 1)),
                *(("content", 0.1), ("cycle", 0)),
            )
        }
        again = encode(made[domain], target, made=1)
        back = generate(again, target, domain, own[domain])
        kinds = {
            "reconstruction": mean(difference((real[domain] - same[domain]) / 2)),
            "gan": mean(tf.math.softplus(-judge(into[domain]))),
            "content": mean(difference(codes[domain][0] - again[0])),
            "cycle": mean(tf.abs(real[domain] - back)) / 2,
        }
        for name, value in kinds.items():
            if weights[name]:
                terms[f"generator_{name}_{domain}"] = weights[name] * value
        if drawn:
            style = mean(tf.abs(drawn[domain] - code(made[domain])))
            terms[f"generator_style_{domain}"] = options["style_weight"] * style
        fakes = [into[domain]]
        if "reconstruction_gan_from" in options:
            fakes.append(same[domain])
            terms[f"generator_reconstruction_gan_{domain}"] = weights["gan"] * mean(
                tf.math.softplus(-judge(same[domain]))
            )
        fakes = [tf.stop_gradient(fake) for fake in fakes]
        terms[f"discriminator_{domain}_gan"] = sum(
            mean(tf.math.softplus(-judge(real[domain]))) + mean(tf.math.softplus(judge(fake)))
            for fake in fakes
        )
        if "penalty" in options:
            with tf.GradientTape() as tape:
                tape.watch(real[domain])
                logits = judge(real[domain])
            slopes = 2 * tape.gradient(logits, real[domain])  # Of images in [0, 1].
            power = tf.reduce_sum(slopes**2, (1, 2, 3))
            terms[f"discriminator_{domain}_penalty"] = options["penalty"][0] * mean(power) / 2
    return terms


def check_step(model, real, targets, options, known=None, drawn=None):
    """Takes a step of plain gradient descent, and compares terms and moves with those restated."""
    players = {player: network.trainable_variables for player, network in model.players.items()}
    with tf.GradientTape(persistent=True) as tape:
        terms = restated(model, real, targets, options, known, drawn)
        made = sum(value for name, value in terms.items() if name.startswith("generator"))
        judged = {
            player: sum(value for name, value in terms.items() if name.startswith(player))
            for player in model.discriminators.values()
        }
    expected = {
        player: tape.gradient(judged.get(player, made), variables)
        for player, variables in players.items()
    }
    before = {player: [v.numpy() for v in variables] for player, variables in players.items()}
    model.reset_metrics()
    rows = [known[domain] for domain in model.vectors.domains]
    logs = model.train_step((*real.values(), *rows))
    assert set(logs) == set(terms)
    for name, value in terms.items():
        np.testing.assert_allclose(logs[name], value, rtol=1e-4, err_msg=name)
    for player, variables in players.items():
        for variable, old, gradient in zip(variables, before[player], expected[player]):
            moved = (old - variable.numpy()) / 0.1
            np.testing.assert_allclose(moved, gradient, atol=2e-4, err_msg=variable.name)


@pytest.mark.parametrize("options", [{}, EVERYTHING], ids=["paper", "everything"])
def test_a_step_descends_the_terms_of_the_article(options):
    model = tiny_twingan(sgd, size=4, norm="instance", **options)
    check_step(model, dict(zip("AB", images(4))), {"A": "B", "B": "A"}, options)


def test_a_step_by_attributes_asks_of_a_translation_those_of_its_partner():
    vectors = DomainVectors(("B",), (3, 2))
    options = {**EVERYTHING, "vectors": vectors}
    model = tiny_twingan(sgd, size=4, norm="instance", **options)
    rows = np.random.default_rng(3).normal(size=(2, 5)).astype("float32")
    known = {"A": np.zeros((2, 5), "float32"), "B": rows}
    check_step(model, dict(zip("AB", images(4))), {"A": "B", "B": "A"}, EVERYTHING, known)


def test_a_step_by_codes_draws_styles_and_reads_them_off_again():
    vectors = DomainVectors(("B",), (3,), codes=2)
    options = {**EVERYTHING, "style_weight": 0.7}
    model = tiny_twingan(sgd, size=4, norm="instance", vectors=vectors, **options)
    rows = np.random.default_rng(3).normal(size=(2, 3)).astype("float32")
    known = {"A": np.zeros((2, 3), "float32"), "B": rows}
    noise = tf.random.Generator.from_seed(5)
    noise.uniform((2, 1))  # Which attributes are left out; here none.
    drawn = {domain: noise.normal((2, 2)) for domain in "AB"}
    model.noise.reset_from_seed(5)
    check_step(model, dict(zip("AB", images(4))), {"A": "B", "B": "A"}, options, known, drawn)
    a, b = images(4)
    columns = model.columns((a, b, rows))
    like_b = model.styled(b, rows)
    np.testing.assert_array_equal(like_b[:, 3:], model.players["style_encoder"](b))
    np.testing.assert_array_equal(columns["A to B"].images, model.translate(a, "AtoB", like_b))
    players = [player for player, _ in model.passes((a, b, rows))]
    assert players[:3] == ["style_encoder", "encoder", "generator"]


def test_attributes_are_left_out_at_random_whole_and_of_all_that_see_them():
    vectors = DomainVectors(("B",), (3, 2), dropout=0.5)
    known = tf.ones((400, 5))
    kept = vectors.dropped(known, np.random.default_rng(0).uniform(size=(400, 2))).numpy()
    assert {tuple(row) for row in kept} == {
        (*[first] * 3, *[second] * 2) for first in (0.0, 1.0) for second in (0.0, 1.0)
    }
    np.testing.assert_allclose(kept.mean(0), 0.5, atol=0.1)
    model = tiny_twingan(sgd, size=4, vectors=vectors._replace(dropout=1.0))
    kernel = model.players["discriminator_B"].get_layer("head_projection").kernel
    gradients = model._gradients(model.turn_targets(0), *images(4), known[:2])
    variables = model.players["discriminator_B"].trainable_variables
    (own,) = (g for g, v in zip(gradients["discriminator_B"], variables) if v is kernel)
    assert not np.any(own)


def test_a_model_with_attributes_starts_as_one_without():
    other = tiny_twingan(sgd, size=4)
    model = tiny_twingan(sgd, size=4, vectors=DomainVectors(("B",), (3,)))
    layers = [x.players["generator"].get_layer("base4_first_norm") for x in (model, other)]
    layers[1].gamma.assign(tf.random.stateless_normal(layers[1].gamma.shape, (1, 2)))
    started = dict(zip((w.name for w in layers[0].weights), model.starting_weights(*layers, other)))
    np.testing.assert_array_equal(started[layers[0].gamma.name], layers[1].gamma)
    for kept in (layers[0].gamma_kernel, layers[0].beta_kernel):
        np.testing.assert_array_equal(started[kept.name], kept)


def test_three_domains_are_translated_into_each_other_in_turns():
    options = {"cycle_weights": (0.6, 1.5, 0.9), "gan_weights": (0.5, 3.0, 2.0)}
    model = tiny_twingan(sgd, size=4, norm="instance", domains="ABC", **options)
    real = dict(zip("ABC", (*images(4), images(4)[0][:, ::-1] / 2)))
    for targets in ("BCA", "CAB", "BCA"):
        check_step(model, real, dict(zip("ABC", targets)), options)
    assert list(model.columns(tuple(real.values()))) == [
        *("A", "A again", "A to B", "A to C", "B", "B again", "B to A", "B to C"),
        *("C", "C again", "C to A", "C to B"),
    ]


def test_a_weight_is_one_number_or_one_of_each_domain():
    with pytest.raises(InputError) as caught:
        tiny_twingan(size=4, domains="ABC", gan_weights=(1.0, 2.0))
    assert str(caught.value) == (
        "Weights must be one number, or one for each of the domains A, B, C. Received: (1.0, 2.0). "
        "Give as many."
    )


def test_a_new_domain_starts_as_the_mean_of_those_that_there_are():
    other = tiny_twingan(sgd, size=4)
    for norm in leaves(other.players["encoder"]):
        if isinstance(norm, DomainNormalization):
            norm.gamma.assign(tf.random.stateless_normal(norm.gamma.shape, (1, 2)))
    model = tiny_twingan(sgd, size=4, domains=("faces", "B", "cats"))
    assert model.counterparts(other) == {
        "encoder": "encoder",
        "generator": "generator",
        "discriminator_faces": "discriminator_A",
        "discriminator_B": "discriminator_B",
    }
    layers = [x.players["encoder"].get_layer("from4_norm") for x in (model, other)]
    gamma, beta, mean, variance, seen = model.starting_weights(*layers, other)
    a, b = layers[1].gamma.numpy()
    np.testing.assert_allclose(gamma, [a, b, (a + b) / 2], rtol=1e-6)
    assert beta.shape == (3, len(a))
    assert (mean.any(), (variance == 1).all(), seen.any()) == (False, True, False)
    kernels = [x.players["encoder"].get_layer("from4_conv") for x in (model, other)]
    np.testing.assert_array_equal(model.starting_weights(*kernels, other)[0], kernels[1].kernel)
    with pytest.raises(InputError) as caught:
        tiny_twingan(size=8).counterparts(other)
    assert str(caught.value) == (
        "A growth that starts with the weights of another must begin at the side of its images. "
        "Received: 8 pixels, for a model of 4. Set `first_size` to 4."
    )


def test_a_frozen_encoder_stays_and_the_others_learn():
    model = tiny_twingan(sgd, size=4, frozen_encoder=True)
    before = {player: model.players[player].get_weights() for player in PLAYERS}
    model.train_step(images(4))
    for player in PLAYERS:
        trained = len(model.players[player].trainable_weights)
        moved = [
            (old != new).any()
            for old, new in zip(before[player][:trained], model.players[player].get_weights())
        ]
        assert any(moved) == (player != "encoder")


def test_by_the_losses_of_dtn_its_constancy_and_identity_fall_behind_a_frozen_encoder():
    model = tiny_twingan(
        lambda: adam(1e-2),
        size=4,
        norm="instance",
        frozen_encoder=True,
        content_weights=(15.0, 0.0),
        reconstruction_weights=(0.0, 15.0),
        gan_weights=(0.0, 1.0),
        reconstruction_gan_from=4,
        distances=("l2", "l2"),
    )
    step = tf.function(model.train_step)
    batch = images(4)
    first = {name: float(value) for name, value in step(batch).items()}
    for _ in range(60):
        step(batch)
    model.reset_metrics()
    last = {name: float(value) for name, value in step(batch).items()}
    assert not any(first[name] for name in first if name.endswith(("content_B", "struction_A")))
    for name in ("generator_content_A", "generator_reconstruction_B"):
        assert last[name] < first[name] / 2


@pytest.mark.parametrize("kind", ["wgan_gp", "dragan", "dragan_variance", "r1"])
def test_every_penalty_reaches_all_weights_of_each_discriminator(kind):
    weight = 1e6  # All else is small beside it.
    model = tiny_twingan(sgd, size=8, penalty=(weight, losses.penalty(kind)))
    gradients = model._gradients(model.turn_targets(0), *images(8))
    for player in PLAYERS[2:]:
        for variable, gradient in zip(model.players[player].trainable_variables, gradients[player]):
            assert np.isfinite(gradient).all()
            if "kernel" in variable.name:
                assert np.abs(gradient).max() > 0, variable.name


def test_statistics_are_those_of_one_path_each():
    model = tiny_twingan(sgd, size=4)
    a, b = (tf.nn.relu(x) + shift for x, shift in zip(images(4, 3), (0.0, -0.7)))
    encoder, generator = model.players["encoder"], model.players["generator"]
    kernels = [network.get_layer(f"{name}_conv").kernel.numpy() for network, name in (
        (encoder, "from4"), (generator, "base4_first"))]  # fmt: skip
    encode, _ = passes(model, training=True)
    codes = [encode(images, domain)[0] for images, domain in ((a, "A"), (b, "B"))]
    model = tiny_twingan(sgd, size=4)  # The same weights, which have seen nothing.
    encoder, generator = model.players["encoder"], model.players["generator"]
    model._passes({"A": a, "B": b}, model.turn_targets(0))

    def moments(x, kernel):
        convolved = tf.nn.conv2d(x, kernel, 1, "SAME").numpy()
        return convolved.mean((0, 1, 2)), convolved.var((0, 1, 2), ddof=1)

    norm = encoder.get_layer("from4_norm")
    for path, source in enumerate((a, b)):
        for measured, expected in zip(norm.unaveraged, moments(source, kernels[0])):
            np.testing.assert_allclose(measured[path], expected, atol=1e-5)
    norm = generator.get_layer("base4_first_norm")
    for path in range(4):  # From A to A, A to B, B to A, B to B.
        for measured, expected in zip(norm.unaveraged, moments(codes[path // 2], kernels[1])):
            np.testing.assert_allclose(measured[path], expected, atol=1e-5)
    assert norm.batches_seen.numpy().tolist() == [1, 1, 1, 1]
    assert encoder.get_layer("from4_norm").batches_seen.numpy().tolist() == [1, 1, 0, 0]


def test_a_recalibrated_model_translates_as_by_the_batch_that_it_saw():
    model = tiny_twingan(sgd, size=8)
    a, b = images(8, 16)
    for _ in range(2):
        model._passes({"A": 9 * a, "B": -3 * b}, model.turn_targets(0))
    before = model.translate(a, "AtoB")
    model.recalibrate([(a, b)])
    encode, generate = passes(model, training=True)
    for source, target, batch in (("A", "B", a), ("B", "A", b), ("A", "A", a)):
        expected = generate(encode(batch, source), source, target)
        shown = model.translate(batch, f"{source}to{target}")
        # The moving variance is the unbiased one.
        np.testing.assert_allclose(shown, np.clip(expected, -1, 1), atol=0.02)
    assert np.abs(before - model.translate(a, "AtoB")).max() > 0.1


def entered(model, name, share):
    model.enter(Phase(name, 10, 2, (int(name.split()[0]),) * 2), share)
    return model


def test_a_phase_blends_its_layers_and_its_images_and_starts_averages_anew():
    model = entered(tiny_twingan(sgd, size=16, ema_decay=0.9), "8", 0.0)
    networks = [*model.players.values(), *model.averaged.values()]
    assert model.side == 8
    assert not any(isinstance(x, Fade) for network in networks for x in network.layers)
    model.train_step(images(8))
    entered(model, "16 fade", 0.25)
    networks = [*model.players.values(), *model.averaged.values()]
    fades = [x for network in networks for x in network.layers if isinstance(x, Fade)]
    assert [float(fade.alpha) for fade in fades] == [0.25] * 6
    assert model.caption == "phase 16 fade, alpha 0.25"
    for player, average in model.averaged.items():
        for one, other in zip(average.get_weights(), model.players[player].get_weights()):
            np.testing.assert_array_equal(one, other)
    a, _ = images(16)
    coarse = a.numpy().reshape(2, 8, 2, 8, 2, 3).mean((2, 4))
    expected = 0.25 * a + 0.75 * coarse.repeat(2, axis=1).repeat(2, axis=2)
    np.testing.assert_allclose(model.faded(a), expected, atol=1e-6)
    entered(model, "16 fade", 0.5)
    assert [float(fade.alpha) for fade in fades] == [0.5] * 6
    entered(model, "16", 0.0)
    assert (model.faded(a), float(model.alpha), model.side) == (a, 1.0, 16)


def test_averages_leave_statistics_alone():
    model = tiny_twingan(sgd, size=4, ema_decay=0.5)
    model.train_step(images(4))
    average = model.averaged["encoder"].get_layer("from4_norm")
    assert average.batches_seen.numpy().tolist() == [0, 0, 0, 0]
    assert average.moving_mean.numpy().any() == False  # noqa: E712
    assert model.players["encoder"].get_layer("from4_norm").batches_seen.numpy().tolist() == [1] * 4


def test_the_sample_picture_has_both_directions_and_both_reconstructions():
    model = tiny_twingan(sgd, size=4)
    a, b = images(4)
    model.train_step((a, b))
    columns = model.columns((a, b))
    assert list(columns) == ["A", "A again", "A to B", "B", "B again", "B to A"]
    for title, direction in (("A again", "AtoA"), ("A to B", "AtoB"), ("B to A", "BtoA")):
        source = b if direction[0] == "B" else a
        np.testing.assert_array_equal(columns[title].images, model.translate(source, direction))
    errors = [losses.l1(a, columns["A again"].images), losses.l1(b, columns["B again"].images)]
    measured = model.validate((a, b))["reconstruction_l1"]
    np.testing.assert_allclose(measured, np.mean(errors, 0), rtol=1e-5)
