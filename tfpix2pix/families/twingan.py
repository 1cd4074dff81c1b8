"""TwinGAN: domains in the norms of one network that grows (Li, 2018), and its experiments."""

import dataclasses

from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families import attributed, style_control, unpaired
from tfpix2pix.families.compiling import compile_model, precision
from tfpix2pix.families.family import Family, Worker, debug_experiment
from tfpix2pix.families.growth_phases import phases
from tfpix2pix.families.twingan_options import TwinGANConfig
from tfpix2pix.lazily import (
    attributes,
    domain_paths,
    domain_translation,
    domain_vectors,
    inference,
    losses,
    models,
    networks,
    optimizers,
)

RECALIBRATED = 12  # Training batches that statistics are measured on.


def model(config: ExperimentConfig) -> "models.TwinGAN":
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
    channels, *others = (task.channels[0] for task in unpaired.tasks(config))
    if {*others} != {channels} or not config.data.preprocess.endswith("and_crop"):
        raise InputError(
            "One network for all domains needs images of as many channels, and of one size at "
            f"every scale. Received: {', '.join(map(str, (channels, *others)))} channels, "
            f"preprocess={config.data.preprocess!r}. Use the preprocess resize_and_crop, and "
            "convert the images."
        )
    with precision(train.precision):
        players = _players(config, channels)
    growth = phases(config)
    penalty = losses.penalty(options.penalty)
    built = models.TwinGAN(
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
        vectors=vectors_of(options),
        style_weight=options.style_weight,
    )
    common = optimizers.AdamSettings(beta_2=0.99, factor=built.pace)
    judge = dataclasses.replace(common, learning_rate=train.discriminator_learning_rate)
    settings = {
        p: judge if p.startswith(domain_translation.JUDGE) else common for p in built.players
    }
    return compile_model(built, train, settings, growth)


def _players(config, channels):
    """Returns a dict of player to its networks of all phases."""
    options = config.model
    shared = (
        *("base_filters", "most_filters", "skip_size", "norm", "momentum", "pixel_norm"),
        *("minibatch_deviation", "discriminator_deviation", "learning_rates"),
    )
    vectors = vectors_of(options)
    twins = networks.TwinNetworks(
        config.data.image_size[1],
        len(options.domains),
        image_norm=options.norm if options.image_norm == "full" else "none",
        seed=config.train.seed,
        conditions=vectors.whole,
        **{name: getattr(options, name) for name in shared},
    )
    return {
        "encoder": networks.twingan_encoders(twins, channels),
        "generator": networks.twingan_generators(twins, channels),
        **{
            f"{domain_translation.JUDGE}{domain}": networks.twingan_discriminators(
                twins,
                channels,
                conditions=vectors.length if domain in vectors.domains else 0,
                name=f"{domain_translation.JUDGE}{domain}",
            )
            for domain in options.domains
        },
        **(
            {
                domain_translation.STYLE_ENCODER: networks.style_encoders(
                    twins, vectors.codes, channels
                )
            }
            if vectors.codes
            else {}
        ),
    }


def vectors_of(options: TwinGANConfig) -> "domain_vectors.DomainVectors":
    """Returns the vectors of a model: attributes of some domains, and the code of a style.

    Args:
        options: `TwinGANConfig`, of which a training has recorded the attributes.

    Returns:
        `tfpix2pix.models.domain_vectors.DomainVectors`.

    Raises:
        ValueError: If the length of codes is negative, or the dropout no share.

    Example:
        >>> vectors_of(TwinGANConfig(style_code=8)).whole
        8
    """
    if options.style_code < 0:
        raise InputError(
            "`style_code` must be 0 for one style, or the length of codes. Received: "
            f"{options.style_code}. Use 8."
        )
    if not 0 <= options.attribute_dropout < 1:
        raise InputError(
            "`attribute_dropout` must be a share from 0 to less than 1. Received: "
            f"{options.attribute_dropout}. Use 0.1."
        )
    places = attributes.lengths(options.attributes or {})
    return domain_vectors.DomainVectors(
        options.attributed, places, options.attribute_dropout, options.style_code
    )


def directions(
    config: ExperimentConfig, model: "models.TwinGAN"
) -> dict[str, "inference.Direction"]:
    """Returns the directions between any two domains, in the phase of the model.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        model: What `model` returns.

    Returns:
        Dict of names, such as "AtoB" or "faces_to_anime", to `Direction`.

    Example:
        >>> config = PRESETS["twingan_tiny"]
        >>> list(directions(config, model(config)))
        ['AtoB', 'BtoA']
    """
    options = config.model
    vectors = vectors_of(options)
    controls = []
    if vectors.domains:
        controls.append(attributed.control(options.attributes))
    if vectors.codes:
        controls.append(style_control.control(vectors.codes))
    asked = {}
    translators = {}
    for name, (source, target) in domain_paths.DomainPaths(options.domains).directions.items():
        if source == target:
            continue
        has_attributes = target in vectors.domains
        asked[name] = [one for one in controls if has_attributes or one.name != attributed.NAME]
        translators[name] = networks.twingan_translator(
            model.players["encoder"],
            model.players["generator"],
            (options.domains.index(source), options.domains.index(target)),
            vector={one.name: one.spec.shape[0] for one in controls},
            unset=[one.name for one in controls if one not in asked[name]],
        )
    made = unpaired.directions(config, translators)
    multiple = options.multiple((model.side, model.side))
    return {
        name: direction._replace(
            multiple=multiple, controls=(*asked[name], inference.SEED) if asked[name] else ()
        )
        for name, direction in made.items()
    }


def embeddings(
    config: ExperimentConfig, model: "models.TwinGAN"
) -> dict[str, "inference.Embedding"]:
    """Returns the embeddings of all domains, in the phase of the model.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        model: What `model` returns.

    Returns:
        Dict of domains, such as "A" and "B", to `Embedding`.

    Example:
        >>> config = PRESETS["twingan_tiny"]
        >>> embeddings(config, model(config))["B"].length
        1024
    """
    side, encoder = model.side, model.players["encoder"]
    embedders = {
        domain: networks.twingan_embedder(encoder, number, side)
        for number, domain in enumerate(config.model.domains)
    }
    return unpaired.embeddings(config, embedders, (side, side))


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
    620 portraits and 1,500 anime faces: 2:46 hours on two cores beside as much as five times other
    work (at 64 pixels 3 steps a second without); reconstruction L1 0.074 and 0.096, translations
    taken for the other domain 0.99 and 0.95.
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
    620 portraits and 1,500 anime faces: 4 minutes on two cores; reconstruction L1 0.086 and 0.110,
    translations taken for the other domain 0.98 and 0.99.
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
    attributed.FEED,
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
