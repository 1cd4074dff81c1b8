"""Blocks of the pix2pix networks: functions from a symbolic tensor to the next.

A block is pre-activated: activation, convolution, normalization. So the tensor between two levels,
which is also what a skip carries, is the normalized value before the next level's activation.
"""

from tensorflow import keras

from tfpix2pix.layers.dropout import Dropout
from tfpix2pix.layers.initialization import derived_seed, gaussian
from tfpix2pix.layers.normalization import normalization

LEAK = 0.2  # Slope of the leaky ReLUs; Keras' default is 0.3.


def down_block(x, filters, *, norm, activate=True, use_bias=False, seed=0, name):
    """Halves height and width: leaky ReLU, 4x4 convolution of stride 2, normalization.

    Args:
        x: Symbolic `[batch, height, width, channels]`, sides even.
        filters: Channels of the result.
        norm: `"instance"`, `"batch"` or `"none"`.
        activate: Whether the leaky ReLU comes first; not on the image itself.
        use_bias: Whether the convolution has a bias.
        seed: Seed of the network.
        name: Prefix of the layers' names.

    Returns:
        Symbolic `[batch, height / 2, width / 2, filters]`.

    Example:
        >>> down_block(keras.Input((8, 8, 3)), 16, norm="batch", name="down2").shape.as_list()
        [None, 4, 4, 16]
    """
    if activate:
        x = keras.layers.LeakyReLU(LEAK, name=f"{name}_activation")(x)
    # On even sides "same" pads one pixel on every side, as the reference does.
    x = keras.layers.Conv2D(
        filters,
        4,
        strides=2,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=gaussian(seed, f"{name}_conv"),
        name=f"{name}_conv",
    )(x)
    return normalization(norm, seed=seed, name=f"{name}_norm")(x)


def up_block(x, skip, filters, *, norm, dropout=0.0, use_bias=False, seed=0, name):
    """Doubles height and width: ReLU, 4x4 transposed convolution, normalization, dropout, skip.

    Args:
        x: Symbolic `[batch, height, width, channels]`.
        skip: Symbolic `[batch, 2 height, 2 width, any]` that is concatenated behind the result.
        filters: Channels of the result before the skip.
        norm: `"instance"`, `"batch"` or `"none"`.
        dropout: Rate of the dropout after the normalization.
        use_bias: Whether the convolution has a bias.
        seed: Seed of the network.
        name: Prefix of the layers' names.

    Returns:
        Symbolic `[batch, 2 height, 2 width, filters + channels of skip]`.

    Example:
        >>> skip = keras.Input((8, 8, 4))
        >>> up_block(keras.Input((4, 4, 8)), skip, 4, norm="batch", name="up1").shape.as_list()
        [None, 8, 8, 8]
    """
    x = _transposed(x, filters, use_bias=use_bias, seed=seed, name=name)
    x = normalization(norm, seed=seed, name=f"{name}_norm")(x)
    if dropout:
        x = Dropout(dropout, derived_seed(seed, f"{name}_dropout"), name=f"{name}_dropout")(x)
    return keras.layers.Concatenate(name=f"{name}_join")([x, skip])


def to_image(x, channels, *, seed=0, name):
    """Doubles height and width into an image: ReLU, 4x4 transposed convolution with bias, tanh.

    Args:
        x: Symbolic `[batch, height, width, any]`.
        channels: Channels of the image.
        seed: Seed of the network.
        name: Prefix of the layers' names.

    Returns:
        Symbolic float32 `[batch, 2 height, 2 width, channels]` in (-1, 1), float32 under any
        policy.

    Example:
        >>> to_image(keras.Input((4, 4, 8)), 3, name="head").shape.as_list()
        [None, 8, 8, 3]
    """
    x = _transposed(x, channels, use_bias=True, seed=seed, name=name)
    return keras.layers.Activation("tanh", dtype="float32", name=f"{name}_tanh")(x)


def patch_block(x, filters, *, strides, norm, use_bias=False, seed=0, name):
    """Judges at one level of a PatchGAN: 4x4 convolution, normalization, leaky ReLU.

    Args:
        x: Symbolic `[batch, height, width, channels]`; sides even for stride 2.
        filters: Channels of the result.
        strides: 2 halves the sides, 1 makes them one pixel shorter.
        norm: `"instance"`, `"batch"` or `"none"`.
        use_bias: Whether the convolution has a bias.
        seed: Seed of the network.
        name: Prefix of the layers' names.

    Returns:
        Symbolic `[batch, height / 2, width / 2, filters]` or
        `[batch, height - 1, width - 1, filters]`.

    Example:
        >>> x = keras.Input((8, 8, 3))
        >>> patch_block(x, 4, strides=1, norm="none", name="patch4").shape.as_list()
        [None, 7, 7, 4]
    """
    if strides == 1:
        # Here "same" would pad 1 and 2 pixels and keep the size; the reference pads 1 on every
        # side.
        x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = keras.layers.Conv2D(
        filters,
        4,
        strides=strides,
        padding="same" if strides == 2 else "valid",
        use_bias=use_bias,
        kernel_initializer=gaussian(seed, f"{name}_conv"),
        name=f"{name}_conv",
    )(x)
    x = normalization(norm, seed=seed, name=f"{name}_norm")(x)
    return keras.layers.LeakyReLU(LEAK, name=f"{name}_activation")(x)


def to_logits(x, *, seed=0, name):
    """Ends a PatchGAN: one 4x4 convolution of stride 1 with bias to one logit per patch.

    Args:
        x: Symbolic `[batch, height, width, any]`.
        seed: Seed of the network.
        name: Prefix of the layers' names.

    Returns:
        Symbolic float32 `[batch, height - 1, width - 1, 1]`, float32 under any policy.

    Example:
        >>> to_logits(keras.Input((7, 7, 8)), name="head").shape.as_list()
        [None, 6, 6, 1]
    """
    x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    kernel = gaussian(seed, f"{name}_conv")
    return keras.layers.Conv2D(
        1, 4, kernel_initializer=kernel, dtype="float32", name=f"{name}_conv"
    )(x)


def _transposed(x, filters, *, use_bias, seed, name):
    x = keras.layers.ReLU(name=f"{name}_activation")(x)
    return keras.layers.Conv2DTranspose(
        filters,
        4,
        strides=2,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=gaussian(seed, f"{name}_conv"),
        name=f"{name}_conv",
    )(x)
