"""Before publication: what a server answers is proved, and requests to warm up with are written."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.engine.servable import Servable
from serving.engine.warmup_replay import FILE
from tfpix2pix import inference
from tfpix2pix.export.comparison import check_parity


def write_warmup(version, size):
    """Writes a request of one black image for each signature.

    Each is run first: TensorFlow Serving does not load a version whose warm-up fails.

    Args:
        version: Folder of the SavedModel.
        size: `(height, width)` in pixels.

    Raises:
        serving.engine.servable.ServingError: If a request fails.
    """
    servable = Servable(version)
    path = Path(version) / FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for name, signature in sorted(servable.signatures.items()):
            if not signature.inputs:  # It loads the weights.
                continue
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.signature_name = name
            for alias, tensor in signature.inputs.items():
                request.inputs[alias].CopyFrom(tf.make_tensor_proto(_example(tensor, size)))
            servable.predict(name, request.inputs, ())
            writer.write(log.SerializeToString())


def check_served(version, generator, size, tolerance=1e-4):
    """Compares what a server answers with the generator, besides what Python makes of the graph.

    Args:
        version: Folder of the SavedModel.
        generator: `keras.Model` that it was made of.
        size: `(height, width)` in pixels.
        tolerance: Largest difference allowed, in the range [-1, 1].

    Raises:
        ValueError: If the difference is larger.
    """
    servable = Servable(version)
    shape = (1, *size, generator.input_shape[-1])
    image = np.random.default_rng(0).uniform(-1, 1, shape).astype("float32")
    _, outputs = servable.predict("float", {"image": tf.make_tensor_proto(image)}, ())
    servable.close()
    difference = np.abs(outputs["output"] - inference.translate(generator, tf.constant(image)))
    check_parity(float(np.max(difference)), tolerance, Path(version).parent)


def _example(tensor, size):
    if tensor.dtype == tf.string.as_datatype_enum:
        return [tf.io.encode_png(tf.zeros((*size, 1), "uint8")).numpy()]
    axes = tensor.tensor_shape.dim
    return tf.zeros([1, *size, axes[-1].size][: len(axes)], tensor.dtype)
