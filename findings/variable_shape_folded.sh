#!/usr/bin/env bash
# TensorFlow takes the shape that a branch would give a variable for the one that it has.
#
# Versions: tensorflow-cpu 2.15.1, NumPy 1.26.4, Python 3.11 (or PYTHON names 3.10).
# Behaviour: a variable of open width, made with width 0, is to be filled when it is empty: a
#   `tf.cond` on `tf.shape(variable)[1] == 0` assigns a value of width 2. Within `tf.function` the
#   graph optimizer infers width 2 for the variable from the assignment in the branch, folds the
#   condition to False and the shape to [3, 2], and never fills it: no error, sum 0. Without the
#   optimizer, and eagerly, the sum is 6. A pool or cache that gets its size from the first batch
#   meets this.
# Guess before the first run: the condition is computed from the value, and the sum is 6.
# What helps: give variables their whole shape, or keep a count in a variable of its own.
# Seen: the lines at the end of this file. This script fails if others come out.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check \
    tensorflow-cpu==2.15.1 numpy==1.26.4 2> "$folder/log" || { cat "$folder/log"; exit 1; }

cat > "$folder/fill.py" <<'PYTHON'
import tensorflow as tf


def filled(optimized, eager=False):
    """Returns the condition, the shape and the sum after an empty variable was to be filled."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not optimized})
    tf.config.run_functions_eagerly(eager)
    variable = tf.Variable(tf.zeros((3, 0)), shape=tf.TensorShape((3, None)))

    def fill():
        variable.assign(tf.ones((3, 2)))
        return True

    def leave():
        return False

    @tf.function
    def use():
        is_empty = tf.shape(variable)[1] == 0
        tf.cond(is_empty, fill, leave)
        return is_empty, tf.shape(variable), tf.reduce_sum(variable)

    return [tensor.numpy().tolist() for tensor in use()]


print(f"tensorflow {tf.__version__}")
print("optimized", *filled(True))
print("not optimized", *filled(False))
print("eager", *filled(True, eager=True))
PYTHON

cat > "$folder/seen" <<'SEEN'
tensorflow 2.15.1
optimized False [3, 2] 0.0
not optimized True [3, 2] 6.0
eager True [3, 2] 6.0
SEEN
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" "$folder/fill.py" | tee "$folder/output"
diff "$folder/seen" "$folder/output"
