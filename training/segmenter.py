"""Trains a segmenter: `python -m training.segmenter --data FOLDER --labels LABELS --to FOLDER`.

It tells the class of each pixel of a photo. What was labelled and translated into a photo must be
found again in it: the FCN-score by which the paper judges translations of label maps (section 3).
"""

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Literal

import jsonargparse
import tensorflow as tf
from tensorflow import keras
from tqdm import tqdm

from tfpix2pix import atomic, factory, inference, optimizers
from tfpix2pix.config import DataConfig, Labels, ModelConfig
from tfpix2pix.data.palettes import palette
from tfpix2pix.errors import InputError
from tfpix2pix.metrics.segmentation import SegmentationScores
from tfpix2pix.presets import QUICKSTART
from training.engine import loop

DESCRIPTION = "assets.extra/classes.json"
DEPTH = 4  # Halvings; the statistics of the norms carry what is of the whole photo.
SHOWN_EVERY = 20  # Steps between two looks at the loss, each of which waits for the step.


def main(
    data: str,
    labels: Labels,
    to: Path,
    direction: Literal["AtoB", "BtoA"] = "AtoB",
    size: int = 64,
    filters: int = 16,
    steps: int = 1000,
    seed: int = 0,
):
    """Trains a segmenter and writes it as a SavedModel.

    Its call takes photos, float32 `[batch, height, width, 3]` in [-1, 1] of any size, and returns
    logits, float32 `[batch, height, width, classes]`. Beside it lies assets.extra/classes.json.

    Args:
        data: Folder of pairs of photos and label maps, or their manifest.
        labels: Count of classes, or their names and RGB colours, or cmp_facades.
        to: Folder of the SavedModel, which must not exist yet.
        direction: AtoB if A is the photo and B the label map, else BtoA.
        size: Side of the training images in pixels, a multiple of 16.
        filters: Filters of the network's first level.
        steps: Length of the training, in batches of 4.
        seed: Seed of weights and order.
    """
    if to.exists():
        raise InputError(
            f"The segmenter must be new. Received: {str(to)!r}, which exists. Use another --to "
            "folder."
        )
    config = dataclasses.replace(
        QUICKSTART,
        data=DataConfig(data, direction=direction, image_size=size, target_labels=labels),
        model=ModelConfig(source_channels=3, base_filters=filters, depth=DEPTH, dropout_levels=0),
        train=dataclasses.replace(QUICKSTART.train, steps=steps, seed=seed),
    )
    examples = factory.examples(config, "train", progress=loop.surveying)
    config = factory.completed(config, examples)
    held_out = factory.examples(config, "held_out", progress=loop.surveying)
    batches = factory.evaluation_batches(config, held_out, batch_size=config.train.batch_size)
    network = trained(config, examples)

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), name="photo")])
    def segment(photo):
        return inference.translate(network, photo)

    scores = SegmentationScores(config.model.target_channels)
    for photo, one_hot in batches:
        scores.update_state(tf.argmax(one_hot, axis=-1), segment(photo))
    scores = {name: float(score) for name, score in scores.result().items()}
    module = tf.Module()
    # Not the network itself: Keras would trace and save each of its layers for itself.
    module.variables_of_network, module.__call__ = network.variables, segment
    classes = _classes(labels)
    settings = {"data": data, "direction": direction, "size": size, "steps": steps, "seed": seed}
    save(module, {**classes, **settings, "held_out": {"pairs": len(held_out.names), **scores}}, to)
    told = ", ".join(f"{name.replace('_', ' ')} {score:.3f}" for name, score in scores.items())
    print(f"{to} on {len(held_out.names)} held-out photos: {told}.")


def trained(config, examples):
    """Trains the network of a segmenter: the U-Net up to its last convolution, by cross-entropy.

    Args:
        config: `tfpix2pix.config.ExperimentConfig` whose target is a label map.
        examples: `tfpix2pix.data.sources.Examples`.

    Returns:
        `keras.Model` of photos to logits, of sides that are multiples of 16.
    """
    generator = factory.generator(config)
    network = keras.Model(generator.input, generator.get_layer("head_conv").output)
    optimizer = optimizers.adam(config.train.learning_rate, beta_1=0.9)

    @tf.function
    def step(photo, one_hot):
        with tf.GradientTape() as tape:
            logits = network(photo, training=True)
            loss = tf.nn.softmax_cross_entropy_with_logits((one_hot + 1) / 2, logits)
            loss = tf.reduce_mean(loss)
        optimizer.minimize(loss, network.trainable_variables, tape=tape)
        return loss

    bar = tqdm(range(config.train.steps), "Segmenter", unit=" steps")
    for number, batch in zip(bar, factory.training_batches(config, examples)):
        loss = step(*batch)
        if number % SHOWN_EVERY == 0:
            bar.set_postfix(loss=f"{float(loss):.3g}")
    return network


def save(module, description, to):
    """Writes a segmenter, all at once or not at all.

    Args:
        module: `tf.Module` whose `__call__` is a `tf.function` of photos to logits.
        description: Dict of `names`, list of the classes' names, and `colors`, list of their RGB
            colours or `None` where label maps have their numbers; what else is worth knowing.
        to: `pathlib.Path` of the SavedModel.
    """
    part = to.with_name(f".{to.name}.{os.getpid()}.part")
    try:
        tf.saved_model.save(module, str(part))
        atomic.write_bytes(json.dumps(description, indent=1).encode(), part / DESCRIPTION)
        os.rename(part, to)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def load(folder):
    """Loads a segmenter, of this program or of another that writes the same.

    Args:
        folder: Folder of the SavedModel.

    Returns:
        `(segment, labels)`: a function of photos, float32 `[batch, height, width, 3]` in [-1, 1],
        to logits, and the classes as `config.DataConfig` takes them.

    Raises:
        ValueError: If there is none.
    """
    try:
        described = json.loads(Path(folder, DESCRIPTION).read_text("utf-8"))
        names, colors = described["names"], described["colors"]
        segment = tf.saved_model.load(str(folder))
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"A segmenter is a SavedModel with {DESCRIPTION}, as `python -m training.segmenter` "
            f"makes it. Received: {str(folder)!r}, which is none. Check the spelling or train it "
            "first."
        ) from error
    if colors is None:
        return segment, len(names)
    return segment, {name: tuple(color) for name, color in zip(names, colors)}


def _classes(labels):
    colors = palette(labels)
    if isinstance(colors, int):
        return {"names": [str(number) for number in range(colors)], "colors": None}
    return {"names": list(colors), "colors": list(colors.values())}


if __name__ == "__main__":
    try:
        jsonargparse.auto_cli(main, as_positional=False)
    except InputError as error:
        sys.exit(f"error: {error}")
