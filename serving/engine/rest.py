"""The REST API of the local server, as TensorFlow Serving's: JSON over plain HTTP."""

import inspect
import json
import logging
import re
import socket
import threading
import zlib
from urllib.parse import unquote

from google.protobuf import json_format
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2
from tensorflow_serving.apis.model_pb2 import ModelSpec
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import get_input_stream

from serving.engine.calls import STATUS_CODES, Call, observed
from serving.engine.json_tensors import parse, read_inputs, write_outputs
from serving.engine.servable import (
    DEFAULT_SIGNATURE,
    INTERNAL,
    INVALID_ARGUMENT,
    NOT_FOUND,
    UNIMPLEMENTED,
    ServingError,
    cut,
)

MODEL = r"(?i)/v1/models(?:/([^/:]+))?(?:/versions/(\d+)|/labels/([^/:]+))?"
RUN = re.compile(MODEL + ":(classify|regress|predict)")
LOOK = re.compile(MODEL + "(/metadata)?")
# gRPC status -> HTTP status (model_servers/http_rest_api_util.cc and http_server.cc).
HTTP = {0: 200, 1: 499, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409}
HTTP |= {2: 500, 11: 400, 12: 501, 13: 500, 14: 503, 15: 500, 16: 401}
RESOURCE_EXHAUSTED = 8
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}


class Application:
    """The API as a WSGI application.

    Args:
        manager: `serving.engine.manager.Manager`.
        observers: Functions that take the `serving.engine.calls.Call` of every request.
        timeout: Seconds that a model may run.
        cors: Whether pages of other sites may call.
        most_bytes: Largest body of a request.
        metrics: `(path, page)` of the metrics, `page` a function that returns bytes; or `None`.
    """

    def __init__(
        self,
        manager,
        *,
        observers=(),
        timeout: float = 30.0,
        cors: bool = False,
        most_bytes: int = 2**31 - 1,
        metrics=None,
    ):
        self._manager = manager
        self._observers = observers
        self._timeout = timeout
        self._most_bytes = most_bytes
        self._headers = CORS if cors else {}
        self._metrics_path, self._metrics_page = metrics or (None, None)

    def __call__(self, environ, start_response):
        """Answers one request, as WSGI prescribes."""
        request = Request(environ)
        peer = f"{request.remote_addr}:{environ.get('REMOTE_PORT', '')}"
        call = Call("REST", request.method, peer, request.content_length or 0)
        with observed(call, self._observers):
            response = self._respond(request, call)
            response.headers.extend(self._headers)
            call.bytes_out = response.content_length
        return response(environ, start_response)

    def _respond(self, request, call):
        path = request.environ["RAW_URI"].partition("?")[0]
        try:
            if request.method == "GET" and path == self._metrics_path:
                call.method = "Metrics"
                return Response(self._metrics_page(), mimetype="text/plain")
            return Response(self._answer(request, path, call), mimetype="application/json")
        except ServingError as error:
            code = error.code
            status = HTTP[error.code]
            text = error.message
        except RequestEntityTooLarge as error:
            code = RESOURCE_EXHAUSTED
            status = 413
            size = "unpacked" if isinstance(error, UnpackedTooLarge) else call.bytes_in
            text = f"Received message larger than max ({size} vs. {self._most_bytes})"
            if size != "unpacked":
                # An answer before the end of the request would be lost with the connection.
                get_input_stream(request.environ).exhaust()
        except HTTPException as error:
            code = INVALID_ARGUMENT
            status = error.code
            text = error.description
        except Exception as error:
            logging.getLogger(__name__).exception("A request failed by a fault of the server.")
            code = INTERNAL
            status = 500
            text = f"{type(error).__name__}: {error}"
        text = cut(text)  # As over gRPC; it can have the whole request in it.
        call.code = STATUS_CODES[code].name
        call.error = text
        return Response(json.dumps({"error": text}), status, mimetype="application/json")

    def _answer(self, request, path, call):
        if request.method == "OPTIONS" and self._headers:
            return ""
        match = {"POST": RUN, "GET": LOOK}.get(request.method, RUN).fullmatch(path)
        if request.method not in ("POST", "GET") or match is None:
            code = INVALID_ARGUMENT if path.startswith("/v1/") else NOT_FOUND
            raise ServingError(code, f"Malformed request: {request.method} {path}")
        name, version, label, what = match.groups()
        if name is None:
            raise ServingError(INVALID_ARGUMENT, "Missing model name in request.")
        spec = ModelSpec(name=unquote(name))
        if label is not None:
            spec.version_label = unquote(label)
        if version is not None:
            if len(version) > 19 or int(version) >= 2**63:
                raise ServingError(
                    INVALID_ARGUMENT, f"Failed to convert version: {version} to numeric."
                )
            spec.version.value = int(version)
        call.describe(spec)
        if request.method == "GET":
            call.method = "GetModelMetadata" if what else "GetModelStatus"
            return self._metadata(spec, call) if what else self._status(spec)
        call.method = what.capitalize()
        if call.method != "Predict":
            raise ServingError(UNIMPLEMENTED, f"The local server has no :{what}. Use :predict.")
        request.max_content_length = self._most_bytes
        body = request.get_data(cache=False)
        if request.headers.get("Content-Encoding", "").strip().lower() == "gzip":
            body = _unpacked(body, self._most_bytes)
        return self._predict(spec, body, call)

    def _predict(self, spec, body, call):
        content, call.signature = parse(body)
        call.signature = call.signature or DEFAULT_SIGNATURE
        with self._manager.acquire(spec) as (call.version, servable):
            if call.signature not in servable.signatures:
                raise ServingError(
                    INVALID_ARGUMENT,
                    f'Serving signature name: "{call.signature}" not found in signature def',
                )
            expected = servable.signatures[call.signature].inputs
            inputs, by_row = read_inputs(content, expected)
            _, outputs = servable.predict(call.signature, inputs, (), self._timeout)
        return write_outputs(outputs, by_row)

    def _status(self, spec):
        statuses = self._manager.statuses(spec)
        return _json(get_model_status_pb2.GetModelStatusResponse(model_version_status=statuses))

    def _metadata(self, spec, call):
        with self._manager.acquire(spec) as (call.version, servable):
            described = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
        served = ModelSpec(name=spec.name)
        served.version.value = call.version
        model_spec = _json(served)
        signatures = _json(described)
        return f'{{"model_spec": {model_spec}, "metadata": {{"signature_def": {signatures}}}}}'


