"""TwinGAN: two domains, one network that grows (Li, 2018), and its experiments."""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal, Optional, Union

from tfpix2pix import losses, networks
from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families import unpaired
from tfpix2pix.families.compiling import compile_model, precision
from tfpix2pix.families.family import Family, Worker, debug_experiment
from tfpix2pix.families.growth_phases import phases
from tfpix2pix.inference.direction import Direction
from tfpix2pix.inference.embedding import Embedding
from tfpix2pix.models import TwinGAN
from tfpix2pix.models.domain_paths import DOMAINS
from tfpix2pix.models.twingan import DISCRIMINATORS, PLAYERS
from tfpix2pix.networks.growth import SMALLEST, phase_names
from tfpix2pix.optimizers import AdamSettings

Weights = Union[float, tuple[float, float]]
RECALIBRATED = 12  # Training batches that statistics are measured on.


@dataclass(frozen=True)
class TwinGANConfig:
    """How the networks grow, which they are, and what they minimize (Li, 2018, and its code).

    Attributes:
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
        reconstruction_weight: Weight of reconstructions; of A and of B, as all weights may be.
        reconstruction_distance: Distance of reconstructions.
        gan_weight: Weight of the adversarial loss, of translations into A, and into B.
        reconstruction_gan_from: Side in pixels from which discriminators judge reconstructions too.
        content_weight: Weight of the distance of the embeddings of images and translations.
        content_distance: That distance.
        cycle_weight: Weight of the L1 between images and what comes back from the other domain.
        frozen_encoder: Whether the encoder stays as it starts, for a run that starts from another.
        adversarial: The adversarial loss.
        penalty: Gradient penalty of the discriminators.
        penalty_weight: Weight of the gradient penalty.
    """

    first_size: int = SMALLEST
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
    reconstruction_weight: Weights = (1.0, 1.0)
    reconstruction_distance: Literal["l1", "l2"] = "l1"
    gan_weight: Weights = (1.0, 1.0)
    reconstruction_gan_from: Optional[int] = 64
    content_weight: Weights = (0.1, 0.1)
    content_distance: Literal["l1", "l2"] = "l1"
    cycle_weight: Weights = (0.0, 0.0)
    frozen_encoder: bool = False
    adversarial: Literal["cross_entropy", "least_squares", "hinge", "wasserstein"] = "cross_entropy"
    penalty: Optional[Literal["wgan_gp", "dragan", "dragan_variance", "r1"]] = "dragan_variance"
    penalty_weight: float = 0.25

    def __post_init__(self):
        """Brings weights into the form `(of A, of B)`."""
        for name in ("reconstruction_weight", "gan_weight", "content_weight", "cycle_weight"):
            value = getattr(self, name)
            value = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
            object.__setattr__(self, name, value)

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
        phase_names(width)
        return width // SMALLEST


def model(config: ExperimentConfig) -> TwinGAN:
    """Builds the model with its networks of all phases and its optimizers.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        A compiled `TwinGAN`, in the first phase.

    Raises:
        ValueError: If the sizes do not fit, the domains have other channels than each other, or
            options do not fit together.

    Example:
        >>> model(PRESETS["twingan_tiny"]).side
        4
    """
    options = config.model
    train = config.train
    options.multiple(config.data.image_size)
    (channels, others), _ = (task.channels for task in unpaired.tasks(config))
    if channels != others or not config.data.preprocess.endswith("and_crop"):
        raise InputError(
            "One network for both domains needs images of as many channels, and of one size at "
            f"every scale. Received: {channels} and {others} channels, "
            f"preprocess={config.data.preprocess!r}. Use the preprocess resize_and_crop, and "
            "convert the images."
        )
    with precision(train.precision):
        players = _players(config, channels)
    growth = phases(config)
    penalty = losses.penalty(options.penalty)
    built = TwinGAN(
        {phase.name: {p: made[phase.name] for p, made in players.items()} for phase in growth},
        reconstruction_weights=options.reconstruction_weight,
        gan_weights=options.gan_weight,
        content_weights=options.content_weight,
        cycle_weights=options.cycle_weight,
        reconstruction_gan_from=options.reconstruction_gan_from,
        distances=(options.reconstruction_distance, options.content_distance),
        frozen_encoder=options.frozen_encoder,
        decay=options.decay == "stable",
        adversarial=losses.adversarial(options.adversarial),
        penalty=penalty and (options.penalty_weight, penalty),
    )
    common = AdamSettings(beta_2=0.99, factor=built.pace)
    judge = dataclasses.replace(common, learning_rate=train.discriminator_learning_rate)
    settings = {player: judge if player in DISCRIMINATORS else common for player in PLAYERS}
    return compile_model(built, train, settings, growth)


def _players(config, channels):
    """Returns a dict of player to its networks of all phases."""
    options = config.model
    shared = (
        *("base_filters", "most_filters", "skip_size", "norm", "momentum", "pixel_norm"),
        *("minibatch_deviation", "discriminator_deviation", "learning_rates"),
    )
    twins = networks.TwinNetworks(
        config.data.image_size[1],
        len(DOMAINS),
        image_norm=options.norm if options.image_norm == "full" else "none",
        seed=config.train.seed,
        **{name: getattr(options, name) for name in shared},
    )
    return {
        "encoder": networks.twingan_encoders(twins, channels),
        "generator": networks.twingan_generators(twins, channels),
        **{
            name: networks.twingan_discriminators(twins, channels, name=name)
            for name in DISCRIMINATORS
        },
    }


