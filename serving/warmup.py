"""Warm-up: requests in a version that TensorFlow Serving runs before it answers others."""

from pathlib import Path

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.engine.servable import Servable

FILE = "assets.extra/tf_serving_warmup_requests"


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


def _example(tensor, size):
    if tensor.dtype == tf.string.as_datatype_enum:
        return [tf.io.encode_png(tf.zeros((*size, 1), "uint8")).numpy()]
    axes = tensor.tensor_shape.dim
    return tf.zeros([1, *size, axes[-1].size][: len(axes)], tensor.dtype)
