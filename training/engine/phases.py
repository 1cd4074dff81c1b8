"""Phases: which part of a training a step belongs to."""

from collections.abc import Iterator

from tfpix2pix.families import Phase


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
