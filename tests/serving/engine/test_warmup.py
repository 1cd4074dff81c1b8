"""Warm-up requests run before a version is served, and fail its load."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.engine.lifecycle import load
from serving.engine.manager import Manager
from serving.engine.servable import ServingError
from serving.publishing.proof import FILE
from tests.serving.engine.models import configured, publish, request

X = np.ones(1, "float32")


def predicting(**message):
    log = PredictionLog()
    log.predict_log.request.CopyFrom(request("any name", **message))
    return log.SerializeToString()


GOOD = predicting(inputs={"x": X})
UNSUPPORTED = PredictionLog(session_run_log={}).SerializeToString()
NO_SIGNATURE = PredictionLog(classify_log={"request": {"model_spec": {"signature_name": "X"}}})
# Records, and with what code and text the load fails.
FAILURES = {
    "type": (
        [GOOD, predicting(inputs={"x": X.astype("uint8")})],
        3,
        "Expects arg[0] to be float but uint8 is provided",
    ),
    "signature": ([predicting(signature="X")], 9, 'Serving signature key "X" not found.'),
    "classify": (
        [NO_SIGNATURE.SerializeToString()],
        3,
        "No signature was found with the name: X",
    ),
    "session run": ([UNSUPPORTED], 12, "Unsupported log_type for warmup: 5"),
    "no message": ([b"no message"], 3, "Failed to parse warmup record: no message from {path}"),
    "many": ([b""] * 1001, 3, "Number of warmup records exceeds the maximum (1000) at {path}"),
}


def with_records(made, version, records):
    publish(made(3), version)
    path = version / FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return path


@pytest.mark.parametrize("row", list(FAILURES))
def test_a_request_that_fails_fails_the_load(made, tmp_path, row):
    records, code, text = FAILURES[row]
    path = with_records(made, tmp_path / "m/1", records)
    with pytest.raises(ServingError) as caught:
        load(tmp_path / "m/1")
    assert (caught.value.code, caught.value.message) == (code, text.format(path=path))


def test_a_broken_file_fails_the_load(made, tmp_path):
    path = with_records(made, tmp_path / "m/1", [])
    path.write_bytes(b"broken broken broken")
    with pytest.raises(ServingError) as caught:
        load(tmp_path / "m/1")
    assert caught.value.code == 15
    end = ". Please verify your warmup data is in TFRecord format."
    assert caught.value.message.startswith("corrupted record at 0")
    assert caught.value.message.endswith(end)


def test_requests_run_before_the_version_is_served(made, tmp_path):
    (tmp_path / "open0").touch()
    gated = predicting(inputs={"folder": str(tmp_path)}, signature="gated")
    empty = PredictionLog().SerializeToString()
    with_records(made, tmp_path / "m/1", [GOOD, empty, *[b""] * 997, gated])
    manager = Manager(configured(tmp_path, "m"), poll_seconds=0).start()
    assert (tmp_path / "started").exists()
    assert manager.statuses(ModelSpec(name="m"))[0].state == 30
    manager.stop()
