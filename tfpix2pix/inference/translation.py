"""Translation of images of any size."""

import math
import weakref
from collections.abc import Sequence
from fractions import Fraction
from typing import Optional, Union

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.data.geometry import reflect_to_multiple
from tfpix2pix.errors import InputError
from tfpix2pix.inference.graph import check_statistics, evaluate, has_open_sides, layer_output
from tfpix2pix.inference.strips import translate_in_strips
from tfpix2pix.inference.windows import GLOBAL, reach
from tfpix2pix.layers.network_calls import calls

_GRAPHS = weakref.WeakKeyDictionary()  # Network -> kind of computation -> `_Graphs`.


def size_multiple(network: keras.Model) -> int:
    """Returns what the sides of a network's images must be multiples of, in pixels.

    A `tfpix2pix.inference.Direction` says it by itself; this is for a network alone.

    Args:
        network: Functional `keras.Model` that shrinks its images by strides of convolutions or
            pooling, and enlarges them again.

    Returns:
        int: how many pixels of the image one of its smallest map stands for.

    Raises:
        ValueError: If the network is not functional, see `tfpix2pix.layers.network_calls.calls`.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> size_multiple(unet_generator((None, None, 3), depth=3, base_filters=4))
        8
    """
    # How many pixels one of each value stands for; 0 for vectors, which have no sides.
    pixels = {n: Fraction(len(x.shape) == 4) for n, x in enumerate(network.inputs)}
    for call in calls(network)[0]:
        up, down, _ = reach(call.layer)
        scale = max(pixels[number] for number in call.inputs) * down / up
        is_global = isinstance(call.layer, GLOBAL)
        pixels.update(dict.fromkeys(call.outputs, Fraction(0) if is_global else scale))
    return math.lcm(*(scale.numerator for scale in pixels.values() if scale))


