"""Directions: the ways in which a model translates, and what a user may set beside the image.

Families build them; export, translation, evaluation and serving go by them alone, so none of these
knows a paper.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Callable, NamedTuple, Optional

import tensorflow as tf
from tensorflow import keras

_NOTHING = MappingProxyType({})


class Control(NamedTuple):
    """An input beside the image that a user may set: a seed, hints, instances, style, attributes.

    Attributes:
        name: Name of the signature's input, of the command's option and of the page's widget.
        spec: `tf.TensorSpec` of one example, without the batch; `None` stands for open sides.
        neutral: TensorFlow function of a batch of sources, float `[batch, height, width,
            channels]`, to the batch of values used where a user sets none; what it gives for an
            image depends on no other. `None` for the seed, which is no input of the network:
            without it there is no noise.
        about: What the model card and the page say of it: `kind` of widget ("seed", "slider",
            "choice", "attributes", "numbers", "weights", "text", "map", "points" or "image"),
            `title`, `range`, `names`; see `serving/README.md` for what each kind shows. "points"
            are rows as of `tfpix2pix.inference.points.point_rows`.
        sample: TensorFlow function of a seed, int64 `[2]` as of `tf.random.stateless_normal`, and
            of a batch of sources to a batch of values drawn by it, one for each image, which
            depends on no other; `None` where chance means nothing. By it a seed decides this
            control where it is not set.
        prepared: TensorFlow function of a batch of values as of `spec`, and of their sources, to
            what the network takes; it refuses what does not fit the images. `None` for values that
            the network takes as they are.
        reveal: TensorFlow function of pixels of targets as people see them, float `[batch, height,
            width, 3]` in [0, 255], of a count and a key, int64 `[2]`, to values that show so many
            places of them; `None` of controls that show nothing of a target.

    Example:
        >>> SEED.name, SEED.spec.dtype
        ('seed', tf.int64)
    """

    name: str
    spec: tf.TensorSpec
    neutral: Optional[Callable] = None
    about: Mapping[str, Any] = _NOTHING
    sample: Optional[Callable] = None
    prepared: Optional[Callable] = None
    reveal: Optional[Callable] = None


class Example(NamedTuple):
    """What one direction sees of a batch of held-out examples.

    Attributes:
        source: float32 `[batch, height, width, channels]` in [-1, 1].
        target: float32 `[batch, height, width, output_channels]` in [-1, 1]; `None` where sources
            have no targets to compare with.
        controls: Dict of the names of controls to their batches; what is missing is neutral.
        reference: As `target`, but of no pair: real images of what the direction translates into,
            which translations without targets are compared with all together.

    Example:
        >>> Example(tf.zeros((1, 8, 8, 3))).target is None
        True
    """

    source: tf.Tensor
    target: Optional[tf.Tensor] = None
    controls: Mapping[str, tf.Tensor] = _NOTHING
    reference: Optional[tf.Tensor] = None


def paired_example(batch) -> Example:
    """Returns what a direction sees of a batch `(source, target)`.

    Args:
        batch: Tuple of two float `[batch, height, width, channels]` in [-1, 1].

    Returns:
        `Example`.

    Example:
        >>> paired_example((tf.zeros((2, 8, 8, 3)), tf.ones((2, 8, 8, 1)))).target.shape
        TensorShape([2, 8, 8, 1])
    """
    source, target = batch
    return Example(source, target)


def example_names(examples) -> list[str]:
    """Returns the names of all examples: those that a direction translates, of paired data.

    Args:
        examples: What can be read of one split; see `tfpix2pix.families.Feed`.

    Returns:
        List of str.

    Example:
        >>> from types import SimpleNamespace
        >>> example_names(SimpleNamespace(names=["1.png", "2.png"]))
        ['1.png', '2.png']
    """
    return list(examples.names)


class Direction(NamedTuple):
    """One way in which a model translates.

    Attributes:
        network: `keras.Model` with open sides, of an image or `[image, *controls]` to an image.
        task: `tfpix2pix.data.tasks.Pairs` or another: pixels of files to what the network sees, and
            back.
        multiple: What the sides of the network's images must be multiples of, in pixels.
        controls: `Control`s; those with a neutral value are the network's further inputs, in its
            order.
        paired: Whether held-out sources have targets to compare with.
        kernel: How sources are resized, see `tfpix2pix.data.images.resize`.
        example: Function of a batch of held-out examples to the `Example` of this direction.
        sources: Function of held-out examples to the names of those that the direction translates.
            The batches begin with these, in this order; what follows repeats some.
        references: The same of the real images in `Example.reference`; `None` if there are none.
        reverse: Name of the direction that goes back, `None` if there is none. It takes what this
            one translates, and images like its sources, as they are.

    Example:
        >>> from tfpix2pix.data.formats import PixelFormat
        >>> from tfpix2pix.data.tasks import Pairs
        >>> from tfpix2pix.networks import unet_generator
        >>> network = unet_generator((None, None, 3), depth=2, base_filters=4)
        >>> task = Pairs((PixelFormat(3, "uint8", (0.0, 255.0)),) * 2)
        >>> Direction(network, task, multiple=4, controls=(SEED,)).inputs
        ()
    """

    network: keras.Model
    task: Any
    multiple: int
    controls: tuple[Control, ...] = ()
    paired: bool = True
    kernel: str = "bilinear"
    example: Callable = paired_example
    sources: Callable = example_names
    references: Optional[Callable] = None
    reverse: Optional[str] = None

    @property
    def inputs(self) -> tuple[Control, ...]:
        """The controls that are inputs of the network, in its order."""
        return tuple(control for control in self.controls if control.neutral is not None)

    @property
    def has_seed(self) -> bool:
        """Whether one of the controls is a seed, without which there is no chance."""
        return len(self.inputs) < len(self.controls)

    @property
    def has_drawn_inputs(self) -> bool:
        """Whether chance means something for one of the inputs."""
        return any(control.sample is not None for control in self.inputs)


# All chance: the noise of dropout (Isola et al., 2017, 3.4), and controls that have a `sample`.
SEED = Control("seed", tf.TensorSpec((), tf.int64), about={"kind": "seed", "title": "Seed"})
