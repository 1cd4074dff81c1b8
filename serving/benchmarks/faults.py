"""Faults: versions that change under load, requests that make no sense, and a server that dies."""

import collections
import itertools
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from tensorflow_serving.apis import predict_pb2
from tqdm import tqdm

from serving.benchmarks.load import picture
from serving.benchmarks.malformed import malformed
from serving.client import Client
from serving.client.connection import OPTIONS, PREDICT, Target, translation
from serving.client.messages import PredictRequest, PredictResponse
from serving.engine.servable import Servable
from serving.process import QUIET, Server, local_server
from tfpix2pix.errors import InputError
from tfpix2pix.export import export
from tfpix2pix.networks import unet_generator

MODEL = "tiny"
IMAGES = 64  # Different ones, of different sizes.
CLIENTS = 8
ANSWER_LIMIT = 60  # Seconds.
FLAGS = ("--file_system_poll_wait_seconds", "0.2", *QUIET)
MOST_GROWTH = 0.05  # Of the memory.


def swaps(folder: Path, requests: int, changes: int):
    """Asks while new versions replace older ones, and compares each answer with its version's own.

    Args:
        folder: `pathlib.Path` of a folder for versions.
        requests: How often to ask, at least.
        changes: How many versions replace one another meanwhile.

    Returns:
        Dict of version to count of its answers.

    Raises:
        ValueError: If a request is lost or answered with another's image.
    """
    images = [picture(16 + index % 7, index) for index in range(IMAGES)]
    versions = [folder / "made" / str(index + 1) for index in range(changes + 1)]
    for seed, version in enumerate(tqdm(versions, "Versions", unit=" versions")):
        generator = unet_generator((None, None, 3), depth=3, base_filters=4, seed=seed)
        export(generator, folder / "made")
        if not version.is_dir():
            raise InputError(f"{folder} must be new. Received: one with versions. Name another.")
    expected = {index + 1: _answers(version, images) for index, version in enumerate(versions)}
    models = folder / "models"
    _publish(versions[0], models / MODEL)
    answered = collections.Counter()
    order = itertools.count()
    ended = threading.Event()  # One client has failed, or all is done.
    with (
        local_server(models / MODEL, *FLAGS) as server,
        tqdm(total=requests, unit=" requests") as bar,
    ):

        def ask_all():
            with grpc.insecure_channel(server.address, OPTIONS) as channel:
                predict = _predict(channel)
                while not ended.is_set():
                    index = next(order)
                    image = index % IMAGES
                    request = Target(server.address, MODEL).request(translation(images[image]))
                    response = predict(request, timeout=ANSWER_LIMIT)
                    version = response.model_spec.version.value
                    output = response.outputs["output_bytes"].string_val[0]
                    if output != expected[version][image]:
                        raise InputError(
                            f"Each answer must be what version {version} makes of its image. "
                            f"Received: another for request {index}. Mend the server."
                        )
                    answered[version] += 1
                    bar.update()

        with ThreadPoolExecutor(CLIENTS) as pool:
            asking = [pool.submit(ask_all) for _ in range(CLIENTS)]
            for number, version in enumerate(versions, 1):
                if number > 1:
                    _publish(version, models / MODEL)
                # Each version answers, and as many requests as it has a share in.
                share = number * requests / len(versions)
                while number not in answered or answered.total() < share:
                    if any(one.done() for one in asking):
                        break
                    time.sleep(0.01)
            ended.set()
            for one in asking:
                one.result()
    return dict(sorted(answered.items()))


