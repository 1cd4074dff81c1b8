"""Trains a segmenter: `python -m training.segmenter --data FOLDER --labels LABELS --to FOLDER`.

A segmenter predicts the class of each pixel of a photo. It judges translations of label maps into
photos by how many of the labels it predicts from them: the paper's FCN-score (section 3).
"""

import dataclasses
from pathlib import Path
from typing import Literal

import jsonargparse

from tfpix2pix.config import DataConfig, Labels
from tfpix2pix.errors import InputError, reported
from tfpix2pix.families import preset
from tfpix2pix.locations import at_home


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
    # After the command line has been read: TensorFlow takes seconds.
    from training.engine import batches
    from training.evaluation import segmenters

    if to.exists():
        raise InputError(
            f"The segmenter must be new. Received: {str(to)!r}, which exists. Use another --to "
            "folder."
        )
    start = preset("quickstart")
    options = {"direction": direction, "image_size": size, "target_labels": labels}
    config = dataclasses.replace(
        start,
        data=DataConfig(data, source_channels=3, **options),
        model=dataclasses.replace(start.model, depth=segmenters.DEPTH),
        train=dataclasses.replace(start.train, steps=steps, seed=seed),
    )
    config, examples = batches.completed(config)
    classes = config.data.target_channels
    held_out, names = batches.held_out_batches(config, batch_size=config.train.batch_size)
    network = segmenters.build(classes, filters=filters, seed=seed)
    segmenters.train(network, batches.training_batches(config, examples), steps=steps)

    segmenter = segmenters.Segmenter(network)
    scores = segmenters.scores(segmenter, held_out, classes)
    settings = {"data": data, "direction": direction, "size": size, "steps": steps, "seed": seed}
    measured = {"held_out": {"pairs": len(names), **scores}}
    segmenters.save(segmenter, {**segmenters.class_description(labels), **settings, **measured}, to)
    numbers = ", ".join(f"{name.replace('_', ' ')} {score:.3f}" for name, score in scores.items())
    print(f"{to} on {len(names)} held-out photos: {numbers}.")


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli(
            main, args=at_home(), as_positional=False, prog="python -m training.segmenter"
        )
