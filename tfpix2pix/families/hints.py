"""Hints: colours that a user sets at points, of photos and of line art, and the experiments.

The networks are pix2pix', with three changes (Zhang et al., 2017): see
`tfpix2pix.models.HintedPix2Pix`.
"""

import dataclasses
from dataclasses import dataclass
from typing import Literal, Optional

from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.families import pairs, pixels
from tfpix2pix.families.compiling import chosen_conventions, compile_model, precision
from tfpix2pix.families.family import Family, debug_experiment
from tfpix2pix.lazily import hint_points, inference, losses, models, networks, optimizers, tf


@dataclass(frozen=True)
class HintsConfig:
    """Which networks, and what they minimize: pix2pix', and a term for the hints.

    Attributes:
        base_filters: Filters of the generator's first level.
        depth: Number of halvings in the generator; by default log2 of the shorter side.
        norm: Normalization of the generator and the discriminator.
        dropout_levels: How many decoder levels have dropout; without any, colours are stable.
        conventions: Whose decisions to follow where the paper leaves something open.
        bias: Which convolutions have a bias; by default as by the conventions.
        affine_instance: Whether instance norm has scale and shift; by default as by conventions.
        upsampling: How the decoder enlarges; by default as by the conventions.
        initializer: How kernels start; by default as by the conventions.
        gain: Deviation or factor of the initializer; by default as by the conventions.
        discriminator_filters: Filters of the discriminator's first layer; by default base_filters.
        receptive_field: Side in pixels of the patches that the discriminator judges.
        l1_weight: Weight of the L1 term beside the adversarial one.
        gan_weight: Weight of the generator's adversarial term.
        hint_weight: Weight of the difference between the translation and the hints.
        adversarial: The adversarial loss.
    """

    base_filters: int = 64
    depth: Optional[int] = None
    norm: Literal["instance", "batch", "batch_sync", "none"] = "instance"
    dropout_levels: int = 0
    conventions: Literal["paper", "torch", "pytorch", "affinelayer", "tf_tutorial"] = "paper"
    bias: Optional[Literal["needed", "all"]] = None
    affine_instance: Optional[bool] = None
    upsampling: Optional[Literal["transpose", "nearest", "bilinear"]] = None
    initializer: Optional[Literal["normal", "xavier", "kaiming", "orthogonal"]] = None
    gain: Optional[float] = None
    discriminator_filters: Optional[int] = None
    receptive_field: Literal[1, 16, 34, 70, 142, 286] = 70
    l1_weight: float = 100.0
    gan_weight: float = 1.0
    hint_weight: float = 10.0
    adversarial: Literal["cross_entropy", "least_squares", "hinge", "wasserstein"] = "cross_entropy"

    def multiple(self, image_size: tuple) -> int:
        """Returns what the sides of images must be multiples of: 2 to the generator's depth.

        Args:
            image_size: `(height, width)` in pixels of the training images.

        Raises:
            ValueError: If they do not allow the depth.
        """
        return 2 ** networks.unet.checked_depth((*image_size, 3), self.depth)


def model(config: ExperimentConfig) -> "models.HintedPix2Pix":
    """Builds the model with its networks and optimizers, in the precision of the training.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.

    Returns:
        A compiled `HintedPix2Pix`, whose generator has open sides.

    Raises:
        ValueError: If the training size does not fit the networks, or options do not fit together.

    Example:
        >>> model(PRESETS["hints_tiny"]).generator.input_shape
        (None, None, None, 4)
    """
    options, train = config.model, config.train
    source_channels, target_channels = pixels.task(config).channels
    style = {
        "norm": options.norm,
        "conventions": chosen_conventions(options),
        "seed": train.seed,
    }
    with precision(train.precision):
        generator = networks.unet_generator(
            (None, None, source_channels + target_channels + 1),
            target_channels,
            base_filters=options.base_filters,
            depth=networks.unet.checked_depth((*config.data.image_size, 3), options.depth),
            dropout_levels=options.dropout_levels,
            **style,
        )
        discriminator = networks.patch_discriminator(
            (*(pixels.geometry(config).window or (None, None)), source_channels),
            target_channels,
            receptive_field=options.receptive_field,
            base_filters=options.discriminator_filters or options.base_filters,
            **style,
        )
    built = models.HintedPix2Pix(
        generator,
        discriminator,
        hint_weight=options.hint_weight,
        l1_weight=options.l1_weight,
        gan_weight=options.gan_weight,
        adversarial=losses.adversarial(options.adversarial),
        update=train.update,
        discriminator_steps=train.discriminator_steps,
    )
    rate = train.discriminator_learning_rate
    judge = optimizers.AdamSettings(rate, updates=train.discriminator_steps)
    return compile_model(built, train, {"discriminator": judge})


