"""Fixtures; and two logical CPUs, so that two replicas run on any machine."""

import os
import tempfile

os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp()  # What is known of files is of this run alone.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Steps are compiled to be compared, not to be quick: CycleGAN's takes a third of the time.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest

import tfpix2pix  # noqa: F401, sets what TensorFlow reads on import.

# isort: split
import tensorflow as tf

from tests import cases
from tests.cases.directions import hinted_direction, two_directions
from tests.serving.local import managed
from tfpix2pix.datasets import synthetic
from tfpix2pix.export import export

CPUS = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(CPUS[0], [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.fixture(scope="session")
def facades(tmp_path_factory):
    """A data set folder with 6 pairs to train on and 3 to test, 32 pixels."""
    folder = tmp_path_factory.mktemp("facades")
    synthetic.write_pairs(folder / "train", 6, (32, 32), seed=0)
    synthetic.write_pairs(folder / "test", 3, (32, 32), seed=1)
    return folder


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """`(generator, exports)`: a generator, and the folder in which `tiny/1` is its export."""
    generator = cases.fixed_weights(cases.open_generator())
    exports = tmp_path_factory.mktemp("exports")
    export(generator, exports / "tiny")
    return generator, exports


@pytest.fixture(scope="session")
def exported_directions(tmp_path_factory):
    """`(directions, exports)`: two directions, and the folder in which `both/1` is their export."""
    directions = two_directions()
    exports = tmp_path_factory.mktemp("directions")
    _, difference = export(directions, exports / "both", size=(6, 4))
    assert difference < 1e-5
    return directions, exports


@pytest.fixture(scope="session")
def exported_hints(tmp_path_factory):
    """`(direction, exports)`: a direction with hints, and the folder of its export `hints/1`."""
    direction = hinted_direction()
    exports = tmp_path_factory.mktemp("hinted")
    photo = synthetic.facade((48, 64), 3)[0]
    card = {"examples": {"translate": [photo, photo[::-1]]}}
    export({"translate": direction}, exports / "hints", size=(32, 32), card=card)
    return direction, exports


@pytest.fixture(scope="module")
def manager(exported):
    """The manager of `tiny/1`."""
    with managed(exported[1]) as manager:
        yield manager


@pytest.fixture
def eager():
    """Runs TensorFlow's functions without graphs, which take longer to make than few steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def mirrored():
    """A strategy of two replicas; two such in one process would share the keys of collectives."""
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    return strategy
