"""Servers, addresses and machines as people have them."""

import shutil

import pytest

from serving.client import Client
from serving.client.connection import Target
from serving.client.failures import BadArgument, Code, ServerUnavailable
from serving.engine.flags import Flags
from serving.engine.model_config import configuration
from serving.process import local_server
from tests.serving.local import check_translated, picture, resting, serving
from tfpix2pix import InputError

CURE = (
    "Start one by `python -m serving.server`, or mend the address (Serving has gRPC at 8500, REST "
    "at 8501) or the certificates."
)


@pytest.fixture(scope="module")
def addresses(manager):
    with serving(manager) as (address, _), resting(manager) as url:
        yield [address, url]


def test_a_company_s_proxy_is_not_asked_for_this_machine(exported, addresses, monkeypatch):
    """Of machines that reach the world by a proxy alone."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    encoded, pixels = picture(3)
    for address in addresses:
        with Client(address, "tiny", patience=0) as client:
            check_translated(client.translate(encoded), exported[0], pixels)


@pytest.mark.parametrize(
    ("address", "variable"), [("http://models:8501", "http_proxy"), ("models:8500", "https_proxy")]
)
def test_a_proxy_on_the_way_is_named(monkeypatch, address, variable):
    """As above; the proxy is nowhere, as at home with the settings of the office."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Client(address, "tiny", patience=0) as client, pytest.raises(ServerUnavailable) as caught:
        client.translate(picture()[0])
    assert str(caught.value).endswith(
        f"Connection refused. The variable {variable} sends what is for models through a proxy: "
        f"add models to no_proxy if it is reached without. Else: {CURE}"
    )
    monkeypatch.setenv("no_proxy", "models")  # The cure, followed.
    error = Target(address, "tiny").failure(Code.UNAVAILABLE, "gone")
    assert str(error).endswith(f"Received: UNAVAILABLE: gone. {CURE}")


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        ("http://127.0.0.1:8501/v1/models/base:predict", "http://127.0.0.1:8501"),
        ("http://models/behind/v1", "http://models/behind"),
        ("grpc://127.0.0.1:8500", "127.0.0.1:8500"),
        ("HTTPS://models", "https://models"),
    ],
)
def test_addresses_as_tutorials_give_them_are_corrected(given, cure):
    """The whole URL of TensorFlow's tutorial, and schemes of other tools."""
    with pytest.raises(BadArgument) as caught:
        Client(given, "base")
    assert str(caught.value) == (
        "The address must be HOST:PORT for gRPC, or http://HOST:PORT for REST, without the path of "
        f"a request. Received: {given!r}. Use {cure}."
    )
    Client(cure, "base").close()


def test_rest_at_the_port_of_grpc_is_told_in_letters(addresses):
    """The bytes of HTTP/2 are for no terminal."""
    address = f"http://{addresses[0]}"
    with Client(address, "tiny", patience=0) as client, pytest.raises(ServerUnavailable) as caught:
        client.translate(picture()[0])
    text = str(caught.value)
    assert text.isprintable()
    assert "Received: UNAVAILABLE: an answer that is no HTTP: \\x00\\x00" in text
    assert text.endswith(". Leave http:// out for the port of gRPC, or give that of REST.")


def test_folders_beside_the_one_of_models_are_told_apart(exported, tmp_path):
    """As people give TensorFlow Serving's --model_base_path, or name versions as releases."""
    models = exported[1]
    shutil.copytree(models / "tiny/1", tmp_path / "some models/cats/v1")
    named = tmp_path / "some models"
    cures = {
        models / "tiny": f"which is a model itself. Give its parent, --models {models}.",
        models / "tiny/1": f"which is a version of a model. Give the model's parent, --models "
        f"{models}.",
        named: "with the versions v1. Name them by numbers, such as 1.",
        tmp_path: "which has none. Make one with `python -m serving.export --run RUN --to "
        f"{tmp_path}/NAME`.",
    }
    for folder, cure in cures.items():
        with pytest.raises(InputError) as caught:
            configuration(folder)
        assert str(caught.value) == (
            "The folder of models must contain MODEL/VERSION folders, versions whole numbers. "
            f"Received: {str(folder)!r}, {cure}"
        )
    exports = {
        models / "tiny/1": f"which is a version. Give the model, --export {models / 'tiny'}.",
        named / "cats": "with the versions v1. Name them by numbers, such as 1.",
        named: "which has none. Make one with `python -m serving.export --run RUN --to "
        f"'{named}'`.",
    }
    for folder, cure in exports.items():
        with pytest.raises(BadArgument) as caught, local_server(folder):
            pass
        assert str(caught.value) == (
            "The folder of a served model must contain numbered versions. Received: "
            f"{folder}, {cure}"
        )
    (named / "cats/v1").rename(named / "cats/1")
    (config,) = configuration(named).model_config_list.config
    assert config.name == "cats"


@pytest.mark.parametrize(
    ("name", "port", "lowest"), [("port", 80000, 0), ("rest_api_port", -2, -1)]
)
def test_ports_that_are_none_are_refused(name, port, lowest):
    """80000 was served at 14464."""
    with pytest.raises(InputError) as caught:
        Flags(models="exports", **{name: port})
    assert str(caught.value) == (
        f"`{name}` must be from {lowest} to 65535. Received: {port}. Give another --{name}."
    )
