"""The pix2pix of TensorFlow's tutorial, restated from its text to be measured against."""

import tensorflow as tf
from tensorflow import keras

L1_WEIGHT = 100


def _convolve(filters, strides=2, *, layer=keras.layers.Conv2D, padding="same", use_bias=False):
    kernel = keras.initializers.RandomNormal(0.0, 0.02)
    return layer(filters, 4, strides, padding, kernel_initializer=kernel, use_bias=use_bias)


def generator(size, filters):
    """Builds its U-Net; the innermost level is normalized too, and skips are activated."""
    depth = size.bit_length() - 1
    widths = [filters * min(2**level, 8) for level in range(depth)]
    x = source = keras.Input((size, size, 3))
    skips = []
    for level, width in enumerate(widths):
        x = _convolve(width)(x)
        x = keras.layers.BatchNormalization()(x) if level else x
        x = keras.layers.LeakyReLU()(x)
        skips.append(x)
    for level, width in enumerate(reversed(widths[:-1])):
        x = _convolve(width, layer=keras.layers.Conv2DTranspose)(x)
        x = keras.layers.BatchNormalization()(x)
        x = keras.layers.Dropout(0.5)(x) if level < 3 else x
        x = keras.layers.ReLU()(x)
        x = keras.layers.Concatenate()([x, skips[-2 - level]])
    x = _convolve(3, layer=keras.layers.Conv2DTranspose, use_bias=True)(x)
    return keras.Model(source, keras.layers.Activation("tanh")(x))


def discriminator(size, filters):
    """Builds its PatchGAN of 70 pixels."""
    source, target = (keras.Input((size, size, 3)) for _ in range(2))
    x = keras.layers.Concatenate()([source, target])
    for level in range(3):
        x = _convolve(filters * 2**level)(x)
        x = keras.layers.BatchNormalization()(x) if level else x
        x = keras.layers.LeakyReLU()(x)
    x = _convolve(8 * filters, 1, padding="valid")(keras.layers.ZeroPadding2D()(x))
    x = keras.layers.LeakyReLU()(keras.layers.BatchNormalization()(x))
    x = _convolve(1, 1, padding="valid", use_bias=True)(keras.layers.ZeroPadding2D()(x))
    return keras.Model([source, target], x)


def step(size, filters):
    """Returns its training step, a function of a source and a target batch."""
    players = generator(size, filters), discriminator(size, filters)
    optimizers = [keras.optimizers.Adam(2e-4, beta_1=0.5) for _ in players]
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def train(source, target):
        translator, judge = players
        with tf.GradientTape() as generator_tape, tf.GradientTape() as discriminator_tape:
            translated = translator(source, training=True)
            real = judge([source, target], training=True)
            fake = judge([source, translated], training=True)
            fooling = cross_entropy(tf.ones_like(fake), fake)
            fooling += L1_WEIGHT * tf.reduce_mean(tf.abs(target - translated))
            judging = cross_entropy(tf.ones_like(real), real)
            judging += cross_entropy(tf.zeros_like(fake), fake)
        tapes = (generator_tape, fooling), (discriminator_tape, judging)
        variables = [player.trainable_variables for player in players]
        gradients = [tape.gradient(loss, of) for (tape, loss), of in zip(tapes, variables)]
        for optimizer, of, moved in zip(optimizers, gradients, variables):
            optimizer.apply_gradients(zip(of, moved))

    return train
