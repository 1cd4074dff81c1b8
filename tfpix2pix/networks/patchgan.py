"""PatchGAN discriminators: judge overlapping NxN patches instead of whole images."""

from collections.abc import Sequence
from typing import Optional, Union

from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers import BlurPooling2D, blocks
from tfpix2pix.layers.conventions import Conventions, checked_conventions
from tfpix2pix.layers.norms import checked_norm

# Side in pixels of the patch that one logit sees -> convolutions of stride 2.
STRIDED_LAYERS = {1: 0, 16: 1, 34: 2, 70: 3, 142: 4, 286: 5}


def patch_discriminator(
    input_shape: Sequence[Optional[int]] = (256, 256, 3),
    target_channels: int = 3,
    *,
    receptive_field: int = 70,
    base_filters: int = 64,
    norm: str = "instance",
    conditional: bool = True,
    conventions: Union[str, Conventions] = "paper",
    seed: int = 0,
    name: str = "patch_discriminator",
) -> keras.Model:
    """Builds a PatchGAN discriminator, which judges a target given its source.

    For 70 pixels: C64-C128-C256-C512 and a last convolution to one logit per patch. All are 4x4;
    the last two have stride 1, the others stride 2. The first layer and the last have a bias and
    no norm. For 1 pixel: C64-C128 and a last convolution, all 1x1.

    Args:
        input_shape: `(height, width, channels)` of the source; the sides may be `None`.
        target_channels: Channels of the target.
        receptive_field: Side in pixels of the patch that one logit sees: 1, 16, 34, 70, 142 or 286;
            antialiased ones see a little more.
        base_filters: Filters of the first layer; doubled per layer, at most `8 * base_filters`.
        norm: `"instance"`, `"batch"`, `"batch_sync"`, `"none"`, or `"spectral"` for spectral
            normalization of the kernels.
        conditional: Whether the discriminator sees the source beside the target; if not, the source
            is an unused input.
        conventions: As for `unet_generator`.
        seed: Seed of the initial weights.
        name: Name of the model.

    Returns:
        A functional `keras.Model` of `[source, target]`, float `[batch, height, width, channels]`
        in [-1, 1], to logits, float32 `[batch, height / 2**n - 2, width / 2**n - 2, 1]` with n
        layers of stride 2, or `[batch, height, width, 1]` for 1 pixel.

    Raises:
        ValueError: If the receptive field is none of these, a side is no multiple of `2**n` or less
            than `3 * 2**n`, or the norm or the conventions are unknown.

    Example:
        >>> patch_discriminator((64, 64, 3), receptive_field=34).output_shape
        (None, 14, 14, 1)

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 6.1.2.
    """
    source = keras.Input(input_shape, name="source")
    target = keras.Input((*input_shape[:2], target_channels), name="target")
    x = keras.layers.Concatenate(name="pair")([source, target]) if conditional else target
    strided = _checked_strided_layers(input_shape, receptive_field)
    logits = _logits(x, strided, base_filters, norm, conventions, seed)
    return keras.Model([source, target], logits, name=name)


def image_discriminator(
    input_shape: Sequence[Optional[int]] = (256, 256, 3),
    *,
    receptive_field: int = 70,
    base_filters: int = 64,
    norm: str = "instance",
    conventions: Union[str, Conventions] = "paper",
    domains: int = 1,
    seed: int = 0,
    name: str = "image_discriminator",
) -> keras.Model:
    """Builds a PatchGAN discriminator that judges images alone, as CycleGAN's do.

    Its layers are those of `patch_discriminator`.

    Args:
        input_shape: `(height, width, channels)` of the images; the sides may be `None`.
        receptive_field: As for `patch_discriminator`.
        base_filters: The same.
        norm: The same.
        conventions: The same.
        domains: How many logits there are of each patch: whether it is of one domain or another.
        seed: The same.
        name: Name of the model.

    Returns:
        A functional `keras.Model` of images, float `[batch, height, width, channels]` in [-1, 1],
        to logits as of `patch_discriminator`, for each domain.

    Raises:
        ValueError: As `patch_discriminator`.

    Example:
        >>> image_discriminator((64, 64, 3), receptive_field=34).output_shape
        (None, 14, 14, 1)

    Reference:
        [Zhu et al., 2017](https://arxiv.org/abs/1703.10593), section 7.2.
    """
    image = keras.Input(input_shape, name="image")
    strided = _checked_strided_layers(input_shape, receptive_field)
    logits = _logits(image, strided, base_filters, norm, conventions, seed, domains)
    return keras.Model(image, logits, name=name)


def _logits(x, strided, base_filters, norm, conventions, seed, domains=1):
    """Adds the layers that judge `x`, symbolic `[batch, height, width, channels]`."""
    conventions = checked_conventions(conventions)
    style = blocks.Style(checked_norm(norm, also=["spectral"]), conventions, seed)
    size, layers = (4, strided + 1) if strided else (1, 2)
    for level in range(1, layers + 1):
        x = blocks.patch_block(
            x,
            base_filters * min(2 ** (level - 1), 8),
            style,
            size=size,
            strides=2 if level <= strided else 1,
            normalize=level > 1,
            use_bias=level == 1 and conventions.first_bias,
            name=f"patch{level}",
        )
    # The last layer of PyTorch's 1x1 discriminator has no bias; all others have one.
    use_bias = size == 4 or style.has_bias
    return blocks.to_logits(x, style, size=size, use_bias=use_bias, domains=domains, name="head")


def receptive_field(discriminator: keras.Model) -> int:
    """Returns the side in pixels of the patch that one logit of a discriminator sees.

    Args:
        discriminator: `keras.Model` whose convolutions and blurs form a chain.

    Returns:
        int. From the last convolution to the first, r becomes (r - 1) * stride + kernel size.

    Example:
        >>> receptive_field(patch_discriminator((96, 96, 3), receptive_field=70))
        70
    """
    field = 1
    for layer in reversed(discriminator.layers):
        if isinstance(layer, (keras.layers.Conv2D, BlurPooling2D)):
            size = getattr(layer, "kernel_size", None) or layer.pool_size
            field = (field - 1) * layer.strides[0] + size[0]
    return field


def _checked_strided_layers(input_shape, receptive_field):
    if receptive_field not in STRIDED_LAYERS:
        raise InputError(
            f"`receptive_field` must be one of {sorted(STRIDED_LAYERS)}. Received: "
            f"receptive_field={receptive_field!r}. 70 is the paper's choice."
        )
    strided = STRIDED_LAYERS[receptive_field]
    multiple = 2**strided
    for side in input_shape[:2]:
        if side is not None and (side % multiple or side < 3 * multiple):
            raise InputError(
                f"The sides of `input_shape` must be multiples of {multiple} and at least "
                f"{3 * multiple} pixels for receptive_field={receptive_field}. Received: "
                f"input_shape={tuple(input_shape)}. Use larger images or a smaller receptive field."
            )
    return strided
