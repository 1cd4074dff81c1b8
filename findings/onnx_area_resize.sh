#!/usr/bin/env bash
# tf2onnx replaces the mean over areas by single pixels where an image is made smaller.
#
# tf2onnx 1.17.0, TensorFlow 2.15.1 for CPUs (tensorflow-cpu), ONNX Runtime 1.31.1, NumPy 1.26.4.
#
# tf.image.resize(..., "area") gives each new pixel the mean of the area that it covers. The ONNX
# model takes one pixel of it, the first: stripes of 0 and 1 that become an even 0.5 in TensorFlow
# become 0 all over. Nothing is said, where antialias=True is refused by ONNX Runtime.
#
# Guess before the first run: refused, since ONNX has no such resize, or a mean.
#
# Cure: tf.nn.avg_pool2d by whole factors, or matrix products. This product resizes by matrix
# products (tfpix2pix/layers/point_maps.py).
#
# Seen, of eight columns 0 1 0 1 0 1 0 1 at half the width, and of 0 1 2 3 4 at three columns:
#   TensorFlow   0.5 0.5 0.5 0.5    0.4 2.0 3.6
#   ONNX         0   0   0   0      0   1   3
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.15.1 tf2onnx==1.17.0 onnx==1.17.0 \
    onnxruntime==1.31.1 numpy==1.26.4 protobuf==4.25.9
cd "$folder"
cat > areas.py <<'PYTHON'
import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx


def compared(columns, width):
    image = np.array(columns, "float32").reshape(1, 1, -1, 1)
    signature = [tf.TensorSpec(image.shape, tf.float32, name="x")]

    def resize(x):
        return tf.image.resize(x, (1, width), "area")

    traced = tf.function(resize, input_signature=signature)
    model, _ = tf2onnx.convert.from_function(traced, input_signature=signature, opset=18)
    (converted,) = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": image})
    original, converted = traced(image).numpy().ravel(), converted.ravel()
    print(original, converted)
    return original, converted


stripes, ramp = compared([0, 1] * 4, 4), compared(range(5), 3)
assert (stripes[0] == 0.5).all() and (stripes[1] == 0).all()
assert np.allclose(ramp[0], [0.4, 2, 3.6]) and np.allclose(ramp[1], [0, 1, 3])
PYTHON
TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" -I areas.py 2> /dev/null
