"""The log of a run: its folder's files for programs, for TensorBoard and for people.

A run that goes on from an earlier step drops what was logged after it, so a run that was killed
ends with the same log as one that was not.
"""

import datetime
import json
import math
import platform
import shlex
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Optional, Union

import jinja2
import numpy as np
import tensorflow as tf

from tfpix2pix import atomic, report, runs
from tfpix2pix.lines import packages

EVENTS = "events"
SAMPLES = "samples"
PAGE = "index.html"
METRICS = "metrics.jsonl"
HEALTH = "health.jsonl"
RUN = "run.json"
# Of a curve, in pixels.
WIDTH = 360
HEIGHT = 140
MOST_POINTS = 180  # Of a curve; of more steps, each point is the mean of several.
TIMED_STEPS = 1000  # The newest ones, whose median duration is logged.

# All links are relative, so that the folder can be moved or sent. Without scripts the newest
# picture and the list of all remain.
_ENVIRONMENT = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_PAGE = _ENVIRONMENT.from_string(Path(__file__).with_name("run_page.html").read_text("utf-8"))


class RunLog:
    """Logs the steps of a run: a context manager around them.

    Args:
        run: Folder of the run; made if it is missing.
        config: `tfpix2pix.config.ExperimentConfig`; it is saved.
        step: Number of steps that the run has taken before.
        data: What is recorded of the examples, see `training.engine.data_notes.data_record`.

    Attributes:
        lines: Dicts of the lines of `metrics.jsonl`, in the order of steps.
    """

    def __init__(self, run: Union[str, Path], config, step: int = 0, data: Optional[dict] = None):
        self.run = Path(run)
        self.data = data
        self.config = config
        self.step = step
        self._moments = deque(maxlen=TIMED_STEPS + 1)

    def __enter__(self):
        runs.save_config(self.config, self.run)
        self.warnings = _kept_lines(self.run / HEALTH, self.step)
        self._open()
        path = self.run / RUN
        self.sessions = json.loads(path.read_text("utf-8"))["sessions"] if path.exists() else []
        session = {"started": _now(), "step": self.step, **_circumstances()}
        self.sessions.append({**session, "data": self.data} if self.data else session)
        self._write_sessions()
        return self

    def __exit__(self, *_):
        self.writer.close()
        self.sessions[-1].update(ended=_now(), last_step=self.step)
        if len(self._moments) > 1:
            self.sessions[-1]["seconds_per_step"] = float(np.median(np.diff(self._moments)))
        self._write_sessions()
        self._write_page()

    def _open(self):
        """Keeps the log up to the step, to write on."""
        self.lines = _kept_lines(self.run / METRICS, self.step)
        _drop_events(self.run / EVENTS, self.step)
        self.writer = tf.summary.create_file_writer(str(self.run / EVENTS))

    def go_back(self, step: int):
        """Drops what was logged after a step, but for warnings, since the steps are taken again.

        Args:
            step: Number of steps taken.
        """
        self.writer.close()
        self.step = step
        self._open()

    def mark(self):
        """Marks the end of a step, for `run.json`: the first one's, and the median duration."""
        self.sessions[-1].setdefault("first_step", _now("milliseconds"))
        self._moments.append(time.perf_counter())

    def log(self, step: int, losses, **groups):
        """Appends a line of numbers.

        Args:
            step: Number of steps that have been taken.
            losses: Dict of name to float.
            **groups: More dicts, such as `learning_rate={"generator": 2e-4}`, or `None`.
        """
        self.step = step
        numbers = {
            f"{title}/{name}": float(value)
            for title, group in {"loss": losses, **groups}.items()
            for name, value in (group or {}).items()
        }
        line = {name.removeprefix("loss/"): value for name, value in numbers.items()}
        _append({"step": step, **line}, self.lines, self.run / METRICS)
        with self.writer.as_default(step):
            for name, value in numbers.items():
                tf.summary.scalar(name, value)
        self.writer.flush()

    def sample(self, step: int, columns, caption: str = ""):
        """Saves a picture of examples, and brings the page up to date.

        Args:
            step: Number of steps that have been taken.
            columns: See `tfpix2pix.report.comparison`.
            caption: The same.
        """
        self.step = step
        picture = report.comparison(columns, caption)
        report.save_picture(picture, self.run / SAMPLES / f"{step:06d}.png")
        with self.writer.as_default(step):
            tf.summary.image("samples", np.asarray(picture)[np.newaxis])
        self.writer.flush()
        self._write_page()

    def warn(self, step: int, symptoms):
        """Logs symptoms; the page shows them from the next picture on.

        Args:
            step: Number of steps that have been taken.
            symptoms: List of `training.engine.health.Symptom`, the training doctor's.
        """
        for symptom in symptoms:
            _append({"step": step, **symptom._asdict()}, self.warnings, self.run / HEALTH)

    def histograms(self, step: int, networks):
        """Writes the distribution of all weights for TensorBoard.

        Args:
            step: Number of steps that have been taken.
            networks: Dict of name to `keras.Model`, such as `model.players`.
        """
        with self.writer.as_default(step):
            for name, network in networks.items():
                for weight in network.trainable_weights:
                    tf.summary.histogram(f"{name}/{weight.name.split(':')[0]}", weight)
        self.writer.flush()

    def _write_sessions(self):
        content = {"seed": self.config.train.seed, "sessions": self.sessions}
        atomic.write_bytes(json.dumps(content, indent=1).encode(), self.run / RUN)

    def _write_page(self):
        page = _PAGE.render(
            config=self.config,
            step=self.step,
            samples=self._samples(),
            warnings=self._latest_warnings(),
            curves=self._curves(),
            options=(self.run / runs.CONFIG).read_text("utf-8"),
            sessions=self.sessions[::-1],
        )
        atomic.write_bytes(page.encode("utf-8", "replace"), self.run / PAGE)

    def _samples(self):
        """Returns `(step, address)` of the sample pictures, the newest first."""
        pictures = {int(path.stem): path for path in (self.run / SAMPLES).glob("[0-9]*.png")}
        return [
            (step, f"{SAMPLES}/{pictures[step].name}")
            for step in sorted(pictures, reverse=True)
            if step <= self.step
        ]

    def _latest_warnings(self):
        """Returns the latest warning of each code, with the `first` step that had one."""
        first = {warning["code"]: warning["step"] for warning in reversed(self.warnings)}
        latest = {warning["code"]: warning for warning in self.warnings}
        return [{**warning, "first": first[code]} for code, warning in latest.items()]

    def _curves(self):
        """Returns `(name, last value, SVG)` of everything that was logged."""
        names = dict.fromkeys(name for line in self.lines for name in line if name != "step")
        curves = []
        for name in names:
            points = [(line["step"], line[name]) for line in self.lines if name in line]
            curves.append((name, f"{points[-1][1]:.3g}", curve(points)))
        return curves


