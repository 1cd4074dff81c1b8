"""Translation in a direction: its network with the values of its controls, and with chance."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Optional

import tensorflow as tf

from tfpix2pix.errors import InputError
from tfpix2pix.inference.controls import control_batch, control_batches
from tfpix2pix.inference.direction import SEED, Direction
from tfpix2pix.inference.graph import has_dropout
from tfpix2pix.inference.translation import translate

_NOTHING = MappingProxyType({})


def translate_in(
    direction: Direction,
    source,
    values: Mapping[str, Any] = _NOTHING,
    *,
    samples: Optional[int] = None,
    seed: int = 0,
    statistics: str = "per_image",
    strip: Optional[int] = None,
):
    """Translates images in a direction, with any number of its controls set.

    The seed is a control like the others: it decides the noise of dropout, and the controls that
    have a `sample` where they are not set.

    Args:
        direction: `Direction`.
        source: float `[batch, height, width, channels]` in [-1, 1].
        values: Dict of the names of controls to their values, one for each image, or one for all
            of them, see `tfpix2pix.inference.control_batches`; of the seed one for all. What is
            missing is neutral.
        samples: How many translations of each image to draw; by default one, without chance
            unless `values` has a seed.
        seed: int, seed of the samples, unless `values` has one. Sample n of an image depends on
            the image, the seed and n alone.
        statistics: See `tfpix2pix.inference.translate`.
        strip: See `tfpix2pix.inference.translate`.

    Returns:
        float32 `[batch, height, width, output_channels]` in (-1, 1), with `samples` `[samples,
        batch, height, width, output_channels]`. A seed without `samples` makes sample 0.

    Raises:
        ValueError: If the direction has no such control, a value does not fit its shape, or as
            `tfpix2pix.inference.translate`.

    Example:
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.data.tasks import Pairs
        >>> from tfpix2pix.networks import unet_generator
        >>> network = unet_generator((None, None, 3), depth=3, base_filters=4)
        >>> task = Pairs((PixelFormat(3, "uint8", (0.0, 255.0)),) * 2)
        >>> direction = Direction(network, task, multiple=8, controls=(SEED,))
        >>> source = tf.zeros((1, 5, 9, 3))
        >>> both = translate_in(direction, source, samples=2, seed=7)
        >>> one = translate_in(direction, source, {"seed": 7})
        >>> both.shape, bool(tf.reduce_all(one == both[0]))
        (TensorShape([2, 1, 5, 9, 3]), True)
    """
    values = dict(values)
    if direction.has_seed and SEED.name in values:
        seed = int(control_batch(SEED, values.pop(SEED.name), 1)[0])
        if samples is None:
            return translate_in(
                direction, source, values, samples=1, seed=seed, statistics=statistics, strip=strip
            )[0]
    options = {"multiple": direction.multiple, "statistics": statistics, "strip": strip}

    def translated(pair=None, **noise):
        controls = control_batches(direction, source, values, seed=pair)
        return translate(direction.network, source, controls=controls, **options, **noise)

    if samples is None:
        return translated()
    if not direction.has_drawn_inputs:
        return translated(samples=samples, seed=seed)
    if samples < 1:
        raise InputError(
            f"`samples` must be at least 1. Received: samples={samples}. Leave it out for one "
            "translation without chance."
        )
    has_noise = has_dropout(direction.network)
    outputs = []
    for number in range(samples):
        noise = {"samples": [number], "seed": seed} if has_noise else {}
        output = translated((seed, number), **noise)
        outputs.append(output[0] if has_noise else output)
    return tf.stack(outputs)
