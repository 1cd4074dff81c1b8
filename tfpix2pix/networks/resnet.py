"""The ResNet generator of CycleGAN: a few halvings, then residual blocks at one resolution."""

from collections.abc import Sequence
from typing import Optional, Union

from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers.blocks import Style
from tfpix2pix.layers.conventions import Conventions, checked_conventions
from tfpix2pix.layers.norms import checked_norm
from tfpix2pix.layers.residual_blocks import (
    doubling_block,
    halving_block,
    image_head,
    reflected_block,
    residual_block,
)

HALVINGS = 2


def resnet_generator(
    input_shape: Sequence[Optional[int]] = (256, 256, 3),
    output_channels: int = 3,
    *,
    base_filters: int = 64,
    blocks: int = 9,
    halvings: int = HALVINGS,
    norm: str = "instance",
    dropout: float = 0.0,
    conventions: Union[str, Conventions] = "pytorch",
    seed: int = 0,
    name: str = "resnet_generator",
) -> keras.Model:
    """Builds the ResNet generator of CycleGAN; with four halvings pix2pixHD's global generator.

    c7s1-64, d128, d256, residual blocks R256, u128, u64, c7s1-3: a 7x7 convolution, two 3x3
    convolutions of stride 2, the blocks, two enlargements, and a 7x7 convolution to the image. The
    blocks and the 7x7 convolutions pad by reflection, the convolutions of stride 2 by zeros.

    Args:
        input_shape: `(height, width, channels)`; height and width are multiples of 2 to the
            halvings and at least twice that, or both `None` for a network that takes any such size.
        output_channels: Channels of the translated image.
        base_filters: Filters of the first layer, which each halving doubles.
        blocks: Number of residual blocks: 6 for 128 pixels, 9 from 256 pixels on. Without blocks
            and with four halvings it is pix2pixHD's encoder.
        halvings: How often height and width are halved, at least once.
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
        ValueError: If there is no halving, a side does not fit them, or the norm or the conventions
            are unknown.

    Example:
        >>> resnet_generator((32, 32, 3), base_filters=4, blocks=2).output_shape
        (None, 32, 32, 3)

    Reference:
        [Zhu et al., 2017](https://arxiv.org/abs/1703.10593), section 7.2; the network is Johnson et
        al.'s, 2016. [Wang et al., 2018](https://arxiv.org/abs/1711.11585), section 3.1.
    """
    _check(input_shape, blocks, halvings)
    style = Style(checked_norm(norm), checked_conventions(conventions), seed)
    source = keras.Input(input_shape, name="source")
    x = residual_features(source, base_filters, blocks, halvings, style, dropout=dropout)
    return keras.Model(source, image_head(x, output_channels, style), name=name)


def residual_features(
    x, base_filters: int, blocks: int, halvings: int, style: Style, *, dropout: float = 0.0
):
    """Adds all layers of a ResNet generator but its head.

    Args:
        x: Symbolic `[batch, height, width, channels]`.
        base_filters: As of `resnet_generator`.
        blocks: As of that.
        halvings: As of that.
        style: `tfpix2pix.layers.blocks.Style` of the network.
        dropout: As of that.

    Returns:
        Symbolic `[batch, height, width, base_filters]`.

    Example:
        >>> residual_features(keras.Input((16, 8, 3)), 4, 1, 2, Style("batch")).shape.as_list()
        [None, 16, 8, 4]
    """
    x = reflected_block(x, base_filters, style, name="stem")
    for level in range(1, halvings + 1):
        x = halving_block(x, base_filters * 2**level, style, name=f"down{level}")
    for block in range(1, blocks + 1):
        x = residual_block(x, style, dropout=dropout, name=f"block{block}")
    for level in range(halvings, 0, -1):
        x = doubling_block(x, base_filters * 2 ** (level - 1), style, name=f"up{level}")
    return x


def _check(input_shape, blocks, halvings):
    if blocks < 0 or halvings < 1:
        raise InputError(
            "`halvings` must be at least 1, and `blocks` at least 0. Received: halvings="
            f"{halvings}, blocks={blocks}. Use 6 blocks for 128 pixels, 9 from 256 pixels on."
        )
    multiple = 2**halvings
    sides = [side for side in input_shape[:2] if side is not None]
    if any(side % multiple or side < 2 * multiple for side in sides):
        cure = [max(2, round(side / multiple)) * multiple for side in sides]
        raise InputError(
            f"The sides of `input_shape` must be multiples of {multiple} and at least "
            f"{2 * multiple} pixels. Received: input_shape={tuple(input_shape)}. Use sides of "
            f"{cure}."
        )
