"""Configurations are replaced, labels move, and every rule has its text."""

import re

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    model_management_pb2,
    regression_pb2,
)
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.engine import model_config
from serving.engine.manager import Manager
from serving.engine.servable import ServingError
from tests.serving.engine.models import (
    ANSWER_LIMIT,
    answer,
    configured,
    publish,
    refusal,
    request,
    serving_all,
    states,
    wait_until,
)
from tfpix2pix import InputError

Code = grpc.StatusCode
X = np.ones(1, "float32")


def reloading(config):
    return model_management_pb2.ReloadConfigRequest(config=config)


@pytest.fixture
def served(made, tmp_path):
    """`(root, manager, prediction, models)` with versions 1 and 2 of `a`."""
    publish(made(3), tmp_path / "a/1")
    publish(made(4), tmp_path / "a/2")
    config = configured(tmp_path, "a", model_version_policy={"all": {}})
    manager = Manager(config, poll_seconds=0.02, load_retries=0).start()
    wait_until(lambda: len(manager.statuses(ModelSpec(name="a"))) == 2)
    wait_until(lambda: {s.state for s in manager.statuses(ModelSpec(name="a"))} == {30})
    with serving_all(manager) as (prediction, models, _):
        yield tmp_path, manager, prediction, models
    manager.stop()


def test_a_reload_replaces_the_models_and_waits_for_the_new(made, served):
    root, _, prediction, models = served
    publish(made(3), root / "b/5")
    replacing = reloading(configured(root, "b"))
    response = models.HandleReloadConfigRequest(replacing, timeout=ANSWER_LIMIT)
    assert (response.status.error_code, response.status.error_message) == (0, "")
    assert answer(prediction, request("b", {"x": X})) == (5, 3.0)
    wait_until(lambda: states(models, "a") == {2: "END", 1: "END"})
    assert refusal(prediction.Predict, request("a", {"x": X})) == (
        Code.NOT_FOUND,
        "Servable not found for request: Latest(a)",
    )
    # A name that comes back is new again.
    models.HandleReloadConfigRequest(reloading(configured(root, "a")), timeout=ANSWER_LIMIT)
    assert answer(prediction, request("a", {"x": X})) == (2, 4.0)


def test_a_new_model_that_fails_is_told(served):
    root, _, prediction, models = served
    (root / "b/5").mkdir(parents=True)
    code, text = refusal(models.HandleReloadConfigRequest, reloading(configured(root, "a", "b")))
    assert code is Code.UNKNOWN
    start = (
        "1 model(s) did not become available: {{{name: b version: 5} due to error: NOT_FOUND: "
        f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {root / 'b/5'}"
    )
    assert text.startswith(start)
    assert text.endswith("}, }")
    assert answer(prediction, request("a", {"x": X})) == (2, 4.0)


def test_labels_move_at_once_and_only_to_what_is_available(served):
    root, _, prediction, models = served

    def point(**labels):
        config = configured(root, "a", model_version_policy={"all": {}}, version_labels=labels)
        return models.HandleReloadConfigRequest(reloading(config), timeout=ANSWER_LIMIT)

    point(stable=1, canary=2)
    assert answer(prediction, request("a", {"x": X}, label="stable")) == (1, 3.0)
    assert answer(prediction, request("a", {"x": X}, label="canary")) == (2, 4.0)
    point(stable=2)
    assert answer(prediction, request("a", {"x": X}, label="stable")) == (2, 4.0)
    assert refusal(prediction.Predict, request("a", {"x": X}, label="canary")) == (
        Code.INVALID_ARGUMENT,
        "Unrecognized servable version label: canary",
    )
    with pytest.raises(grpc.RpcError) as caught:
        point(stable=3)
    assert caught.value.code() is Code.FAILED_PRECONDITION
    assert caught.value.details() == (
        "Request to assign label to version 3 of model a, which is not currently available for "
        "inference"
    )
    assert answer(prediction, request("a", {"x": X}, label="stable")) == (2, 4.0)


def test_new_labels_may_be_allowed_to_run_ahead(made, tmp_path):
    publish(made(3), tmp_path / "a/1")
    config = configured(tmp_path, "a", version_labels={"stable": 1})
    text = "version 1 of model a, which is not currently available for inference"
    with pytest.raises(ServingError, match=f"^Request to assign label to {text}$"):
        Manager(config).start()
    manager = Manager(config, poll_seconds=0, allow_labels_for_unavailable=True).start()
    spec = ModelSpec(name="a", version_label="stable")
    with manager.acquire(spec) as (version, _):
        assert version == 1
    with pytest.raises(ServingError, match="Request to assign label to version 2 of"):
        manager.reload(configured(tmp_path, "a", version_labels={"stable": 2}))
    manager.reload(configured(tmp_path, "a", version_labels={"stable": 1, "next": 2}))
    manager.stop()


