"""Every row of the table of errors that TensorFlow Serving 2.15.1 answers Predict with."""

import io

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2

from serving.engine.manager import Manager
from serving.engine.servable import Servable, ServingError
from tests.cases.image_kinds import UNKNOWN_KIND
from tests.serving.engine.models import (
    answer,
    configured,
    publish,
    refusal,
    request,
    serving_all,
)

Code = grpc.StatusCode
X = np.array([2.0], "float32")
IMAGE = np.zeros((1, 8, 8, 3), "float32")


@pytest.fixture(scope="module")
def prediction(made, exported, tmp_path_factory):
    root = tmp_path_factory.mktemp("table")
    publish(made(3), root / "m/1")
    publish(exported[1] / "tiny/1", root / "tiny/1")
    config = configured(root, "m", "tiny")
    config.model_config_list.config[0].version_labels["stale"] = 9
    manager = Manager(config, poll_seconds=0, allow_labels_for_unavailable=True).start()
    with serving_all(manager) as (prediction, _, _):
        yield prediction
    manager.stop()


def unparsable():
    message = request("m")
    message.inputs["x"].dtype = tf.float32.as_datatype_enum
    message.inputs["x"].tensor_shape.dim.add(size=3)
    message.inputs["x"].tensor_content = b"five!"
    return message


def padded(name, alias, dtype, *shape, values=()):
    """A request of a tensor whose last value, or 0, stands for the rest."""
    message = request(name)
    tensor = message.inputs[alias]
    tensor.dtype = dtype.as_datatype_enum
    for side in shape:
        tensor.tensor_shape.dim.add(size=side)
    tensor.string_val.extend(values)
    return message


def files(content):
    return request("tiny", {"image_bytes": content})


