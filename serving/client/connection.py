"""Connections to a server of the TensorFlow Serving API by gRPC, and what all of them share."""

import random
import ssl
import struct
import time
from pathlib import Path
from typing import NamedTuple, Optional

import grpc
import grpc.aio

from serving.client.failures import BadArgument, Code, Overloaded, ServerUnavailable, failure
from serving.client.messages import TYPES, PredictRequest, PredictResponse
from serving.client.proxies import is_loopback, proxy_cure
from serving.client.selections import Selection, Value

PREDICT = "/tensorflow.serving.PredictionService/Predict"
OPTIONS = (
    # One 1024-pixel image as floats exceeds gRPC's default of 4 MiB; Serving itself allows 2 GiB.
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    # By default gRPC looks for a server that comes back only after up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.lb_policy_name", "round_robin"),  # Where one name stands for several servers.
)
# Translating an image twice does no harm, so these may be tried again. What took too long or was
# refused would be so again.
TRANSIENT = (ServerUnavailable, Overloaded)
# Seconds.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


class Certificates(NamedTuple):
    """Files of TLS, in PEM.

    Attributes:
        ca: Certificates of the authorities that vouch for the server.
        cert: Of this client, where the server asks for one.
        key: The key of `cert`.
    """

    ca: Path
    cert: Optional[Path] = None
    key: Optional[Path] = None


class Call(NamedTuple):
    """What to ask a model.

    Attributes:
        signature: Name of the signature; the default one is `""`.
        inputs: Dict of name to `serving.client.selections.Value`, of one example.
        output: Name of the output to return.
        dtype: Its type: "string", whose bytes are returned, or "float32", a list of floats.
    """

    signature: str
    inputs: dict
    output: str
    dtype: str = "string"


MODEL_CARD = Call("model_card", {"request": Value("string", (), b"")}, "model_card")


def translation(image, selection=Selection()):  # noqa: B008, it is immutable.
    """Returns the `Call` that translates the bytes of an image file.

    Args:
        image: bytes.
        selection: `serving.client.selections.Selection`; by default the first direction, without
            controls.
    """
    inputs = {"image_bytes": Value("string", (), image), **selection.values}
    return Call(selection.signature, inputs, "output_bytes")


def embedding_call(image, signature):
    """Returns the `Call` that makes a vector of the bytes of an image file.

    Args:
        image: bytes.
        signature: Name of the signature of an embedding.
    """
    return Call(signature, {"image_bytes": Value("string", (), image)}, "embedding", "float32")


class Target(NamedTuple):
    """A model of a server, and how to ask it.

    Attributes:
        address: `"host:port"` for gRPC; a URL such as `"http://host:8501"` for REST.
        model: Name of the served model.
        version: Version of the model, `None` for the newest.
        timeout: Seconds that one answer may take.
        certificates: `Certificates`; with `None` gRPC goes without TLS, and an https URL is
            trusted by the system's authorities.
    """

    address: str
    model: str
    version: Optional[int] = None
    timeout: float = 60.0
    certificates: Optional[Certificates] = None

    @property
    def rest(self):
        """Whether the address is one of REST."""
        return self.address.startswith(("http://", "https://"))

    def request(self, call):
        """Returns the `PredictRequest` of a `Call`."""
        request = PredictRequest()
        request.model_spec.name = self.model
        request.model_spec.signature_name = call.signature
        if self.version is not None:
            request.model_spec.version.value = self.version
        for name, value in call.inputs.items():
            tensor = request.inputs[name]
            number, field = TYPES[value.dtype]
            tensor.dtype = number
            for side in (1, *value.shape):
                tensor.tensor_shape.dim.add(size=side)
            leaves = [leaf.encode() if isinstance(leaf, str) else leaf for leaf in value.leaves]
            getattr(tensor, field).extend(leaves)
        return request

    def output(self, call, response):
        """Returns the bytes, or the floats, that a `PredictResponse` has for a `Call`."""
        tensor = response.outputs[call.output]
        if call.dtype == "string":
            values = tensor.string_val
        elif tensor.tensor_content:
            values = [value for (value,) in struct.iter_unpack("<f", tensor.tensor_content)]
        else:
            values = list(tensor.float_val)
        if not values:
            raise self.failure(Code.FAILED_PRECONDITION, f"an answer without `{call.output}`")
        return values[0] if call.dtype == "string" else values

    def failure(self, code, details: str):
        """Returns the `ClientError` for what was answered."""
        return failure(self.address, self.model, code, details, proxy_cure(self.address))


