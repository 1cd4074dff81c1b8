import dataclasses
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfpix2pix import InputError, bfloat16
from tfpix2pix.config import TrainConfig
from tfpix2pix.families import get_family, preset

CPUINFO = """processor\t: 0
flags\t\t: fpu avx512f avx512_bf16
bugs\t\t: spectre_v1
processor\t: 1
flags\t\t: fpu
"""


def test_flags_are_those_of_the_first_processor(tmp_path):
    (tmp_path / "cpuinfo").write_text(CPUINFO)
    assert bfloat16.processor_flags(tmp_path / "cpuinfo") == {"fpu", "avx512f", "avx512_bf16"}


@pytest.mark.parametrize("flag", ["avx512_bf16", "amx_bf16"])
def test_either_flag_will_do(flag):
    bfloat16.check_bfloat16({"fpu", flag})


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (
            {"flags": {"fpu", "avx512f"}},
            "bfloat16 is for processors with avx512_bf16 or amx_bf16. Received: one without. Use "
            "float32, the default.",
        ),
        (
            {"flags": set()},
            "bfloat16 is for processors with avx512_bf16 or amx_bf16. Received: one that does not "
            "tell what it has. Use float32, the default.",
        ),
        (
            {"flags": {"amx_bf16"}, "gpus": 1},
            "This bfloat16 is that of processors. Received: 1 GPU. Use float32, the default; to "
            "train on GPUs, mixed_float16 or mixed_bfloat16.",
        ),
        (
            {"flags": {"amx_bf16"}, "onednn": False},
            "bfloat16 is computed by oneDNN. Received: a TensorFlow without it. Remove "
            "TF_ENABLE_ONEDNN_OPTS from the environment.",
        ),
    ],
)
def test_machines_that_would_gain_nothing_are_refused(machine, message):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        bfloat16.check_bfloat16(**machine)


@pytest.mark.skipif(bool(tf.config.list_physical_devices("GPU")), reason="a GPU sums in float32")
def test_a_processor_that_would_lose_gradients_is_refused():
    message = (
        "mixed_bfloat16 is for GPUs: a processor ends sums of a bias's gradients at 512. Received: "
        "no GPU. Use auto_bfloat16 where the processor has bfloat16, or float32."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        bfloat16.check_precision("mixed_bfloat16")


def test_this_machine_is_refused_by_its_own_flags_and_environment():
    """In a process of its own, for TensorFlow reads the variable when it is imported."""
    program = (
        "from tfpix2pix import InputError, bfloat16\n"
        "with bfloat16.graph_precision('float32'): pass\n"
        "try: bfloat16.check_precision('auto_bfloat16')\n"
        "except InputError as error: print(error)\n"
    )
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": "0"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    has_bfloat16 = bfloat16.processor_flags().intersection(bfloat16.FLAGS)
    assert ("bfloat16 is computed by oneDNN." in done.stdout) == bool(has_bfloat16)
    assert ("bfloat16 is for processors" in done.stdout) == (not has_bfloat16)


def test_layers_stay_float32_and_so_does_what_is_built_of_a_run():
    config = preset("quickstart")
    train = dataclasses.replace(config.train, precision="auto_bfloat16")
    model = get_family(config.family).model(dataclasses.replace(config, train=train))
    layers = [layer for network in model.players.values() for layer in network.layers]
    assert {layer.compute_dtype for layer in layers} == {"float32"}
    assert keras.mixed_precision.global_policy().name == "float32"
    assert {v.dtype for v in model.trainable_variables} == {tf.float32}


def test_xla_which_would_leave_all_in_float32_is_refused():
    config = preset("quickstart")
    train = TrainConfig(precision="auto_bfloat16", jit=True)
    message = (
        '`jit` must be false for the precision "auto_bfloat16": XLA compiles past the rewrite. '
        "Received: true. Leave it out."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        get_family(config.family).model(dataclasses.replace(config, train=train))


def test_a_block_of_float32_changes_nothing():
    product = tf.function(lambda x: x @ x)
    x = tf.constant(np.random.default_rng(0).normal(size=(64, 64)), "float32")
    plain = product(x)
    with bfloat16.graph_precision("float32"):
        np.testing.assert_array_equal(product(x), plain)
