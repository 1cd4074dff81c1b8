"""One client of several servers: of one model, of different ones, and of some that are away."""

import asyncio
import re
import socket
from contextlib import ExitStack

import pytest

from serving.client import AsyncClient, Client, failures
from serving.client import __main__ as command
from serving.client.servers import Servers
from tests import cases
from tests.serving.local import check_translated, managed, picture, resting, serving, until
from tfpix2pix.export import export
from training.benchmarks.scaling import free_ports

IMAGES = [picture(index)[0] for index in range(8)]
ASYNCHRONOUS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """The manager of another model of the name `tiny`."""
    exports = tmp_path_factory.mktemp("others")
    export(cases.open_generator(), exports / "tiny", size=(8, 12))
    with managed(exports) as manager:
        yield manager


def collect(addresses, asynchronous=False, images=IMAGES, **options):
    """Returns the outcomes of `translate_all` of either client."""
    if not asynchronous:
        with Client(addresses, "tiny", **options) as client:
            return list(client.translate_all(images))

    async def run():
        async with AsyncClient(addresses, "tiny", **options) as client:
            return [outcome async for outcome in client.translate_all(images)]

    return asyncio.run(run())


def test_the_server_with_least_to_do_is_asked_first_and_one_that_failed_last():
    servers = Servers(["a", "b", "c"])
    a, b, _ = servers.all

    def names():
        return "".join(server.connection for server in servers.order())

    assert [names() for _ in range(3)] == ["abc", "bca", "cab"]
    servers.count(a, 2)
    servers.count(b, 1)
    assert [names() for _ in range(3)] == ["cba"] * 3
    servers.count(a, -1)
    assert [names() for _ in range(3)] == ["cab", "cba", "cab"]
    servers.all[2].rest(60)
    assert [names() for _ in range(3)] == ["abc", "bac", "abc"]
    servers.all[2].is_well()
    assert names()[0] == "c"


@ASYNCHRONOUS
def test_servers_share_the_images_and_stand_in_for_one_that_is_away(
    exported, manager, asynchronous
):
    with (
        serving(manager) as (one, ones),
        serving(manager) as (more, others),
        resting(manager) as url,
    ):
        outcomes = collect([one, "127.0.0.1:1", more, url], asynchronous, patience=0)
    for index, outcome in enumerate(outcomes):
        check_translated(outcome, exported[0], picture(index)[1])
    assert min(ones.calls, others.calls) >= 2  # One of them for the model card.


@ASYNCHRONOUS
@pytest.mark.parametrize("scheme", ["grpc", "rest"])
def test_servers_of_different_models_are_refused(manager, other, scheme, asynchronous):
    with ExitStack() as stack:
        managers = (manager, other)
        if scheme == "rest":
            addresses = [stack.enter_context(resting(one)) for one in managers]
        else:
            addresses = [stack.enter_context(serving(one))[0] for one in managers]
        with pytest.raises(failures.DifferentModels) as caught:
            collect(addresses, asynchronous, in_flight=1)
    assert re.fullmatch(
        r"All servers of a client must serve the same model 'tiny'\. Received: "
        rf"FAILED_PRECONDITION: the export of 20\S+ at {addresses[0]}, the export of 20\S+ at "
        rf"{addresses[1]}\. Serve copies of one export, name a version that all have, or leave a "
        r"server out of the address\.",
        str(caught.value),
    )


def test_a_server_without_the_model_is_refused(manager, slow, tmp_path):
    (tmp_path / "a.png").write_bytes(IMAGES[0])
    (tmp_path / "b.png").write_bytes(IMAGES[1])
    files = [tmp_path / "a.png", tmp_path / "b.png"]
    with (
        serving(manager) as (one, _),
        serving(slow) as (more, _),
        pytest.raises(SystemExit) as caught,
    ):
        command.main(files, tmp_path / "out", "tiny", address=f"{one},{more}", in_flight=1)
    assert caught.value.code == (
        f"error: All servers of a client must serve the same model 'tiny'. Received: NOT_FOUND: "
        f"{more}: Servable not found for request: Latest(tiny). Serve copies of one export, name a "
        "version that all have, or leave a server out of the address."
    )


def test_models_without_a_card_pass(slow):
    with (
        serving(slow) as (one, ones),
        serving(slow) as (more, others),
        Client([one, more], "turning", patience=0) as client,
    ):
        for _ in range(2):
            with pytest.raises(failures.ClientError, match="image_bytes"):
                client.translate(IMAGES[0])
    assert (ones.calls, others.calls) == (2, 2)


def test_a_server_that_comes_back_with_another_model_is_passed_over(exported, manager, other):
    (port,) = free_ports(1)
    with serving(manager) as (one, _), ExitStack() as stack:
        with serving(manager, port=port) as (more, _):
            client = stack.enter_context(Client([one, more], "tiny", patience=0))
            list(client.translate_all(IMAGES))
        list(client.translate_all(IMAGES))
        with serving(other, port=port) as (_, interceptor):

            def is_asked():
                for index, outcome in enumerate(client.translate_all(IMAGES)):
                    check_translated(outcome, exported[0], picture(index)[1])
                return interceptor.calls

            until(is_asked)


def test_a_model_that_all_servers_have_changed_to_is_taken(manager, other):
    ports = free_ports(2)
    addresses = [f"127.0.0.1:{port}" for port in ports]
    with Client(addresses, "tiny", patience=60) as client:
        for manages in (manager, other):
            with serving(manages, port=ports[0]), serving(manages, port=ports[1]):
                outcomes = list(client.translate_all(IMAGES))
        with serving(other) as (address, _):
            assert outcomes == collect(address)


@ASYNCHRONOUS
@pytest.mark.parametrize("scheme", ["", "http://"], ids=["grpc", "rest"])
def test_what_a_server_does_not_answer_in_time_another_does(
    exported, manager, scheme, asynchronous
):
    with socket.create_server(("127.0.0.1", 0)) as silent, serving(manager) as (address, _):
        mute = f"{scheme}127.0.0.1:{silent.getsockname()[1]}"
        outcomes = collect([mute, address], asynchronous, timeout=0.5)
    for index, outcome in enumerate(outcomes):
        check_translated(outcome, exported[0], picture(index)[1])


def test_what_two_servers_take_too_long_for_is_asked_of_no_third(manager):
    with ExitStack() as stack:
        silent = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in silent]
        address, interceptor = stack.enter_context(serving(manager))
        client = stack.enter_context(Client([*addresses, address], "tiny", timeout=0.2))
        with pytest.raises(failures.Timeout):
            client.translate(IMAGES[0])
        assert interceptor.calls == 0


def test_no_address_is_refused():
    message = (
        "The address must be HOST:PORT or a URL, several with commas between. Received: []. Name "
        "one server at least."
    )
    with pytest.raises(failures.BadArgument, match=f"^{re.escape(message)}$"):
        Client([], "tiny")