def half_a_jpeg():
    encoded = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), "uint8")).save(
        encoded, "jpeg"
    )
    return encoded.getvalue()[: encoded.tell() // 2]


ALIAS = (
    "Signature input alias: x(feed name: serving_default_x:0) not found in request and no default "
    "value provided. Inputs expected to be in the request {foo}, or default input alias set: "
)
COUNT = (
    "input size does not match signature: 0!=1 len({}) != len({x}). Sent extra: {}. "
    "Missing but required: {x}."
)
ROWS = {
    "1": (predict_pb2.PredictRequest(), Code.INVALID_ARGUMENT, "Missing ModelSpec"),
    "2": (request(""), Code.INVALID_ARGUMENT, "ModelSpec has no name specified."),
    "3": (
        request("m", label="L"),
        Code.INVALID_ARGUMENT,
        "Unrecognized servable version label: L",
    ),
    "3 unknown model": (
        request("x", label="L"),
        Code.INVALID_ARGUMENT,
        "Unrecognized servable version label: L",
    ),
    "4": (request("x"), Code.NOT_FOUND, "Servable not found for request: Latest(x)"),
    "5": (
        request("m", version=7),
        Code.NOT_FOUND,
        "Servable not found for request: Specific(m, 7)",
    ),
    "5 label": (
        request("m", label="stale"),
        Code.NOT_FOUND,
        "Servable not found for request: Specific(m, 9)",
    ),
    "6": (
        request("m", signature="X"),
        Code.FAILED_PRECONDITION,
        'Serving signature key "X" not found.',
    ),
    "7": (request("m"), Code.INVALID_ARGUMENT, COUNT),
    "7 too many despite a default": (
        request("m", {"x": X, "by": 1.0, "foo": 1}, "shift"),
        Code.INVALID_ARGUMENT,
        "input size does not match signature: 3!=2 len({by,foo,x}) != len({by,x}). Sent extra: "
        "{foo}. Missing but required: {}.",
    ),
    "8": (request("m", {"foo": X}), Code.INVALID_ARGUMENT, ALIAS),
    "8 with a default for another": (
        request("m", {"by": 1.0}, "shift"),
        Code.INVALID_ARGUMENT,
        "Signature input alias: x(feed name: shift_x:0) not found in request and no default value "
        "provided. Inputs expected to be in the request {by}, or default input alias set: by",
    ),
    "9": (unparsable(), Code.INVALID_ARGUMENT, "tensor parsing error: x"),
    "9 four gigabytes of no value": (
        padded("m", "x", tf.float32, 2**20, 2**10),
        Code.INVALID_ARGUMENT,
        "tensor parsing error: x",
    ),
    "9 two gigabytes of one file": (
        padded("tiny", "image_bytes", tf.string, 2**20, values=[b"x" * 2**11]),
        Code.INVALID_ARGUMENT,
        "tensor parsing error: image_bytes",
    ),
    "10": (
        request("m", {"x": X, "foo": X}, "shift"),
        Code.INVALID_ARGUMENT,
        "Inputs contains invalid name. Used request inputs: x, request input: foo,x",
    ),
    "11": (
        request("m", {"x": X}, wanted=["foo"]),
        Code.INVALID_ARGUMENT,
        "output tensor alias not found in signature: foo Outputs expected to be in the set {y}.",
    ),
    "12": (
        request("m", {"x": X}, wanted=["y", "y"]),
        Code.INVALID_ARGUMENT,
        "duplicate output tensor alias: y",
    ),
    "13": (
        request("m", {"x": X.astype("uint8")}),
        Code.INVALID_ARGUMENT,
        "Expects arg[0] to be float but uint8 is provided",
    ),
    "14": (
        request("tiny", {"image": IMAGE[0]}, "float"),
        Code.INVALID_ARGUMENT,
        "convolution input must be 4-dimensional: [8,8,3]",
    ),
    "17": (
        request("m", {"x": X}, "compiled"),
        Code.INTERNAL,
        "XLA compilation disabled",
    ),
    "fetching the initialization": (
        request("tiny", signature="__saved_model_init_op"),
        Code.INVALID_ARGUMENT,
        "Tried to fetch data for 'NoOp', which produces no output.  To run to a node but not fetch "
        "any data, pass 'NoOp' as an argument to the 'target_node_names' argument of the "
        "Session::Run API.",
    ),
}
# Where the runtime goes on to name the operation.
RUNTIME_ROWS = {
    "14 channels": (
        request("tiny", {"image": IMAGE[..., :2]}, "float"),
        Code.INVALID_ARGUMENT,
        ("Shape of tensor _arg_float_image_0_0 [1,8,8,2] is not compatible with expected shape",),
    ),
    "15": (
        files([b"no image"]),
        Code.INVALID_ARGUMENT,
        (UNKNOWN_KIND,),
    ),
    "15 empty": (files([b""]), Code.INVALID_ARGUMENT, ("Input is empty.",)),
    "15 cut": (
        files([half_a_jpeg()]),
        Code.INVALID_ARGUMENT,
        ("jpeg::Uncompress failed. Invalid JPEG data or crop window.",),
    ),
    "16": (  # Two operations find it at the same time; either may be the first to say so.
        files(b"one"),
        Code.INVALID_ARGUMENT,
        (
            "slice index 0 of dimension 0 out of bounds.",
            "Tensor must be at least a vector, but saw shape: []",
        ),
    ),
}


@pytest.mark.parametrize("row", list(ROWS))
def test_predict_refuses_with_code_and_text(prediction, row):
    message, code, text = ROWS[row]
    assert refusal(prediction.Predict, message) == (code, text)


@pytest.mark.parametrize("row", list(RUNTIME_ROWS))
def test_the_runtime_refuses_and_names_the_operation(prediction, row):
    message, code, texts = RUNTIME_ROWS[row]
    received, details = refusal(prediction.Predict, message)
    assert received is code
    assert details.startswith(texts)
    assert "[[{{" in details


def test_row_18_a_deadline_reaches_the_session(made, tmp_path):
    servable = Servable(made(3))
    folder = {"folder": tf.make_tensor_proto(str(tmp_path))}
    with pytest.raises(ServingError) as caught:
        servable.predict("gated", folder, (), seconds=0.2)
    assert (caught.value.code, caught.value.message) == (4, "Timed out waiting for notification")
    servable.close()


@pytest.mark.slow  # TensorFlow looks for the memory for ten seconds.
def test_row_19_memory_that_is_not_there_is_refused(prediction):
    message = request("m", {"shape": np.array([2**40, 2**10])}, "zeros")
    code, details = refusal(prediction.Predict, message)
    assert code is Code.RESOURCE_EXHAUSTED
    start = "OOM when allocating tensor with shape[1099511627776,1024] and type float on "
    assert details.startswith(start)


def test_defaults_stand_in_for_what_is_not_sent(prediction):
    assert answer(prediction, request("m", {"x": X}, "shift")) == (1, 9.0)
    assert answer(prediction, request("m", {"x": X, "by": 0.5}, "shift")) == (1, 2.5)