def curve(points):
    """Draws values over steps as SVG; those that are not finite are left out.

    Args:
        points: List of `(step, value)`, in the order of steps.

    Returns:
        str, empty if no value is finite.
    """
    points = np.array([point for point in points if math.isfinite(point[1])], "float64")
    if not len(points):
        return ""
    parts = np.array_split(points, min(len(points), MOST_POINTS))
    steps, values = np.array([part.mean(axis=0) for part in parts]).T
    low = values.min()
    high = values.max()
    left = 48
    top = 10
    bottom = HEIGHT - 20
    x = left + (steps - steps[0]) / max(np.ptp(steps), 1) * (WIDTH - left - 10)
    y = bottom - (values - low) / ((high - low) or 1) * (bottom - top)
    corners = " ".join(f"{across:.1f},{down:.1f}" for across, down in zip(x, y))
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img"><polyline points="{corners}"/>'
        f'<text x="2" y="{top + 4}">{high:.3g}</text><text x="2" y="{bottom + 4}">{low:.3g}</text>'
        f'<text x="{left}" y="{HEIGHT - 4}">{points[0, 0]:.0f}</text>'
        f'<text x="{WIDTH - 6}" y="{HEIGHT - 4}" text-anchor="end">{points[-1, 0]:.0f}</text></svg>'
    )


def _append(line, lines, path):
    lines.append(line)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _kept_lines(path, step):
    """Drops the lines after a step, and a last line that was cut off; returns the rest."""
    if not path.exists():
        return []
    text = path.read_text("utf-8")
    lines = [json.loads(line) for line in text.splitlines(True) if line.endswith("\n")]
    kept = [line for line in lines if line["step"] <= step]
    content = "".join(json.dumps(line) + "\n" for line in kept)
    if content != text:
        atomic.write_bytes(content.encode(), path)
    return kept


def _drop_events(folder, step):
    """Drops TensorBoard's events after a step; it would draw lines back and forth."""
    for path in folder.glob("events.out.tfevents.*"):
        kept = []
        dropped = False
        try:
            for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
                if tf.compat.v1.Event.FromString(record).step <= step:
                    kept.append(record)
                else:
                    dropped = True
        except tf.errors.DataLossError:
            dropped = True  # The last record was cut off.
        if dropped:
            with atomic.replacing(path) as part, tf.io.TFRecordWriter(str(part)) as writer:
                for record in kept:
                    writer.write(record)


def _now(timespec="seconds"):
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec=timespec)


def _circumstances():
    """Returns command, versions and devices of this process, for `run.json`."""
    devices = [
        tf.config.experimental.get_device_details(device).get("device_name", device.name)
        for device in tf.config.list_physical_devices()
    ]
    return {
        "command": shlex.join(getattr(sys, "orig_argv", sys.argv)),  # Python 3.9 has the latter.
        "packages": packages(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "devices": devices,
        "commit": _commit(),
    }


def _commit():
    """Returns the commit of the checkout, `-dirty` where files differ, or `None` without one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        described = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()
