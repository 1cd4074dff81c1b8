#!/usr/bin/env bash
# tf.unique compiled by XLA takes seconds for the pixels of one small image.
#
# TensorFlow 2.15.1, NumPy 1.26.4, Python 3.11 (2.21.0: 71 times as long for 65,536 ids).
#
# Instance maps number objects as they like; tf.unique turns the ids of an image's pixels into places
# of a table, of which means are taken. With jit_compile=True it gives the same places, but four times
# the pixels take 200 times as long: a map of 256x256 thousands of times as long as without XLA.
#
# Guess before the first run: a few times slower, and linear, as a sort would be.
#
# Cure: leave XLA out where ids are made dense, or make them dense before the compiled step. This
# product says so in docs/gpu.md.
#
# Seen, in ms on two cores, and in times of the plain function:
#   4,096 ids      1.2     3.8      3 times
#   16,384 ids     1.2    28       22 times
#   65,536 ids     0.9  5843     6664 times
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.15.1 numpy==1.26.4
cd "$folder"
cat > dense.py <<'PYTHON'
import time

import numpy as np
import tensorflow as tf

ratios = []
for count in (4_096, 16_384, 65_536):
    ids = tf.constant(np.random.default_rng(0).integers(0, 40, count))
    seconds = []
    places = []
    for jit in (False, True):
        dense = tf.function(lambda ids: tf.unique(ids)[1], jit_compile=jit)
        dense(ids).numpy()
        start = time.perf_counter()
        places.append(dense(ids).numpy())
        seconds.append(time.perf_counter() - start)
    assert (places[0] == places[1]).all()
    ratios.append(seconds[1] / seconds[0])
    print(count, *(round(1000 * second, 1) for second in seconds), "ms,", round(ratios[-1]), "times")
assert ratios[0] < 60 and ratios[2] > 500
PYTHON
"$folder/venv/bin/python" -I dense.py 2> /dev/null