def changed(root, **fields):
    config = configured(root, "a")
    for field, value in fields.items():
        setattr(config.model_config_list.config[0], field, value)
    return config


REFUSED = {
    "no list": (
        lambda root: ModelServerConfig(),
        "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList "
        "is currently supported",
    ),
    "twice": (
        lambda root: configured(root, "b", "a", "a"),
        "Illegal to list model a multiple times in config list",
    ),
    "relative": (
        lambda root: changed(root, base_path="models/a"),
        "Expected model a to have an absolute path or URI; got base_path()=models/a",
    ),
    "no platform": (
        lambda root: changed(root, model_platform=""),
        "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
        "ModelServerConfig::model_platform, model name is a",
    ),
    "both": (
        lambda root: changed(root, model_type=1),
        "Illegal setting both ModelServerConfig::model_type (deprecated) and "
        "ModelServerConfig::model_platform, model name is a",
    ),
    "other type": (
        lambda root: changed(root, model_platform="", model_type=2),
        "ModelServerConfig::model_type choice 2 not supported.",
    ),
    "other platform": (
        lambda root: changed(root, model_platform="jax"),
        "Illegal to change a model's platform. For model a platform was tensorflow and new "
        "platform requested is jax",
    ),
    "unknown platform": (
        lambda root: changed(root, name="c", model_platform="jax"),
        "Model c requests unsupported platform jax",
    ),
}


def test_what_breaks_a_rule_changes_nothing(served):
    root, _, prediction, models = served
    for make, text in REFUSED.values():
        refused = refusal(models.HandleReloadConfigRequest, reloading(make(root)))
        assert refused == (Code.INVALID_ARGUMENT, text)
    assert answer(prediction, request("a", {"x": X}, version=1)) == (1, 3.0)


def test_methods_for_examples_refuse_a_model_of_images(served):
    _, _, prediction, _ = served
    classification = classification_pb2.ClassificationRequest()
    regression = regression_pb2.RegressionRequest()
    inference = inference_pb2.MultiInferenceRequest()
    missing = (Code.INVALID_ARGUMENT, "Missing ModelSpec")
    assert refusal(prediction.Classify, classification) == missing
    assert refusal(prediction.Regress, regression) == missing
    text = "ModelSpec has no name specified."
    assert refusal(prediction.MultiInference, inference) == (Code.INVALID_ARGUMENT, text)
    task = inference.tasks.add(method_name="tensorflow/serving/predict")
    for message in (classification, regression, task):
        message.model_spec.name = "a"
    text = "Unsupported signature method_name: tensorflow/serving/predict"
    assert refusal(prediction.MultiInference, inference) == (Code.UNIMPLEMENTED, text)
    task.method_name = "tensorflow/serving/classify"
    for call, message, kind in (
        (prediction.Classify, classification, "classification"),
        (prediction.Regress, regression, "regression"),
        (prediction.MultiInference, inference, "classification"),
    ):
        code, text = refusal(call, message)
        assert code is Code.FAILED_PRECONDITION
        assert text.startswith(f"No {kind} inputs found in SignatureDef: inputs {{")
    for message in (classification, task):
        message.model_spec.signature_name = "X"
    text = "No signature was found with the name: X"
    assert refusal(prediction.Classify, classification) == (Code.INVALID_ARGUMENT, text)
    text = "Requested signature not found in model graph: X"
    assert refusal(prediction.MultiInference, inference) == (Code.INVALID_ARGUMENT, text)
    regression.model_spec.signature_name = "shift"
    text = "Expected one input Tensor."
    assert refusal(prediction.Regress, regression) == (Code.INVALID_ARGUMENT, text)


FILE = """model_config_list {{
  config {{ name: "a" base_path: "{}" model_platform: "tensorflow"
           model_version_policy {{ specific {{ versions: {} }} }} }}
}}"""


def test_a_file_is_followed(served, caplog):
    root, manager, _, models = served
    path = root / "models.config"
    path.write_text("nonsense {")
    manager.follow(path, 0.02)
    wait_until(lambda: f"Failed to reload {path}" in caplog.text)
    path.write_text(FILE.format(root / "a", 1))
    wait_until(lambda: states(models, "a") == {2: "END", 1: "AVAILABLE"})
    path.write_text(FILE.format(root / "a", 2))
    wait_until(lambda: states(models, "a") == {2: "AVAILABLE", 1: "END"})


def test_a_file_that_is_no_configuration_is_refused(tmp_path):
    path = tmp_path / "models.config"
    rule = "The configuration must be a text file of a ModelServerConfig message."
    cure = 'Write model_config_list { config { name: "..." base_path: "/..." } } to it.'
    message = f"{rule} Received: {path}: No such file or directory. {cure}"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        model_config.read(path)
    path.write_text("model_config_list { config { nam: 1 } }")
    found = 'Message type "tensorflow.serving.ModelConfig" has no field named "nam".'
    with pytest.raises(InputError, match=re.escape(found)):
        model_config.read(path)
