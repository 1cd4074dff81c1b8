"""Hints asked for through real servers, compared with the network."""

import asyncio
import base64
import json
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

from serving.client import AsyncClient, Client
from serving.client import __main__ as command
from serving.client.failures import BadArgument, BadImage
from serving.client.tiles import Tiling
from tests.serving.conftest import managed
from tests.serving.local import picture, resting, serving
from tfpix2pix import inference
from tfpix2pix.data import codecs

SIZE = (24, 32)
RED, BLUE = (255, 0, 0), (0, 0, 255)
POINTS = [(5, 9, RED, 2.5), (20, 30, BLUE), (12, 16, (0, 255, 0), -1)]


@pytest.fixture(scope="module")
def direction(exported_hints):
    return exported_hints[0]


@pytest.fixture(scope="module")
def addresses(exported_hints):
    _, folder = exported_hints
    with managed(folder) as manager, serving(manager) as (grpc, _), resting(manager) as rest:
        yield {"grpc": grpc, "rest": rest}


def is_close(encoded, direction, pixels, points):
    source = direction.task.source(pixels)[tf.newaxis]
    made = inference.translate_in(direction, source, {"hints": points})
    expected = direction.task.picture(source, made)[0].numpy().astype(int)
    return np.abs(codecs.decode(encoded).pixels - expected).max() <= 1


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_hints_are_written_as_people_do(addresses, direction, api):
    encoded, pixels = picture(1, SIZE)
    rows = [[5, 9, *RED, 2.5], [20, 30, *BLUE, 0]]

    async def asynchronous():
        async with AsyncClient(addresses[api], "hints") as client:
            return await client.translate(encoded, hints=POINTS)

    with Client(addresses[api], "hints") as client:
        hinted = client.translate(encoded, hints=POINTS)
        assert is_close(hinted, direction, pixels, POINTS)
        assert hinted == client.translate(encoded, hints=np.array(rows))
        assert hinted == asyncio.run(asynchronous())
        plain = client.translate(encoded)
        assert client.translate(encoded, hints=[]) == plain != hinted
        assert is_close(plain, direction, pixels, [])
        own = [(encoded, {"hints": POINTS}), (encoded, {"hints": []})]
        assert list(client.translate_all(own)) == [hinted, plain]
        with pytest.raises(BadImage) as caught:
            client.translate(encoded, hints=[(24, 0, RED, 1)])
        with pytest.raises(BadArgument) as tiled:
            client.translate(encoded, hints=POINTS, tiling=Tiling(16, 4))
        with pytest.raises(BadArgument, match=r"^There may be at most 4096 hints\."):
            client.translate(encoded, hints=POINTS * 2000)
    assert "Hints must be points (y, x, (red, green, blue), radius)" in str(caught.value)
    assert str(caught.value).endswith(
        "[[24 0 255 0 0 1]] [of an image of] [24 32]. Correct or remove this point."
    )
    assert str(tiled.value) == (
        "A control that is a map or points cannot be sent in tiles. Received: hints. Send the "
        "image whole."
    )


def test_other_clients_fill_up_with_rows_that_are_no_hints(addresses):
    encoded, _ = picture(1, SIZE)
    rows = [[5, 9, *RED, 2.5], [20, 30, *BLUE, 0]]
    files = {"image_bytes": {"b64": base64.b64encode(encoded).decode()}}
    instances = [{**files, "hints": rows}, {**files, "hints": [[0, 0, 0, 0, 0, -1]] * 2}]
    body = json.dumps({"signature_name": "hints", "instances": instances}).encode()
    url = f"{addresses['rest']}/v1/models/hints:predict"
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=10) as response:
        hinted, plain = json.load(response)["predictions"]
    with Client(addresses["rest"], "hints") as client:
        assert base64.b64decode(hinted["b64"]) == client.translate(encoded, hints=POINTS)
        assert base64.b64decode(plain["b64"]) == client.translate(encoded)


def test_the_command_takes_points_and_strokes_in_files(addresses, direction, tmp_path):
    photos = {}
    for index in range(2):
        _, photos[index] = picture(index, SIZE)
        codecs.write(photos[index], tmp_path / f"in/{index}.png")
    sheet = np.zeros((*SIZE, 4), "uint8")
    sheet[4:10, 6:12] = (*RED, 255)
    codecs.write(sheet, tmp_path / "hints/0.png")
    (tmp_path / "hints/1.json").write_text(json.dumps(POINTS))
    place = [str(tmp_path / "in"), "--model", "hints", "--address", addresses["grpc"]]

    def outputs(to, hints):
        command.run([*place, "--to", str(tmp_path / to), "--control", f"hints={hints}"])
        return [(tmp_path / to / f"{index}.png").read_bytes() for index in photos]

    square = [(6.5, 8.5, RED, 2.5)]
    for index, output in enumerate(outputs("own", f"@{tmp_path / 'hints'}")):
        assert is_close(output, direction, photos[index], (square, POINTS)[index])
    for index, output in enumerate(outputs("all", f"@{tmp_path / 'hints/0.png'}")):
        assert is_close(output, direction, photos[index], square)
    for index, output in enumerate(outputs("inline", json.dumps(POINTS))):
        assert is_close(output, direction, photos[index], POINTS)
    codecs.write(sheet[:20], tmp_path / "hints/0.png")
    (tmp_path / "hints/1.json").write_text("[[1, 2, [300, 0, 0], 1]]")
    with pytest.raises(SystemExit) as caught:
        outputs("wrong", f"@{tmp_path / 'hints'}")
    first, second = caught.value.code.splitlines()
    assert first == (
        f"error: {tmp_path / 'in/0.png'}: The control hints must be in a PNG, NPY or JSON file. "
        f"Received: INVALID_ARGUMENT: {tmp_path / 'hints/0.png'}: Strokes must be as high and wide "
        "as their image, 24 x 32 pixels. Received: 20 x 32. Save them at that size. Replace the "
        "file."
    )
    assert second.endswith(
        "Received: [1, 2, [300, 0, 0], 1]. Correct or remove it. Replace the file."
    )
