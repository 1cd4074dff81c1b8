"""Styles: photos in many styles by one network's norms (Dumoulin et al., 2016), without pairs."""

from dataclasses import dataclass
from typing import Literal, Optional, Union

from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families import unpaired
from tfpix2pix.families.compiling import compile_model, precision
from tfpix2pix.families.domain_examples import TWO, checked_domains
from tfpix2pix.families.family import Family, debug_experiment
from tfpix2pix.lazily import inference, layers, losses, models, networks, optimizers, tf

FIXED_SIZE = ("resize_and_crop", "crop", "scale_width_and_crop")
MOST = 2.0  # Weight of a style, beyond what it was trained with.


@dataclass(frozen=True)
class StylesConfig:
    """Which styles, which networks, and what they minimize.

    Attributes:
        domains: Names of the domains, that of photos first, such as photos,ink,oil. Their folders
            are called as they are, as in trainink or ink/train, or A, B, C and so on by number.
        new_style: Name of the one style whose rows of the norms are trained, for a run that starts
            from another; all else of the generator stays to the bit as it is.
        base_filters: Filters of the generator's first layer.
        blocks: Residual blocks.
        image_norm: Whether a style says mean and contrast of its images, or scales and shifts them.
        initializer: How kernels start.
        gain: Deviation or factor of the initializer.
        discriminator_filters: Filters of the discriminator's first layer; by default twice those
            of the generator.
        discriminator_norm: Normalization of the discriminator.
        receptive_field: Side in pixels of the patches that the discriminator judges.
        cycle_weight: Weight of the cycle terms.
        identity_weight: Weight of the identity terms, as a multiple of the cycle weight.
        adversarial: The adversarial loss.
        real_label: What the discriminator is to answer for real images; below 1 it is smoothed.
        perceptual: Network by whose features translations are compared too, with the content of
            photos and the texture of styles: vgg19 for weights in the Keras cache, or a file.
        content_weight: Weight of the features' difference from the photo.
        gram_weight: Weight of the Gram matrices' difference from the style.
    """

    domains: Union[str, tuple[str, ...]] = TWO
    new_style: Optional[str] = None
    base_filters: int = 32
    blocks: int = 5
    image_norm: Literal["affine", "full"] = "affine"
    initializer: Literal["normal", "xavier", "kaiming", "orthogonal"] = "normal"
    gain: float = 0.02
    discriminator_filters: Optional[int] = None
    discriminator_norm: Literal["instance", "spectral", "none"] = "instance"
    receptive_field: Literal[1, 16, 34, 70, 142, 286] = 70
    cycle_weight: float = 10.0
    identity_weight: float = 0.5
    adversarial: Literal["cross_entropy", "least_squares", "hinge", "wasserstein"] = "least_squares"
    real_label: float = 1.0
    perceptual: Optional[str] = None
    content_weight: float = 1.0
    gram_weight: float = 1.0

    def __post_init__(self):
        """Brings the names into a tuple.

        Raises:
            ValueError: If they name no domains, or the new style is none of them.
        """
        object.__setattr__(self, "domains", checked_domains(self.domains))
        if self.new_style not in (None, *self.domains[1:]):
            raise InputError(
                f"`new_style` must be one of the styles {', '.join(self.domains[1:])}. Received: "
                f"{self.new_style!r}. Add its name to `domains`."
            )

    def multiple(self, image_size: tuple) -> int:
        """Returns what the sides of images must be multiples of: 4."""
        del image_size
        return 2**networks.stylization.HALVINGS


def model(config: ExperimentConfig) -> "models.Stylization":
    """Builds the model with its networks and optimizers, in the precision of the training.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        A compiled `Stylization`, whose generator has open sides.

    Raises:
        ValueError: If the domains have other channels than each other, the training size does not
            fit the networks, or options do not fit together.

    Example:
        >>> model(PRESETS["styles_tiny"]).domains
        ('A', 'B')
    """
    options, train = config.model, config.train
    channels = {task.channels[0] for task in unpaired.tasks(config)}
    if len(channels) > 1:
        raise InputError(
            "One network for all styles needs images of as many channels. Received: "
            f"{' and '.join(map(str, sorted(channels)))}. Convert the images."
        )
    (channels,) = channels
    has_one_size = config.data.preprocess in FIXED_SIZE
    sides = config.data.image_size if has_one_size else (None, None)
    count = len(options.domains)
    conventions = layers.Conventions(initializer=options.initializer, gain=options.gain)
    with precision(train.precision):
        generator = networks.stylization_generator(
            (None, None, channels),
            channels,
            styles=count,
            base_filters=options.base_filters,
            blocks=options.blocks,
            image_norm=options.image_norm,
            conventions=conventions,
            seed=layers.initialization.derived_seed(train.seed, "generator"),
        )
        discriminator = networks.image_discriminator(
            (*sides, channels),
            receptive_field=options.receptive_field,
            base_filters=options.discriminator_filters or 2 * options.base_filters,
            norm=options.discriminator_norm,
            conventions=conventions,
            domains=count,
            seed=layers.initialization.derived_seed(train.seed, "discriminator"),
        )
    built = models.Stylization(
        {"generator": generator, "discriminator": discriminator},
        options.domains,
        new_style=options.new_style,
        cycle_weight=options.cycle_weight,
        identity_weight=options.identity_weight,
        perceptual=options.perceptual and networks.PerceptualFeatures(options.perceptual),
        content_weight=options.content_weight,
        gram_weight=options.gram_weight,
        adversarial=losses.adversarial(options.adversarial, real_label=options.real_label),
    )
    judge = optimizers.AdamSettings(train.discriminator_learning_rate)
    return compile_model(built, train, {"discriminator": judge})


