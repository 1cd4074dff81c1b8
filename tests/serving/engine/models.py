"""Tiny SavedModels for the engine's tests, and a server for them."""

import os
import shutil
import time
from concurrent import futures
from contextlib import contextmanager

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import (
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.engine.services import ModelService, PredictionService

ANSWER_LIMIT = 60  # Seconds.


def spec(*shape, dtype="float32"):
    return tf.TensorSpec(shape, dtype)


class Scaling(tf.Module):
    """Multiplies by a number; some signatures are there to misbehave."""

    def __init__(self, factor):
        super().__init__()
        self.factor = tf.Variable(float(factor))

    @tf.function(input_signature=[spec(None)])
    def scale(self, x):
        return {"y": self.factor * x}

    @tf.function(input_signature=[spec(None), spec()])
    def shift(self, x, by):
        return {"y": x + by}

    @tf.function(input_signature=[spec(None)], jit_compile=True)
    def compiled(self, x):
        return {"y": x + 1.0}

    @tf.function(input_signature=[spec(2, dtype="int64")])
    def zeros(self, shape):
        return {"y": tf.zeros(shape)}

    @tf.function(input_signature=[spec(dtype="string")])
    def gated(self, folder):
        """Says that it runs by a file, and ends once there is another."""
        tf.io.write_file(folder + "/started", "")
        tries = tf.constant(0)
        # The count keeps the optimizer from looking for the file only once, or not at all.
        while tf.size(tf.io.matching_files(folder + "/open*" + tf.as_string(tries % 1))) == 0:
            tries += 1
        return {"y": self.factor + 0.0, "tries": tries}


def write_scaling(version, factor):
    """Writes a `Scaling` as a version; it appears at once, as a publication should."""
    model = Scaling(factor)
    part = version.with_name(f"part-{version.name}")
    names = ("shift", "compiled", "zeros", "gated")
    tf.saved_model.save(
        model,
        str(part),
        {"serving_default": model.scale} | {name: getattr(model, name) for name in names},
    )
    path = part / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    signature = saved.meta_graphs[0].signature_def["shift"]
    signature.defaults["by"].CopyFrom(tf.make_tensor_proto(7.0))
    path.write_bytes(saved.SerializeToString())
    os.rename(part, version)


def publish(made, version):
    """Copies a version that was made before to a new place, at once."""
    version.parent.mkdir(exist_ok=True)
    part = version.with_name(f"part-{version.name}")
    shutil.copytree(made, part)
    os.rename(part, version)


def configured(root, *names, **fields):
    """Configures models of the folders of that name; `fields` are of each `ModelConfig`."""
    config = ModelServerConfig()
    config.model_config_list.SetInParent()
    for name in names:
        config.model_config_list.config.add(
            name=name, base_path=str(root / name), model_platform="tensorflow", **fields
        )
    return config


@contextmanager
def serving_all(manager):
    """Serves a started manager; yields stubs of both services, and the address."""
    pool = futures.ThreadPoolExecutor(8)
    server = grpc.server(pool)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(manager), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(manager), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        with grpc.insecure_channel(address) as channel:
            prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
            yield prediction, model_service_pb2_grpc.ModelServiceStub(channel), address
    finally:
        server.stop(None).wait()
        pool.shutdown()


def request(name, inputs=None, signature="", wanted=(), **spec):
    message = predict_pb2.PredictRequest(output_filter=wanted)
    message.model_spec.name, message.model_spec.signature_name = name, signature
    if "version" in spec:
        message.model_spec.version.value = spec["version"]
    if "label" in spec:
        message.model_spec.version_label = spec["label"]
    for alias, value in (inputs or {}).items():
        message.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    return message


def answer(prediction, message):
    """Returns `(version, y)` of a Predict request for one number."""
    response = prediction.Predict(message, timeout=ANSWER_LIMIT)
    value = float(np.ravel(tf.make_ndarray(response.outputs["y"]))[0])
    return response.model_spec.version.value, value


def refusal(call, message, timeout=ANSWER_LIMIT):
    with pytest.raises(grpc.RpcError) as caught:
        call(message, timeout=timeout)
    return caught.value.code(), caught.value.details()


def states(models, name):
    """Returns `{version: state}` of a model by GetModelStatus, the newest first."""
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = name
    listed = models.GetModelStatus(message, timeout=ANSWER_LIMIT).model_version_status
    return {status.version: status.State.Name(status.state) for status in listed}


def wait_until(condition):
    """Waits until a condition holds; fails after a minute."""
    end = time.monotonic() + ANSWER_LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)