class UnpackedTooLarge(RequestEntityTooLarge):
    """A packed request that has more bytes than the limit when it is unpacked."""


def _unpacked(packed, most_bytes):
    """Returns what a gzip file holds, of which no more than the limit is ever in memory."""
    decompressor = zlib.decompressobj(wbits=31)  # The format of gzip alone.
    try:
        body = decompressor.decompress(packed, most_bytes)
    except zlib.error as error:
        raise ServingError(INVALID_ARGUMENT, f"Failed to decompress the request: {error}") from None
    if decompressor.unconsumed_tail:
        raise UnpackedTooLarge
    if not decompressor.eof:
        raise ServingError(INVALID_ARGUMENT, "Failed to decompress the request: it is cut short")
    return body


class RestServer:
    """Serves an application from threads of its own.

    Args:
        application: `Application`.
        host: Address to listen at.
        port: Port to listen at, 0 for a free one.
        threads: Most requests at the same time; others wait.
        timeout: Seconds that a client may keep silent within a request.

    Attributes:
        port: The port it listens at.

    Raises:
        OSError: If it cannot listen there.
    """

    def __init__(self, application, host: str, port: int, *, threads: int, timeout: float):
        self._permits = threading.Semaphore(threads)
        self._in_flight = 0
        self._changed = threading.Condition()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.create_server((host, port), family=family) as listening:
            self._server = make_server(
                host,
                port,
                self._limited(application),
                threaded=True,
                request_handler=type("Handler", (_QuietHandler,), {"timeout": timeout}),
                fd=listening.fileno(),
            )
        self.port = self._server.port
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self, grace):
        """Takes no more requests, and waits for those in flight.

        Args:
            grace: Most seconds to wait.
        """
        self._server.shutdown()
        self._thread.join()
        with self._changed:
            self._changed.wait_for(lambda: self._in_flight == 0, grace)
        self._server.server_close()

    def _limited(self, application):
        def limited(environ, start_response):
            self._count(1)
            try:
                with self._permits:
                    yield from application(environ, start_response)
            finally:  # When the answer is sent, or its client is gone.
                self._count(-1)

        return limited

    def _count(self, change):
        with self._changed:
            self._in_flight += change
            self._changed.notify_all()


class _QuietHandler(WSGIRequestHandler):
    def log_request(self, *_):
        """Does nothing: the application has observers."""


# Protobuf 5 renamed it.
DEFAULTS, *_ = inspect.signature(json_format.MessageToJson).parameters.keys() & {
    "including_default_value_fields",
    "always_print_fields_with_no_presence",
}


def _json(message):
    return json_format.MessageToJson(message, preserving_proto_field_name=True, **{DEFAULTS: True})
