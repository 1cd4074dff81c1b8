"""A local server with the APIs of TensorFlow Serving, for machines without it.

    python -m serving.server --models FOLDER --port 8500 --rest_api_port 8501

It runs SavedModels as TensorFlow Serving 2.15 does, through a session, so that answers and error
texts are the same. With --enable_batching it joins requests into batches as that does; use
TensorFlow Serving itself for throughput.
"""

import os

os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")

import jsonargparse

from serving.engine.flags import Flags
from serving.process import ended_by
from tfpix2pix.errors import reported
from tfpix2pix.locations import at_home


def main():
    """Serves as the command line says."""
    flags = jsonargparse.auto_cli(
        Flags, args=at_home(), as_positional=False, prog="python -m serving.server"
    )
    # After the command line has been read: TensorFlow takes seconds.
    from serving.engine.running import serve
    from serving.engine.servable import ServingError

    with ended_by(ServingError):
        serve(flags)


if __name__ == "__main__":
    with reported():
        main()
