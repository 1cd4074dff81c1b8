"""A local server with the APIs of TensorFlow Serving, for machines without it.

    python -m serving.server --models FOLDER --port 8500 --rest_api_port 8501

It runs SavedModels as TensorFlow Serving 2.15 does, through a session, so that answers and error
texts are the same. It does not batch requests; use TensorFlow Serving itself for throughput.
"""

import os
import signal
import sys
import threading
from concurrent import futures
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Optional

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import grpc
import jsonargparse
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from serving.engine import edge_files, logs, tls
from serving.engine.calls import Interceptor
from serving.engine.manager import Manager
from serving.engine.model_config import read
from serving.engine.prometheus import Metrics
from serving.engine.rest import Application, RestServer
from serving.engine.servable import ServingError
from serving.engine.services import ModelService, PredictionService
from tfpix2pix.errors import InputError
from tfpix2pix.export import versions

MOST_BYTES = 2**31 - 1  # As in tensorflow_serving/model_servers/server.cc.
THREADS = 4 * (os.cpu_count() or 1)
LOOPBACK = ("127.0.0.1", "localhost", "::1")
GRACE = 12  # Seconds for REST and then for gRPC, within the 30 of Kubernetes.


@dataclass(frozen=True)
class Flags:
    """Serves models over gRPC and REST until Ctrl-C, with the flags of TensorFlow Serving.

    Args:
        models: Folder of MODEL/VERSION folders, instead of a model_config_file.
        model_config_file: Text file of a ModelServerConfig, instead of models.
        model_config_file_poll_wait_seconds: Seconds between two readings of it; 0 reads it once.
        file_system_poll_wait_seconds: Seconds between two looks for new versions; 0 looks once.
        max_num_load_retries: How often a version that does not load is tried again.
        load_retry_interval_micros: Microseconds between two such tries.
        allow_version_labels_for_unavailable_models: Whether a new label may name a version that
            is not loaded yet.
        host: Address to listen at. By default only this machine can reach the server; give 0.0.0.0
            or an address of this machine for others.
        port: Port of gRPC, 0 for a free one.
        rest_api_port: Port of REST; 0 for none, -1 for a free one.
        rest_api_num_threads: Most REST requests at the same time; others wait.
        rest_api_timeout_in_ms: Milliseconds that a model may run for a REST request.
        rest_api_enable_cors_support: Whether pages of other sites may call the REST API.
        grpc_max_threads: Most gRPC requests at the same time; others fail as RESOURCE_EXHAUSTED.
        max_message_megabytes: Largest request, in MiB, at most 2048.
        ssl_config_file: Text file of an SSLConfig, for TLS on the gRPC port.
        monitoring_config_file: Text file of a MonitoringConfig, for metrics on the REST port.
        enable_grpc_healthcheck_service: Whether gRPC's health service is answered.
        log_format: What each request leaves on stderr: an object of JSON, a text, nothing.
    """

    models: Optional[str] = None
    model_config_file: Optional[str] = None
    model_config_file_poll_wait_seconds: float = 0
    file_system_poll_wait_seconds: float = 1
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    allow_version_labels_for_unavailable_models: bool = False
    host: str = "127.0.0.1"
    port: int = 8500
    rest_api_port: int = 0
    rest_api_num_threads: int = THREADS
    rest_api_timeout_in_ms: int = 30_000
    rest_api_enable_cors_support: bool = False
    grpc_max_threads: int = THREADS
    max_message_megabytes: int = 2048
    ssl_config_file: Optional[str] = None
    monitoring_config_file: Optional[str] = None
    enable_grpc_healthcheck_service: bool = False
    log_format: Literal["json", "text", "none"] = "json"

    def __post_init__(self):
        if (self.models is None) == (self.model_config_file is None):
            raise InputError(
                "The server takes its models from a folder or from a configuration. Received: "
                f"models={self.models!r}, model_config_file={self.model_config_file!r}. Give one "
                "of --models and --model_config_file."
            )
        if self.model_config_file_poll_wait_seconds and self.model_config_file is None:
            raise InputError(
                "Only a configuration file is read again. Received: "
                f"model_config_file_poll_wait_seconds={self.model_config_file_poll_wait_seconds}, "
                "model_config_file=None. Give a --model_config_file."
            )
        if self.monitoring_config_file is not None and self.rest_api_port == 0:
            raise InputError(
                "Metrics are on the REST port. Received: monitoring_config_file="
                f"{self.monitoring_config_file!r}, rest_api_port=0. Give a --rest_api_port."
            )
        least = {"rest_api_num_threads": 1, "grpc_max_threads": 1, "max_message_megabytes": 1}
        least |= {"rest_api_timeout_in_ms": 1, "max_num_load_retries": 0}
        least |= {"file_system_poll_wait_seconds": 0, "model_config_file_poll_wait_seconds": 0}
        for name, number in least.items():
            if getattr(self, name) < number:
                raise InputError(
                    f"`{name}` must be at least {number}. Received: {getattr(self, name)}. "
                    f"Give a larger --{name}."
                )


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


