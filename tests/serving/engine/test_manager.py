"""Versions come, fail and go under requests, as with TensorFlow Serving."""

import os
import re
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis.model_pb2 import ModelSpec

from serving.engine import versions
from serving.engine.manager import Manager
from serving.engine.servable import ServingError
from tests.serving.engine.models import (
    answer,
    configured,
    publish,
    refusal,
    request,
    serving_all,
    states,
    wait_until,
)

X = np.ones(1, "float32")
OFTEN = 0.02  # Seconds between two looks at the folders.
NO_MODEL = (
    "Could not find SavedModel .pb or .pbtxt at supplied export directory path: {}. Check that the "
    "directory exists and that you have the right permissions for accessing it."
)


@pytest.fixture
def started():
    """Function that starts a manager, which is stopped after the test."""
    managers = []

    def start(config, **options):
        managers.append(Manager(config, **{"poll_seconds": OFTEN, "load_retries": 0, **options}))
        return managers[-1].start()

    yield start
    for manager in managers:
        manager.stop()


def numbers(manager, name):
    return {status.version: status.state for status in manager.statuses(ModelSpec(name=name))}


def test_policies_choose_the_versions(made, tmp_path):
    for name in ("1", "07", "-3", "12", "v9", ".part-5", "9223372036854775808"):
        (tmp_path / "m" / name).mkdir(parents=True)
    (model,) = configured(tmp_path, "m").model_config_list.config
    assert set(versions.aspired(model)) == {12}
    model.model_version_policy.latest.num_versions = 2
    chosen = versions.aspired(model)
    assert {number: path.name for number, path in chosen.items()} == {7: "07", 12: "12"}
    model.model_version_policy.all.SetInParent()
    assert set(versions.aspired(model)) == {-3, 1, 7, 12}
    model.model_version_policy.specific.versions.extend([-3, 4, 7])
    assert set(versions.aspired(model)) == {-3, 7}


def test_a_running_request_keeps_its_version_while_another_takes_over(made, started, tmp_path):
    publish(made(3), tmp_path / "m/1")
    manager = started(configured(tmp_path, "m"))
    with serving_all(manager) as (prediction, models, _), ThreadPoolExecutor(1) as pool:
        with manager.acquire(ModelSpec(name="m")) as (_, first):
            pass
        gated = request("m", {"folder": str(tmp_path)}, "gated")
        running = pool.submit(answer, prediction, gated)
        wait_until((tmp_path / "started").exists)
        publish(made(4), tmp_path / "m/2")
        wait_until(lambda: states(models, "m") == {2: "AVAILABLE", 1: "UNLOADING"})
        assert answer(prediction, request("m", {"x": X})) == (2, 4.0)
        assert refusal(prediction.Predict, request("m", {"x": X}, version=1)) == (
            grpc.StatusCode.NOT_FOUND,
            "Servable not found for request: Specific(m, 1)",
        )
        assert not running.done()
        (tmp_path / "open0").touch()
        assert running.result() == (1, 3.0)
        wait_until(lambda: states(models, "m") == {2: "AVAILABLE", 1: "END"})
    with pytest.raises(ServingError, match=re.escape("Session has been closed.")):
        first.predict("", request("m", {"x": X}).inputs, ())


def test_no_request_fails_while_versions_swap(made, started, tmp_path):
    publish(made(3), tmp_path / "m/3")
    threads = set(threading.enumerate())
    manager = started(configured(tmp_path, "m"))
    with serving_all(manager) as (prediction, models, _), ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda _: answer(prediction, request("m", {"x": X})), range(50)))
        for factor in (4, 5, 6):
            asked = [pool.submit(answer, prediction, request("m", {"x": X})) for _ in range(50)]
            publish(made(3 + factor % 2), tmp_path / f"m/{factor}")
            wait_until(lambda factor=factor: states(models, "m").get(factor) == "AVAILABLE")
            seen += [future.result() for future in asked]
            seen.append(answer(prediction, request("m", {"x": X})))
    assert len(seen) > 200
    assert set(seen) == {(3, 3.0), (4, 3.0), (5, 4.0), (6, 3.0)}
    manager.stop()
    assert numbers(manager, "m") == {6: 50, 5: 50, 4: 50, 3: 50}
    assert not {thread for thread in set(threading.enumerate()) - threads if thread.is_alive()}


def test_removing_the_newest_rolls_back_and_a_failure_is_told(made, started, tmp_path):
    publish(made(3), tmp_path / "m/1")
    publish(made(4), tmp_path / "m/2")
    manager = started(configured(tmp_path, "m"))
    assert numbers(manager, "m") == {2: 30}, "of the policy's one version"
    (tmp_path / "m/3").mkdir()
    wait_until(lambda: numbers(manager, "m") == {3: 50, 2: 30})
    failed = manager.statuses(ModelSpec(name="m"))[0].status
    text = NO_MODEL.format(tmp_path / "m/3")
    assert (failed.error_code, failed.error_message) == (5, text)
    # Under its number it is tried again only after it was gone for a look.
    shutil.rmtree(tmp_path / "m/3")
    wait_until(lambda: numbers(manager, "m") == {3: 50, 2: 30})
    shutil.rmtree(tmp_path / "m/2")
    wait_until(lambda: numbers(manager, "m") == {3: 50, 2: 50, 1: 30})
    assert manager.statuses(ModelSpec(name="m"))[1].status.error_code == 0
    publish(made(4), tmp_path / "m/3")
    wait_until(lambda: numbers(manager, "m") == {3: 30, 2: 50, 1: 50})
    assert manager.statuses(ModelSpec(name="m"))[0].status.error_message == ""


