"""A network of many styles: all of its kernels are shared, a style is a row of each norm."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

from tensorflow import keras

from tfpix2pix.layers import DomainNormalization
from tfpix2pix.layers.blocks import Style
from tfpix2pix.layers.conventions import Conventions, checked_conventions
from tfpix2pix.layers.domain_norms import OneHot
from tfpix2pix.layers.residual_blocks import (
    doubling_block,
    halving_block,
    reflected_block,
    residual_block,
)

HALVINGS = 2
SIDE = 9  # Of the first and the last kernel.


@dataclass(frozen=True)
class _ByWeights(Style):
    """A `Style` whose norms are scaled and shifted by the weights of styles."""

    weights: Any = None

    def normalize(self, x, *, name: str, base: str = "instance"):
        """Applies a conditional norm called `name`."""
        count = self.weights.shape[-1]
        norm = DomainNormalization(count, base, epsilon=self.conventions.epsilon, name=name)
        return norm([x, self.weights])


def stylization_generator(
    input_shape: Sequence[Optional[int]] = (256, 256, 3),
    output_channels: int = 3,
    *,
    styles: int = 2,
    base_filters: int = 32,
    blocks: int = 5,
    image_norm: str = "affine",
    conventions: Union[str, Conventions] = "paper",
    seed: int = 0,
    name: str = "stylization_generator",
) -> keras.Model:
    """Builds the network of Dumoulin et al.: a conditional instance norm after each convolution.

    A 9x9 convolution, two 3x3 convolutions of stride 2, residual blocks, two enlargements to the
    nearest pixel with 3x3 convolutions, and a 9x9 convolution to the image; no biases. With 32
    filters, 5 blocks and 3 channels there are 1,674,432 weights in kernels, and 3,206 of a style.

    Args:
        input_shape: `(height, width, channels)`; height and width are multiples of 4, or `None`.
        output_channels: Channels of the translated image.
        styles: How many styles there are.
        base_filters: Filters of the first layer, which each halving doubles.
        blocks: Number of residual blocks.
        image_norm: `"full"`, by which a style says mean and contrast of each channel of its images,
            as in the paper; or `"affine"`, by which it scales and shifts them.
        conventions: As of `tfpix2pix.networks.resnet_generator`, of initializers and epsilon.
        seed: Seed of the initial weights.
        name: Name of the model.

    Returns:
        A functional `keras.Model` of `[image, weights]`, float `[batch, height, width, channels]`
        in [-1, 1] and float `[batch, styles]`, to float32 `[batch, height, width, output_channels]`
        in (-1, 1).

    Example:
        >>> stylization_generator((32, 32, 3), styles=4, base_filters=4, blocks=1).output_shape
        (None, 32, 32, 3)

    Reference:
        [Dumoulin et al., 2016](https://arxiv.org/abs/1610.07629), appendix.
    """
    conventions = dataclasses.replace(
        checked_conventions(conventions), upsampling="nearest", bias="needed", affine_instance=True
    )
    source = keras.Input(input_shape, name="source")
    weights = keras.Input((styles,), name="style")
    style = _ByWeights("instance", conventions, seed, weights)
    x = reflected_block(source, base_filters, style, size=SIDE, name="stem")
    for level in range(1, HALVINGS + 1):
        x = halving_block(x, base_filters * 2**level, style, name=f"down{level}")
    for block in range(1, blocks + 1):
        x = residual_block(x, style, name=f"block{block}")
    for level in range(HALVINGS, 0, -1):
        x = doubling_block(x, base_filters * 2 ** (level - 1), style, name=f"up{level}")
    x = style.convolve(x, output_channels, SIDE, reflected=True, use_bias=False, name="head_conv")
    base = "instance" if image_norm == "full" else "none"
    x = style.normalize(x, base=base, name="head_norm")
    image = keras.layers.Activation("tanh", dtype="float32", name="head_tanh")(x)
    return keras.Model([source, weights], image, name=name)


def style_translator(generator: keras.Model, number: int) -> keras.Model:
    """Returns the network of one style alone.

    Args:
        generator: What `stylization_generator` returns.
        number: Number of the style.

    Returns:
        Functional `keras.Model` of images to images.

    Example:
        >>> generator = stylization_generator((None, None, 1), 1, base_filters=4, blocks=1)
        >>> style_translator(generator, 1).input_shape
        (None, None, None, 1)
    """
    image = keras.Input(generator.input_shape[0][1:], name="source")
    weights = OneHot(number, generator.inputs[1].shape[-1], name="style")(image)
    return keras.Model(image, generator([image, weights]), name="style_translator")
