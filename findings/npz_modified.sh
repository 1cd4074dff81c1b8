#!/usr/bin/env bash
# TensorFlow says of a file of arrays that it "was modified" when one of them cannot be read.
#
# TensorFlow 2.15.1, NumPy 1.26.4, Python 3.11.
#
# `np.load` of an .npz gives a mapping that reads each array when it is asked for. Given as it is to
# `tf.data.Dataset.from_tensor_slices`, or to anything else that walks through a structure in C++, what
# it raises is replaced: NumPy's error about arrays of objects, which names the cure, by a RuntimeError
# without a cause. The same becomes of an h5py.Group, of a disk's OSError, and of Ctrl-C.
#
# Guess before the first run: NumPy's ValueError, "Object arrays cannot be loaded when
# allow_pickle=False", passes through.
#
# Cure: `dict(np.load(file))` reads all arrays in Python first. This product does not hand on mappings of
# others; of Ctrl-C, which comes anywhere, tfpix2pix/errors.py keeps a note.
#
# Seen:
#   NumPy: ValueError Object arrays cannot be loaded when allow_pickle=False
#   TensorFlow: RuntimeError Mapping was modified during iteration over it, cause None None
#   as a dict: ValueError Object arrays cannot be loaded when allow_pickle=False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.15.1 numpy==1.26.4
cd "$folder"
cat > arrays.py <<'PYTHON'
import numpy as np
import tensorflow as tf

captions = np.empty(2, object)
captions[:] = ["a cat", "two dogs"]
np.savez("photos.npz", images=np.zeros((2, 4, 4, 3), "uint8"), captions=captions)


def error(call):
    try:
        return call()
    except Exception as raised:
        return raised


def show(who, raised, more=""):
    print(f"{who}: {type(raised).__name__} {raised}{more}")


file = np.load("photos.npz")
show("NumPy", error(lambda: file["captions"]))
raised = error(lambda: tf.data.Dataset.from_tensor_slices(file))
show("TensorFlow", raised, f", cause {raised.__cause__} {raised.__context__}")
show("as a dict", error(lambda: tf.data.Dataset.from_tensor_slices(dict(file))))
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python -I arrays.py | tee seen
diff seen - <<'SEEN'
NumPy: ValueError Object arrays cannot be loaded when allow_pickle=False
TensorFlow: RuntimeError Mapping was modified during iteration over it, cause None None
as a dict: ValueError Object arrays cannot be loaded when allow_pickle=False
SEEN
