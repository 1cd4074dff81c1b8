"""Replays the warm-up requests of a version before it is served."""

import itertools
from pathlib import Path
from typing import Union

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.engine import unsupported
from serving.engine.servable import (
    INVALID_ARGUMENT,
    UNIMPLEMENTED,
    ServingError,
    without_deprecation_notes,
)

FILE = "assets.extra/tf_serving_warmup_requests"  # In a version.
MOST_RECORDS = 1000


def replay(servable, version: Union[str, Path]):
    """Runs every warm-up request of a version; without the file nothing happens.

    Args:
        servable: `serving.engine.servable.Servable` of the version.
        version: Folder of the version.

    Raises:
        ServingError: If one fails, with the code and text of TensorFlow Serving.
    """
    path = Path(version) / FILE
    if not path.exists():
        return
    with without_deprecation_notes():
        records = tf.compat.v1.io.tf_record_iterator(str(path))
    for count in itertools.count(1):
        try:
            record = next(records, None)
        except tf.errors.DataLossError as error:
            message = f"{error.message}. Please verify your warmup data is in TFRecord format."
            raise ServingError(error.error_code, message) from error
        if record is None:
            return
        try:
            log = PredictionLog.FromString(record)
        except DecodeError as error:
            shown = record.decode("latin-1")
            message = f"Failed to parse warmup record: {shown} from {path}"
            raise ServingError(INVALID_ARGUMENT, message) from error
        _run(servable, log)
        if count > MOST_RECORDS:
            raise ServingError(
                INVALID_ARGUMENT,
                f"Number of warmup records exceeds the maximum ({MOST_RECORDS}) at {path}",
            )


def _run(servable, log):
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        servable.predict(request.model_spec.signature_name, request.inputs, request.output_filter)
    elif kind == "classify_log":
        unsupported.classify(servable, log.classify_log.request)
    elif kind == "regress_log":
        unsupported.regress(servable, log.regress_log.request)
    elif kind == "multi_inference_log":
        unsupported.multi_inference(servable, log.multi_inference_log.request)
    elif kind is not None:
        number = PredictionLog.DESCRIPTOR.fields_by_name[kind].number
        raise ServingError(UNIMPLEMENTED, f"Unsupported log_type for warmup: {number}")
