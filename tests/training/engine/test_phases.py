import pytest

from tfpix2pix.families import Phase
from training.engine.phases import phase_at, segments

GROW, FADE, REST = PHASES = tuple(
    Phase(name, steps, 1, (8, 8)) for name, steps in (("grow", 4), ("fade", 2), ("rest", 3))
)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, (GROW, 0.0)),
        (1, (GROW, 0.0)),
        (4, (GROW, 0.75)),
        (5, (FADE, 0.0)),
        (6, (FADE, 0.5)),
        (7, (REST, 0.0)),
        (9, (REST, 2 / 3)),
    ],
)
def test_a_step_belongs_to_the_phase_that_it_is_taken_in(step, expected):
    assert phase_at(PHASES, step) == expected


def test_steps_are_divided_once_and_in_order():
    for first in range(10):
        for last in range(10):
            parts = list(segments(PHASES, first, last))
            steps = [step for _, part in parts for step in part]
            assert steps == list(range(first + 1, last + 1))
            assert all(phase_at(PHASES, step)[0] is phase for phase, part in parts for step in part)


def test_a_longer_run_goes_on_in_the_last_phase():
    assert list(segments(PHASES, 8, 12)) == [(REST, range(9, 13))]
