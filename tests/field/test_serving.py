"""Servers, addresses and machines as people have them."""

import io
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis.model_pb2 import ModelSpec

from serving.client import Client
from serving.client import __main__ as client_program
from serving.client.connection import Target
from serving.client.failures import BadArgument, BadImage, Code, ServerUnavailable
from serving.engine import model_config, running
from serving.engine.flags import Flags
from serving.engine.manager import Manager
from serving.engine.model_config import configuration
from serving.engine.servable import Servable, ServingError, typed_tensor
from serving.process import local_server
from tests.serving.local import check_translated, picture, resting, serving
from tfpix2pix import InputError
from tfpix2pix.data import codecs, images

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


def test_labels_in_a_configuration_name_the_flag_that_they_need(exported, tmp_path):
    """As TensorFlow Serving's guide shows labels; it ends at the start by them as well."""
    config = tmp_path / "models.config"
    config.write_text(
        f'model_config_list {{ config {{ name: "tiny" base_path: "{exported[1] / "tiny"}" '
        'model_platform: "tensorflow" version_labels { key: "stable" value: 1 } } }'
    )
    with pytest.raises(ServingError) as caught:
        running.load(Manager(model_config.read(config)))
    assert str(caught.value) == (
        "Request to assign label to version 1 of model tiny, which is not currently available for "
        "inference. Labels at the start need --allow_version_labels_for_unavailable_models true."
    )
    allowed = Manager(model_config.read(config), allow_labels_for_unavailable=True).start()
    with allowed.acquire(ModelSpec(name="tiny", version_label="stable")) as (version, _):
        assert version == 1
    allowed.stop()


@pytest.mark.parametrize("signature", ["", "float"])
def test_values_beyond_the_shape_of_a_tensor_are_passed_over(exported, signature):
    """Of clients that fill a buffer once; TensorFlow's C++ is the truth."""
    if signature:
        tensor = tf.make_tensor_proto(np.zeros((1, 4, 4, 3), "float32"))
        tensor = typed_tensor(tf.make_ndarray(tensor))
        more = type(tensor).FromString(tensor.SerializeToString())
        more.float_val.extend([7.0, 8.0])
        name = "image"
    else:
        tensor = tf.make_tensor_proto([picture()[0]])
        more = type(tensor).FromString(tensor.SerializeToString())
        more.string_val.append(b"more")
        name = "image_bytes"
    dtype = tf.as_dtype(tensor.dtype)
    read = tf.io.parse_tensor(more.SerializeToString(), dtype).numpy()
    np.testing.assert_array_equal(read, tf.make_ndarray(tensor))
    servable = Servable(exported[1] / "tiny/1")
    answers = [servable.predict(signature, {name: one}, ()) for one in (tensor, more)]
    assert str(answers[0]) == str(answers[1])


def test_what_a_model_refuses_comes_with_a_cure(addresses):
    """Scans of 16 bits, and photos of 20 megapixels."""
    large, deep = io.BytesIO(), io.BytesIO()
    Image.new("1", (5000, 4000)).save(large, "png")
    Image.fromarray(np.zeros((4, 4), "uint16")).save(deep, "png")
    large, deep = large.getvalue(), deep.getvalue()
    for address in addresses:
        with Client(address, "tiny") as client:
            with pytest.raises(BadImage) as caught:
                client.translate(large)
            assert str(caught.value) == (
                f"The server at {address} must translate with the model 'tiny'. Received: "
                "INVALID_ARGUMENT: assertion failed: [An image must have at least 1 pixel and at "
                "most 16777216. Received: [height width]] [4000 5000] [Scale it, or cut it into "
                "parts.]. Send it in tiles (--tile 1024, or `tiling` of `Client`), or scale it."
            )
            with pytest.raises(BadImage) as caught:
                client.translate(deep)
            assert str(caught.value) == (
                f"The server at {address} must translate with the model 'tiny'. Received: "
                "INVALID_ARGUMENT: assertion failed: [Images of 8 bits must be sent to this "
                "model. Received: a PNG of 16 bits] [Scale it to 8 bits.]. Scale it to 8 bits: "
                "`images.to_pixels(images.to_signed(pixels))` of `tfpix2pix.data` does so."
            )
            scaled = images.to_pixels(images.to_signed(codecs.decode(deep).pixels)).numpy()
            assert client.translate(codecs.encode(scaled, ".png"))


def test_the_client_finds_the_home_folder_after_an_equals_sign(tmp_path, monkeypatch):
    """A shell leaves `~` alone there and in quotes; the image is refused where it is looked for."""
    monkeypatch.setenv("HOME", str(tmp_path))
    arguments = ["~/none.png", "--model", "m", "--address", "127.0.0.1:1", "--to=~/out"]
    with pytest.raises(BadArgument, match=re.escape(str(tmp_path / "none.png"))):
        client_program.run(arguments)
