#!/usr/bin/env bash
# In bfloat16 the gradient of a bias stops growing at 512, whatever the size of the feature map.
#
# TensorFlow 2.15.1 and 2.21.0 for CPUs, Python 3.11 and 3.12; run here with 2.15.1, NumPy 1.26.4.
#
# The gradient of tf.nn.bias_add sums the pixels of each channel. Of 256x256 ones in bfloat16 it is
# 512, not 65,536; of gradients of mean 1 and deviation 1 it is 2,700. So a Keras Conv2D under the
# policy mixed_bfloat16 learns its biases from a 24th of their gradient, without a word; its kernels
# are right, and so is tf.reduce_sum of the same map. With 2.15.1 tf.reduce_mean over height and
# width is wrong too, and that over all axes is right; 2.21.0 has mended the mean alone.
#
# Guess before the first run: rounded to 3 digits, but summed in float32, as kernels' gradients are.
#
# Cure: on CPUs let the graph's rewriting choose what is computed in bfloat16 (it leaves the sum
# alone), or add the bias by `+`, whose gradient is tf.reduce_sum. This product's precision for CPUs
# is auto_bfloat16 (docs/gpu.md).
#
# Seen, of 256x256 ones:
#   gradient of bias_add              512
#   gradient of +, tf.reduce_sum    65536
#   tf.reduce_mean over the map         0.00390625
#   tf.reduce_mean over all             1
#   bias of a Conv2D, of 65,496      2720
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.15.1 numpy==1.26.4
cd "$folder"
cat > sums.py <<'PYTHON'
import numpy as np
import tensorflow as tf

ones = tf.ones((1, 256, 256, 3), "bfloat16")


def bias_gradient(add):
    bias = tf.zeros(3, "bfloat16")
    with tf.GradientTape() as tape:
        tape.watch(bias)
        outputs = add(ones, bias)
    return float(tape.gradient(outputs, bias)[0])


upstream = np.random.default_rng(0).normal(1, 1, (1, 256, 256, 4)).astype("float32")
tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
layer = tf.keras.layers.Conv2D(4, 3, padding="same")
with tf.GradientTape() as tape:
    loss = tf.reduce_sum(tf.cast(layer(ones), "float32") * upstream)
learned = tape.gradient(loss, layer.bias).numpy() / upstream.sum((0, 1, 2))
by_op, by_sum = bias_gradient(tf.nn.bias_add), bias_gradient(lambda maps, bias: maps + bias)
mean, mean_of_all = float(tf.reduce_mean(ones, (1, 2))[0, 0]), float(tf.reduce_mean(ones))
print("bias_add", by_op, "+", by_sum, "mean", mean, "of all", mean_of_all)
print("share of a Conv2D's bias gradient", learned.round(3))
assert by_op == 512 and by_sum == 65536 and mean < 0.01 and mean_of_all == 1
assert (learned < 0.1).all()
PYTHON
"$folder/venv/bin/python" -I sums.py 2> /dev/null
