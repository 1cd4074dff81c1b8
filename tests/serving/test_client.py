import io
import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from tensorflow_serving.apis import predict_pb2

from serving import client as clients
from serving import server
from serving.client import Client, TranslationError
from serving.messages import PredictRequest, PredictResponse
from tfpix2pix.data import codecs, images


@pytest.fixture(scope="module")
def address(exported):
    running, port = server.start(server.load_models(exported[1]))
    yield f"127.0.0.1:{port}"
    running.stop(None)


def picture(index=0, size=(8, 12)):
    pixels = np.random.default_rng(index).integers(0, 256, (*size, 3)).astype("uint8")
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "png")
    return encoded.getvalue(), pixels


def expected(exported, pixels):
    signed = images.to_signed(pixels)[None]
    return images.to_pixels(exported[0](signed, training=False))[0].numpy().astype(int)


def opened(encoded):
    return np.asarray(Image.open(io.BytesIO(encoded)))


def test_an_image_comes_back_translated(exported, address):
    encoded, pixels = picture()
    with Client(address, "tiny", version=1) as client:
        assert np.abs(opened(client.translate(encoded)) - expected(exported, pixels)).max() <= 1


def test_many_images_come_back_in_order_and_one_failure_stops_no_other(exported, address):
    pictures = [picture(index, (4 * (index % 3) + 4, 8)) for index in range(11)]
    sent = [encoded for encoded, _ in pictures]
    sent[5] = b"broken"
    with Client(address, "tiny") as client:
        outcomes = list(client.translate_all(iter(sent)))
    assert [index for index, o in enumerate(outcomes) if isinstance(o, TranslationError)] == [5]
    for index, (_, pixels) in enumerate(pictures):
        if index != 5:
            assert np.abs(opened(outcomes[index]) - expected(exported, pixels)).max() <= 1


def test_no_more_than_a_few_images_are_read_ahead(address):
    read = []

    def stream():
        for index in range(20):
            read.append(index)
            yield picture(index)[0]

    with Client(address, "tiny") as client:
        for done, _ in enumerate(client.translate_all(stream()), start=1):
            assert len(read) <= done + clients.IN_FLIGHT - 1 or done > 20 - clients.IN_FLIGHT


def test_a_server_that_is_not_there_is_reported_with_the_cure():
    with (
        Client("127.0.0.1:1", "tiny", timeout=5) as client,
        pytest.raises(TranslationError) as caught,
    ):
        client.translate(b"any")
    assert re.fullmatch(
        r"The server at 127\.0\.0\.1:1 must translate with the model 'tiny'\. Received: "
        r"UNAVAILABLE: failed to connect to all addresses; .*\. Start one by `python -m "
        r"serving\.server`, or mend the address\.",
        str(caught.value),
    )


@pytest.mark.parametrize(
    ("model", "image", "message"),
    [
        (
            "other",
            b"any",
            "The server at ADDRESS must translate with the model 'other'. Received: NOT_FOUND: "
            "Servable not found for request: Latest(other). Correct the model's name or version.",
        ),
        (
            "tiny",
            b"broken",
            "The server at ADDRESS must translate with the model 'tiny'. Received: "
            "INVALID_ARGUMENT: Unknown image file format. One of JPEG, PNG, GIF, BMP required. "
            "Correct the image; PNG and JPEG files are understood.",
        ),
    ],
)
def test_a_refusal_is_reported_with_the_cure(address, model, image, message):
    with Client(address, model) as client, pytest.raises(TranslationError) as caught:
        client.translate(image)
    without_node = re.sub(r" \[\[.*?\]\]", "", str(caught.value)).replace("required..", "required.")
    assert without_node.replace(address, "ADDRESS") == message


def test_the_command_writes_png_files_of_the_same_names(exported, address, tmp_path, capsys):
    encoded, pixels = picture(3)
    (tmp_path / "a.b.png").write_bytes(encoded)
    clients.main([tmp_path / "a.b.png"], "tiny", tmp_path / "out/new", address=address)
    assert [path.name for path in (tmp_path / "out/new").iterdir()] == ["a.b.png"]
    served = opened((tmp_path / "out/new/a.b.png").read_bytes())
    assert np.abs(served - expected(exported, pixels)).max() <= 1
    assert f"1 of 1 images translated to {tmp_path}/out/new." in capsys.readouterr().out


def test_the_command_reports_failures_at_the_end_and_exits_with_an_error(address, tmp_path, capsys):
    (tmp_path / "bad.png").write_bytes(b"broken")
    (tmp_path / "good.png").write_bytes(picture()[0])
    files = [tmp_path / "bad.png", tmp_path / "good.png"]
    with pytest.raises(SystemExit, match=r"error: .*bad\.png: The server at"):
        clients.main(files, "tiny", tmp_path / "out", address=address)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]
    assert "1 of 2 images translated" in capsys.readouterr().out


def test_the_command_reports_an_absent_server_once(tmp_path):
    (tmp_path / "a.png").write_bytes(picture()[0])
    with pytest.raises(SystemExit) as caught:
        clients.main([tmp_path / "a.png"] * 3, "m", tmp_path / "out", address="127.0.0.1:1")
    assert str(caught.value).count("UNAVAILABLE") == 1


def test_the_command_refuses_missing_files(tmp_path):
    message = f"error: The images must be files. Received: {tmp_path}/x.png. Correct the paths."
    with pytest.raises(SystemExit, match=f"^{re.escape(message)}$"):
        clients.main([tmp_path / "x.png"], "m", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("half", "columns"), [("left", slice(0, 6)), ("right", slice(6, 12))])
def test_half_of_a_side_by_side_file_is_sent(tmp_path, half, columns):
    encoded, pixels = picture()
    (tmp_path / "pair.png").write_bytes(encoded)
    sent = opened(clients.read_image(tmp_path / "pair.png", half))
    np.testing.assert_array_equal(sent, pixels[:, columns])
    assert clients.read_image(tmp_path / "pair.png") == encoded


def test_a_half_of_sixteen_bit_colour_is_refused_since_it_would_lose_bits(tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (4, 12, 3)).astype("uint16")
    codecs.write(deep, tmp_path / "pair.png")
    message = (
        f"A half can be cut of 8-bit files and of grey ones. Received: {tmp_path}/pair.png, 16-bit "
        "colour. Cut it by another program, or send it without --half."
    )
    with pytest.raises(clients.TranslationError, match=f"^{re.escape(message)}$"):
        clients.read_image(tmp_path / "pair.png", "left")
    codecs.write(deep[..., :1], tmp_path / "grey.png")
    half = clients.read_image(tmp_path / "grey.png", "left")
    np.testing.assert_array_equal(codecs.decode(half).pixels, deep[:, :6, :1])


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
        "import sys, serving.client; "
        "print([m for m in sys.modules if m.split('.')[0] in ('tensorflow', 'tfpix2pix', 'keras')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
