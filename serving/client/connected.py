"""What both clients are made of: their arguments, and connections to every address."""

import re
from pathlib import Path

from serving.client.connection import Certificates, Target
from serving.client.failures import BadArgument
from serving.client.servers import Servers

OTHER_SCHEMES = ("grpc", "grpcs", "tcp")
PATH_OF_REQUEST = re.compile(r"/v1(/.*)?$")


class Connected:
    """The arguments of both clients, and their connections; see `serving.client.Client`.

    Args:
        address: As of that, and so are the others.
        model: Name of the served model.
        version: Version of the model.
        timeout: Seconds that one answer may take.
        patience: Seconds to try again.
        in_flight: Images that are sent at once.
        ca: PEM file of the authorities.
        cert: PEM file of this client's certificate.
        key: PEM file of the key of `cert`.

    Raises:
        BadArgument: As that.
    """

    def __init__(
        self,
        address,
        model,
        *,
        version=None,
        timeout=60.0,
        patience=5.0,
        in_flight=4,
        ca=None,
        cert=None,
        key=None,
    ):
        certificates = _certificates(ca, cert, key)
        parts = address.split(",") if isinstance(address, str) else address
        addresses = [part.strip() for part in parts]
        if not addresses or not all(addresses):
            raise BadArgument(
                "The address must be HOST:PORT or a URL, several with commas between. Received: "
                f"{address!r}. Name one server at least."
            )
        for part in addresses:
            _check_address(part)
        if in_flight < 1:
            raise BadArgument(
                f"At least one image must be in flight. Received: {in_flight}. Use 1 or more."
            )
        self.patience = patience
        self.in_flight = in_flight
        self._card = None  # Read when a direction or control is first asked for.
        targets = [Target(part, model, version, timeout, certificates) for part in addresses]
        self._servers = Servers(
            [self._Rest(target) if target.rest else self._Grpc(target) for target in targets]
        )


def _check_address(address):
    """Refuses URLs of other schemes, and of requests; a path before the API's is a proxy's."""
    scheme, separator, _ = address.partition("://")
    if separator and scheme.lower() in OTHER_SCHEMES:
        cure = address.partition("://")[2]
    elif separator and scheme.lower() in ("http", "https") and scheme != scheme.lower():
        cure = address.replace(scheme, scheme.lower(), 1)
    elif separator and PATH_OF_REQUEST.search(address):
        cure = PATH_OF_REQUEST.sub("", address)
    else:
        return
    raise BadArgument(
        "The address must be HOST:PORT for gRPC, or http://HOST:PORT for REST, without the path of "
        f"a request. Received: {address!r}. Use {cure}."
    )


def _certificates(ca, cert, key):
    paths = [path for path in (ca, cert, key) if path is not None]
    if paths and (ca is None or (cert is None) != (key is None)):
        raise BadArgument(
            "TLS needs ca, and cert and key together or neither. Received: "
            f"{', '.join(map(str, paths))}. Give the files that are missing."
        )
    return Certificates(*(path and Path(path) for path in (ca, cert, key))) if paths else None
