"""Which versions of which models are served."""

from contextlib import contextmanager
from pathlib import Path

from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus

from serving.engine.servable import INVALID_ARGUMENT, NOT_FOUND, Servable, ServingError
from tfpix2pix.export import versions


class Manager:
    """The newest version of every model of a configuration.

    Args:
        config: `tensorflow_serving.config.model_server_config_pb2.ModelServerConfig`.
    """

    def __init__(self, config):
        self._servables = {}
        for model in config.model_config_list.config:
            version = versions(model.base_path)[-1]
            servable = Servable(Path(model.base_path) / str(version))
            self._servables[model.name] = {version: servable}

    @contextmanager
    def acquire(self, model_spec):
        """Holds what a request asks for; all checks in the order of TensorFlow Serving.

        Args:
            model_spec: `ModelSpec`.

        Yields:
            `(version, servable)`, the newest version where the request names none. It stays loaded
            within the block.

        Raises:
            ServingError: With the code and text of TensorFlow Serving.
        """
        if not model_spec.name:
            raise ServingError(INVALID_ARGUMENT, "ModelSpec has no name specified.")
        if model_spec.HasField("version_label"):
            raise ServingError(
                INVALID_ARGUMENT, f"Unrecognized servable version label: {model_spec.version_label}"
            )
        loaded = self._servables.get(model_spec.name, {})
        if model_spec.HasField("version"):
            version = model_spec.version.value
            sought = f"Specific({model_spec.name}, {version})"
        else:
            version, sought = max(loaded, default=None), f"Latest({model_spec.name})"
        if version not in loaded:
            raise ServingError(NOT_FOUND, f"Servable not found for request: {sought}")
        yield version, loaded[version]

    def statuses(self, model_spec):
        """Lists what became of the versions of a model, the newest first.

        Args:
            model_spec: `ModelSpec`; its label is ignored.

        Returns:
            List of `ModelVersionStatus`.

        Raises:
            ServingError: If there is none, with the code and text of TensorFlow Serving.
        """
        name, loaded = model_spec.name, self._servables.get(model_spec.name, {})
        if model_spec.HasField("version"):
            wanted = model_spec.version.value
            if wanted not in loaded:
                raise ServingError(NOT_FOUND, f"Could not find version {wanted} of model {name}")
            loaded = [wanted]
        if not loaded:
            raise ServingError(NOT_FOUND, f"Could not find any versions of model {name}")
        return [
            ModelVersionStatus(version=version, state=ModelVersionStatus.AVAILABLE, status={})
            for version in sorted(loaded, reverse=True)
        ]
