"""The gRPC services of the local server, answering as TensorFlow Serving 2.15 does."""

from contextlib import contextmanager

from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.engine import unsupported
from serving.engine.calls import STATUS_CODES
from serving.engine.servable import INVALID_ARGUMENT, ServingError, cut, typed_tensor


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Predict and GetModelMetadata; the other methods refuse, as no export has what they need.

    Args:
        manager: `serving.engine.manager.Manager`.
    """

    def __init__(self, manager):
        self._manager = manager

    def Predict(self, request, context):
        """Runs a signature of a model."""
        with _statuses(context):
            require_model_spec(request)
            with self._manager.acquire(request.model_spec) as (version, servable):
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
        with _statuses(context):
            require_model_spec(request)
            if not request.metadata_field:
                raise ServingError(
                    INVALID_ARGUMENT,
                    "GetModelMetadataRequest must specify at least one metadata_field",
                )
            for field in request.metadata_field:
                if field != "signature_def":
                    raise ServingError(INVALID_ARGUMENT, f"Metadata field {field} is not supported")
            with self._manager.acquire(request.model_spec) as (version, servable):
                signatures = get_model_metadata_pb2.SignatureDefMap(
                    signature_def=servable.signatures
                )
            response = get_model_metadata_pb2.GetModelMetadataResponse()
            response.model_spec.name = request.model_spec.name
            response.model_spec.version.value = version
            response.metadata["signature_def"].Pack(signatures)
            return response

    def Classify(self, request, context):
        """Refuses: a model of images takes no examples."""
        self._refuse(context, request, unsupported.classify)

    def Regress(self, request, context):
        """Refuses: a model of images takes no examples."""
        self._refuse(context, request, unsupported.regress)

    def MultiInference(self, request, context):
        """Refuses: a model of images takes no examples."""
        with _statuses(context):
            spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
            with self._manager.acquire(spec) as (_, servable):
                unsupported.multi_inference(servable, request)

    def _refuse(self, context, request, refuse):
        with _statuses(context):
            require_model_spec(request)
            with self._manager.acquire(request.model_spec) as (_, servable):
                refuse(servable, request)


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """GetModelStatus and HandleReloadConfigRequest.

    Args:
        manager: `serving.engine.manager.Manager`.
    """

    def __init__(self, manager):
        self._manager = manager

    def GetModelStatus(self, request, context):
        """Lists the versions of a model, the newest first."""
        with _statuses(context):
            require_model_spec(request)
            return get_model_status_pb2.GetModelStatusResponse(
                model_version_status=self._manager.statuses(request.model_spec)
            )

    def HandleReloadConfigRequest(self, request, context):
        """Replaces the configuration; returns once models of new names are available."""
        with _statuses(context):
            if request.config.WhichOneof("config") != "model_config_list":
                raise ServingError(
                    INVALID_ARGUMENT,
                    "ServerModelConfig type not supported by HandleReloadConfigRequest. Only "
                    "ModelConfigList is currently supported",
                )
            self._manager.reload(request.config)
            return model_management_pb2.ReloadConfigResponse(status={})


def require_model_spec(request):
    """Raises `ServingError` if a request names no model spec at all."""
    if not request.HasField("model_spec"):
        raise ServingError(INVALID_ARGUMENT, "Missing ModelSpec")


@contextmanager
def _statuses(context):
    """Turns a `ServingError` into the gRPC status of the call."""
    try:
        yield
    except ServingError as error:
        context.abort(STATUS_CODES[error.code], cut(error.message))
