import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from tests import reference
from tests.cases import sgd, smooth_images, tiny_cut
from tests.cases.families import cut as tiny_config
from tfpix2pix import InputError, layers, load_run, losses
from tfpix2pix.data import codecs
from tfpix2pix.families import cut, preset
from tfpix2pix.models import CUT
from tfpix2pix.networks import feature_maps, image_discriminator, resnet_generator
from tfpix2pix.networks.cut import default_features
from tfpix2pix.testing import save_untrained

SHAPE = (2, 32, 32, 3)


def pair(batch=2):
    return tuple(smooth_images((batch, *SHAPE[1:]), seed) for seed in (1, 2))


def test_the_loss_is_the_paper_s():
    queries, keys = (np.random.default_rng(seed).normal(size=(2, 9, 5)) for seed in (0, 1))
    found = losses.patch_nce(queries, keys, temperature=0.3)
    np.testing.assert_allclose(found, reference.patch_nce(queries, keys, 0.3), rtol=1e-5)
    # By hand: own similarity 1, five others 0; all alike.
    six = np.eye(6, dtype="float32")[np.newaxis]
    np.testing.assert_allclose(
        losses.patch_nce(six, 3 * six, temperature=0.5), [np.log(np.exp(2) + 5) - 2], rtol=1e-6
    )
    alike = np.ones((1, 6, 4), "float32")
    np.testing.assert_allclose(losses.patch_nce(alike, alike), [np.log(6)], rtol=1e-6)


def test_no_gradient_goes_through_keys_nor_through_vectors_without_direction():
    queries, keys = (tf.random.stateless_normal((1, 4, 3), (0, seed)) for seed in (1, 2))
    queries = tf.concat([queries[:, :3], tf.zeros((1, 1, 3))], 1)
    with tf.GradientTape() as tape:
        tape.watch([queries, keys])
        loss = losses.patch_nce(queries, keys)
    of_queries, of_keys = tape.gradient(loss, [queries, keys])
    assert of_keys is None
    assert np.abs(of_queries[0, :3]).min() > 0
    assert np.abs(of_queries[0, 3]).max() == 0


@pytest.mark.parametrize("sides", [(6, 8), (7, 9), (2, 3)])
def test_a_blur_is_the_authors(sides):
    image = np.random.default_rng(0).normal(size=sides)
    found = layers.BlurPooling2D()(image[np.newaxis, :, :, np.newaxis])[0, :, :, 0]
    np.testing.assert_allclose(found, reference.blur(image), atol=1e-6)


@pytest.fixture(scope="module")
def players():
    """Those of the paper's experiment."""
    return cut.model(preset("cut")).players


def test_networks_have_the_authors_sizes(players):
    """Parameters, maps at 256 pixels and logits, seen in the authors' code at b3ac297."""
    counts = {name: network.count_params() for name, network in players.items()}
    assert counts == {"generator": 11_378_179, "discriminator": 2_764_737, "projector": 560_384}
    maps = feature_maps(players["generator"], default_features(9))
    shapes = [tuple(shape[1:]) for shape in maps.compute_output_shape((1, 256, 256, 3))]
    assert shapes[:3] == [(262, 262, 3), (256, 256, 128), (128, 128, 256)]
    assert shapes[3:] == [(64, 64, 256)] * 2
    for side, logits in ((256, 30), (128, 14), (64, 6)):
        shape = players["discriminator"].compute_output_shape((1, side, side, 3))
        assert shape == (1, logits, logits, 1)


def test_initial_weights_have_the_authors_deviation(players):
    for player, layer, expected in (
        ("generator", "block1_first_conv", 0.02 * np.sqrt(2 / (9 * 512))),
        ("discriminator", "patch3_conv", 0.02 * np.sqrt(2 / (16 * 384))),
        ("projector", "map2_hidden", 0.02 * np.sqrt(2 / (128 + 256))),
    ):
        kernel = players[player].get_layer(layer).kernel.numpy()
        assert kernel.std() == pytest.approx(expected, rel=0.02), layer


