"""Lets raters tell photos from translations: `python -m training.rate --run RUN --to ANSWERS`.

A page on this machine runs the paper's real-or-fake test; `python -m training.rate --report
ANSWERS` reports how often raters took translations for real.
"""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import Optional

import jsonargparse

from tfpix2pix.errors import InputError, reported
from tfpix2pix.locations import at_home


def main(
    run: Optional[Path] = None,
    to: Optional[Path] = None,
    report: Optional[Path] = None,
    data: Optional[Path] = None,
    direction: Optional[str] = None,
    practice: int = 10,
    trials: int = 40,
    best: bool = False,
    averaged: bool = False,
    host: str = "127.0.0.1",
    port: int = 8600,
):
    """Serves the page of a real-or-fake test until Ctrl-C, or reports its answers.

    Args:
        run: Folder of the run whose translations are rated.
        to: Folder of the answers; the same command goes on with it.
        report: Folder of answers to report, without a page.
        data: Folder of the images; by default that of the run.
        direction: Direction to translate in; by default the run's first.
        practice: Trials with feedback at the start of a session.
        trials: Trials that count.
        best: Whether to take the checkpoint that was best in validation.
        averaged: Whether the weights are the means over the last steps, of a run with
            --train.ema_decay.
        host: Address to listen at; 0.0.0.0 lets other machines take part.
        port: Port to listen at; 0 for any that is free.
    """
    # After the command line has been read: TensorFlow takes seconds.
    from training.rating import rating_page, real_or_fake, stimuli

    if report is not None:
        print(real_or_fake.summary_text(real_or_fake.summary(report)))
        return
    if run is None or to is None:
        raise InputError(
            f"A test needs a run and a folder for its answers. Received: run={run}, to={to}. Give "
            "--run RUN --to ANSWERS, or --report ANSWERS for what was answered."
        )
    weights = {"best": best, "averaged": averaged}
    stimuli.prepare(run, to, data, direction=direction, practice=practice, trials=trials, **weights)
    server = rating_page.make(real_or_fake.Answers(to), host, port)
    with suppress(KeyboardInterrupt):  # It may come before the server takes care of it.
        print(f"Rate at http://{host}:{server.port}/ until Ctrl-C here. Answers: {to}.", flush=True)
        server.serve_forever()
    command = shlex.join(["python", "-m", "training.rate", "--report", str(to)])
    print(f"The same command goes on. Report: {command}")


if __name__ == "__main__":
    with reported():
        jsonargparse.auto_cli(
            main, args=at_home(), as_positional=False, prog="python -m training.rate"
        )