def directions(
    config: ExperimentConfig, model: "models.HintedPix2Pix"
) -> dict[str, "inference.Direction"]:
    """Returns the one direction, "translate", of images of any size.

    Photos are translated at the size of the training, and their colours are enlarged to the photo,
    whose lightness is kept; line art is translated as it is.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        model: What `model` returns.

    Returns:
        Dict of name to `Direction`.

    Example:
        >>> config = PRESETS["hints_tiny"]
        >>> [control.name for control in directions(config, model(config))["translate"].controls]
        ['hints']
    """
    generator = model.players["generator"]
    task = pixels.task(config)
    network = networks.hinted_translator(
        generator,
        source_channels=task.channels[0],
        shorter_side=min(config.data.image_size) if isinstance(task, hint_points.Hints) else None,
        multiple=config.model.multiple(config.data.image_size),
    )
    noise = (inference.SEED,) if inference.graph.has_dropout(generator) else ()
    direction = inference.Direction(
        network,
        task,
        multiple=1,
        controls=(points_control(task), *noise),
        kernel=pixels.geometry(config).kernels[0],
        example=_example,
    )
    return {"translate": direction}


def points_control(task) -> "inference.Control":
    """Returns the control of hints; by default there are none.

    Args:
        task: `tfpix2pix.data.hint_points.Hints` or `LineArt`.

    Returns:
        `tfpix2pix.inference.Control`.

    Example:
        >>> control = points_control(pixels.task(PRESETS["hints_tiny"]))
        >>> red = tf.constant([[[2.0, 3.0, 255.0, 0.0, 0.0, 1.0]]])
        >>> control.prepared(red, tf.zeros((1, 8, 8, 1)))[0, 0, :4].numpy().round(2).tolist()
        [2.0, 3.0, 1.0, 0.73...]
    """

    def neutral(source):
        # A row that is no point: files of ONNX and TensorFlow Lite take no empty tensors.
        return tf.tile([[[0.0, 0.0, 0.0, 0.0, 0.0, -1.0]]], (tf.shape(source)[0], 1, 1))

    def prepared(points, source):
        points = inference.points.checked_points(points, source)
        places = tf.concat([points[..., :2], points[..., 5:]], axis=-1)
        return tf.concat([places, task.hint_values(points[..., 2:5])], axis=-1)

    about = {
        "kind": "points",
        "title": "Hints",
        "range": [0, 255],
        "most": inference.points.MOST_POINTS,
        "strokes": isinstance(task, hint_points.LineArt),
    }
    spec = tf.TensorSpec((None, inference.points.POINT))
    return inference.Control(
        "hints", spec, neutral, about, prepared=prepared, reveal=hint_points.revealed
    )


def _example(batch):
    source, _, target = batch
    return inference.Example(source, target)


PHOTOS = "hints"  # As `tfpix2pix.data.hint_points` calls its tasks.
FEED = dataclasses.replace(pairs.FEED, tasks=(PHOTOS, "line_art"))

HINTS = ExperimentConfig(
    name="hints",
    summary="""Photos coloured with hints at points, at 256 pixels; a folder of photos is all.

    python -m training.train hints --data PHOTOS --run RUN
    Not measured.
    """,
    data=DataConfig(task=PHOTOS),
    model=HintsConfig(),
    train=TrainConfig(epochs=200),
    family="hints",
)

HINTS_SMALL = ExperimentConfig(
    name="hints_small",
    summary="""Photos coloured with hints at 128 pixels, for a machine without a GPU.

    python -m training.train hints_small --data PHOTOS --run RUN
    353 cats, 12,000 of its steps: 44 minutes on two cores beside other work, in bfloat16. L1 0.062
    of held-out colours without hints; PSNR 25.9, with one point 27.5, with 20 points 29.1.
    """,
    data=DataConfig(task=PHOTOS, image_size=(128, 128)),
    model=HintsConfig(base_filters=32),
    train=TrainConfig(steps=20_000),
    family="hints",
)

HINTS_TINY = ExperimentConfig(
    name="hints_tiny",
    summary="""Photos coloured with hints at 64 pixels, to see within minutes whether all works.

    python -m training.train hints_tiny --data PHOTOS --run RUN
    353 cats: 3,000 steps in 1:22 minutes on two cores beside other work. L1 0.057 of held-out
    colours without hints.
    """,
    data=DataConfig(task=PHOTOS, image_size=(64, 64)),
    model=HintsConfig(base_filters=16, receptive_field=34),
    train=TrainConfig(steps=3000, batch_size=2, checkpoint_every=200, log_every=20),
    family="hints",
)

TINIEST = {"base_filters": 4, "receptive_field": 16}
EXPERIMENTS = (HINTS, HINTS_SMALL, HINTS_TINY, debug_experiment(HINTS_TINY, **TINIEST))
PRESETS = {experiment.name: experiment for experiment in EXPERIMENTS}

FAMILY = Family(
    HintsConfig,
    PRESETS,
    FEED,
    model,
    directions,
    remedies={
        "strong_discriminator": "Lower `train.discriminator_learning_rate`.",
        "collapse": "Raise `model.l1_weight`, or lower `train.discriminator_learning_rate`.",
        "checkerboard": "Use `model.upsampling` nearest.",
    },
)
