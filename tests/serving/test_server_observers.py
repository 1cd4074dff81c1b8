"""What is told of every request: metrics for Prometheus, and the log."""

import io
import json
import logging
import re
import urllib.request

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving.client import Client, failures
from serving.engine import calls, logs
from serving.engine.prometheus import Metrics
from tests.serving.local import picture, resting

ANSWER_LIMIT = 60  # Seconds.


def test_metrics_are_those_of_tensorflow_serving(manager, start):
    metrics = Metrics()
    address = start(manager, observers=[metrics.observe])
    options = {"observers": [metrics.observe], "metrics": ("/m", metrics.page)}
    with resting(manager, **options) as url:
        for target, images in ((address, [picture()[0]] * 3 + [b"no"]), (url, [picture()[0]])):
            with Client(target, "tiny", patience=0) as client:
                list(client.translate_all(images))
        with urllib.request.urlopen(f"{url}/m", timeout=ANSWER_LIMIT) as response:
            page = response.read().decode()
            assert response.headers.get_content_type() == "text/plain"
    assert "# TYPE :tensorflow:serving:request_count counter" in page
    families = {family.name: family for family in text_string_to_metric_families(page)}
    assert set(families) == {
        ":tensorflow:serving:request_count",
        ":tensorflow:serving:request_latency",
    }
    counts = {
        sample.labels["status"]: sample.value
        for sample in families[":tensorflow:serving:request_count"].samples
    }
    assert counts == {"OK": 4, "INVALID_ARGUMENT": 1}
    latency = families[":tensorflow:serving:request_latency"].samples
    buckets = [
        s for s in latency if s.name.endswith("_bucket") and s.labels["entrypoint"] == "GRPC"
    ]
    limits = [float(sample.labels["le"]) for sample in buckets]
    np.testing.assert_allclose(limits, [*(10 * 1.8**k for k in range(33)), np.inf])
    assert buckets[-1].labels | {"le": ""} == {
        "model_name": "tiny",
        "API": "Predict",
        "entrypoint": "GRPC",
        "le": "",
    }
    totals = {s.labels["entrypoint"]: s.value for s in latency if s.name.endswith("_count")}
    assert totals == {"GRPC": 3, "REST": 1}
    sums = [s.value for s in latency if s.name.endswith("_sum")]
    assert all(100 < value < 60e6 for value in sums), "microseconds"


@pytest.fixture
def lines():
    """The lines of the log, as JSON."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter())
    logs.LOGGER.addHandler(handler)
    logs.LOGGER.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logs.LOGGER.removeHandler(handler)
    logs.LOGGER.setLevel(logging.NOTSET)


def test_every_request_is_a_line_of_the_log(manager, start, lines):
    encoded, _ = picture()
    address = start(manager, observers=[logs.log_call])
    with resting(manager, observers=[logs.log_call]) as url:
        for target in (address, url):
            with Client(target, "tiny", patience=0) as client:
                answer = client.translate(encoded)
                with pytest.raises(failures.BadImage):
                    client.translate(b"")
    for line, api in zip(lines(), ("GRPC", "GRPC", "REST", "REST")):
        expected = {"api": api, "method": "Predict", "model": "tiny", "logger": "serving.requests"}
        assert line.items() >= expected.items()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", line["time"])
        assert re.fullmatch(r"(ipv4:)?127\.0\.0\.1:\d+", line["peer"])
        assert line["milliseconds"] > 0
    good, bad = lines()[:2]
    assert (good["code"], good["version"], good["level"]) == ("OK", 1, "INFO")
    assert good["signature"] == "serving_default"
    assert len(encoded) < good["bytes_in"] < len(encoded) + 100
    assert len(answer) < good["bytes_out"] < len(answer) + 100
    assert "error" not in good
    assert (bad["code"], bad["level"]) == ("INVALID_ARGUMENT", "WARNING")
    assert bad["error"].startswith("Input is empty.")


FAULT = "AttributeError: 'dict' object has no attribute 'acquire'"


def test_a_fault_of_the_server_is_an_error_with_its_trace(lines):
    faults = logging.getLogger("serving.engine.rest")
    faults.addHandler(logs.LOGGER.handlers[-1])
    with resting({}, observers=[logs.log_call]) as url:
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(f"{url}/v1/models/m/metadata", timeout=ANSWER_LIMIT)
        assert caught.value.code == 500
        assert json.loads(caught.value.read()) == {"error": FAULT}
    faults.removeHandler(logs.LOGGER.handlers[-1])
    trace, line = lines()
    assert trace["traceback"].endswith(FAULT)
    assert (line["level"], line["code"]) == ("ERROR", "INTERNAL")


def test_a_text_line_tells_the_same(caplog):
    call = calls.Call(
        "REST", "Predict", "1.2.3.4:5", 10, "m", 7, "s", "NOT_FOUND", 1.25, 20, "a\nb"
    )
    with caplog.at_level(logging.INFO, "serving.requests"):
        logs.log_call(call)
    assert caplog.messages == [
        "REST Predict m version 7 s: NOT_FOUND in 1.2 ms, 10 bytes in, 20 out, to 1.2.3.4:5 a b"
    ]
