"""The body of the local server: what it starts, in its order, and how it ends."""

import signal
import sys
import threading
from contextlib import ExitStack

from grpc_health.v1 import health
from tensorflow_serving.apis.model_pb2 import ModelSpec

from serving.engine import edge_files, logs, tls
from serving.engine.batching import Scheduler
from serving.engine.batching_parameters import read_batching_parameters
from serving.engine.flags import largest_request
from serving.engine.listening import joined, start, start_rest
from serving.engine.manager import Manager
from serving.engine.model_config import configuration, read
from serving.engine.prometheus import Metrics
from serving.engine.servable import ServingError
from tfpix2pix.bfloat16 import AUTO_BFLOAT16, graph_precision

LOOPBACK = ("127.0.0.1", "localhost", "::1")
GRACE = 12  # Seconds for REST and then for gRPC, within the 30 of Kubernetes.


def serve(flags):
    """Serves until SIGINT or SIGTERM; requests in flight are finished.

    Args:
        flags: `serving.engine.flags.Flags`.

    Raises:
        ValueError: If a file or an address does not do.
        ServingError: If a model does not load.
    """
    logs.configure(flags.log_format)
    credentials, verified = tls.credentials(flags.ssl_config_file)
    metrics = Metrics()
    metrics_path = edge_files.metrics_path(flags.monitoring_config_file)
    metrics_page = (metrics_path, metrics.page) if metrics_path else None
    observers = (logs.log_call, metrics.observe)
    health_service = health.HealthServicer() if flags.enable_grpc_healthcheck_service else None
    file = flags.model_config_file
    config = configuration(flags.models) if file is None else read(file)
    scheduler = None
    if flags.enable_batching:
        scheduler = Scheduler(read_batching_parameters(flags.batching_parameters_file))
    manager = Manager(
        config,
        poll_seconds=flags.file_system_poll_wait_seconds,
        load_retries=flags.max_num_load_retries,
        retry_seconds=flags.load_retry_interval_micros / 1e6,
        allow_labels_for_unavailable=flags.allow_version_labels_for_unavailable_models,
        scheduler=scheduler,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))  # What has started is stopped in its order.
    with ExitStack() as stack:
        if flags.mixed_precision:  # Sessions keep what they start with.
            stack.enter_context(graph_precision(AUTO_BFLOAT16))
        if scheduler is not None:
            stack.enter_context(scheduler)  # It ends after the manager.
        load(manager)
        stack.callback(manager.stop)
        if flags.model_config_file_poll_wait_seconds:
            manager.follow(file, flags.model_config_file_poll_wait_seconds)
        server, port = start(
            manager,
            flags.host,
            flags.port,
            credentials=credentials,
            threads=flags.grpc_max_threads,
            most_bytes=largest_request(flags),
            observers=observers,
            health_service=health_service,
        )
        stack.callback(lambda: server.stop(GRACE).wait())
        served = _newest(manager, config)
        lines = [f"Running gRPC ModelServer at {joined(flags.host, port)} with {served}"]
        if flags.mixed_precision:
            lines.append(f"Computing in {flags.mixed_precision}")
        if scheduler is not None:
            lines.append(f"Joining requests into batches of {scheduler.parameters.max_batch_size}")
        open_ports = [] if verified else [f"{joined(flags.host, port)} (gRPC)"]
        if flags.rest_api_port:
            rest = start_rest(manager, flags, observers, metrics_page)
            stack.callback(rest.stop, GRACE)
            address = joined(flags.host, rest.port)
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


def load(manager):
    """Starts the manager; at the start no version is available for the labels of a configuration.

    TensorFlow Serving ends so too, and does not name the flag that helps.

    Args:
        manager: `serving.engine.manager.Manager`.

    Raises:
        ServingError: As `Manager.start`, but with the flag.
    """
    try:
        manager.start()
    except ServingError as error:
        if "which is not currently available for inference" not in error.message:
            raise
        flag = "--allow_version_labels_for_unavailable_models"
        text = f"{error.message}. Labels at the start need {flag} true."
        raise ServingError(error.code, text) from error


def _newest(manager, config):
    names = []
    for model in config.model_config_list.config:
        with manager.acquire(ModelSpec(name=model.name)) as (version, _):
            names.append(f"{model.name}/{version}")
    return ", ".join(names)
