"""The real-or-fake test: its trials, the answers of raters, and how often fakes are taken for real.

As in [Isola et al., 2017](https://arxiv.org/abs/1611.07004), section 4.1: a rater sees pairs of a
photo and a translation for one second each, and then says which was fake; the first pairs are for
practice, with feedback.
"""

import dataclasses
import datetime
import json
import math
import os
import secrets
import threading
from collections import Counter
from functools import partial
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from tfpix2pix import atomic
from tfpix2pix.errors import InputError
from training.bootstrap import mean_interval

PROTOCOL = "protocol.json"
ANSWERS = "answers.jsonl"
SIDES = ("left", "right")
RESAMPLES = 10_000  # Of the bootstrap.


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What raters see: one folder of answers is about one run, as each session is.

    Attributes:
        run: Folder of the run that translates.
        step: Number of steps it was trained for.
        best: Whether its best checkpoint translates, and not its newest.
        averaged: Whether its averaged weights do.
        data: Folder of the images.
        names: Names of the examples.
        practice: Trials with feedback, at the start of a session.
        trials: Trials that count, after those.
        direction: Direction of the run, `None` for its first.
        real_names: Names of the real images, `None` where they are the targets of the examples.
        secret: Seed of the trials beside the session's address, from which nobody can tell what is
            fake.
    """

    run: str
    step: int
    best: bool
    averaged: bool
    data: str
    names: list[str]
    practice: int
    trials: int
    direction: Optional[str] = None
    real_names: Optional[list[str]] = None
    secret: int = dataclasses.field(default_factory=partial(secrets.randbits, 64), compare=False)

    def __post_init__(self):
        """Checks that there are enough images for one session."""
        if self.practice < 0 or self.trials < 1:
            raise InputError(
                "A session has 1 or more trials, and 0 or more for practice. Received: "
                f"trials={self.trials}, practice={self.practice}. Use more."
            )
        needed = max(self.length, 2)
        if len(self.names) < needed:
            raise InputError(
                f"A session shows no image twice, so {self.practice} trials for practice and "
                f"{self.trials} that count need {needed} held-out images. Received: "
                f"{len(self.names)}. Give more by --data, or lower --trials or --practice."
            )

    @property
    def length(self):
        """Number of trials in a session."""
        return self.practice + self.trials


class Trial(NamedTuple):
    """One pair of images.

    Attributes:
        real: Index of the real image, the target of an example where there are targets.
        fake: Index of the example whose translation is shown, always another.
        side: Side of the fake, one of `SIDES`.
    """

    real: int
    fake: int
    side: str


def plan(protocol: Protocol, session):
    """Returns the trials of a session, in order.

    No real image and no translation is shown twice. Those of one example are never in one trial,
    and not in one session if there are twice as many examples as trials.

    Args:
        protocol: `Protocol`.
        session: Hexadecimal str, the seed together with the secret.

    Returns:
        List of `Trial`.
    """
    random = np.random.default_rng((int(session, 16), protocol.secret))
    real = random.permutation(len(protocol.names))
    fake = np.roll(real, len(real) // 2)
    sides = random.choice(SIDES, protocol.length)
    return [Trial(int(r), int(f), str(side)) for r, f, side in zip(real, fake, sides)]


def image_path(folder: Union[str, Path], kind: str, index: int):
    """Returns where a shown image lies.

    Args:
        folder: Folder of the answers.
        kind: `"real"` or `"fake"`.
        index: Index of the example.
    """
    return Path(folder, "images", kind, f"{index:05d}.png")


def begin(protocol: Protocol, folder: Union[str, Path]):
    """Writes the protocol of a folder of answers, or checks that it has the same one.

    Args:
        protocol: `Protocol`.
        folder: Folder of the answers; made if it is missing.

    Raises:
        ValueError: If it has another protocol.
    """
    path = Path(folder, PROTOCOL)
    if not path.exists():
        content = json.dumps(dataclasses.asdict(protocol), indent=1)
        atomic.write_bytes(content.encode(), path)
    started = load(folder)
    differing = [
        field.name
        for field in dataclasses.fields(protocol)
        if field.compare and getattr(started, field.name) != getattr(protocol, field.name)
    ]
    if differing:
        raise InputError(
            "A folder of answers is of one run, one step and one protocol. Received: "
            f"{str(folder)!r}, which has other {', '.join(differing)}. Use another --to folder."
        )


def load(folder: Union[str, Path]):
    """Reads the protocol of a folder of answers.

    Args:
        folder: Folder of the answers.

    Returns:
        `Protocol`.

    Raises:
        ValueError: If it is no such folder.
    """
    path = Path(folder, PROTOCOL)
    if not path.is_file():
        raise InputError(
            f"A folder of answers has a {PROTOCOL}, as `python -m training.rate --run RUN --to "
            f"FOLDER` makes it. Received: {str(folder)!r}, which has none. Check the spelling."
        )
    return Protocol(**json.loads(path.read_text("utf-8")))


class Answers:
    """Stores the answers of all sessions, each once and in order, before the next trial.

    Args:
        folder: Folder of the answers; those that are in it count.

    Attributes:
        folder: The same.
        protocol: The `Protocol` of the folder.
    """

    def __init__(self, folder: Union[str, Path]):
        self.folder = Path(folder)
        self.protocol = load(folder)
        self._path = self.folder / ANSWERS
        self._lock = threading.Lock()
        self._counts = Counter(line["session"] for line in _lines(folder))

    def next_trial(self, session):
        """Returns the number of the trial that a session is at, from 1, or `None` at its end."""
        answered = self._counts[session]
        return answered + 1 if answered < self.protocol.length else None

    def add(self, session, answer):
        """Stores an answer.

        Args:
            session: Hexadecimal str.
            answer: Dict of the `trial`; the `answer`, the side that the rater takes for fake; and
                two times in milliseconds: for which the pair was visible, `shown_ms`, and in which
                the rater answered, `answer_ms`.

        Returns:
            The side of the fake in practice, `None` after it.

        Raises:
            ValueError: If it is no answer, or not that to the next trial.
        """
        _check(answer)
        with self._lock:
            number = self.next_trial(session)
            if number != answer["trial"]:
                expected = f"trial {number}" if number else "none, for the session is over"
                raise InputError(
                    f"Each trial is answered once, in order. Received: an answer to trial "
                    f"{answer['trial']!r}; expected is {expected}. Reload the page to go on."
                )
            trial = plan(self.protocol, session)[number - 1]
            practice = number <= self.protocol.practice
            line = {
                "session": session,
                "practice": practice,
                "real": (self.protocol.real_names or self.protocol.names)[trial.real],
                "fake": self.protocol.names[trial.fake],
                "side": trial.side,
                **answer,
                "trial": number,
                "correct": answer["answer"] == trial.side,
                "time": datetime.datetime.now(datetime.timezone.utc).isoformat("T", "seconds"),
                "run": self.protocol.run,
                "step": self.protocol.step,
            }
            with self._path.open("a+b") as file:
                file.seek(0)  # Drops what a kill or a full disk cut off.
                file.truncate(file.read().rfind(b"\n") + 1)
                file.write(json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            self._counts[session] += 1
        return trial.side if practice else None


def summary(folder: Path):
    """Computes how often, in the trials that count, the fake was taken for real.

    Args:
        folder: Folder of the answers.

    Returns:
        Dict of the `run` and `step`; `fooling_rate` over all raters and its 95 % `interval`,
        resampled by what `resampled` says; `raters`, a dict of session to its rate; the number of
        `trials` that count; and the number of `incomplete` sessions, which are left out.

    Raises:
        ValueError: If it is no folder of answers, or no session is complete.
    """
    protocol = load(folder)
    sessions = {}
    for line in _lines(folder):
        sessions.setdefault(line["session"], []).append(line)
    fooled = {
        session: [not line["correct"] for line in lines if not line["practice"]]
        for session, lines in sessions.items()
        if len(lines) == protocol.length
    }
    if not fooled:
        raise InputError(
            f"A report needs a session that is complete. Received: {folder} with {len(sessions)} "
            "that are not. Answer all trials of one."
        )
    rates = {session: float(np.mean(values)) for session, values in fooled.items()}
    if len(rates) > 1:
        resampled = "raters"
        values = list(rates.values())
    else:
        resampled = "trials"
        (values,) = fooled.values()
    return {
        "run": protocol.run,
        "step": protocol.step,
        "fooling_rate": float(np.mean(values)),
        "interval": list(mean_interval(values, resamples=RESAMPLES)),
        "resampled": resampled,
        "raters": rates,
        "trials": sum(len(values) for values in fooled.values()),
        "incomplete": len(sessions) - len(fooled),
    }


def summary_text(summary):
    """Returns a summary as a table, and on the last line as JSON.

    Args:
        summary: See `summary`.

    Returns:
        str.
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


def _check(answer):
    """Refuses an answer that does not have the form in which the page sends it."""
    times = ("shown_ms", "answer_ms")
    if not (
        isinstance(answer, dict)
        and set(answer) == {"trial", "answer", *times}
        and answer["answer"] in SIDES
        and all(isinstance(answer[name], (int, float)) for name in times)
        and all(0 <= answer[name] < math.inf for name in times)
    ):
        raise InputError(
            "An answer has the number of a trial, a side (left or right), and two times in "
            f"milliseconds. Received: {answer!r}. Reload the page and answer there."
        )


def _lines(folder):
    """Returns all answers in a folder, without one that was cut off."""
    path = Path(folder, ANSWERS)
    text = path.read_text("utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(True) if line.endswith("\n")]
