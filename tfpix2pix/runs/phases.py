"""Phases: which part of a training a step belongs to, and where the parts of a run end."""

import json
from pathlib import Path
from typing import Union

from tfpix2pix import atomic
from tfpix2pix.config import ExperimentConfig
from tfpix2pix.errors import InputError
from tfpix2pix.families import Phase, get_family
from tfpix2pix.runs.folder import CONFIG, PHASES, load_config


def phase_at(phases: tuple[Phase, ...], step: int) -> tuple[Phase, float]:
    """Returns the phase of a step.

    Args:
        phases: Those of the training.
        step: Number of the step, from 1 on; 0 counts as 1, and steps after the last phase to it.

    Returns:
        `(phase, progress)`: the part of its steps that come before this one, in [0, 1).

    Example:
        >>> phases = tuple(Phase(name, 4, 1, (8, 8)) for name in ("grow", "rest"))
        >>> phase, progress = phase_at(phases, 7)
        >>> phase.name, progress
        ('rest', 0.5)
    """
    first = 0
    for phase in phases[:-1]:
        if step <= first + phase.steps:
            break
        first += phase.steps
    else:
        phase = phases[-1]
    return phase, (max(step, 1) - 1 - first) / phase.steps


def run_phases(config: ExperimentConfig, run: Union[str, Path]) -> tuple[Phase, ...]:
    """Returns the phases of a run: each has the steps with which the run was started.

    The last phase alone takes what `train.steps` adds or leaves out.

    Args:
        config: `tfpix2pix.config.ExperimentConfig` with which the run starts or goes on.
        run: Folder of the run, which need not exist.

    Returns:
        Tuple of `tfpix2pix.families.Phase`.

    Raises:
        ValueError: If the run was started with phases of other names.

    Example:
        >>> from tfpix2pix.families import preset
        >>> [phase.name for phase in run_phases(preset("facades"), "no-such-run")]
        ['whole']
    """
    phases = get_family(config.family).phases(config)
    steps = _started_with(Path(run))
    if steps is None:
        return phases
    names = [phase.name for phase in phases]
    if names != list(steps):
        raise InputError(
            f"A run has the phases that it was started with. Received for {str(run)!r}: "
            f"{', '.join(steps)}, and now {', '.join(names)}. Use the options and the version of "
            "its start, or another run folder."
        )
    *earlier, last = (phase._replace(steps=steps[phase.name]) for phase in phases)
    rest = config.train.steps - sum(phase.steps for phase in earlier)
    return (*earlier, last._replace(steps=max(rest, 1)))


def save_phases(phases: tuple[Phase, ...], run: Union[str, Path]) -> None:
    """Writes how many steps each phase of a run has; a single one needs no file.

    Args:
        phases: Those of the training.
        run: Folder of the run; made if it is missing.

    Example:
        >>> save_phases(tuple(Phase(name, 4, 1, (8, 8)) for name in ("grow", "rest")), "runs/new")
        >>> (Path("runs/new") / PHASES).read_text()
        '{"grow": 4, "rest": 4}'
    """
    if len(phases) > 1:
        steps = {phase.name: phase.steps for phase in phases}
        atomic.write_bytes(json.dumps(steps).encode(), Path(run) / PHASES)


def _started_with(run):
    """Returns a dict of the phases of a run to their steps, or `None` if there is no run."""
    # The configuration first: another worker writes it after the phases.
    recorded = load_config(run) if (run / CONFIG).is_file() else None
    if (run / PHASES).is_file():
        return json.loads((run / PHASES).read_text("utf-8"))
    phases = recorded and get_family(recorded.family).phases(recorded)
    return phases and {phase.name: phase.steps for phase in phases}
