"""Tiny directions: two networks of one name, with every kind of control, and one of hints."""

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tests.cases import fixed_weights
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.families import hints, pixels, preset
from tfpix2pix.inference import SEED, Control, Direction
from tfpix2pix.layers import Dropout, InstanceNormalization
from tfpix2pix.networks import hinted_translator

COLOR = PixelFormat(3, "uint8", (0.0, 255.0))


def _mean(source):
    """The mean of each image, three times: a neutral style that depends on the source."""
    return tf.repeat(tf.reduce_mean(source, (1, 2, 3))[:, tf.newaxis], 3, axis=1)


def _drawn(seed, source):
    """A style by chance, the same for all images."""
    style = tf.random.stateless_uniform((1, 3), seed, -1, 1)
    return tf.repeat(style, tf.shape(source)[0], axis=0)


def _no_hints(source):
    return tf.zeros((*tf.unstack(tf.shape(source)[:3]), 4))


def _zeros(source):
    return tf.zeros(tf.shape(source)[:1], "int32")


STYLE = Control(
    "style",
    tf.TensorSpec((3,)),
    _mean,
    {"kind": "numbers", "names": ["red", "green", "blue"], "range": [-1.0, 1.0]},
    _drawn,
)
HINTS = Control(
    "hints",
    tf.TensorSpec((None, None, 4)),
    _no_hints,
    {"kind": "map", "names": ["none", "wall", "door", "roof"]},
)
SEASON = Control(
    "season", tf.TensorSpec((), "int32"), _zeros, {"kind": "choice", "names": ["dry", "wet"]}
)


def controlled_network(channels=3, output_channels=3, *, name="generator"):
    """Returns a network of multiple 2 with dropout, of an image, a style, hints and a season."""
    image = keras.Input((None, None, channels), name="image")
    style = keras.Input((3,), name="style")
    labels = keras.Input((None, None, 4), name="hints")
    season = keras.Input((), dtype="int32", name="season")
    x = keras.layers.Concatenate(name="join")([image, labels])
    x = keras.layers.Conv2D(8, 4, strides=2, padding="same", name="down1_conv")(x)
    x = InstanceNormalization(name="down1_norm")(x)
    for kind, value in (
        ("style", keras.layers.Dense(8, name="style_dense")(style)),
        ("season", keras.layers.Embedding(2, 8, name="season_embedding")(season)),
    ):
        shift = keras.layers.Reshape((1, 1, 8), name=f"{kind}_reshape")(value)
        x = keras.layers.Add(name=f"{kind}_add")([x, shift])
    x = Dropout(0.5, seed=0, name="up1_dropout")(x)
    x = keras.layers.Conv2DTranspose(
        output_channels, 4, strides=2, padding="same", activation="tanh", name="head_conv"
    )(x)
    return keras.Model([image, style, labels, season], x, name=name)


def controlled_direction(source=COLOR, target=COLOR):
    """Returns a direction of all kinds of controls."""
    network = fixed_weights(controlled_network(source.channels, target.channels))
    controls = (STYLE, SEED, HINTS, SEASON)
    return Direction(network, Pairs((source, target)), multiple=2, controls=controls)


def two_directions():
    """Returns two directions whose networks have equal names and other weights."""
    forth = controlled_direction()
    back = controlled_direction()
    back.network.set_weights([0.5 * weight for weight in back.network.get_weights()])
    return {"AtoB": forth._replace(paired=False), "BtoA": back._replace(paired=False)}


def hinted_direction():
    """Returns a direction that colours a photo as its hints say, and around them ever less."""
    source, output = keras.Input((None, None, 4)), keras.layers.Conv2D(2, 5, padding="same")
    generator = keras.Model(source, output(source))
    kernel = np.zeros((5, 5, 4, 2))
    kernel[..., 1, 0] = kernel[..., 2, 1] = 1 / 25
    output.set_weights([kernel, np.zeros(2)])
    network = hinted_translator(generator, source_channels=1)
    task = pixels.task(preset("hints_tiny"))
    return Direction(network, task, multiple=1, controls=(hints.points_control(task),))
