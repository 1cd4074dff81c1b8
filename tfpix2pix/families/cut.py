"""CUT and FastCUT: one domain into another without pairs (Park et al., 2020), and experiments."""

import dataclasses
from dataclasses import dataclass
from typing import Literal, Optional

from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families import unpaired
from tfpix2pix.families.compiling import chosen_conventions, compile_model, precision
from tfpix2pix.families.family import Family, Importer, PeerFile, debug_experiment
from tfpix2pix.families.importing import importable, imported_players
from tfpix2pix.lazily import importers, inference, layers, losses, models, networks, optimizers


@dataclass(frozen=True)
class CUTConfig:
    """Which networks, and what they minimize (Park et al., 2020, section 3).

    Attributes:
        base_filters: Filters of the generator's first layer.
        blocks: Residual blocks; by default 9 from 256 pixels on, 6 below.
        antialiased: Whether networks halve and double by blurs, which takes longer.
        norm: Normalization of the generator and the discriminator; each image by itself, since one
            pass gives the features of an image and its translation.
        conventions: Whose decisions to follow where the paper leaves something open.
        bias: Which convolutions have a bias; by default as by the conventions.
        affine_instance: Whether instance norm has scale and shift; by default as by conventions.
        upsampling: How the generator enlarges; by default as by the conventions.
        initializer: How kernels start.
        gain: Deviation or factor of the initializer; by default as by the conventions.
        discriminator_filters: Filters of the discriminator's first layer; by default base_filters.
        discriminator_norm: Normalization of the discriminator; by default norm.
        receptive_field: Side in pixels of the patches that the discriminator judges.
        features: Maps of the generator whose pixels are compared: image, down1, block1, ...; by
            default image, down1, down2, block1, and block5 or the last one.
        projection: Length of the vectors that are compared.
        patches: How many pixels of each map are compared.
        temperature: Of the comparison; less of it punishes the nearest others more.
        nce_weight: Weight of the contrastive terms. More of it keeps more of the source.
        identity: Whether translations of images of the target domain are compared with these too.
        mirrored: Whether sources are mirrored at half of the steps, and compared with themselves.
        adversarial: The adversarial loss.
        real_label: What the discriminator is to answer for real images; below 1 it is smoothed.
    """

    base_filters: int = 64
    blocks: Optional[int] = None
    antialiased: bool = True
    norm: Literal["instance", "none"] = "instance"
    conventions: Literal["paper", "torch", "pytorch"] = "pytorch"
    bias: Optional[Literal["needed", "all"]] = None
    affine_instance: Optional[bool] = None
    upsampling: Optional[Literal["transpose", "nearest", "bilinear"]] = None
    initializer: Optional[Literal["normal", "xavier", "kaiming", "orthogonal"]] = "xavier"
    gain: Optional[float] = None
    discriminator_filters: Optional[int] = None
    discriminator_norm: Optional[Literal["instance", "spectral", "none"]] = None
    receptive_field: Literal[16, 34, 70, 142, 286] = 70
    features: Optional[tuple[str, ...]] = None
    projection: int = 256
    patches: int = 256
    temperature: float = 0.07
    nce_weight: float = 1.0
    identity: bool = True
    mirrored: Literal["never", "half"] = "never"
    adversarial: Literal["cross_entropy", "least_squares", "hinge", "wasserstein"] = "least_squares"
    real_label: float = 1.0

    def __post_init__(self):
        """Brings the names of features, a list in files, into the form of a tuple."""
        if self.features is not None:
            object.__setattr__(self, "features", tuple(self.features))

    def multiple(self, image_size: tuple) -> int:
        """Returns what the sides of images must be multiples of.

        Args:
            image_size: `(height, width)` in pixels of the training images.
        """
        del image_size
        return 2**networks.resnet.HALVINGS