def test_an_emptied_folder_ends_the_model_and_a_missing_one_stops_all(
    made, started, tmp_path, caplog
):
    for name in ("a", "b"):
        publish(made(3), tmp_path / name / "1")
    manager = started(configured(tmp_path, "a", "b"))
    shutil.rmtree(tmp_path / "a/1")
    wait_until(lambda: numbers(manager, "a") == {1: 50})
    shutil.rmtree(tmp_path / "a")
    publish(made(4), tmp_path / "b/2")
    wait_until(lambda: f"Could not find base path {tmp_path / 'a'}: No such file" in caplog.text)
    caplog.clear()
    wait_until(lambda: "Could not find base path" in caplog.text)
    assert numbers(manager, "b") == {1: 30}
    (tmp_path / "a").mkdir()
    wait_until(lambda: numbers(manager, "b") == {2: 30, 1: 50})


def test_a_failed_load_is_tried_again(made, started, tmp_path, caplog):
    publish(made(3), tmp_path / "m/1")
    shutil.move(tmp_path / "m/1/saved_model.pb", tmp_path / "late.pb")
    mending = threading.Thread(
        target=lambda: (
            wait_until(lambda: caplog.text.count("failed: Could not find SavedModel") == 2),
            shutil.move(tmp_path / "late.pb", tmp_path / "m/1/saved_model.pb"),
        )
    )
    mending.start()
    manager = started(configured(tmp_path, "m"), load_retries=1000, retry_seconds=OFTEN)
    mending.join()
    assert numbers(manager, "m") == {1: 30}


@pytest.mark.parametrize(
    ("file", "size", "reason"),
    [
        ("saved_model.pb", 90, "Cannot parse file b'{}/saved_model.pb': Error parsing message"),
        ("variables/variables.data-00000-of-00001", 2, "Read less bytes than requested"),
        ("variables/variables.index", 9, "file is too short to be an sstable"),
    ],
)
def test_a_version_that_is_cut_short_leaves_the_one_before(
    made, started, tmp_path, caplog, file, size, reason
):
    """A copy that broke off, or a full disk of another machine."""
    publish(made(3), tmp_path / "m/1")
    manager = started(configured(tmp_path, "m"))
    shutil.copytree(tmp_path / "m/1", tmp_path / "part")
    os.truncate(tmp_path / "part" / file, size)
    shutil.move(tmp_path / "part", tmp_path / "m/2")
    wait_until(lambda: numbers(manager, "m") == {2: 50, 1: 30})
    message = f"Loading {tmp_path}/m/2 failed: {reason.format(f'{tmp_path}/m/2')}"
    # Newer protobuf says more of what it could not parse.
    assert re.fullmatch(rf"{re.escape(message)}( with type .*)?\.?", caplog.messages[-1])


def test_a_start_that_fails_tells_every_model(made, tmp_path):
    publish(made(3), tmp_path / "a/1")
    for name in ("b/2", "c/1"):
        (tmp_path / name).mkdir(parents=True)
    threads = set(threading.enumerate())
    manager = Manager(configured(tmp_path, "a", "b", "c"), load_retries=1, retry_seconds=0.0)
    with pytest.raises(ServingError) as caught:
        manager.start()
    failed = "".join(
        f"{{{{name: {name} version: {number}}} due to error: NOT_FOUND: "
        f"{NO_MODEL.format(tmp_path / name / str(number))}}}, "
        for name, number in (("b", 2), ("c", 1))
    )
    text = f"2 servable(s) did not become available: {{{failed}}}"
    assert (caught.value.code, caught.value.message) == (2, text)
    assert set(threading.enumerate()) <= threads
    assert numbers(manager, "a") == {1: 50}


def test_a_client_that_somebody_else_wrote_reads_the_states(made, started, tmp_path):
    """In a process of its own: ovmsclient brings its own copies of TensorFlow's messages."""
    publish(made(3), tmp_path / "m/1")
    manager = started(configured(tmp_path, "m"))
    (tmp_path / "m/2").mkdir()
    wait_until(lambda: numbers(manager, "m") == {2: 50, 1: 30})
    program = """
import sys, ovmsclient
client = ovmsclient.make_grpc_client(sys.argv[1])
for version in (1, 2):
    print(client.get_model_status("m", version)[version])
"""
    with serving_all(manager) as (_, _, address):
        done = subprocess.run(
            [sys.executable, "-c", program, address], capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    available = {"state": "AVAILABLE", "error_code": 0, "error_message": ""}
    failed = {"state": "END", "error_code": 5, "error_message": NO_MODEL.format(tmp_path / "m/2")}
    assert done.stdout.splitlines() == [str(available), str(failed)]
