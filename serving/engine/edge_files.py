"""Files that configure the edges of a server, in the text format of protocol buffers."""

from pathlib import Path

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)

from tfpix2pix.errors import InputError

# The package tensorflow-serving-api lacks tensorflow_serving/config/{ssl,monitoring}_config.proto
# and tensorflow_serving/servables/tensorflow/session_bundle_config.proto.
FILE = """
name: "tfpix2pix/settings.proto" package: "tfpix2pix.settings" syntax: "proto3"
dependency: "google/protobuf/wrappers.proto"
message_type {
  name: "SSLConfig"
  field { name: "server_key" number: 1 type: TYPE_STRING }
  field { name: "server_cert" number: 2 type: TYPE_STRING }
  field { name: "custom_ca" number: 3 type: TYPE_STRING }
  field { name: "client_verify" number: 4 type: TYPE_BOOL }
}
message_type {
  name: "PrometheusConfig"
  field { name: "enable" number: 1 type: TYPE_BOOL }
  field { name: "path" number: 2 type: TYPE_STRING }
}
message_type {
  name: "MonitoringConfig"
  field {
    name: "prometheus_config" number: 1
    type: TYPE_MESSAGE type_name: ".tfpix2pix.settings.PrometheusConfig"
  }
}
message_type {
  name: "BatchingParameters"
  field { name: "allowed_batch_sizes" number: 6 type: TYPE_INT64 label: LABEL_REPEATED }
  field { name: "pad_variable_length_inputs" number: 7 type: TYPE_BOOL }
}
"""
WRAPPED = {  # Of BatchingParameters: name, number, message of google.protobuf.
    "max_batch_size": (1, "Int64Value"),
    "batch_timeout_micros": (2, "Int64Value"),
    "max_enqueued_batches": (3, "Int64Value"),
    "num_batch_threads": (4, "Int64Value"),
    "thread_pool_name": (5, "StringValue"),
    "enable_large_batch_splitting": (8, "BoolValue"),
    "max_execution_batch_size": (9, "Int64Value"),
}
DEFAULT_PATH = "/monitoring/prometheus/metrics"


def ssl_config(path: Path):
    """Reads what `--ssl_config_file` names.

    Args:
        path: Text file of an `SSLConfig`; keys and certificates are in it, not their paths.

    Returns:
        Message with `server_key`, `server_cert`, `custom_ca` (PEM) and `client_verify` (bool).

    Raises:
        InputError: If there is no such file, or something else is in it.
    """
    return _read(path, "SSLConfig")


def metrics_path(path: Path):
    """Reads what `--monitoring_config_file` names.

    Args:
        path: Text file of a `MonitoringConfig`, or `None`.

    Returns:
        Path of the metrics in the REST API, or `None` if they are not enabled.

    Raises:
        InputError: If there is no such file, or something else is in it.
    """
    if path is None:
        return None
    config = _read(path, "MonitoringConfig").prometheus_config
    return (config.path or DEFAULT_PATH) if config.enable else None


def batching_message(path: Path):
    """Reads what `--batching_parameters_file` names, whatever its values.

    Args:
        path: Text file of a `BatchingParameters`.

    Returns:
        Message with the fields of TensorFlow Serving, those that are no lists in wrappers.

    Raises:
        InputError: If there is no such file, or something else is in it.
    """
    return _read(path, "BatchingParameters")


def _read(path, name):
    file = text_format.Parse(FILE, descriptor_pb2.FileDescriptorProto())
    for field, (number, kind) in WRAPPED.items():
        file.message_type[-1].field.add(
            name=field,
            number=number,
            type=descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE,
            type_name=f".google.protobuf.{kind}",
        )
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{file.package}.{name}"))
    try:
        return text_format.Parse(Path(path).read_text("utf-8"), message())
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        raise InputError(
            f"The file must be a {name} of TensorFlow Serving, as text. Received: {str(path)!r}: "
            f"{error}. Correct it, or its name."
        ) from error
