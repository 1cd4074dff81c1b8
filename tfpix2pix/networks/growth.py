"""Growth: the phases of networks that grow, how those of a TwinGAN are made, layers they share."""

from dataclasses import dataclass

from tensorflow import keras

from tfpix2pix.errors import InputError
from tfpix2pix.layers import (
    DomainNormalization,
    EqualizedConv2D,
    Fade,
    NearestDoubling2D,
    PixelNormalization,
    ThriftyLeakyReLU,
)
from tfpix2pix.layers.initialization import derived_seed

SMALLEST = 4  # Pixels of a side of the embedding.
CONDITIONED = 0.1  # Deviation of the initial weights of vectors in norms and discriminators.
LEAK = 0.2  # Slope of the leaky ReLUs.
FADE = " fade"  # Ends the name of a phase that fades a resolution in.


def phase_names(size: int, first: int = SMALLEST) -> list[str]:
    """Lists the phases of a growth.

    Args:
        size: Last side in pixels, a power of 2.
        first: First one.

    Returns:
        List of str.

    Raises:
        ValueError: If they are no such powers of 2, or in another order.

    Example:
        >>> phase_names(16)
        ['4', '8 fade', '8', '16 fade', '16']
    """
    powers = all(side >= SMALLEST and side & (side - 1) == 0 for side in (size, first))
    if not powers or first > size:
        raise InputError(
            "A growth goes from a first side to a last one, powers of 2 from 4 pixels on. "
            f"Received: {first} to {size}. Use sides such as 4, 8, 16, 32, 64, 128 or 256."
        )
    if first == size:
        return [str(size)]
    return [*phase_names(size // 2, first), f"{size}{FADE}", str(size)]


def resolution(phase: str) -> int:
    """Returns the side in pixels of the images of a phase.

    Args:
        phase: One of `phase_names`.

    Returns:
        int.

    Example:
        >>> resolution("16 fade")
        16
    """
    return int(phase.removesuffix(FADE))


@dataclass(frozen=True)
class TwinNetworks:
    """How the networks of a TwinGAN are made.

    Attributes:
        size: Last side of the images in pixels, a power of 2.
        domains: How many domains there are.
        base_filters: Filters at a side of 4 pixels, half of them at 8, and so on.
        most_filters: Most of them that there are.
        skip_size: Largest side at which maps of the encoder are passed to the generator.
        norm: `base` of the `DomainNormalization`s.
        momentum: Of their moving statistics.
        image_norm: Of the norm of the image that the generator makes: `"none"` for scale and
            shift alone, or as `norm`.
        pixel_norm: Whether encoder and generator normalize pixels.
        minibatch_deviation: Whether discriminators see how much images differ.
        discriminator_deviation: Of the discriminators' initial weights; 0 for that of He et al.,
            2015, which the others' weights, before norms, do not need.
        learning_rates: `"plain"`, or `"equalized"` for the weights of Karras et al., 2017.
        seed: Seed of the initial weights.
        conditions: Length of the vector by which the generator's norms go too; 0 for none.

    Example:
        >>> networks = TwinNetworks(8, base_filters=16, most_filters=8)
        >>> networks.filters(4), networks.filters(8), networks.filters(16)
        (8, 8, 4)
    """

    size: int
    domains: int = 2
    base_filters: int = 1024
    most_filters: int = 256
    skip_size: int = 256
    norm: str = "batch_renorm"
    momentum: float = 0.99
    image_norm: str = "none"
    pixel_norm: bool = True
    minibatch_deviation: bool = True
    discriminator_deviation: float = 0.02
    learning_rates: str = "plain"
    seed: int = 0
    conditions: int = 0

    def filters(self, side: int) -> int:
        """Returns how many filters maps of a side in pixels have."""
        return max(1, min(self.base_filters * SMALLEST // side, self.most_filters))


class GrowingLayers:
    """Layers of one player by their names, which its networks of several phases share.

    Args:
        options: `TwinNetworks`.
        player: Name of the player, which decides initial weights together with those of layers.

    Example:
        >>> layers = GrowingLayers(TwinNetworks(8), "generator")
        >>> one, two = (layers.enlarge(keras.Input((4, 4, 1)), name="up8_double") for _ in "ab")
        >>> one.shape, layers(keras.layers.UpSampling2D, 2, name="up8_double").name
        (TensorShape([None, 8, 8, 1]), 'up8_double')
    """

    def __init__(self, options, player):
        self.options = options
        self._player = player
        self._made = {}

    def __call__(self, kind, *arguments, name, **keywords):
        """Returns the layer of a name, which is made of its kind and arguments the first time."""
        if name not in self._made:
            self._made[name] = kind(*arguments, name=name, **keywords)
        return self._made[name]

    def convolve(
        self,
        x,
        filters: int,
        size: int = 3,
        *,
        name: str,
        deviation: float = 0.02,
        kind=keras.layers.Conv2D,
        **keywords,
    ):
        """Convolves; the deviation of the initial weights is as of `discriminator_deviation`."""
        seed = derived_seed(self.options.seed, f"{self._player}/{name}")
        start = keras.initializers.RandomNormal(stddev=deviation, seed=seed)
        if self.options.learning_rates == "equalized":
            kind = EqualizedConv2D
            start = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
        elif not deviation:
            start = keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal", seed)
        keywords = {"padding": "same", "kernel_initializer": start, **keywords}
        return self(kind, filters, size, name=name, **keywords)(x)

    def unit(self, x, filters: int, size: int = 3, *, ways: list, name: str, **keywords):
        """Adds convolution, domain norm, leaky ReLU and pixel norm, in the source's order."""
        x = self.convolve(x, filters, size, use_bias=False, name=f"{name}_conv", **keywords)
        x = self.normalize(x, self.options.norm, ways=ways, name=f"{name}_norm")
        if self.options.pixel_norm:
            return self(PixelNormalization, negative_slope=LEAK, name=f"{name}_pixel")(x)
        return self.leak(x, name=f"{name}_activation")

    def plain_unit(self, x, filters: int, size: int = 3, *, name: str, **keywords):
        """Adds convolution and leaky ReLU, as discriminators have them."""
        return self.leak(
            self.convolve(x, filters, size, name=f"{name}_conv", **keywords),
            name=f"{name}_activation",
        )

    def condensed(self, image, phase: str, **keywords):
        """Reduces the images of a phase to maps of 4 pixels, as discriminators do."""
        filters = self.options.filters
        side = resolution(phase)
        x = self.plain_unit(image, filters(side), 1, name=f"from{side}", **keywords)
        while side > SMALLEST:
            x = self.plain_unit(x, filters(side), name=f"down{side}_first", **keywords)
            x = self.plain_unit(x, filters(side // 2), name=f"down{side}_second", **keywords)
            x = self.shrink(x, name=f"down{side}_pool")
            if phase.endswith(FADE) and side == resolution(phase):
                old = self.shrink(image, name=f"from{side}_pool")
                old = self.plain_unit(
                    old, filters(side // 2), 1, name=f"from{side // 2}", **keywords
                )
                x = self.fade(x, old, name=f"from{side}_fade")
            side //= 2
        return x

    def normalize(self, x, base, *, ways, name):
        """Adds a domain norm by the weights of domain and path, and by a vector if there is one."""
        options = self.options
        _, paths, *conditions = ways
        keywords = {"momentum": options.momentum, "paths": paths.shape[-1]}
        if conditions:
            keywords["conditions"] = conditions[0].shape[-1]
            keywords["kernel_initializer"] = self.condition_initializer(name)
        norm = self(DomainNormalization, options.domains, base, name=name, **keywords)
        return norm([x, *ways])

    def condition_initializer(self, name: str) -> keras.initializers.Initializer:
        """Returns how the weights of a vector start in the layer of a name."""
        seed = derived_seed(self.options.seed, f"{self._player}/{name}/conditions")
        return keras.initializers.RandomNormal(stddev=CONDITIONED, seed=seed)

    def leak(self, x, *, name):
        """Adds the leaky ReLU."""
        return self(ThriftyLeakyReLU, LEAK, name=name)(x)

    def shrink(self, x, *, name):
        """Halves the sides by the mean."""
        return self(keras.layers.AveragePooling2D, 2, name=name)(x)

    def enlarge(self, x, *, name):
        """Doubles the sides."""
        return self(NearestDoubling2D, name=name)(x)

    def fade(self, new, old, *, name):
        """Blends two paths."""
        return self(Fade, name=name)([new, old])
