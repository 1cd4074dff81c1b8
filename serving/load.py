"""Load: how fast a server answers, alone and to many, and how much of that is not the model."""

import asyncio
import io
import random
import statistics
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc
from tqdm import tqdm

from serving.client import AsyncClient, Client
from serving.client.connection import Target, translation
from serving.engine.servable import Servable

WARM_UP = 3  # Requests before anything is measured: oneDNN prepares itself for a size.
PERCENTILES = (50, 95, 99)
ANSWER_LIMIT = 60  # Seconds.


def picture(size: int, seed: int = 0):
    """Returns the bytes of a PNG file of `size` x `size` pixels, smooth as photos are."""
    coarse = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), "uint8")
    file = io.BytesIO()
    Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(file, "png")
    return file.getvalue()


def overhead(version: Path, address: str, model: str, size: int, rounds: int):
    """Measures what server and client add to the model, which is also loaded here, in turns.

    Returns:
        Dict of name to seconds of each round.
    """
    servable = Servable(version)
    image = picture(size)
    message = Target(address, model).request(translation(image)).SerializeToString()
    request = predict_pb2.PredictRequest.FromString(message)
    with Client(address, model) as client:
        contenders = {
            "model": lambda: servable.predict("", request.inputs, ()),
            "model, server and client": lambda: client.translate(image),
        }
        measured = {name: [] for name in contenders}
        for index in tqdm(range(WARM_UP + rounds), "Overhead", unit=" rounds"):
            for name, contender in contenders.items():
                seconds = _seconds(contender)
                if index >= WARM_UP:
                    measured[name].append(seconds)
    return measured


def closed_loop(address: str, model: str, size: int, clients: int, seconds: float):
    """Lets clients ask one after the other, each with a connection of its own.

    Returns:
        List of the seconds of each answer.
    """
    image = picture(size)

    @contextmanager
    def asking():
        with Client(address, model) as client:
            yield lambda: client.translate(image)

    return _closed_loop(asking, clients, seconds)


def closed_loop_of_floats(
    address: str, model: str, size: int, clients: int, seconds: float, channels: int = 3
):
    """Does the same with images as floats, which a graph takes as one batch; files one by one.

    Returns:
        List of the seconds of each answer.
    """
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    request.model_spec.signature_name = "float"
    image = np.random.default_rng(0).uniform(-1, 1, (1, size, size, channels))
    request.inputs["image"].CopyFrom(tf.make_tensor_proto(image, tf.float32))

    @contextmanager
    def asking():
        options = [("grpc.max_receive_message_length", -1)]
        with grpc.insecure_channel(address, options) as channel:
            predict = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict
            yield lambda: predict(request, timeout=ANSWER_LIMIT)

    return _closed_loop(asking, clients, seconds)


def open_loop(address: str, model: str, size: int, rate: float, seconds: float):
    """Sends requests at random moments, whether or not earlier ones are answered.

    `rate` is the mean of requests a second; their distances are exponential. An answer's time
    counts from the moment when its request was due, so a server that falls behind cannot hide it.

    Returns:
        List of the seconds of each answer.
    """
    chance = random.Random(0)
    image = picture(size)

    async def ask(client, due):
        await asyncio.sleep(due - time.monotonic())
        await client.translate(image)
        return time.monotonic() - due

    async def ask_all():
        async with AsyncClient(address, model) as client:
            await client.translate(image)
            due = time.monotonic()
            asked = []
            end = due + seconds
            while (due := due + chance.expovariate(rate)) < end:
                asked.append(asyncio.create_task(ask(client, due)))
            return await asyncio.gather(*asked)

    return asyncio.run(ask_all())


def compared(loops, rounds: int):
    """Runs closed loops in turns.

    Args:
        loops: Dict of name to a function that returns the seconds of each answer.
        rounds: How often each runs, after a first time that does not count.

    Returns:
        Dict of name to a list of such lists.
    """
    measured = {name: [] for name in loops}
    for index in tqdm(range(1 + rounds), "Closed loops", unit=" rounds"):
        for name, loop in loops.items():
            latencies = loop()
            if index:
                measured[name].append(latencies)
    return measured


def table(results, seconds: float):
    """Returns the lines of a table of the results of `python -m serving.benchmark load`."""
    model, served = map(statistics.median, results["overhead"].values())
    lines = [
        f"Model {1000 * model:.1f} ms, with server and client {1000 * served:.1f} ms: "
        f"{served / model - 1:+.1%} of the model's time (medians, in turns)"
    ]
    for name, loops in (("clients", results["closed"]), ("asked/s", results["open"])):
        heads = [name, "images/s", *(f"p{percent} ms" for percent in PERCENTILES)]
        lines.append("".join(f"{head:>10}" for head in heads))
        for asked, latencies in loops.items():
            values = 1000 * np.percentile(latencies, PERCENTILES)
            cells = [f"{len(latencies) / seconds:.2f}", *(f"{value:.0f}" for value in values)]
            lines.append("".join(f"{cell:>10}" for cell in [asked, *cells]))
    return lines


def compared_table(measured, seconds: float):
    """Returns the lines of a table of `compared`: medians of the rounds."""
    heads = ("images/s", *(f"p{percent} ms" for percent in PERCENTILES))
    width = max(map(len, measured))
    lines = [" " * width + "".join(f"{head:>10}" for head in heads)]
    for name, rounds in measured.items():
        rate = statistics.median(len(latencies) / seconds for latencies in rounds)
        percentiles = [1000 * np.percentile(latencies, PERCENTILES) for latencies in rounds]
        cells = [f"{rate:.2f}", *(f"{value:.0f}" for value in np.median(percentiles, axis=0))]
        lines.append(f"{name:{width}}" + "".join(f"{cell:>10}" for cell in cells))
    return lines


def _closed_loop(asking, clients, seconds):
    latencies = []
    end = time.monotonic() + seconds

    def ask():
        with asking() as answered:
            while time.monotonic() < end:
                latencies.append(_seconds(answered))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
