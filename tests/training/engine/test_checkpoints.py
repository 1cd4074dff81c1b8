import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import tiny_pix2pix, values
from tfpix2pix import InputError
from tfpix2pix.checkpointing import newest_checkpoint, saved_step
from training.engine.checkpoints import Checkpoints

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def model():
    return tiny_pix2pix()


def filled(model, value):
    for variable in model.generator.weights:
        variable.assign(tf.fill(variable.shape, tf.cast(value, variable.dtype)))


def test_the_newest_whole_checkpoint_is_restored_and_the_damaged_named(model, tmp_path):
    saved = Checkpoints(model, tmp_path, 3)
    for step in (1, 2, 3):
        filled(model, step)
        saved.save(step)
    (newest,) = (tmp_path / "checkpoints").glob("ckpt-3.data*")
    newest.write_bytes(newest.read_bytes()[:-100])
    (tmp_path / "checkpoints/ckpt-2.index").write_bytes(b"")
    restored = Checkpoints(model, tmp_path, 3)
    damaged = restored.restore()
    assert [re.search(r"ckpt-\d", path).group() for path in damaged] == ["ckpt-3", "ckpt-2"]
    assert int(restored.step) == 1
    assert {float(value) for array in values(model.generator) for value in array.ravel()} == {1.0}


def test_a_lost_list_of_checkpoints_does_not_start_the_training_anew(model, tmp_path):
    Checkpoints(model, tmp_path, 3).save(5)
    (tmp_path / "checkpoints/checkpoint").write_bytes(b"model_ch")
    restored = Checkpoints(model, tmp_path, 3)
    assert (restored.restore(), int(restored.step)) == ([], 5)
    restored.save(6)
    restored.save(7)
    names = {path.name.split(".")[0] for path in (tmp_path / "checkpoints").iterdir()}
    assert names == {"checkpoint", "ckpt-6", "ckpt-7"}


def test_a_run_without_a_whole_checkpoint_is_refused(model, tmp_path):
    Checkpoints(model, tmp_path, 3).save(1)
    (tmp_path / "checkpoints/ckpt-1.index").write_bytes(b"")
    message = (
        "One of the checkpoints of a run must be whole. Received: "
        rf"{tmp_path}/checkpoints/ckpt-1 \(.+\). Copy them again from where they are whole, or "
        "train in another folder."
    )
    with pytest.raises(InputError, match=f"^{message}$"):
        Checkpoints(model, tmp_path, 3).restore()
    with pytest.raises(InputError, match=f"^{message}$"):
        newest_checkpoint(tmp_path)


def test_every_program_goes_by_the_newest_whole_checkpoint(model, tmp_path):
    """Files of checkpoints were copied without their list, or one of them was cut short."""
    saved = Checkpoints(model, tmp_path, 3)
    for step in (9, 10):
        saved.save(step)
    (tmp_path / "checkpoints/checkpoint").unlink()
    (tmp_path / "checkpoints/ckpt-10 (1).index").write_bytes(b"of a browser")
    newest = tmp_path / "checkpoints/ckpt-10"
    assert newest_checkpoint(tmp_path) == str(newest)
    (data,) = newest.parent.glob("ckpt-10.data*")
    data.write_bytes(data.read_bytes()[:-100])
    start = f"A checkpoint is damaged and passed over: {newest} ("
    with pytest.warns(UserWarning, match=f"^{re.escape(start)}"):
        assert newest_checkpoint(tmp_path) == f"{newest.parent}/ckpt-9"


def test_a_full_disk_leaves_the_last_checkpoint_and_says_so(model, tmp_path):
    """A limit on the size of files stands for the disk: both fail in the write."""
    saved = Checkpoints(model, tmp_path, 3)
    filled(model, 1)
    saved.save(1)
    filled(model, 2)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(InputError) as caught:
            saved.save(2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert re.fullmatch(
        rf"A checkpoint must be written to {tmp_path}/checkpoints\. Received: .*\. Make room or "
        r"mend the rights, and start the same command again: it goes on from "
        rf"{tmp_path}/checkpoints/ckpt-1\.",
        str(caught.value),
    )
    restored = Checkpoints(model, tmp_path, 3)
    assert (restored.restore(), int(restored.step)) == ([], 1)
    assert float(values(model.generator)[0].max()) == 1


def test_best_and_patience_are_part_of_a_checkpoint(model, tmp_path):
    saved = Checkpoints(model, tmp_path, 3)
    saved.best.assign(-0.25)
    saved.stale.assign(4)
    saved.save(1)
    restored = Checkpoints(model, tmp_path, 3)
    restored.restore()
    assert (float(restored.best), int(restored.stale)) == (-0.25, 4)


def test_the_best_checkpoint_is_of_the_step_it_was_saved_after(model, tmp_path):
    saved = Checkpoints(model, tmp_path, 3)
    saved.save(6)
    saved.save_best(9)
    for place, step in (("checkpoints", 6), ("best", 9)):
        path = newest_checkpoint(tmp_path, place)
        assert (Path(path).name, saved_step(path)) == (f"ckpt-{step}", step)


TINY = [
    *("--data.image_size", "32", "--model.base_filters", "4", "--model.receptive_field", "34"),
    *("--train.steps", "60", "--train.checkpoint_every", "5", "--train.ema", "0.9"),
    *("--train.schedule", "linear", "--train.accumulate", "1"),
]


def start(facades, run, folder, extra=()):
    command = [sys.executable, "-m", "training.train", "facades", "--data", str(facades)]
    return subprocess.Popen(
        [*command, "--run", str(run), *TINY, *extra],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def contents(run):
    reader = tf.train.load_checkpoint(run / "checkpoints")
    names = [n for n in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in n]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


@pytest.mark.slow
def test_a_run_killed_at_any_moment_ends_as_if_it_had_not_been(facades, tmp_path):
    """Killed by SIGKILL at random moments and as soon as a save has begun."""
    with start(facades, tmp_path / "whole", tmp_path) as process:
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    random, run = np.random.default_rng(0), tmp_path / "parts"
    for kill in range(4):
        with start(facades, run, tmp_path) as process:
            saved = run / "checkpoints"
            while process.poll() is None and not any(saved.glob(f"ckpt-{10 * kill + 5}*")):
                time.sleep(0.001)
            time.sleep(random.uniform(0, 0.1) if kill % 2 else 0)
            process.kill()
        assert process.returncode == -signal.SIGKILL
    with start(facades, run, tmp_path) as process:
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    whole, parts = contents(tmp_path / "whole"), contents(run)
    assert set(whole) == set(parts)
    for name, value in whole.items():
        np.testing.assert_array_equal(parts[name], value, err_msg=name)
    lines = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "parts")]
    assert lines[0].count("\n") == lines[1].count("\n")
