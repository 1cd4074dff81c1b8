"""The toy paper's network: a translator by phase, the later one with all layers of the earlier."""

import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


def translators(filters, seed):
    start = keras.initializers.RandomNormal(stddev=0.2, seed=seed)
    options = {"padding": "same", "kernel_initializer": start}
    shapes = {"image": (None, None, 3), "style": (2,), "regions": (None, None, 1)}
    image, style, regions = inputs = [keras.Input(shapes[name], name=name) for name in shapes]
    x = layers.Conv2D(filters, 4, 2, activation="relu", name="down1_conv", **options)(image)
    shift = layers.Dense(filters, kernel_initializer=start, name="style_dense")(style)
    shift = layers.Reshape((1, 1, filters), name="style_reshape")(shift)
    x = layers.Add(name="style_add")([x, shift])
    x = layers.Conv2DTranspose(filters, 4, 2, name="up1_conv", **options)(x)
    x = layers.Concatenate(name="regions_join")([x, regions])
    x = layers.Conv2D(3, 1, activation="tanh", name="head_conv", **options)(x)
    fine = layers.Conv2D(3, 1, activation="tanh", name="fine_conv", **options)(x)
    outputs = {"rising": x, "settled": layers.Add(name="fine_add")([x, fine])}
    return {phase: keras.Model(inputs, x, name="toy_translator") for phase, x in outputs.items()}


def encoder(translator):
    features = translator.get_layer("down1_conv").output
    return keras.Model(translator.inputs[0], layers.GlobalAveragePooling2D(name="mean")(features))


def inputs(source):
    """Returns images with what is neutral: their mean red and green as style, and no regions."""
    return [source, tf.reduce_mean(source[..., :2], (1, 2)), tf.zeros_like(source[..., :1])]


def repeated(style, source):
    return tf.repeat(style[tf.newaxis], tf.shape(source)[0], axis=0)


def drawn_style(seed, source):
    return repeated(tf.random.stateless_uniform((2,), seed, -1.0), source)
