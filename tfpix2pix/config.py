"""Configuration of an experiment: frozen, typed data that `factory` alone unpacks."""

import dataclasses
import os
from pathlib import Path
from typing import Literal, Optional, Union

import yaml

from tfpix2pix.errors import InputError

Size = Union[int, tuple[int, int]]
Labels = Union[int, str, dict[str, tuple[int, int, int]]]
Kernel = Literal["bilinear", "bicubic", "area", "nearest"]
Dtype = Literal["uint8", "uint16", "float32"]


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which images, and how they are prepared.

    Attributes:
        folder: Folder of the images, or of `train` and `test` with them; or a CSV or JSONL manifest
            with the columns a and b.
        layout: How the images lie there; by default it is seen.
        task: pairs translates one image of a pair into the other; the rest make the sources of
            photos.
        direction: AtoB translates A (the left half) into B, BtoA B into A.
        preprocess: Which part of the images is taken at which size.
        image_size: Height and width in pixels of the training images; one number for a square.
        load_size: Height and width to which images are resized before the random crop; by default
            286/256 of the image size.
        source_kernel: How sources are resampled; by default label maps by nearest, and pictures by
            bilinear.
        target_kernel: The same of targets.
        source_labels: If sources are label maps, the count of classes, or their names and RGB
            colours, or cmp_facades; networks then see them one-hot.
        target_labels: The same of targets.
        source_dtype: Type of the sources' pixels; by default that of the files.
        target_dtype: Type of the targets' pixels; translations are written with it.
        source_range: Pixel values that networks see as -1 and 1; by default all that fit the type.
        target_range: The same of targets.
        flip: Whether pairs are mirrored at random.
        source_brightness: Most that is added to sources alone at random, of their range of 2.
        source_noise: Deviation of noise on sources alone, of their range of 2.
        bad_files: Whether files that cannot be used are refused or skipped with a note.
        cache_gigabytes: Resized images are kept in memory when all need at most this much.
    """

    folder: Optional[str] = None
    layout: Literal["auto", "side_by_side", "folders", "manifest", "tfrecord", "photos"] = "auto"
    task: Literal["pairs", "colorization", "inpainting", "edges"] = "pairs"
    direction: Literal["AtoB", "BtoA"] = "AtoB"
    preprocess: Literal[
        "resize_and_crop", "crop", "scale_width_and_crop", "scale_width", "pad", "none"
    ] = "resize_and_crop"
    image_size: Size = (256, 256)
    load_size: Optional[Size] = None
    source_kernel: Optional[Kernel] = None
    target_kernel: Optional[Kernel] = None
    source_labels: Optional[Labels] = None
    target_labels: Optional[Labels] = None
    source_dtype: Optional[Dtype] = None
    target_dtype: Optional[Dtype] = None
    source_range: Optional[tuple[float, float]] = None
    target_range: Optional[tuple[float, float]] = None
    flip: bool = True
    source_brightness: float = 0.0
    source_noise: float = 0.0
    bad_files: Literal["refuse", "skip"] = "refuse"
    cache_gigabytes: float = 1.0

    def __post_init__(self):
        """Brings sizes into the form `(height, width)`, and lists of a file into tuples."""
        for name in ("image_size", "load_size", "source_range", "target_range"):
            value = getattr(self, name)
            if value is not None:
                value = (value, value) if isinstance(value, int) else tuple(value)
                object.__setattr__(self, name, value)
        for name in ("source_labels", "target_labels"):
            if isinstance(labels := getattr(self, name), dict):
                labels = {label: tuple(color) for label, color in labels.items()}
                object.__setattr__(self, name, labels)


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Which networks, and what they minimize.

    Attributes:
        source_channels: Channels of the images that are translated; by default those of the data,
            or of their classes.
        target_channels: The same of the translations.
        base_filters: Filters of the generator's first level.
        depth: Number of halvings in the generator; by default log2 of the shorter side.
        norm: Normalization of the generator and the discriminator.
        dropout_levels: How many decoder levels have dropout.
        skips: Whether the generator is a U-Net; else it is the encoder-decoder.
        conventions: Whose decisions to follow where the paper leaves something open.
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

    source_channels: Optional[int] = None
    target_channels: Optional[int] = None
    base_filters: int = 64
    depth: Optional[int] = None
    norm: Literal["instance", "batch", "batch_sync", "none"] = "instance"
    dropout_levels: int = 3
    skips: bool = True
    conventions: Literal["paper", "torch", "pytorch", "affinelayer", "tf_tutorial"] = "paper"
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


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How long and how fast to train, and what to write meanwhile.

    Attributes:
        steps: Length of the training; one step is one batch.
        batch_size: Pairs in a batch, over all devices together.
        learning_rate: Adam's step size.
        discriminator_learning_rate: The discriminator's step size; by default learning_rate.
        update: Whether the generator learns from the updated discriminator, or both at once.
        discriminator_steps: Steps of the discriminator per step of the generator.
        schedule: How the step sizes fall: not at all, linearly or by a cosine to 0 after the last
            step, or to a tenth every decay_every steps.
        warmup_steps: Steps over which the step sizes rise at first.
        decay_from: First step of lower step sizes, for linear and cosine; by default the middle
            for linear, and for cosine the end of the warm-up.
        decay_every: Steps from one tenth to the next; by default a quarter of all.
        clip_norm: Longest gradient of a player that is taken whole; by default any.
        accumulate: Equal parts in which each device takes its batch, one after the other, to save
            memory; the step is that of the whole batch. Batch norm sees one part at a time.
        precision: What networks compute in; weights, losses and exports stay float32.
        ema: Share that the averaged generator keeps of itself per step, such as 0.999; 0 for none.
        jit: Whether XLA compiles the step, on one device; not on a CPU, where it is far slower.
        deterministic: Whether the same command on the same machine and versions gives the same
            weights to the bit on GPUs too, slower; on CPUs it does so anyway.
        seed: Seed of weights, noise, order and jitter.
        checkpoint_every: Steps from one checkpoint and sample picture to the next.
        keep_checkpoints: How many of the newest checkpoints stay on disk.
        log_every: Steps from one line of metrics to the next.
        validate_every: Steps from one validation on held-out examples to the next; by default
            checkpoint_every.
        best_by: Metric by which the best checkpoint is kept.
        patience: After how many validations without a better one to stop; by default never.
        rollback: Whether to go back to the last checkpoint when a loss is not finite, and on with
            the batches after; else the training stops.
        histograms: Whether TensorBoard gets the distributions of all weights at every checkpoint.
        start_from: Run whose weights to start with, where names and shapes agree.
    """

    steps: int = 80_000
    batch_size: int = 1
    learning_rate: float = 2e-4
    discriminator_learning_rate: Optional[float] = None
    update: Literal["alternating", "simultaneous"] = "alternating"
    discriminator_steps: int = 1
    schedule: Literal["constant", "linear", "cosine", "step"] = "constant"
    warmup_steps: int = 0
    decay_from: Optional[int] = None
    decay_every: Optional[int] = None
    clip_norm: Optional[float] = None
    accumulate: int = 1
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    ema: float = 0.0
    jit: bool = False
    deterministic: bool = False
    seed: int = 0
    checkpoint_every: int = 1000
    keep_checkpoints: int = 3
    log_every: int = 50
    validate_every: Optional[int] = None
    best_by: Literal["l1", "psnr", "ssim"] = "l1"
    patience: Optional[int] = None
    rollback: bool = False
    histograms: bool = False
    start_from: Optional[str] = None


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
    """A whole experiment.

    Attributes:
        name: Name of the preset it started from.
        summary: What the experiment is, costs and gives.
        data: The image pairs.
        model: The networks and their objective.
        train: The training.
    """

    name: str
    summary: str
    data: DataConfig = DataConfig()
    model: ModelConfig = ModelConfig()
    train: TrainConfig = TrainConfig()


