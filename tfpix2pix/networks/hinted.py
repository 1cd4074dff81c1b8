"""Hints: a generator that sees points of colour beside the image (Zhang et al., 2017)."""

from typing import Optional

from tensorflow import keras

from tfpix2pix.layers import ImageSize, PointMap, WorkingSize
from tfpix2pix.layers.point_maps import PLACE


def hinted_translator(
    generator: keras.Model,
    *,
    source_channels: int,
    shorter_side: Optional[int] = None,
    multiple: int = 1,
) -> keras.Model:
    """Returns the network that translates images of any size with hints at points.

    Args:
        generator: `keras.Model` of the source, the values of hints and their mask, joined, to
            images.
        source_channels: Channels of the sources.
        shorter_side: Pixels of the shorter side at which the generator works; its result is
            enlarged to the image. `None` for images as they are.
        multiple: What the generator's sides must be multiples of, in pixels.

    Returns:
        Functional `keras.Model` with open sides of `[image, hints]` to float32 in (-1, 1): the
        source in [-1, 1], and float `[batch, points, 3 + values]`, of each point row, column and
        radius in pixels of the image and its values in [-1, 1], see `tfpix2pix.layers.PointMap`.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 4), 2, depth=3, base_filters=4)
        >>> network = hinted_translator(generator, source_channels=1, shorter_side=32, multiple=8)
        >>> network.output_shape
        (None, None, None, 2)

    Reference:
        [Zhang et al., 2017](https://arxiv.org/abs/1705.02999), section 3.2.
    """
    values = generator.inputs[0].shape[-1] - source_channels - 1
    image = keras.Input((None, None, source_channels), name="image")
    hints = keras.Input((None, PLACE + values), name="hints")
    size = {"shorter_side": shorter_side, "multiple": multiple}
    joined = keras.layers.Concatenate(name="source_join")(
        [
            WorkingSize(**size, name="source_size")(image),
            PointMap(**size, name="source_hints")([hints, image]),
        ]
    )
    output = ImageSize(**size, name="head_size")([generator(joined), image])
    return keras.Model([image, hints], output, name="hinted_translator")
