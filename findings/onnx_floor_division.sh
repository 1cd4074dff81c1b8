#!/usr/bin/env bash
# tf2onnx makes other numbers of floor division and remainder of negative integers.
#
# tf2onnx 1.17.0, TensorFlow 2.15.1 for CPUs (tensorflow-cpu), ONNX Runtime 1.31.1, NumPy 1.26.4.
#
# In TensorFlow, as in Python, -3 // 4 is -1 and -3 % 4 is 1, so networks that take images of any
# size pad them by `-height % multiple`. tf2onnx makes ONNX's Div of FloorDiv, which cuts off
# towards zero, and Div, Mul and Sub of FloorMod: -3 // 4 becomes 0 and -3 % 4 becomes -3, a
# negative padding. Nothing is said; of float32 both are right, for these get a Floor.
#
# Guess before the first run: equal, since FloorDiv and FloorMod have "floor" in their names, and
# ONNX has a Mod whose sign is the divisor's.
#
# Cure: `(multiple - height % multiple) % multiple`, which has no negative number. This product does
# so in tfpix2pix/layers/point_maps.py.
#
# Seen, of -5 -4 -3 -1 3 5 and 4:
#   int32 //  TensorFlow -2 -1 -1 -1 0 1   ONNX -1 -1 0 0 0 1
#   int32 %   TensorFlow 3 0 1 3 3 1       ONNX -1 0 -3 -1 3 1
#   float32   equal
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.15.1 tf2onnx==1.17.0 onnx==1.17.0 \
    onnxruntime==1.31.1 numpy==1.26.4 protobuf==4.25.9
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -I - <<'PYTHON' 2> /dev/null
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx


def both(function, dtype):
    values = np.array([-5, -4, -3, -1, 3, 5], dtype)
    spec = (tf.TensorSpec((None,), dtype, name="x"),)
    graph = tf.function(function, input_signature=spec, autograph=False)
    proto, _ = tf2onnx.convert.from_function(graph, input_signature=spec, opset=17)
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    (converted,) = session.run(None, {session.get_inputs()[0].name: values})
    return graph(values).numpy().tolist(), converted.tolist()


divided = both(lambda x: x // 4, "int32")
remaining = both(lambda x: x % 4, "int32")
print("int32 //", *divided)
print("int32 % ", *remaining)
assert divided == ([-2, -1, -1, -1, 0, 1], [-1, -1, 0, 0, 0, 1])
assert remaining == ([3, 0, 1, 3, 3, 1], [-1, 0, -3, -1, 3, 1])
for function in (lambda x: x // 4, lambda x: x % 4):
    tensorflow, converted = both(function, "float32")
    print("float32 ", tensorflow, converted)
    assert tensorflow == converted
PYTHON
