"""The networks of the toy paper: of multiple 2, with a style beside the image."""

import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


def translator(*, seed: int, name: str) -> keras.Model:
    """Returns a network of an image and a style of two numbers to an image of the same size."""
    start = keras.initializers.RandomNormal(stddev=0.2, seed=seed)
    image = keras.Input((None, None, 3), name="image")
    style = keras.Input((2,), name="style")
    x = layers.Conv2D(
        6, 4, 2, "same", activation="relu", kernel_initializer=start, name="down1_conv"
    )(image)
    shift = layers.Dense(6, kernel_initializer=start, name="style_dense")(style)
    x = layers.Add(name="style_add")([x, layers.Reshape((1, 1, 6), name="style_reshape")(shift)])
    x = layers.Conv2DTranspose(
        3, 4, 2, "same", activation="tanh", kernel_initializer=start, name="head_conv"
    )(x)
    return keras.Model([image, style], x, name=name)


def own_style(source) -> tf.Tensor:
    """Returns the style that asks for nothing: the mean red and green of each image."""
    return tf.reduce_mean(source[..., :2], (1, 2))


def discriminator(*, seed: int) -> keras.Model:
    """Returns a network of an image to logits of its patches."""
    start = keras.initializers.RandomNormal(stddev=0.2, seed=seed)
    image = keras.Input((None, None, 3), name="image")
    x = layers.Conv2D(4, 4, 2, "same", kernel_initializer=start, name="patch1_conv")(image)
    logits = layers.Conv2D(1, 4, kernel_initializer=start, name="head_conv")(x)
    return keras.Model(image, logits, name="toy_discriminator")
