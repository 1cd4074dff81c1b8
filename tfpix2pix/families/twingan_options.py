"""The options of a TwinGAN: how its networks grow, which they are, and what they minimize."""

from dataclasses import dataclass, field
from typing import Literal, Optional, Union

from tfpix2pix.errors import InputError
from tfpix2pix.families.domain_examples import TWO, checked_domains
from tfpix2pix.lazily import growth

Weights = Union[float, tuple[float, ...]]


@dataclass(frozen=True)
class TwinGANConfig:
    """How the networks grow, which they are, and what they minimize (Li, 2018, and its code).

    Attributes:
        domains: Names of the domains, such as faces,anime,cats. Their folders are called as they
            are, as in trainfaces or faces/train, or A, B, C and so on by their number.
        first_size: Side in pixels of the images of the first phase.
        images: Images of each domain in a phase, by the names of phases, such as "8 fade" and "8";
            300,000 of those that are not named. Phases share the steps of the training in
            proportion.
        batch_sizes: By the side of the images in pixels; where none is named, the training's.
        optimizers: Whether each phase starts them anew, or they are kept.
        decay: Whether learning rates fall to a twentieth at the end of stable phases.
        base_filters: Filters of maps of 4 pixels, half of them at 8, and so on.
        most_filters: Most filters that there are.
        skip_size: Largest side of the maps that skips carry from encoder to generator.
        norm: What the norms of encoder and generator go by.
        momentum: Decay of the moving statistics of batch norms.
        image_norm: Whether the generator's image is fully normalized, or only scaled and shifted.
        pixel_norm: Whether encoder and generator normalize pixels.
        minibatch_deviation: Whether discriminators see how much the images of a batch differ.
        discriminator_deviation: Of the discriminators' initial weights; 0 for that of He.
        learning_rates: Whether those of all layers are equalized.
        reconstruction_weight: Weight of reconstructions; one of each domain, as all weights may be.
        reconstruction_distance: Distance of reconstructions.
        gan_weight: Weight of the adversarial loss of translations into a domain.
        reconstruction_gan_from: Side in pixels from which discriminators judge reconstructions too.
        content_weight: Weight of the distance of the embeddings of images and translations.
        content_distance: That distance.
        cycle_weight: Weight of the L1 between images and what comes back from another domain.
        frozen_encoder: Whether the encoder stays as it starts, for a run that starts from another.
        adversarial: The adversarial loss.
        penalty: Gradient penalty of the discriminators.
        penalty_weight: Weight of the gradient penalty.
        attributes: Dict of the names of attributes to their words, or to the least and greatest
            number; of `data.attributes`, which a training records.
        attributed: Domains whose images have attributes, recorded as well.
        attribute_dropout: How often each attribute of an image is not told to the networks, so that
            they translate by any of them.
        style_code: Length of the codes of styles, so that translations have many by chance; 0 for
            one style.
        style_weight: Weight of the L1 between codes that are drawn and those that are read off the
            translations.
    """

    domains: Union[str, tuple[str, ...]] = TWO
    first_size: int = 4  # `growth.SMALLEST`.
    images: dict[str, int] = field(default_factory=dict)
    batch_sizes: dict[int, int] = field(default_factory=dict)
    optimizers: Literal["renewed", "kept"] = "renewed"
    decay: Literal["stable", "none"] = "none"
    base_filters: int = 1024
    most_filters: int = 256
    skip_size: int = 256
    norm: Literal["instance", "batch", "batch_renorm"] = "batch_renorm"
    momentum: float = 0.99
    image_norm: Literal["affine", "full"] = "full"
    pixel_norm: bool = True
    minibatch_deviation: bool = True
    discriminator_deviation: float = 0.02
    learning_rates: Literal["plain", "equalized"] = "plain"
    reconstruction_weight: Weights = 1.0
    reconstruction_distance: Literal["l1", "l2"] = "l1"
    gan_weight: Weights = 1.0
    reconstruction_gan_from: Optional[int] = 64
    content_weight: Weights = 0.1
    content_distance: Literal["l1", "l2"] = "l1"
    cycle_weight: Weights = 0.0
    frozen_encoder: bool = False
    adversarial: Literal["cross_entropy", "least_squares", "hinge", "wasserstein"] = "cross_entropy"
    penalty: Optional[Literal["wgan_gp", "dragan", "dragan_variance", "r1"]] = "dragan_variance"
    penalty_weight: float = 0.25
    attributes: Optional[dict[str, tuple]] = None
    attributed: tuple[str, ...] = ()
    attribute_dropout: float = 0.1
    style_code: int = 0
    style_weight: float = 0.3

    def __post_init__(self):
        """Brings lists into tuples, and names in one string too.

        Raises:
            ValueError: If domains have no names of their own that directions can be called by.
        """
        for name in ("reconstruction_weight", "gan_weight", "content_weight", "cycle_weight"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)
        object.__setattr__(self, "attributed", tuple(self.attributed))
        if self.attributes is not None:
            columns = {name: tuple(column) for name, column in self.attributes.items()}
            object.__setattr__(self, "attributes", columns)
        object.__setattr__(self, "domains", checked_domains(self.domains))

    def multiple(self, image_size: tuple) -> int:
        """Returns what the sides of images must be multiples of: a quarter of the trained ones.

        Args:
            image_size: `(height, width)` in pixels of the training images.

        Raises:
            ValueError: If they are not one power of 2 from 4 on.
        """
        height, width = image_size
        if height != width:
            raise InputError(
                "`image_size` must be a square whose side is a power of 2. Received: "
                f"{tuple(image_size)}. Use 16, 32, 64, 128 or 256."
            )
        growth.phase_names(width)
        return width // growth.SMALLEST
