"""CycleGAN: two domains without pairs (Zhu et al., 2017), and its experiments."""

import dataclasses
from dataclasses import dataclass
from typing import Literal, Optional, Union

from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.families import unpaired
from tfpix2pix.families.compiling import chosen_conventions, compile_model, precision
from tfpix2pix.families.family import Family, Importer, PeerFile, debug_experiment
from tfpix2pix.families.importing import importable, imported_players
from tfpix2pix.lazily import importers, inference, layers, losses, models, networks, optimizers

Weights = Union[float, tuple[float, float]]
FIXED_SIZE = ("resize_and_crop", "crop", "scale_width_and_crop")


@dataclass(frozen=True)
class CycleGANConfig:
    """Which networks, and what they minimize (Zhu et al., 2017, sections 3, 4 and 7).

    Attributes:
        generator: The generators' architecture.
        base_filters: Filters of the generators' first layer.
        blocks: Residual blocks of a resnet; by default 9 from 256 pixels on, 6 below.
        depth: Number of halvings of a unet; by default log2 of the shorter side.
        norm: Normalization of the generators and the discriminators.
        dropout: Rate of the dropout in the residual blocks; the deepest levels of a unet have
            their 0.5 if it is above 0.
        conventions: Whose decisions to follow where the paper leaves something open.
        bias: Which convolutions have a bias; by default as by the conventions.
        affine_instance: Whether instance norm has scale and shift; by default as by conventions.
        upsampling: How generators enlarge; by default as by the conventions.
        initializer: How kernels start; by default as by the conventions.
        gain: Deviation or factor of the initializer; by default as by the conventions.
        discriminator_filters: Filters of the discriminators' first layer; by default base_filters.
        discriminator_norm: Normalization of the discriminators; by default norm.
        receptive_field: Side in pixels of the patches that the discriminators judge.
        cycle_weight: Weight of the cycle terms; two numbers for that of A and that of B.
        identity_weight: Weight of the identity terms, as a multiple of the cycle weight; two
            numbers for that of A and that of B. More of it keeps colours as they are.
        adversarial: The adversarial loss.
        real_label: What discriminators are to answer for real images; below 1 it is smoothed.
        penalty: Gradient penalty of the discriminators.
        penalty_weight: Weight of the gradient penalty.
        pool_size: How many earlier translations of each direction its discriminator sees again;
            0 for none.
    """

    generator: Literal["resnet", "unet"] = "resnet"
    base_filters: int = 64
    blocks: Optional[int] = None
    depth: Optional[int] = None
    norm: Literal["instance", "batch", "batch_sync", "none"] = "instance"
    dropout: float = 0.0
    conventions: Literal["paper", "torch", "pytorch"] = "pytorch"
    bias: Optional[Literal["needed", "all"]] = None
    affine_instance: Optional[bool] = None
    upsampling: Optional[Literal["transpose", "nearest", "bilinear"]] = None
    initializer: Optional[Literal["normal", "xavier", "kaiming", "orthogonal"]] = None
    gain: Optional[float] = None
    discriminator_filters: Optional[int] = None
    discriminator_norm: Optional[Literal["instance", "batch", "batch_sync", "spectral", "none"]] = (
        None
    )
    receptive_field: Literal[1, 16, 34, 70, 142, 286] = 70
    cycle_weight: Weights = (10.0, 10.0)
    identity_weight: Weights = (0.5, 0.5)
    adversarial: Literal["cross_entropy", "least_squares", "hinge", "wasserstein"] = "least_squares"
    real_label: float = 1.0
    penalty: Optional[Literal["wgan_gp", "dragan", "r1"]] = None
    penalty_weight: float = 10.0
    pool_size: int = 50

    def __post_init__(self):
        """Brings weights into the form `(of A, of B)`."""
        for name in ("cycle_weight", "identity_weight"):
            value = getattr(self, name)
            value = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
            object.__setattr__(self, name, value)

    def multiple(self, image_size: tuple) -> int:
        """Returns what the sides of images must be multiples of.

        Args:
            image_size: `(height, width)` in pixels of the training images.

        Raises:
            ValueError: If they do not allow the depth of a unet.
        """
        if self.generator == "resnet":
            return 2**networks.resnet.HALVINGS
        return 2 ** networks.unet.checked_depth((*image_size, 3), self.depth)


