import io
import json
import re
import subprocess
import sys

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec

from serving.engine import listening
from serving.engine.manager import Manager
from serving.engine.model_config import configuration
from serving.engine.servable import TYPED_FIELDS, typed_tensor
from tests.cases import smooth_images
from tfpix2pix import InputError
from tfpix2pix.data import images

Code = grpc.StatusCode
FLOATS = smooth_images((2, 8, 12, 3)).numpy()
ANSWER_LIMIT = 60  # Seconds.


@pytest.fixture(scope="module")
def address(manager):
    running, port = listening.start(manager)
    yield f"127.0.0.1:{port}"
    running.stop(None)


@pytest.fixture(scope="module")
def channel(address):
    with grpc.insecure_channel(address) as channel:
        yield channel


@pytest.fixture(scope="module")
def predict(channel):
    return prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict


def request(inputs=None, signature="float", name="tiny", version=None, label=None, wanted=()):
    message = predict_pb2.PredictRequest(output_filter=wanted)
    message.model_spec.name = name
    message.model_spec.signature_name = signature
    if version is not None:
        message.model_spec.version.value = version
    if label is not None:
        message.model_spec.version_label = label
    for alias, value in (inputs or {}).items():
        message.inputs[alias].CopyFrom(tf.make_tensor_proto(value))
    return message


def refusal(call, message):
    with pytest.raises(grpc.RpcError) as caught:
        call(message, timeout=ANSWER_LIMIT)
    return caught.value.code(), caught.value.details()


def test_floats_come_back_as_the_generator_makes_them(exported, predict):
    response = predict(request({"image": FLOATS}), timeout=ANSWER_LIMIT)
    output = tf.make_ndarray(response.outputs["output"])
    np.testing.assert_allclose(output, exported[0](FLOATS, training=False), atol=1e-5)
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("tiny", 1, "float")
    assert not response.outputs["output"].tensor_content
    assert len(response.outputs["output"].float_val) == FLOATS.size


def test_an_empty_signature_name_is_resolved_and_files_come_back_as_png(exported, predict):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype("uint8")
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "png")
    message = request({"image_bytes": np.array([encoded.getvalue()], object)}, signature="")
    response = predict(message, timeout=ANSWER_LIMIT)
    assert response.model_spec.signature_name == "serving_default"
    served = np.asarray(Image.open(io.BytesIO(response.outputs["output_bytes"].string_val[0])))
    expected = images.to_pixels(exported[0](images.to_signed(pixels)[None], training=False))[0]
    assert np.abs(served.astype(int) - expected).max() <= 1


def test_a_deadline_that_cannot_be_met_is_reported(predict):
    large = np.zeros((1, 2048, 2048, 3), "float32")
    with pytest.raises(grpc.RpcError) as caught:
        predict(request({"image": large}), timeout=0.05)
    assert caught.value.code() is Code.DEADLINE_EXCEEDED


def test_messages_beyond_1024_characters_are_cut_as_by_tensorflow_serving(predict):
    code, details = refusal(predict, request(signature="X" * 2000))
    assert code is Code.FAILED_PRECONDITION
    assert details == 'Serving signature key "' + "X" * (1024 - 23) + "...TRUNCATED"


def test_large_images_pass_the_default_limit_of_grpc(address):
    options = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(address, options) as channel:
        predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
        large = np.zeros((1, 640, 640, 3), "float32")
        response = predict(request({"image": large}), timeout=ANSWER_LIMIT)
    assert response.ByteSize() > 4 * 2**20
    assert len(response.outputs["output"].float_val) == large.size


def test_metadata_describes_all_signatures(channel):
    get = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata
    message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    message.model_spec.name = "tiny"
    response = get(message, timeout=ANSWER_LIMIT)
    assert response.model_spec.version.value == 1
    described = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(described)
    names = set(described.signature_def)
    assert names == {"serving_default", "float", "uint8", "model_card", "__saved_model_init_op"}
    assert list(described.signature_def["float"].inputs) == ["image"]


