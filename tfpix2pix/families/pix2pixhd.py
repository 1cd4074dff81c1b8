"""pix2pixHD: label and instance maps to large photos (Wang et al., 2018), and its experiments."""

from dataclasses import dataclass
from typing import Literal, Optional

from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.data.places import INSTANCE, PHOTO, NamedPlace
from tfpix2pix.errors import InputError
from tfpix2pix.families import appearances, pixels, scene_controls, scenes
from tfpix2pix.families.compiling import chosen_conventions, compile_model, precision
from tfpix2pix.families.family import Family, Phase, debug_experiment, whole
from tfpix2pix.families.scene_files import IMPORTER
from tfpix2pix.lazily import inference, losses, models, networks, optimizers, tf

FEED = scenes.feed(
    NamedPlace("label"),
    (INSTANCE._replace(optional=True),),
    PHOTO,
    ignored={"data.attributes": "pix2pixHD ignores it: its networks take no table"},
)


@dataclass(frozen=True)
class Pix2PixHDConfig:
    """Which networks, and what they minimize (Wang et al., 2018, and its code).

    Attributes:
        base_filters: Filters of the global generator's first layer.
        blocks: Residual blocks of the global generator.
        halvings: How often the global generator halves the sides.
        enhancers: How many local enhancers are around it; a second stage has one.
        enhancer_blocks: Residual blocks of each enhancer.
        enhancer_steps: Steps in which the enhancers are trained alone; then all are, with new
            optimizers.
        instance_features: Features of each instance by which its appearance is told; 0 for none.
        encoder_filters: Filters of the first layer of the encoder, which makes them.
        clusters: How many appearances of each class are kept, at most.
        norm: Normalization of all networks.
        conventions: Whose decisions to follow where the paper leaves something open.
        bias: Which convolutions have a bias; by default as by the conventions.
        affine_instance: Whether instance norm has scale and shift; by default as by conventions.
        upsampling: How generators enlarge; by default as by the conventions.
        initializer: How kernels start; by default as by the conventions.
        gain: Deviation or factor of the initializer; by default as by the conventions.
        scales: How many scales discriminators judge.
        discriminator_layers: Convolutions of stride 2 of each discriminator.
        discriminator_filters: Filters of their first layers.
        gan_weight: Weight of the generator's adversarial term.
        feature_weight: Weight of the matching of the discriminators' features.
        perceptual: Network by whose features translations are compared with targets too: vgg19 for
            the weights in the Keras cache, or a file, see `tfpix2pix.networks.PerceptualFeatures`.
        perceptual_weight: Weight of that.
        adversarial: The adversarial loss.
    """

    base_filters: int = 64
    blocks: int = 9
    halvings: int = 4
    enhancers: int = 0
    enhancer_blocks: int = 3
    enhancer_steps: int = 0
    instance_features: int = 0
    encoder_filters: int = 16
    clusters: int = 10
    norm: Literal["instance", "batch", "batch_sync", "none"] = "instance"
    conventions: Literal["paper", "torch", "pytorch", "affinelayer", "tf_tutorial"] = "pytorch"
    bias: Optional[Literal["needed", "all"]] = None
    affine_instance: Optional[bool] = None
    upsampling: Optional[Literal["transpose", "nearest", "bilinear"]] = None
    initializer: Optional[Literal["normal", "xavier", "kaiming", "orthogonal"]] = None
    gain: Optional[float] = None
    scales: int = 2
    discriminator_layers: int = 3
    discriminator_filters: int = 64
    gan_weight: float = 1.0
    feature_weight: float = 10.0
    perceptual: Optional[str] = None
    perceptual_weight: float = 10.0
    adversarial: Literal["cross_entropy", "least_squares", "hinge", "wasserstein"] = "least_squares"

    def multiple(self, image_size: tuple) -> int:
        """Returns what the sides of images must be multiples of: 2 to all halvings.

        Args:
            image_size: `(height, width)` in pixels of the training images.
        """
        del image_size
        return 2 ** (self.halvings + self.enhancers)


