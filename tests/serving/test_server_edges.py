"""What lies around the answers: TLS, limits, health, metrics, logs, and the program itself."""

import json
import re
import signal
import struct
import subprocess
import sys
import urllib.request
import zlib
from pathlib import Path

import grpc
import pytest
import tensorflow as tf
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from serving.client import Client, failures
from serving.engine import edge_files, listening, tls
from serving.engine.flags import Flags
from tests.serving.local import check_translated, picture, until
from tfpix2pix import InputError

Code = grpc.StatusCode
ANSWER_LIMIT = 60  # Seconds.
ROOT = Path(__file__).parents[2]


def stub(address, service=prediction_service_pb2_grpc.PredictionServiceStub):
    return service(grpc.insecure_channel(address))


def turns(number):
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "turning"
    request.inputs["turns"].CopyFrom(tf.make_tensor_proto([number], tf.int64))
    return request


def ssl_file(folder, pems, verify=True, **texts):
    """Writes an SSLConfig as `serving/deploy/ssl_config.sh` does; `texts` replaces some."""
    names = {"server_key": "server.key", "server_cert": "server.pem", "custom_ca": "client.pem"}
    texts = {field: (pems / name).read_text() for field, name in names.items()} | texts
    lines = [f"{field}: {json.dumps(text)}" for field, text in texts.items()]
    path = folder / "ssl.config"
    path.write_text("\n".join([*lines, f"client_verify: {str(verify).lower()}"]))
    return path


def test_the_deployed_script_s_configuration_lets_in_whom_it_vouches_for(
    exported, manager, pems, tmp_path, start
):
    files = [pems / name for name in ("server.key", "server.pem", "client.pem")]
    script = ROOT / "serving/deploy/ssl_config.sh"
    config = tmp_path / "ssl.config"
    config.write_bytes(
        subprocess.run(["bash", script, *files], check=True, capture_output=True).stdout
    )
    credentials, verified = tls.credentials(config)
    assert verified
    address = start(manager, credentials=credentials)
    ca, cert, key = (pems / name for name in ("server.pem", "client.pem", "client.key"))
    with Client(address, "tiny", ca=ca, cert=cert, key=key) as client:
        check_translated(client.translate(picture()[0]), exported[0], picture()[1])
    for less in ({"ca": ca}, {}):
        client = Client(address, "tiny", patience=0, **less)
        with client, pytest.raises(failures.ServerUnavailable):
            client.translate(picture()[0])


def test_tls_without_verification_lets_everybody_in(exported, manager, pems, tmp_path, start):
    credentials, verified = tls.credentials(ssl_file(tmp_path, pems, verify=False))
    assert not verified
    address = start(manager, credentials=credentials)
    with Client(address, "tiny", ca=pems / "server.pem") as client:
        check_translated(client.translate(picture()[0]), exported[0], picture()[1])


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        ({"server_key": "client.key"}, "[X509: KEY_VALUES_MISMATCH] key values mismatch"),
        ({"server_cert": ""}, "[SSL] PEM lib"),
        ({"custom_ca": ""}, "Empty certificate data"),
    ],
)
def test_wrong_texts_of_tls_are_refused(pems, tmp_path, texts, reason):
    texts = {field: text and (pems / text).read_text() for field, text in texts.items()}
    path = ssl_file(tmp_path, pems, **texts)
    with pytest.raises(InputError) as caught:
        tls.credentials(path)
    text = re.sub(r" \(_ssl\.c:\d+\)", "", str(caught.value))
    assert text == (
        "TLS needs the PEM texts of server_cert, of server_key, its unencrypted key, and of "
        f"custom_ca where client_verify is true. Received: {str(path)!r}: {reason}. Make the file "
        "with serving/deploy/ssl_config.sh."
    )


def test_the_deployed_monitoring_file_names_the_path(tmp_path):
    path = ROOT / "serving/deploy/config/monitoring.config"
    assert edge_files.metrics_path(path) == "/monitoring/prometheus/metrics"
    own = tmp_path / "monitoring.config"
    for text, expected in (
        ("prometheus_config { enable: true }", "/monitoring/prometheus/metrics"),
        ('prometheus_config { enable: true path: "/m" }', "/m"),
        ('prometheus_config { path: "/m" }', None),
    ):
        own.write_text(text)
        assert edge_files.metrics_path(own) == expected
    own.write_text("prometheus {}")
    with pytest.raises(InputError) as caught:
        edge_files.metrics_path(own)
    assert str(caught.value) == (
        "The file must be a MonitoringConfig of TensorFlow Serving, as text. Received: "
        f'{str(own)!r}: 1:1 : Message type "tfpix2pix.settings.MonitoringConfig" has no field '
        'named "prometheus".. Correct it, or its name.'
    )


