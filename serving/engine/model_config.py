"""The configuration of a server: read from a file, and checked as TensorFlow Serving does."""

import re
import shlex
from collections import Counter
from pathlib import Path
from typing import Union

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.engine.servable import INVALID_ARGUMENT, ServingError
from tfpix2pix.errors import InputError, listed
from tfpix2pix.export import versions

PLATFORM = "tensorflow"
ABSOLUTE = re.compile(r"/|[A-Za-z][0-9A-Za-z.]*://")


def read(path: Union[str, Path]):
    """Reads a `model_config_file` of TensorFlow Serving.

    Args:
        path: Text file of a `ModelServerConfig`.

    Returns:
        `ModelServerConfig`.

    Raises:
        InputError: If there is no such file or it is not that.
    """
    rule = "The configuration must be a text file of a ModelServerConfig message."
    cure = 'Write model_config_list { config { name: "..." base_path: "/..." } } to it.'
    try:
        text = Path(path).read_text("utf-8")
        return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except OSError as error:
        raise InputError(f"{rule} Received: {path}: {error.strerror}. {cure}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise InputError(f"{rule} Received: {path}: {error}. {cure}") from error


def configuration(folder: Union[str, Path]):
    """Configures the server for all models in a folder.

    Args:
        folder: Folder whose folders are models, named as they are served, with numbered versions.

    Returns:
        `ModelServerConfig`.

    Raises:
        ValueError: If there is no model.
    """
    root = Path(folder).resolve()
    config = model_server_config_pb2.ModelServerConfig()
    for path in sorted(path for path in root.glob("*") if path.is_dir() and versions(path)):
        config.model_config_list.config.add(
            name=path.name, base_path=str(path), model_platform="tensorflow"
        )
    if not config.model_config_list.config:
        raise InputError(
            "The folder of models must contain MODEL/VERSION folders, versions whole numbers. "
            f"Received: {str(folder)!r}, {_instead(root, folder)}"
        )
    return config


def _instead(root, folder):
    """Says what is where no models are, and the cure."""
    if root.is_dir() and versions(root):
        parent = shlex.quote(str(root.parent))
        return f"which is a model itself. Give its parent, --models {parent}."
    if (root / "saved_model.pb").is_file():
        parent = shlex.quote(str(root.parent.parent))
        return f"which is a version of a model. Give the model's parent, --models {parent}."
    misnamed = [path.parent.name for path in sorted(root.glob("*/*/saved_model.pb"))]
    if misnamed:
        return f"with the versions {listed(misnamed)}. Name them by numbers, such as 1."
    to = shlex.quote(f"{folder}/NAME")
    return f"which has none. Make one with `python -m serving.export --run RUN --to {to}`."


def check(config, previous):
    """Checks the models of a configuration.

    Args:
        config: `ModelServerConfig`.
        previous: The one that it replaces.

    Raises:
        ServingError: If a rule is broken, with the code and text of TensorFlow Serving.
    """
    models = config.model_config_list.config
    for name, count in Counter(model.name for model in models).items():
        if count > 1:
            _refuse(f"Illegal to list model {name} multiple times in config list")
    for model in models:
        if not ABSOLUTE.match(model.base_path):
            _refuse(
                f"Expected model {model.name} to have an absolute path or URI; got "
                f"base_path()={model.base_path}"
            )
    before = {model.name: _platform(model) for model in previous.model_config_list.config}
    platforms = {model.name: _platform(model) for model in models}
    for name, platform in platforms.items():
        if before.get(name, platform) != platform:
            _refuse(
                f"Illegal to change a model's platform. For model {name} platform was "
                f"{before[name]} and new platform requested is {platform}"
            )
    for name, platform in platforms.items():
        if platform != PLATFORM:
            _refuse(f"Model {name} requests unsupported platform {platform}")


def _platform(model):
    if model.model_type:
        if model.model_platform:
            _refuse(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and "
                f"ModelServerConfig::model_platform, model name is {model.name}"
            )
        if model.model_type != model_server_config_pb2.TENSORFLOW:
            _refuse(f"ModelServerConfig::model_type choice {model.model_type} not supported.")
        return PLATFORM
    if not model.model_platform:
        _refuse(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            f"ModelServerConfig::model_platform, model name is {model.name}"
        )
    return model.model_platform


def _refuse(message):
    raise ServingError(INVALID_ARGUMENT, message)
