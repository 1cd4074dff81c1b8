"""Two real processes on loopback train as one, and stop with a clear message when one is lost."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.cases.families import NOISELESS
from tfpix2pix import InputError, families
from tfpix2pix.config_files import to_yaml
from tfpix2pix.families import preset_name
from training.benchmarks.scaling import free_ports
from training.engine import devices, loop

ROOT = Path(__file__).parents[3]
STEPS = 6


def start(config, run):
    """Starts the training of a configuration on two workers."""
    path = run.parent / "config.yaml"
    path.write_text(to_yaml(config), "utf-8")
    command = [sys.executable, "-m", "training.train", preset_name(config), "--config", str(path)]
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    processes = []
    for index in range(2):
        task = {"type": "worker", "index": index}
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "GRPC_VERBOSITY": "ERROR",
            "TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task}),
        }
        processes.append(
            subprocess.Popen(
                [*command, "--run", str(run)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    return processes


def saved(run):
    """All numbers of the last checkpoint: weights, averages, and the moments of gradients."""
    reader = tf.train.load_checkpoint(run / "checkpoints")
    kinds = reader.get_variable_to_dtype_map().items()
    return {name: reader.get_tensor(name) for name, kind in kinds if kind == tf.float32}


@pytest.mark.slow
@pytest.mark.parametrize("family", families.FAMILIES)
def test_two_workers_train_as_one_and_resume_after_one_is_lost(tmp_path, family):
    config = NOISELESS[family](tmp_path / "data")
    # Adam makes whole steps of rounding errors. Where steps are short, gradients stay the same.
    train = dataclasses.replace(config.train, steps=STEPS, checkpoint_every=2, learning_rate=1e-6)
    config = dataclasses.replace(config, train=train)
    loop.train(config, tmp_path / "one")

    run = tmp_path / "two/run"
    run.parent.mkdir()
    chief, other = start(config, run)
    while not (run / "checkpoints/ckpt-2.index").exists():
        assert chief.poll() is None, chief.communicate()[0]
        time.sleep(0.01)
    other.send_signal(signal.SIGKILL)
    output, _ = chief.communicate(timeout=280)
    other.communicate()
    assert chief.returncode == 1
    assert "error: All 2 workers must stay until the end. Received: " in output
    assert "Start the same command on all machines again" in output
    assert not (run / f"checkpoints/ckpt-{STEPS}.index").exists()

    processes = start(config, run)
    outputs = [process.communicate(timeout=280)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    one, two = saved(tmp_path / "one"), saved(run)
    assert set(one) == set(two)
    assert len(one) > 50
    for name, value in one.items():
        # Weights may differ by all their steps, the moments of gradients, where weights are small,
        # by a hundredth; a batch that is shared in another way changes them wholly.
        is_moment = ".OPTIMIZER_SLOT" in name
        atol = 0.05 * np.abs(value).max(initial=0) + 1e-6 if is_moment else 2 * STEPS * 1e-6
        np.testing.assert_allclose(two[name], value, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"cluster": {}}', "'worker'"),
        (
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
            "task {'type': 'worker', 'index': 1} is none of 1 workers",
        ),
    ],
)
def test_a_cluster_that_is_none_is_refused(monkeypatch, content, reason):
    monkeypatch.setenv("TF_CONFIG", content)
    with pytest.raises(InputError) as caught:
        devices.strategy()
    assert str(caught.value) == (
        "TF_CONFIG must be a cluster of workers and this machine's index in it. Received: "
        f'{content} ({reason}). Use for example {{"cluster": {{"worker": ["HOST1:PORT", '
        '"HOST2:PORT"]}, "task": {"type": "worker", "index": 0}}.'
    )


def test_one_device_needs_no_strategy():
    assert devices.strategy() is tf.distribute.get_strategy()
    assert devices.worker_number(devices.strategy()) == (0, 1)