def test_metadata_refuses_as_tensorflow_serving_does(channel):
    get = prediction_service_pb2_grpc.PredictionServiceStub(channel).GetModelMetadata
    message = get_model_metadata_pb2.GetModelMetadataRequest()
    assert refusal(get, message) == (Code.INVALID_ARGUMENT, "Missing ModelSpec")
    message.model_spec.name = "x"
    text = "GetModelMetadataRequest must specify at least one metadata_field"
    assert refusal(get, message) == (Code.INVALID_ARGUMENT, text)
    message.metadata_field.append("size")
    text = "Metadata field size is not supported"
    assert refusal(get, message) == (Code.INVALID_ARGUMENT, text)
    message.metadata_field[:] = ["signature_def"]
    text = "Servable not found for request: Latest(x)"
    assert refusal(get, message) == (Code.NOT_FOUND, text)


def test_status_lists_the_versions(channel):
    get = model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus
    message = get_model_status_pb2.GetModelStatusRequest()
    assert refusal(get, message) == (Code.INVALID_ARGUMENT, "Missing ModelSpec")
    message.model_spec.name = "tiny"
    (status,) = get(message, timeout=ANSWER_LIMIT).model_version_status
    assert (status.version, status.state, status.status.error_code) == (1, 30, 0)
    message.model_spec.version.value = 7
    text = "Could not find version 7 of model tiny"
    assert refusal(get, message) == (Code.NOT_FOUND, text)
    message.model_spec.name = "x"
    message.model_spec.ClearField("version")
    text = "Could not find any versions of model x"
    assert refusal(get, message) == (Code.NOT_FOUND, text)


def test_a_client_that_somebody_else_wrote_understands_the_server(exported, address):
    """In a process of its own: ovmsclient brings its own copies of TensorFlow's messages.

    The version is named because ovmsclient sends 0 otherwise: its own server takes that for the
    newest, TensorFlow Serving for version 0.
    """
    program = f"""
import json, numpy as np, ovmsclient
client = ovmsclient.make_grpc_client("{address}")
status, metadata = client.get_model_status("tiny", 1), client.get_model_metadata("tiny", 1)
image = open({str(exported[1])!r} + "/image.png", "rb").read()
output = client.predict({{"image_bytes": [image]}}, "tiny", 1)
print(json.dumps([status[1]["state"], list(metadata["inputs"]), output[0].hex()]))
"""
    pixels = np.random.default_rng(0).integers(0, 256, (12, 8, 3)).astype("uint8")
    Image.fromarray(pixels).save(exported[1] / "image.png")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    state, inputs, output = json.loads(done.stdout)
    assert (state, inputs) == ("AVAILABLE", ["image_bytes"])
    served = np.asarray(Image.open(io.BytesIO(bytes.fromhex(output))))
    expected = images.to_pixels(exported[0](images.to_signed(pixels)[None], training=False))[0]
    assert np.abs(served.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("dtype", [*TYPED_FIELDS][:-1])
def test_outputs_of_every_type_are_encoded_in_their_typed_field(dtype):
    array = np.array([[0, 1], [1, 3], [7, 100]]).astype(dtype)
    proto = typed_tensor(array)
    assert not proto.tensor_content
    assert len(getattr(proto, TYPED_FIELDS[dtype])) == array.size
    np.testing.assert_array_equal(tf.make_ndarray(proto), array)


def test_only_the_newest_version_of_every_model_is_loaded(exported, tmp_path):
    for name in ("a/3", "a/2", "b/10", "b/9"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(exported[1] / "tiny/1")
    (tmp_path / "notes").mkdir()
    (tmp_path / "image.png").write_bytes(b"no model")
    manager = Manager(configuration(tmp_path)).start()
    loaded = {
        name: [status.version for status in manager.statuses(ModelSpec(name=name))]
        for name in ("a", "b")
    }
    manager.stop()
    assert loaded == {"a": [3], "b": [10]}


def test_a_folder_without_models_is_refused(tmp_path):
    message = (
        "The folder of models must contain MODEL/VERSION folders, versions whole numbers. "
        f"Received: {str(tmp_path)!r}, which has none. Make one with "
        f"`python -m serving.export --run RUN --to {tmp_path}/NAME`."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        configuration(tmp_path)


def test_a_port_that_is_not_to_be_had_is_refused():
    message = (
        "The server must be able to listen. Received: 192.0.2.1:8500, which is taken or not this "
        "machine's. Use another --port, or --port 0 for a free one."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        listening.start({}, "192.0.2.1", 8500)
