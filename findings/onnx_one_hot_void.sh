#!/usr/bin/env bash
# tf2onnx puts pixels of no class, labelled -1, into the last class.
#
# tf2onnx 1.17.0, TensorFlow 2.15.1 for CPUs (tensorflow-cpu), ONNX Runtime 1.31.1, NumPy 1.26.4.
#
# tf.one_hot gives no 1 to a label outside of 0 ... depth - 1, so that -1 stands for pixels that were
# not labelled. ONNX's OneHot counts negative labels from the end, and tf2onnx uses it as it is: of
# three classes -1 becomes the third. Labels of 3 and more give no 1 in either. Nothing is said.
#
# Guess before the first run: equal, since labels beyond the classes are treated alike.
#
# Cure: tf.cast(labels[..., tf.newaxis] == tf.range(depth), x.dtype), which converts as it is; or a
# void label above the classes. This product makes one-hot maps outside of its networks
# (tfpix2pix/data/tasks.py).
#
# Seen, of the labels 0, 2, 3, -1:
#   TensorFlow   100 001 000 000
#   ONNX         100 001 000 001
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.15.1 tf2onnx==1.17.0 onnx==1.17.0 \
    onnxruntime==1.31.1 numpy==1.26.4 protobuf==4.25.9
cd "$folder"
cat > classes.py <<'PYTHON'
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx

labels = np.array([0, 2, 3, -1], "int32")


def one_hot(x):
    return tf.one_hot(x, 3)


def compared(x):
    return tf.cast(x[..., tf.newaxis] == tf.range(3), tf.float32)


for function in (one_hot, compared):
    signature = [tf.TensorSpec((4,), tf.int32, name="x")]
    traced = tf.function(function, input_signature=signature)
    model, _ = tf2onnx.convert.from_function(traced, input_signature=signature, opset=18)
    (converted,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": labels})
    original = traced(labels).numpy()
    print(function.__name__, original.astype(int).tolist(), converted.astype(int).tolist())
    assert original[3].tolist() == [0, 0, 0] and (original[:3] == converted[:3]).all()
    assert converted[3].tolist() == ([0, 0, 1] if function is one_hot else [0, 0, 0])
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -I classes.py 2> /dev/null
