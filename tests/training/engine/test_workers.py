"""Two real processes on loopback train as one, and stop with a clear message when one is lost."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix import InputError
from training.engine import devices

ROOT = Path(__file__).parents[3]
OPTIONS = [
    *("--data.image_size", "32", "--model.base_filters", "4", "--model.receptive_field", "16"),
    *("--model.dropout_levels", "0", "--train.batch_size", "2", "--train.checkpoint_every", "2"),
]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start(facades, run, steps, workers=1):
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    command = [sys.executable, "-m", "training.train", "facades", "--data", str(facades)]
    command += ["--run", str(run), *OPTIONS, "--train.steps", str(steps)]
    processes = []
    for index in range(workers):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "GRPC_VERBOSITY": "ERROR"}
        if workers > 1:
            task = {"type": "worker", "index": index}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        processes.append(
            subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    return processes


def finished(processes):
    outputs = [process.communicate(timeout=280)[0] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), outputs
    return outputs


def weights(run):
    reader = tf.train.load_checkpoint(run / "checkpoints")
    names = [n for n in reader.get_variable_to_shape_map() if "erator/" in n and "kernel" in n]
    return {name: reader.get_tensor(name) for name in names if "OPTIMIZER" not in name}


@pytest.mark.slow
def test_two_workers_train_as_one_and_resume_after_one_is_lost(facades, tmp_path):
    finished(start(facades, tmp_path / "one", 3))
    finished(start(facades, tmp_path / "two", 3, workers=2))
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert set(one) == set(two)
    assert one
    for name, value in one.items():
        np.testing.assert_allclose(two[name], value, atol=1e-4, err_msg=name)

    chief, other = start(facades, tmp_path / "two", 4000, workers=2)
    while not (tmp_path / "two/samples/000006.png").exists():
        assert chief.poll() is None, chief.communicate()[0]
        time.sleep(0.1)
    other.send_signal(signal.SIGKILL)
    output, _ = chief.communicate(timeout=280)
    other.communicate()
    assert chief.returncode == 1
    assert "error: All 2 workers must stay until the end. Received: " in output
    assert "Start the same command on all machines again" in output
    step = int(tf.train.latest_checkpoint(tmp_path / "two/checkpoints").rsplit("-", 1)[1])
    finished(start(facades, tmp_path / "two", step + 2, workers=2))
    newest = tf.train.latest_checkpoint(tmp_path / "two/checkpoints")
    assert newest.endswith(f"ckpt-{step + 2}")


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
