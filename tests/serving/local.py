"""Local servers to point clients at, and images to send."""

import io
import threading
import time
from concurrent import futures
from contextlib import contextmanager

import grpc
import numpy as np
from PIL import Image
from tensorflow_serving.apis import prediction_service_pb2_grpc
from werkzeug.serving import make_server

from serving.engine.manager import Manager
from serving.engine.model_config import configuration
from serving.engine.rest import Application
from serving.engine.services import PredictionService
from tfpix2pix.data import images


def picture(index=0, size=(8, 12)):
    """Returns `(file, pixels)`: the bytes of a PNG file, and what is in it."""
    pixels = np.random.default_rng(index).integers(0, 256, (*size, 3)).astype("uint8")
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "png")
    return encoded.getvalue(), pixels


def check_translated(encoded, generator, pixels):
    """Asserts that a file has what the generator makes, up to a rounding."""
    made = generator(images.to_signed(pixels)[None], training=False)
    served = np.asarray(Image.open(io.BytesIO(encoded))).astype(int)
    assert np.abs(served - images.to_pixels(made)[0].numpy().astype(int)).max() <= 1


def until(condition, seconds=60):
    """Waits until a condition holds; fails if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


class Interceptor(grpc.ServerInterceptor):
    """Counts calls and refuses some, each with its `(code, details)`, after `passed` others."""

    def __init__(self, *refusals, passed=0):
        self.refusals, self.passed, self.calls = list(refusals), passed, 0

    def intercept_service(self, continuation, details):
        self.calls += 1
        handler = continuation(details)
        place = self.calls - self.passed - 1
        if not 0 <= place < len(self.refusals):
            return handler
        refusal = self.refusals[place]
        return grpc.unary_unary_rpc_method_handler(lambda _, context: context.abort(*refusal))


@contextmanager
def serving(manager, *refusals, passed=0, port=0, credentials=None, options=()):
    """Serves over gRPC; yields `(address, interceptor)`."""
    interceptor = Interceptor(*refusals, passed=passed)
    server = grpc.server(futures.ThreadPoolExecutor(4), interceptors=[interceptor], options=options)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        PredictionService(manager), server
    )
    address = f"127.0.0.1:{port}"
    bound = (
        server.add_insecure_port(address)
        if credentials is None
        else server.add_secure_port(address, credentials)
    )
    server.start()
    try:
        yield f"127.0.0.1:{bound}", interceptor
    finally:
        server.stop(None).wait()


@contextmanager
def managed(folder):
    """Yields the manager of a folder of models."""
    manager = Manager(configuration(folder)).start()
    try:
        yield manager
    finally:
        manager.stop()


@contextmanager
def resting(manager, ssl_context=None, **options):
    """Serves over REST, behind TLS where there is a context; yields the URL."""
    application = Application(manager, **options)
    server = make_server("127.0.0.1", 0, application, threaded=True, ssl_context=ssl_context)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http{'s' if ssl_context else ''}://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
