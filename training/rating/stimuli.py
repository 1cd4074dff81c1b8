"""The images of a real-or-fake test: held-out real images and translations, as files."""

from pathlib import Path
from typing import Optional

from tfpix2pix import inference, load_run
from tfpix2pix.data import codecs, images
from training import progress
from training.evaluation.evaluated_run import judged_direction
from training.rating import real_or_fake


def prepare(
    folder: Path,
    to: Path,
    data: Optional[Path] = None,
    *,
    practice: int,
    trials: int,
    direction: Optional[str] = None,
    best: bool = False,
    averaged: bool = False,
):
    """Writes what sessions show: real images and translations, of held-out examples.

    The real images are the targets; where there are none, those of the domain that is translated
    into, as many of them as of translations.

    Args:
        folder: Folder of the run.
        to: Folder of the answers. Images that are in it stay.
        data: Folder of the images; by default that of the run.
        practice: See `training.rating.real_or_fake.Protocol`.
        trials: See there.
        direction: Direction to translate in; by default the run's first.
        best: See there.
        averaged: See there.

    Raises:
        ValueError: If there are too few images, the run cannot translate, the direction has
            nothing real to compare with, or the folder of the answers has another protocol.
    """
    run = load_run(folder, best=best, averaged=averaged)
    if data is not None:
        run = run.with_data(data)
    name, chosen = judged_direction(run, direction)
    is_default = name == next(iter(run.directions))
    examples = run.examples("held_out", progress.survey)
    names = chosen.sources(examples)
    real_names = None
    if not chosen.paired:
        # As many of both, so that no session shows one twice.
        names, real_names = zip(*zip(names, chosen.references(examples)))
    protocol = real_or_fake.Protocol(
        run=str(folder),
        step=run.step,
        best=best,
        averaged=averaged,
        data=run.config.data.folder,
        names=list(names),
        practice=practice,
        trials=trials,
        direction=None if is_default else name,
        real_names=real_names and list(real_names),
    )
    real_or_fake.begin(protocol, to)
    batches = run.held_out(examples).take(len(names))
    batches = progress.bar(batches, "Translations", "images", len(names))
    for index, batch in enumerate(batches):
        if not real_or_fake.image_path(to, "fake", index).exists():  # It is written last.
            _write(chosen, chosen.example(batch), to, index)


def _write(direction, example, to, index):
    """Writes what is real and what is not by the same steps, so that only the content differs."""
    source = example.source
    translated = inference.translate_in(direction, source, example.controls)
    task = direction.task
    real = example.target if direction.paired else example.reference
    for kind, result in {"real": real, "fake": translated}.items():
        pixels = images.displayed(task.picture(source, result), task.target_format.value_range)
        codecs.write(pixels[0].numpy(), real_or_fake.image_path(to, kind, index))
