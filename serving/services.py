"""The gRPC services of the local server, answering as TensorFlow Serving 2.15 does."""

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.servable import INVALID_ARGUMENT, ServingError, typed_tensor

NOT_FOUND = 5
LONGEST_MESSAGE = 1024  # grpc_status_util.cc cuts here.
STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; the other methods of the service are unimplemented.

    Args:
        models: Dict of model name to dict of version to `Servable`.
    """

    def __init__(self, models):
        self._models = models

    def Predict(self, request, context):
        """Runs a signature of a model."""
        with _failing(context):
            version, servable = find(self._models, request)
            signature_name, outputs = servable.predict(
                request.model_spec.signature_name,
                request.inputs,
                request.output_filter,
                context.time_remaining(),
            )
            response = predict_pb2.PredictResponse()
            response.model_spec.name = request.model_spec.name
            response.model_spec.version.value = version
            response.model_spec.signature_name = signature_name
            for alias, value in outputs.items():
                response.outputs[alias].CopyFrom(typed_tensor(value))
            return response

    def GetModelMetadata(self, request, context):
        """Describes the signatures of a model."""
        with _failing(context):
            require_model_spec(request)
            if not request.metadata_field:
                raise ServingError(
                    INVALID_ARGUMENT,
                    "GetModelMetadataRequest must specify at least one metadata_field",
                )
            for field in request.metadata_field:
                if field != "signature_def":
                    raise ServingError(INVALID_ARGUMENT, f"Metadata field {field} is not supported")
            version, servable = find(self._models, request)
            signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.model_spec.name = request.model_spec.name
            response.model_spec.version.value = version
            response.metadata["signature_def"].Pack(signatures)
            return response


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus; the models stay as they were at the start.

    Args:
        models: Dict of model name to dict of version to `Servable`.
    """

    def __init__(self, models):
        self._models = models

    def GetModelStatus(self, request, context):
        """Lists the versions of a model, the newest first."""
        with _failing(context):
            require_model_spec(request)
            name, versions = request.model_spec.name, self._models.get(request.model_spec.name, {})
            if request.model_spec.HasField("version"):
                wanted = request.model_spec.version.value
                if wanted not in versions:
                    raise ServingError(
                        NOT_FOUND, f"Could not find version {wanted} of model {name}"
                    )
                versions = [wanted]
            if not versions:
                raise ServingError(NOT_FOUND, f"Could not find any versions of model {name}")
            response = get_model_status_pb2.GetModelStatusResponse()
            for version in sorted(versions, reverse=True):
                status = response.model_version_status.add(version=version)
                status.state = get_model_status_pb2.ModelVersionStatus.AVAILABLE
                status.status.SetInParent()
            return response


def require_model_spec(request):
    """Raises `ServingError` if a request names no model spec at all."""
    if not request.HasField("model_spec"):
        raise ServingError(INVALID_ARGUMENT, "Missing ModelSpec")


def find(models, request):
    """Finds what a request asks for; all checks in the order of TensorFlow Serving.

    Args:
        models: Dict of model name to dict of version to `Servable`.
        request: A request with a `model_spec`.

    Returns:
        `(version, servable)`, the newest version where the request names none.

    Raises:
        ServingError: With the code and text of TensorFlow Serving.
    """
    require_model_spec(request)
    spec = request.model_spec
    if not spec.name:
        raise ServingError(INVALID_ARGUMENT, "ModelSpec has no name specified.")
    if spec.HasField("version_label"):
        raise ServingError(
            INVALID_ARGUMENT, f"Unrecognized servable version label: {spec.version_label}"
        )
    versions = models.get(spec.name, {})
    if spec.HasField("version"):
        version, sought = spec.version.value, f"Specific({spec.name}, {spec.version.value})"
    else:
        version, sought = max(versions, default=None), f"Latest({spec.name})"
    if version not in versions:
        raise ServingError(NOT_FOUND, f"Servable not found for request: {sought}")
    return version, versions[version]


class _failing:
    """Turns a `ServingError` into the gRPC status of the call."""

    def __init__(self, context):
        self._context = context

    def __enter__(self):
        pass

    def __exit__(self, kind, error, _):
        if isinstance(error, ServingError):
            message = error.message
            if len(message) > LONGEST_MESSAGE:
                message = message[:LONGEST_MESSAGE] + "...TRUNCATED"
            self._context.abort(STATUS_CODES[error.code], message)
