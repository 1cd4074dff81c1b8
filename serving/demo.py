"""A page on which anybody can draw, and see what a model makes of the drawing.

    python -m serving.demo
    python -m serving.demo --address HOST:PORT --model NAME
    python -m serving.demo --export FOLDER
    python -m serving.demo --run FOLDER --index index.npz

Besides the page, its programming interface is at `/gradio_api/call/translate`; the page's foot
shows how to use it.
"""

import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Literal, Optional

import jsonargparse

from serving.client import Client
from serving.client.failures import BadArgument, ClientError
from serving.process import QUIET, ended_by, local_server

SHIPPED = Path(__file__).parent / "models/edges2cats"  # It comes with the repository.
PATIENCE = 1.0  # Seconds: a visitor learns soon that the server is away.


def main(
    address: Optional[str] = None,
    model: Optional[str] = None,
    export: Optional[Path] = None,
    run: Optional[Path] = None,
    index: Optional[Path] = None,
    host: str = "127.0.0.1",
    port: int = 7860,
    precision: Literal["float32", "auto_bfloat16"] = "float32",
):
    """Shows the page until Ctrl-C, on the model that comes with the repository or on another.

    Args:
        address: HOST:PORT of a server; several with commas between.
        model: Name of the model at `address`.
        export: Folder of a served model instead, which a local server then serves.
        run: Folder of a run instead, exported to a temporary folder first.
        index: NPZ file of an index that the model has made, from which the page shows look-alikes.
        host: Address of the page; other machines reach only 0.0.0.0 or an address of this one.
        port: Port of the page.
        precision: What the local server computes in; auto_bfloat16 is faster on processors that
            have bfloat16.
    """
    # A shell leaves `~` in quotes and after an equals sign.
    export, run, index = (path and Path(path).expanduser() for path in (export, run, index))
    sources = {"--address": address, "--export": export, "--run": run}
    named = [name for name, value in sources.items() if value is not None]
    if len(named) > 1 or (address is None) != (model is None):
        if model is not None:
            named.append("--model")
        raise BadArgument(
            "At most one of --address with --model, --export and --run may be given. Received: "
            f"{' '.join(named)}. Choose one."
        )
    if address is not None and precision != "float32":
        raise BadArgument(
            "A server that runs has a precision of its own. Received: --address with --precision "
            f"{precision}. Start `python -m serving.server` with --mixed_precision bfloat16."
        )
    if not named:
        export = _shipped()
    # After the command line has been read: Gradio takes seconds.
    from serving.page.layout import build, launch, own_folder
    from serving.page.translator import Translator

    with ExitStack() as stack:
        if run is not None:
            export = Path(stack.enter_context(tempfile.TemporaryDirectory())) / run.resolve().name
            _export(run, export)
        if export is not None:
            model = export.resolve().name
            flags = () if precision == "float32" else ("--mixed_precision", "bfloat16")
            address = stack.enter_context(local_server(export, *QUIET, *flags)).address
        client = stack.enter_context(Client(address, model, patience=PATIENCE))
        gallery = None
        if index is not None:
            from serving.page.gallery import Gallery  # It takes seconds to import TensorFlow.

            gallery = Gallery(client, index)
        stack.enter_context(own_folder())
        page = build(Translator(client, model), gallery)
        launch(page, host, port)
        stack.callback(page.close, verbose=False)
        computed = "" if precision == "float32" else f", in {precision}"
        print(f"The page is at {page.local_url}{computed}; Ctrl-C ends it.", flush=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: sys.exit(0))  # What has started is stopped in order.
        threading.Event().wait()


def _shipped():
    if not SHIPPED.is_dir():
        raise BadArgument(
            f"The model that comes with the repository must be in {SHIPPED}. Received: no such "
            "folder. Get it with `git checkout -- serving/models`, or name a model of yours: "
            "--export FOLDER, --run FOLDER, or --address HOST:PORT with --model NAME."
        )
    return SHIPPED


def _export(run, folder):
    """Exports a run by the program, so that the page needs no TensorFlow in its process."""
    command = [sys.executable, "-m", "serving.export", "--run", str(run), "--to", str(folder)]
    status = subprocess.run(command, check=False).returncode
    if status:  # The program has printed why.
        sys.exit(status)


if __name__ == "__main__":
    with ended_by(BadArgument, ClientError, OSError, RuntimeError):
        jsonargparse.auto_cli(main, as_positional=False, prog="python -m serving.demo")