def start(
    manager,
    host="127.0.0.1",
    port=0,
    *,
    credentials=None,
    threads=THREADS,
    most_bytes=MOST_BYTES,
    observers=(),
    health_service=None,
):
    """Starts a gRPC server; it answers until it is stopped.

    Args:
        manager: `serving.engine.manager.Manager`.
        host: Address to listen at.
        port: Port to listen at, 0 for a free one.
        credentials: `grpc.ServerCredentials` for TLS, or `None`.
        threads: Most requests at the same time.
        most_bytes: Largest request.
        observers: Functions that take the `serving.engine.calls.Call` of every request.
        health_service: `grpc_health.v1.health.HealthServicer`, or `None`.

    Returns:
        `(server, port)`: the `grpc.Server` and the port it listens at.

    Raises:
        ValueError: If it cannot listen there.
    """
    server = grpc.server(
        futures.ThreadPoolExecutor(threads),
        interceptors=[Interceptor(observers)],
        options=[
            ("grpc.max_receive_message_length", most_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.so_reuseport", 0),  # Two servers at one port would share the requests.
        ],
        maximum_concurrent_rpcs=threads,
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(manager), server
    )
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(manager), server)
    if health_service is not None:
        health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
        for name in ("", "ModelService", "PredictionService"):
            health_service.set(name, health_pb2.HealthCheckResponse.SERVING)
    address = _joined(host, port)
    try:
        bound = (
            server.add_insecure_port(address)
            if credentials is None
            else server.add_secure_port(address, credentials)
        )
    except RuntimeError as error:
        raise _not_to_be_had(address, "--port", 0) from error
    server.start()
    return server, bound


def start_rest(manager, flags, observers=(), metrics=None):
    """Starts a REST server; it answers until it is stopped.

    Args:
        manager: `serving.engine.manager.Manager`.
        flags: `Flags`.
        observers: Functions that take the `serving.engine.calls.Call` of every request.
        metrics: `(path, page)` of the metrics, `page` a function that returns bytes; or `None`.

    Returns:
        `serving.engine.rest.RestServer`.

    Raises:
        ValueError: If it cannot listen there.
    """
    timeout = flags.rest_api_timeout_in_ms / 1000
    application = Application(
        manager,
        observers=observers,
        timeout=timeout,
        cors=flags.rest_api_enable_cors_support,
        most_bytes=_most_bytes(flags),
        metrics=metrics,
    )
    port = max(0, flags.rest_api_port)
    try:
        return RestServer(
            application, flags.host, port, threads=flags.rest_api_num_threads, timeout=timeout
        )
    except OSError as error:
        raise _not_to_be_had(_joined(flags.host, port), "--rest_api_port", -1) from error


def main(flags):
    """Serves until SIGINT or SIGTERM; requests in flight are finished.

    Args:
        flags: `Flags`.

    Raises:
        ValueError: If a file or an address does not do.
        ServingError: If a model does not load.
    """
    logs.configure(flags.log_format)
    credentials, verified = tls.credentials(flags.ssl_config_file)
    path, metrics = edge_files.metrics_path(flags.monitoring_config_file), Metrics()
    observers = (logs.log_call, metrics.observe)
    health_service = health.HealthServicer() if flags.enable_grpc_healthcheck_service else None
    file = flags.model_config_file
    config = configuration(flags.models) if file is None else read(file)
    manager = Manager(
        config,
        poll_seconds=flags.file_system_poll_wait_seconds,
        load_retries=flags.max_num_load_retries,
        retry_seconds=flags.load_retry_interval_micros / 1e6,
        allow_labels_for_unavailable=flags.allow_version_labels_for_unavailable_models,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))  # What has started is stopped in its order.
    with ExitStack() as stack:
        manager.start()
        stack.callback(manager.stop)
        if flags.model_config_file_poll_wait_seconds:
            manager.follow(file, flags.model_config_file_poll_wait_seconds)
        server, port = start(
            manager,
            flags.host,
            flags.port,
            credentials=credentials,
            threads=flags.grpc_max_threads,
            most_bytes=_most_bytes(flags),
            observers=observers,
            health_service=health_service,
        )
        stack.callback(lambda: server.stop(GRACE).wait())
        served = _newest(manager, config)
        lines = [f"Running gRPC ModelServer at {_joined(flags.host, port)} with {served}"]
        open_ports = [] if verified else [f"{_joined(flags.host, port)} (gRPC)"]
        if flags.rest_api_port:
            rest = start_rest(manager, flags, observers, path and (path, metrics.page))
            stack.callback(rest.stop, GRACE)
            address = _joined(flags.host, rest.port)
            lines.append(f"Exporting the REST API at http://{address}")
            open_ports.append(f"{address} (REST)")
        if health_service is not None:
            stack.callback(health_service.enter_graceful_shutdown)
        print("\n".join(lines), flush=True)
        if flags.host not in LOOPBACK and open_ports:
            print(
                f"warning: Anybody who reaches {' or '.join(open_ports)} can use and change what "
                "is served. Guard it by a firewall, or gRPC by mutual TLS (--ssl_config_file).",
                file=sys.stderr,
                flush=True,
            )
        threading.Event().wait()


def _newest(manager, config):
    names = []
    for model in config.model_config_list.config:
        with manager.acquire(ModelSpec(name=model.name)) as (version, _):
            names.append(f"{model.name}/{version}")
    return ", ".join(names)


def _most_bytes(flags):
    return min(flags.max_message_megabytes * 2**20, MOST_BYTES)


def _joined(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _not_to_be_had(address, flag, free):
    return InputError(
        f"The server must be able to listen. Received: {address}, which is taken or not this "
        f"machine's. Use another {flag}, or {flag} {free} for a free one."
    )


if __name__ == "__main__":
    try:
        main(jsonargparse.auto_cli(Flags, as_positional=False))
    except (InputError, ServingError) as error:
        sys.exit(f"error: {error}")
