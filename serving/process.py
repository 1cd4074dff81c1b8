"""The local server as a program of its own, and how programs end."""

import json
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Union

from serving.client.failures import BadArgument

READY = re.compile(r"Running gRPC ModelServer at (\S+)")
STOPPING = 30  # Seconds that requests on the way may still take.
# Without a line for each request, and with as many at once as a measurement likes.
QUIET = ("--log_format", "none", "--grpc_max_threads", "64")


class Server:
    """A local server in its own process.

    Args:
        flags: Flags of `serving.server`.
        port: Port of gRPC, 0 for a free one.

    Attributes:
        process: `subprocess.Popen`.
        address: `"host:port"` of gRPC.

    Raises:
        RuntimeError: If it does not start; the message is the server's own.
    """

    def __init__(self, *flags, port: int = 0):
        command = [sys.executable, "-m", "serving.server", "--port", port, *flags]
        self.process = subprocess.Popen(
            [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        ready = READY.search(self.process.stdout.readline())
        if ready is None:
            raise RuntimeError(f"The server did not start: {self.process.communicate()[1]}")
        self.address = ready[1]

    def stop(self):
        """Lets requests on the way finish, then ends."""
        self.process.terminate()
        self.process.communicate(timeout=STOPPING)

    def kill(self):
        """Ends at once, as a crash does."""
        self.process.kill()
        self.process.communicate()


@contextmanager
def local_server(export: Union[str, Path], *flags):
    """Serves one model, and no other of the same folder, within a block.

    A SIGTERM ends the program in order within the block, and so the server too.

    Args:
        export: Folder of the served model, with numbered versions; its name is the model's name.
        flags: Flags of `serving.server` besides; by default it logs nothing.

    Yields:
        `Server`.

    Raises:
        BadArgument: If the folder has no version.
        RuntimeError: If the server does not start.
    """
    folder = Path(export).resolve()
    if not folder.is_dir() or not any(path.name.isdecimal() for path in folder.iterdir()):
        raise BadArgument(
            "The folder of a served model must contain numbered versions. Received: "
            f"{folder}, {_instead(folder)}"
        )
    # A string of JSON is one of the text format too.
    name, base_path = map(json.dumps, (folder.name, str(folder)))
    with _ended_in_order(), tempfile.TemporaryDirectory() as temporary:
        config = Path(temporary, "models.config")
        config.write_text(
            f"model_config_list {{ config {{ name: {name} base_path: {base_path} "
            'model_platform: "tensorflow" } }\n',
            "utf-8",
        )
        server = Server("--model_config_file", config, *(flags or QUIET))
        try:
            yield server
        finally:
            server.stop()


def _instead(folder):
    if (folder / "saved_model.pb").is_file():
        parent = shlex.quote(str(folder.parent))
        return f"which is a version. Give the model, --export {parent}."
    misnamed = [path.parent.name for path in sorted(folder.glob("*/saved_model.pb"))]
    if misnamed:
        return f"with the versions {', '.join(misnamed)}. Name them by numbers, such as 1."
    to = shlex.quote(str(folder))
    return f"which has none. Make one with `python -m serving.export --run RUN --to {to}`."


@contextmanager
def _ended_in_order():
    """Lets SIGTERM raise `SystemExit`, so that what the program has started is stopped."""
    if threading.current_thread() is not threading.main_thread():  # Only there can it be.
        yield
        return
    previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


@contextmanager
def ended_by(*errors):
    """Ends a program on an error with its message on the standard error, and status 1.

    `tfpix2pix.errors.reported` does so for errors of the library, which the client does without;
    of Ctrl-C as well.

    Args:
        errors: Classes of exceptions; any other passes with its traceback.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    except errors as error:
        sys.exit(f"error: {error}")
