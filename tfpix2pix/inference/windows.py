"""Windows: how far layers look around, and so whether their maps can be computed in strips.

A layer of one's own takes part if it says how it looks: by an attribute `reach`, by how many rows
beyond its own a row of its output looks at maps as high as itself, 0 for pixels alone; or, a norm,
by a method `normalized(inputs, mean, variance)`, which normalizes rows of its (first) input by the
moments of each channel of each whole image, float32 `[batch, 1, 1, channels]`; or by an attribute
`needs_whole_maps`, if it is called on whole maps, which must be of few channels then; or
`sees_batch_alone`, if only the number of images counts, and what it makes has no rows.
"""

from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.inference.graph import has_open_sides
from tfpix2pix.layers import (
    BatchNormalization,
    DoublingConv2D,
    Dropout,
    InstanceNormalization,
)
from tfpix2pix.layers.network_calls import calls

NORMS = (BatchNormalization, InstanceNormalization)
POINTWISE = (
    keras.layers.Activation,
    keras.layers.Add,
    keras.layers.AlphaDropout,
    keras.layers.Average,
    keras.layers.BatchNormalization,  # Keras' own goes by its moving averages.
    keras.layers.Concatenate,
    keras.layers.Dense,
    keras.layers.Dropout,
    keras.layers.ELU,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.LayerNormalization,
    keras.layers.LeakyReLU,
    keras.layers.Maximum,
    keras.layers.Minimum,
    keras.layers.Multiply,
    keras.layers.PReLU,
    keras.layers.ReLU,
    keras.layers.Rescaling,
    keras.layers.Softmax,
    keras.layers.Subtract,
    keras.layers.ThresholdedReLU,
    keras.layers.UnitNormalization,
)
CONVOLUTIONS = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv2D,
)
POOLINGS = (keras.layers.AveragePooling2D, keras.layers.MaxPooling2D)
WINDOWED = (*CONVOLUTIONS, *POOLINGS, keras.layers.UpSampling2D, keras.layers.ZeroPadding2D)
GLOBAL = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)
WIDEST_KERNEL = 6  # Pixels to either side that "lanczos5", the widest interpolation, looks at.


def reach(layer: keras.layers.Layer) -> tuple[int, int, int]:
    """Returns by what a layer enlarges rows, by what it divides them, and how far it looks.

    Args:
        layer: Any `keras.layers.Layer`; of one that is not windowed, rows stay as they are.

    Returns:
        `(up, down, halo)`: the halo in input rows after they are divided.

    Example:
        >>> reach(keras.layers.AveragePooling2D(2)), reach(keras.layers.ReLU())
        ((1, 2, 1), (1, 1, 0))
    """
    if isinstance(layer, keras.layers.ZeroPadding2D):
        return 1, 1, sum(layer.padding[0])
    if isinstance(layer, keras.layers.UpSampling2D):
        sharp = layer.interpolation in ("nearest", "bilinear")
        return layer.size[0], 1, 1 if sharp else WIDEST_KERNEL
    if isinstance(layer, DoublingConv2D):
        return 2, 1, 2
    if isinstance(layer, POOLINGS):
        return 1, layer.strides[0], -(-layer.pool_size[0] // layer.strides[0])
    if not isinstance(layer, CONVOLUTIONS):
        return 1, 1, 0
    stride = layer.strides[0]
    halo = -(-((layer.kernel_size[0] - 1) * layer.dilation_rate[0] + 1) // stride)
    transposed = isinstance(layer, keras.layers.Conv2DTranspose)
    return (stride, 1, halo) if transposed else (1, stride, halo)


def check_strips(network: keras.Model) -> None:
    """Refuses a network with layers that cannot be computed in strips, all of them at once.

    Args:
        network: Functional `keras.Model`.

    Raises:
        ValueError: If there are such layers, or the network is not functional.

    Example:
        >>> from tfpix2pix.networks import resnet_generator
        >>> check_strips(resnet_generator((None, None, 3), base_filters=4, blocks=1))
    """
    inputs = enumerate(network.inputs)
    maps = {n for n, symbolic in inputs if n == 0 or has_open_sides(symbolic.shape[1:])}
    misfits = {}
    for call in calls(network)[0]:
        makes_vectors = isinstance(call.layer, GLOBAL) or hasattr(call.layer, "sees_batch_alone")
        if maps.isdisjoint(call.inputs) or makes_vectors:
            continue  # What comes of vectors has no rows.
        maps.update(call.outputs)
        if not _can_be_cut(call.layer):
            layer = getattr(call.layer, "layer", call.layer)
            misfits[call.path] = f"{call.path!r}, a {type(layer).__name__}"
    if misfits:
        raise InputError(
            "`strip` needs layers that look at their surroundings, or at pixels alone. Received: "
            f"{'; '.join(misfits.values())}. Leave `strip` out."
        )


def _can_be_cut(layer):
    if any(hasattr(layer, name) for name in ("reach", "normalized", "needs_whole_maps")):
        return True
    if isinstance(layer, keras.layers.PReLU):
        return 1 in (layer.shared_axes or ())
    axes = getattr(layer, "axis", -1)
    pixelwise = all(axis in (-1, 3) for axis in ([axes] if isinstance(axes, int) else axes))
    others = (*NORMS, Dropout, keras.layers.Cropping2D, keras.layers.GroupNormalization)
    return pixelwise and isinstance(layer, (*POINTWISE, *WINDOWED, *others))
