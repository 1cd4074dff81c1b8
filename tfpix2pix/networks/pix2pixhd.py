"""pix2pixHD: a generator that enhances another's features, and discriminators of several scales.

Its global generator and its encoder are `tfpix2pix.networks.resnet_generator`s of four halvings.
"""

from collections.abc import Sequence
from typing import Optional, Union

from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers import (
    AppearanceLookup,
    BorderlessAveragePooling2D,
    FeatureChoice,
    InstanceBoundaries,
    InstanceMean,
)
from tfpix2pix.layers.blocks import Style
from tfpix2pix.layers.conventions import Conventions, checked_conventions
from tfpix2pix.layers.norms import checked_norm
from tfpix2pix.layers.residual_blocks import (
    doubling_block,
    halving_block,
    image_head,
    reflected_block,
    residual_block,
)
from tfpix2pix.networks.resnet import residual_features


def enhanced_generator(
    input_shape: Sequence[Optional[int]] = (None, None, 36),
    output_channels: int = 3,
    *,
    base_filters: int = 64,
    blocks: int = 9,
    halvings: int = 4,
    enhancers: int = 1,
    enhancer_blocks: int = 3,
    norm: str = "instance",
    conventions: Union[str, Conventions] = "pytorch",
    seed: int = 0,
    name: str = "enhanced_generator",
) -> keras.Model:
    """Builds a global generator and the local enhancers around it.

    The global generator sees the image at half the sides, without its head. An enhancer halves the
    image once, adds the features of what is inside of it, and enlarges them behind residual blocks
    to the image; with several, each is around the one before.

    Args:
        input_shape: `(height, width, channels)`; height and width are multiples of 2 to the
            halvings and enhancers and at least twice that, or both `None` for any such sizes.
        output_channels: Channels of the translated image.
        base_filters: Filters of the global generator's first layer; an enhancer has half of those
            of what is inside of it.
        blocks: Residual blocks of the global generator.
        halvings: How often the global generator halves its sides.
        enhancers: How many enhancers there are, at least one.
        enhancer_blocks: Residual blocks of each.
        norm: As of `resnet_generator`.
        conventions: As of that.
        seed: Seed of the initial weights.
        name: Name of the model.

    Returns:
        A functional `keras.Model`: float `[batch, height, width, channels]` to float32 `[batch,
        height, width, output_channels]` in (-1, 1). Layers of enhancers have names that begin with
        "enhancer", all others are called as in the global generator.

    Raises:
        ValueError: If there is no enhancer, or a side does not fit.

    Example:
        >>> options = {"base_filters": 8, "blocks": 1, "halvings": 2, "enhancer_blocks": 1}
        >>> enhanced_generator((32, 64, 5), **options).output_shape
        (None, 32, 64, 3)

    Reference:
        [Wang et al., 2018](https://arxiv.org/abs/1711.11585), section 3.2.
    """
    multiple = 2 ** (halvings + enhancers)
    sides = [side for side in input_shape[:2] if side is not None]
    fits = all(side % multiple == 0 and side >= 2 * multiple for side in sides)
    if enhancers < 1 or not fits or base_filters % 2**enhancers:
        raise InputError(
            "`enhancers` must be at least 1, `base_filters` a multiple of 2 to the enhancers, and "
            f"the sides of `input_shape` multiples of {multiple} and at least {2 * multiple} "
            f"pixels. Received: enhancers={enhancers}, base_filters={base_filters}, "
            f"input_shape={tuple(input_shape)}. Change them."
        )
    style = Style(checked_norm(norm), checked_conventions(conventions), seed)
    source = keras.Input(input_shape, name="source")
    pyramid = [source]
    for level in range(enhancers):
        pool = BorderlessAveragePooling2D(name=f"source{level + 1}_pool")
        pyramid.append(pool(pyramid[-1]))
    x = residual_features(pyramid.pop(), base_filters, blocks, halvings, style)
    for number in range(1, enhancers + 1):
        prefix = f"enhancer{number}"
        filters = base_filters // 2**number
        y = reflected_block(pyramid.pop(), filters, style, name=f"{prefix}_stem")
        y = halving_block(y, 2 * filters, style, name=f"{prefix}_down")
        x = keras.layers.Add(name=f"{prefix}_add")([y, x])
        for block in range(1, enhancer_blocks + 1):
            x = residual_block(x, style, name=f"{prefix}_block{block}")
        x = doubling_block(x, filters, style, name=f"{prefix}_up")
    image = image_head(x, output_channels, style, name=f"enhancer{enhancers}_head")
    return keras.Model(source, image, name=name)


