"""pix2pix: conditional GANs on image pairs (Isola et al., 2017), and its experiments."""

import dataclasses
from dataclasses import dataclass
from typing import Literal, Optional

from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.families import pairs, pixels
from tfpix2pix.families.compiling import chosen_conventions, compile_model, precision
from tfpix2pix.families.family import Family, Importer, PeerFile, debug_experiment
from tfpix2pix.families.importing import importable, imported_players
from tfpix2pix.lazily import inference, losses, models, networks, optimizers


@dataclass(frozen=True)
class Pix2PixConfig:
    """Which networks, and what they minimize (Isola et al., 2017, section 3 and appendix 6.1).

    Attributes:
        base_filters: Filters of the generator's first level.
        depth: Number of halvings in the generator; by default log2 of the shorter side.
        norm: Normalization of the generator and the discriminator.
        dropout_levels: How many decoder levels have dropout.
        skips: Whether the generator is a U-Net; else it is the encoder-decoder.
        conventions: Whose decisions to follow where the paper leaves something open.
        bias: Which convolutions have a bias; by default as by the conventions.
        affine_instance: Whether instance norm has scale and shift; by default as by conventions.
        upsampling: How the decoder enlarges; by default as by the conventions.
        initializer: How kernels start; by default as by the conventions.
        gain: Deviation or factor of the initializer; by default as by the conventions.
        discriminator_filters: Filters of the discriminator's first layer; by default base_filters.
        discriminator_norm: Normalization of the discriminator; by default norm.
        conditional: Whether the discriminator sees the source too.
        receptive_field: Side in pixels of the patches that the discriminator judges.
        l1_weight: Weight of the L1 term beside the adversarial one.
        l2_weight: Weight of the L2 term.
        gan_weight: Weight of the generator's adversarial term.
        adversarial: The adversarial loss.
        real_label: What the discriminator is to answer for real pairs; below 1 it is smoothed.
        penalty: Gradient penalty of the discriminator.
        penalty_weight: Weight of the gradient penalty.
    """

    base_filters: int = 64
    depth: Optional[int] = None
    norm: Literal["instance", "batch", "batch_sync", "none"] = "instance"
    dropout_levels: int = 3
    skips: bool = True
    conventions: Literal["paper", "torch", "pytorch", "affinelayer", "tf_tutorial"] = "paper"
    bias: Optional[Literal["needed", "all"]] = None
    affine_instance: Optional[bool] = None
    upsampling: Optional[Literal["transpose", "nearest", "bilinear"]] = None
    initializer: Optional[Literal["normal", "xavier", "kaiming", "orthogonal"]] = None
    gain: Optional[float] = None
    discriminator_filters: Optional[int] = None
    discriminator_norm: Optional[Literal["instance", "batch", "batch_sync", "spectral", "none"]] = (
        None
    )
    conditional: bool = True
    receptive_field: Literal[1, 16, 34, 70, 142, 286] = 70
    l1_weight: float = 100.0
    l2_weight: float = 0.0
    gan_weight: float = 1.0
    adversarial: Literal["cross_entropy", "least_squares", "hinge", "wasserstein"] = "cross_entropy"
    real_label: float = 1.0
    penalty: Optional[Literal["wgan_gp", "dragan", "r1"]] = None
    penalty_weight: float = 10.0

    def multiple(self, image_size: tuple) -> int:
        """Returns what the sides of images must be multiples of: 2 to the generator's depth.

        Args:
            image_size: `(height, width)` in pixels of the training images.

        Raises:
            ValueError: If they do not allow the depth.
        """
        return 2 ** networks.unet.checked_depth((*image_size, 3), self.depth)


