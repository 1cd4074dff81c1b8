"""The toy paper's network: a translator with a style beside the image, which grows."""

import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


def translators(filters, seed):
    """Returns the translator of each phase; the later one has all layers of the earlier."""
    start = keras.initializers.RandomNormal(stddev=0.2, seed=seed)
    options = {"strides": 2, "padding": "same", "kernel_initializer": start}
    image, style = keras.Input((None, None, 3), name="image"), keras.Input((2,), name="style")
    regions = keras.Input((None, None, 1), name="regions")
    x = layers.Concatenate(name="regions_join")([image, regions])
    x = layers.Conv2D(filters, 4, activation="relu", name="down1_conv", **options)(x)
    shift = layers.Dense(filters, kernel_initializer=start, name="style_dense")(style)
    x = layers.Add(name="style_add")(
        [x, layers.Reshape((1, 1, filters), name="style_reshape")(shift)]
    )
    x = layers.Conv2DTranspose(3, 4, activation="tanh", name="head_conv", **options)(x)
    fine = layers.Conv2D(3, 1, activation="tanh", kernel_initializer=start, name="fine_conv")
    return {
        phase: keras.Model([image, style, regions], output, name="toy_translator")
        for phase, output in {
            "rising": x,
            "settled": layers.Add(name="fine_add")([x, fine(x)]),
        }.items()
    }


def inputs(source):
    return [source, own_style(source), no_regions(source)]


def no_regions(source):
    return tf.zeros_like(source[..., :1])


def drawn_style(seed, source):
    style = tf.random.stateless_uniform((1, 2), seed, -1.0, 1.0)
    return tf.repeat(style, tf.shape(source)[0], axis=0)


def own_style(source):
    return tf.reduce_mean(source[..., :2], (1, 2))  # Neutral: mean red and green of each image.
