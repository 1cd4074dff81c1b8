"""Classify, Regress and MultiInference: what TensorFlow Serving answers for models of images.

These methods take `tf.train.Example` messages. A signature that could take them is not among those
of an export, so that each request is refused for a reason that depends on the signature.
"""

from serving.engine.servable import (
    DEFAULT_SIGNATURE,
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    UNIMPLEMENTED,
    ServingError,
)

CLASSIFY = "tensorflow/serving/classify"
REGRESS = "tensorflow/serving/regress"


def classify(servable, request):
    """Refuses a `ClassificationRequest` with a `ServingError`."""
    _refuse(
        *_named_signature(servable, request, "No signature was found with the name: "), CLASSIFY
    )


def regress(servable, request):
    """Refuses a `RegressionRequest` with a `ServingError`."""
    _refuse(*_named_signature(servable, request, "No signature was found with the name: "), REGRESS)


def multi_inference(servable, request):
    """Refuses a `MultiInferenceRequest` of at least one task with a `ServingError`.

    TensorFlow Serving looks at the tasks in turn; none of a model of images passes, so that the
    first decides.
    """
    task = request.tasks[0]
    named_signature = _named_signature(
        servable, task, "Requested signature not found in model graph: "
    )
    if task.method_name not in (CLASSIFY, REGRESS):
        raise ServingError(UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")
    _refuse(*named_signature, task.method_name)


def _named_signature(servable, request, missing):
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    if name not in servable.signatures:
        raise ServingError(INVALID_ARGUMENT, missing + name)
    return name, servable.signatures[name]


def _refuse(name, signature, method):
    if len(signature.inputs) != 1:
        raise ServingError(INVALID_ARGUMENT, "Expected one input Tensor.")
    count = len(signature.outputs)
    if method == CLASSIFY and count not in (1, 2):
        raise ServingError(INVALID_ARGUMENT, f"Expected one or two output Tensors, found {count}")
    if method == REGRESS and count != 1:
        raise ServingError(INVALID_ARGUMENT, "Expected one output Tensor.")
    kind = "classification" if method == CLASSIFY else "regression"
    if "inputs" not in signature.inputs:
        raise ServingError(
            FAILED_PRECONDITION, f"No {kind} inputs found in SignatureDef: {signature}"
        )
    raise ServingError(
        UNIMPLEMENTED,
        f"This server answers Predict only. Received: a {kind} request for the signature "
        f"{name!r}. Use TensorFlow Serving itself for it.",
    )
