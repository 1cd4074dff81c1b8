#!/usr/bin/env bash
# Floats beyond 255 become other pixels when the cast to uint8 is compiled by XLA.
#
# TensorFlow 2.15.1, NumPy 1.26.4, Python 3.11 (2.21.0 behaves the same).
#
# tf.cast wraps around: -1 becomes 255 and 256 becomes 0, as dark pixels in what is brightest. With
# jit_compile=True on the same CPU it saturates: 0 and 255. So a graph that forgets to clip looks
# right where it is compiled, and wrong where it is served without XLA. To int32 3e9 becomes the
# least integer, and the greatest when compiled.
#
# Guess before the first run: both wrap around.
#
# Cure: tf.saturate_cast, or clip before the cast. This product does so in tfpix2pix/data/images.py.
#
# Seen, of [-1, -0.5, 255.9, 256, 300, 1e10] to uint8:
#   plain      [255   0 255   0  44   0]
#   compiled   [  0   0 255 255 255 255]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.15.1 numpy==1.26.4
cd "$folder"
cat > pixels.py <<'PYTHON'
import tensorflow as tf

values = tf.constant([-1.0, -0.5, 255.9, 256.0, 300.0, 1e10])


def cast(x):
    return tf.cast(x, "uint8")


def saturated(x):
    return tf.saturate_cast(x, "uint8")


results = {}
for function in (cast, saturated):
    for jit in (False, True):
        pixels = tf.function(function, jit_compile=jit)(values).numpy().tolist()
        print(function.__name__, "compiled" if jit else "plain", pixels)
        results[function.__name__, jit] = pixels
assert results["cast", False] == [255, 0, 255, 0, 44, 0]
assert results["cast", True] == [0, 0, 255, 255, 255, 255]
assert results["saturated", False] == results["saturated", True] == results["cast", True]
PYTHON
"$folder/venv/bin/python" -I pixels.py 2> /dev/null
