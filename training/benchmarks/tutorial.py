"""The pix2pix of TensorFlow's tutorial, restated from its text to measure against."""

import tensorflow as tf
from tensorflow import keras

L1_WEIGHT = 100


def _convolve(filters, strides=2, *, layer=keras.layers.Conv2D, padding="same", use_bias=False):
    kernel = keras.initializers.RandomNormal(0.0, 0.02)
    return layer(filters, 4, strides, padding, kernel_initializer=kernel, use_bias=use_bias)


def generator(size: int, filters: int):
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


def discriminator(size: int, filters: int):
    """Builds its PatchGAN of 70 pixels."""
    source = keras.Input((size, size, 3))
    target = keras.Input((size, size, 3))
    x = keras.layers.Concatenate()([source, target])
    for level in range(3):
        x = _convolve(filters * 2**level)(x)
        x = keras.layers.BatchNormalization()(x) if level else x
        x = keras.layers.LeakyReLU()(x)
    x = _convolve(8 * filters, 1, padding="valid")(keras.layers.ZeroPadding2D()(x))
    x = keras.layers.LeakyReLU()(keras.layers.BatchNormalization()(x))
    x = _convolve(1, 1, padding="valid", use_bias=True)(keras.layers.ZeroPadding2D()(x))
    return keras.Model([source, target], x)


def step(size: int, filters: int):
    """Returns its training step, a function of a source and a target batch."""
    translator = generator(size, filters)
    judge = discriminator(size, filters)
    translator_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    judge_optimizer = keras.optimizers.Adam(2e-4, beta_1=0.5)
    cross_entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    @tf.function
    def train(source, target):
        with tf.GradientTape() as translator_tape, tf.GradientTape() as judge_tape:
            translated = translator(source, training=True)
            real = judge([source, target], training=True)
            fake = judge([source, translated], training=True)
            translator_loss = cross_entropy(tf.ones_like(fake), fake)
            translator_loss += L1_WEIGHT * tf.reduce_mean(tf.abs(target - translated))
            judge_loss = cross_entropy(tf.ones_like(real), real)
            judge_loss += cross_entropy(tf.zeros_like(fake), fake)
        variables = translator.trainable_variables
        judge_variables = judge.trainable_variables
        gradients = translator_tape.gradient(translator_loss, variables)
        judge_gradients = judge_tape.gradient(judge_loss, judge_variables)
        translator_optimizer.apply_gradients(zip(gradients, variables))
        judge_optimizer.apply_gradients(zip(judge_gradients, judge_variables))

    return train
