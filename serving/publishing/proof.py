"""Proof before publication: compares a server's answers with networks; writes warm-up requests."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Union

import tfpix2pix  # noqa: F401, sets what TensorFlow reads on import.

# isort: split
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from serving.engine.servable import Servable
from serving.engine.warmup_replay import FILE
from tfpix2pix.export import served_directions
from tfpix2pix.export.comparison import check_parity, difference_of_vectors
from tfpix2pix.export.embeddings import embedding_names
from tfpix2pix.inference import Embedding, embed, translate_in


def write_warmup(version: Union[str, Path], size, directions=MappingProxyType({})):
    """Writes a request of one black image for each signature, with controls as where none is asked.

    Each is run first: TensorFlow Serving does not load a version whose warm-up fails.

    Args:
        version: Folder of the SavedModel.
        size: `(height, width)` in pixels.
        directions: As of `tfpix2pix.export.export`; controls of others are 0.

    Raises:
        serving.engine.servable.ServingError: If a request fails.
    """
    servable = Servable(version)
    neutral = {
        control.name: control.neutral(tf.zeros((1, *size, direction.network.inputs[0].shape[-1])))
        for direction in directions.values()
        for control in direction.inputs
    }
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
                example = _example(tensor, size, neutral.get(alias))
                request.inputs[alias].CopyFrom(example)
            servable.predict(name, request.inputs, ())
            writer.write(log.SerializeToString())


def check_served(
    version: Union[str, Path],
    directions,
    size,
    *,
    embeddings: Mapping[str, Embedding] = MappingProxyType({}),
    tolerance: float = 1e-4,
):
    """Compares what a server answers with the networks, besides what Python makes of the graph.

    Args:
        version: Folder of the SavedModel.
        directions: As of `tfpix2pix.export.export`.
        size: `(height, width)` in pixels.
        embeddings: As of that.
        tolerance: Largest difference allowed, in the range [-1, 1].

    Raises:
        ValueError: If the difference is larger.
    """
    servable = Servable(version)
    random = np.random.default_rng(0)
    differences = []

    def asked(network, signature):
        shape = (1, *size, network.inputs[0].shape[-1])
        image = random.uniform(-1, 1, shape).astype("float32")
        _, outputs = servable.predict(signature, {"image": tf.make_tensor_proto(image)}, ())
        return image, next(iter(outputs.values()))

    for direction, names, _ in served_directions(directions).values():
        image, output = asked(direction.network, names.float)
        differences.append(np.abs(output - translate_in(direction, image)).max())
    for name, names in embedding_names(embeddings).items():
        image, output = asked(embeddings[name].network, names.float)
        differences.append(difference_of_vectors(output, embed(embeddings[name], image)))
    servable.close()
    check_parity(float(np.max(differences)), tolerance, Path(version).parent)


def _example(tensor, size, neutral=None):
    if tensor.dtype == tf.string.as_datatype_enum:
        return tf.make_tensor_proto([tf.io.encode_png(tf.zeros((*size, 1), "uint8")).numpy()])
    if neutral is not None and len(np.unique(neutral)) > 1:
        return tf.make_tensor_proto(neutral, tensor.dtype)
    sides = iter(size)
    axes = [axis.size if axis.size > 0 else None for axis in tensor.tensor_shape.dim[1:]]
    shape = [1, *(axis or next(sides) for axis in axes)]
    # One number, which stands for all; and every control is set.
    number = True if tensor.dtype == tf.bool.as_datatype_enum else 0
    number = number if neutral is None else np.ravel(neutral)[0]
    return tf.make_tensor_proto(number, tensor.dtype, shape)
