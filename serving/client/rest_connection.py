"""Connections to a server of the TensorFlow Serving API by REST, where only HTTP passes."""

import asyncio
import base64
import http.client
import json
import socket
import urllib.error
import urllib.parse
import urllib.request

from serving.client.connection import tls_context
from serving.client.failures import Code
from serving.client.proxies import is_loopback

# An HTTP status -> the code that TensorFlow Serving's REST API means by it; 413 and 502 come from
# proxies before it.
STATUSES = {
    400: Code.INVALID_ARGUMENT,
    401: Code.UNAUTHENTICATED,
    403: Code.PERMISSION_DENIED,
    404: Code.NOT_FOUND,
    429: Code.RESOURCE_EXHAUSTED,
    501: Code.UNIMPLEMENTED,
    502: Code.UNAVAILABLE,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}


class RestConnection:
    """The REST API, for networks that let only HTTP pass; images travel as base64.

    Args:
        target: `Target`.
    """

    def __init__(self, target):
        self.target = target
        version = "" if target.version is None else f"/versions/{target.version}"
        name = urllib.parse.quote(target.model, safe="")
        self._url = f"{target.address.rstrip('/')}/v1/models/{name}{version}:predict"
        handlers = [urllib.request.HTTPSHandler(context=tls_context(target.certificates))]
        if is_loopback(target.address):
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def answer(self, call):
        """Returns the answer to a `Call`, bytes or floats; raises `ClientError`."""
        row = {name: _json(value.numbers) for name, value in call.inputs.items()}
        body = json.dumps(
            # Where there is a single input, the API takes it without its name too.
            {
                "signature_name": call.signature or "serving_default",
                "instances": [row if len(row) > 1 else next(iter(row.values()))],
            }
        )
        request = urllib.request.Request(
            self._url, body.encode("ascii"), {"Content-Type": "application/json"}
        )
        failure = self.target.failure
        try:
            with self._opener.open(request, timeout=self.target.timeout) as response:
                answer = response.read()
        except urllib.error.HTTPError as error:
            details = error.read().decode("utf-8", "replace")
            if error.code == 413:
                raise failure(Code.RESOURCE_EXHAUSTED, f"larger than max: {details}") from None
            raise failure(STATUSES.get(error.code, Code.INTERNAL), _error_text(details)) from None
        except http.client.BadStatusLine as error:
            said = f"an answer that is no HTTP: {error.line[:12]}"
            raise failure(Code.UNAVAILABLE, said) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            slow = isinstance(reason, socket.timeout)
            code = Code.DEADLINE_EXCEEDED if slow else Code.UNAVAILABLE
            raise failure(code, str(reason)) from None
        try:
            (value,) = json.loads(answer)["predictions"]
            if call.dtype == "float32":
                return [float(number) for number in value]
            if not call.output.endswith("_bytes"):  # The API encodes what is named so, else not.
                return value.encode("utf-8")
            return base64.b64decode(value["b64"], validate=True)
        except (ValueError, LookupError, TypeError, AttributeError):
            details = f"an answer without `{call.output}`"
            raise failure(Code.FAILED_PRECONDITION, details) from None

    def close(self):
        """Does nothing: each request has a connection of its own."""


class AsyncRestConnection(RestConnection):
    """The REST API for asyncio, each request in a thread.

    Args:
        target: `Target`.
    """

    async def answer(self, call):
        """Returns the answer to a `Call`, bytes or floats; raises `ClientError`."""
        return await asyncio.to_thread(super().answer, call)

    async def close(self):
        """Does nothing: each request has a connection of its own."""


def _json(numbers):
    if isinstance(numbers, (list, tuple)):
        return [_json(row) for row in numbers]
    if isinstance(numbers, bytes):
        return {"b64": base64.b64encode(numbers).decode("ascii")}
    return numbers


def _error_text(body):
    try:
        return str(json.loads(body)["error"])
    except (ValueError, LookupError, TypeError):
        return body
