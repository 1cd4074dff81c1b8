"""Cards: what the model card tells of a run, from its folder and from its data."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from tfpix2pix import factory
from tfpix2pix.data.palettes import palette
from tfpix2pix.errors import InputError
from tfpix2pix.export.cards import MOST_EXAMPLES
from tfpix2pix.export.directions import ONLY
from tfpix2pix.export.drawings import PICTURE, drawing

METRICS, VALIDATED = "metrics.jsonl", "held_out/"  # As training notes them.
MOST_MEASURED = 32  # Training sources that tell what drawings look like.


def card_of_run(run, config, *, best=False):
    """Collects what is known of a run; prints a note if its data are not there.

    Args:
        run: Folder of the run.
        config: Its `tfpix2pix.config.ExperimentConfig`.
        best: Whether the checkpoint is the one that was best in validation.

    Returns:
        Dict of arguments for `tfpix2pix.export.model_card`.
    """
    folder = Path(run) / (factory.BEST if best else factory.CHECKPOINTS)
    variables = tf.train.load_checkpoint(str(folder))
    step = int(variables.get_tensor("step/.ATTRIBUTES/VARIABLE_VALUE"))
    # A server tells the card to everybody, but not where the data lie.
    shown = dataclasses.replace(config, data=dataclasses.replace(config.data, folder=None))
    card = {
        "config": dataclasses.asdict(shown),
        "step": step,
        "metrics": _last_validation(Path(run) / METRICS, step),
        "drawings": {ONLY: PICTURE},
    }
    try:
        return {**card, **_seen(config)}
    except InputError as error:
        print(f"note: the model card shows no examples, for the data were not found. {error}")
        return card


def _last_validation(path, step):
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    validated = {}
    for line in map(json.loads, lines):
        if line["step"] <= step:
            new = {k.removeprefix(VALIDATED): v for k, v in line.items() if VALIDATED in k}
            validated = new or validated
    return validated


def _seen(config):
    task = factory.task(config)
    train = _spread(_examples(config, "train"), MOST_MEASURED)
    measured, scale = config, 1.0
    if config.data.task == "pairs":
        # Sources as they are, since lines that shrink become grey.
        data = dataclasses.replace(config.data, preprocess="pad")
        measured = dataclasses.replace(config, data=data)
        loaded = factory.geometry(config).still.loaded_sizes(train.sizes[:, 0])
        scale = float(np.median(np.sqrt(np.prod(loaded / train.sizes[:, 0], axis=1))))
    looks = drawing(
        _sources(measured, train, task),
        labels=palette(config.data.source_labels),
        scale=scale,
        value_range=task.source_format.value_range,
    )
    held_out = _spread(_examples(config, "held_out"), MOST_EXAMPLES)
    return {"drawings": {ONLY: looks}, "examples": {ONLY: _sources(config, held_out, task)}}


def _examples(config, split):
    def progress(files, total):
        return tqdm(files, "Examples", total, unit=" files", leave=False)

    return factory.examples(config, split, progress=progress)


def _spread(examples, count):
    """Returns up to `count` examples from all over the folder."""
    total = len(examples.names)
    chosen = np.linspace(0, total - 1, min(count, total)).round().astype("int64")
    return examples._replace(
        names=[examples.names[index] for index in chosen],
        read=lambda index: examples.read(tf.gather(chosen, index)),
        sizes=examples.sizes[chosen],
    )


def _sources(config, examples, task):
    batches = factory.evaluation_batches(config, examples)
    return [task.source_picture(source)[0].numpy() for source, _ in batches]
