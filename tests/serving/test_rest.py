import base64
import json
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest
from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from serving.client import Client
from serving.client.failures import TooLarge
from serving.engine import listening
from serving.engine.flags import Flags
from tests.cases import smooth_images
from tests.serving.local import check_translated, picture, resting, until
from tfpix2pix import InputError

ANSWER_LIMIT = 60  # Seconds.
FLOATS = smooth_images((2, 8, 12, 3)).numpy()


@pytest.fixture(scope="module")
def url(manager):
    with resting(manager) as url:
        yield url


def ask(url, content=None, method=None):
    """Returns the HTTP status, the answer's JSON and its headers."""
    body = content if content is None else json.dumps(content).encode()
    request = urllib.request.Request(url, body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_LIMIT) as response:
            return response.status, json.loads(response.read() or b"null"), response.headers
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), error.headers


def test_files_and_floats_come_back_in_both_forms(exported, url):
    encoded, pixels = picture()
    file = {"b64": base64.b64encode(encoded).decode()}
    for content, key in (
        ({"instances": [file]}, "predictions"),
        ({"instances": [{"image_bytes": file}]}, "predictions"),
        ({"inputs": {"image_bytes": [file]}}, "outputs"),
    ):
        status, answer, headers = ask(f"{url}/v1/models/tiny:predict", content)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        check_translated(base64.b64decode(answer[key][0]["b64"]), exported[0], pixels)
    content = {"signature_name": "float", "instances": FLOATS.tolist()}
    _, answer, _ = ask(f"{url}/V1/models/ti%6Ey/versions/1:PREDICT", content)
    expected = exported[0](FLOATS, training=False)
    np.testing.assert_allclose(np.array(answer["predictions"]), expected, atol=1e-5)


