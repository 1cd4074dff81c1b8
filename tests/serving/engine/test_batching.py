"""Requests that run together get the answers that they would get alone."""

import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_service_pb2_grpc
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog

from serving.engine.batching import Scheduler
from serving.engine.batching_parameters import BatchingParameters
from serving.engine.lifecycle import load
from serving.engine.servable import Servable, ServingError, cut
from serving.engine.warmup_replay import FILE
from tests.serving.engine.joining import LONG, joined, write_joining
from tests.serving.engine.models import ANSWER_LIMIT, publish, request, wait_until
from tests.serving.local import picture

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def root(tmp_path_factory, exported):
    """Folder of the models `joining` and `tiny`."""
    root = tmp_path_factory.mktemp("models")
    write_joining(root / "joining/1")
    publish(exported[1] / "tiny/1", root / "tiny/1")
    return root


@pytest.fixture
def ask(start):
    """Function of a manager and requests to the futures of their answers."""
    with ThreadPoolExecutor(32) as pool:
        addresses = {}

        def asked(manager, *messages):
            if manager not in addresses:
                addresses[manager] = start(manager, threads=32)
            channel = grpc.insecure_channel(addresses[manager])
            predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
            return [pool.submit(answer, predict, message) for message in messages]

        yield asked


def answer(predict, message):
    """Returns a dict of arrays, or the code and text of the refusal."""
    try:
        outputs = predict(message, timeout=ANSWER_LIMIT).outputs
    except grpc.RpcError as error:
        return error.code(), error.details()
    return {alias: tf.make_ndarray(output) for alias, output in outputs.items()}


def alone(version, message):
    """Returns the same of a model without batches."""
    servable = Servable(version)
    try:
        signature = message.model_spec.signature_name
        return servable.predict(signature, message.inputs, message.output_filter)[1]
    except ServingError as error:
        codes = {code.value[0]: code for code in Code}
        return codes[error.code], cut(error.message)
    finally:
        servable.close()


def results(futures):
    return [future.result() for future in futures]


def joining(signature="", wanted=(), **inputs):
    arrays = {alias: np.array(value, "float32") for alias, value in inputs.items()}
    return request("joining", arrays, signature, wanted)


def gate(folder):
    letters = np.array([[*map(ord, str(folder))]], "int32")
    return request("joining", {"folders": letters}, "gated")


def test_requests_run_together_and_get_their_own_rows(root, ask):
    inputs = [[[1.0, 2.0]], [[3.0, 4.0], [5.0, 6.0]], [[7.0, 8.0]] * 5]
    with joined(root, "joining", max_batch_size=8, batch_timeout_micros=LONG) as (manager, _):
        answers = results(ask(manager, *(joining(x=x) for x in inputs)))
    for x, outputs in zip(inputs, answers):
        np.testing.assert_array_equal(outputs["y"], 2 * np.array(x))
        np.testing.assert_array_equal(outputs["rows"], [8] * len(x))


def test_each_shape_type_and_set_of_outputs_runs_by_itself(root, ask):
    kinds = [
        joining(x=[1.0]),
        joining(x=[[1.0]]),
        joining(x=[[1.0, 2.0]]),
        joining(x=[1.0], wanted=["rows"]),
        joining("root", x=[1.0]),
    ]
    with joined(root, "joining", max_batch_size=2, batch_timeout_micros=LONG) as (manager, _):
        answers = results(ask(manager, *kinds, *kinds))
        assert [list(outputs["rows"]) for outputs in answers] == [[2]] * len(answers)
        orders = [joining(x=[1.0], wanted=wanted) for wanted in (["y", "rows"], ["rows", "y"])]
        assert [list(outputs["rows"]) for outputs in results(ask(manager, *orders))] == [[2]] * 2
        wrong = request("joining", {"x": np.array([1])})
        refused = (Code.INVALID_ARGUMENT, "Expects arg[0] to be float but int64 is provided")
        assert results(ask(manager, wrong, wrong)) == [refused] * 2


def test_batches_are_padded_with_the_first_row(root, ask):
    sizes = {"max_batch_size": 8, "allowed_batch_sizes": (4, 6, 8)}
    with joined(root, "joining", **sizes) as (manager, _):
        for count, expected in ((0, 0), (1, 4), (4, 4), (5, 6), (7, 8), (8, 8)):
            x = np.arange(5.0, 5 + 2 * count).reshape(count, 2)
            (outputs,) = results(ask(manager, joining(x=x)))
            np.testing.assert_array_equal(outputs["y"], 2 * x)
            assert list(outputs["rows"]) == [expected] * count
            total = x.sum() + (expected - count) * x[:1].sum()
            assert list(outputs["sum"]) == [total] * count