def phases(config: ExperimentConfig) -> tuple[Phase, ...]:
    """Returns the phases of a training: enhancers alone, then all together; or one.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        Tuple of `Phase`.

    Raises:
        ValueError: If the enhancers have no layers or take all steps.

    Example:
        >>> [phase.name for phase in phases(PRESETS["streets_tiny"])]
        ['whole']
    """
    options = config.model
    alone, steps = options.enhancer_steps, config.train.steps
    if not alone:
        return whole(config)
    if alone >= steps or not options.enhancers:
        raise InputError(
            "`enhancer_steps` must be fewer than all steps, of a model with `enhancers`. Received: "
            f"enhancer_steps={alone}, enhancers={options.enhancers}, steps={steps}. Change them."
        )
    renewed = ("generator", *(("encoder",) if options.instance_features else ()))
    sizes = (config.train.batch_size, tuple(config.data.image_size))
    return (
        Phase(models.pix2pixhd.ENHANCER, alone, *sizes),
        Phase("joint", steps - alone, *sizes, renewed),
    )


def _has_instances(config):
    return bool(config.data.places) and INSTANCE.name in config.data.places


def model(config: ExperimentConfig) -> "models.Pix2PixHD":
    """Builds the model with its networks and optimizers, in the precision of the training.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        A compiled `Pix2PixHD`, whose networks have open sides.

    Raises:
        ValueError: If there are features without maps of instances, or options do not fit together.

    Example:
        >>> model(PRESETS["streets_tiny"]).players["generator"].input_shape
        (None, None, None, 35)
    """
    options, train = config.model, config.train
    source_channels, target_channels = pixels.task(config).channels
    has_instances = _has_instances(config)
    if options.instance_features and not has_instances:
        raise InputError(
            "`instance_features` need maps of instances. Received: data without. Add them, as "
            "train_inst, or leave `instance_features` out."
        )
    condition = source_channels + has_instances
    style = {
        "norm": options.norm,
        "conventions": chosen_conventions(options),
        "seed": train.seed,
    }
    shape = (None, None, condition + options.instance_features)
    sizes = {name: getattr(options, name) for name in ("base_filters", "blocks", "halvings")}
    enhancing = {name: getattr(options, name) for name in ("enhancers", "enhancer_blocks")}
    with precision(train.precision):
        if options.enhancers:
            generator = networks.enhanced_generator(
                shape, target_channels, **sizes, **enhancing, **style
            )
        else:
            generator = networks.resnet_generator(shape, target_channels, **sizes, **style)
        discriminator = networks.multiscale_discriminator(
            (*(pixels.geometry(config).window or (None, None)), condition),
            target_channels,
            scales=options.scales,
            layers=options.discriminator_layers,
            base_filters=options.discriminator_filters,
            **style,
        )
        encoder = None
        if options.instance_features:
            encoder = networks.resnet_generator(
                (None, None, target_channels),
                options.instance_features,
                base_filters=options.encoder_filters,
                blocks=0,
                halvings=options.halvings,
                name="encoder",
                **style,
            )
    built = models.Pix2PixHD(
        generator,
        discriminator,
        encoder,
        scales=options.scales,
        has_labels=config.data.source_labels is not None,
        has_instances=has_instances,
        gan_weight=options.gan_weight,
        feature_weight=options.feature_weight,
        perceptual=options.perceptual and networks.PerceptualFeatures(options.perceptual),
        perceptual_weight=options.perceptual_weight,
        adversarial=losses.adversarial(options.adversarial),
    )
    if encoder is not None:
        classes = source_channels if built.has_labels else 1
        built.state = appearances.empty_state(classes, options)
    judge = {"discriminator": optimizers.AdamSettings(train.discriminator_learning_rate)}
    return compile_model(built, train, judge, phases(config))