class GrpcConnection:
    """A gRPC connection.

    Args:
        target: `Target`.
    """

    def __init__(self, target):
        self.target = target
        self._channel = _channel(grpc, target)
        self._predict = _predict(self._channel)

    def answer(self, call):
        """Returns the answer to a `Call`, bytes or floats; raises `ClientError`."""
        try:
            response = self._predict(self.target.request(call), timeout=self.target.timeout)
        except grpc.RpcError as error:
            raise self.target.failure(error.code(), error.details() or "") from None
        return self.target.output(call, response)

    def close(self):
        """Closes the connection."""
        self._channel.close()


class AsyncGrpcConnection:
    """A gRPC connection for asyncio.

    Args:
        target: `Target`.
    """

    def __init__(self, target):
        self.target = target
        self._channel = _channel(grpc.aio, target)
        self._predict = _predict(self._channel)

    async def answer(self, call):
        """Returns the answer to a `Call`, bytes or floats; raises `ClientError`."""
        try:
            response = await self._predict(self.target.request(call), timeout=self.target.timeout)
        except grpc.RpcError as error:
            raise self.target.failure(error.code(), error.details() or "") from None
        return self.target.output(call, response)

    async def close(self):
        """Closes the connection."""
        await self._channel.close()


def tls_context(certificates):
    """Returns the `ssl.SSLContext` of `Certificates`, or the system's for `None`.

    Raises:
        BadArgument: If a file is not what it must be.
    """
    if certificates is None:
        return ssl.create_default_context()
    try:
        context = ssl.create_default_context(cafile=certificates.ca)
        if certificates.cert is not None:
            # The empty password keeps an encrypted key from being asked for at the terminal.
            context.load_cert_chain(certificates.cert, certificates.key, password="")
    except OSError as error:
        names = ", ".join(str(path) for path in certificates if path is not None)
        raise BadArgument(
            "TLS needs PEM files, and the key of the certificate, unencrypted. Received: "
            f"{names}: {error}. Correct the files."
        ) from error
    return context


def attempts(connections, turn, patience):
    """Yields the connection to ask next and the seconds to wait before, until patience is over.

    Every address is asked once without a pause; then the pauses double, with jitter, so that many
    clients do not come back at the same moment.

    Args:
        connections: The servers' connections.
        turn: Index of the one to ask first; taken modulo their number.
        patience: Seconds from the first failure within which it is tried again.

    Yields:
        `(pause, connection)`.
    """
    order = [connections[(turn + index) % len(connections)] for index in range(len(connections))]
    yield 0, order[0]
    end = time.monotonic() + patience
    for connection in order[1:]:
        yield 0, connection
    pause = FIRST_PAUSE
    index = 0
    while (left := end - time.monotonic()) > 0:
        yield min(pause * random.uniform(0.5, 1.0), left), order[index % len(order)]
        pause = min(2 * pause, LONGEST_PAUSE)
        index += 1


def _channel(api, target):
    options = [*OPTIONS, ("grpc.enable_http_proxy", int(not is_loopback(target.address)))]
    if target.certificates is None:
        return api.insecure_channel(target.address, options)
    tls_context(target.certificates)  # gRPC would report wrong files as a server that is away.
    ca, cert, key = (None if path is None else path.read_bytes() for path in target.certificates)
    return api.secure_channel(target.address, grpc.ssl_channel_credentials(ca, key, cert), options)


def _predict(channel):
    return channel.unary_unary(
        PREDICT,
        request_serializer=PredictRequest.SerializeToString,
        response_deserializer=PredictResponse.FromString,
    )