def test_a_client_that_somebody_else_wrote_understands_the_rest_api(exported, url):
    """In a process of its own: ovmsclient brings its own copies of TensorFlow's messages.

    Its metadata are left out: it looks for names in camelCase, as only its own server writes them.
    """
    encoded, pixels = picture()
    program = f"""
import json, ovmsclient
client = ovmsclient.make_http_client({url.removeprefix("http://")!r})
status = client.get_model_status("tiny", 1)
output = client.predict({{"image_bytes": [{encoded!r}]}}, "tiny", 1)
print(json.dumps([status[1], output[0]["b64"]]))
try:
    client.predict({{"image_bytes": [{encoded!r}]}}, "tiny", 7)
except ovmsclient.tfs_compat.base.errors.ModelNotFoundError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    answer, error = done.stdout.splitlines()
    status, output = json.loads(answer)
    assert status == {"state": "AVAILABLE", "error_code": 0, "error_message": ""}
    check_translated(base64.b64decode(output), exported[0], pixels)
    assert "Servable not found for request: Specific(tiny, 7)" in error


def test_status_and_metadata_are_the_messages_in_json(url):
    _, answer, _ = ask(f"{url}/v1/models/tiny")
    assert answer == {
        "model_version_status": [
            {
                "version": "1",
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
        ]
    }
    json_format.ParseDict(answer, get_model_status_pb2.GetModelStatusResponse())
    assert ask(f"{url}/v1/models/tiny/versions/1")[1] == answer
    _, answer, _ = ask(f"{url}/v1/models/tiny/versions/1/metadata?x=1")
    assert answer["model_spec"] == {"name": "tiny", "version": "1", "signature_name": ""}
    described = json_format.ParseDict(
        answer["metadata"]["signature_def"], get_model_metadata_pb2.SignatureDefMap()
    )
    assert described.signature_def["float"].inputs["image"].tensor_shape.dim[3].size == 3


NO_FILE = {"instances": [{"b64": ""}]}
REFUSALS = [
    ("/v1/models/x", None, 404, "Could not find any versions of model x"),
    ("/v1/models/tiny/versions/7", None, 404, "Could not find version 7 of model tiny"),
    ("/v1/models/x/metadata", None, 404, "Servable not found for request: Latest(x)"),
    ("/v1/models/x:predict", NO_FILE, 404, "Servable not found for request: Latest(x)"),
    (
        "/v1/models/tiny/versions/7:predict",
        NO_FILE,
        404,
        "Servable not found for request: Specific(tiny, 7)",
    ),
    (
        "/v1/models/tiny/labels/best:predict",
        NO_FILE,
        400,
        "Unrecognized servable version label: best",
    ),
    (
        "/v1/models/tiny:predict",
        {"signature_name": "X", "instances": [1]},
        400,
        'Serving signature name: "X" not found in signature def',
    ),
    (
        "/v1/models/tiny:regress",
        {},
        501,
        "The local server has no :regress. Use :predict.",
    ),
    ("/v1/models", None, 400, "Missing model name in request."),
    ("/v1/models/tiny:predict", None, 400, "Malformed request: GET /v1/models/tiny:predict"),
    ("/v1/other", {}, 400, "Malformed request: POST /v1/other"),
    ("/", None, 404, "Malformed request: GET /"),
    (
        f"/v1/models/tiny/versions/{2**63}",
        None,
        400,
        f"Failed to convert version: {2**63} to numeric.",
    ),
]


@pytest.mark.parametrize(("path", "content", "status", "text"), REFUSALS)
def test_errors_have_status_and_text_of_tensorflow_serving(url, path, content, status, text):
    answer = ask(url + path, content)
    assert answer[:2] == (status, {"error": text})
    assert "Access-Control-Allow-Origin" not in answer[2]


def test_texts_of_the_runtime_and_long_ones_come_through(url):
    status, answer, _ = ask(f"{url}/v1/models/tiny:predict", NO_FILE)
    assert status == 400
    assert answer["error"].startswith("Input is empty.")
    status, answer, _ = ask(f"{url}/v1/models/tiny:predict", ["x" * 2000])
    assert status == 400
    assert answer["error"] == 'JSON Value: [\n    "' + "x" * (1024 - 19) + "...TRUNCATED"


def test_pages_of_other_sites_may_call_where_they_are_allowed_to(manager):
    with resting(manager, cors=True) as url:
        for method, path in (("OPTIONS", "/v1/models/tiny:predict"), ("GET", "/v1/models/tiny")):
            status, _, headers = ask(url + path, method=method)
            assert status == 200
            assert headers["Access-Control-Allow-Origin"] == "*"
            assert headers["Access-Control-Allow-Methods"] == "POST, GET"
            assert headers["Access-Control-Allow-Headers"] == "Content-Type"
    with resting(manager) as url:
        assert ask(f"{url}/v1/models/tiny", method="OPTIONS")[0] == 400


def test_a_request_beyond_the_limit_is_refused_as_too_large(manager):
    content = {"instances": [{"b64": "A" * 1_000_000}]}
    with resting(manager, most_bytes=1000) as url:
        status, answer, _ = ask(f"{url}/v1/models/tiny:predict", content)
        size = len(json.dumps(content))
        assert status == 413
        assert answer == {"error": f"Received message larger than max ({size} vs. 1000)"}
        with Client(url, "tiny", patience=0) as client, pytest.raises(TooLarge):
            client.translate(b"A" * 1000)


def test_a_model_that_runs_longer_than_allowed_is_stopped(slow):
    with resting(slow, timeout=0.2) as url:
        status, answer, _ = ask(f"{url}/v1/models/turning:predict", {"instances": [10**12]})
        assert (status, answer) == (504, {"error": "Timed out waiting for notification"})


def test_rows_of_several_outputs_have_names(slow):
    with resting(slow) as url:
        _, answer, _ = ask(f"{url}/v1/models/turning:predict", {"instances": [3, 5]})
    rows = [{"turned": 5, "turns": 3}, {"turned": 5, "turns": 5}]
    assert answer == {"predictions": rows}


def flags(**options):
    return Flags(models="m", rest_api_port=-1, **options)


def test_requests_beyond_the_threads_wait_and_stopping_lets_all_finish(slow):
    calls, turns = [], 20_000
    rest = listening.start_rest(slow, flags(rest_api_num_threads=1), [calls.append])
    answers, asking = [], []
    url = f"http://127.0.0.1:{rest.port}/v1/models/turning:predict"
    for _ in range(2):
        asking.append(
            threading.Thread(target=lambda: answers.append(ask(url, {"instances": [turns]})))
        )
        asking[-1].start()
    until(lambda: answers)
    rest.stop(ANSWER_LIMIT)
    for thread in asking:
        thread.join(ANSWER_LIMIT)
    row = {"turned": turns, "turns": turns}
    assert [answer[:2] for answer in answers] == [(200, {"predictions": [row]})] * 2
    assert [(call.model, call.version, call.code) for call in calls] == [("turning", 3, "OK")] * 2
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", rest.port), 1)


def test_a_port_that_is_taken_is_refused(slow):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError) as caught:
            listening.start_rest(slow, Flags(models="m", rest_api_port=port))
    assert str(caught.value) == (
        f"The server must be able to listen. Received: 127.0.0.1:{port}, which is taken or not "
        "this machine's. Use another --rest_api_port, or --rest_api_port -1 for a free one."
    )