def test_what_cannot_be_joined_is_refused_as_by_tensorflow_serving(root, ask):
    rows = "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes"
    refused = [
        (joining(x=1.0), "Batching Run() input tensors must have at least one dimension"),
        (
            joining("pair", a=[1.0, 2.0], b=[1.0]),
            "Batching Run() input tensors must have equal 0th-dimension size",
        ),
        (joining(x=[1.0] * 9), "Task size 9 is larger than maximum input batch size 8"),
    ]
    with joined(root, "joining", max_batch_size=8) as (manager, _):
        messages, texts = zip(*refused)
        expected = [(Code.INVALID_ARGUMENT, text) for text in texts]
        assert results(ask(manager, *messages)) == expected
        messages = (joining("total", x=[1.0]), joining("one", x=[1.0, 2.0]))
        assert results(ask(manager, *messages)) == [
            (Code.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions"),
            (Code.FAILED_PRECONDITION, f"{rows} of the input tensors"),
        ]


def test_a_batch_that_fails_runs_one_by_one(root, ask):
    messages = [joining("root", x=[x]) for x in (4.0, 9.0, -1.0, 16.0)]
    with joined(root, "joining", max_batch_size=4, batch_timeout_micros=LONG) as (manager, _):
        answers = results(ask(manager, *messages))
        assert answers.pop(2) == alone(root / "joining/1", messages[2])
        values = [(*outputs["y"], *outputs["rows"]) for outputs in answers]
        assert values == [(2.0, 1), (3.0, 1), (4.0, 1)]
        # Outputs that do not add up are no less a failure.
        answers = results(ask(manager, *(joining("one", x=[x]) for x in (1.0, 5.0, 2.0, 3.0))))
        assert [list(outputs["y"]) for outputs in answers] == [[1.0], [5.0], [2.0], [3.0]]


def test_exports_answer_eight_clients_by_a_run_for_each_size(root, ask, tmp_path):
    sizes = [(8, 12), (16, 4)] * 4
    images = [picture(index, size)[1] for index, size in enumerate(sizes)]
    images = [image[None] / np.float32(127.5) - 1 for image in images]
    messages = [request("tiny", {"image": image}, "float") for image in images]
    with joined(root, "joining", "tiny", num_batch_threads=1) as (manager, scheduler):
        with manager.acquire(ModelSpec(name="tiny")) as (_, servable):
            runs = servable.batcher.runs
        (gated,) = ask(manager, gate(tmp_path))
        wait_until((tmp_path / "started").exists)
        futures = ask(manager, *messages)
        wait_until(lambda: scheduler.waiting() == 8)
        (tmp_path / "open0").touch()
        answers = results([gated, *futures])[1:]
        assert servable.batcher.runs == runs + 2
    for message, outputs in zip(messages, answers):
        expected = alone(root / "tiny/1", message)["output"]
        np.testing.assert_allclose(outputs["output"], expected, atol=1e-5)


def test_files_run_by_themselves_and_wait_for_no_thread(root, ask, tmp_path):
    files = [picture(index, (8 + index, 12))[0] for index in range(6)]
    files += [b"no image", files[0][:-60]]
    messages = [request("tiny", {"image_bytes": [file]}) for file in files]
    with joined(root, "joining", "tiny", num_batch_threads=1) as (manager, _):
        (gated,) = ask(manager, gate(tmp_path))
        wait_until((tmp_path / "started").exists)
        answers = results(ask(manager, *messages))
        assert not gated.done()
        (tmp_path / "open0").touch()
        gated.result()
    for message, answered in zip(messages, answers):
        expected = alone(root / "tiny/1", message)
        if isinstance(expected, tuple):
            # Two operations of a graph may say so in one word, each with its own name.
            assert answered[0] is expected[0]
            assert answered[1].partition("[[{{")[0] == expected[1].partition("[[{{")[0]
        else:
            assert list(answered["output_bytes"]) == list(expected["output_bytes"])
    assert [isinstance(answered, tuple) for answered in answers] == [False] * 6 + [True] * 2


def test_a_deadline_ends_a_request_that_waits_and_its_neighbours_go_on(root, tmp_path):
    text = "Timed out waiting for notification"
    parameters = BatchingParameters(max_batch_size=2, batch_timeout_micros=LONG)
    with Scheduler(parameters) as scheduler, ThreadPoolExecutor(2) as pool:
        servable = Servable(root / "joining/1", scheduler)
        x = joining(x=[1.0]).inputs
        with pytest.raises(ServingError) as caught:
            servable.predict("", x, (), seconds=0.2)
        assert (caught.value.code, caught.value.message) == (4, text)
        assert (scheduler.waiting(), servable.batcher.runs) == (0, 0)
        for _, outputs in results([pool.submit(servable.predict, "", x, ()) for _ in range(2)]):
            assert list(outputs["rows"]) == [2]
        patient = pool.submit(servable.predict, "gated", gate(tmp_path).inputs, ())
        wait_until(lambda: scheduler.waiting() == 1)
        with pytest.raises(ServingError, match=text):
            servable.predict("gated", gate(tmp_path).inputs, (), seconds=2)
        assert not patient.done()
        (tmp_path / "open0").touch()
        assert list(patient.result(ANSWER_LIMIT)[1]["rows"]) == [2]
        servable.close()


def test_a_full_queue_refuses_and_others_are_free(root, ask, tmp_path):
    limits = {"max_batch_size": 1, "max_enqueued_batches": 2, "num_batch_threads": 1}
    with joined(root, "joining", **limits) as (manager, scheduler):
        (gated,) = ask(manager, gate(tmp_path))
        wait_until((tmp_path / "started").exists)
        futures = ask(manager, *(joining(x=[float(index)]) for index in range(3)))
        refused, waiting = wait(futures, ANSWER_LIMIT, FIRST_COMPLETED)
        assert results(refused) == [
            (
                Code.UNAVAILABLE,
                "The batch scheduling queue to which this task was submitted is full; currently 2 "
                "batches enqueued and max_enqueued_batches is 2",
            )
        ]
        (other,) = ask(manager, joining("root", x=[4.0]))
        wait_until(lambda: scheduler.waiting() == 3)
        (tmp_path / "open0").touch()
        assert [list(outputs["rows"]) for outputs in results([gated, *waiting, other])] == [[1]] * 4


def test_a_batch_that_is_not_full_runs_after_its_time(root, ask):
    with joined(root, "joining", batch_timeout_micros=1000) as (manager, _):
        assert results(ask(manager, joining(x=[3.0])))[0]["y"] == [6.0]


def test_as_many_batches_run_at_once_as_there_are_threads(root, ask, tmp_path):
    with joined(root, "joining", num_batch_threads=2) as (manager, _):
        (gated,) = ask(manager, gate(tmp_path))
        wait_until((tmp_path / "started").exists)
        assert results(ask(manager, joining(x=[3.0])))[0]["y"] == [6.0]
        assert not gated.done()
        (tmp_path / "open0").touch()
        assert list(gated.result()["rows"]) == [1]


def test_requests_that_wait_keep_their_version_and_nothing_is_left(root, ask, tmp_path):
    (tmp_path / "models").mkdir()
    publish(root / "joining/1", tmp_path / "models/joining/1")
    threads = set(threading.enumerate())
    name = {"thread_pool_name": "joined", "num_batch_threads": 1}
    with joined(tmp_path / "models", "joining", **name) as (manager, scheduler):
        assert [t.name for t in threading.enumerate() if t.name.startswith("joined")] == [
            "joined_0"
        ]
        (gated,) = ask(manager, gate(tmp_path))
        wait_until((tmp_path / "started").exists)
        futures = ask(manager, *(joining(x=[x]) for x in (1.0, 2.0)))
        wait_until(lambda: scheduler.waiting() == 2)
        publish(root / "joining/1", tmp_path / "models/joining/2")

        def states():
            return {one.version: one.state for one in manager.statuses(ModelSpec(name="joining"))}

        wait_until(lambda: states() == {2: 30, 1: 40})
        (tmp_path / "open0").touch()
        assert [list(outputs["rows"]) for outputs in results([gated, *futures])] == [[1], [2], [2]]
        wait_until(lambda: states() == {2: 30, 1: 50})
        with manager.acquire(ModelSpec(name="joining")) as (_, servable):
            pass
    with pytest.raises(ServingError, match=r"^The server is stopping\.$") as caught:
        servable.predict("", joining(x=[1.0]).inputs, ())
    assert caught.value.code == Code.UNAVAILABLE.value[0]
    assert not [t for t in set(threading.enumerate()) - threads if t.name.startswith("joined")]


def test_warm_up_goes_through_batches(root, tmp_path):
    version = tmp_path / "joining/1"
    publish(root / "joining/1", version)
    path = version / FILE
    path.parent.mkdir()
    parameters = BatchingParameters(max_batch_size=4, allowed_batch_sizes=(4,))
    with Scheduler(parameters) as scheduler:
        write_log(path, joining(x=[1.0]))
        servable = load(version, scheduler)
        assert servable.batcher.runs == 1
        servable.close()
        write_log(path, joining(x=1.0))
        with pytest.raises(ServingError, match="input tensors must have at least one dimension"):
            load(version, scheduler)


def write_log(path, message):
    log = PredictionLog()
    log.predict_log.request.CopyFrom(message)
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(log.SerializeToString())


@pytest.mark.parametrize("end", ["close", "exit"])
def test_what_waits_is_finished_at_the_end(root, end):
    with ThreadPoolExecutor(1) as pool:
        with Scheduler(BatchingParameters(batch_timeout_micros=LONG)) as scheduler:
            servable = Servable(root / "joining/1", scheduler)
            waiting = pool.submit(servable.predict, "", joining(x=[1.0]).inputs, ())
            wait_until(lambda: scheduler.waiting() == 1)
            if end == "close":
                servable.close()
        assert list(waiting.result(ANSWER_LIMIT)[1]["y"]) == [2.0]
        servable.close()