def nonsense(folder: Path, requests: int):
    """Sends malformed requests, and looks at statuses, at the memory and at who still answers.

    Args:
        folder: `pathlib.Path` of a folder for the model.
        requests: How many.

    Returns:
        `(statuses, megabytes)`: dict of kind and status to count, and the server's memory after
        each tenth.

    Raises:
        ValueError: If a status is wrong, the memory grows, or well-formed requests go unanswered.
    """
    models = folder / "models"
    generator = unet_generator((None, None, 3), depth=3, base_filters=4)
    version, _ = export(generator, models / MODEL)
    image = picture(24)
    (expected,) = _answers(version, [image])
    statuses = collections.Counter()
    megabytes = []
    with (
        local_server(models / MODEL, *FLAGS) as server,
        Client(server.address, MODEL) as client,
        grpc.insecure_channel(server.address, OPTIONS) as channel,
    ):
        send = channel.unary_unary(PREDICT)
        cases = malformed(Target(server.address, MODEL).request(translation(image)), seed=0)
        # The first tenth warms up: thread pools, caches of kernels, the allocator.
        for index in tqdm(range(requests), "Malformed", unit=" requests"):
            kind, content, allowed = next(cases)
            status = _status(send, content)
            statuses[f"{kind}: {status.name}"] += 1
            if status not in allowed:
                raise InputError(
                    f"A request of the kind {kind!r} must end as one of "
                    f"{sorted(code.name for code in allowed)}. Received: {status.name} for "
                    f"{content[:200]!r}. Mend the server."
                )
            if (index + 1) % max(1, requests // 10) == 0:
                megabytes.append(_megabytes(server.process.pid))
                if client.translate(image) != expected:
                    raise InputError(
                        "Well-formed requests must be answered as before. Received: another "
                        f"image after {index + 1} malformed requests. Mend the server."
                    )
    growth = megabytes[-1] / megabytes[0] - 1
    if growth > MOST_GROWTH:
        raise InputError(
            f"Memory may grow by {MOST_GROWTH:.0%}. Received: {growth:.1%}, from "
            f"{megabytes[0]:.0f} to {megabytes[-1]:.0f} MB. Mend the server."
        )
    return dict(sorted(statuses.items())), megabytes


def death(folder: Path, requests: int):
    """Kills the server amid requests and starts it again; the clients are to notice nothing.

    Args:
        folder: `pathlib.Path` of a folder for the model.
        requests: How many images to translate meanwhile.

    Returns:
        Seconds from the kill to the first answer after it.

    Raises:
        ValueError: If an image is lost or mixed up.
    """
    models = folder / "models"
    version, _ = export(unet_generator((None, None, 3), depth=3, base_filters=4), models / MODEL)
    images = [picture(16 + index % 7, index) for index in range(IMAGES)]
    expected = _answers(version, images)
    server = Server("--models", models, *FLAGS)
    address = server.address
    revived = []
    port = address.rpartition(":")[2]

    def revive():
        server.kill()
        killed.append(time.monotonic())
        revived.append(Server("--models", models, *FLAGS, port=port))

    killed = []
    thread = threading.Thread(target=revive)
    try:
        with Client(address, MODEL, patience=ANSWER_LIMIT) as client:
            stream = client.translate_all(itertools.islice(itertools.cycle(images), requests))
            slowest = 0
            last = time.monotonic()
            for index, answer in enumerate(tqdm(stream, "Death", total=requests, unit=" images")):
                if answer != expected[index % IMAGES]:
                    raise InputError(
                        f"Each image must be answered in spite of a killed server. Received: "
                        f"{answer!r:.200} for image {index}. Mend the client."
                    )
                if index == requests // 2:
                    thread.start()
                slowest = max(slowest, time.monotonic() - last)
                last = time.monotonic()
        thread.join()
    finally:
        for running in revived or [server]:
            running.stop()
    return slowest


def _answers(version, images):
    """Returns what a version makes of images, without a server."""
    servable = Servable(version)
    answers = []
    for image in images:
        message = Target("", MODEL).request(translation(image)).SerializeToString()
        inputs = predict_pb2.PredictRequest.FromString(message).inputs
        answers.append(servable.predict("", inputs, ())[1]["output_bytes"][0])
    return answers


def _publish(version, folder):
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".part-{version.name}"
    shutil.copytree(version, part)
    os.rename(part, folder / version.name)


def _predict(channel):
    return channel.unary_unary(
        PREDICT,
        request_serializer=PredictRequest.SerializeToString,
        response_deserializer=PredictResponse.FromString,
    )


def _status(send, content):
    try:
        send(content, timeout=ANSWER_LIMIT)
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def _megabytes(process):
    """Returns the memory of a process, on Linux."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024