def model(config: ExperimentConfig) -> "models.Pix2Pix":
    """Builds the model with its networks and optimizers, in the precision of the training.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        A compiled `Pix2Pix`, whose generator has open sides.

    Raises:
        ValueError: If the training size does not fit the networks, or options do not fit together.

    Example:
        >>> model(PRESETS["quickstart"]).generator.input_shape
        (None, None, None, 3)
    """
    options = config.model
    train = config.train
    source_channels, target_channels = pixels.task(config).channels
    conventions = chosen_conventions(options)
    with precision(train.precision):
        generator = networks.unet_generator(
            (None, None, source_channels),
            target_channels,
            base_filters=options.base_filters,
            depth=networks.unet.checked_depth((*config.data.image_size, 3), options.depth),
            norm=options.norm,
            dropout_levels=options.dropout_levels,
            skips=options.skips,
            conventions=conventions,
            seed=train.seed,
        )
        discriminator = networks.patch_discriminator(
            (*(pixels.geometry(config).window or (None, None)), source_channels),
            target_channels,
            receptive_field=options.receptive_field,
            base_filters=options.discriminator_filters or options.base_filters,
            norm=options.discriminator_norm or options.norm,
            conditional=options.conditional,
            conventions=conventions,
            seed=train.seed,
        )
    penalty = losses.penalty(options.penalty)
    built = models.Pix2Pix(
        generator,
        discriminator,
        l1_weight=options.l1_weight,
        gan_weight=options.gan_weight,
        adversarial=losses.adversarial(options.adversarial, real_label=options.real_label),
        penalty=penalty and (options.penalty_weight, penalty),
        extra_losses=_extra_losses(options),
        update=train.update,
        discriminator_steps=train.discriminator_steps,
    )
    rate = train.discriminator_learning_rate
    judge = optimizers.AdamSettings(rate, updates=train.discriminator_steps)
    return compile_model(built, train, {"discriminator": judge})


def directions(
    config: ExperimentConfig, model: "models.Pix2Pix"
) -> dict[str, "inference.Direction"]:
    """Returns the one direction of pix2pix, "translate".

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        model: What `model` returns.

    Returns:
        Dict of name to `Direction`.

    Example:
        >>> config = PRESETS["quickstart"]
        >>> directions(config, model(config))["translate"].multiple
        64
    """
    generator = model.players["generator"]
    direction = inference.Direction(
        generator,
        pixels.task(config),
        config.model.multiple(config.data.image_size),
        controls=(inference.SEED,) if inference.graph.has_dropout(generator) else (),
        kernel=pixels.geometry(config).kernels[0],
    )
    return {"translate": direction}


