"""The local server beside a real TensorFlow Serving, where there is one.

Serve any export of images, then name the server and the folder of the export:

    docker run -p 8500:8500 -v "$PWD/exports/facades:/models/facades" -e MODEL_NAME=facades \
        tensorflow/serving:2.15.1
    TFPIX2PIX_SERVING_ADDRESS=127.0.0.1:8500 TFPIX2PIX_SERVING_EXPORT=exports/facades \
        python -m pytest tests/serving/test_tensorflow_serving.py
"""

import os
import re
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.client import Client
from serving.engine.manager import Manager
from tests.serving.engine.models import ANSWER_LIMIT, configured, refusal, request, serving_all
from tests.serving.local import picture
from tfpix2pix.data import images

ADDRESS = os.environ.get("TFPIX2PIX_SERVING_ADDRESS")
if ADDRESS is None:
    pytest.skip("needs TFPIX2PIX_SERVING_ADDRESS", allow_module_level=True)
EXPORT = Path(os.environ["TFPIX2PIX_SERVING_EXPORT"]).resolve()
NAME = EXPORT.name
FILE = {"image_bytes": [picture(1, (40, 56))[0]]}


@pytest.fixture(scope="module")
def servers():
    """The stubs of both: `[prediction, model service]` of the real one, then of the local one."""
    manager = Manager(configured(EXPORT.parent, NAME), poll_seconds=0).start()
    with serving_all(manager) as ours, grpc.insecure_channel(ADDRESS) as channel:
        prediction = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        yield [prediction, model_service_pb2_grpc.ModelServiceStub(channel)], ours[:2]
    manager.stop()


def unparsable():
    message = request(NAME, {"image_bytes": [b""]})
    message.inputs["image_bytes"].dtype = 0
    return message


REFUSED = {
    "1": predict_pb2.PredictRequest(),
    "2": request(""),
    "3": request(NAME, label="L"),
    "4": request("no such model"),
    "5": request(NAME, version=10**9),
    "6": request(NAME, FILE, "X"),
    "7": request(NAME),
    "7 too many": request(NAME, {**FILE, "foo": 1}),
    "8": request(NAME, {"foo": 1}),
    "9": unparsable(),
    "11": request(NAME, FILE, wanted=["foo"]),
    "12": request(NAME, FILE, wanted=["output_bytes"] * 2),
    "13": request(NAME, {"image": np.zeros((1, 8, 8, 3), "int64")}, "float"),
    "15": request(NAME, {"image_bytes": [b"no image"]}),
    "15 empty": request(NAME, {"image_bytes": [b""]}),
    "TRUNCATED": request(NAME, FILE, "X" * 2000),
}


@pytest.mark.parametrize("row", list(REFUSED))
def test_both_refuse_with_the_same_code_and_text(servers, row):
    # Names of functions end in numbers that differ from load to load.
    (real, ours) = (
        (code, re.sub(r"_\d+\b", "_N", details))
        for code, details in (refusal(of[0].Predict, REFUSED[row]) for of in servers)
    )
    assert ours == real


def test_both_translate_alike(servers):
    real, ours = (of[0].Predict(request(NAME, FILE), timeout=ANSWER_LIMIT) for of in servers)
    assert ours.model_spec == real.model_spec
    pixels = [
        images.decode(answer.outputs["output_bytes"].string_val[0], 3, "uint8").numpy().astype(int)
        for answer in (real, ours)
    ]
    assert np.abs(pixels[0] - pixels[1]).max() <= 1
    for answer in (real, ours):
        assert answer.outputs["output_bytes"].dtype == tf.string.as_datatype_enum


def test_both_describe_the_model_alike(servers):
    asked = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    asked.model_spec.name = NAME
    described = []
    for of in servers:
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response = of[0].GetModelMetadata(asked, timeout=ANSWER_LIMIT)
        assert response.metadata["signature_def"].Unpack(signatures)
        described.append((response.model_spec, signatures))
    assert described[0] == described[1]


def test_both_have_the_same_versions(servers):
    asked = get_model_status_pb2.GetModelStatusRequest()
    asked.model_spec.name = NAME
    real, ours = (of[1].GetModelStatus(asked, timeout=ANSWER_LIMIT) for of in servers)
    assert ours == real


def test_the_client_gets_translations_and_the_card():
    with Client(ADDRESS, NAME) as client:
        assert client.translate(FILE["image_bytes"][0]).startswith(b"\x89PNG")
        assert client.model_card()["name"] == NAME
