#!/usr/bin/env bash
# tf.saturate_cast, the safe way from floats to pixels, does not convert to TensorFlow Lite.
#
# TensorFlow 2.15.1, NumPy 1.26.4, Python 3.11 (2.21.0 refuses it too).
#
# The converter ends with "'tf.ClipByValue' op is neither a custom op nor a flex op". tf.clip_by_value
# before tf.cast is no such op, though it has its name: it converts, and gives the same pixels. A
# plain tf.cast converts as well, but wraps around in 2.15.1 and saturates in 2.21.0, where
# TensorFlow itself wraps around.
#
# Guess before the first run: it converts, being a minimum, a maximum and a cast.
#
# Cure: tf.cast(tf.clip_by_value(x, 0, 255), "uint8"). This product does so in
# tfpix2pix/data/images.py.
#
# Seen, of [-1, 255.9, 300] to uint8:
#   tf.saturate_cast        refused
#   tf.clip_by_value        [0, 255, 255]
#   tf.cast                 [255, 255, 44]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tensorflow-cpu==2.15.1 numpy==1.26.4
cd "$folder"
cat > convert.py <<'PYTHON'
import numpy as np
import tensorflow as tf

values = np.array([-1.0, 255.9, 300.0], "float32")


def pixels(function):
    traced = tf.function(function, input_signature=[tf.TensorSpec((3,), tf.float32)])
    module = tf.Module()
    module.call = traced
    functions = [traced.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, module)
    try:
        content = converter.convert()
    except Exception as error:
        assert "ClipByValue" in str(error)
        return "refused"
    interpreter = tf.lite.Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).tolist()


saturated = pixels(lambda x: tf.saturate_cast(x, "uint8"))
clipped = pixels(lambda x: tf.cast(tf.clip_by_value(x, 0.0, 255.0), "uint8"))
cast = pixels(lambda x: tf.cast(x, "uint8"))
print("saturate_cast", saturated, "clip_by_value", clipped, "cast", cast)
assert saturated == "refused" and clipped == [0, 255, 255] and cast == [255, 255, 44]
PYTHON
"$folder/venv/bin/python" -I convert.py 2> /dev/null
