"""Fixtures of the serving tests: certificates, a slow model, and servers."""

import subprocess

import pytest
import tensorflow as tf

from serving.engine import listening
from tests.serving.local import managed


@pytest.fixture(scope="session")
def pems(tmp_path_factory):
    """Files of a server and of a client, each of which vouches for itself."""
    folder = tmp_path_factory.mktemp("pems")
    for name in ("server", "client"):
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ]
        command += ["-nodes", "-days", "2", "-subj", f"/CN={name}"]
        command += ["-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-keyout", f"{name}.key", "-out", f"{name}.pem"]
        try:
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("openssl is not installed")
    return folder


@pytest.fixture(scope="session")
def turning(tmp_path_factory):
    """Folder with the model `turning/3`: its answer is the largest of `turns` in a batch."""

    class Turning(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64, name="turns")])
        def turn(self, turns):
            last = tf.reduce_max(turns)
            (done,) = tf.while_loop(
                lambda at: at < last, lambda at: [at + 1], [tf.zeros_like(last)]
            )
            return {"turned": tf.fill(tf.shape(turns), done), "turns": turns}

    module = Turning()
    folder = tmp_path_factory.mktemp("turning")
    tf.saved_model.save(module, folder / "turning/3", {"serving_default": module.turn})
    return folder


@pytest.fixture(scope="module")
def slow(turning):
    """The manager of `turning/3`."""
    with managed(turning) as manager:
        yield manager


@pytest.fixture
def start():
    """Starts servers as `listening.start` does, gives their addresses, and stops them."""
    running = []

    def started(manager, **options):
        running.append(listening.start(manager, **options))
        return f"127.0.0.1:{running[-1][1]}"

    yield started
    for one, _ in running:
        one.stop(None).wait()
