"""Domain classifiers: small networks that tell two domains apart, whose features judge others.

FID and KID need features. Those of InceptionV3 are a file of weights that must come from
elsewhere; these are learned from the training images of a run, in a minute, and describe what
makes the domains differ. Scores by them are comparable where the same features are used.
"""

import dataclasses
import hashlib
from pathlib import Path

import tensorflow as tf
from tensorflow import keras

from tfpix2pix.data import images
from tfpix2pix.errors import InputError
from tfpix2pix.families import Worker
from tfpix2pix.runs import Run
from training import progress
from training.evaluation import segmenters

SIDE = 128  # Pixels to which pictures are resized.
FILTERS = (32, 64, 128, 128)  # Of convolutions that halve the sides; the last are the features.
STEPS = 300
BATCH = 8  # Pictures of each domain.
SEED = 0


def build(seed: int = SEED) -> keras.Model:
    """Builds the network of features.

    Args:
        seed: Seed of the initial weights.

    Returns:
        `keras.Model` of RGB pictures, float `[batch, height, width, 3]` in [-1, 1] of any size, to
        features, float32 `[batch, 128]`, 0 or more.
    """
    pictures = keras.Input((None, None, 3), name="pictures")
    x = keras.layers.Resizing(SIDE, SIDE, "area", name="resizing")(pictures)
    for level, filters in enumerate(FILTERS, 1):
        x = keras.layers.Conv2D(
            filters,
            4,
            strides=2,
            padding="same",
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seed + level),
            name=f"down{level}_conv",
        )(x)
    features = keras.layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(pictures, features, name="domains")


def trained(run: Run, name: str, *, steps: int = STEPS, seed: int = SEED):
    """Trains a classifier of what a direction translates from, and of what it translates into.

    Args:
        run: `tfpix2pix.runs.Run`, on whose training images it learns.
        name: Name of the direction.
        steps: How many batches to train on.
        seed: Seed of weights and order: the same gives the same features.

    Returns:
        `(features, accuracy)`: the `keras.Model` of features, whose mean square on training images
        is 1 and whose name ends in the first digits of the SHA-256 of its weights; and the share of
        held-out images that are told apart by them.

    Raises:
        ValueError: If the run has no training images.
    """
    _, direction = run.direction(name)
    features = build(seed)
    start = keras.initializers.GlorotUniform(seed)
    logits = keras.layers.Dense(2, kernel_initializer=start, name="logits")(features.output)
    classifier = keras.Model(features.input, logits)
    batches = _training_batches(run, direction, seed)
    segmenters.train(classifier, batches, steps=steps, title="Domain classifier")
    accuracy = _accuracy(classifier, run, direction)
    weights = b"".join(weight.tobytes() for weight in features.get_weights())
    named = f"domains_{hashlib.sha256(weights).hexdigest()[:8]}"
    # How large features grow depends on the length of the training, and FID and KID with them.
    pictures, _ = next(batches)
    size = float(tf.sqrt(tf.reduce_mean(tf.square(features(pictures)))))
    scaled = keras.layers.Rescaling(1 / size, name="scaled")(features.output)
    return keras.Model(features.input, scaled, name=named), accuracy


def load(path: Path) -> keras.Model:
    """Loads a model of features.

    Args:
        path: File that Keras has saved, `.keras`.

    Returns:
        `keras.Model` of RGB pictures in [-1, 1] to features `[batch, features]`.

    Raises:
        ValueError: If it is no such file.
    """
    try:
        return keras.models.load_model(path, compile=False)
    except (OSError, TypeError, ValueError) as error:
        raise InputError(
            "Features are a file of a Keras model of RGB pictures in [-1, 1], .keras, or weights "
            f"of InceptionV3, .h5. Received: {str(path)!r}, which Keras cannot load. Use "
            "--features domains to train some."
        ) from error


def _training_batches(run, direction, seed):
    """Yields `(pictures, one_hot)`, of both domains in turns."""
    feed = run.family.feed
    config = dataclasses.replace(run.config, train=dataclasses.replace(run.config.train, seed=seed))
    phase = run.phase._replace(batch_size=1)
    examples = run.examples("train", progress.survey)
    one_hot = tf.tile([[1.0, -1.0], [-1.0, 1.0]], (BATCH, 1))
    pictures = []
    for batch in feed.training(config, examples, phase, Worker(), 0):
        pictures += [
            tf.image.resize(picture, (SIDE, SIDE), "area")
            for picture in _pictures(direction, direction.example(batch))
        ]
        if len(pictures) == len(one_hot):
            yield tf.concat(pictures, axis=0), one_hot
            pictures = []


def _accuracy(classifier, run, direction):
    examples = run.examples("held_out", progress.survey)
    counts = [len(direction.sources(examples))]
    counts.append(len((direction.references or direction.sources)(examples)))
    right = 0
    for index, batch in enumerate(run.held_out(examples)):
        for domain, picture in enumerate(_pictures(direction, direction.example(batch))):
            if index < counts[domain]:
                right += int(tf.argmax(classifier(picture), axis=-1)[0] == domain)
    return right / sum(counts)


def _pictures(direction, example):
    """Returns RGB pictures in [-1, 1] of a source, and of a target or other real image."""
    task = direction.task
    real = example.reference if example.target is None else example.target
    shown = [
        images.displayed(task.source_picture(example.source), task.source_format.value_range),
        images.displayed(task.picture(example.source, real), task.target_format.value_range),
    ]
    return [images.to_signed(pixels) for pixels in shown]
