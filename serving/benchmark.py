"""Measures what serving costs, and what it gains if requests are joined.

python -m serving.benchmark load --export exports/NAME
python -m serving.benchmark batching --export exports/NAME --parameters FILE
"""

import json
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Optional

import jsonargparse
from tqdm import tqdm

from serving.process import QUIET, ended_by, local_server
from tfpix2pix import atomic
from tfpix2pix.errors import InputError, reported
from tfpix2pix.lazily import export as exports
from tfpix2pix.locations import at_home

PARTS = (0.25, 0.5, 0.75, 0.9)  # Of the throughput of the closed loop.


def load(
    export: Path,
    size: int = 256,
    rounds: int = 30,
    clients: tuple[int, ...] = (1, 2, 4, 8, 16, 32),
    seconds: float = 20.0,
    address: Optional[str] = None,
    to: Optional[Path] = None,
):
    """Measures a server against the model alone, then with many clients, and at random requests.

    Args:
        export: Folder of the served model.
        size: Side of the images in pixels.
        rounds: How often model, and model with server and client, are measured in turns.
        clients: How many clients ask one after the other, in turn.
        seconds: How long each count of clients and each rate is measured.
        address: HOST:PORT of a server of this export, such as TensorFlow Serving, under the name of
            the folder; by default a local server is started.
        to: JSON file for the results.
    """
    # After the command line has been read: TensorFlow takes seconds.
    from serving import load as measured_load

    export = export.resolve()
    version = _newest(export)
    with nullcontext() if address else local_server(export) as server:
        asked = (address or server.address, export.name, size)
        results = {"overhead": measured_load.overhead(version, *asked, rounds)}
        results["closed"] = {
            count: measured_load.closed_loop(*asked, count, seconds)
            for count in tqdm(clients, "Closed loop", unit=" counts")
        }
        capacity = max(map(len, results["closed"].values())) / seconds
        rates = [round(part * capacity, 2) for part in PARTS]
        results["open"] = {
            rate: measured_load.open_loop(*asked, rate, seconds)
            for rate in tqdm(rates, "Open loop", unit=" rates")
        }
    print("\n".join(measured_load.table(results, seconds)))
    if to:
        atomic.write_bytes(json.dumps(results, indent=1).encode(), to)


def batching(
    export: Path,
    parameters: Optional[Path] = None,
    size: int = 256,
    rounds: int = 3,
    clients: int = 8,
    seconds: float = 10.0,
):
    """Measures in turns local servers that join requests and that do not, with many clients.

    Args:
        export: Folder of the served model, of images with three channels.
        parameters: Text file of BatchingParameters.
        size: Side of the images in pixels.
        rounds: How often each is measured.
        clients: How many clients ask one after the other.
        seconds: How long each is measured.
    """
    from serving import load as measured_load

    export = export.resolve()
    _newest(export)
    flags = ["--enable_batching", "true"]
    flags += ["--batching_parameters_file", parameters] if parameters else []
    with local_server(export) as single, local_server(export, *QUIET, *flags) as joining:
        asked = (export.name, size, clients, seconds)
        loops = {
            f"{images}, {how}": partial(loop, server.address, *asked)
            for images, loop in (
                ("files", measured_load.closed_loop),
                ("floats", measured_load.closed_loop_of_floats),
            )
            for how, server in (("one by one", single), ("joined", joining))
        }
        measured = measured_load.compared(loops, rounds)
    print("\n".join(measured_load.compared_table(measured, seconds)))


def _newest(export):
    numbers = exports.versions(export) if export.is_dir() else []
    if not numbers:
        raise InputError(
            f"The export must be a folder with versions. Received: {str(export)!r}. Make one with "
            "`python -m serving.export`."
        )
    return export / str(numbers[-1])


if __name__ == "__main__":
    with reported(), ended_by(RuntimeError):
        jsonargparse.auto_cli(
            {"load": load, "batching": batching},
            args=at_home(),
            as_positional=False,
            prog="python -m serving.benchmark",
        )
