"""The ResNet generator of CycleGAN: few halvings, then residual blocks at one resolution."""

from collections.abc import Sequence
from typing import Optional, Union

from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers import Dropout
from tfpix2pix.layers.blocks import Style
from tfpix2pix.layers.conventions import Conventions, checked_conventions
from tfpix2pix.layers.initialization import derived_seed
from tfpix2pix.layers.norms import checked_norm

HALVINGS = 2
MULTIPLE = 2**HALVINGS


def resnet_generator(
    input_shape: Sequence[Optional[int]] = (256, 256, 3),
    output_channels: int = 3,
    *,
    base_filters: int = 64,
    blocks: int = 9,
    norm: str = "instance",
    dropout: float = 0.0,
    conventions: Union[str, Conventions] = "pytorch",
    seed: int = 0,
    name: str = "resnet_generator",
) -> keras.Model:
    """Builds the ResNet generator of CycleGAN.

    c7s1-64, d128, d256, residual blocks R256, u128, u64, c7s1-3: a 7x7 convolution, two 3x3
    convolutions of stride 2, the blocks, two enlargements, and a 7x7 convolution to the image. The
    blocks and the 7x7 convolutions pad by reflection, the convolutions of stride 2 by zeros.

    Args:
        input_shape: `(height, width, channels)`; height and width are multiples of 4 and at least
            8, or both `None` for a network that takes any such size.
        output_channels: Channels of the translated image.
        base_filters: Filters of the first layer; the blocks have four times as many.
        blocks: Number of residual blocks: 6 for 128 pixels, 9 from 256 pixels on.
        norm: `"instance"`, `"batch"`, `"batch_sync"` or `"none"`.
        dropout: Rate of the dropout between the two convolutions of each block; the reference's
            option has 0.5.
        conventions: `"paper"`, `"torch"`, `"pytorch"`, or `tfpix2pix.layers.Conventions` of your
            own, for norms, biases, initializers and enlargement: "transpose" by transposed 3x3
            convolutions, "nearest" or "bilinear" by resizing and a 3x3 convolution, which cannot
            make checkerboards. By "pytorch", as in the reference, instance norm has no scale and
            shift, and all convolutions have a bias.
        seed: Seed of the initial weights and of the dropout.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: float `[batch, height, width, channels]` in [-1, 1] to float32
        `[batch, height, width, output_channels]` in (-1, 1).

    Raises:
        ValueError: If there is no block, a side is no multiple of 4 or below 8, or the norm or the
            conventions are unknown.

    Example:
        >>> resnet_generator((32, 32, 3), base_filters=4, blocks=2).output_shape
        (None, 32, 32, 3)

    Reference:
        [Zhu et al., 2017](https://arxiv.org/abs/1703.10593), section 7.2; the network is Johnson et
        al.'s, 2016.
    """
    _check(input_shape, blocks)
    style = Style(checked_norm(norm), checked_conventions(conventions), seed)
    deepest = base_filters * MULTIPLE

    source = keras.Input(input_shape, name="source")
    x = _reflected_convolution(source, base_filters, style, size=7, name="stem")
    x = _activated(x, style, name="stem")
    for level in range(1, HALVINGS + 1):
        name_of_level = f"down{level}"
        # With stride 2 and even sides one pixel before is all the padding that is ever read.
        x = keras.layers.ZeroPadding2D(((1, 0), (1, 0)), name=f"{name_of_level}_pad")(x)
        x = style.convolve(
            x,
            base_filters * 2**level,
            3,
            strides=2,
            use_bias=style.has_bias,
            name=f"{name_of_level}_conv",
        )
        x = _activated(x, style, name=name_of_level)
    for block in range(1, blocks + 1):
        x = _residual_block(x, deepest, style, dropout=dropout, name=f"block{block}")
    for level in range(HALVINGS, 0, -1):
        x = _enlarged(x, base_filters * 2 ** (level - 1), style, name=f"up{level}")
        x = _activated(x, style, name=f"up{level}")
    x = _reflected_convolution(x, output_channels, style, size=7, use_bias=True, name="head")
    image = keras.layers.Activation("tanh", dtype="float32", name="head_tanh")(x)
    return keras.Model(source, image, name=name)


def _residual_block(x, filters, style, *, dropout, name):
    """Adds to `x` what two convolutions make of it; no activation follows the sum."""
    y = _reflected_convolution(x, filters, style, size=3, name=f"{name}_first")
    y = _activated(y, style, name=f"{name}_first")
    if dropout:
        seed = derived_seed(style.seed, f"{name}_dropout")
        y = Dropout(dropout, seed, name=f"{name}_dropout")(y)
    y = _reflected_convolution(y, filters, style, size=3, name=f"{name}_second")
    y = style.normalize(y, name=f"{name}_second_norm")
    return keras.layers.Add(name=f"{name}_add")([x, y])


def _reflected_convolution(x, filters, style, *, size, use_bias=None, name):
    use_bias = style.has_bias if use_bias is None else use_bias
    return style.convolve(x, filters, size, reflected=True, use_bias=use_bias, name=f"{name}_conv")


def _activated(x, style, *, name):
    x = style.normalize(x, name=f"{name}_norm")
    return keras.layers.ReLU(name=f"{name}_activation")(x)


def _enlarged(x, filters, style, *, name):
    upsampling = style.conventions.upsampling
    if upsampling == "transpose":
        return style.convolve(
            x, filters, 3, transposed=True, strides=2, use_bias=style.has_bias, name=f"{name}_conv"
        )
    x = keras.layers.UpSampling2D(2, interpolation=upsampling, name=f"{name}_enlarge")(x)
    return _reflected_convolution(x, filters, style, size=3, name=name)


def _check(input_shape, blocks):
    if blocks < 1:
        raise InputError(
            f"`blocks` must be at least 1. Received: blocks={blocks}. Use 6 for 128 pixels, 9 from "
            "256 pixels on."
        )
    sides = [side for side in input_shape[:2] if side is not None]
    if any(side % MULTIPLE or side < 2 * MULTIPLE for side in sides):
        cure = [max(2, round(side / MULTIPLE)) * MULTIPLE for side in sides]
        raise InputError(
            f"The sides of `input_shape` must be multiples of {MULTIPLE} and at least "
            f"{2 * MULTIPLE} pixels. Received: input_shape={tuple(input_shape)}. Use sides of "
            f"{cure}."
        )