def model(config: ExperimentConfig) -> "models.CUT":
    """Builds the model with its networks and optimizers, in the precision of the training.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`; the direction of its data says which domain is
            translated.

    Returns:
        A compiled `CUT`, whose generator has open sides.

    Raises:
        ValueError: If the domains differ in channels, the training size does not fit the networks,
            or options do not fit together.

    Example:
        >>> list(model(PRESETS["cut_tiny"]).players)
        ['generator', 'discriminator', 'projector']
    """
    options = config.model
    train = config.train
    a_to_b, b_to_a = (task.channels for task in unpaired.tasks(config))
    source, target = a_to_b if config.data.direction == "AtoB" else b_to_a
    common = {"norm": options.norm, "conventions": _conventions(options)}
    seeds = {
        name: layers.initialization.derived_seed(train.seed, name)
        for name in ("generator", "discriminator", "projector")
    }
    blocks = options.blocks or (9 if min(config.data.image_size) >= 256 else 6)
    with precision(train.precision):
        generator = networks.resnet_generator(
            (None, None, source),
            target,
            base_filters=options.base_filters,
            blocks=blocks,
            seed=seeds["generator"],
            **common,
        )
        features = options.features or networks.cut.default_features(blocks)
        maps = networks.feature_maps(generator, features)
        common["norm"] = options.discriminator_norm or options.norm
        discriminator = networks.image_discriminator(
            (None, None, target),
            receptive_field=options.receptive_field,
            base_filters=options.discriminator_filters or options.base_filters,
            seed=seeds["discriminator"],
            **common,
        )
        projector = networks.patch_projector(
            [output.shape[-1] for output in maps.outputs],
            units=options.projection,
            initializer=common["conventions"].initializer,
            gain=common["conventions"].gain,
            seed=seeds["projector"],
        )
    built = models.CUT(
        {"generator": generator, "discriminator": discriminator, "projector": projector},
        maps,
        nce_weight=options.nce_weight,
        identity=options.identity,
        mirrored=options.mirrored,
        patches=options.patches,
        temperature=options.temperature,
        adversarial=losses.adversarial(options.adversarial, real_label=options.real_label),
        direction=config.data.direction,
    )
    judges = {"discriminator": optimizers.AdamSettings(train.discriminator_learning_rate)}
    return compile_model(built, train, judges)


def _conventions(options) -> "layers.Conventions":
    return dataclasses.replace(chosen_conventions(options), antialiased=options.antialiased)


def directions(config: ExperimentConfig, model: "models.CUT") -> dict[str, "inference.Direction"]:
    """Returns the one direction that was learned.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        model: What `model` returns.

    Returns:
        Dict of "AtoB", or "BtoA", to `Direction`.

    Example:
        >>> config = PRESETS["cut_tiny"]
        >>> list(directions(config, model(config)))
        ['AtoB']
    """
    return unpaired.directions(config, {config.data.direction: model.players["generator"]})


FILES = {
    "checkpoint": PeerFile("generator", "latest_net_G.pth"),
    "discriminator": PeerFile("discriminator", "latest_net_D.pth"),
    "projector": PeerFile("projector", "latest_net_F.pth"),
}
# What the authors' numbers 12 and 16 are without blurs, which are modules too.
PLAIN_FEATURES = ("image", "down1", "down2", "block3", "block7")


def imported(config: ExperimentConfig, states: dict) -> tuple[ExperimentConfig, dict]:
    """Builds the players of files of contrastive-unpaired-translation; see `Importer`.

    Args:
        config: `tfpix2pix.config.ExperimentConfig` to start from.
        states: Dict of some of `FILES`, `"checkpoint"` among them, to state dict.

    Returns:
        `(config, players)`: the configuration that fits, and a dict of player to `keras.Model`.

    Raises:
        ValueError: If they are of other networks, or do not belong together.

    Example:
        >>> imported(PRESETS["cut"], {"checkpoint": {}})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A state dict must hold tensors by their names. ...
    """
    players, options, channels = imported_players(FILES, states, {"discriminator": "target"})
    if options["norm"] not in ("instance", "none"):
        raise InputError(
            "The networks must have instance norm, or none: one pass gives the features of several "
            f"images. Received: {options['norm']!r} in checkpoint. Train on with the authors' code."
        )
    for name in ("halvings", "dropout"):  # Halvings are two, and dropout is for training alone.
        options.pop(name)
    options = {"antialiased": False, **options}
    if "projector" in states:
        players["projector"], found = importers.imported_projector(states["projector"])
        features = networks.cut.default_features(options["blocks"])
        if not options["antialiased"] and options["blocks"] >= 7:
            features = PLAIN_FEATURES
        filters = options["base_filters"]
        expected = (channels[0], 2 * filters, *[4 * filters] * (len(features) - 2))
        if found["channels"] != expected:
            raise InputError(
                f"The projection must be of the generator's maps {', '.join(features)}, of "
                f"{expected} channels. Received: one of {found['channels']}. Leave out the "
                "projector, which training makes anew."
            )
        options |= {"features": features, "projection": found["units"]}
    model = dataclasses.replace(config.model, conventions="pytorch", **options)
    return importable(config, model, channels=channels), players