def directions(
    config: ExperimentConfig, model: "models.Pix2PixHD"
) -> dict[str, "inference.Direction"]:
    """Returns the one direction of pix2pixHD, "translate".

    Its controls are maps of instances, numbers of appearances, and a photo to take these of.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        model: What `model` returns.

    Returns:
        Dict of name to `Direction`.

    Example:
        >>> config = PRESETS["streets_tiny"]
        >>> directions(config, model(config))["translate"].multiple
        8
    """
    task = pixels.task(config)
    encoder = model.players.get("encoder")
    network = networks.scene_translator(
        model.players["generator"],
        source_channels=task.channels[0],
        has_labels=model.has_labels,
        has_instances=model.has_instances,
        encoder=encoder,
        centroids=appearances.centroid_lists(model.state) if encoder is not None else (),
    )
    controls = (scene_controls.instances(model.has_labels),) if model.has_instances else ()
    if encoder is not None:
        controls += (
            inference.SEED,
            scene_controls.appearance(config.model.clusters),
            scene_controls.photo(task.channels[1]),
        )
    direction = inference.Direction(
        network,
        task,
        config.model.multiple(config.data.image_size),
        controls,
        kernel=pixels.kernels(config.data)[0],
        example=scenes.scene_example(config, {"instances": INSTANCE.name}),
    )
    return {"translate": direction}


def finish(run) -> None:
    """Finds the appearances of each class in the training data, by which a run then translates.

    Args:
        run: `tfpix2pix.runs.Run`.

    Example:
        >>> from tfpix2pix import runs
        >>> runs.finish_run("no-such-run")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: A run is a folder with a config.yaml, ...
    """
    model = run.model

    def examples():
        for source, instances, target in run.held_out(run.examples("train")):
            ids = instances[0, ..., 0].numpy()
            classes = tf.argmax(source[0], -1).numpy() if model.has_labels else 0 * ids
            yield classes, ids, model.encode(target, instances)[0].numpy()

    appearances.fill(model.state, examples(), run.config.train.seed)


STREETS = ExperimentConfig(
    name="streets",
    summary="""Label and instance maps of streets to photos of 1024 x 512 pixels: the first stage.

    python -m training.train streets --data DATA --run RUN
    Eight scenes by half the filters: at 256 x 128 6,000 steps in 31 minutes on two cores beside
    other work, L1 0.102 of these scenes; the second stage at 512 x 256 1,630 steps in 54, L1 0.055.
    """,
    # 100 epochs, and 100 with a falling rate (its code).
    data=DataConfig(image_size=(512, 1024), load_size=(512, 1024), source_labels=35),
    model=Pix2PixHDConfig(),
    train=TrainConfig(epochs=200, schedule="linear", checkpoint_every=1000),
    family="pix2pixhd",
)

STREETS_TINY = ExperimentConfig(
    name="streets_tiny",
    summary="""Streets of 64 x 32 pixels, to see within minutes whether all works.

    python -m training.train streets_tiny --data DATA --run RUN
    Eight scenes, with features of instances: 1:19 minutes on two cores beside two trainings, L1
    0.125 of these scenes; the second stage, of 128 x 64 pixels, 2:57 minutes, L1 0.111.
    """,
    # Windows of larger scenes: whole ones, when they are few, are recognized rather than drawn.
    data=DataConfig(image_size=(32, 64), load_size=(48, 96), source_labels=35),
    model=Pix2PixHDConfig(
        base_filters=16, blocks=3, halvings=3, discriminator_filters=16, discriminator_layers=2
    ),
    train=TrainConfig(steps=1500, batch_size=2, checkpoint_every=100, log_every=20),
    family="pix2pixhd",
)

TINIEST = {"base_filters": 4, "blocks": 1, "halvings": 2, "discriminator_filters": 4}
EXPERIMENTS = (STREETS, STREETS_TINY, debug_experiment(STREETS_TINY, **TINIEST))
PRESETS = {experiment.name: experiment for experiment in EXPERIMENTS}

FAMILY = Family(
    Pix2PixHDConfig,
    PRESETS,
    FEED,
    model,
    directions,
    phases,
    ignored=dict.fromkeys(
        ("train.update", "train.discriminator_steps"),
        "pix2pixHD ignores it: all networks take one step from the same state",
    ),
    remedies={
        "strong_discriminator": "Lower `train.discriminator_learning_rate`, or raise "
        "`model.feature_weight`.",
        "collapse": "Raise `model.feature_weight`.",
        "checkerboard": "Use `model.upsampling` nearest.",
    },
    finish=finish,
    importer=IMPORTER,
)
