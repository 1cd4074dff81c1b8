import re
import subprocess
import sys

import pytest
import tensorflow as tf

from tfpix2pix import lines

QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "PATH": "/usr/bin"}


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**QUIET, "PYTHONPATH": ".", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_import_and_the_first_operation_leave_the_screen_quiet():
    result = python("import tfpix2pix as t; print(t.networks.unet_generator((8, 8, 3)).name)")
    assert (result.stdout, result.stderr) == ("unet_generator\n", "")


@pytest.mark.parametrize("own", [{}, {"TF_FORCE_GPU_ALLOW_GROWTH": "false"}])
def test_programs_share_the_memory_of_a_gpu_unless_a_user_says_otherwise(own):
    said = "import os, tfpix2pix; print(os.environ['TF_FORCE_GPU_ALLOW_GROWTH'])"
    assert python(said, **own).stdout.split() == [own.get("TF_FORCE_GPU_ALLOW_GROWTH", "true")]


def test_what_went_wrong_in_the_import_is_shown(tmp_path):
    (tmp_path / "tensorflow.py").write_text("import os; os.write(2, b'no AVX'); raise ImportError")
    result = python("import tfpix2pix.layers", PYTHONPATH=f"{tmp_path}:.")
    assert result.stderr.startswith("no AVX")


def test_keras_2_is_what_runs():
    assert issubclass(tf.keras.layers.Layer, tf.Module)  # No longer so in Keras 3.
    named = {"keras", "tf_keras"} & set(lines.packages())
    assert named == {tf.keras.layers.Layer.__module__.partition(".")[0]}


def test_keras_3_is_refused(monkeypatch):
    monkeypatch.setattr(tf.keras, "__version__", "3.15.1", raising=False)
    message = (
        f"tfpix2pix needs Keras 2. Received: TensorFlow {tf.__version__}, whose `tf.keras` is "
        f'Keras 3.15.1. Install it by "pip install tf_keras~={tf.__version__}", and import '
        "tfpix2pix before anything that uses Keras, or set TF_USE_LEGACY_KERAS=1 before Python "
        "starts."
    )
    with pytest.raises(ImportError, match=f"^{re.escape(message)}$"):
        lines.load()


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 14, 0)])
def test_an_untested_python_is_refused(monkeypatch, version):
    monkeypatch.setattr(sys, "version_info", version)
    message = (
        f"tfpix2pix runs on Python 3.9 to 3.13. Received: {'.'.join(map(str, version))}. Make an "
        'environment of one of them, such as by "python3.13 -m venv NAME", and install the '
        "requirements there."
    )
    with pytest.raises(ImportError, match=f"^{re.escape(message)}$"):
        lines.load()
