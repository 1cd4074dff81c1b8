"""TwinGAN: encoder, generator and discriminators of all domains, for each phase of a growth.

A side of 4 to `size` pixels is a resolution; a network grows from one to the next by a phase that
fades it in. The networks of all phases share their layers, which are named after their resolution.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from tensorflow import keras

from tfpix2pix.layers import ConditionProjection, DoublingConv2D, Fade, MinibatchDeviation, OneHot
from tfpix2pix.networks.growth import (
    FADE,
    SMALLEST,
    GrowingLayers,
    TwinNetworks,
    phase_names,
    resolution,
)

_NOTHING = MappingProxyType({})


def twingan_encoders(options: TwinNetworks, channels: int = 3) -> dict[str, keras.Model]:
    """Returns the encoder of each phase: from images to the embedding and the maps of the skips.

    Args:
        options: `TwinNetworks`.
        channels: Of the images.

    Returns:
        Dict of `phase_names` to a functional `keras.Model` with open sides of `[image, domain,
        path]` to `[embedding, skip of 8 pixels, ...]`. The domain is float `[batch, domains]`, its
        weights; the path float `[batch, 2 domains]`: of real images of a domain, then of such that
        the generator has made.

    Raises:
        ValueError: If the size is no power of 2 from 4 on.

    Example:
        >>> encoders = twingan_encoders(TwinNetworks(8, base_filters=8))
        >>> [tuple(output.shape) for output in encoders["8"].outputs]
        [(None, None, None, 8), (None, None, None, 8)]

    Reference:
        [Li, 2018](https://arxiv.org/abs/1809.00946).
    """
    layers = GrowingLayers(options, "encoder")
    encoders = {}
    for phase in phase_names(options.size):
        image = keras.Input((None, None, channels), name="image")
        domain = keras.Input((options.domains,), name="domain")
        paths = keras.Input((2 * options.domains,), name="path")
        unit = partial(layers.unit, ways=[domain, paths])
        side = resolution(phase)
        x = unit(image, options.filters(side), 1, name=f"from{side}")
        skips = []
        while side > SMALLEST:
            x = unit(x, options.filters(side), name=f"down{side}_first")
            x = unit(x, options.filters(side // 2), name=f"down{side}_second")
            if side <= options.skip_size:
                skips.insert(0, x)
            x = layers.shrink(x, name=f"down{side}_pool")
            if phase.endswith(FADE) and side == resolution(phase):
                old = layers.shrink(image, name=f"from{side}_pool")
                old = unit(old, options.filters(side // 2), 1, name=f"from{side // 2}")
                x = layers.fade(x, old, name=f"from{side}_fade")
            side //= 2
        encoders[phase] = keras.Model([image, domain, paths], [x, *skips], name="encoder")
    return encoders


def twingan_generators(options: TwinNetworks, channels: int = 3) -> dict[str, keras.Model]:
    """Returns the generator of each phase: from what an encoder gives to images.

    Args:
        options: `TwinNetworks`.
        channels: Of the images.

    Returns:
        Dict of `phase_names` to a functional `keras.Model` with open sides of `[embedding, *skips,
        domain, path]` to an image, float around [-1, 1]. The domain is float `[batch, domains]`,
        that of the image; the path float `[batch, domains * domains]`: of the domain of the
        embedding times `domains` plus that of the image. With `conditions` there is one more, a
        vector, float `[batch, conditions]`.

    Raises:
        ValueError: If the size is no power of 2 from 4 on.

    Example:
        >>> generators = twingan_generators(TwinNetworks(16, base_filters=8, skip_size=8))
        >>> [tuple(one.shape)[1:] for one in generators["16"].inputs]
        [(None, None, 8), (None, None, 8), (2,), (4,)]

    Reference:
        [Li, 2018](https://arxiv.org/abs/1809.00946).
    """
    layers = GrowingLayers(options, "generator")
    generators = {}
    for phase in phase_names(options.size):
        last = resolution(phase)
        embedding = keras.Input((None, None, options.filters(SMALLEST)), name="embedding")
        domain = keras.Input((options.domains,), name="domain")
        paths = keras.Input((options.domains**2,), name="path")
        ways = [domain, paths]
        if options.conditions:
            ways.append(keras.Input((options.conditions,), name="conditions"))
        unit = partial(layers.unit, ways=ways)

        def image_of(x, side, *, ways=ways):
            x = layers.convolve(x, channels, 1, use_bias=False, name=f"to{side}_conv")
            return layers.normalize(x, options.image_norm, ways=ways, name=f"to{side}_norm")

        x = unit(embedding, options.filters(SMALLEST), name="base4_first")
        x = unit(x, options.filters(SMALLEST), name="base4_second")
        side = SMALLEST
        skips = []
        while side < last:
            before = x
            side *= 2
            # Where nothing is joined, a convolution doubles too, in less time and memory.
            doubles = side > options.skip_size and options.learning_rates == "plain"
            if not doubles:
                x = layers.enlarge(x, name=f"up{side}_double")
            if side <= options.skip_size:
                shape = (None, None, options.filters(side // 2))
                skips.append(keras.Input(shape, name=f"skip{side}"))
                x = layers(keras.layers.Concatenate, name=f"up{side}_join")([x, skips[-1]])
            kind = DoublingConv2D if doubles else keras.layers.Conv2D
            x = unit(x, options.filters(side), name=f"up{side}_first", kind=kind)
            x = unit(x, options.filters(side), name=f"up{side}_second")
        image = image_of(x, side)
        if phase.endswith(FADE):
            old = layers.enlarge(image_of(before, side // 2), name=f"to{side}_double")
            image = layers.fade(image, old, name=f"to{side}_fade")
        inputs = [embedding, *skips, *ways]
        generators[phase] = keras.Model(inputs, image, name="generator")
    return generators


def twingan_discriminators(
    options: TwinNetworks,
    channels: int = 3,
    *,
    conditions: int = 0,
    name: str = "discriminator",
) -> dict[str, keras.Model]:
    """Returns the discriminator of one domain for each phase: from images to a logit each.

    Args:
        options: `TwinNetworks`.
        channels: Of the images.
        conditions: Length of a vector that images are to fit; 0 for none.
        name: Name of the player, which decides its initial weights.

    Returns:
        Dict of `phase_names` to a functional `keras.Model` of images of the phase's size, or of
        `[image, vector]`, to float `[batch, 1, 1, 1]`.

    Raises:
        ValueError: If the size is no power of 2 from 4 on.

    Example:
        >>> import tensorflow as tf
        >>> discriminators = twingan_discriminators(TwinNetworks(8, base_filters=8))
        >>> discriminators["8 fade"](tf.zeros((2, 8, 8, 3))).shape
        TensorShape([2, 1, 1, 1])

    Reference:
        [Karras et al., 2017](https://arxiv.org/abs/1710.10196), table 2; of the vector [Miyato and
        Koyama, 2018](https://arxiv.org/abs/1802.05637).
    """
    layers = GrowingLayers(options, name)
    start = {"deviation": options.discriminator_deviation}

    discriminators = {}
    for phase in phase_names(options.size):
        side = resolution(phase)
        image = keras.Input((side, side, channels), name="image")
        x = layers.condensed(image, phase, **start)
        if options.minibatch_deviation:
            x = layers(MinibatchDeviation, name="head_deviation")(x)
        filters = options.filters(SMALLEST)
        x = layers.plain_unit(x, filters, name="head_first", **start)
        x = layers.plain_unit(x, filters, SMALLEST, name="head_second", padding="valid", **start)
        logit = layers.convolve(x, 1, 1, name="head_logit", **start)
        inputs = image
        if conditions:
            inputs = [image, keras.Input((conditions,), name="conditions")]
            projection = layers(
                ConditionProjection,
                layers.condition_initializer("head_projection"),
                name="head_projection",
            )
            logit = layers(keras.layers.Add, name="head_sum")([logit, projection([x, inputs[1]])])
        discriminators[phase] = keras.Model(inputs, logit, name=name)
    return discriminators


def twingan_translator(
    encoder: keras.Model,
    generator: keras.Model,
    domains: Sequence[int],
    *,
    vector: Mapping[str, int] = _NOTHING,
    unset: Sequence[str] = (),
) -> keras.Model:
    """Returns the network that translates: encoder and generator with the norms of two domains.

    Args:
        encoder: One of `twingan_encoders`.
        generator: One of `twingan_generators`, of the same phase.
        domains: Number of the domain of the images, and of that of the translations.
        vector: Dict of the names of the parts of the generator's vector to their lengths.
        unset: Those of them that are 0, and no inputs.

    Returns:
        Functional `keras.Model` with open sides of images, or of `[image, *parts]`, to float32 of
        their shape in [-1, 1].

    Example:
        >>> import tensorflow as tf
        >>> options = TwinNetworks(8, base_filters=8)
        >>> parts = [make(options)["8"] for make in (twingan_encoders, twingan_generators)]
        >>> twingan_translator(*parts, (0, 1))(tf.zeros((1, 16, 8, 3))).shape
        TensorShape([1, 16, 8, 3])
    """
    source, target = domains
    count = encoder.inputs[1].shape[-1]
    image = keras.Input((None, None, encoder.inputs[0].shape[-1]), name="image")
    codes = _codes(encoder, image, source)
    parts = {name: keras.Input((length,), name=name) for name, length in vector.items()}
    parts |= {name: OneHot(-1, vector[name], name=f"no_{name}")(image) for name in unset}
    controls = [part for name, part in parts.items() if name not in unset]
    inputs = [
        *codes,
        OneHot(target, count, name="target_domain")(image),
        OneHot(source * count + target, count**2, name="target_path")(image),
    ]
    if len(parts) > 1:
        inputs.append(keras.layers.Concatenate(name="vector_join")([*parts.values()]))
    else:
        inputs += parts.values()
    made = generator(inputs)
    clipped = keras.layers.ReLU(2.0, name="head_clip")  # Of an image shifted to [0, 2].
    shifted = clipped(keras.layers.Rescaling(1.0, 1.0, dtype="float32", name="head_shift")(made))
    output = keras.layers.Rescaling(1.0, -1.0, dtype="float32", name="head_center")(shifted)
    return keras.Model([image, *controls] if controls else image, output, name="twingan_translator")


def twingan_embedder(encoder: keras.Model, domain: int, side: int) -> keras.Model:
    """Returns the network of embeddings: the encoder's maps of 4 pixels, as one vector.

    Args:
        encoder: One of `twingan_encoders`.
        domain: Number of the domain of the images.
        side: Side of the images in pixels, that of the encoder's phase.

    Returns:
        Functional `keras.Model` of images `[batch, side, side, channels]` to float32
        `[batch, 16 * filters]`.

    Example:
        >>> import tensorflow as tf
        >>> encoder = twingan_encoders(TwinNetworks(8, base_filters=8))["8"]
        >>> twingan_embedder(encoder, 1, 8)(tf.zeros((2, 8, 8, 3))).shape
        TensorShape([2, 128])
    """
    image = keras.Input((side, side, encoder.inputs[0].shape[-1]), name="image")
    embedding = keras.layers.Flatten(dtype="float32", name="embedding")
    return keras.Model(image, embedding(_codes(encoder, image, domain)[0]), name="twingan_embedder")


def _codes(encoder, image, domain):
    """Returns what the encoder makes of an image, as it is where its phase fades in."""
    count = encoder.inputs[1].shape[-1]
    fade = [layer for layer in encoder.layers if isinstance(layer, Fade)]
    x = image
    if fade:  # As the images were that it has learned from.
        x = keras.layers.AveragePooling2D(2, name="source_pool")(x)
        x = keras.layers.UpSampling2D(2, name="source_double")(x)
        blend = Fade(name="source_fade")
        x = blend([image, x])
        blend.alpha.assign(fade[0].alpha)
    weights = OneHot(domain, count, name="source_domain")(image)
    path = OneHot(domain, 2 * count, name="source_path")(image)
    codes = encoder([x, weights, path])
    return codes if isinstance(codes, (list, tuple)) else [codes]
