"""Proxies that the environment names: never on the way to this machine, and named where they are.

gRPC and urllib both heed `http_proxy` and its like without a word, so that a server on this very
machine is looked for at a proxy that cannot know it.
"""

import ipaddress
import os
import urllib.parse
import urllib.request
from typing import Optional

GRPC_VARIABLES = ("grpc_proxy", "https_proxy", "http_proxy")  # gRPC takes the first that is set.
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def is_loopback(address: str) -> bool:
    """Returns whether an address is one of this machine alone.

    Args:
        address: `"host:port"`, or a URL.

    Example:
        >>> [is_loopback(a) for a in ("127.0.0.7:8500", "http://[::1]:8501", "models:8500")]
        [True, True, False]
    """
    host = _host(address)
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def proxy_variable(address: str) -> Optional[str]:
    """Returns the name of the variable whose proxy requests go through, or `None`.

    Args:
        address: `"host:port"` of gRPC, or a URL.

    Example:
        >>> os.environ["http_proxy"] = "http://proxy:3128"
        >>> proxy_variable("http://models:8501"), proxy_variable("127.0.0.1:8500")
        ('http_proxy', None)
        >>> del os.environ["http_proxy"]
    """
    if is_loopback(address) or urllib.request.proxy_bypass(_host(address)):
        return None
    scheme, separator, _ = address.partition("://")
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper()) if separator else GRPC_VARIABLES
    return next((name for name in names if os.environ.get(name)), None)


def proxy_cure(address: str) -> Optional[str]:
    """Returns what helps where a proxy may be what failed, or `None` where there is none.

    Args:
        address: As of `proxy_variable`.
    """
    variable = proxy_variable(address)
    if variable is None:
        return None
    host = _host(address)
    return (
        f"The variable {variable} sends what is for {host} through a proxy: add {host} to no_proxy "
        "if it is reached without."
    )


def _host(address):
    url = address if "://" in address else f"//{address}"
    try:
        return urllib.parse.urlsplit(url).hostname or ""
    except ValueError:
        return ""
