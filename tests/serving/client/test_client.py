import asyncio
import re
import subprocess
import sys

import grpc
import pytest
from tensorflow_serving.apis import predict_pb2

from serving.client import AsyncClient, Client, failures
from serving.client.failures import ClientError
from serving.client.messages import PredictRequest, PredictResponse
from serving.client.tiles import Tiling
from tests.cases.image_kinds import UNKNOWN_KIND
from tests.serving.local import check_translated, picture, resting, serving

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def addresses(manager):
    with serving(manager) as (address, _), resting(manager) as url:
        yield {"grpc": address, "rest": url}


def collect(address, model, stream, asynchronous, **options):
    """Returns the outcomes of `translate_all` of either client."""
    if not asynchronous:
        with Client(address, model, **options) as client:
            return list(client.translate_all(stream))

    async def run():
        async with AsyncClient(address, model, **options) as client:
            return [outcome async for outcome in client.translate_all(stream)]

    return asyncio.run(run())


API = pytest.mark.parametrize("api", ["grpc", "rest"])
ASYNCHRONOUS = pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "asyncio"])


@API
@pytest.mark.parametrize("version", [None, 1])
def test_an_image_comes_back_translated(exported, addresses, api, version):
    encoded, pixels = picture()
    with Client(addresses[api], "tiny", version=version) as client:
        check_translated(client.translate(encoded), exported[0], pixels)


@API
@ASYNCHRONOUS
def test_images_come_back_in_order_and_one_failure_stops_no_other(
    exported, addresses, api, asynchronous
):
    pictures = [picture(index, (4 * (index % 3) + 4, 8)) for index in range(7)]
    sent = [encoded for encoded, _ in pictures]
    sent[3] = b"broken"
    own = sent[5] = ClientError("A rule.", Code.UNKNOWN, "nothing")
    outcomes = collect(addresses[api], "tiny", iter(sent), asynchronous, in_flight=3)
    assert isinstance(outcomes[3], failures.BadImage)
    assert outcomes[5] is own
    for index in (0, 1, 2, 4, 6):
        check_translated(outcomes[index], exported[0], pictures[index][1])


@ASYNCHRONOUS
def test_no_more_images_are_read_ahead_than_are_in_flight(addresses, asynchronous):
    read, ahead = [], []

    def stream():
        for index in range(8):
            read.append(index)
            yield picture(index)[0]

    async def run():
        async with AsyncClient(addresses["grpc"], "tiny", in_flight=2) as client:
            async for _ in client.translate_all(stream()):
                ahead.append(len(read) - len(ahead))

    if asynchronous:
        asyncio.run(run())
    else:
        with Client(addresses["grpc"], "tiny", in_flight=2) as client:
            for _ in client.translate_all(stream()):
                ahead.append(len(read) - len(ahead))
    assert ahead == [2] * 7 + [1]


@API
@ASYNCHRONOUS
def test_a_stream_ends_where_no_server_is_left(api, asynchronous):
    address = {"grpc": "127.0.0.1:1", "rest": "http://127.0.0.1:1"}[api]
    with pytest.raises(failures.ServerUnavailable) as caught:
        collect(address, "tiny", [b"a"] * 9, asynchronous, patience=0)
    assert caught.value.code is Code.UNAVAILABLE


def test_a_server_that_is_not_there_is_reported_with_the_cure():
    with (
        Client("127.0.0.1:1", "tiny", patience=0) as client,
        pytest.raises(failures.ServerUnavailable) as caught,
    ):
        client.translate(b"any")
    assert re.fullmatch(
        r"The server at 127\.0\.0\.1:1 must translate with the model 'tiny'\. Received: "
        r"UNAVAILABLE: connections to all backends failing; .*\. Start one by `python -m "
        r"serving\.server`, or mend the address \(Serving has gRPC at 8500, REST at 8501\) or the "
        r"certificates\.",
        str(caught.value),
    )


@API
@pytest.mark.parametrize(
    ("model", "image", "kind", "message"),
    [
        (
            "other",
            b"any",
            failures.UnknownModel,
            "The server at ADDRESS must translate with the model 'other'. Received: NOT_FOUND: "
            "Servable not found for request: Latest(other). Correct the model's name or version.",
        ),
        (
            "tiny",
            b"broken",
            failures.BadImage,
            "The server at ADDRESS must translate with the model 'tiny'. Received: "
            f"INVALID_ARGUMENT: {UNKNOWN_KIND} "
            "Correct the image; PNG and JPEG files are understood.",
        ),
    ],
)
def test_a_refusal_is_reported_with_the_cure(addresses, api, model, image, kind, message):
    with Client(addresses[api], model) as client, pytest.raises(kind) as caught:
        client.translate(image)
    without_node = re.sub(r" \[\[.*?\]\]", "", str(caught.value)).replace("required..", "required.")
    assert without_node.replace(addresses[api], "ADDRESS") == message


