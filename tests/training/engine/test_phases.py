import dataclasses
import json
import re

import numpy as np
import pytest
import tensorflow as tf

from tests.cases.families import TEST_FAMILIES, toy_paper
from tfpix2pix import InputError, families, runs
from tfpix2pix.checkpointing import newest_checkpoint, saved_values
from tfpix2pix.runs import phase_at, run_phases, save_phases
from training.engine import batches, loop
from training.engine.monitor import Monitor

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


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
def test_best_and_patience_count_within_a_phase(config, tmp_path):
    train = {"learning_rate": 0.0, "validate_every": 1, "patience": 3, "checkpoint_every": 2}
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, **train))
    # An image of A has no details that larger ones would show: only a better phase would be best.
    _, step = loop.train(config, tmp_path / "run")
    assert step == 6
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    measured = {line["step"]: line["held_out/cycle_l1"] for line in map(json.loads, lines)}
    assert min(measured[step] for step in (4, 5, 6)) > measured[1]
    assert runs.load_run(tmp_path / "run", best=True).step == 4
    saved = saved_values(newest_checkpoint(tmp_path / "run"))
    assert saved["stale/.ATTRIBUTES/VARIABLE_VALUE"] == 2
    train = dataclasses.replace(config.train, patience=2)  # It ends with the first phase.
    for _ in range(2):
        _, step = loop.train(dataclasses.replace(config, train=train), tmp_path / "short")
        assert step == 3


@pytest.mark.slow
@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize(
    ("checkpoint_every", "spoilt", "parts"),
    [
        # Phase, step from which its batches come, steps: back from 4 to 2, or from 5 to the border.
        (2, 4, [("rising", 0, (1, 2)), ("rising", 4, (3,)), ("settled", 5, (4, 5, 6))]),
        (3, 5, [("rising", 0, (1, 2, 3)), ("settled", 5, (4, 5, 6))]),
    ],
)
def test_a_roll_back_over_a_border_takes_the_steps_of_the_older_phase_again(
    config, tmp_path, monkeypatch, checkpoint_every, spoilt, parts
):
    spoilt_steps = []

    class SpoiltOnce(Monitor):
        def expect(self, step):
            super().expect(step)
            if step == spoilt and not spoilt_steps:
                spoilt_steps.append(step)
                kernel = self.model.players["AtoB"].get_layer("fine_conv").kernel
                kernel.assign(kernel * np.nan)

    monkeypatch.setattr(loop, "Monitor", SpoiltOnce)
    train = {"rollback_on_nan": True, "checkpoint_every": checkpoint_every, "log_every": 1}
    config = dataclasses.replace(config, train=dataclasses.replace(config.train, **train))
    model, step = loop.train(config, tmp_path / "run")
    assert (step, spoilt_steps) == (6, [spoilt])

    config, examples = batches.completed(config)
    family = families.get_family("toy")
    phases = {phase.name: phase for phase in family.phases(config)}
    expected = family.model(config)
    for name, first, steps in parts:
        feed = iter(family.feed.training(config, examples, phases[name], families.Worker(), first))
        expected.enter(phases[name], 0.0)
        for number in steps:
            expected.enter(phases[name], (number - 1) % 3 / 3)
            expected.train_step(next(feed))
    for groups in ("players", "averaged"):
        for player, network in getattr(expected, groups).items():
            for one, other in zip(getattr(model, groups)[player].weights, network.weights):
                np.testing.assert_allclose(one, other, atol=1e-6, err_msg=one.name)
    lines = (tmp_path / "run/metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    (warning,) = (tmp_path / "run/health.jsonl").read_text().splitlines()
    assert json.loads(warning)["step"] == spoilt


@pytest.mark.slow
def test_a_network_grows_on_two_devices_as_on_one(config, tmp_path, mirrored):
    models = [
        loop.train(config, tmp_path / name, strategy)[0]
        for name, strategy in (("one", tf.distribute.get_strategy()), ("two", mirrored))
    ]
    one, two = ([*model.players.values(), *model.averaged.values()] for model in models)
    for network, other in zip(one, two):
        assert "fine_conv" in [layer.name for layer in other.layers]
        for weight, replicated in zip(network.weights, other.weights):
            np.testing.assert_allclose(replicated, weight, atol=1e-3, err_msg=weight.name)
    run = runs.load_run(tmp_path / "two")
    assert run.translate(np.zeros((8, 8, 3), "uint8")).shape == (8, 8, 3)
