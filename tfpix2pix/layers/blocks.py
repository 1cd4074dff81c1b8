"""Blocks of U-Net and PatchGAN: functions that add layers to a symbolic tensor.

By the paper's conventions a block is pre-activated: activation, convolution, normalization. So
the tensor between two levels, which a skip carries too, is normalized but not yet activated.
"""

from dataclasses import dataclass

from tensorflow import keras

from tfpix2pix.layers.conventions import CONVENTIONS, Conventions
from tfpix2pix.layers.convolution import (
    AlignedConv2DTranspose,
    MatrixConv2D,
    MatrixConv2DTranspose,
    SpectralConv2D,
)
from tfpix2pix.layers.dropout import Dropout
from tfpix2pix.layers.growing import ThriftyLeakyReLU
from tfpix2pix.layers.initialization import derived_seed, kernel_initializer
from tfpix2pix.layers.norms import normalization
from tfpix2pix.layers.pooling import BlurPooling2D, NearestDoubling2D
from tfpix2pix.layers.reflected import ReflectedConv2D


@dataclass(frozen=True)
class Style:
    """Norm, conventions and seed that all blocks of one network share.

    Attributes:
        norm: `"instance"`, `"batch"`, `"batch_sync"`, `"none"`, or `"spectral"` for spectral
            normalization of the kernels and no norm of activations.
        conventions: `Conventions` of the layers.
        seed: Seed of the initial weights and of the dropout.

    Example:
        >>> Style("batch").has_bias
        False
    """

    norm: str
    conventions: Conventions = CONVENTIONS["paper"]
    seed: int = 0

    @property
    def has_bias(self) -> bool:
        """Whether the convolutions have a bias."""
        return self.conventions.has_bias("none" if self.norm == "spectral" else self.norm)

    def convolve(
        self,
        x,
        filters: int,
        size: int = 4,
        *,
        name: str,
        transposed: bool = False,
        reflected: bool = False,
        **options,
    ):
        """Applies a convolution called `name`, initialized by the conventions."""
        layer = SpectralConv2D if self.norm == "spectral" else MatrixConv2D
        if transposed:
            layer = AlignedConv2DTranspose if size == 3 else MatrixConv2DTranspose
        elif reflected:
            layer = ReflectedConv2D
        conventions = self.conventions
        seed = derived_seed(self.seed, name)
        kernel = kernel_initializer(conventions.initializer, conventions.gain, seed)
        return layer(filters, size, kernel_initializer=kernel, name=name, **options)(x)

    def normalize(self, x, *, name: str):
        """Applies a norm called `name`; returns `x` if the network has none."""
        if self.norm in ("none", "spectral"):
            return x
        conventions = self.conventions
        seed = derived_seed(self.seed, name)
        gamma = keras.initializers.RandomNormal(1.0, conventions.gamma_deviation, seed=seed)
        return normalization(
            self.norm,
            epsilon=conventions.epsilon,
            momentum=conventions.momentum,
            gamma=gamma,
            affine=conventions.affine_instance,
            name=name,
        )(x)

    def leak(self, x, *, name: str):
        """Applies the leaky ReLU."""
        return ThriftyLeakyReLU(self.conventions.leak, name=name)(x)


def down_block(
    x, filters: int, style: Style, *, normalize: bool = True, activate: bool = True, name: str
):
    """Halves height and width: leaky ReLU, 4x4 convolution of stride 2, normalization.

    Args:
        x: Symbolic `[batch, height, width, channels]`, sides even.
        filters: Channels of the result.
        style: `Style` of the network.
        normalize: Whether a norm follows.
        activate: Whether a leaky ReLU precedes the convolution, if it does by the conventions; not
            on the input image.
        name: Prefix of the layers' names.

    Returns:
        Symbolic `[batch, height / 2, width / 2, filters]`.

    Example:
        >>> down_block(keras.Input((8, 8, 3)), 16, Style("batch"), name="down2").shape.as_list()
        [None, 4, 4, 16]
    """
    before = style.conventions.activation == "before"
    if before and activate:
        x = style.leak(x, name=f"{name}_activation")
    # With stride 2 and even sides "same" pads one pixel on every side, as the reference does.
    x = style.convolve(
        x, filters, strides=2, padding="same", use_bias=style.has_bias, name=f"{name}_conv"
    )
    x = style.normalize(x, name=f"{name}_norm") if normalize else x
    return x if before else style.leak(x, name=f"{name}_activation")


def up_block(x, skip, filters: int, style: Style, *, dropout: float = 0.0, name: str):
    """Doubles height and width: ReLU, transposed convolution, normalization, dropout, skip.

    Args:
        x: Symbolic `[batch, height, width, channels]`.
        skip: Symbolic `[batch, 2 height, 2 width, any]` that is concatenated behind the result, or
            `None`.
        filters: Channels of the result before the skip.
        style: `Style` of the network.
        dropout: Rate of the dropout after the normalization.
        name: Prefix of the layers' names.

    Returns:
        Symbolic `[batch, 2 height, 2 width, filters + channels of skip]`.

    Example:
        >>> skip = keras.Input((8, 8, 4))
        >>> up_block(keras.Input((4, 4, 8)), skip, 4, Style("batch"), name="up1").shape.as_list()
        [None, 8, 8, 8]
    """
    before = style.conventions.activation == "before"
    if before:
        x = keras.layers.ReLU(name=f"{name}_activation")(x)
    x = _enlarge(x, filters, style, use_bias=style.has_bias, name=name)
    x = style.normalize(x, name=f"{name}_norm")
    if dropout:
        seed = derived_seed(style.seed, f"{name}_dropout")
        x = Dropout(dropout, seed, name=f"{name}_dropout")(x)
    if not before:
        x = keras.layers.ReLU(name=f"{name}_activation")(x)
    return x if skip is None else keras.layers.Concatenate(name=f"{name}_join")([x, skip])


