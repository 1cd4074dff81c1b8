import json
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from serving import demo
from serving.client.failures import BadArgument


@pytest.mark.parametrize(
    ("given", "received"),
    [
        ({"address": "a:1"}, "--address"),
        ({"model": "b"}, "--model"),
        ({"export": "a", "run": "b"}, "--export --run"),
        ({"export": "a", "model": "b"}, "--export --model"),
    ],
)
def test_one_source_of_the_model_is_asked_for_at_most(given, received):
    with pytest.raises(BadArgument) as caught:
        demo.main(**given)
    assert str(caught.value) == (
        "At most one of --address with --model, --export and --run may be given. Received: "
        f"{received}. Choose one."
    )


def test_the_precision_of_a_server_that_runs_is_its_own():
    with pytest.raises(BadArgument) as caught:
        demo.main(address="a:1", model="b", precision="auto_bfloat16")
    assert str(caught.value) == (
        "A server that runs has a precision of its own. Received: --address with --precision "
        "auto_bfloat16. Start `python -m serving.server` with --mixed_precision bfloat16."
    )


def test_a_checkout_without_the_model_says_where_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(demo, "SHIPPED", tmp_path / "none")
    with pytest.raises(BadArgument) as caught:
        demo.main()
    assert str(caught.value) == (
        f"The model that comes with the repository must be in {tmp_path / 'none'}. Received: no "
        "such folder. Get it with `git checkout -- serving/models`, or name a model of yours: "
        "--export FOLDER, --run FOLDER, or --address HOST:PORT with --model NAME."
    )


PAGE = """
import sys
from pathlib import Path
from serving import demo

demo.SHIPPED = Path(sys.argv[1])
demo.main(port=int(sys.argv[2]))
"""


@pytest.mark.slow
def test_without_arguments_the_page_opens_on_the_model_of_the_repository(exported):
    assert demo.SHIPPED.parts[-3:] == ("serving", "models", "edges2cats")
    with socket.create_server(("127.0.0.1", 0)) as free:  # Gradio takes no 0 for a free port.
        port = free.getsockname()[1]
    start = time.monotonic()
    command = [sys.executable, "-c", PAGE, exported[1] / "tiny", port]
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            assert line == f"The page is at http://127.0.0.1:{port}/; Ctrl-C ends it.\n"
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/config", timeout=10) as response:
                assert json.load(response)["title"] == "tiny"
            assert time.monotonic() - start < 20
        finally:
            process.terminate()
    assert process.returncode == 0
