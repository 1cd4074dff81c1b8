"""A page on which anybody can draw, and see what a model makes of the drawing.

    python -m serving.demo --address HOST:PORT --model NAME
    python -m serving.demo --export FOLDER
    python -m serving.demo --run FOLDER

Besides the page, its programming interface is at `/gradio_api/call/translate`; the page's foot
shows how to use it.
"""

import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Optional

import jsonargparse

from serving.client import Client
from serving.client.failures import BadArgument, ClientError
from serving.page.layout import build, launch
from serving.page.translator import Translator

PATIENCE = 1.0  # Seconds: a visitor is told soon that the server is away.


def main(
    address: Optional[str] = None,
    model: Optional[str] = None,
    export: Optional[Path] = None,
    run: Optional[Path] = None,
    host: str = "127.0.0.1",
    port: int = 7860,
):
    """Shows the page until Ctrl-C.

    Args:
        address: HOST:PORT of a server; several with commas between.
        model: Name of the model at `address`.
        export: Folder of a served model instead, which a local server then serves.
        run: Folder of a run instead, exported to a temporary folder first.
        host: Address of the page; other machines reach only 0.0.0.0 or an address of this one.
        port: Port of the page.
    """
    sources = {"--address": address, "--export": export, "--run": run}
    given = [name for name, value in sources.items() if value is not None]
    if len(given) != 1 or (address is None) != (model is None):
        raise BadArgument(
            "One of --address with --model, --export and --run must be given. Received: "
            f"{' '.join([*given, *['--model'] * (model is not None)]) or 'none'}. Choose one."
        )
    with ExitStack() as stack:
        if run is not None:
            export = Path(stack.enter_context(tempfile.TemporaryDirectory())) / run.resolve().name
            _export(run, export)
        if export is not None:
            model = export.resolve().name
            address = stack.enter_context(_local_server(export.resolve()))
        client = stack.enter_context(Client(address, model, patience=PATIENCE))
        launch(build(Translator(client, model)), host, port)


@contextmanager
def _local_server(folder):
    """Serves the model of a folder; yields the address."""
    # Only here is TensorFlow needed.
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    from serving.engine.listening import start
    from serving.engine.manager import Manager
    from tfpix2pix.export import versions

    if not folder.is_dir() or not versions(folder):
        raise BadArgument(
            "The folder of a served model must contain numbered versions. Received: "
            f"{folder}, which has none. Make one with `python -m serving.export --run RUN --to "
            f"{folder}`."
        )
    config = ModelServerConfig()
    config.model_config_list.config.add(
        name=folder.name, base_path=str(folder), model_platform="tensorflow"
    )
    manager = Manager(config).start()
    try:
        server, port = start(manager)
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(grace=5).wait()
    finally:
        manager.stop()


def _export(run, folder):
    from serving.export import main as export
    from tfpix2pix.errors import InputError

    try:
        export(str(run), str(folder))
    except InputError as error:
        raise BadArgument(str(error)) from None


if __name__ == "__main__":
    try:
        jsonargparse.auto_cli(main, as_positional=False)
    except (BadArgument, ClientError, OSError) as error:
        sys.exit(f"error: {error}")
