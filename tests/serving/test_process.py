"""The local server as a program, and what users read of it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from serving.client import Client
from serving.client import __main__ as command
from serving.client.failures import BadArgument, UnknownModel
from serving.process import Server, ended_by, local_server
from tests.serving.engine.models import refusal, request
from tests.serving.local import check_translated, picture

ROOT = Path(__file__).parents[2]


@pytest.fixture
def versions(exported, tmp_path):
    """Folder of two models, `tiny` and `o"ther`."""
    for name in ("tiny", 'o"ther'):
        shutil.copytree(exported[1] / "tiny", tmp_path / name)
    return tmp_path


def test_a_folder_without_versions_is_refused_before_a_server_starts(tmp_path):
    (tmp_path / "notes").mkdir()
    for folder in (tmp_path, tmp_path / "none"):
        message = (
            f"The folder of a served model must contain numbered versions. Received: {folder}, "
            f"which has none. Make one with `python -m serving.export --run RUN --to {folder}`."
        )
        with pytest.raises(BadArgument, match=f"^{re.escape(message)}$"), local_server(folder):
            pass


def test_a_server_that_does_not_start_says_why(tmp_path):
    with pytest.raises(RuntimeError, match=r"^The server did not start: error: The folder of mod"):
        Server("--models", tmp_path)


def test_a_program_ends_with_one_line():
    with pytest.raises(SystemExit) as caught, ended_by(BadArgument, OSError):
        raise BadArgument("A rule.")
    assert caught.value.code == "error: A rule."
    with pytest.raises(KeyError), ended_by(BadArgument, OSError):
        raise KeyError("a fault of ours")


@pytest.mark.slow
def test_a_program_that_is_terminated_stops_its_server(versions):
    """A supervisor's SIGTERM once left the server of `serving.client --export` behind."""
    code = (
        "import sys, time\nfrom serving.process import local_server\n"
        "with local_server(sys.argv[1]) as server:\n"
        "    print(server.process.pid, flush=True)\n    time.sleep(600)"
    )
    program = [sys.executable, "-c", code, str(versions / "tiny")]
    with subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        server = int(process.stdout.readline())
        os.kill(server, 0)
        process.terminate()
        assert process.wait(60) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)


@pytest.mark.slow
def test_only_the_one_export_is_served(exported, versions):
    encoded, pixels = picture(3)
    with local_server(versions / 'o"ther') as server:
        with Client(server.address, 'o"ther') as client:
            check_translated(client.translate(encoded), exported[0], pixels)
        with Client(server.address, "tiny") as client, pytest.raises(UnknownModel):
            client.translate(encoded)
    assert server.process.returncode == 0


@pytest.mark.slow
def test_the_program_joins_requests_as_a_file_says(exported, tmp_path):
    path = tmp_path / "parameters.pbtxt"
    flags = ("--enable_batching", "true", "--batching_parameters_file", path)
    path.write_text("max_batch_size { value: 2 }")
    encoded, pixels = picture(3)
    with local_server(exported[1] / "tiny", *flags) as server:
        assert server.process.stdout.readline() == "Joining requests into batches of 2\n"
        with Client(server.address, "tiny") as client:
            check_translated(client.translate(encoded), exported[0], pixels)
        message = request("tiny", {"image": np.zeros((3, 4, 4, 3), "float32")}, "float")
        with grpc.insecure_channel(server.address) as channel:
            predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
            text = "Task size 3 is larger than maximum input batch size 2"
            assert refusal(predict, message) == (grpc.StatusCode.INVALID_ARGUMENT, text)
    path.write_text("max_batch_size { value: 0 }")
    rule = "error: `max_batch_size` must be at least 1. Received: 0"
    with pytest.raises(RuntimeError, match=rule), local_server(exported[1] / "tiny", *flags):
        pass


@pytest.mark.slow
def test_the_client_starts_a_server_for_an_export(exported, tmp_path, capsys):
    encoded, pixels = picture(3)
    (tmp_path / "a.png").write_bytes(encoded)
    command.main([tmp_path / "a.png"], tmp_path / "out", export=exported[1] / "tiny")
    check_translated((tmp_path / "out/a.png").read_bytes(), exported[0], pixels)
    assert f"1 of 1 images translated to {tmp_path}/out." in capsys.readouterr().out


@pytest.mark.slow
def test_server_and_page_print_nothing_that_a_newcomer_would_wonder_about(exported):
    with socket.create_server(("127.0.0.1", 0)) as free:  # Gradio takes no 0 for a free port.
        port = free.getsockname()[1]
    commands = {
        "serving.server": ("--models", exported[1], "--port", 0, "--rest_api_port", -1),
        "serving.demo": ("--export", exported[1] / "tiny", "--port", port),
    }
    expected = {
        "serving.server": (
            r"Running gRPC ModelServer at 127\.0\.0\.1:\d+ with tiny/1\n"
            r"Exporting the REST API at http://127\.0\.0\.1:\d+\n"
        ),
        "serving.demo": r"The page is at http://127\.0\.0\.1:\d+/; Ctrl-C ends it\.\n",
    }
    for name, flags in commands.items():
        process = subprocess.Popen(
            [sys.executable, "-m", name, *map(str, flags)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        lines = [process.stdout.readline() for _ in range(expected[name].count(r"\n"))]
        if name == "serving.demo":
            url = re.search(r"http://\S+(?=;)", lines[0])[0]
            with urllib.request.urlopen(url, timeout=10) as response:
                assert response.status == 200
        process.terminate()
        rest, errors = process.communicate(timeout=60)
        assert re.fullmatch(expected[name], "".join([*lines, rest])), lines
        assert errors == ""
        assert process.returncode == 0
