"""Freezing: what it would gain to serve constants in place of variables."""

import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from tqdm import tqdm

WARM_UP = 3


def measure(version: Path, size: int, rounds: int):
    """Runs the signature of floats both ways, in turns.

    Args:
        version: Folder of the SavedModel.
        size: Side of the images in pixels.
        rounds: How often each is measured.

    Returns:
        Dict of name to seconds of each round.
    """
    with tf.Graph().as_default():
        variables = tf.compat.v1.Session()
        loaded = tf.compat.v1.saved_model.loader.load(variables, ["serve"], str(version))
        signature = loaded.signature_def["float"]
        feed = signature.inputs["image"].name
        fetch = signature.outputs["output"].name
        frozen = tf.compat.v1.graph_util.convert_variables_to_constants(
            variables, loaded.graph_def, [fetch.split(":")[0]]
        )
    with tf.Graph().as_default():
        tf.graph_util.import_graph_def(frozen, name="")
        constants = tf.compat.v1.Session()
    sessions = {"variables": variables, "constants": constants}
    channels = signature.inputs["image"].tensor_shape.dim[-1].size
    image = np.random.default_rng(0).uniform(-1, 1, (1, size, size, channels)).astype("float32")
    measured = {name: [] for name in sessions}
    outputs = {}
    for index in tqdm(range(WARM_UP + rounds), "Freezing", unit=" rounds"):
        for name, session in sessions.items():
            start = time.perf_counter()
            outputs[name] = session.run(fetch, {feed: image})
            if index >= WARM_UP:
                measured[name].append(time.perf_counter() - start)
    np.testing.assert_allclose(*outputs.values(), atol=1e-4)
    return measured
