"""A local server with the gRPC API of TensorFlow Serving, for machines without it.

    python -m serving.server --models FOLDER --port 8500

It runs SavedModels as TensorFlow Serving 2.15 does, through a session, so that answers and error
texts are the same. It does not batch requests; use TensorFlow Serving itself for throughput.
"""

import os
import signal
import sys
import threading
from concurrent import futures
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # Start-up notes of TensorFlow concern no user.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import grpc
import jsonargparse
import tensorflow as tf
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.engine.manager import Manager
from serving.engine.services import ModelService, PredictionService
from tfpix2pix.errors import InputError
from tfpix2pix.export import versions

# As in tensorflow_serving/model_servers/server.cc.
SERVER_OPTIONS = (
    ("grpc.max_receive_message_length", 2**31 - 1),
    ("grpc.max_send_message_length", -1),
)
THREADS_PER_CPU = 4


def configuration(folder):
    """Configures the server for all models in a folder.

    Args:
        folder: Folder whose folders are models, named as they are served, with numbered versions.

    Returns:
        `ModelServerConfig`.

    Raises:
        ValueError: If there is no model.
    """
    root = Path(folder).resolve()
    config = ModelServerConfig()
    for path in sorted(path for path in root.glob("*") if path.is_dir() and versions(path)):
        config.model_config_list.config.add(
            name=path.name, base_path=str(path), model_platform="tensorflow"
        )
    if not config.model_config_list.config:
        raise InputError(
            "The folder of models must contain MODEL/VERSION folders, versions whole numbers. "
            f"Received: {str(folder)!r}, which has none. Make one with `python -m serving.export "
            f"--run RUN --to {folder}/NAME`."
        )
    return config


def start(manager, host="127.0.0.1", port=0):
    """Starts a server; it answers until it is stopped.

    Args:
        manager: `serving.engine.manager.Manager`.
        host: Address to listen at.
        port: Port to listen at, 0 for a free one.

    Returns:
        `(server, port)`: the `grpc.Server` and the port it listens at.

    Raises:
        ValueError: If it cannot listen there.
    """
    threads = THREADS_PER_CPU * (os.cpu_count() or 1)
    server = grpc.server(futures.ThreadPoolExecutor(threads), options=SERVER_OPTIONS)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(manager), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(manager), server)
    try:
        bound = server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise InputError(
            f"The server must be able to listen. Received: {host}:{port}, which is taken or not "
            "this machine's. Use another --port, or --port 0 for a free one."
        ) from error
    server.start()
    return server, bound


def main(models: str, host: str = "127.0.0.1", port: int = 8500):
    """Serves the newest version of every model in a folder until Ctrl-C.

    Args:
        models: Folder of MODEL/VERSION folders.
        host: Address to listen at; other machines reach only 0.0.0.0 or an address of this one.
        port: Port to listen at, 0 for a free one.
    """
    tf.get_logger().setLevel("ERROR")  # The loader that Serving uses is announced as deprecated.
    config = configuration(models)
    server, port = start(Manager(config).start(), host, port)
    served = ", ".join(model.name for model in config.model_config_list.config)
    print(f"Running gRPC ModelServer at {host}:{port} with {served}", flush=True)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    server.stop(grace=5).wait()


if __name__ == "__main__":
    try:
        jsonargparse.auto_cli(main, as_positional=False)
    except InputError as error:
        sys.exit(f"error: {error}")
