"""Segmenters: networks that predict the class of each pixel of a photo, and their files.

A translation of a label map is good if a segmenter of photos predicts the labels from it: the
FCN-score of [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 3.
"""

import json
from pathlib import Path

import tensorflow as tf
from tensorflow import keras

from tfpix2pix import atomic, inference, optimizers
from tfpix2pix.data.palettes import palette
from tfpix2pix.errors import InputError
from tfpix2pix.metrics.segmentation import SegmentationScores
from tfpix2pix.networks import unet_generator
from training import progress

DESCRIPTION = "assets.extra/classes.json"
DEPTH = 4  # Halvings of the sides; the instance norms add statistics of the whole photo.
LEARNING_RATE = 1e-3
SHOWN_EVERY = 20  # Steps between two readings of the loss, each of which waits for the step.
TRIED_SIDE = 64  # Pixels of the photo that a segmenter of unknown origin is tried with.
LONGEST_REASON = 200  # Characters of TensorFlow's error that are reported.


def build(classes: int, *, filters: int, seed: int) -> keras.Model:
    """Builds the network of a segmenter: a U-Net for features, and a logit of each class.

    Args:
        classes: Number of classes.
        filters: Filters of the first level, and features of each pixel.
        seed: Seed of the initial weights.

    Returns:
        `keras.Model` of photos, float `[batch, height, width, 3]` in [-1, 1] with sides that are
        multiples of `2**DEPTH`, to logits, float32 `[batch, height, width, classes]`.
    """
    features = unet_generator(
        (None, None, 3), filters, base_filters=filters, depth=DEPTH, dropout_levels=0, seed=seed
    )
    initializer = keras.initializers.GlorotUniform(seed)
    logits = keras.layers.Conv2D(classes, 1, kernel_initializer=initializer, name="logits")
    return keras.Model(features.input, logits(features.output), name="segmenter")


def train(network: keras.Model, batches, *, steps: int, title: str = "Segmenter") -> None:
    """Trains a segmenter, or another classifier, by cross-entropy.

    Args:
        network: `keras.Model` of photos to logits, such as that of `build`.
        batches: Endless iterable of `(photo, one_hot)`, float `[batch, height, width, channels]`
            in [-1, 1], the second as the logits.
        steps: How many batches to train on.
        title: What the progress bar says.
    """
    optimizer = optimizers.adam(LEARNING_RATE, beta_1=0.9)

    @tf.function
    def step(photo, one_hot):
        with tf.GradientTape() as tape:
            logits = network(photo, training=True)
            loss = tf.nn.softmax_cross_entropy_with_logits((one_hot + 1) / 2, logits)
            loss = tf.reduce_mean(loss)
        optimizer.minimize(loss, network.trainable_variables, tape=tape)
        return loss

    shown = progress.bar(range(steps), title, "steps")
    for number, batch in zip(shown, batches):
        loss = step(*batch)
        if number % SHOWN_EVERY == 0:
            shown.set_postfix(loss=f"{float(loss):.3g}")


class Segmenter(tf.Module):
    """What `save` writes of a network: a call that takes photos of any size.

    Args:
        network: See `build`.
    """

    def __init__(self, network: keras.Model):
        super().__init__()
        self.network_variables = network.variables
        # Behind a function, or Keras would trace and save each of the layers as well.
        self._network = lambda: network

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), name="photo")])
    def __call__(self, photo):
        """Returns logits, float32 `[batch, height, width, classes]`, of photos in [-1, 1]."""
        return inference.translate(self._network(), photo)


def scores(segment, batches, classes: int) -> dict[str, float]:
    """Measures a segmenter on labelled photos.

    Args:
        segment: Function of photos to logits.
        batches: Iterable of `(photo, one_hot)`, float `[batch, height, width, channels]` in
            [-1, 1].
        classes: Number of classes.

    Returns:
        Dict of the names of `tfpix2pix.metrics.segmentation_scores` to float.
    """
    metric = SegmentationScores(classes)
    for photo, one_hot in batches:
        metric.update_state(tf.argmax(one_hot, axis=-1), segment(photo))
    return {name: float(score) for name, score in metric.result().items()}


def class_description(labels) -> dict:
    """Describes classes for `save`.

    Args:
        labels: Count of classes, or their names and RGB colours, or the name of a palette; see
            `tfpix2pix.config.DataConfig`.

    Returns:
        Dict of `names`, list of str, and `colors`, list of RGB colours or `None` where label maps
        hold the numbers of the classes.
    """
    colors = palette(labels)
    if isinstance(colors, int):
        return {"names": [str(number) for number in range(colors)], "colors": None}
    return {"names": list(colors), "colors": list(colors.values())}


def save(module: tf.Module, description: dict, to: Path) -> None:
    """Writes a segmenter, whole or not at all.

    Args:
        module: `tf.Module` whose `__call__` is a `tf.function` of photos to logits.
        description: Dict of `names`, list of the classes' names, and `colors`, list of their RGB
            colours or `None` where label maps hold their numbers; further entries are free.
        to: Folder of the SavedModel.
    """
    with atomic.replacing(to) as part:
        tf.saved_model.save(module, str(part))
        atomic.write_bytes(json.dumps(description, indent=1).encode(), part / DESCRIPTION)


def load(folder: Path):
    """Loads a segmenter with its classes, of `training.segmenter` or of another origin.

    Args:
        folder: Folder of the SavedModel.

    Returns:
        `(segment, labels)`: a function of photos, float32 `[batch, height, width, 3]` in [-1, 1],
        to logits, and the classes as `tfpix2pix.config.DataConfig` takes them.

    Raises:
        ValueError: If it is no SavedModel, or its classes are not described.
    """
    try:
        labels = _labels(folder)
        segment = tf.saved_model.load(str(folder))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"A segmenter is a SavedModel with {DESCRIPTION}, as `python -m training.segmenter` "
            f"makes it. Received: {str(folder)!r}, which is none. Check the spelling or train it "
            "first."
        ) from error
    return segment, labels


def load_any(folder: Path):
    """Loads a segmenter whose classes need not be described.

    Args:
        folder: Folder of the SavedModel.

    Returns:
        `(segment, labels)` as of `load`; `labels` is `None` where the classes are not described.

    Raises:
        ValueError: If it is no SavedModel whose call takes photos.
    """
    if Path(folder, DESCRIPTION).is_file():
        return load(folder)
    try:
        segment = tf.saved_model.load(str(folder))
        segment(tf.zeros((1, TRIED_SIDE, TRIED_SIDE, 3)))
    except (OSError, TypeError, ValueError, tf.errors.OpError) as error:
        reason = str(error).splitlines()[0][:LONGEST_REASON]
        raise InputError(
            "A segmenter is a SavedModel whose call takes RGB images, float32 "
            f"[batch, height, width, 3], and returns logits. Received: {str(folder)!r} ({reason}). "
            "Make one with `python -m training.segmenter`."
        ) from error
    return segment, None


def _labels(folder):
    description = json.loads(Path(folder, DESCRIPTION).read_text("utf-8"))
    names = description["names"]
    colors = description["colors"]
    if colors is None:
        return len(names)
    return {name: tuple(color) for name, color in zip(names, colors)}