@pytest.mark.parametrize(
    ("code", "details", "kind"),
    [
        (Code.UNAVAILABLE, "Socket closed", failures.ServerUnavailable),
        (Code.NOT_FOUND, "Servable not found", failures.UnknownModel),
        (Code.FAILED_PRECONDITION, "Serving signature key", failures.UnsuitableModel),
        (Code.INVALID_ARGUMENT, "input size does not match signature", failures.UnsuitableModel),
        (Code.INVALID_ARGUMENT, "Input is empty.", failures.BadImage),
        (Code.RESOURCE_EXHAUSTED, "", failures.Overloaded),
        (Code.RESOURCE_EXHAUSTED, "SERVER: Received message larger than max", failures.TooLarge),
        (Code.RESOURCE_EXHAUSTED, "OOM when allocating tensor", failures.TooLarge),
        (Code.DEADLINE_EXCEEDED, "Deadline Exceeded", failures.Timeout),
        (Code.UNAUTHENTICATED, "no token", failures.AccessDenied),
        (Code.PERMISSION_DENIED, "not you", failures.AccessDenied),
        (Code.INTERNAL, "a bug", ClientError),
    ],
)
def test_each_failure_has_a_class_with_its_code_and_the_server_s_text(code, details, kind):
    error = failures.failure("a:1", "m", code, details)
    assert (type(error), error.code, error.details) == (kind, code, details)
    assert str(error).endswith(kind.cure)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"address": "a:1,,b:2"},
            "The address must be HOST:PORT or a URL, several with commas between. Received: "
            "'a:1,,b:2'. Name one server at least.",
        ),
        (
            {"in_flight": 0},
            "At least one image must be in flight. Received: 0. Use 1 or more.",
        ),
        (
            {"cert": "c.pem", "key": "k.pem"},
            "TLS needs ca, and cert and key together or neither. Received: c.pem, k.pem. Give the "
            "files that are missing.",
        ),
        (
            {"ca": "no.pem"},
            "TLS needs PEM files, and the key of the certificate, unencrypted. Received: no.pem: "
            "[Errno 2] No such file or directory. Correct the files.",
        ),
    ],
)
def test_arguments_that_do_not_do_are_refused(options, message):
    with pytest.raises(failures.BadArgument, match=f"^{re.escape(message)}$"):
        Client(**{"address": "a:1", "model": "m", **options})


def test_our_messages_are_those_of_the_official_package():
    ours = PredictRequest()
    ours.model_spec.name, ours.model_spec.signature_name = "m", "s"
    ours.model_spec.version.value = 300
    tensor = ours.inputs["x"]
    tensor.dtype = 7
    tensor.tensor_shape.dim.add(size=2)
    tensor.string_val.extend([b"a", b"bc"])
    theirs = predict_pb2.PredictRequest.FromString(ours.SerializeToString())
    assert theirs.model_spec.version.value == 300
    assert (theirs.model_spec.name, theirs.model_spec.signature_name) == ("m", "s")
    assert list(theirs.inputs["x"].string_val) == [b"a", b"bc"]
    assert theirs.inputs["x"].tensor_shape.dim[0].size == 2
    answer = predict_pb2.PredictResponse()
    answer.outputs["y"].string_val.append(b"z")
    answer.model_spec.version.value = 4
    parsed = PredictResponse.FromString(answer.SerializeToString())
    assert list(parsed.outputs["y"].string_val) == [b"z"]
    assert parsed.model_spec.version.value == 4


def test_the_client_needs_neither_tensorflow_nor_the_library():
    program = (
        "import sys, serving.client.__main__; "
        "names = 'keras', 'numpy', 'tensorflow', 'tfpix2pix'; "
        "print([m for m in sys.modules if m.split('.')[0] in names])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@API
def test_both_clients_send_tiles_alike(addresses, api):
    images, tiling = [picture(index, (12, 20))[0] for index in range(3)], Tiling(12, 4)
    with Client(addresses[api], "tiny") as client:
        expected = list(client.translate_all(images, tiling))
        assert expected == [client.translate(image, tiling=tiling) for image in images]
        assert expected[0] != client.translate(images[0])  # Normalized by the whole image.

    async def run():
        async with AsyncClient(addresses[api], "tiny") as client:
            return [outcome async for outcome in client.translate_all(images, tiling)]

    assert asyncio.run(run()) == expected
