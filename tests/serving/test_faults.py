"""The local server and the client under faults: new versions, nonsense, and a server that dies."""

import collections
import itertools
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2

from serving.client import Client, image_files
from serving.client import __main__ as command
from serving.client.connection import OPTIONS, PREDICT, Target, translation
from serving.client.messages import PredictRequest, PredictResponse
from serving.engine.servable import Servable
from serving.load import picture
from serving.process import QUIET, Server, local_server
from tests.serving.malformed import Code, malformed
from tfpix2pix import atomic
from tfpix2pix.export import export
from tfpix2pix.networks import unet_generator

MODEL = "tiny"
IMAGES = [picture(16 + index % 7, index) for index in range(64)]
CLIENTS = 8
ANSWER_LIMIT = 60  # Seconds.
FLAGS = ("--file_system_poll_wait_seconds", "0.2", *QUIET)


def version_of(folder, seed=0):
    generator = unet_generator((None, None, 3), depth=3, base_filters=4, seed=seed)
    return export(generator, folder)[0]


def answers(version, images):
    """Returns what a version makes of images, without a server."""
    servable = Servable(version)
    made = []
    for image in images:
        message = Target("", MODEL).request(translation(image)).SerializeToString()
        inputs = predict_pb2.PredictRequest.FromString(message).inputs
        made.append(servable.predict("", inputs, ())[1]["output_bytes"][0])
    return made


def publish(version, folder):
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{version.name}"
    shutil.copytree(version, part)
    os.rename(part, folder / version.name)


def predict(channel, image):
    """Returns the version that answers, and what."""
    call = channel.unary_unary(
        PREDICT,
        request_serializer=PredictRequest.SerializeToString,
        response_deserializer=PredictResponse.FromString,
    )
    response = call(Target("", MODEL).request(translation(image)), timeout=ANSWER_LIMIT)
    return response.model_spec.version.value, response.outputs["output_bytes"].string_val[0]


def is_readable(content):
    try:
        predict_pb2.PredictRequest.FromString(content)
    except DecodeError:
        return False
    return True


def test_malformed_requests_are_of_every_kind_and_follow_from_the_seed():
    request = Target("", MODEL).request(translation(IMAGES[0]))
    before = request.SerializeToString()
    cases, again, others = (
        list(itertools.islice(malformed(request, seed=seed), 200)) for seed in (3, 3, 4)
    )
    assert request.SerializeToString() == before
    assert cases == again != others
    assert {kind for kind, _, _ in cases} == {"noise", "flipped", "image", "tensor", "name"}
    for kind, content, statuses in cases:
        if kind in ("image", "tensor", "name"):  # Well formed as messages.
            assert is_readable(content)
            assert not statuses & {Code.INTERNAL, Code.UNKNOWN}
        elif not is_readable(content):
            assert Code.INTERNAL in statuses


@pytest.mark.slow
def test_no_request_is_lost_or_mixed_up_while_versions_change(tmp_path):
    """Each of 10,000 answers is what its version makes of its image."""
    versions = [version_of(tmp_path / "made", seed) for seed in range(11)]
    expected = {int(version.name): answers(version, IMAGES) for version in versions}
    publish(versions[0], tmp_path / MODEL)
    answered = collections.Counter()
    order = itertools.count()
    ended = threading.Event()

    def ask_all(address):
        with grpc.insecure_channel(address, OPTIONS) as channel:
            while not ended.is_set():
                index = next(order) % len(IMAGES)
                version, output = predict(channel, IMAGES[index])
                assert output == expected[version][index]
                answered[version] += 1

    with local_server(tmp_path / MODEL, *FLAGS) as server, ThreadPoolExecutor(CLIENTS) as pool:
        asking = [pool.submit(ask_all, server.address) for _ in range(CLIENTS)]
        for number, version in enumerate(versions, 1):
            if number > 1:
                publish(version, tmp_path / MODEL)
            while number not in answered or answered.total() < number * 10_000 / len(versions):
                if any(one.done() for one in asking):
                    break
                time.sleep(0.01)
        ended.set()
        for one in asking:
            one.result()
    assert sorted(answered) == sorted(expected)


@pytest.mark.slow
def test_malformed_requests_get_their_statuses_and_no_memory(tmp_path):
    version = version_of(tmp_path / MODEL)
    image = picture(24)
    (expected,) = answers(version, [image])
    megabytes = []
    with (
        local_server(tmp_path / MODEL, *FLAGS) as server,
        Client(server.address, MODEL) as client,
        grpc.insecure_channel(server.address, OPTIONS) as channel,
    ):
        send = channel.unary_unary(PREDICT)
        request = Target(server.address, MODEL).request(translation(image))
        for index, (kind, content, allowed) in enumerate(
            itertools.islice(malformed(request, seed=0), 2000), 1
        ):
            try:
                send(content, timeout=ANSWER_LIMIT)
                status = Code.OK
            except grpc.RpcError as error:
                status = error.code()
            assert status in allowed, (kind, content[:200])
            if index % 200 == 0:  # The first ones warm up: thread pools, caches, the allocator.
                text = Path(f"/proc/{server.process.pid}/status").read_text("ascii")
                megabytes.append(int(text.split("VmRSS:")[1].split()[0]) / 1024)
                assert client.translate(image) == expected
    assert megabytes[-1] < 1.05 * megabytes[0]


@pytest.mark.slow
def test_clients_notice_nothing_of_a_server_that_is_killed_and_started_again(tmp_path):
    version = version_of(tmp_path / MODEL)
    expected = answers(version, IMAGES)
    server = Server("--models", tmp_path, *FLAGS)
    revived = []

    def revive():
        server.kill()
        port = server.address.rpartition(":")[2]
        revived.append(Server("--models", tmp_path, *FLAGS, port=port))

    thread = threading.Thread(target=revive)
    count = 0
    try:
        with Client(server.address, MODEL, patience=ANSWER_LIMIT) as client:
            images = itertools.islice(itertools.cycle(IMAGES), 1000)
            for index, answer in enumerate(client.translate_all(images)):
                assert answer == expected[index % len(IMAGES)]
                count += 1
                if index == 500:
                    thread.start()
        thread.join()
    finally:
        for running in revived or [server]:
            running.stop()
    assert count == 1000


@pytest.mark.slow
def test_the_command_writes_each_file_once_while_one_of_two_servers_is_killed(
    tmp_path, monkeypatch
):
    version = version_of(tmp_path / "models" / MODEL)
    images = IMAGES * 8
    for index, image in enumerate(images):
        atomic.write_bytes(image, tmp_path / f"in/{index % 3}/{index}.png")
    writes = collections.Counter()
    write = image_files.write
    servers = [Server("--models", tmp_path / "models", *FLAGS) for _ in range(2)]

    def counted(encoded, path):
        writes[path] += 1
        if len(writes) == 200:
            servers[0].kill()
        write(encoded, path)

    monkeypatch.setattr(image_files, "write", counted)
    try:
        address = ",".join(server.address for server in servers)
        command.main([tmp_path / "in"], tmp_path / "out", MODEL, address=address)
    finally:
        servers[1].stop()
    paths = [tmp_path / f"out/{index % 3}/{index}.png" for index in range(len(images))]
    assert writes == collections.Counter(paths)
    assert {path for path in (tmp_path / "out").rglob("*") if path.is_file()} == set(paths)
    expected = answers(version, IMAGES)
    for index, path in enumerate(paths):
        assert path.read_bytes() == expected[index % len(IMAGES)]
