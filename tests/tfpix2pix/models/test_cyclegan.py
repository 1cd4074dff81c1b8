import re

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import sgd, smooth_images, tiny_cyclegan
from tfpix2pix import CycleGAN, InputError, losses, metrics
from tfpix2pix.models.cyclegan import DISCRIMINATORS, GENERATORS
from tfpix2pix.networks import image_discriminator, resnet_generator

A = smooth_images((2, 32, 32, 3))
B = 0.5 * smooth_images((2, 32, 32, 3), seed=1) + 0.2


def mean_square(logits, target):
    return tf.reduce_mean((logits - target) ** 2)


def mean_difference(images, others):
    return tf.reduce_mean(tf.abs(images - others))


def generator_terms(players, cycle=(10.0, 10.0), identity=(0.5, 0.5)):
    """The paper's terms of both generators, and what they translate."""
    forth, back, judge_a, judge_b = (players[name] for name in (*GENERATORS, *DISCRIMINATORS))
    fake_b = forth(A)
    fake_a = back(B)
    terms = {
        "generator_AtoB_gan": mean_square(judge_b(fake_b), 1),
        "generator_AtoB_cycle": cycle[0] * mean_difference(back(fake_b), A),
        "generator_AtoB_identity": cycle[1] * identity[1] * mean_difference(forth(B), B),
        "generator_BtoA_gan": mean_square(judge_a(fake_a), 1),
        "generator_BtoA_cycle": cycle[1] * mean_difference(forth(fake_a), B),
        "generator_BtoA_identity": cycle[0] * identity[0] * mean_difference(back(A), A),
    }
    return terms, {"A": fake_a, "B": fake_b}


def discriminator_terms(players, fakes):
    return {
        f"discriminator_{domain}": 0.5
        * (
            mean_square(players[f"discriminator_{domain}"](real), 1)
            + mean_square(players[f"discriminator_{domain}"](fakes[domain]), 0)
        )
        for domain, real in (("A", A), ("B", B))
    }


def descended(players, losses_of_players):
    """Returns the weights of players after one step of plain descent of each one's loss.

    Args:
        players: Dict of player to network.
        losses_of_players: Function without arguments to a dict of player to its loss.
    """
    with tf.GradientTape(persistent=True) as tape:
        values = losses_of_players()
    return {
        player: [
            variable - 0.1 * gradient
            for variable, gradient in zip(
                players[player].trainable_variables,
                tape.gradient(loss, players[player].trainable_variables),
            )
        ]
        for player, loss in values.items()
    }


def assert_weights(players, expected):
    for player, values in expected.items():
        for variable, value in zip(players[player].trainable_variables, values):
            np.testing.assert_allclose(variable, value, atol=1e-5, err_msg=variable.name)


WEIGHTS = [
    {},
    {"cycle_weights": (3.0, 7.0), "identity_weights": (0.2, 0.9)},
    {"cycle_weights": (0.0, 2.0), "identity_weights": (0.4, 0.0)},
    {"cycle_weights": (0.0, 0.0)},
]


@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_both_generators_descend_the_sum_of_the_paper_s_terms(weights):
    """With weights of zero what is left is the others' gradient alone."""
    model = tiny_cyclegan(optimizer=sgd, **weights)
    options = {name.split("_")[0]: pair for name, pair in weights.items()}

    def of_generators():
        terms, _ = generator_terms(model.players, **options)
        return dict.fromkeys(GENERATORS, sum(terms.values()))

    terms, _ = generator_terms(model.players, **options)
    expected = descended(model.players, of_generators)
    logs = model.train_step((A, B))
    assert_weights(model.players, expected)
    measured = {name: float(value) for name, value in logs.items() if "generator" in name}
    assert {n: v for n, v in measured.items() if n in terms} == {
        name: pytest.approx(float(value), rel=1e-4) for name, value in terms.items()
    }


def test_taking_turns_makes_no_difference():
    """Generators first, then discriminators on the translations made before: the same weights."""
    model = tiny_cyclegan(optimizer=sgd)
    twin = tiny_cyclegan(optimizer=sgd)
    _, fakes = generator_terms(twin.players)
    stepped = descended(
        twin.players,
        lambda: dict.fromkeys(GENERATORS, sum(generator_terms(twin.players)[0].values())),
    )
    for player, values in stepped.items():
        for variable, value in zip(twin.players[player].trainable_variables, values):
            variable.assign(value)
    stepped.update(descended(twin.players, lambda: discriminator_terms(twin.players, fakes)))
    logs = model.train_step((A, B))
    assert_weights(model.players, stepped)
    for player, loss in discriminator_terms(tiny_cyclegan().players, fakes).items():
        assert float(logs[f"{player}_gan"]) == pytest.approx(float(loss), rel=1e-4)