def test_requests_beyond_the_threads_are_refused_and_those_in_flight_finish(slow):
    one, port = listening.start(slow, threads=1)
    predict = stub(f"127.0.0.1:{port}").Predict
    running = predict.future(turns(60_000), timeout=ANSWER_LIMIT)
    refused = None
    while refused is None:  # Until the long request has arrived.
        if running.done():  # A short request was there before it, and the long one was refused.
            assert running.code() is Code.RESOURCE_EXHAUSTED
            running = predict.future(turns(60_000), timeout=ANSWER_LIMIT)
        try:
            predict(turns(1), timeout=ANSWER_LIMIT)
        except grpc.RpcError as error:
            refused = error
    assert refused.code() is Code.RESOURCE_EXHAUSTED
    one.stop(ANSWER_LIMIT).wait()
    assert running.result(ANSWER_LIMIT).outputs["turned"].int64_val == [60_000]


def test_a_deadline_reaches_the_session(slow, start):
    seen = []
    predict = stub(start(slow, observers=[seen.append])).Predict
    with pytest.raises(grpc.RpcError) as caught:
        predict(turns(10**12), timeout=0.3)
    assert caught.value.code() is Code.DEADLINE_EXCEEDED
    until(lambda: seen)  # Else it would turn for days.
    assert seen[0].code == "DEADLINE_EXCEEDED"


def test_a_request_without_a_deadline_is_answered(slow, start):
    """For gRPC it has 300 billion years, more milliseconds than a session can be told of."""
    assert stub(start(slow)).Predict(turns(3)).outputs["turned"].int64_val == [3]


def test_a_message_beyond_the_limit_is_refused(manager, start):
    address = start(manager, most_bytes=2**20)
    with Client(address, "tiny", patience=0) as client:
        client.translate(picture()[0])
        with pytest.raises(failures.TooLarge, match=r"larger than max \(\d+ vs. 1048576\)"):
            client.translate(bytes(2**20))


