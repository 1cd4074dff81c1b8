#!/usr/bin/env bash
# tf.data copies every tensor that a mapped function captures.
#
# TensorFlow 2.15.1, NumPy 1.26.4, Python 3.11 (TensorFlow 2.21.0 behaves the same).
#
# A set of images is kept in memory as one tensor, and Dataset.map cuts examples out of it. An
# iterator of the dataset takes the tensor's size again: the default optimizations rewrite the
# dataset's graph, and put what functions capture into it. With the option
# experimental_optimization.apply_default_optimizations = False there is no copy, and batches are as
# quick. Autotuning is not to blame.
#
# Guess before the first run: captured tensors are shared, as those of a tf.function are.
#
# Cure: the option, or tables and variables, of which a handle is captured. This product does so in
# tfpix2pix/data/streams.py.
#
# Seen, of a tensor of 200 MB, in MB that two iterators take:
#   by default                       206
#   without default optimizations      3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.15.1 numpy==1.26.4
cd "$folder"
cat > iterate.py <<'PYTHON'
import resource
import sys

import tensorflow as tf

kept = tf.zeros(200_000_000, "uint8")
dataset = tf.data.Dataset.range(10).map(lambda n: kept[10 * n : 10 * n + 10])
options = tf.data.Options()
options.experimental_optimization.apply_default_optimizations = sys.argv[1] == "default"
dataset = dataset.with_options(options)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
iterators = [iter(dataset) for _ in range(2)]
[next(iterator) for iterator in iterators]
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1000)
PYTHON
default=$("$folder/venv/bin/python" -I iterate.py default 2> /dev/null)
without=$("$folder/venv/bin/python" -I iterate.py without 2> /dev/null)
echo "by default $default MB, without default optimizations $without MB"
[ "$default" -gt 150 ] && [ "$without" -lt 60 ]
