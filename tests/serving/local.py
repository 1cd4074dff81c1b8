"""Local servers to point clients at, and images to send."""

import base64
import io
import json
import threading
from concurrent import futures
from contextlib import contextmanager

import grpc
import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import prediction_service_pb2_grpc
from tensorflow_serving.apis.model_pb2 import ModelSpec
from werkzeug.routing import Map, Rule
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from serving.engine.servable import ServingError
from serving.engine.services import PredictionService
from tfpix2pix.data import images

STATUSES = {3: 400, 9: 400, 5: 404}  # As TensorFlow Serving's REST API answers.
RULES = Map(
    [
        Rule("/v1/models/<name>:predict", defaults={"version": None}),
        Rule("/v1/models/<name>/versions/<int:version>:predict"),
    ]
)


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


class Interceptor(grpc.ServerInterceptor):
    """Counts calls and refuses the first ones, each with its `(code, details)`."""

    def __init__(self, *refusals):
        self.refusals, self.calls = list(refusals), 0

    def intercept_service(self, continuation, details):
        self.calls += 1
        handler = continuation(details)
        if self.calls > len(self.refusals):
            return handler
        refusal = self.refusals[self.calls - 1]
        return grpc.unary_unary_rpc_method_handler(lambda _, context: context.abort(*refusal))


@contextmanager
def serving(manager, *refusals, port=0, credentials=None, options=()):
    """Serves over gRPC; yields `(address, interceptor)`."""
    interceptor = Interceptor(*refusals)
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
def resting(manager, ssl_context=None):
    """Serves `:predict` over REST in the JSON of TensorFlow Serving; yields the URL."""

    @Request.application
    def application(request):
        _, asked = RULES.bind_to_environ(request.environ).match()
        spec = ModelSpec(name=asked["name"])
        if asked["version"] is not None:
            spec.version.value = asked["version"]
        files = [base64.b64decode(row["b64"]) for row in request.get_json()["instances"]]
        inputs = {"image_bytes": tf.make_tensor_proto(np.array(files, object))}
        try:
            with manager.acquire(spec) as (_, servable):
                _, outputs = servable.predict("", inputs, ())
        except ServingError as error:
            return Response(json.dumps({"error": error.message}), STATUSES[error.code])
        encoded = [base64.b64encode(png).decode() for png in outputs["output_bytes"]]
        return Response(json.dumps({"predictions": [{"b64": png} for png in encoded]}))

    server = make_server("127.0.0.1", 0, application, threaded=True, ssl_context=ssl_context)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http{'s' if ssl_context else ''}://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
