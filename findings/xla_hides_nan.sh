#!/usr/bin/env bash
# Compiled by XLA, a maximum passes over NaN, and a NaN that is clipped becomes 0.
#
# TensorFlow 2.15.1, NumPy 1.26.4, Python 3.11. With 2.21.0 the maximum does so too; the clipped NaN
# stays NaN.
#
# tf.reduce_max of [1, NaN, 3] is NaN, and 3 with jit_compile=True on the same CPU. tf.clip_by_value
# to [0, 1] leaves NaN as it is, and makes it 0 when compiled. So a training that watches for NaN by
# the largest gradient, or that clips before it looks, sees none once it is compiled. tf.maximum and
# relu keep NaN either way.
#
# Guess before the first run: NaN in all of them, compiled or not.
#
# Cure: tf.math.is_finite of the values or of their sum. This product looks at the losses themselves
# (tfpix2pix/models/non_finite.py).
#
# Seen:
#   reduce_max      plain nan              compiled 3.0
#   clip_by_value   plain [1. nan 1.]      compiled [1. 0. 1.]
#   maximum, relu   plain nan              compiled nan
#   sum             plain nan              compiled nan
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.15.1 numpy==1.26.4
cd "$folder"
cat > nan.py <<'PYTHON'
import numpy as np
import tensorflow as tf

values = tf.constant([1.0, float("nan"), 3.0])
functions = {
    "reduce_max": tf.reduce_max,
    "clip_by_value": lambda x: tf.clip_by_value(x, 0.0, 1.0),
    "maximum": lambda x: tf.maximum(x, 0.0),
    "relu": tf.nn.relu,
    "sum": tf.reduce_sum,
}
hidden = []
for name, function in functions.items():
    plain, compiled = (
        tf.function(function, jit_compile=jit, autograph=False)(values).numpy()
        for jit in (False, True)
    )
    print(name, plain, compiled)
    assert np.isnan(plain).any()
    if not np.isnan(compiled).any():
        hidden.append(name)
assert hidden == ["reduce_max", "clip_by_value"]
PYTHON
"$folder/venv/bin/python" -I nan.py 2> /dev/null