def model(config: ExperimentConfig) -> "models.CycleGAN":
    """Builds the model with its networks and optimizers, in the precision of the training.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        A compiled `CycleGAN`, whose generators have open sides.

    Raises:
        ValueError: If the training size does not fit the networks, or options do not fit together.

    Example:
        >>> sorted(model(PRESETS["cyclegan_tiny"]).players)[2:]
        ['generator_AtoB', 'generator_BtoA']
    """
    options = config.model
    train = config.train
    a_to_b, b_to_a = (task.channels for task in unpaired.tasks(config))
    has_one_size = config.data.preprocess in FIXED_SIZE
    sides = config.data.image_size if has_one_size else (None, None)
    with precision(train.precision):
        players = {
            "generator_AtoB": _generator(config, *a_to_b, "generator_AtoB"),
            "generator_BtoA": _generator(config, *b_to_a, "generator_BtoA"),
            "discriminator_A": _discriminator(config, sides, a_to_b[0], "discriminator_A"),
            "discriminator_B": _discriminator(config, sides, b_to_a[0], "discriminator_B"),
        }
    penalty = losses.penalty(options.penalty)
    built = models.CycleGAN(
        players,
        cycle_weights=options.cycle_weight,
        identity_weights=options.identity_weight,
        adversarial=losses.adversarial(options.adversarial, real_label=options.real_label),
        penalty=penalty and (options.penalty_weight, penalty),
        pool_size=options.pool_size,
        image_size=sides if has_one_size else None,
    )
    judge = optimizers.AdamSettings(train.discriminator_learning_rate)
    judges = dict.fromkeys(models.cyclegan.DISCRIMINATORS, judge)
    return compile_model(built, train, judges)


def _generator(config, source_channels, target_channels, player):
    options = config.model
    common = {
        "base_filters": options.base_filters,
        "norm": options.norm,
        "conventions": chosen_conventions(options),
        "seed": layers.initialization.derived_seed(config.train.seed, player),
    }
    shape = (None, None, source_channels)
    if options.generator == "unet":
        depth = networks.unet.checked_depth((*config.data.image_size, 3), options.depth)
        levels = 3 if options.dropout else 0
        return networks.unet_generator(
            shape, target_channels, depth=depth, dropout_levels=levels, **common
        )
    blocks = options.blocks or (9 if min(config.data.image_size) >= 256 else 6)
    return networks.resnet_generator(
        shape, target_channels, blocks=blocks, dropout=options.dropout, **common
    )


def _discriminator(config, sides, channels, player):
    options = config.model
    return networks.image_discriminator(
        (*sides, channels),
        receptive_field=options.receptive_field,
        base_filters=options.discriminator_filters or options.base_filters,
        norm=options.discriminator_norm or options.norm,
        conventions=chosen_conventions(options),
        seed=layers.initialization.derived_seed(config.train.seed, player),
    )


def directions(
    config: ExperimentConfig, model: "models.CycleGAN"
) -> dict[str, "inference.Direction"]:
    """Returns the two directions of CycleGAN.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        model: What `model` returns.

    Returns:
        Dict of "AtoB" and "BtoA" to `Direction`.

    Example:
        >>> config = PRESETS["cyclegan_tiny"]
        >>> directions(config, model(config))["BtoA"].multiple
        4
    """
    networks = {name: model.players[f"generator_{name}"] for name in ("AtoB", "BtoA")}
    all_layers = [layer for network in networks.values() for layer in network.layers]
    has_noise = any(isinstance(layer, layers.Dropout) for layer in all_layers)
    return unpaired.directions(config, networks, (inference.SEED,) if has_noise else ())


# The reference calls a discriminator as the generator whose translations it judges.
FILES = {
    "checkpoint": PeerFile("generator_AtoB", "latest_net_G_A.pth"),
    "reverse": PeerFile("generator_BtoA", "latest_net_G_B.pth"),
    "discriminator_A": PeerFile("discriminator_B", "latest_net_D_A.pth"),
    "discriminator_B": PeerFile("discriminator_A", "latest_net_D_B.pth"),
}


def imported(config: ExperimentConfig, states: dict) -> tuple[ExperimentConfig, dict]:
    """Builds the players of files of pytorch-CycleGAN-and-pix2pix; see `Importer`.

    Args:
        config: `tfpix2pix.config.ExperimentConfig` to start from.
        states: Dict of some of `FILES`, `"checkpoint"` among them, to state dict.

    Returns:
        `(config, players)`: the configuration that fits, and a dict of player to `keras.Model`.

    Raises:
        ValueError: If they are of other networks, or do not belong together.

    Example:
        >>> imported(PRESETS["horse2zebra"], {"checkpoint": {}})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A state dict must hold tensors by their names. ...
    """
    judged = {"discriminator_A": "target", "discriminator_B": "source"}
    players, options, channels = imported_players(FILES, states, judged)
    options.pop("halvings", None)  # Those of a ResNet of this kind are two.
    generator = importers.generator_kind(states["checkpoint"])
    model = dataclasses.replace(config.model, generator=generator, conventions="pytorch", **options)
    # A U-Net was trained at the size that its innermost level shrinks to one pixel.
    image_size = 2**model.depth if generator == "unet" else None
    return importable(config, model, channels=channels, image_size=image_size), players