def translate(
    network: keras.Model,
    source,
    *,
    controls: Sequence = (),
    multiple: Optional[int] = None,
    statistics: str = "per_image",
    samples: Union[int, Sequence[int], None] = None,
    seed: int = 0,
    strip: Optional[int] = None,
):
    """Translates images of any size: reflects them to the network's multiple and crops the result.

    By default dropout is off, and an image's translation does not depend on the others in the
    batch. Nothing of the network changes, neither its moving averages nor its random state.

    Args:
        network: `keras.Model` with open sides, such as
            `unet_generator((None, None, 3), depth=8)`, of an image or `[image, *controls]`.
        source: float `[batch, height, width, channels]` in [-1, 1], or a list of float `[height,
            width, channels]` of any sizes, which are translated one by one.
        controls: A batch for each further input of the network, in its order; see
            `tfpix2pix.inference.control_batches`. Those with open sides are as high and wide as
            the images and are reflected with them. For a list of images, lists of one value each.
        multiple: What the sides must be multiples of, in pixels; by default `size_multiple` of the
            network.
        statistics: What batch norm goes by: `"per_image"`, as the paper does with batches of one;
            `"batch"`, as in training, the moments of the batch; or `"moving"`, the averages that
            training kept. Instance norm always goes by each image.
        samples: How many translations of each image differ by dropout, the paper's only noise, or
            the numbers of some of them, such as `[3]`; by default one without.
        seed: int, seed of this noise. Sample n of an image depends on the image, the seed and n
            alone, and has the same noise as sample n of its neighbours.
        strip: Rows of a feature map that are computed at a time, for images whose feature maps are
            larger than memory; see `tfpix2pix.inference.strips`. 64 is a good choice.

    Returns:
        float32 `[batch, height, width, output_channels]` in (-1, 1), with `samples` `[samples,
        batch, height, width, output_channels]`. For a list, a list in its order, without the batch.

    Raises:
        ValueError: If the images or the controls do not fit the network's inputs, it has no moving
            averages or no dropout where these are asked for, or it cannot be computed in strips.

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
    if samples is not None:
        samples = samples if isinstance(samples, Sequence) else range(samples)
    check_statistics(network, statistics, None if samples is None else len(samples))
    if strip is not None and strip < 1:
        raise InputError(
            f"`strip` must be at least 1. Received: strip={strip}. 64 rows are a good choice."
        )
    options = {
        "multiple": multiple or size_multiple(network),
        "statistics": statistics,
        "strip": strip,
    }
    if not isinstance(source, (list, tuple)):
        check_source(network, source, rank=4)
        values = _fitting(network, source, controls)
        return _sampled(network, source, values, samples, seed, options)
    results = []
    for index, image in enumerate(source):
        check_source(network, image, rank=3)
        batch = image[tf.newaxis]
        values = [tf.convert_to_tensor(batches[index])[tf.newaxis] for batches in controls]
        translated = _sampled(
            network, batch, _fitting(network, batch, values), samples, seed, options
        )
        results.append(translated[0] if samples is None else translated[:, 0])
    return results


def _sampled(network, source, controls, samples, seed, options):
    if samples is None:
        return _translated(network, source, controls, None, **options)
    # Tensors, so that neither a seed nor a sample is traced anew.
    pairs = [tf.constant((seed, sample), "int64") for sample in samples]
    return tf.stack([_translated(network, source, controls, pair, **options) for pair in pairs])


def _translated(network, source, controls, seed, *, multiple, statistics, strip):
    if strip is not None:
        # One by one where images do not depend on each other, for the memory of one.
        alone = statistics != "batch"
        count = len(source)
        parts = [slice(i, i + 1) for i in range(count)] if alone else [slice(count)]
        options = {"multiple": multiple, "rows": strip, "statistics": statistics, "seed": seed}
        results = [
            translate_in_strips(
                network, source[part], controls=[value[part] for value in controls], **options
            )
            for part in parts
        ]
        return results[0] if len(results) == 1 else tf.concat(results, 0)
    inputs, top, left = padded_inputs(network, source, controls, multiple)
    height, width = tf.unstack(tf.shape(source)[1:3])
    translated = computed(network, inputs, statistics, seed)
    return translated[:, top : top + height, left : left + width]


def padded_inputs(network: keras.Model, source, controls: Sequence, multiple: int) -> tuple:
    """Reflects images, and the controls that are as high and wide, to a multiple.

    Args:
        network: `keras.Model` of an image or `[image, *controls]`.
        source: float `[batch, height, width, channels]`.
        controls: Sequence of a batch for each further input.
        multiple: int, in pixels.

    Returns:
        `(inputs, top, left)`: list of what the network takes, the images as float32, and int32
        scalars where the images start in them.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> padded_inputs(generator, tf.zeros((1, 5, 9, 3)), (), 4)[0][0].shape
        TensorShape([1, 8, 12, 3])
    """
    padded, top, left = reflect_to_multiple(tf.cast(source, "float32"), multiple)
    inputs = [padded]
    for value, symbolic in zip(controls, network.inputs[1:]):
        is_map = has_open_sides(symbolic.shape[1:])
        inputs.append(reflect_to_multiple(value, multiple)[0] if is_map else value)
    return inputs, top, left


def computed(network: keras.Model, inputs: Sequence, statistics: str = "per_image", seed=None):
    """Computes a network as it is used after the training, by a graph that is made once.

    Args:
        network: `keras.Model` of images, or of `[images, *controls]`.
        inputs: Sequence of a batch for each of its inputs.
        statistics: See `translate`.
        seed: int64 `[2]`, the seed and the number of a sample; by default there is no noise.

    Returns:
        What the network gives.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> generator = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> computed(generator, [tf.zeros((1, 8, 8, 3))]).shape
        TensorShape([1, 8, 8, 3])
    """
    if tf.executing_eagerly():
        return _graph(network, statistics, inputs, seed)(inputs, seed)
    return _computed(network, inputs, statistics, seed)


def _computed(network, inputs, statistics, seed):
    (padded, *controls) = inputs
    if statistics == "per_image" and seed is None:
        return network(inputs if controls else padded, training=False)

    def apply(layer, *values):
        return layer_output(layer, values, statistics, seed)

    return evaluate(network, padded, apply, controls)


class _Graphs:
    """The graphs of one kind of computation: of the first size of images, and of all others.

    The first knows the sizes of all maps, and takes matrix products where they are faster. One
    image of 64 pixels takes 6 instead of 51 ms on two cores, one of 256 pixels by the paper's
    generator 140 instead of 240.
    """

    def __init__(self, size):
        self.first_size = size
        self.functions = {}  # Whether it is of the first size -> concrete function.


def _graph(network, statistics, inputs, seed):
    """Returns the graph for inputs, which is made once and goes when the network goes."""
    size = tuple(inputs[0].shape[1:3])
    kinds = _GRAPHS.setdefault(network, {})
    graphs = kinds.setdefault((statistics, seed is None), _Graphs(size))
    known = size == graphs.first_size
    if known not in graphs.functions:
        graphs.functions[known] = _traced(network, statistics, seed, size if known else None)
    return graphs.functions[known]


def _traced(network, statistics, seed, size):
    reference = weakref.ref(network)

    @tf.function(autograph=False)
    def compute(inputs, seed):
        return _computed(reference(), inputs, statistics, seed)

    specs = []
    for symbolic in network.inputs:
        shape = list(symbolic.shape)
        if size is not None and has_open_sides(shape[1:]):
            shape[1:3] = size
        specs.append(tf.TensorSpec(shape, symbolic.dtype))
    return compute.get_concrete_function(
        specs, None if seed is None else tf.TensorSpec((2,), "int64")
    )


def check_source(network: keras.Model, images, rank: int) -> None:
    """Refuses what is not images as a network takes them.

    Args:
        network: `keras.Model` of images.
        images: Tensor or array.
        rank: 4 for a batch, 3 for one image.

    Raises:
        ValueError: If they are not float, of the network's channels, or empty.

    Example:
        >>> from tfpix2pix.networks import unet_generator
        >>> check_source(unet_generator((8, 8, 3)), tf.zeros((1, 5, 7, 3)), rank=4)
    """
    channels = network.inputs[0].shape[-1]
    dtype = tf.as_dtype(images.dtype)
    shape = images.shape
    fits = len(shape) == rank and shape[-1] in (channels, None) and 0 not in tuple(shape)
    if not (dtype.is_floating and fits):
        axes = ["batch", "height", "width", str(channels)][4 - rank :]
        raise InputError(
            f"`source` must be float `[{', '.join(axes)}]` in [-1, 1] and not empty. Received: "
            f"{dtype.name} of shape {tuple(shape)}. `tfpix2pix.data.images.to_signed` makes it of "
            "pixels."
        )


def _fitting(network, source, controls):
    """Returns the controls as tensors of the inputs' types, of shapes that fit the images."""
    symbols = network.inputs[1:]
    if len(controls) != len(symbols):
        raise InputError(
            f"`controls` must have a batch for each further input of the network. Received: "
            f"{len(controls)} for {len(symbols)} of {network.name!r}. "
            "`tfpix2pix.inference.control_batches` makes them."
        )
    values = []
    for control, symbolic in zip(controls, symbols):
        value = tf.cast(control, symbolic.dtype)
        shape = [source.shape[0], *symbolic.shape[1:]]
        if has_open_sides(shape[1:]):
            shape[1:3] = source.shape[1:3]
        if not value.shape.is_compatible_with(shape):
            raise InputError(
                f"The control {symbolic.name!r} must have the shape {tuple(shape)} for these "
                f"images. Received: {tuple(value.shape)}. Give a value for each image."
            )
        values.append(value)
    return values
