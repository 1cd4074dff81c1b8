"""Translation of images of any size."""

import math
import weakref

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.data.geometry import reflect_to_multiple
from tfpix2pix.errors import InputError
from tfpix2pix.inference.graph import checked_statistics, evaluate, output_of
from tfpix2pix.inference.strips import translate_in_strips

_FUNCTIONS = weakref.WeakKeyDictionary()  # Generator -> statistics -> compiled function.


def size_multiple(generator):
    """Returns what the sides of a generator's images must be multiples of, in pixels.

    Args:
        generator: `keras.Model` that halves its images by convolutions of stride 2 and doubles them
            again.

    Returns:
        int: the product of the strides.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> size_multiple(unet_generator((None, None, 3), depth=3, base_filters=4))
        8
    """
    # Transposed convolutions are a subclass and take the way back.
    return math.prod(
        layer.strides[0]
        for layer in generator.layers
        if isinstance(layer, keras.layers.Conv2D)
        and not isinstance(layer, keras.layers.Conv2DTranspose)
    )


def translate(generator, source, *, statistics="per_image", samples=None, seed=0, strip=None):
    """Translates images of any size: reflects them to the network's multiple and crops the result.

    By default dropout is off, and an image's translation does not depend on the others in the
    batch. Nothing of the generator changes, neither its moving averages nor its random state.

    Args:
        generator: `keras.Model` with open sides, such as
            `unet_generator((None, None, 3), depth=8)`.
        source: float `[batch, height, width, channels]` in [-1, 1], or a list of float `[height,
            width, channels]` of any sizes, which are translated one by one.
        statistics: What batch norm goes by: `"per_image"`, as the paper does with batches of one;
            `"batch"`, as in training, the moments of the batch; or `"moving"`, the averages that
            were kept while training. Instance norm always goes by each image.
        samples: Number of translations of each image that differ by dropout, the paper's only
            noise; by default one without.
        seed: int, seed of this noise. Sample n of an image depends on the image, the seed and n
            alone, and has the same noise as sample n of its neighbours.
        strip: Rows of a feature map that are computed at a time, for images whose feature maps are
            larger than memory; see `tfpix2pix.inference.strips`. 64 is a good choice.

    Returns:
        float32 `[batch, height, width, output_channels]` in (-1, 1), with `samples` `[samples,
        batch, height, width, output_channels]`. For a list, a list in its order, without the batch.

    Raises:
        ValueError: If the images are not of the generator's kind, the network has no moving
            averages or no dropout where these are asked for, or a layer knows no strips.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=3, base_filters=4)
        >>> translate(generator, tf.zeros((2, 13, 21, 3))).shape
        TensorShape([2, 13, 21, 3])
        >>> translate(generator, [tf.zeros((5, 9, 3))], samples=4, seed=1)[0].shape
        TensorShape([4, 5, 9, 3])

    Reference:
        [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 3.4, of noise and statistics
        at test time.
    """
    checked_statistics(generator, statistics, samples)
    if strip is not None and strip < 1:
        raise InputError(
            f"`strip` must be at least 1. Received: strip={strip}. 64 rows are a good choice."
        )
    images = source if isinstance(source, (list, tuple)) else [source]
    for image in images:
        _check(generator, image, rank=4 if images is not source else 3)
    options = {"statistics": statistics, "strip": strip}
    if images is source:
        batches = (image[tf.newaxis] for image in images)
        drawn = [_drawn(generator, batch, samples, seed, options) for batch in batches]
        return [result[0] if samples is None else result[:, 0] for result in drawn]
    return _drawn(generator, source, samples, seed, options)


def _drawn(generator, source, samples, seed, options):
    if samples is None:
        return _translated(generator, source, seed=None, **options)
    # Tensors, so that neither a seed nor a sample is traced anew.
    seeds = (tf.constant((seed, sample), "int64") for sample in range(samples))
    return tf.stack([_translated(generator, source, seed=pair, **options) for pair in seeds])


def _translated(generator, source, *, statistics, strip, seed):
    multiple = size_multiple(generator)
    if strip is not None:
        # Alone where they do not depend on each other, for the memory of one.
        alone = statistics != "batch"
        parts = [source[i : i + 1] for i in range(len(source))] if alone else [source]
        options = {"multiple": multiple, "rows": strip, "statistics": statistics, "seed": seed}
        results = [translate_in_strips(generator, part, **options) for part in parts]
        return results[0] if len(results) == 1 else tf.concat(results, 0)
    height, width = tf.unstack(tf.shape(source)[1:3])
    padded, top, left = reflect_to_multiple(tf.cast(source, "float32"), multiple)
    if tf.executing_eagerly():
        translated = _compiled(generator, statistics)(padded, seed)
    else:
        translated = _computed(generator, padded, statistics, seed)
    return translated[:, top : top + height, left : left + width]


def _computed(generator, padded, statistics, seed):
    if statistics == "per_image" and seed is None:
        return generator(padded, training=False)
    return evaluate(
        generator, padded, lambda layer, *inputs: output_of(layer, inputs, statistics, seed)
    )


def _compiled(generator, statistics):
    """Returns a generator as a graph, which is made once and goes when the generator goes.

    One image of 64 pixels takes 6 instead of 51 ms on two cores, one of 256 pixels by the paper's
    generator 140 instead of 240.
    """
    functions = _FUNCTIONS.setdefault(generator, {})
    if statistics not in functions:
        reference = weakref.ref(generator)

        @tf.function(reduce_retracing=True, autograph=False)
        def compute(padded, seed):
            return _computed(reference(), padded, statistics, seed)

        functions[statistics] = compute
    return functions[statistics]


def _check(generator, images, rank):
    channels = generator.input_shape[-1]
    dtype, shape = tf.as_dtype(images.dtype), images.shape
    fits = len(shape) == rank and shape[-1] in (channels, None) and 0 not in tuple(shape)
    if not (dtype.is_floating and fits):
        axes = ["batch", "height", "width", str(channels)][4 - rank :]
        raise InputError(
            f"`source` must be float `[{', '.join(axes)}]` in [-1, 1] and not empty. Received: "
            f"{dtype.name} of shape {tuple(shape)}. `tfpix2pix.data.images.to_signed` makes it of "
            "pixels."
        )