HORSE2ZEBRA = ExperimentConfig(
    name="horse2zebra",
    summary="""Horses to zebras and back: 1,067 and 1,334 photos, 200 epochs, batch 1.

    python -m training.prepare fetch horse2zebra --to data
    python -m training.train horse2zebra --data data/horse2zebra --run runs/horse2zebra
    Not measured.
    """,
    data=DataConfig(layout="unpaired"),
    model=CycleGANConfig(),
    train=TrainConfig(steps=266_800, schedule="linear", checkpoint_every=1334),
    family="cyclegan",
)

CYCLEGAN_SMALL = ExperimentConfig(
    name="cyclegan_small",
    summary="""Two folders of images at 128 pixels, for a machine without a GPU.

    python -m training.train cyclegan_small --data DATA --run RUN
    Horses to ink paintings, resize-convolution, bfloat16 and averages: 3,660 steps took 52 minutes
    on two cores of an AMD EPYC beside other work; cycle L1 0.183.
    """,
    data=DataConfig(layout="unpaired", image_size=(128, 128)),
    model=CycleGANConfig(base_filters=32),
    train=TrainConfig(steps=40_000, schedule="linear"),
    family="cyclegan",
)

CYCLEGAN_TINY = ExperimentConfig(
    name="cyclegan_tiny",
    summary="""Two folders of images at 64 pixels, to see within minutes whether all works.

    python -m training.train cyclegan_tiny --data DATA --run RUN
    Horses to ink paintings: 1:52 minutes on two cores of an AMD EPYC; cycle L1 0.190.
    """,
    data=DataConfig(layout="unpaired", image_size=(64, 64)),
    model=CycleGANConfig(base_filters=16, blocks=3, receptive_field=34),
    train=TrainConfig(steps=2500, schedule="linear", checkpoint_every=250),
    family="cyclegan",
)


NOT_MEASURED = """{text}, 200 epochs, batch 1.

    python -m training.train {name} --data DATA --run RUN
    Not measured.
    """


def _not_measured(name, text, steps):
    """Returns an experiment of the paper that nobody has run to its end with this code."""
    return dataclasses.replace(
        HORSE2ZEBRA,
        name=name,
        summary=NOT_MEASURED.format(text=text, name=name),
        train=dataclasses.replace(HORSE2ZEBRA.train, steps=steps),
    )


# Steps are 200 times the larger domain of the paper's data sets (section 7.1 and appendix).
PRESETS = {
    preset.name: preset
    for preset in (
        HORSE2ZEBRA,
        CYCLEGAN_SMALL,
        CYCLEGAN_TINY,
        debug_experiment(CYCLEGAN_TINY, base_filters=4, blocks=1, pool_size=3),
        _not_measured("apple2orange", "Apples to oranges: 995 and 1,019 photos", 203_800),
        _not_measured(
            "summer2winter", "Yosemite in summer and winter: 1,231 and 962 photos", 246_200
        ),
        _not_measured("monet2photo", "Monet's paintings and 6,287 photos", 1_257_400),
        _not_measured("vangogh2photo", "Van Gogh's paintings and 6,287 photos", 1_257_400),
        _not_measured("cezanne2photo", "Cezanne's paintings and 6,287 photos", 1_257_400),
        _not_measured("ukiyoe2photo", "Ukiyo-e prints and 6,287 photos", 1_257_400),
    )
}

IMPORTER = Importer(FILES, generators=("resnet", "unet"), imported=imported)
FAMILY = Family(
    CycleGANConfig,
    PRESETS,
    unpaired.FEED,
    model,
    directions,
    importer=IMPORTER,
    ignored=dict.fromkeys(
        ("train.update", "train.discriminator_steps"),
        "CycleGAN ignores it: all networks take one step from the same state",
    ),
    remedies={
        "strong_discriminator": "Lower `train.discriminator_learning_rate`, or use "
        "`model.real_label` 0.9.",
        "collapse": "Raise `model.cycle_weight`, or lower `train.discriminator_learning_rate`.",
        "inverted": "Start anew with a higher `model.identity_weight`, such as 1.0, another "
        "`train.seed` or `model.gain` 0.01.",
        "checkerboard": "Use `model.upsampling` nearest.",
        "hidden": "Lower `model.cycle_weight`, for translations show less than it asks for.",
    },
)
