"""Embeddings to export, serve and ask."""

import tensorflow as tf
from tensorflow import keras

from tests.cases import fixed_weights
from tests.cases.directions import COLOR
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.inference import Embedding

DEEP = PixelFormat(5, "float32", (0.0, 1.0))


def block_means():
    """Returns an embedding of images of 8 x 12 pixels: the means of blocks of 4 x 4, weighted."""
    image = keras.Input((8, 12, 3), name="image")
    x = keras.layers.AveragePooling2D(4, name="blocks")(image)
    x = keras.layers.Conv2D(2, 1, name="mix_conv")(x)
    network = fixed_weights(keras.Model(image, keras.layers.Flatten(name="flat")(x)))
    return Embedding(network, Pairs((COLOR, COLOR)), (8, 12), "area")


def expected_means(embedding, pixels):
    """Computes the vector of `block_means` by NumPy, of pixels of a whole multiple of its size."""
    signed = pixels / 127.5 - 1
    height, width = (side // blocks for side, blocks in zip(pixels.shape[:2], (2, 3)))
    blocks = signed.reshape(2, height, 3, width, 3).mean((1, 3))
    kernel, bias = embedding.network.get_layer("mix_conv").get_weights()
    return (blocks @ kernel[0, 0] + bias).ravel()


def deep_means():
    """Returns an embedding of any size, of images that PNG cannot hold: their means."""
    image = keras.Input((None, None, 5), name="image")
    network = keras.Model(image, keras.layers.GlobalAveragePooling2D(name="mean")(image))
    return Embedding(network, Pairs((DEEP, COLOR)), (6, 6))


def two_embeddings():
    """Returns both; the second one is of images that have no files."""
    return {"faces": block_means(), "depths": deep_means()}


def two_domains():
    """Returns embeddings of domains A and B, of images of the same kind by other weights."""
    embeddings = {"A": block_means(), "B": block_means()}
    network = embeddings["B"].network
    network.set_weights([weight[..., ::-1] for weight in network.get_weights()])
    return embeddings


def smooth_floats(shape):
    """Returns float32 images in [-1, 1] of the shape, all different."""
    return tf.random.stateless_uniform(shape, (3, 4), -1.0, 1.0)
