"""Networks in networks, and what is called twice, beside the network itself."""

import re

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tests.cases import fixed_weights, sgd, smooth_images
from tfpix2pix import InputError
from tfpix2pix.checkpointing import checkpoint, restore
from tfpix2pix.inference import size_multiple, translate
from tfpix2pix.layers import BatchNormalization, Dropout
from tfpix2pix.layers.network_calls import calls, leaves, run
from tfpix2pix.models import TranslationModel
from tfpix2pix.models.non_finite import describe_non_finite

IMAGES = smooth_images((2, 8, 12, 3))


def encoder(name="encoder", channels=3, dropout=True):
    """Half the sides, 4 channels; with batch norm and dropout."""
    image = keras.Input((None, None, channels))
    x = keras.layers.Conv2D(4, 4, strides=2, padding="same", name="down1_conv")(image)
    x = BatchNormalization(name="down1_norm")(x)
    x = Dropout(0.5, seed=1, name="down1_dropout")(x) if dropout else x
    return keras.Model(image, [x, keras.layers.ReLU(name="down1_activation")(x)], name=name)


def generator(shared=None, name="generator"):
    """An encoder of two outputs that sees the image and its negative, plain operations, a head."""
    shared = shared or encoder()
    image = keras.Input((None, None, 3), name="image")
    linear, one = shared(image)
    _, two = shared(-image)
    x = tf.concat([one, two, 0.5 * linear], axis=-1)
    x = keras.layers.UpSampling2D(2, name="up1_enlarge")(x)
    x = keras.layers.Conv2D(3, 3, padding="same", activation="tanh", name="head_conv")(x)
    return fixed_weights(keras.Model(image, x, name=name))


def test_run_call_by_call_it_gives_what_the_network_does():
    network = generator()
    found, outputs = calls(network)
    paths = [call.path for call in found]
    assert paths.count("encoder/down1_conv") == paths.count("encoder/down1_norm") == 2
    assert len(outputs) == 1
    assert len(leaves(network)) < len(found)
    (output,) = run(network, [IMAGES], lambda call, x, *more: call.layer([x, *more] if more else x))
    np.testing.assert_allclose(output, network(IMAGES), atol=1e-6)


@pytest.mark.parametrize("statistics", ["batch", "moving"])
def test_statistics_reach_into_networks(statistics):
    """As training without dropout, whose Keras goes by the batch, or with Keras' own batch norm."""
    network = generator(encoder(dropout=False))
    for layer in leaves(network):
        if isinstance(layer, BatchNormalization):
            layer.moving_mean.assign([0.1, -0.2, 0.0, 0.3])
            layer.moving_variance.assign([0.5, 2.0, 1.0, 0.1])
    before = network.get_weights()
    translated = translate(network, IMAGES, statistics=statistics)

    def keras_own(layer):
        if isinstance(layer, keras.Model):
            return keras.models.clone_model(layer, clone_function=keras_own)
        if isinstance(layer, BatchNormalization):
            return keras.layers.BatchNormalization.from_config(layer.get_config())
        return type(layer).from_config(layer.get_config())

    other = keras.models.clone_model(network, clone_function=keras_own)
    other.set_weights(before)
    expected = other(IMAGES, training=statistics == "batch")
    np.testing.assert_allclose(translated, expected, atol=1e-5)
    np.testing.assert_equal(network.get_weights(), before)


def test_samples_draw_in_networks_too():
    network = generator()
    one, two, again = (translate(network, IMAGES, samples=2, seed=seed) for seed in (1, 2, 1))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - two).max() > 1e-3
    assert np.abs(one[0] - one[1]).max() > 1e-3


class Two(TranslationModel):
    """Two generators that share an encoder."""

    def __init__(self, players):
        super().__init__(players, ["a_size", "b_size"], translators=("a", "b"), name="two")

    def train_step(self, images):
        with tf.GradientTape(persistent=True) as tape:
            objectives = {
                name: self.objective(name, size=tf.reduce_mean(player(images) ** 2, (1, 2, 3)))
                for name, player in self.players.items()
            }
        self.apply({name: self.gradients(tape, x, name) for name, x in objectives.items()})
        return self.logs()

    def passes(self, images):
        return [(name, images) for name in self.players]