def to_image(x, channels: int, style: Style, *, name: str):
    """Doubles height and width into an image: ReLU, transposed convolution with bias, tanh.

    Args:
        x: Symbolic `[batch, height, width, any]`.
        channels: Channels of the image.
        style: `Style` of the network.
        name: Prefix of the layers' names.

    Returns:
        Symbolic float32 `[batch, 2 height, 2 width, channels]` in (-1, 1), float32 under any
        policy.

    Example:
        >>> to_image(keras.Input((4, 4, 8)), 3, Style("batch"), name="head").shape.as_list()
        [None, 8, 8, 3]
    """
    if style.conventions.activation == "before":
        x = keras.layers.ReLU(name=f"{name}_activation")(x)
    x = _enlarge(x, channels, style, use_bias=True, name=name)
    return keras.layers.Activation("tanh", dtype="float32", name=f"{name}_tanh")(x)


def patch_block(
    x,
    filters: int,
    style: Style,
    *,
    size: int = 4,
    strides: int,
    normalize: bool = True,
    use_bias: bool = False,
    name: str,
):
    """One level of a PatchGAN: convolution, normalization, leaky ReLU.

    By antialiased conventions a stride of 2 is that of a blur behind them.

    Args:
        x: Symbolic `[batch, height, width, channels]`; sides even for stride 2.
        filters: Channels of the result.
        style: `Style` of the network.
        size: Side of the kernel, 4 or 1.
        strides: 2 halves the sides; with 1 a 4x4 kernel makes them one pixel shorter.
        normalize: Whether a norm follows.
        use_bias: Whether the convolution has a bias even if the network's others have none.
        name: Prefix of the layers' names.

    Returns:
        Symbolic `[batch, height / 2, width / 2, filters]`, `[batch, height - 1, width - 1,
        filters]`, or for 1x1 kernels of the same sides.

    Example:
        >>> x = keras.Input((8, 8, 3))
        >>> patch_block(x, 4, Style("none"), strides=1, name="patch4").shape.as_list()
        [None, 7, 7, 4]
    """
    blurred = strides == 2 and style.conventions.antialiased
    strides = 1 if blurred else strides
    if strides == 1 and size == 4:
        # Keras' "same" pads 1 pixel before and 2 after; the reference pads 1 on every side.
        x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = style.convolve(
        x,
        filters,
        size,
        strides=strides,
        padding="same" if strides == 2 else "valid",
        use_bias=use_bias or style.has_bias,
        name=f"{name}_conv",
    )
    x = style.normalize(x, name=f"{name}_norm") if normalize else x
    x = style.leak(x, name=f"{name}_activation")
    return BlurPooling2D(name=f"{name}_blur")(x) if blurred else x


def to_logits(
    x, style: Style, *, size: int = 4, use_bias: bool = True, domains: int = 1, name: str
):
    """The last level of a PatchGAN: a convolution of stride 1 to one logit per patch.

    Args:
        x: Symbolic `[batch, height, width, any]`.
        style: `Style` of the network.
        size: Side of the kernel, 4 or 1.
        use_bias: Whether the convolution has a bias.
        domains: How many logits there are of each patch.
        name: Prefix of the layers' names.

    Returns:
        Symbolic float32 `[batch, height - 1, width - 1, domains]`, for 1x1 kernels of the same
        sides; float32 under any policy.

    Example:
        >>> to_logits(keras.Input((7, 7, 8)), Style("none"), name="head").shape.as_list()
        [None, 6, 6, 1]
    """
    if size == 4:
        x = keras.layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return style.convolve(x, domains, size, use_bias=use_bias, dtype="float32", name=f"{name}_conv")


def _enlarge(x, filters, style, *, use_bias, name):
    upsampling = style.conventions.upsampling
    options = {"padding": "same", "use_bias": use_bias, "name": f"{name}_conv"}
    if upsampling == "transpose":
        return style.convolve(x, filters, strides=2, transposed=True, **options)
    return style.convolve(doubled(x, upsampling, name=name), filters, 3, **options)


def doubled(x, upsampling: str, *, name: str):
    """Doubles height and width without weights.

    Args:
        x: Symbolic `[batch, height, width, channels]`.
        upsampling: `"nearest"` or `"bilinear"`.
        name: Prefix of the layer's name.

    Returns:
        Symbolic `[batch, 2 height, 2 width, channels]`.

    Example:
        >>> doubled(keras.Input((4, 3, 8)), "nearest", name="up1").shape.as_list()
        [None, 8, 6, 8]
    """
    name = f"{name}_enlarge"
    if upsampling == "nearest":
        return NearestDoubling2D(name=name)(x)
    return keras.layers.UpSampling2D(2, interpolation=upsampling, name=name)(x)
