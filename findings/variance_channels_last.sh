#!/usr/bin/env bash
# The variance of a large feature map is 20,000 times less exact with channels last than first.
#
# TensorFlow 2.15.1 for CPUs (tensorflow-cpu), NumPy 1.26.4.
#
# tf.nn.moments over height and width of float32 [1, 1024, 2048, 4], values of mean 0 and deviation
# 1: the variance is 1.3e-3 off. Of the same numbers as [1, 4, 1024, 2048] it is 1e-7 off, and so it
# is where the mean over columns is taken before that over rows. Reductions that keep the last axis
# add the pixels of a channel one after the other, so that each square is rounded to the last digit
# of a sum of up to two million; those over the last axes add in a tree. NumPy's `var` does the
# same, to the same digits. Keras 2.15's GroupNormalization computes by tf.nn.moments, and the fused
# batch normalization of one image is 5e-4 off. Normalized maps hide it; a deep network that is
# imported from PyTorch shows it, as a difference that grows with the size of the image.
#
# Guess before the first run: 1e-6 at most from all of them.
#
# Cure: reduce one axis at a time, the inner one first. This product does so in
# tfpix2pix/layers/norms.py.
#
# Seen (greatest difference of four channels from float64):
#   tf.nn.moments, channels last    1.3e-03
#   the same, channels first        4.4e-08
#   by columns, then by rows        8.9e-07
#   fused batch norm, channels last 4.7e-04
#   numpy.var, channels last        1.3e-03
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.15.1 numpy==1.26.4
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -I - <<'PYTHON'
import numpy as np
import tensorflow as tf

last = np.random.default_rng(0).normal(0, 1, (1, 1024, 2048, 4)).astype("float32")
first = np.ascontiguousarray(last.transpose(0, 3, 1, 2))
exact = last.astype("float64").var((1, 2))
mean, variance = tf.nn.moments(last, (1, 2))
by_rows = tf.reduce_mean(tf.reduce_mean(tf.square(last - mean), 2), 1)
ones, zeros = np.ones(4, "float32"), np.zeros(4, "float32")
fused = tf.compat.v1.nn.fused_batch_norm(last, ones, zeros)[2]
seen = {
    "tf.nn.moments, channels last": (variance, 3e-4, 1e-2),
    "the same, channels first": (tf.nn.moments(first, (2, 3))[1], 0, 2e-6),
    "by columns, then by rows": (by_rows, 0, 5e-6),
    "fused batch norm, channels last": (fused, 1e-4, 1e-2),
    "numpy.var, channels last": (last.var((1, 2)), 3e-4, 1e-2),
}
changed = []
for name, (value, least, most) in seen.items():
    difference = float(np.abs(np.asarray(value, "float64") - exact).max())
    print(f"{name:32}{difference:.1e}")
    if not least <= difference <= most:
        changed.append(name)
raise SystemExit(f"Changed: {', '.join(changed)}" if changed else 0)
PYTHON