FILES = {
    "checkpoint": PeerFile("generator", "latest_net_G.pth"),
    "discriminator": PeerFile("discriminator", "latest_net_D.pth"),
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
        >>> imported(PRESETS["facades"], {"checkpoint": {}})
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A state dict must hold tensors by their names. ...
    """
    players, options, channels = imported_players(FILES, states, {"discriminator": "pair"})
    model = dataclasses.replace(config.model, conventions="pytorch", **options)
    return importable(config, model, channels=channels, image_size=2**model.depth), players


def _extra_losses(options):
    if not options.l2_weight:
        return {}

    def weighted_l2(source, target, translated):
        del source
        return options.l2_weight * losses.l2(target, translated)

    return {"l2": weighted_l2}


# Steps are pairs * epochs / batch size of the paper's section 6.2; all else has its default.
FACADES = ExperimentConfig(
    name="facades",
    summary="""Labels to facade photos: 400 pairs, 200 epochs, batch 1.

    python -m training.prepare fetch facades --to data
    python -m training.train facades --data data/facades --run runs/facades
    Not measured.
    """,
    data=DataConfig(direction="BtoA"),
    model=Pix2PixConfig(),
)

FACADES_SMALL = ExperimentConfig(
    name="facades_small",
    summary="""Labels to facade photos at 128 pixels, for a machine without a GPU.

    python -m training.train facades_small --data data/facades --run runs/facades_small
    101 min on two CPU cores beside other work. L1 0.345; the mean image has 0.339, since colours do
    not follow from labels. The README's first picture.
    """,
    data=DataConfig(direction="BtoA", image_size=(128, 128)),
    model=Pix2PixConfig(base_filters=32),
    train=TrainConfig(steps=40_000),
)

QUICKSTART = ExperimentConfig(
    name="quickstart",
    summary="""Labels to photos on synthetic facades at 64 pixels, made for two CPU cores.

    python -m training.quickstart
    76 s with evaluation, export and serving on two CPU cores, 0.9 GB. L1 0.091; the mean image has
    0.303.
    """,
    # No jitter: enlarged to 72 pixels a brick is no longer what it is in the held-out pairs, and
    # the light of all photos comes from the left. Without it 1,400 steps give L1 0.09 for 0.14.
    data=DataConfig(direction="BtoA", image_size=(64, 64), load_size=(64, 64), flip=False),
    model=Pix2PixConfig(base_filters=16, receptive_field=34),
    train=TrainConfig(steps=1500, batch_size=4, learning_rate=1e-3, checkpoint_every=500),
)

# Not of the paper; a page by Christopher Hesse made it known. Transposed convolutions leave a woven
# grid in such a small network. Its generator has 3.9 million weights, 7.8 megabytes in float16.
EDGES2CATS = ExperimentConfig(
    name="edges2cats",
    summary="""Edges, drawn anew at each step, to faces of cats at 128 pixels.

    python -m training.prepare faces PHOTOS --to DATA --of cats
    python -m training.train edges2cats --data DATA --run RUN
    python -m serving.demo --run RUN
    353 faces, 25,000 steps: 33 minutes on two cores of an AMD EPYC beside other work; L1 0.356.
    """,
    data=DataConfig(task="edges", image_size=(128, 128)),
    model=Pix2PixConfig(base_filters=23, upsampling="nearest"),
    train=TrainConfig(steps=40_000, ema_decay=0.999),
)

NOT_MEASURED = """{text}.

    python -m training.train {name} --data DATA --run RUN
    Not measured.
    """


def _not_measured(name: str, text: str, steps: int, batch_size: int = 4, **data):
    """Returns an experiment that nobody has run to its end with this code."""
    summary = NOT_MEASURED.format(text=text, name=name)
    train = TrainConfig(steps=steps, batch_size=batch_size)
    return ExperimentConfig(name, summary, DataConfig(**data), Pix2PixConfig(), train)


PRESETS = {
    preset.name: preset
    for preset in (
        FACADES,
        FACADES_SMALL,
        QUICKSTART,
        debug_experiment(QUICKSTART, base_filters=4, depth=3),
        EDGES2CATS,
        _not_measured(
            "cityscapes",
            "Labels to street scenes: 2,975 pairs, 200 epochs, batch 1",
            595_000,
            1,
            direction="BtoA",
        ),
        _not_measured(
            "maps", "Aerial photos to maps: 1,096 pairs, 200 epochs, batch 1", 219_200, 1
        ),
        _not_measured("edges2shoes", "Edges to shoes: 49,825 pairs, 15 epochs, batch 4", 186_844),
        _not_measured(
            "edges2handbags", "Edges to handbags: 137,000 pairs, 15 epochs, batch 4", 513_750
        ),
        _not_measured(
            "night2day",
            "Day to night: 17,823 pairs of 91 webcams, 17 epochs, batch 4",
            75_748,
            direction="BtoA",
        ),
        # The paper mirrors these photos and does not crop them.
        _not_measured(
            "colorization",
            "Lightness to colour: 1.2 million photos, 6 epochs, batch 4",
            1_800_000,
            task="colorization",
            load_size=(256, 256),
        ),
        _not_measured(
            "inpainting",
            "Photos with a hole to photos: 14,900 of Paris, 25 epochs, batch 4",
            93_125,
            task="inpainting",
        ),
        _not_measured(
            "thermal2color",
            "Thermal images to colour photos: 36,609 pairs, 10 epochs, batch 4",
            91_522,
        ),
    )
}

IMPORTER = Importer(FILES, generators=("unet",), imported=imported)
FAMILY = Family(
    Pix2PixConfig,
    PRESETS,
    pairs.FEED,
    model,
    directions,
    importer=IMPORTER,
    remedies={
        "strong_discriminator": "Lower `train.discriminator_learning_rate`, or use "
        "`model.real_label` 0.9.",
        "collapse": "Raise `model.l1_weight`, or lower `train.discriminator_learning_rate`.",
        "inverted": "Start anew with a higher `model.l1_weight`, another `train.seed` or "
        "`model.gain` 0.01.",
        "checkerboard": "Use `model.upsampling` nearest.",
    },
)
