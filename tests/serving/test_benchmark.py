import io
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from serving.load import (
    closed_loop,
    closed_loop_of_floats,
    compared,
    compared_table,
    open_loop,
    overhead,
    picture,
    table,
)
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
        latencies = closed_loop_of_floats(address, "tiny", 8, clients=3, seconds=0.3)
        assert interceptor.calls - calls == len(latencies) >= 3
        calls = interceptor.calls
        latencies = open_loop(address, "tiny", 8, rate=50.0, seconds=0.4)
        assert interceptor.calls - calls == len(latencies) + 1  # The first one warms up.
        assert 5 < len(latencies) < 50  # 20 in the mean, with a deviation of 4.5.
        assert min(latencies) > 0


def test_loops_are_compared_in_turns_by_medians():
    order = []
    answers = iter([[9.0]] * 2 + [[0.1, 0.3], [0.4]] + [[0.2], [0.5] * 2] + [[0.3] * 3, [0.6] * 3])

    def loop(name):
        order.append(name)
        return next(answers)

    measured = compared({name: lambda name=name: loop(name) for name in ("a", "b, c")}, 3)
    assert order == ["a", "b, c"] * 4
    assert measured["b, c"] == [[0.4], [0.5] * 2, [0.6] * 3]
    assert compared_table(measured, 0.5) == [
        "      images/s    p50 ms    p95 ms    p99 ms",
        "a         4.00       200       290       298",
        "b, c      4.00       500       500       500",
    ]


@pytest.mark.slow
def test_joined_requests_are_measured_by_the_program(exported):
    parameters = "serving/deploy/config/batching_parameters.pbtxt"
    said = program(
        *("batching", "--export", exported[1] / "tiny", "--parameters", parameters),
        *("--size", 16, "--rounds", 1, "--clients", 4, "--seconds", 1),
    )
    names = [line.partition("   ")[0].strip() for line in said.splitlines()[1:]]
    assert names == ["files, one by one", "files, joined", "floats, one by one", "floats, joined"]


@pytest.mark.slow
def test_load_is_measured_by_the_program(exported, tmp_path):
    options = ("--export", exported[1] / "tiny", "--size", 16, "--rounds", 2)
    said = program(
        *("load", *options, "--clients", "[1,2]", "--seconds", 1, "--to", tmp_path / "load.json")
    )
    results = json.loads((tmp_path / "load.json").read_text())
    assert list(results["closed"]) == ["1", "2"]
    assert len(results["open"]) == 4
    assert said.startswith("Model ")