SECTIONS = {"data": DataConfig, "model": ModelConfig, "train": TrainConfig}
FILE_NAME = "config.yaml"


def save(config, run):
    """Writes the configuration of a run to `config.yaml` in its folder, all at once or not at all.

    Args:
        config: `ExperimentConfig`.
        run: Folder of the run; made if it is missing.

    Example:
        >>> save(ExperimentConfig("mine", "An example.", train=TrainConfig(steps=3)), "runs/mine")
        >>> load("runs/mine").train.steps
        3
    """
    path = Path(run) / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(yaml.safe_dump(_plain(dataclasses.asdict(config)), sort_keys=False), "utf-8")
    os.replace(part, path)


def load(run):
    """Reads the configuration of a run.

    Args:
        run: Folder of the run.

    Returns:
        The `ExperimentConfig` that was saved there.

    Raises:
        ValueError: If the folder has none, or it does not fit this version.

    Example:
        >>> load("no-such-run")
        Traceback (most recent call last):
        ...
        tfpix2pix.errors.InputError: ...
    """
    path = Path(run) / FILE_NAME
    if not path.is_file():
        raise InputError(
            f"A run is a folder with a {FILE_NAME}, as `python -m training.train` makes it. "
            f"Received: {str(run)!r}, which has none. Check the spelling or train it first."
        )
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        sections = {name: build(**content.pop(name)) for name, build in SECTIONS.items()}
        return ExperimentConfig(**sections, **content)
    except (AttributeError, KeyError, TypeError, yaml.YAMLError) as error:
        raise InputError(
            f"{path} must hold the sections {', '.join(SECTIONS)} with the options of this "
            f"version. Received something else ({error}). Restore the file or train anew."
        ) from error


def differences(config, other, *, ignoring=()):
    """Lists the options in which two experiments differ.

    Args:
        config: `ExperimentConfig`.
        other: `ExperimentConfig`.
        ignoring: Dotted names of options that may differ.

    Returns:
        Dict of dotted name, such as `"model.norm"`, to the two values.

    Example:
        >>> a = ExperimentConfig("a", "", train=TrainConfig(seed=1))
        >>> differences(a, dataclasses.replace(a, train=TrainConfig(seed=2)))
        {'train.seed': (1, 2)}
    """
    return {
        f"{section}.{field.name}": (getattr(first, field.name), getattr(second, field.name))
        for section in SECTIONS
        for first, second in [(getattr(config, section), getattr(other, section))]
        for field in dataclasses.fields(first)
        if getattr(first, field.name) != getattr(second, field.name)
        and f"{section}.{field.name}" not in ignoring
    }


def _plain(value):
    """Returns `value` with lists for tuples, which YAML has no plain form for."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
