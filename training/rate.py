"""Lets people tell photos from translations: `python -m training.rate --run RUN --to ANSWERS`.

A page on this machine runs the paper's real-or-fake test; `python -m training.rate --report
ANSWERS` says how often the translations were taken for real.
"""

import dataclasses
import json
from pathlib import Path
from typing import Optional

import jsonargparse
import tensorflow as tf

from tfpix2pix import factory, inference, runs
from tfpix2pix.data import codecs, images
from tfpix2pix.errors import InputError, reported
from training import progress
from training.rating import rating_page, real_or_fake


def main(
    run: Optional[Path] = None,
    to: Optional[Path] = None,
    report: Optional[Path] = None,
    data: Optional[Path] = None,
    practice: int = 10,
    trials: int = 40,
    best: bool = False,
    averaged: bool = False,
    host: str = rating_page.LOOPBACK[0],
    port: int = 8600,
):
    """Serves the page of a real-or-fake test until Ctrl-C, or reports its answers.

    Args:
        run: Folder of the run whose translations are rated.
        to: Folder of the answers; the same command goes on with it.
        report: Folder of answers to report, without a page.
        data: Folder of the images; by default that of the run.
        practice: Trials with feedback at the start of a session.
        trials: Trials that count.
        best: Whether to take the checkpoint that was best in validation.
        averaged: Whether the weights are the means over the last steps, of a run with --train.ema.
        host: Address to listen at; 0.0.0.0 lets other machines take part.
        port: Port to listen at; 0 for any that is free.
    """
    if report is not None:
        print(as_text(real_or_fake.summary(report)))
        return
    if run is None or to is None:
        raise InputError(
            f"A test needs a run and a folder for its answers. Received: run={run}, to={to}. Give "
            "--run RUN --to ANSWERS, or --report ANSWERS for what was answered."
        )
    prepare(run, to, data, practice=practice, trials=trials, best=best, averaged=averaged)
    server = rating_page.make(real_or_fake.Answers(to), host, port)
    print(f"Rate at http://{host}:{server.port}/ until Ctrl-C here. Answers: {to}.", flush=True)
    server.serve_forever()
    print(f"The same command goes on. Report: python -m training.rate --report {to}")


def prepare(run, to, data=None, *, practice, trials, best=False, averaged=False):
    """Makes what a session shows: all held-out targets and their translations, of the same size.

    Args:
        run: Folder of the run.
        to: Folder of the answers. Images that are there stay.
        data: Folder of the images; by default that of the run.
        practice: See `training.rating.real_or_fake.Protocol`.
        trials: The same.
        best: The same.
        averaged: The same.

    Raises:
        ValueError: If there are too few images, the run cannot translate, or the folder is of
            another test.
    """
    config = runs.load_config(run)
    if data is not None:
        config = dataclasses.replace(
            config, data=dataclasses.replace(config.data, folder=str(data))
        )
    examples = factory.examples(config, "held_out")
    generator = factory.restored_generator(run, best=best, averaged=averaged)
    checkpoints = Path(run, factory.BEST if best else factory.CHECKPOINTS)
    protocol = real_or_fake.Protocol(
        run=str(run),
        step=int(tf.train.load_variable(str(checkpoints), "step/.ATTRIBUTES/VARIABLE_VALUE")),
        best=best,
        averaged=averaged,
        data=config.data.folder,
        names=list(examples.names),
        practice=practice,
        trials=trials,
    )
    real_or_fake.begin(protocol, to)
    task = factory.task(config)
    batches = factory.evaluation_batches(config, examples)
    bar = progress.bar(batches, "Translations", "images", len(examples.names))
    for index, (source, target) in enumerate(bar):
        if real_or_fake.image_path(to, "fake", index).exists():  # It is written last.
            continue
        translated = inference.translate(generator, source)
        for kind, result in {"real": target, "fake": translated}.items():
            # Both through the same steps, so that nothing but the content differs.
            pixels = images.displayed(task.picture(source, result), task.target_format.value_range)
            codecs.write(pixels[0].numpy(), real_or_fake.image_path(to, kind, index))


def as_text(summary):
    """Returns a summary as a table, and on the last line as JSON.

    Args:
        summary: See `training.rating.real_or_fake.summary`.
    """
    low, high = summary["interval"]
    rows = [f"{rater:20} {rate:7.1%}" for rater, rate in summary["raters"].items()]
    return "\n".join(
        [
            f"{summary['run']}, step {summary['step']}: how often fakes were taken for real",
            *rows,
            f"{'all':20} {summary['fooling_rate']:7.1%}  (95% interval {low:.1%} to {high:.1%}, "
            f"resampled by {summary['resampled']}; {summary['trials']} trials)",
            f"Incomplete sessions left out: {summary['incomplete']}.",
            json.dumps(summary),
        ]
    )


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli(main, as_positional=False)