def test_discriminators_see_what_the_pools_return():
    model = tiny_cyclegan(optimizer=sgd, pool_size=5)
    _, fakes = generator_terms(model.players)
    chance = tf.random.Generator.from_seed(0)
    pooled = {}
    for domain in "AB":
        old = smooth_images((5, 32, 32, 3), seed=ord(domain))
        model.pools[domain].images.assign(old)
        model.pools[domain].count.assign(5)
        coins = chance.uniform([2]) < 0.5
        places = chance.uniform([2], maxval=5, dtype="int32")
        pooled[domain] = tf.where(coins[:, None, None, None], tf.gather(old, places), fakes[domain])
    assert np.abs(pooled["A"] - fakes["A"]).max() > 0.1
    expected = descended(model.players, lambda: discriminator_terms(model.players, pooled))
    means = {
        f"{domain}_{kind}": float(tf.reduce_mean(model.players[f"discriminator_{domain}"](images)))
        for kind, seen in (("real", {"A": A, "B": B}), ("fake", pooled))
        for domain, images in seen.items()
    }
    model.train_step((A, B))
    assert_weights(model.players, expected)
    measured = {name: float(mean.result()) for name, mean in model.logits.items()}
    assert measured == {name: pytest.approx(mean, rel=1e-3) for name, mean in means.items()}


def test_micro_batches_train_as_the_whole_batch_does():
    """The pool too sees all images: those of one part after the other's."""
    batch = tuple(tf.concat([images, -0.7 * images], axis=0) for images in (A, B))
    whole, parts = (tiny_cyclegan(pool_size=4) for _ in range(2))
    whole.compile({player: sgd() for player in whole.players})
    parts.compile({player: sgd() for player in parts.players}, micro_batches=2)
    logs = [model.train_step(batch) for model in (whole, parts)]
    for one, other in zip(whole.trainable_variables, parts.trainable_variables):
        np.testing.assert_allclose(one, other, atol=1e-5, err_msg=one.name)
    assert {name: float(value) for name, value in logs[0].items()} == {
        name: pytest.approx(float(value), rel=1e-4) for name, value in logs[1].items()
    }
    for domain, pool in whole.pools.items():
        np.testing.assert_allclose(pool.images, parts.pools[domain].images, atol=1e-5)
        assert int(parts.pools[domain].count) == 4


def test_the_identity_is_left_out_where_channels_differ():
    model = tiny_cyclegan(channels=(3, 1), optimizer=sgd)
    assert model.notes == ("The identity terms are left out: the domains have 3 and 1 channels.",)
    batch = (A, B[..., :1])
    logs = model.train_step(batch)
    assert [name for name in logs if "identity" in name] == []
    assert np.isfinite([float(value) for value in logs.values()]).all()
    assert list(model.validate(batch)) == list(model.validation_metrics) == ["cycle_l1"]
    assert list(model.columns(batch)) == ["A", "B'", "A''", "B", "A'", "B''"]
    # Nothing is left out if nobody asks for it.
    assert tiny_cyclegan(channels=(3, 1), identity_weights=(0.0, 0.0)).notes == ()


def test_a_loss_of_one_s_own_is_of_each_direction():
    def brightness(source, translated, returned):
        return tf.reduce_mean(source + 3.0 * translated + 5.0 * returned, axis=(1, 2, 3))

    model = tiny_cyclegan(
        optimizer=sgd,
        cycle_weights=(0.0, 0.0),
        adversarial=losses.AdversarialLoss(
            losses.least_squares_discriminator, lambda logits: 0 * losses.linear_generator(logits)
        ),
        extra_losses={"brightness": brightness},
    )

    def of_generators():
        forth, back = (model.players[name] for name in GENERATORS)
        fake_b = forth(A)
        fake_a = back(B)
        sums = A + 3.0 * fake_b + 5.0 * back(fake_b) + B + 3.0 * fake_a + 5.0 * forth(fake_a)
        return dict.fromkeys(GENERATORS, tf.reduce_mean(sums))

    expected = descended(model.players, of_generators)
    total = float(of_generators()["generator_AtoB"])
    logs = model.train_step((A, B))
    assert_weights(model.players, expected)
    measured = sum(float(logs[f"{player}_brightness"]) for player in GENERATORS)
    assert measured == pytest.approx(total, rel=1e-4)


def test_a_gradient_penalty_is_of_both_discriminators():
    model = tiny_cyclegan(optimizer=sgd, penalty=(5.0, losses.r1))
    _, fakes = generator_terms(model.players)

    def slope(domain, real):
        with tf.GradientTape() as tape:
            tape.watch(real)
            means = tf.reduce_mean(model.players[f"discriminator_{domain}"](real), axis=(1, 2, 3))
        return 0.5 * tf.reduce_mean(tf.reduce_sum(tape.gradient(means, real) ** 2, axis=(1, 2, 3)))

    def of_discriminators():
        terms = discriminator_terms(model.players, fakes)
        slopes = {"discriminator_A": slope("A", A), "discriminator_B": slope("B", B)}
        return {player: terms[player] + 5.0 * slopes[player] for player in terms}

    expected = descended(model.players, of_discriminators)
    slopes = {domain: float(slope(domain, real)) for domain, real in (("A", A), ("B", B))}
    logs = model.train_step((A, B))
    assert_weights(model.players, expected)
    for domain, value in slopes.items():
        assert float(logs[f"discriminator_{domain}_penalty"]) == pytest.approx(5 * value, rel=1e-4)