def directions(config: ExperimentConfig, model: TwinGAN) -> dict[str, Direction]:
    """Returns the two directions, in the phase of the model.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        model: What `model` returns.

    Returns:
        Dict of "AtoB" and "BtoA" to `Direction`.

    Example:
        >>> config = PRESETS["twingan_tiny"]
        >>> list(directions(config, model(config)))
        ['AtoB', 'BtoA']
    """
    translators = {
        f"{DOMAINS[source]}to{DOMAINS[target]}": networks.twingan_translator(
            model.players["encoder"], model.players["generator"], (source, target)
        )
        for source, target in ((0, 1), (1, 0))
    }
    made = unpaired.directions(config, translators)
    multiple = config.model.multiple((model.side, model.side))
    return {name: direction._replace(multiple=multiple) for name, direction in made.items()}


def embeddings(config: ExperimentConfig, model: TwinGAN) -> dict[str, Embedding]:
    """Returns the embeddings of both domains, in the phase of the model.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        model: What `model` returns.

    Returns:
        Dict of "A" and "B" to `Embedding`.

    Example:
        >>> config = PRESETS["twingan_tiny"]
        >>> embeddings(config, model(config))["B"].length
        1024
    """
    side, encoder = model.side, model.players["encoder"]
    embedders = [networks.twingan_embedder(encoder, number, side) for number in range(len(DOMAINS))]
    return unpaired.embeddings(config, dict(zip(DOMAINS, embedders)), (side, side))


def finish(run) -> None:
    """Measures the moving statistics of a run anew, by which it then translates.

    Args:
        run: `tfpix2pix.runs.Run`.

    Example:
        >>> from tfpix2pix import runs
        >>> runs.finish_run("no-such-run")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A run is a folder with a config.yaml, ...
    """
    feed = run.family.feed
    batches = feed.training(run.config, run.examples("train"), run.phase, Worker(), 0)
    run.model.recalibrate(batches.take(RECALIBRATED))


TWINGAN = ExperimentConfig(
    name="twingan",
    summary="""Portraits to anime and back at 256 pixels: the numbers of TwinGAN's code.

    python -m training.train twingan --data DATA --run RUN
    Not measured.
    """,
    data=DataConfig(layout="unpaired"),
    model=TwinGANConfig(batch_sizes={128: 4, 256: 3}),
    # 300,000 images a phase: 9 phases of 8, 2 of 4 and 2 of 3 images a step.
    train=TrainConfig(steps=687_500, batch_size=8, learning_rate=1e-4, checkpoint_every=2500),
    family="twingan",
)

# Networks translate whole images, and see crops in training. At 16 pixels, crops of 18 leave an
# energy distance of translations to real images of 0.017 and 0.018, whole images 0.001 and 0.002.
SMALL = TwinGANConfig(
    decay="stable",
    base_filters=256,
    most_filters=64,
    norm="batch",
    momentum=0.95,
    image_norm="affine",
    discriminator_deviation=0.0,
    reconstruction_gan_from=None,
    penalty="r1",
)
SMALL_TRAIN = TrainConfig(
    batch_size=16, learning_rate=3e-4, discriminator_learning_rate=1.2e-3, log_every=20
)

TWINGAN_SMALL = ExperimentConfig(
    name="twingan_small",
    summary="""Two folders of faces at 64 pixels, for a machine without a GPU.

    python -m training.train twingan_small --data DATA --run RUN
    Not measured.
    """,
    data=DataConfig(layout="unpaired", image_size=64, load_size=66),
    model=dataclasses.replace(
        SMALL,
        first_size=8,
        images={"8": 3200, "16 fade": 3200, "16": 6400, "32 fade": 6400, "32": 25_600}
        | {"64 fade": 9600, "64": 64_000},
        most_filters=48,
        skip_size=16,
        penalty_weight=10.0,
    ),
    train=dataclasses.replace(SMALL_TRAIN, steps=7400, checkpoint_every=200, ema_decay=0.99),
    family="twingan",
)

TWINGAN_TINY = ExperimentConfig(
    name="twingan_tiny",
    summary="""Two folders of faces at 16 pixels, to see within minutes whether all works.

    python -m training.train twingan_tiny --data DATA --run RUN
    620 portraits and 1,500 anime faces: 29 minutes on two cores beside five times as much other
    work, not timed alone; reconstruction L1 0.086 and 0.110, translations taken for the other
    domain 0.98 and 0.99.
    """,
    data=DataConfig(layout="unpaired", image_size=16, load_size=16),
    model=dataclasses.replace(
        SMALL,
        images={"4": 1600, "8 fade": 1600, "8": 3200, "16 fade": 3200, "16": 8000},
        skip_size=8,
        penalty_weight=3.0,
    ),
    train=dataclasses.replace(SMALL_TRAIN, steps=1100, checkpoint_every=100, ema_decay=0.98),
    family="twingan",
)

TINIEST = {"base_filters": 16, "most_filters": 8, "first_size": 16, "images": {}}
EXPERIMENTS = (TWINGAN, TWINGAN_SMALL, TWINGAN_TINY, debug_experiment(TWINGAN_TINY, **TINIEST))
PRESETS = {experiment.name: experiment for experiment in EXPERIMENTS}

FAMILY = Family(
    TwinGANConfig,
    PRESETS,
    unpaired.FEED,
    model,
    directions,
    phases,
    ignored=dict.fromkeys(
        ("train.update", "train.discriminator_steps"),
        "TwinGAN ignores it: all networks take one step from the same state",
    ),
    remedies={
        "strong_discriminator": "Lower `train.discriminator_learning_rate`, or raise "
        "`model.penalty_weight`.",
        "collapse": "Raise `model.penalty_weight` or `model.reconstruction_weight`, or use "
        "`model.penalty` r1.",
        "inverted": "Raise `model.skip_size` or `model.content_weight`.",
        "checkerboard": "Raise `model.penalty_weight`, or train the last phase longer.",
    },
    finish=finish,
    embeddings=embeddings,
)
