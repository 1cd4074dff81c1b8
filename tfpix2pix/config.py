"""Configuration of an experiment: frozen, typed data that families unpack."""

import dataclasses
from pathlib import Path
from typing import Any, Literal, Optional, Union

from tfpix2pix.errors import InputError

Size = Union[int, tuple[int, int]]
Labels = Union[int, str, dict[str, tuple[int, int, int]]]
Kernel = Literal["bilinear", "bicubic", "area", "nearest"]
Dtype = Literal["uint8", "uint16", "float32"]
Layout = Literal["auto", "side_by_side", "folders", "manifest", "tfrecord", "photos", "unpaired"]


@dataclasses.dataclass(frozen=True)
class PlaceConfig:
    """The images of one place beside source and target; what is left open is as in the files.

    Attributes:
        channels: Channels of the images.
        dtype: Type of their pixels; of ids int32.
        value_range: Pixel values that networks see as -1 and 1; those of ids stay.
        kernel: How they are resampled; ids by nearest.
    """

    channels: Optional[int] = None
    dtype: Optional[Literal["uint8", "uint16", "float32", "int32"]] = None
    value_range: Optional[tuple[float, float]] = None
    kernel: Optional[Kernel] = None

    def __post_init__(self):
        """Brings lists of a file into tuples."""
        if self.value_range is not None:
            object.__setattr__(self, "value_range", tuple(self.value_range))


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which images, and how they are prepared.

    Attributes:
        folder: Folder of the images, or of `train` and `test` with them; or a CSV or JSONL manifest
            with the columns a and b, or as the images of a scene are called.
        layout: How the files are arranged in the folder; detected by default.
        task: pairs translates one image of a pair into the other; colorization, inpainting, edges
            and those of some papers make the sources of photos.
        edges_by: Folder of a run or of an export, from photos to edges, that draws the edges of the
            task edges; each photo is drawn once, and the drawing kept in the user's cache folder.
        edges_by_sha256: Hash of the weights of that model. A training records it, and goes on with
            the same alone.
        direction: AtoB translates A (the left half) into B, BtoA B into A.
        preprocess: Which part of the images is taken at which size.
        image_size: Height and width in pixels of the training images; one number for a square.
        load_size: Height and width to which images are resized before the random crop; by default
            286/256 of the image size.
        source_channels: Channels of the images that are translated; by default those of the files,
            or of their classes.
        target_channels: The same of the translations.
        source_kernel: How sources are resampled; by default label maps by nearest, and pictures by
            bilinear.
        target_kernel: The same of targets.
        source_labels: If sources are label maps, the count of classes, or their names and RGB
            colours, or cmp_facades; networks then see them one-hot.
        target_labels: The same of targets.
        ignored_label: Number in label maps of pixels of no class, such as 255; networks see them in
            none of the classes.
        source_dtype: Type of the sources' pixels; by default that of the files.
        target_dtype: Type of the targets' pixels; translations are written with it.
        source_range: Pixel values that networks see as -1 and 1; by default all that fit the type.
        target_range: The same of targets.
        places: Images of an example beside source and target by their names, such as instance, for
            papers that have such; by default those that the data have.
        attributes: CSV table of words and numbers that examples have beside their images: the first
            column names the images, the first line the columns; for papers that have such.
        flip: Whether pairs are mirrored at random.
        source_brightness: Most that is added to sources alone at random, of their range of 2.
        source_noise: Deviation of noise on sources alone, of their range of 2.
        serial_batches: Whether images of two domains come in the order of their names, the n-th of
            A with the n-th of B, instead of at random.
        bad_files: Whether files that cannot be used are refused or skipped with a note.
        cache_gigabytes: Resized images are kept in memory when all need at most this much.
    """

    folder: Optional[str] = None
    layout: Literal[
        "auto", "side_by_side", "folders", "manifest", "tfrecord", "photos", "unpaired"
    ] = "auto"
    task: str = "pairs"
    edges_by: Optional[str] = None
    edges_by_sha256: Optional[str] = None
    direction: Literal["AtoB", "BtoA"] = "AtoB"
    preprocess: Literal[
        "resize_and_crop", "crop", "scale_width_and_crop", "scale_width", "pad", "none"
    ] = "resize_and_crop"
    image_size: Size = (256, 256)
    load_size: Optional[Size] = None
    source_channels: Optional[int] = None
    target_channels: Optional[int] = None
    source_kernel: Optional[Kernel] = None
    target_kernel: Optional[Kernel] = None
    source_labels: Optional[Labels] = None
    target_labels: Optional[Labels] = None
    ignored_label: Optional[int] = None
    source_dtype: Optional[Dtype] = None
    target_dtype: Optional[Dtype] = None
    source_range: Optional[tuple[float, float]] = None
    target_range: Optional[tuple[float, float]] = None
    places: Optional[dict[str, PlaceConfig]] = None
    attributes: Optional[str] = None
    flip: bool = True
    source_brightness: float = 0.0
    source_noise: float = 0.0
    serial_batches: bool = False
    bad_files: Literal["refuse", "skip"] = "refuse"
    cache_gigabytes: float = 1.0

    @property
    def task_of_examples(self) -> str:
        """The task on examples: photos whose edges a model has drawn are pairs."""
        return "pairs" if self.edges_by else self.task

    def __post_init__(self):
        """Brings sizes into the form `(height, width)`, and lists of a file into tuples."""
        if self.task != "edges" and (self.edges_by or self.edges_by_sha256):
            raise InputError(
                "`edges_by` is the model that draws the photos of the task edges. Received: "
                f"task={self.task!r}, edges_by={self.edges_by!r}. Set `task` to edges, or leave "
                "the model out."
            )
        for name in ("image_size", "load_size", "source_range", "target_range"):
            value = getattr(self, name)
            if value is not None:
                value = (value, value) if isinstance(value, int) else tuple(value)
                object.__setattr__(self, name, value)
        if self.places is not None:
            places = {
                name: PlaceConfig(**place) if isinstance(place, dict) else place
                for name, place in self.places.items()
            }
            object.__setattr__(self, "places", places)
        for name in ("source_labels", "target_labels"):
            if isinstance(labels := getattr(self, name), dict):
                labels = {label: tuple(color) for label, color in labels.items()}
                object.__setattr__(self, name, labels)


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How long and how fast to train, and what to write meanwhile.

    Attributes:
        steps: Length of the training; one step is one batch.
        epochs: Length of the training in passes over its data, of two domains over the larger one;
            a run records the steps that follow. By default steps decide.
        batch_size: Pairs in a batch, over all devices together.
        learning_rate: Learning rate of Adam.
        discriminator_learning_rate: Learning rate of the discriminators; by default learning_rate.
        update: alternating updates the discriminator, then the generator against it; simultaneous
            computes the gradients of both before it updates either.
        discriminator_steps: Steps of the discriminator per step of the generator.
        schedule: Learning rate schedule: constant, linear or cosine decay to 0 after the last step,
            or a tenth every decay_every steps.
        warmup_steps: Steps over which the learning rates rise at first.
        decay_from: First step of the decay, for linear and cosine; by default the middle for
            linear, and for cosine the end of the warm-up.
        decay_every: Steps from one tenth to the next; by default a quarter of all.
        clip_norm: Greatest gradient norm of a player; by default gradients are not clipped.
        micro_batches: Gradient accumulation: number of micro-batches per step. Each device
            processes its batch in that many equal parts and updates once, which saves memory.
            Batch norm sees one part at a time.
        precision: What networks compute in; weights, losses and exports stay float32.
            auto_bfloat16 is for processors with bfloat16, and lets TensorFlow rewrite the graph of
            the step; the mixed ones are Keras' policies, for GPUs.
        ema_decay: Decay of the moving averages of the translators' weights, such as 0.999; 0 for
            none.
        jit: Whether XLA compiles the step, on one device; not on a CPU, where it is far slower.
        deterministic: Whether the same command on the same machine and versions gives the same
            weights to the bit on GPUs too, slower; on CPUs it does so anyway.
        seed: Seed of weights, noise, order and jitter.
        checkpoint_every: Steps from one checkpoint and sample picture to the next.
        keep_checkpoints: How many of the newest checkpoints stay on disk.
        log_every: Steps from one line of metrics to the next.
        validate_every: Steps from one validation on held-out examples to the next; by default
            checkpoint_every.
        best_by: Validation metric by which the best checkpoint is kept; by default the model's
            first, L1 for pairs.
        patience: After how many validations without a better one to stop; by default never.
        rollback_on_nan: Whether to restore the last checkpoint when a loss is not finite, and to
            continue with the next batches, instead of stopping.
        histograms: Whether TensorBoard gets the distributions of all weights at every checkpoint.
        start_from: Run whose weights to start with, where names and shapes agree.
    """

    steps: int = 80_000
    epochs: Optional[int] = None
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
    micro_batches: int = 1
    precision: Literal["float32", "auto_bfloat16", "mixed_float16", "mixed_bfloat16"] = "float32"
    ema_decay: float = 0.0
    jit: bool = False
    deterministic: bool = False
    seed: int = 0
    checkpoint_every: int = 1000
    keep_checkpoints: int = 3
    log_every: int = 50
    validate_every: Optional[int] = None
    best_by: Optional[str] = None
    patience: Optional[int] = None
    rollback_on_nan: bool = False
    histograms: bool = False
    start_from: Optional[str] = None

    def __post_init__(self):
        """Refuses two lengths."""
        if self.epochs is not None and (self.epochs < 1 or self.steps != TrainConfig.steps):
            raise InputError(
                "A training takes a number of `steps`, or at least one of `epochs`. Received: "
                f"steps={self.steps}, epochs={self.epochs}. Leave one of them at its default, "
                f"steps={TrainConfig.steps} or epochs=None."
            )


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
    """A whole experiment.

    Attributes:
        name: Name of the preset it started from.
        summary: What the experiment is, costs and gives.
        data: The images.
        model: The networks and their objective: options of the family.
        train: The training.
        family: Name of the family, one of `tfpix2pix.families.FAMILIES`.
        untrained: Players that an imported run had no file for. Until its training goes on, it has
            no directions of theirs.
    """

    name: str
    summary: str
    data: DataConfig = DataConfig()
    model: Any = None
    train: TrainConfig = TrainConfig()
    family: str = "pix2pix"
    untrained: tuple[str, ...] = ()

    def __post_init__(self):
        """Brings lists of a file into tuples."""
        object.__setattr__(self, "untrained", tuple(self.untrained))

    def with_data(self, folder: Union[str, Path]) -> "ExperimentConfig":
        """Returns the same experiment on another folder of images."""
        data = dataclasses.replace(self.data, folder=str(folder))
        return dataclasses.replace(self, data=data)


SECTIONS = ("data", "model", "train")


def differences(config, other, *, ignoring=()):
    """Lists the options in which two experiments differ.

    Args:
        config: `ExperimentConfig`.
        other: `ExperimentConfig`.
        ignoring: Dotted names of options that may differ.

    Returns:
        Dict of dotted name, such as `"model.norm"`, to the two values.

    Example:
        >>> from tfpix2pix.families import preset
        >>> a = preset("facades")
        >>> differences(a, dataclasses.replace(a, train=TrainConfig(seed=2)))
        {'train.seed': (0, 2)}
    """
    values = _options(config)
    other_values = _options(other)
    names = [name for name in {**values, **other_values} if name not in ignoring]
    return {
        name: (values.get(name), other_values.get(name))
        for name in names
        if values.get(name) != other_values.get(name)
    }


def _options(config):
    """Returns all options by their dotted names, the family among them."""
    options = {"family": config.family}
    for section in SECTIONS:
        values = getattr(config, section)
        for field in dataclasses.fields(values):
            options[f"{section}.{field.name}"] = getattr(values, field.name)
    return options
