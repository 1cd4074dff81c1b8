"""Which TensorFlow runs: 2.15 with its own Keras 2, or a current one with Keras 2 as tf_keras."""

import contextlib
import importlib.util
import os
import sys
from collections.abc import Callable
from functools import partial
from importlib.machinery import PathFinder

from tfpix2pix import memory
from tfpix2pix.errors import ended_at_once
from tfpix2pix.quiet import quiet
from tfpix2pix.version import __version__

PYTHONS = ((3, 9), (3, 13))  # The oldest and the newest on which the tests pass.


def prepare(then: Callable = lambda: None):
    """Sets what TensorFlow reads on import, and how it is then loaded, by whomever that be.

    It takes no time: programs parse their command line before they load TensorFlow, which takes
    seconds.

    Args:
        then: Function that is called when TensorFlow has been loaded.

    Raises:
        ImportError: If this Python is unknown, or TensorFlow is loaded already, with Keras 3.

    Example:
        >>> prepare()
    """
    oldest, newest = PYTHONS
    if not oldest <= sys.version_info[:2] <= newest:
        raise ImportError(
            f"tfpix2pix runs on Python {_dotted(oldest)} to {_dotted(newest)}. Received: "
            f"{_dotted(sys.version_info[:3])}. Make an environment of one of them, such as by "
            f'"python{_dotted(newest)} -m venv NAME", and install the requirements there.'
        )
    # Without tf_keras the variable, which others may have set, would break TensorFlow 2.15, whose
    # own Keras is what it asks for.
    if importlib.util.find_spec("tf_keras"):
        os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    else:
        os.environ.pop("TF_USE_LEGACY_KERAS", None)
    # TensorFlow leaves oneDNN off on CPUs without VNNI; a training step at 256 pixels on two cores
    # then takes 1.22 instead of 0.94 s. It reads the variable once, so this only helps where
    # TensorFlow has not been imported before.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    # TensorFlow takes all of a GPU's memory at start: a training, a server and the page could not
    # share one.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    bytes_of_tensors = memory.limit()
    if bytes_of_tensors is not None:
        os.environ.setdefault("TF_MKL_ALLOC_MAX_BYTES", str(bytes_of_tensors))
    if "tensorflow" in sys.modules:
        _check_keras(sys.modules["tensorflow"])
        then()
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder(then))


def load():
    """Loads TensorFlow with Keras 2, whichever of both lines is installed.

    Current versions of TensorFlow bring Keras 3. With the package tf_keras they take Keras 2, on
    which this package is built, if the variable `TF_USE_LEGACY_KERAS` says so when `tf.keras` is
    used first. Version 2.21 also writes lines on import that `TF_CPP_MIN_LOG_LEVEL` does not stop;
    where that is set they are kept off the screen.

    Raises:
        ImportError: If there is no Keras 2, Keras 3 is in use already, or this Python is unknown.

    Example:
        >>> load()
    """
    prepare()
    import tensorflow  # noqa: F401


class _Finder:
    """Finds TensorFlow as Python does, and has it loaded quietly, with Keras 2.

    Python asks it for every module; of ours none has to know whether it is the first that imports
    TensorFlow.
    """

    def __init__(self, then):
        self.then = then

    def find_spec(self, name, path=None, target=None):
        if name != "tensorflow":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if hasattr(spec, "loader") and hasattr(spec.loader, "exec_module"):
            spec.loader.exec_module = partial(self._execute, spec.loader.exec_module)
        return spec

    def _execute(self, execute, module):
        is_quiet = int(os.environ.get("TF_CPP_MIN_LOG_LEVEL", 0))
        with ended_at_once(), quiet() if is_quiet else contextlib.nullcontext():
            execute(module)
        _check_keras(module)
        self.then()


def _check_keras(tf):
    keras_version = getattr(tf.keras, "__version__", "2")  # tf_keras does not tell its own here.
    if not keras_version.startswith("2"):
        raise ImportError(
            f"tfpix2pix needs Keras 2. Received: TensorFlow {tf.__version__}, whose `tf.keras` is "
            f"Keras {keras_version}. "
            f'Install it by "pip install tf_keras~={tf.__version__}", and import tfpix2pix before '
            "anything that uses Keras, or set TF_USE_LEGACY_KERAS=1 before Python starts."
        )


def packages():
    """Returns the versions of what results depend on.

    Returns:
        Dict of the names of packages, this one and that of Keras 2 among them, to str.

    Example:
        >>> list(packages())[:2]
        ['tfpix2pix', 'tensorflow']
    """
    from importlib import metadata  # It takes time, which programs need not.

    keras = "tf_keras" if "tf_keras" in sys.modules else "keras"
    versions = {name: metadata.version(name) for name in ("tensorflow", keras, "numpy")}
    return {"tfpix2pix": __version__, **versions}


def _dotted(numbers):
    return ".".join(map(str, numbers))
