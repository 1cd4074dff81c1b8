"""What is observed of every request, over gRPC and REST alike."""

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Optional

import grpc

STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass
class Call:
    """One request and what became of it.

    Attributes:
        api: `"GRPC"` or `"REST"`.
        method: Such as `"Predict"`.
        peer: Address of the client.
        bytes_in: Size of the request.
        model: Name of the model that was asked for.
        version: Its version, `None` where none was found or named.
        signature: Name of the signature.
        code: Name of the gRPC status.
        milliseconds: Time until the answer was ready to be sent.
        bytes_out: Size of the answer.
        error: Text of the error, empty without one.
    """

    api: str
    method: str
    peer: str
    bytes_in: int = 0
    model: str = ""
    version: Optional[int] = None
    signature: str = ""
    code: str = "OK"
    milliseconds: float = 0.0
    bytes_out: int = 0
    error: str = ""

    def describe(self, spec):
        """Takes over what a `ModelSpec` names."""
        self.model = spec.name
        self.signature = spec.signature_name
        if spec.HasField("version"):
            self.version = spec.version.value


@contextmanager
def observed(call, observers):
    """Times a block and then shows the call to all observers.

    Args:
        call: `Call`, to be completed within the block.
        observers: Functions that take it.
    """
    start = time.perf_counter()
    try:
        yield
    finally:
        call.milliseconds = round(1000 * (time.perf_counter() - start), 3)
        for observe in observers:
            observe(call)


class Interceptor(grpc.ServerInterceptor):
    """Shows the gRPC calls of a server to observers.

    Args:
        observers: Functions that take a `Call`.
    """

    def __init__(self, observers):
        self._observers = observers

    def intercept_service(self, continuation, handler_call_details):
        """Wraps the methods with one request and one answer."""
        handler = continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        method = handler_call_details.method.rpartition("/")[2]

        def answer(request, context):
            call = Call("GRPC", method, context.peer(), request.ByteSize())
            if hasattr(request, "model_spec"):
                call.describe(request.model_spec)
            with observed(call, self._observers):
                try:
                    response = handler.unary_unary(request, context)
                except Exception as error:
                    # `abort` has set a code; without one gRPC makes it UNKNOWN.
                    call.code = (context.code() or grpc.StatusCode.UNKNOWN).name
                    call.error = (context.details() or b"").decode() or repr(error)
                    raise
                call.bytes_out = response.ByteSize()
                if hasattr(response, "model_spec"):
                    call.describe(response.model_spec)
                return response

        return grpc.unary_unary_rpc_method_handler(
            answer, handler.request_deserializer, handler.response_serializer
        )