@pytest.fixture
def model():
    shared = encoder()
    built = Two({name: generator(shared, name) for name in "ab"})
    built.compile({name: sgd(0.1) for name in "ab"}, ema_decay=0.5)
    return built


def test_players_that_share_a_part_are_trained_averaged_and_restored(model, tmp_path):
    before = {name: player.get_weights() for name, player in model.players.items()}
    model.fit(tf.data.Dataset.from_tensors(IMAGES), verbose=0)
    share = min(0.5, 2 / 11)
    for name, player in model.players.items():
        # The average of `a` was taken after `a` had moved the shared part, and before `b` did.
        own = [index for index, w in enumerate(player.weights) if "head_conv" in w.name]
        for index in own:
            expected = share * before[name][index] + (1 - share) * player.get_weights()[index]
            np.testing.assert_allclose(model.averaged[name].get_weights()[index], expected, 1e-5)
            assert np.abs(before[name][index] - player.get_weights()[index]).max() > 1e-6
    for index, average in enumerate(model.averaged["b"].get_weights()):
        expected = (
            share * before["b"][index] + (1 - share) * model.players["b"].get_weights()[index]
        )
        np.testing.assert_allclose(average, expected, atol=1e-5)
    path = checkpoint(model, tf.Variable(1, dtype="int64")).save(tmp_path / "ckpt")
    shared = encoder()
    others = {name: generator(shared, name) for name in "ab"}
    restore(others, path)
    for name, player in model.players.items():
        np.testing.assert_equal(others[name].get_weights(), player.get_weights())


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (
            lambda shared: shared.get_layer("down1_conv").bias.assign([0, 0, np.nan, 0]),
            "the weights of encoder/down1_conv of the a",
        ),
        (
            lambda shared: shared.get_layer("down1_conv").bias.assign([3e38, 0, 0, 0]),
            "the output of encoder/down1_norm of the a",
        ),
    ],
)
def test_a_fault_is_found_in_a_network_within(model, spoil, found):
    spoil(model.players["a"].get_layer("encoder"))
    described = describe_non_finite({"a_size": np.nan}, 7, model, IMAGES)
    assert described == f"a_size at step 7; first in {found}"


@pytest.mark.parametrize("pooling", ["AveragePooling2D", "MaxPooling2D"])
def test_a_multiple_is_that_of_the_deepest_way(pooling):
    assert size_multiple(generator()) == 2
    image, style = keras.Input((None, None, 3)), keras.Input((2,))
    pool = getattr(keras.layers, pooling)
    shallow = keras.layers.Conv2D(4, 4, strides=2, padding="same")(image)
    deep = pool(2)(pool(2)(shallow))
    deep = keras.layers.Conv2DTranspose(4, 4, strides=4, padding="same")(deep)
    weights = keras.layers.Dense(4)(keras.layers.Concatenate()([style, style]))
    scale = keras.layers.GlobalAveragePooling2D(keepdims=True)(keras.layers.Conv2D(4, 9, 3)(image))
    x = keras.layers.Add()([shallow, deep, scale, keras.layers.Reshape((1, 1, 4))(weights)])
    x = keras.layers.UpSampling2D(2)(x)
    network = keras.Model([image, style], x)
    assert size_multiple(network) == 24


class Hidden(keras.layers.Layer):
    def __init__(self, **options):
        super().__init__(**options)
        self.inner = Dropout(0.1, seed=0, name="drop")

    def call(self, inputs):
        return self.inner(inputs)


class Subclass(keras.Model):
    def call(self, inputs):
        return inputs


def with_layer(call):
    image = keras.Input((None, None, 3))
    return keras.Model(image, call(image), name="net")


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Subclass(name="net"), "a Subclass without a graph of layers"),
        (
            with_layer(Hidden(name="block")),
            "whose layer 'block' holds 'drop', a Dropout, out of sight",
        ),
    ],
)
def test_a_player_that_is_unknown_inside_is_refused_at_once(network, reason):
    message = (
        "The player 'a' is unknown inside. To be known layer by layer, a network must be "
        f"functional, and so must the networks in it. Received: 'net', {reason}. Build it by "
        "`keras.Model(inputs, outputs)` of layers that are called with tensors."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        Two({"a": network})
