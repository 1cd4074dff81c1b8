"""Load: how fast a server answers, alone and to many, and how much of that is not the model."""

import asyncio
import io
import random
import statistics
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tensorflow_serving.apis import predict_pb2
from tqdm import tqdm

from serving.client import AsyncClient, Client
from serving.client.connection import Target, translation
from serving.engine.servable import Servable

WARM_UP = 3  # Requests before anything is measured: oneDNN prepares itself for a size.
PERCENTILES = (50, 95, 99)


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
    latencies = []
    end = time.monotonic() + seconds

    def ask():
        with Client(address, model) as client:
            while time.monotonic() < end:
                latencies.append(_seconds(lambda: client.translate(image)))

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


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


def _seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start
