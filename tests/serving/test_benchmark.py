import io
import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from PIL import Image
from tensorflow_serving.apis import predict_pb2

from serving.benchmarks.load import closed_loop, open_loop, overhead, picture, table
from serving.benchmarks.malformed import Code, malformed
from serving.client.connection import Target, translation
from tests.serving.local import serving

LIMIT = 600  # Seconds.


def program(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "serving.benchmark", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def readable(content):
    try:
        predict_pb2.PredictRequest.FromString(content)
    except DecodeError:
        return False
    return True


def test_malformed_requests_are_of_every_kind_and_follow_from_the_seed():
    request = Target("", "tiny").request(translation(picture(24)))
    before = request.SerializeToString()
    cases, again, others = (
        list(itertools.islice(malformed(request, seed=seed), 200)) for seed in (3, 3, 4)
    )
    assert request.SerializeToString() == before
    assert cases == again != others
    assert {kind for kind, _, _ in cases} == {"noise", "flipped", "image", "tensor", "name"}
    for kind, content, statuses in cases:
        if kind in ("image", "tensor", "name"):  # Well formed as messages.
            assert readable(content)
            assert not statuses & {Code.OK, Code.INTERNAL, Code.UNKNOWN}
        elif not readable(content):
            assert Code.INTERNAL in statuses
    claimed = set()
    for kind, content, _ in cases:
        if kind == "image":
            tensor = predict_pb2.PredictRequest.FromString(content).inputs["image_bytes"]
            if tensor.string_val[0].startswith(b"\x89PNG"):
                claimed.add(int.from_bytes(tensor.string_val[0][16:20], "big"))
    assert {2**31 - 1, 2**16, 0} <= claimed


def test_pictures_are_files_of_their_size_and_seed():
    one, same, other = (np.asarray(Image.open(io.BytesIO(picture(20, s)))) for s in (1, 1, 2))
    assert one.shape == (20, 20, 3)
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_the_table_has_medians_rates_and_percentiles():
    results = {
        "overhead": {"model": [0.1, 0.2, 0.9], "model, server and client": [0.21, 0.22, 0.23]},
        "closed": {2: [0.001 * milliseconds for milliseconds in range(101)]},
        "open": {1.5: [0.25]},
    }
    assert table(results, 10.0) == [
        "Model 200.0 ms, with server and client 220.0 ms: +10.0% of the model's time (medians, in "
        "turns)",
        "   clients  images/s    p50 ms    p95 ms    p99 ms",
        "         2     10.10        50        95        99",
        "   asked/s  images/s    p50 ms    p95 ms    p99 ms",
        "       1.5      0.10       250       250       250",
    ]


def test_the_loops_ask_as_often_as_they_say(exported, manager):
    with serving(manager) as (address, interceptor):
        measured = overhead(exported[1] / "tiny/1", address, "tiny", 8, 4)
        assert [len(seconds) for seconds in measured.values()] == [4, 4]
        calls = interceptor.calls
        latencies = closed_loop(address, "tiny", 8, clients=3, seconds=0.3)
        assert interceptor.calls - calls == len(latencies) >= 3
        calls = interceptor.calls
        latencies = open_loop(address, "tiny", 8, rate=50.0, seconds=0.4)
        assert interceptor.calls - calls == len(latencies) + 1  # The first one warms up.
        assert 5 < len(latencies) < 50  # 20 in the mean, with a deviation of 4.5.
        assert min(latencies) > 0


@pytest.mark.slow
def test_load_and_freezing_are_measured_by_the_program(exported, tmp_path):
    options = ("--export", exported[1] / "tiny", "--size", 16, "--rounds", 2)
    said = program(
        *("load", *options, "--clients", "[1,2]", "--seconds", 1, "--to", tmp_path / "load.json")
    )
    results = json.loads((tmp_path / "load.json").read_text())
    assert list(results["closed"]) == ["1", "2"]
    assert len(results["open"]) == 4
    assert said.startswith("Model ")
    said = program("freezing", *options)
    assert [line.split()[0] for line in said.splitlines()] == ["variables", "constants"]


@pytest.mark.slow
def test_no_fault_is_found(tmp_path):
    program("faults", "--to", tmp_path / "faults")
    results = json.loads((tmp_path / "faults/results.json").read_text())
    assert list(results["swaps"]) == [str(version) for version in range(1, 12)]
    assert sum(results["swaps"].values()) >= 10_000
    assert sum(results["malformed"].values()) == 2000
    assert len(results["megabytes"]) == 10