def directions(
    config: ExperimentConfig, model: "models.Stylization"
) -> dict[str, "inference.Direction"]:
    """Returns the directions from photos into each style, and back.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        model: What `model` returns.

    Returns:
        Dict of names, such as "AtoB" or "photos_to_ink", to `Direction`; those into styles have the
        control `style`, by default of their own.

    Example:
        >>> config = PRESETS["styles_tiny"]
        >>> list(directions(config, model(config)))
        ['AtoB', 'BtoA']
    """
    photos, *styles = config.model.domains
    generator = model.players["generator"]
    named = models.domain_paths.direction_name
    forth = {named(photos, style): number for number, style in enumerate(styles, 1)}
    back = {named(style, photos): 0 for style in styles}
    restoring = networks.style_translator(generator, 0)
    made = unpaired.directions(
        config, {**dict.fromkeys(forth, generator), **dict.fromkeys(back, restoring)}
    )
    for name, number in forth.items():
        control = style_control(config.model.domains, number)
        made[name] = made[name]._replace(controls=(control,))
    return made


def style_control(domains: tuple[str, ...], number: int) -> "inference.Control":
    """Returns the control of weights of styles.

    Args:
        domains: Names of the domains.
        number: Number of the one that images get by default.

    Returns:
        `tfpix2pix.inference.Control`.

    Example:
        >>> style_control(("photos", "ink"), 1).neutral(tf.zeros((1, 8, 8, 3))).numpy().tolist()
        [[0.0, 1.0]]
    """
    count = len(domains)

    def neutral(source):
        return tf.repeat(tf.one_hot([number], count), tf.shape(source)[0], axis=0)

    def prepared(weights, source):
        del source
        fits = tf.reduce_all((weights >= 0.0) & (weights <= MOST), -1)
        fits &= tf.reduce_any(weights > 0.0, -1)  # What is not a number is in no range.
        rule = (
            f"The weights of styles must be numbers from 0 to {MOST:g}, not all 0, in the order "
            f"{', '.join(domains)}. Received:"
        )
        with tf.control_dependencies([tf.debugging.Assert(tf.reduce_all(fits), [rule, weights])]):
            return tf.identity(weights)

    about = {
        "kind": "weights",
        "title": "Style",
        "names": list(domains),
        "range": [0.0, MOST],
        "default": [float(n == number) for n in range(count)],
    }
    return inference.Control("style", tf.TensorSpec((count,)), neutral, about, prepared=prepared)


STYLES = ExperimentConfig(
    name="styles",
    summary="""Photos in several styles at 256 pixels; one folder of photos, and one of each style.

    python -m training.train styles --data DATA --model.domains photos,ink,oil --run RUN
    Not measured.
    """,
    data=DataConfig(layout="unpaired"),
    model=StylesConfig(),
    train=TrainConfig(steps=200_000, schedule="linear"),
    family="styles",
)

STYLES_SMALL = ExperimentConfig(
    name="styles_small",
    summary="""Photos in several styles at 128 pixels, for a machine without a GPU.

    python -m training.train styles_small --data DATA --model.domains photos,ink,oil --run RUN
    Not measured.
    """,
    data=DataConfig(layout="unpaired", image_size=(128, 128)),
    model=StylesConfig(discriminator_filters=32),
    train=TrainConfig(steps=40_000, schedule="linear"),
    family="styles",
)

STYLES_TINY = ExperimentConfig(
    name="styles_tiny",
    summary="""Photos in several styles at 64 pixels, to see within minutes whether all works.

    python -m training.train styles_tiny --data DATA --model.domains photos,ink,oil --run RUN
    Horses in three styles: 2:11 minutes on two cores of an AMD EPYC, by its time of a step, 0.044
    s; cycle L1 0.208.
    """,
    data=DataConfig(layout="unpaired", image_size=(64, 64)),
    model=StylesConfig(base_filters=16, blocks=3, receptive_field=34),
    train=TrainConfig(steps=3000, schedule="linear", checkpoint_every=250),
    family="styles",
)

TINIEST = {"base_filters": 4, "blocks": 1}
EXPERIMENTS = (STYLES, STYLES_SMALL, STYLES_TINY, debug_experiment(STYLES_TINY, **TINIEST))
PRESETS = {experiment.name: experiment for experiment in EXPERIMENTS}

FAMILY = Family(
    StylesConfig,
    PRESETS,
    unpaired.FEED,
    model,
    directions,
    ignored=dict.fromkeys(
        ("train.update", "train.discriminator_steps"),
        "the family of styles ignores it: both networks take one step from the same state",
    ),
    remedies={
        "strong_discriminator": "Lower `train.discriminator_learning_rate`, or use "
        "`model.real_label` 0.9.",
        "collapse": "Raise `model.cycle_weight`, or lower `train.discriminator_learning_rate`.",
        "inverted": "Start anew with a higher `model.identity_weight`, such as 1.0, or another "
        "`train.seed`.",
        "checkerboard": "Lower `train.discriminator_learning_rate`.",
        "hidden": "Lower `model.cycle_weight`, for translations show less than it asks for.",
    },
)
