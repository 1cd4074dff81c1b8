"""The U-Net generator of pix2pix."""

from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers import blocks


def unet_generator(
    input_shape=(256, 256, 3),
    output_channels=3,
    *,
    base_filters=64,
    depth=None,
    norm="instance",
    dropout_levels=3,
    seed=0,
    name="unet_generator",
):
    """Builds the U-Net generator of pix2pix.

    Encoder C64-C128-C256-C512-C512-C512-C512-C512, decoder CD512-CD512-CD512-C512-C256-C128-C64,
    each decoder level concatenated with the encoder level of the same resolution. The innermost
    level has no norm: over a single pixel it would erase what the level carries (the paper's
    erratum).

    Args:
        input_shape: `(height, width, channels)`; height and width are multiples of `2**depth`, or
            both `None` for a network that takes any such size.
        output_channels: Channels of the translated image.
        base_filters: Filters of level 1; doubled per level, at most `8 * base_filters`.
        depth: Number of halvings; by default log2 of the shorter side, so that it becomes 1 pixel.
        norm: `"instance"`, `"batch"` or `"none"`; only without norm do all convolutions have a
            bias.
        dropout_levels: How many of the deepest decoder levels end in dropout 0.5, at most
            `depth - 2`.
        seed: Seed of the initial weights and of the dropout.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: float `[batch, height, width, channels]` in [-1, 1] to float32
        `[batch, height, width, output_channels]` in (-1, 1).

    Raises:
        ValueError: If `depth` is below 2 or not given without sides, or a side is no multiple of
            `2**depth`.

    Example:
        >>> unet_generator((32, 32, 3), depth=3, base_filters=4).output_shape
        (None, 32, 32, 3)

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 6.1.1.
    """
    depth = checked_depth(input_shape, depth)
    filters = {level: base_filters * min(2 ** (level - 1), 8) for level in range(1, depth + 1)}
    style = {"use_bias": norm == "none", "seed": seed}

    x = source = keras.Input(input_shape, name="source")
    skips = {}
    for level in range(1, depth + 1):
        level_norm = norm if 1 < level < depth else "none"
        x = skips[level] = blocks.down_block(
            x, filters[level], norm=level_norm, activate=level > 1, **style, name=f"down{level}"
        )
    for level in range(depth - 1, 0, -1):
        dropout = 0.5 if level >= depth - min(dropout_levels, depth - 2) else 0.0
        x = blocks.up_block(
            x, skips[level], filters[level], norm=norm, dropout=dropout, **style, name=f"up{level}"
        )
    outputs = blocks.to_image(x, output_channels, seed=seed, name="head")
    return keras.Model(source, outputs, name=name)


def checked_depth(input_shape, depth):
    """Returns the depth that `unet_generator` uses for `input_shape`.

    Args:
        input_shape: `(height, width, channels)`, the sides in pixels or `None`.
        depth: Number of halvings or `None`.

    Returns:
        `depth`, or log2 of the shorter side, rounded down.

    Raises:
        ValueError: As `unet_generator`.

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