def test_maps_are_those_of_the_layers_they_name():
    generator = resnet_generator((16, 16, 3), base_filters=4, blocks=2)
    image = smooth_images((1, 16, 16, 3))
    padded, down, block = feature_maps(generator, ("image", "down1", "block2"))(image)
    np.testing.assert_array_equal(padded[0, ..., 1], np.pad(image[0, ..., 1], 3, mode="reflect"))
    before = down - tf.reduce_mean(down, (1, 2), keepdims=True)
    normalized = before / tf.math.reduce_std(down, (1, 2), keepdims=True)
    layer = generator.get_layer("down1_norm").output
    after = tf.keras.Model(generator.inputs, [layer, generator.get_layer("block2_add").output])
    np.testing.assert_allclose(after(image)[0], normalized, atol=1e-2)
    np.testing.assert_array_equal(after(image)[1], block)
    assert default_features(3) == ("image", "down1", "down2", "block1", "block3")
    message = (
        "`names` must be some of image, stem, down1, down2, block1, block2, up2, up1, head, each "
        "once. Received: down1, block5. Leave out what the generator lacks."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        feature_maps(generator, ("down1", "block5"))


def recorded(model):
    """Keeps the places that a step draws, by the maps that queries and keys come from."""
    drawn = []
    inner = model._vectors

    def vectors(maps, places, is_mirrored=None):
        drawn.append(([place.numpy() for place in places], is_mirrored is not None))
        return inner(maps, places, is_mirrored)

    model._vectors = vectors
    return drawn


@pytest.mark.parametrize("options", [{}, {"identity": False, "mirrored": "half"}])
def test_queries_and_keys_come_from_the_same_distinct_places_drawn_anew(options):
    model = tiny_cut(**options)
    drawn = recorded(model)
    for _ in range(2):
        model.train_step(pair())
    (keys, _), (queries, _), (others, _), _ = drawn
    groups = 2 if model.identity else 1
    for first, second, other, pixels in zip(keys, queries, others, (38**2, 16**2, 8**2)):
        np.testing.assert_array_equal(first, second)
        assert first.shape == (2 * groups, 16)
        assert len(set(first[0])) == 16
        assert first.min() >= 0
        assert first.max() < pixels
        np.testing.assert_array_equal(first[0], first[1])  # Of both images of a group.
        assert (first[0] != other[0]).any()
        assert (first[0] != first[-1]).any() == (groups == 2)


def test_a_mirrored_query_is_the_mirror_s_place():
    model = tiny_cut(identity=False, mirrored="half", names=("image",))
    image = smooth_images(SHAPE)
    places = [tf.constant([[0, 5 * 38 + 37, 700], [1, 39, 2]])]
    model.players["projector"] = lambda pixels, training: pixels
    (maps,) = model._maps(image)
    (expected,) = model._vectors([maps], places)
    (found,) = model._vectors([maps[:, :, ::-1]], places, tf.constant(True))
    np.testing.assert_array_equal(found, expected)


def test_half_of_the_steps_are_mirrored_and_keys_are_of_the_source_as_it_is():
    model = tiny_cut(identity=False, mirrored="half")
    source, target = pair()
    plain = model._maps(source)
    mirrored = []
    for _ in range(40):
        _, translated, keys, is_mirrored = model._forward(source, target)
        mirrored.append(bool(is_mirrored))
        seen = source[:, :, ::-1] if is_mirrored else source
        np.testing.assert_allclose(translated, model.translate(seen), atol=1e-5)
        for one, other in zip(keys, plain):
            np.testing.assert_allclose(one, other, atol=1e-5)
    assert 10 < sum(mirrored) < 30


def test_the_discriminator_steps_first_and_the_losses_are_the_paper_s():
    """Weights of 2 of which CUT gives half to each term."""
    model = tiny_cut(sgd, nce_weight=2.0, temperature=0.5, names=("block1",), patches=64)
    source, target = pair()
    players = model.players
    real, fake = (players["discriminator"](x) for x in (target, model.translate(source)))
    expected = {"discriminator_gan": 0.5 * (np.mean((real - 1) ** 2) + np.mean(fake**2))}
    for name, image in (("generator_nce", source), ("generator_identity", target)):
        # All 64 places, in any order.
        queries, keys = (
            players["projector"](tf.reshape(model.maps(x), (2, 64, 16))).numpy()
            for x in (model.translate(image), image)
        )
        expected[name] = reference.patch_nce(queries, keys, 0.5).mean()
    translated = model.translate(source)
    logs = model.train_step((source, target))
    expected["generator_gan"] = np.mean((players["discriminator"](translated) - 1) ** 2)
    assert set(logs) == set(expected)
    for name, value in logs.items():
        assert float(value) == pytest.approx(float(expected[name]), rel=1e-4), name


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_any_batch_and_either_direction_is_trained(direction):
    model = tiny_cut(direction=direction)
    for batch in (1, 3):
        model.reset_metrics()
        images = pair(batch)
        logs = model.train_step(images)
        assert all(np.isfinite(value) for value in logs.values())
    source = images[0 if direction == "AtoB" else 1]
    columns = model.columns(images)
    np.testing.assert_array_equal(next(iter(columns.values())).images, source)
    assert list(columns) == (
        ["A", "B'", "B", "B identity"] if direction == "AtoB" else ["B", "A'", "A", "A identity"]
    )


def test_micro_batches_train_as_the_batch():
    """All places of the maps, whose order does not matter."""
    one, parts = (
        tiny_cut(sgd, names=("image", "block1"), patches=38**2, temperature=0.5) for _ in range(2)
    )
    parts.compile({player: sgd() for player in parts.players}, micro_batches=2)
    for model in (one, parts):
        model.train_step(pair())
    for first, second in zip(one.trainable_variables, parts.trainable_variables):
        np.testing.assert_allclose(first, second, atol=2e-5, err_msg=first.name)


def test_validation_measures_the_same_each_time_and_keeps_no_chance():
    model = tiny_cut(names=("image", "block1"))
    before = model.noise.state.numpy()
    first, again = (model.validate(pair()) for _ in range(2))
    assert list(first) == ["nce", "identity_l1"]
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    np.testing.assert_array_equal(model.noise.state, before)
    _, target = pair()
    expected = losses.l1(target, model.translate(target))
    np.testing.assert_allclose(first["identity_l1"], expected, rtol=1e-5)


def test_players_that_do_not_fit_are_refused():
    generator = resnet_generator((32, 32, 1), base_filters=4, blocks=1)
    maps = feature_maps(generator, ("block1",))
    message = (
        "`players` must be generator, discriminator, projector. Received: generator. Add or remove "
        "the others."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        CUT({"generator": generator}, maps)
    players = dict.fromkeys(("discriminator", "projector"), image_discriminator((32, 32, 3)))
    message = (
        "The generator must take its own translations, whose features are compared with those of "
        "their sources. Received: one of 1 channels to 3. Give both domains the same channels."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        CUT({"generator": generator, **players}, maps)


@pytest.mark.slow
def test_a_run_translates_one_image_without_a_second_folder(tmp_path):
    config = tiny_config(tmp_path / "data")
    data = dataclasses.replace(config.data, direction="BtoA")
    save_untrained(dataclasses.replace(config, data=data), tmp_path / "run")
    image = codecs.read(tmp_path / "data/testB/0.png")
    for domain in ("trainA", "trainB", "testA", "testB"):
        for path in (tmp_path / "data" / domain).iterdir():
            path.unlink()
    run = load_run(tmp_path / "run")
    assert list(run.directions) == ["BtoA"]
    assert run.translate(image).shape == image.shape
