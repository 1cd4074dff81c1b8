"""Phases: which part of a training a step belongs to, and where the parts of a run end."""

import json
from collections.abc import Iterator
from pathlib import Path

from tfpix2pix import atomic, runs
from tfpix2pix.config import ExperimentConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families import Phase, get_family

PHASES = "phases.json"  # Of runs of several.


def phase_at(phases: tuple[Phase, ...], step: int) -> tuple[Phase, float]:
    """Returns the phase of a step.

    Args:
        phases: Those of the training.
        step: Number of the step, from 1 on; 0 counts as 1, and steps after the last phase to it.

    Returns:
        `(phase, share)`: the share of its steps that come before this one.
    """
    first = 0
    for phase in phases[:-1]:
        if step <= first + phase.steps:
            break
        first += phase.steps
    else:
        phase = phases[-1]
    return phase, (max(step, 1) - 1 - first) / phase.steps


def segments(phases: tuple[Phase, ...], first: int, last: int) -> Iterator[tuple[Phase, range]]:
    """Divides the steps of a session into those of each phase.

    Args:
        phases: Those of the training.
        first: Number of steps taken before.
        last: Number of the last step.

    Yields:
        `(phase, steps)`: a range of the numbers of the steps to take in the phase, not empty.
    """
    start = 0
    for phase in phases:
        end = last if phase is phases[-1] else start + phase.steps
        steps = range(max(first, start) + 1, min(last, end) + 1)
        if steps:
            yield phase, steps
        start += phase.steps


def run_phases(config: ExperimentConfig, run: Path) -> tuple[Phase, ...]:
    """Returns the phases of a run: each has the steps with which the run was started.

    The last phase alone takes what `train.steps` adds or leaves out.

    Args:
        config: `tfpix2pix.config.ExperimentConfig` with which the run starts or goes on.
        run: Folder of the run, which need not exist.

    Returns:
        Tuple of `tfpix2pix.families.Phase`.

    Raises:
        ValueError: If the run was started with phases of other names.
    """
    phases = get_family(config.family).phases(config)
    steps = _started_with(run)
    if steps is None:
        return phases
    names = [phase.name for phase in phases]
    if names != list(steps):
        raise InputError(
            f"A run has the phases that it was started with. Received for {str(run)!r}: "
            f"{', '.join(steps)}, and now {', '.join(names)}. Use the options and the version of "
            "its start, or another --run folder."
        )
    *earlier, last = (phase._replace(steps=steps[phase.name]) for phase in phases)
    rest = config.train.steps - sum(phase.steps for phase in earlier)
    return (*earlier, last._replace(steps=max(rest, 1)))


def save_phases(phases: tuple[Phase, ...], run: Path):
    """Writes how many steps each phase of a run has; a single one needs no file.

    Args:
        phases: Those of the training.
        run: Folder of the run; made if it is missing.
    """
    if len(phases) > 1:
        steps = {phase.name: phase.steps for phase in phases}
        atomic.write_bytes(json.dumps(steps).encode(), run / PHASES)


def _started_with(run):
    """Returns a dict of the phases of a run to their steps, or `None` if there is no run."""
    # The configuration first: another worker writes it after the phases.
    recorded = runs.load_config(run) if (run / runs.CONFIG).is_file() else None
    if (run / PHASES).is_file():
        return json.loads((run / PHASES).read_text("utf-8"))
    phases = recorded and get_family(recorded.family).phases(recorded)
    return phases and {phase.name: phase.steps for phase in phases}
