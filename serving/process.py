"""The local server as a program of its own."""

import re
import subprocess
import sys
from contextlib import contextmanager

READY = re.compile(r"Running gRPC ModelServer at (\S+)")
STOPPING = 30  # Seconds that requests on the way may still take.
# Without a line for each request, and with as many at once as a measurement likes.
QUIET = ("--log_format", "none", "--grpc_max_threads", "64")


class Server:
    """A local server in its own process.

    Args:
        models: Folder of MODEL/VERSION folders.
        port: Port of gRPC, 0 for a free one.
        flags: Further flags of `serving.server`.

    Attributes:
        process: `subprocess.Popen`.
        address: `"host:port"` of gRPC.

    Raises:
        RuntimeError: If it does not start; the message is what it said.
    """

    def __init__(self, models, *flags, port=0):
        command = [sys.executable, "-m", "serving.server", "--models", models, "--port", port]
        self.process = subprocess.Popen(
            [*map(str, command), *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
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
def serving(models, *flags):
    """Runs a `Server` within a block; yields it."""
    server = Server(models, *flags)
    try:
        yield server
    finally:
        server.stop()
