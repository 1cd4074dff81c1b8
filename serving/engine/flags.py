"""The flags of the local server, named as those of TensorFlow Serving."""

import os
from dataclasses import dataclass
from typing import Literal, Optional

from tfpix2pix.errors import InputError

MOST_BYTES = 2**31 - 1  # As in tensorflow_serving/model_servers/server.cc.
THREADS = 4 * (os.cpu_count() or 1)


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
        enable_batching: Whether requests of one signature and shape run together.
        batching_parameters_file: Text file of BatchingParameters: how many, and how long they wait.
        mixed_precision: Lets models compute in bfloat16, on processors that have it.
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
    enable_batching: bool = False
    batching_parameters_file: Optional[str] = None
    mixed_precision: Optional[Literal["bfloat16"]] = None
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
        if self.batching_parameters_file is not None and not self.enable_batching:
            raise InputError(
                "Parameters of batching need batching. Received: batching_parameters_file="
                f"{self.batching_parameters_file!r}, enable_batching=False. Give "
                "--enable_batching true."
            )
        for name, lowest in {"port": 0, "rest_api_port": -1}.items():
            if not lowest <= getattr(self, name) < 2**16:
                raise InputError(
                    f"`{name}` must be from {lowest} to 65535. Received: {getattr(self, name)}. "
                    f"Give another --{name}."
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


def largest_request(flags: Flags) -> int:
    """Returns the largest request in bytes.

    A function, because the command line takes methods of the class for subcommands.
    """
    return min(flags.max_message_megabytes * 2**20, MOST_BYTES)
