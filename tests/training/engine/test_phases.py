import dataclasses
import json
import re

import numpy as np
import pytest
import tensorflow as tf

from tests.cases.families import TEST_FAMILIES, toy_paper
from tests.checks import saved_values
from tfpix2pix import InputError, families, runs
from tfpix2pix.checkpointing import newest_checkpoint
from tfpix2pix.runs import next_steps, phase_at, run_phases, save_phases
from training.engine import loop

Phase = families.Phase

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
            taken = []
            while steps := next_steps(PHASES, first + len(taken), last):
                assert len({phase_at(PHASES, step)[0] for step in steps}) == 1
                taken += steps
            assert taken == list(range(first + 1, last + 1))


def test_a_longer_run_goes_on_in_the_last_phase():
    assert next_steps(PHASES, 8, 12) == range(9, 13)


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The toy paper: 6 steps, of which half are the first phase."""
    for name, family in TEST_FAMILIES.items():
        monkeypatch.setitem(families.FAMILIES, name, family)
    return toy_paper(tmp_path / "data")


def longer(config, steps):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, steps=steps))


def steps_by_phase(config, run):
    return {phase.name: phase.steps for phase in run_phases(config, run)}


def test_the_borders_of_phases_are_those_of_the_start(config, tmp_path):
    run = tmp_path / "run"
    assert steps_by_phase(longer(config, 10), run) == {"rising": 5, "settled": 5}
    save_phases(run_phases(config, run), run)
    for steps, last in ((10, 7), (6, 3), (4, 1), (2, 1)):
        assert steps_by_phase(longer(config, steps), run) == {"rising": 3, "settled": last}
    (run / "phases.json").unlink()  # A run of a version that wrote none.
    runs.save_config(config, run)
    assert steps_by_phase(longer(config, 10), run) == {"rising": 3, "settled": 7}


def test_phases_of_other_names_are_refused(config, tmp_path):
    (tmp_path / "phases.json").write_text('{"rising": 2, "falling": 4}')
    message = (
        f"A run has the phases that it was started with. Received for {str(tmp_path)!r}: rising, "
        "falling, and now rising, settled. Use the options and the version of its start, or "
        "another run folder."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        run_phases(config, tmp_path)


def test_a_run_that_is_made_longer_takes_the_same_steps(config, tmp_path):
    strategy = tf.distribute.get_strategy()
    loop.train(config, tmp_path / "whole", strategy)
    loop.train(config, tmp_path / "longer", strategy, until=2)
    # Of 12 steps from the start on, the first phase would have 6.
    loop.train(longer(config, 12), tmp_path / "longer", strategy, until=6)
    for name in ("whole", "longer"):
        assert json.loads((tmp_path / name / "phases.json").read_text())["rising"] == 3
    one, other = (saved_values(newest_checkpoint(tmp_path / name)) for name in ("whole", "longer"))
    for name in (name for name in one if not name.startswith(("best/", "stale/"))):
        np.testing.assert_array_equal(other[name], one[name], err_msg=name)
