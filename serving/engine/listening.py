"""Starts the servers of gRPC and REST, and names where they listen."""

from concurrent import futures

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving.engine.calls import Interceptor
from serving.engine.flags import MOST_BYTES, THREADS, largest_request
from serving.engine.rest import Application, RestServer
from serving.engine.services import ModelService, PredictionService
from tfpix2pix.errors import InputError


def start(
    manager,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    credentials=None,
    threads: int = THREADS,
    most_bytes: int = MOST_BYTES,
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
    address = joined(host, port)
    try:
        bound = (
            server.add_insecure_port(address)
            if credentials is None
            else server.add_secure_port(address, credentials)
        )
    except RuntimeError as error:
        raise _cannot_listen(address, "--port", 0) from error
    server.start()
    return server, bound


def start_rest(manager, flags, observers=(), metrics=None):
    """Starts a REST server; it answers until it is stopped.

    Args:
        manager: `serving.engine.manager.Manager`.
        flags: `serving.engine.flags.Flags`.
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
        most_bytes=largest_request(flags),
        metrics=metrics,
    )
    port = max(0, flags.rest_api_port)
    try:
        return RestServer(
            application, flags.host, port, threads=flags.rest_api_num_threads, timeout=timeout
        )
    except OSError as error:
        raise _cannot_listen(joined(flags.host, port), "--rest_api_port", -1) from error


def joined(host: str, port: int):
    """Returns an address: `host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _cannot_listen(address, flag, free):
    return InputError(
        f"The server must be able to listen. Received: {address}, which is taken or not this "
        f"machine's. Use another {flag}, or {flag} {free} for a free one."
    )