# Epochs of the authors' code on horse2zebra, whose larger domain has 1,334 images: CUT 200 and 200
# at a falling rate, FastCUT 150 and 50.
CUT_PRESET = ExperimentConfig(
    name="cut",
    summary="""Horses to zebras, one way: 1,067 and 1,334 photos, 400 epochs, batch 1.

    python -m training.prepare fetch horse2zebra --to data
    python -m training.train cut --data data/horse2zebra --run runs/cut
    Not measured.
    """,
    data=DataConfig(layout="unpaired"),
    model=CUTConfig(),
    train=TrainConfig(steps=533_600, schedule="linear", checkpoint_every=1334),
    family="cut",
)
FAST = {"nce_weight": 10.0, "identity": False, "mirrored": "half"}

FASTCUT = dataclasses.replace(
    CUT_PRESET,
    name="fastcut",
    summary="""The same at half the cost of a step, 200 epochs.

    python -m training.train fastcut --data data/horse2zebra --run runs/fastcut
    Not measured.
    """,
    model=CUTConfig(**FAST),
    train=dataclasses.replace(CUT_PRESET.train, steps=266_800, decay_from=200_100),
)

CUT_SMALL = ExperimentConfig(
    name="cut_small",
    summary="""Two folders of images at 128 pixels, one way, for a machine without a GPU.

    python -m training.train cut_small --data DATA --run RUN
    Not measured. Horses were ink paintings after 3,500 steps, half an hour of two cores of an AMD
    EPYC that were shared, in bfloat16.
    """,
    data=DataConfig(layout="unpaired", image_size=(128, 128)),
    model=CUTConfig(base_filters=32, antialiased=False, upsampling="nearest"),
    train=TrainConfig(steps=20_000, schedule="linear"),
    family="cut",
)

FASTCUT_SMALL = ExperimentConfig(
    name="fastcut_small",
    summary="""The same at less than half the cost of a step, and ten times as near to the source.

    python -m training.train fastcut_small --data DATA --run RUN
    Not measured.
    """,
    data=DataConfig(layout="unpaired", image_size=(128, 128)),
    model=CUTConfig(base_filters=32, antialiased=False, **FAST),
    train=TrainConfig(steps=40_000, schedule="linear"),
    family="cut",
)

CUT_TINY = ExperimentConfig(
    name="cut_tiny",
    summary="""Two folders of images at 64 pixels, to see within minutes whether all works.

    python -m training.train cut_tiny --data DATA --run RUN
    Not measured. Horses became small ink paintings in 3:42 minutes on two cores of an AMD EPYC.
    """,
    data=DataConfig(layout="unpaired", image_size=(64, 64)),
    # FastCUT's loss had left stripes and tints by then.
    model=CUTConfig(base_filters=16, blocks=3, receptive_field=34, upsampling="nearest"),
    train=TrainConfig(steps=2500, schedule="linear", checkpoint_every=250),
    family="cut",
)

PRESETS = {
    preset.name: preset
    for preset in (
        CUT_PRESET,
        FASTCUT,
        CUT_SMALL,
        FASTCUT_SMALL,
        CUT_TINY,
        debug_experiment(
            CUT_TINY,
            base_filters=4,
            blocks=1,
            receptive_field=16,
            upsampling=None,
            projection=64,
            patches=16,
            **FAST,
        ),
    )
}

# It is trained one way, so unlike other unpaired families it reads which.
FEED = dataclasses.replace(
    unpaired.FEED,
    ignored={k: why for k, why in unpaired.FEED.ignored.items() if k != "data.direction"},
)
FAMILY = Family(
    CUTConfig,
    PRESETS,
    FEED,
    model,
    directions,
    importer=Importer(FILES, generators=("resnet", "antialiased"), imported=imported),
    ignored=dict.fromkeys(
        ("train.update", "train.discriminator_steps"),
        "CUT ignores it: the discriminator takes one step, then the generator one against it",
    ),
    remedies={
        "strong_discriminator": "Lower `train.discriminator_learning_rate`, or use "
        "`model.real_label` 0.9.",
        "collapse": "Raise `model.nce_weight`, or lower `train.discriminator_learning_rate`.",
        "checkerboard": "Use `model.upsampling` nearest.",
    },
)