def memory():
    """Returns the largest memory of this process so far, in bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="of Linux")
def test_a_small_file_of_a_huge_picture_takes_no_memory(manager, start):
    side = 20_000

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(1 + side // 8)) for _ in range(side)) + packer.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    assert len(bomb) < 100_000
    with Client(start(manager), "tiny", patience=0) as client:
        client.translate(picture()[0])
        Path("/proc/self/clear_refs").write_text("5")  # The peak starts anew.
        before = memory()
        with pytest.raises(failures.BadImage):
            client.translate(bomb)
    assert memory() - before < 50e6, "decoded it has 1.2 GB"


def test_health_is_told_of_the_names_of_tensorflow_serving(manager, start):
    service = health.HealthServicer()
    check = stub(start(manager, health_service=service), health_pb2_grpc.HealthStub).Check

    def statuses():
        requests = [health_pb2.HealthCheckRequest(service=name) for name in NAMES]
        return {check(request, timeout=ANSWER_LIMIT).status for request in requests}

    assert statuses() == {health_pb2.HealthCheckResponse.SERVING}
    service.enter_graceful_shutdown()
    assert statuses() == {health_pb2.HealthCheckResponse.NOT_SERVING}
    with pytest.raises(grpc.RpcError) as caught:
        check(health_pb2.HealthCheckRequest(service="x"), timeout=ANSWER_LIMIT)
    assert caught.value.code() is Code.NOT_FOUND
    with pytest.raises(grpc.RpcError) as caught:
        stub(start(manager), health_pb2_grpc.HealthStub).Check(health_pb2.HealthCheckRequest())
    assert caught.value.code() is Code.UNIMPLEMENTED


NAMES = ("", "ModelService", "PredictionService")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {},
            "The server takes its models from a folder or from a configuration. Received: "
            "models=None, model_config_file=None. Give one of --models and --model_config_file.",
        ),
        (
            {"models": "m", "model_config_file_poll_wait_seconds": 2},
            "Only a configuration file is read again. Received: "
            "model_config_file_poll_wait_seconds=2, model_config_file=None. Give a "
            "--model_config_file.",
        ),
        (
            {"models": "m", "monitoring_config_file": "f"},
            "Metrics are on the REST port. Received: monitoring_config_file='f', rest_api_port=0. "
            "Give a --rest_api_port.",
        ),
        (
            {"models": "m", "batching_parameters_file": "f"},
            "Parameters of batching need batching. Received: batching_parameters_file='f', "
            "enable_batching=False. Give --enable_batching true.",
        ),
        (
            {"models": "m", "grpc_max_threads": 0},
            "`grpc_max_threads` must be at least 1. Received: 0. Give a larger --grpc_max_threads.",
        ),
    ],
)
def test_flags_that_do_not_fit_are_refused(options, text):
    with pytest.raises(InputError, match=f"^{re.escape(text)}$"):
        Flags(**options)


def test_a_grpc_port_that_is_taken_is_refused(manager, start):
    address = start(manager)
    with pytest.raises(InputError, match=rf"Received: {re.escape(address)}, which is taken"):
        listening.start(manager, port=int(address.rpartition(":")[2]))


@pytest.mark.slow
def test_the_program_serves_logs_and_ends_when_told(exported, pems, tmp_path):
    command = [sys.executable, "-m", "serving.server", "--models", str(exported[1])]
    command += ["--port", "0", "--rest_api_port=-1", "--enable_grpc_healthcheck_service=true"]
    command += ["--monitoring_config_file", "serving/deploy/config/monitoring.config"]
    command += ["--host", "0.0.0.0", "--ssl_config_file", str(ssl_file(tmp_path, pems))]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        try:
            first, second = process.stdout.readline(), process.stdout.readline()
            port = re.fullmatch(
                r"Running gRPC ModelServer at 0\.0\.0\.0:(\d+) with tiny/1\n", first
            ).group(1)
            url = re.fullmatch(r"Exporting the REST API at http://0\.0\.0\.0:(\d+)\n", second)
            url = f"http://127.0.0.1:{url.group(1)}"
            tls_files = {"ca": "server.pem", "cert": "client.pem", "key": "client.key"}
            tls_files = {name: pems / file for name, file in tls_files.items()}
            for address, options in ((f"127.0.0.1:{port}", tls_files), (url, {})):
                with Client(address, "tiny", **options) as client:
                    check_translated(client.translate(picture()[0]), exported[0], picture()[1])
            with urllib.request.urlopen(f"{url}/monitoring/prometheus/metrics") as response:
                assert b'request_count{model_name="tiny",status="OK"} 2.0' in response.read()
        finally:
            process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=ANSWER_LIMIT)
    assert process.returncode == 0
    warning, *rest = errors.splitlines()
    assert warning == (
        f"warning: Anybody who reaches 0.0.0.0:{url.rpartition(':')[2]} (REST) can use and change "
        "what is served. Guard it by a firewall, or gRPC by mutual TLS (--ssl_config_file)."
    )
    assert [json.loads(line)["method"] for line in rest] == ["Predict", "Predict", "Metrics"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_program_finishes_what_is_in_flight_and_follows_its_configuration(
    turning, tmp_path, number
):
    config = tmp_path / "models.config"
    folder = turning / "turning"
    text = f'{{ name: "%s" base_path: "{folder}" model_platform: "tensorflow" }}'
    text = f"model_config_list {{ config {text} }}"
    config.write_text(text % "first")
    command = [sys.executable, "-m", "serving.server", "--port", "0", "--log_format", "text"]
    command += ["--model_config_file", str(config), "--model_config_file_poll_wait_seconds", "0.1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        try:
            address = re.search(r" at (\S+) with first/3", process.stdout.readline()).group(1)
            config.write_text(text % "turning")
            predict = stub(address).Predict
            until(lambda: predict.future(turns(2), timeout=ANSWER_LIMIT).exception() is None)
            running = predict.future(turns(200_000), timeout=ANSWER_LIMIT)
            predict(turns(1), timeout=ANSWER_LIMIT)  # Once it is answered, the other has arrived.
            assert not running.done()
        finally:
            process.send_signal(number)
        _, errors = process.communicate(timeout=ANSWER_LIMIT)
        assert running.result(ANSWER_LIMIT).outputs["turned"].int64_val == [200_000]
    assert process.returncode == 0
    assert re.search(r"INFO GRPC Predict turning version 3 serving_default: OK in", errors)
    assert "Traceback" not in errors
