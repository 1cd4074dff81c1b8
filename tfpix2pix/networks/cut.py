"""CUT: the maps of a generator's encoder that patches are compared by, and their projection."""

from collections.abc import Sequence

from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers import ReflectionPadding2D
from tfpix2pix.layers.initialization import derived_seed, kernel_initializer

IMAGE = "image"
DEEPEST_BLOCK = 5  # The reference's second and last block.
STEM_PADDING = 3


def default_features(blocks: int) -> tuple[str, ...]:
    """Returns the maps that the paper compares, of a ResNet with enough blocks.

    Args:
        blocks: Residual blocks of the generator; with fewer than five, the last one stands for the
            fifth.

    Returns:
        Names as of `feature_maps`.

    Example:
        >>> default_features(9)
        ('image', 'down1', 'down2', 'block1', 'block5')
        >>> default_features(1)
        ('image', 'down1', 'down2', 'block1')

    Reference:
        [Park et al., 2020](https://arxiv.org/abs/2007.15651), section 4 and its code, layers 0, 4,
        8, 12 and 16.
    """
    deepest = min(DEEPEST_BLOCK, blocks)
    blocks = [f"block{number}" for number in (1, deepest) if number]
    return tuple(dict.fromkeys((IMAGE, "down1", "down2", *blocks)))


def feature_maps(generator: keras.Model, names: Sequence[str]) -> keras.Model:
    """Returns the part of a ResNet generator that makes maps of an image, down to the deepest one.

    It shares the generator's layers.

    Args:
        generator: What `tfpix2pix.networks.resnet_generator` returns.
        names: Names of maps: `"image"`, the image padded by reflection, as the first convolution
            sees it; that of a convolution, such as `"down1"`, before its norm; or that of a
            residual block, such as `"block1"`, after its sum.

    Returns:
        A functional `keras.Model`: float `[batch, height, width, channels]` in [-1, 1] to a list of
        float `[batch, rows, columns, filters]`.

    Raises:
        ValueError: If there is no name, one comes twice, or the generator has no such place.

    Example:
        >>> from tfpix2pix.networks import resnet_generator
        >>> generator = resnet_generator((16, 16, 3), base_filters=4, blocks=1)
        >>> maps = feature_maps(generator, ("image", "block1"))
        >>> [tuple(shape[1:]) for shape in maps.output_shape]
        [(22, 22, 3), (4, 4, 16)]
    """
    outputs = {}
    for layer in generator.layers:
        name, _, role = layer.name.rpartition("_")
        if role == "conv" or role == "add":
            outputs[name] = layer.output
    known = [
        IMAGE,
        *(name for name in outputs if not name.startswith("block") or name[5:].isdigit()),
    ]
    if not names or len(set(names)) < len(names) or not set(names) <= set(known):
        raise InputError(
            f"`names` must be some of {', '.join(known)}, each once. Received: "
            f"{', '.join(names) or 'none'}. Leave out what the generator lacks."
        )
    image = generator.inputs[0]
    if IMAGE in names:
        outputs[IMAGE] = ReflectionPadding2D(STEM_PADDING, name="image_pad")(image)
    return keras.Model(image, [outputs[name] for name in names], name="feature_maps")


def patch_projector(
    channels: Sequence[int],
    *,
    units: int = 256,
    initializer: str = "xavier",
    gain: float = 0.02,
    seed: int = 0,
    name: str = "patch_projector",
) -> keras.Model:
    """Builds the network that makes vectors of pixels of maps, by two dense layers for each map.

    Args:
        channels: Channels of each map.
        units: Length of the vectors.
        initializer: As of `tfpix2pix.layers.Conventions`.
        gain: The same.
        seed: Seed of the initial weights.
        name: Name of the model.

    Returns:
        A functional `keras.Model` of a list of float `[batch, patches, channels]` to a list of
        float32 `[batch, patches, units]`; of one map, of a tensor to a tensor.

    Example:
        >>> patch_projector((3, 64), units=8).output_shape
        [(None, None, 8), (None, None, 8)]

    Reference:
        [Park et al., 2020](https://arxiv.org/abs/2007.15651), section 3.
    """

    def dense(name, **options):
        start = kernel_initializer(initializer, gain, derived_seed(seed, name))
        return keras.layers.Dense(units, kernel_initializer=start, name=name, **options)

    pixels = [
        keras.Input((None, count), name=f"map{number}")
        for number, count in enumerate(channels, start=1)
    ]
    vectors = []
    for number, x in enumerate(pixels, start=1):
        x = dense(f"map{number}_hidden", activation="relu")(x)
        vectors.append(dense(f"map{number}_vector", dtype="float32")(x))
    return keras.Model(pixels, vectors, name=name)