def multiscale_discriminator(
    input_shape: Sequence[Optional[int]] = (None, None, 36),
    target_channels: int = 3,
    *,
    scales: int = 2,
    layers: int = 3,
    base_filters: int = 64,
    norm: str = "instance",
    conventions: Union[str, Conventions] = "pytorch",
    seed: int = 0,
    name: str = "multiscale_discriminator",
) -> keras.Model:
    """Builds PatchGAN discriminators that judge a target given its source at several scales.

    Each is C64-C128-C256-C512 and a convolution to one logit per patch, 4x4 kernels that pad two
    pixels; all but the last two convolutions have stride 2. Each scale has weights of its own. The
    first one is the coarsest, so that one more in a second stage is a finer one.

    Args:
        input_shape: `(height, width, channels)` of the source; the sides may be `None`.
        target_channels: Channels of the target.
        scales: How many scales there are; each next coarser one sees the images at half the sides.
        layers: Convolutions of stride 2 of each.
        base_filters: Filters of the first layer; doubled per layer, at most 8 times as many.
        norm: As of `patch_discriminator`.
        conventions: As of that.
        seed: Seed of the initial weights.
        name: Name of the model.

    Returns:
        A functional `keras.Model` of `[source, target]` to a list of the outputs of all layers,
        `layers + 2` for each scale, the coarsest first; the last one of each scale are the logits.

    Raises:
        ValueError: If there is no scale or no layer of stride 2.

    Example:
        >>> judge = multiscale_discriminator((32, 32, 5), base_filters=4, layers=2)
        >>> [tuple(output.shape[1:]) for output in judge.outputs][3:5]
        [(7, 7, 1), (17, 17, 4)]

    Reference:
        [Wang et al., 2018](https://arxiv.org/abs/1711.11585), section 3.2.
    """
    if min(scales, layers) < 1:
        raise InputError(
            f"`scales` and `layers` must be at least 1. Received: scales={scales}, layers={layers}."
            " The paper has 3 of each."
        )
    style = Style(checked_norm(norm, also=["spectral"]), checked_conventions(conventions), seed)
    source = keras.Input(input_shape, name="source")
    target = keras.Input((*input_shape[:2], target_channels), name="target")
    x = keras.layers.Concatenate(name="pair")([source, target])
    outputs = []
    for scale in reversed(range(scales)):
        prefix = f"scale{scale}"
        outputs = _judged(x, layers, base_filters, style, prefix) + outputs
        if scale:
            x = BorderlessAveragePooling2D(name=f"{prefix}_pool")(x)
    return keras.Model([source, target], outputs, name=name)


def _judged(x, layers, base_filters, style, prefix):
    """Returns the outputs of all layers of one scale."""
    outputs = []
    for level in range(1, layers + 2):
        name = f"{prefix}_patch{level}"
        filters = base_filters * min(2 ** (level - 1), 8)
        has_bias = style.has_bias or level == 1
        x = _padded_convolution(x, filters, style, 2 if level <= layers else 1, has_bias, name)
        x = style.normalize(x, name=f"{name}_norm") if level > 1 else x
        x = style.leak(x, name=f"{name}_activation")
        outputs.append(x)
    logits = _padded_convolution(x, 1, style, 1, True, f"{prefix}_head", dtype="float32")
    return [*outputs, logits]


def _padded_convolution(x, filters, style, strides, has_bias, name, **options):
    """A 4x4 convolution that pads two pixels on every side."""
    x = keras.layers.ZeroPadding2D(2, name=f"{name}_pad")(x)
    return style.convolve(
        x, filters, strides=strides, use_bias=has_bias, name=f"{name}_conv", **options
    )


def scene_translator(
    generator: keras.Model,
    *,
    source_channels: int,
    has_labels: bool = True,
    has_instances: bool = False,
    encoder: Optional[keras.Model] = None,
    centroids: Sequence = (),
) -> keras.Model:
    """Returns the network that translates: from images and maps to what the generator sees of them.

    Args:
        generator: `keras.Model` of the joined channels to images.
        source_channels: Channels of the sources.
        has_labels: Whether sources are label maps, 1 in the channel of a class and -1 in others.
        has_instances: Whether the generator sees where instances meet.
        encoder: `keras.Model` of photos to features, if the generator sees these.
        centroids: For each class a list of vectors of features, see
            `tfpix2pix.layers.AppearanceLookup`.

    Returns:
        Functional `keras.Model` with open sides of `image`, or `[image, instances]`, or `[image,
        instances, appearance, photo]`, to float32 in (-1, 1): the source in [-1, 1], ids, numbers
        of centroids, and a photo whose features are taken where its first channel is at least -1.

    Example:
        >>> generator = enhanced_generator(
        ...     (None, None, 5), base_filters=8, blocks=1, halvings=2, enhancer_blocks=1)
        >>> network = scene_translator(generator, source_channels=4, has_instances=True)
        >>> [one.name for one in network.inputs]
        ['image', 'instances']
    """
    image = keras.Input((None, None, source_channels), name="image")
    inputs = [image]
    shown = image
    if has_labels:
        shown = keras.layers.Rescaling(0.5, 0.5, name="source_labels")(image)
    joined = [shown]
    if has_instances:
        instances = keras.Input((None, None, 1), name="instances", dtype="int32")
        inputs.append(instances)
        joined.append(InstanceBoundaries(name="source_boundaries")(instances))
    if encoder is not None:
        appearance = keras.Input((None, None, 1), name="appearance", dtype="int32")
        photo = keras.Input((None, None, encoder.inputs[0].shape[-1]), name="photo")
        inputs += [appearance, photo]
        of_numbers = AppearanceLookup(centroids, name="features_lookup")(
            [image, instances, appearance]
        )
        of_photo = InstanceMean(name="features_mean")([encoder(photo), instances])
        joined.append(FeatureChoice(name="features_choice")([of_numbers, of_photo, photo]))
    joined = keras.layers.Concatenate(name="source_join")(joined) if joined[1:] else shown
    return keras.Model(inputs if inputs[1:] else image, generator(joined), name="scene_translator")
