"""Blocks of residual generators: functions that add layers to a symbolic tensor.

Convolutions of 7x7 and of residual blocks pad by reflection, those of stride 2 by zeros.
"""

from typing import Optional

from tensorflow import keras

from tfpix2pix.layers.blocks import Style, doubled
from tfpix2pix.layers.dropout import Dropout
from tfpix2pix.layers.initialization import derived_seed
from tfpix2pix.layers.pooling import BlurPooling2D


def reflected_block(x, filters: int, style: Style, *, size: int = 7, name: str):
    """A convolution that pads by reflection, norm and ReLU.

    Args:
        x: Symbolic `[batch, height, width, channels]`.
        filters: Channels of the result.
        style: `Style` of the network.
        size: Side of the kernel, odd.
        name: Prefix of the layers' names.

    Returns:
        Symbolic `[batch, height, width, filters]`.

    Example:
        >>> reflected_block(keras.Input((8, 8, 3)), 4, Style("batch"), name="stem").shape.as_list()
        [None, 8, 8, 4]
    """
    x = _reflected_convolution(x, filters, style, size=size, name=name)
    return _activated(x, style, name=name)


def halving_block(x, filters: int, style: Style, *, name: str):
    """Halves height and width: a 3x3 convolution of stride 2, norm and ReLU.

    By antialiased conventions the stride is that of a blur behind them.

    Args:
        x: Symbolic `[batch, height, width, channels]`, sides even.
        filters: Channels of the result.
        style: `Style` of the network.
        name: Prefix of the layers' names.

    Returns:
        Symbolic `[batch, height / 2, width / 2, filters]`.

    Example:
        >>> halving_block(keras.Input((8, 8, 3)), 4, Style("batch"), name="down1").shape.as_list()
        [None, 4, 4, 4]
    """
    if style.conventions.antialiased:
        x = style.convolve(
            x, filters, 3, padding="same", use_bias=style.has_bias, name=f"{name}_conv"
        )
        return BlurPooling2D(name=f"{name}_blur")(_activated(x, style, name=name))
    # With stride 2 and even sides one pixel before is all the padding that is ever read.
    x = keras.layers.ZeroPadding2D(((1, 0), (1, 0)), name=f"{name}_pad")(x)
    x = style.convolve(x, filters, 3, strides=2, use_bias=style.has_bias, name=f"{name}_conv")
    return _activated(x, style, name=name)


def residual_block(x, style: Style, *, dropout: float = 0.0, name: str):
    """Adds to `x` what two 3x3 convolutions make of it; no activation follows the sum.

    Args:
        x: Symbolic `[batch, height, width, channels]`.
        style: `Style` of the network.
        dropout: Rate of the dropout between the convolutions.
        name: Prefix of the layers' names.

    Returns:
        Symbolic of the same shape.

    Example:
        >>> residual_block(keras.Input((8, 8, 4)), Style("batch"), name="block1").shape.as_list()
        [None, 8, 8, 4]
    """
    filters = x.shape[-1]
    y = reflected_block(x, filters, style, size=3, name=f"{name}_first")
    if dropout:
        seed = derived_seed(style.seed, f"{name}_dropout")
        y = Dropout(dropout, seed, name=f"{name}_dropout")(y)
    y = _reflected_convolution(y, filters, style, size=3, name=f"{name}_second")
    y = style.normalize(y, name=f"{name}_second_norm")
    return keras.layers.Add(name=f"{name}_add")([x, y])


def doubling_block(x, filters: int, style: Style, *, name: str):
    """Doubles height and width as by the conventions, with norm and ReLU.

    Args:
        x: Symbolic `[batch, height, width, channels]`.
        filters: Channels of the result.
        style: `Style` of the network.
        name: Prefix of the layers' names.

    Returns:
        Symbolic `[batch, 2 height, 2 width, filters]`.

    Example:
        >>> doubling_block(keras.Input((8, 8, 4)), 2, Style("batch"), name="up1").shape.as_list()
        [None, 16, 16, 2]
    """
    upsampling = style.conventions.upsampling
    if upsampling == "transpose" and style.conventions.antialiased:
        x = doubled(x, "bilinear", name=name)
        x = style.convolve(
            x, filters, 3, padding="same", use_bias=style.has_bias, name=f"{name}_conv"
        )
    elif upsampling == "transpose":
        x = style.convolve(
            x, filters, 3, transposed=True, strides=2, use_bias=style.has_bias, name=f"{name}_conv"
        )
    else:
        x = doubled(x, upsampling, name=name)
        x = _reflected_convolution(x, filters, style, size=3, name=name)
    return _activated(x, style, name=name)


def image_head(x, channels: int, style: Style, *, name: str = "head"):
    """A 7x7 convolution with bias to an image, and tanh.

    Args:
        x: Symbolic `[batch, height, width, any]`.
        channels: Channels of the image.
        style: `Style` of the network.
        name: Prefix of the layers' names.

    Returns:
        Symbolic float32 `[batch, height, width, channels]` in (-1, 1), float32 under any policy.

    Example:
        >>> image_head(keras.Input((8, 8, 4)), 3, Style("batch")).shape.as_list()
        [None, 8, 8, 3]
    """
    x = _reflected_convolution(x, channels, style, size=7, use_bias=True, name=name)
    return keras.layers.Activation("tanh", dtype="float32", name=f"{name}_tanh")(x)


def _reflected_convolution(x, filters, style, *, size, use_bias: Optional[bool] = None, name):
    use_bias = style.has_bias if use_bias is None else use_bias
    return style.convolve(x, filters, size, reflected=True, use_bias=use_bias, name=f"{name}_conv")


def _activated(x, style, *, name):
    x = style.normalize(x, name=f"{name}_norm")
    return keras.layers.ReLU(name=f"{name}_activation")(x)
