"""Runs a SavedModel in OpenVINO: `python translate_floats.py VERSION INPUT.npy OUTPUT.npy`.

OpenVINO takes the signature `serving_default` alone.
"""

import sys

import numpy as np
import openvino

version, source, target = sys.argv[1:]
compiled = openvino.Core().compile_model(version, "CPU")
np.save(target, compiled({"image": np.load(source)})["output"])
