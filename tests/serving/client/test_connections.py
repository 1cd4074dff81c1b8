import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from serving.client import AsyncClient, Client, connection, failures
from tests.serving.local import check_translated, picture, resting, serving

Code = grpc.StatusCode
LONG = 60  # Seconds of patience that no test is to use up.


def translated(address, asynchronous=False, **options):
    """Returns what either client makes of `picture()`."""
    if not asynchronous:
        with Client(address, "tiny", **options) as client:
            return client.translate(picture()[0])

    async def run():
        async with AsyncClient(address, "tiny", **options) as client:
            return await client.translate(picture()[0])

    return asyncio.run(run())


ASYNCHRONOUS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])


@ASYNCHRONOUS
def test_what_passes_is_tried_again(exported, manager, asynchronous):
    refusals = [(Code.UNAVAILABLE, "restarting"), (Code.RESOURCE_EXHAUSTED, "")]
    with serving(manager, *refusals) as (address, interceptor):
        answer = translated(address, asynchronous, patience=LONG)
    check_translated(answer, exported[0], picture()[1])
    assert interceptor.calls == 3


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (Code.DEADLINE_EXCEEDED, "Timed out waiting for notification", failures.Timeout),
        (Code.INVALID_ARGUMENT, "Input is empty.", failures.BadImage),
        (Code.RESOURCE_EXHAUSTED, "OOM when allocating tensor", failures.TooLarge),
        (Code.INTERNAL, "a bug", failures.ClientError),
    ],
)
def test_what_would_fail_again_is_not_tried_again(manager, code, details, kind):
    with serving(manager, (code, details)) as (address, interceptor):
        with pytest.raises(kind):
            translated(address, patience=LONG)
        assert interceptor.calls == 1


def test_patience_ends():
    with pytest.raises(failures.ServerUnavailable):
        translated("127.0.0.1:1", patience=0.3)


def test_all_servers_are_asked_before_the_first_pause_and_then_by_turns():
    asked = connection.attempts("abc", 4, LONG)
    first = [next(asked) for _ in range(3)]
    assert first == [(0, "b"), (0, "c"), (0, "a")]
    later = [next(asked) for _ in range(8)]
    assert [name for _, name in later] == list("bcabcabc")
    ceilings = [0.1, 0.2, 0.4, 0.8, 1.6, 2, 2, 2]
    assert all(c / 2 <= pause <= c for (pause, _), c in zip(later, ceilings))
    assert [name for _, name in connection.attempts("ab", 0, 0)] == ["a", "b"]


@ASYNCHRONOUS
def test_a_server_may_start_late(exported, manager, asynchronous):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with ThreadPoolExecutor(1) as pool:
        address = f"127.0.0.1:{port}"
        with pytest.raises(failures.ServerUnavailable):
            translated(address, patience=0)
        answer = pool.submit(translated, address, asynchronous, patience=LONG)
        with serving(manager, port=port):
            check_translated(answer.result(LONG), exported[0], picture()[1])


@ASYNCHRONOUS
def test_an_image_beyond_the_server_s_limit_is_reported_as_too_large(manager, asynchronous):
    options = [("grpc.max_receive_message_length", 100)]
    with serving(manager, options=options) as (address, interceptor):
        with pytest.raises(failures.TooLarge) as caught:
            translated(address, asynchronous, patience=LONG)
        assert "larger than max" in caught.value.details
        assert interceptor.calls <= 1


@ASYNCHRONOUS
@pytest.mark.parametrize("scheme", ["", "http://"], ids=["grpc", "rest"])
def test_a_server_that_does_not_answer_in_time_is_reported(scheme, asynchronous):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"{scheme}127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(failures.Timeout) as caught:
            translated(address, asynchronous, patience=LONG, timeout=0.2)
    assert caught.value.code is Code.DEADLINE_EXCEEDED


@ASYNCHRONOUS
def test_both_sides_prove_themselves_over_tls(exported, manager, pems, asynchronous):
    pair = ((pems / "server.key").read_bytes(), (pems / "server.pem").read_bytes())
    credentials = grpc.ssl_server_credentials([pair], (pems / "client.pem").read_bytes(), True)
    ca, cert, key = (str(pems / name) for name in ("server.pem", "client.pem", "client.key"))
    with serving(manager, credentials=credentials) as (address, _):
        answer = translated(address, asynchronous, ca=ca, cert=cert, key=key)
        check_translated(answer, exported[0], picture()[1])
        for less in ({"ca": ca}, {"ca": cert, "cert": cert, "key": key}, {}):
            with pytest.raises(failures.ServerUnavailable):
                translated(address, asynchronous, patience=0, **less)


@pytest.mark.parametrize("scheme", ["", "https://"], ids=["grpc", "rest"])
def test_a_key_that_is_not_the_certificate_s_is_refused(pems, scheme):
    files = {"ca": "server.pem", "cert": "client.pem", "key": "server.key"}
    with pytest.raises(failures.BadArgument, match="KEY_VALUES_MISMATCH"):
        Client(f"{scheme}a:1", "m", **{name: pems / file for name, file in files.items()})


def test_rest_goes_over_tls_too(exported, manager, pems):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pems / "server.pem", pems / "server.key")
    context.load_verify_locations(pems / "client.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    ca, cert, key = (pems / name for name in ("server.pem", "client.pem", "client.key"))
    with resting(manager, context) as url:
        check_translated(translated(url, ca=ca, cert=cert, key=key), exported[0], picture()[1])
        with pytest.raises(failures.ServerUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
            translated(url, patience=0)
