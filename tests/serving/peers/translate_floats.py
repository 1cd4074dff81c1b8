"""Runs a SavedModel in OpenVINO: `python translate_floats.py VERSION INPUT.npy OUTPUT.npy`.

OpenVINO takes the signature `serving_default` alone.
"""

import sys

import numpy as np
import openvino

version, source, target = sys.argv[1:]
# By default OpenVINO computes in bfloat16 on processors that have it, and is 0.1 off.
precision = {"INFERENCE_PRECISION_HINT": "f32"}
compiled = openvino.Core().compile_model(version, "CPU", precision)
np.save(target, compiled({"image": np.load(source)})["output"])