def test_validation_measures_cycles_and_identities_of_both_domains():
    model = tiny_cyclegan()
    forth, back = (model.players[name] for name in GENERATORS)
    cycles = [np.abs(back(forth(A)) - A), np.abs(forth(back(B)) - B)]
    identities = [np.abs(back(A) - A), np.abs(forth(B) - B)]
    expected = {
        name: np.mean(parts, axis=(0, 2, 3, 4))
        for name, parts in (("cycle_l1", cycles), ("identity_l1", identities))
    }
    measured = model.validate((A, B))
    assert set(measured) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(measured[name], values, rtol=1e-4)
    means = model.evaluate(A, B, batch_size=1, verbose=0, return_dict=True)
    assert means == {name: pytest.approx(v.mean(), rel=1e-4) for name, v in expected.items()}


def test_columns_are_image_translation_reconstruction_and_identity():
    model = tiny_cyclegan()
    columns = model.columns((A, B))
    assert list(columns) == ["A", "B'", "A''", "A identity", "B", "A'", "B''", "B identity"]
    forth, back = (model.players[name] for name in GENERATORS)
    np.testing.assert_allclose(columns["B''"].images, forth(back(B)), atol=1e-5)
    np.testing.assert_allclose(columns["A identity"].images, back(A), atol=1e-5)
    np.testing.assert_allclose(model.translate(B, "BtoA"), columns["A'"].images, atol=1e-6)


def test_players_and_sizes_that_do_not_fit_are_refused():
    players = tiny_cyclegan().players
    message = (
        "`players` must be generator_AtoB, generator_BtoA, discriminator_A, discriminator_B. "
        "Received: discriminator_A, discriminator_B, encoder, generator_AtoB. Add or remove the "
        "others."
    )
    wrong = {name: player for name, player in players.items() if name != "generator_BtoA"}
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        CycleGAN({**wrong, "encoder": players["generator_BtoA"]})
    message = (
        "`image_size` must be given for pools of translations when the networks leave the sides "
        "open. Received: image_size=None, pool_size=50. Give the size of the training images, or "
        "pool_size=0."
    )
    model = tiny_cyclegan()
    source = tf.keras.Input((None, None, 3))
    players = {**model.players, "generator_AtoB": tf.keras.Model(source, source)}
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        CycleGAN(players)
    assert CycleGAN(players, image_size=(8, 12)).pools["A"].images.shape == (50, 8, 12, 3)
    assert CycleGAN(players, pool_size=0).pools["A"].size == 0


def scenes(count, seed, *, warm):
    """Returns boxes on a ground, of warm colours on a dark one or of cold ones on a light one."""
    random = np.random.default_rng(seed)
    images = []
    for _ in range(count):
        low, high = (
            ((0.3, -0.6, -0.9), (0.9, 0.4, -0.4)) if warm else ((-0.9, -0.6, 0.1), (0.0, 0.4, 0.9))
        )
        image = np.full((64, 64, 3), -0.7 if warm else 0.8) + random.normal(0, 0.05, (64, 64, 3))
        for _ in range(random.integers(3, 7)):
            top, left = random.integers(0, 48, 2)
            height, width = random.integers(10, 30, 2)
            image[top : top + height, left : left + width] = random.uniform(low, high)
        images.append(image.clip(-1, 1))
    return tf.constant(np.array(images), "float32")


@pytest.mark.slow
def test_two_toy_domains_learn_to_come_back_in_each_other_s_colours():
    """400 steps at 64 pixels; no image of one domain belongs to one of the other."""
    shape = (64, 64, 3)
    players = {
        name: resnet_generator(shape, base_filters=16, blocks=3, seed=seed)
        for seed, name in enumerate(GENERATORS)
    }
    for seed, name in enumerate(DISCRIMINATORS):
        players[name] = image_discriminator(
            shape, receptive_field=34, base_filters=16, conventions="pytorch", seed=seed
        )
    model = CycleGAN(players)
    model.compile()
    train = [scenes(100, seed=seed, warm=not seed) for seed in range(2)]
    held_out = [scenes(20, seed=seed, warm=seed == 10) for seed in (10, 11)]
    before = model.evaluate(*held_out, batch_size=4, verbose=0, return_dict=True)["cycle_l1"]
    batches = tf.data.Dataset.from_tensor_slices(tuple(train)).batch(1).repeat(4)
    model.fit(batches, verbose=0)
    after = model.evaluate(*held_out, batch_size=4, verbose=0, return_dict=True)["cycle_l1"]
    assert after < 0.6 * before
    for direction, source, target in (("AtoB", *held_out), ("BtoA", *held_out[::-1])):
        distances = []
        for images in (source, model.translate(source, direction)):
            distance = metrics.LabDistance()
            distance.update_state(target, images)
            distances.append(float(distance.result()))
        assert distances[1] < 0.5 * distances[0], direction
