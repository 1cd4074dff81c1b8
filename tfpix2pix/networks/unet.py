"""The U-Net generator of pix2pix, and the encoder-decoder that the paper compares it with."""

from collections.abc import Sequence
from typing import Optional, Union

from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers import blocks
from tfpix2pix.layers.conventions import Conventions, checked_conventions
from tfpix2pix.layers.norms import checked_norm


def unet_generator(
    input_shape: Sequence[Optional[int]] = (256, 256, 3),
    output_channels: int = 3,
    *,
    base_filters: int = 64,
    depth: Optional[int] = None,
    norm: str = "instance",
    dropout_levels: int = 3,
    skips: bool = True,
    conventions: Union[str, Conventions] = "paper",
    seed: int = 0,
    name: str = "unet_generator",
) -> keras.Model:
    """Builds the U-Net generator of pix2pix.

    Encoder C64-C128-C256-C512-C512-C512-C512-C512, decoder CD512-CD512-CD512-C512-C256-C128-C64,
    each decoder level concatenated with the encoder level of the same resolution. The innermost
    level has no norm: over a single pixel it would erase all information (the paper's erratum).

    Args:
        input_shape: `(height, width, channels)`; height and width are multiples of `2**depth`, or
            both `None` for a network that takes any such size.
        output_channels: Channels of the translated image.
        base_filters: Filters of level 1; doubled per level, at most `8 * base_filters`.
        depth: Number of levels, each of which halves the sides; by default log2 of the shorter
            side, so that the innermost level has 1 pixel.
        norm: `"instance"`, `"batch"`, `"batch_sync"` or `"none"`.
        dropout_levels: How many decoder levels end in dropout 0.5, the deepest first; at least two
            levels have none.
        skips: Whether decoder levels get the encoder levels; `False` gives the encoder-decoder of
            the paper's section 4.3.
        conventions: `"paper"`, `"torch"`, `"pytorch"`, `"affinelayer"`, `"tf_tutorial"`, or
            `tfpix2pix.layers.Conventions` of your own.
        seed: Seed of the initial weights and of the dropout.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: float `[batch, height, width, channels]` in [-1, 1] to float32
        `[batch, height, width, output_channels]` in (-1, 1).

    Raises:
        ValueError: If `depth` is below 2, `depth` and the sides are both `None`, a side is no
            multiple of `2**depth`, or the norm or the conventions are unknown.

    Example:
        >>> unet_generator((32, 32, 3), depth=3, base_filters=4).output_shape
        (None, 32, 32, 3)

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 6.1.1.
    """
    depth = checked_depth(input_shape, depth)
    conventions = checked_conventions(conventions)
    style = blocks.Style(checked_norm(norm), conventions, seed)
    filters = {level: base_filters * min(2 ** (level - 1), 8) for level in range(1, depth + 1)}
    dropout_at = _levels_with_dropout(depth, dropout_levels, conventions.dropout)

    source = keras.Input(input_shape, name="source")
    x = source
    encoded = {}
    for level in range(1, depth + 1):
        normalize = level > 1 and (level < depth or conventions.innermost_norm)
        x = blocks.down_block(
            x, filters[level], style, normalize=normalize, activate=level > 1, name=f"down{level}"
        )
        encoded[level] = x
    for level in range(depth - 1, 0, -1):
        skip = encoded[level] if skips else None
        dropout = 0.5 if level in dropout_at else 0.0
        x = blocks.up_block(x, skip, filters[level], style, dropout=dropout, name=f"up{level}")
    outputs = blocks.to_image(x, output_channels, style, name="head")
    return keras.Model(source, outputs, name=name)


def _levels_with_dropout(depth, count, placement):
    if placement == "middle":
        return range(4, depth - 1) if count else ()
    return range(depth - min(count, depth - 2), depth)


def checked_depth(input_shape: Sequence[Optional[int]], depth: Optional[int]) -> int:
    """Returns the depth that `unet_generator` uses for `input_shape`.

    Args:
        input_shape: `(height, width, channels)`, the sides in pixels or `None`.
        depth: Number of levels or `None`.

    Returns:
        `depth`, or log2 of the shorter side, rounded down.

    Raises:
        ValueError: For the depths and sides that `unet_generator` refuses.

    Example:
        >>> checked_depth((128, 256, 3), None)
        7
    """
    sides = [side for side in input_shape[:2] if side is not None]
    if depth is None:
        if not sides:
            raise InputError(
                "`depth` must be given when `input_shape` leaves the sides open. Received: "
                f"input_shape={tuple(input_shape)}, depth=None. Use 8, the paper's depth for 256 "
                "pixels."
            )
        depth = min(sides).bit_length() - 1
    if depth < 2:
        raise InputError(
            f"`depth` must be at least 2. Received: depth={depth}, "
            f"input_shape={tuple(input_shape)}. Use 2 or more, and sides of at least 4 pixels."
        )
    multiple = 2**depth
    if any(side % multiple for side in sides):
        common = min((side & -side).bit_length() - 1 for side in sides)
        cures = [f"sides of {[max(1, round(side / multiple)) * multiple for side in sides]}"]
        if common >= 2:
            cures.append(f"depth={common}")
        raise InputError(
            f"The sides of `input_shape` must be multiples of {multiple} (2**depth). Received: "
            f"input_shape={tuple(input_shape)}, depth={depth}. Use {' or '.join(cures)}."
        )
    return depth
