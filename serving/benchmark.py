"""Measures what serving costs, and what it endures.

`python -m serving.benchmark load --export exports/NAME` measures a server, `python -m
serving.benchmark freezing --export exports/NAME` constants against variables in the graph, and
`python -m serving.benchmark faults --to FOLDER` changes versions under load, sends malformed
requests, and kills the server.
"""

import json
import statistics
from pathlib import Path
from typing import Optional

import tfpix2pix  # noqa: F401, sets what TensorFlow reads on import.

# isort: split
import jsonargparse

from serving.benchmarks import faults as measured_faults
from serving.benchmarks import freezing as measured_freezing
from serving.benchmarks import load as measured_load
from serving.process import ended_by, local_server
from tfpix2pix import atomic
from tfpix2pix.errors import InputError, reported
from tfpix2pix.export import versions


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
    export = export.resolve()
    numbers = versions(export) if export.is_dir() else []
    if not numbers:
        raise InputError(
            f"The export must be a folder with versions. Received: {str(export)!r}. Make one with "
            "`python -m serving.export`."
        )
    options = (export / str(numbers[-1]), export.name, size, rounds, clients, seconds)
    if address is None:
        with local_server(export) as server:
            results = _load(server.address, *options)
    else:
        results = _load(address, *options)
    print("\n".join(measured_load.table(results, seconds)))
    _write(results, to)


def freezing(export: Path, size: int = 256, rounds: int = 15, to: Optional[Path] = None):
    """Measures the signature of floats with its weights as variables, and frozen to constants.

    Args:
        export: Folder of the served model.
        size: Side of the images in pixels.
        rounds: How often each is measured, in turns.
        to: JSON file for the results.
    """
    results = measured_freezing.measure(export / str(versions(export)[-1]), size, rounds)
    medians = {name: statistics.median(seconds) for name, seconds in results.items()}
    for name, median in medians.items():
        print(f"{name:10} {1000 * median:8.1f} ms {median / medians['variables']:6.2f}")
    _write(results, to)


def faults(
    to: Path,
    requests: int = 10_000,
    swaps: int = 10,
    malformed: int = 2000,
    survivors: int = 1000,
):
    """Tries the local server and the client with tiny models; a fault ends it with exit code 1.

    Args:
        to: New folder for the models, and for results.json.
        requests: Requests while versions change, at least.
        swaps: How many new versions are published meanwhile.
        malformed: Malformed requests.
        survivors: Images that are translated while the server is killed and started again.
    """
    to.mkdir(parents=True)
    answered = measured_faults.swaps(to / "swaps", requests, swaps)
    print(
        f"{sum(answered.values())} requests, none lost or mixed up, by versions "
        f"{', '.join(f'{version}: {count}' for version, count in answered.items())}."
    )
    statuses, megabytes = measured_faults.nonsense(to / "malformed", malformed)
    print(f"{malformed} malformed requests, none with a wrong status:")
    print("\n".join(f"  {kind:30} {count:6}" for kind, count in statuses.items()))
    print(f"Memory from {megabytes[0]:.0f} to {megabytes[-1]:.0f} MB.")
    seconds = measured_faults.death(to / "death", survivors)
    print(
        f"{survivors} images translated, the server killed amid them; they waited {seconds:.1f} s."
    )
    results = {"swaps": answered, "malformed": statuses, "megabytes": megabytes, "death": seconds}
    _write(results, to / "results.json")


def _load(address, version, *options):
    return measured_load.measure(version, address, *options)


def _write(results, path):
    if path is not None:
        atomic.write_bytes(json.dumps(results, indent=1).encode(), path)


if __name__ == "__main__":
    with reported(), ended_by(RuntimeError):
        jsonargparse.auto_cli(
            {"load": load, "freezing": freezing, "faults": faults},
            as_positional=False,
            prog="python -m serving.benchmark",
        )
