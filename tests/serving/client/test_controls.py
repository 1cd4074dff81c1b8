"""Directions and controls, asked for through real servers and compared with the networks."""

import asyncio
import re

import numpy as np
import pytest
import tensorflow as tf

from serving.client import AsyncClient, Client
from serving.client import __main__ as command
from serving.client.failures import BadArgument, Code, UnsuitableModel, failure
from serving.client.selections import card_directions, control_value, plain_selection, selection
from serving.client.tiles import Tiling
from tests.serving.conftest import managed
from tests.serving.local import picture, resting, serving
from tfpix2pix import inference
from tfpix2pix.data import codecs, images

SIZE = (6, 10)
HINTS = np.random.default_rng(3).uniform(-1, 1, (*SIZE, 4)).astype("float32")
ASKED = {"style": [0.5, -1, 0.25], "hints": HINTS, "season": 1}


@pytest.fixture
def directions(exported_directions):
    return exported_directions[0]


@pytest.fixture(scope="module")
def addresses(exported_directions):
    _, folder = exported_directions
    with managed(folder) as manager, serving(manager) as (grpc, _), resting(manager) as rest:
        yield {"grpc": grpc, "rest": rest}


def expected(direction, pixels, controls, **options):
    source = images.to_signed(pixels)[tf.newaxis]
    values = {name: tf.constant(value)[tf.newaxis] for name, value in controls.items()}
    translated = inference.translate_in(direction, source, values, **options)
    return images.to_pixels(translated).numpy().reshape(*SIZE, 3).astype(int)


def close(encoded, pixels):
    return np.abs(codecs.decode(encoded).pixels.astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("api", ["grpc", "rest"])
@pytest.mark.parametrize("name", ["AtoB", "BtoA"])
def test_every_direction_takes_every_control(directions, addresses, api, name):
    encoded, pixels = picture(7, SIZE)
    direction = directions[name]
    with Client(addresses[api], "both") as client:
        plain = client.translate(encoded, name)
        assert close(plain, expected(direction, pixels, {}))
        for control, value in ASKED.items():
            translated = client.translate(encoded, name, **{control: value})
            typed = np.array(value, "int32" if control == "season" else "float32")
            assert close(translated, expected(direction, pixels, {control: typed}))
            assert translated != plain
        sample = client.translate(encoded, name, seed=7)
        assert close(sample, expected(direction, pixels, {}, samples=1, seed=7))
        assert client.translate(encoded, name, season="wet") == client.translate(
            encoded, name, season=1
        )
        assert client.translate(encoded, name, style=None) == plain
        style, season = np.array(ASKED["style"], "float32"), np.int32(1)
        for asked in ({"style": style, "season": season}, {"hints": HINTS, "style": style}):
            both = client.translate(encoded, name, **asked)
            assert close(both, expected(direction, pixels, asked))
            noisy = client.translate(encoded, name, **asked, seed=2**40)
            assert close(noisy, expected(direction, pixels, asked, samples=1, seed=2**40))
            assert noisy != both
        if name == "AtoB":
            assert client.translate(encoded) == plain
            assert client.translate(encoded, seed=7) == sample


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_both_clients_ask_alike(addresses, api):
    encoded = [picture(index, SIZE)[0] for index in range(3)]
    asked = {"direction": "BtoA", "style": [1.0, 0.0, -1.0], "seed": 4}
    own = [encoded[0], (encoded[1], {"season": 1}), (encoded[2], {"style": [0.0, 0.0, 0.5]})]
    with Client(addresses[api], "both") as client:
        translated = list(client.translate_all(encoded, **asked))
        assert translated == [client.translate(image, **asked) for image in encoded]
        mixed = list(client.translate_all(own, **asked))
        assert mixed[0] == translated[0]
        for index, changed in ((1, {"season": 1}), (2, {"style": [0.0, 0.0, 0.5]})):
            assert mixed[index] == client.translate(encoded[index], **{**asked, **changed})
            assert mixed[index] != translated[index]
        directions = client.directions()
        sampled = client.translate(encoded[0], "BtoA", seed=5)

    async def run():
        async with AsyncClient(addresses[api], "both") as client:
            assert await client.directions() == directions
            assert await client.translate(encoded[0], "BtoA", seed=5) == sampled
            assert await client.translate(encoded[1], **asked) == translated[1]
            assert [image async for image in client.translate_all(own, **asked)] == mixed
            return [image async for image in client.translate_all(encoded, **asked)]

    assert asyncio.run(run()) == translated
    assert list(directions) == ["AtoB", "BtoA"]
    controls = {control["name"]: control for control in directions["BtoA"]["controls"]}
    assert controls["season"]["about"] == {"kind": "choice", "names": ["dry", "wet"]}


def test_tiles_have_the_controls_of_their_image(addresses):
    encoded, _ = picture(2, (6, 16))
    with Client(addresses["grpc"], "both") as client:
        joined = client.translate(encoded, "BtoA", season=1, tiling=Tiling(10, 4))
        left = codecs.encode(codecs.decode(encoded).pixels[:, :10], ".png")
        tile = client.translate(left, "BtoA", season=1)
        np.testing.assert_array_equal(
            codecs.decode(joined).pixels[:, :6], codecs.decode(tile).pixels[:, :6]
        )
        both = client.translate(encoded, "BtoA", season=1, seed=3, tiling=Tiling(10, 4))
        assert both != joined
        with pytest.raises(BadArgument) as caught:
            client.translate(encoded, hints=np.zeros((6, 16, 4)), seed=1, tiling=Tiling(10, 4))
    assert str(caught.value) == (
        "A control that is a map or points cannot be sent in tiles. Received: hints. Send the "
        "image whole."
    )


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"direction": "AtoC"},
            "A direction must be one of AtoB, BtoA. Received: 'AtoC'. Leave it out for AtoB.",
        ),
        (
            {"direction": "BtoA", "mood": 1},
            "A control of the direction BtoA must be one of style, seed, hints, season. Received: "
            "mood. Correct the name, or leave it out.",
        ),
        (
            {"season": 1, "style": [0.5, 1]},
            "The control style must be float32 of the shape [3]. Received: [0.5, 1]. Correct the "
            "value.",
        ),
        (
            {"style": [0.5, 1]},
            "The control style must be float32 of the shape [3]. Received: [0.5, 1]. Correct the "
            "value.",
        ),
        (
            {"style": [0.5, [1], 2]},
            "The control style must be float32 of the shape [3]. Received: [0.5, [1], 2]. Correct "
            "the value.",
        ),
        (
            {"hints": 0.5},
            "The control hints must be float32 of the shape [any, any, 4]. Received: 0.5. Correct "
            "the value.",
        ),
        (
            {"season": "spring"},
            "The control season must be one int32, or one of dry, wet. Received: 'spring'. Correct "
            "the value.",
        ),
        (
            {"seed": 1.5},
            "The control seed must be one int64. Received: 1.5. Correct the value.",
        ),
    ],
)
def test_what_the_model_does_not_know_is_refused_before_it_is_sent(addresses, asked, message):
    with (
        Client(addresses["grpc"], "both") as client,
        pytest.raises(BadArgument, match=f"^{re.escape(message)}$"),
    ):
        client.translate(b"never sent", **asked)


def test_a_card_of_format_1_is_one_direction_with_a_seed():
    card = {"format": 1, "drawing": {"kind": "lines"}, "examples": []}
    (entry,) = card_directions(card).values()
    assert (entry["name"], entry["drawing"]) == ("translate", {"kind": "lines"})
    assert selection(card, "translate", {"seed": 3}) == plain_selection(None, {"seed": 3})
    assert selection(card, None, {}) == plain_selection(None, {})
    with pytest.raises(BadArgument, match=r"^A direction must be one of translate\. Received"):
        selection(card, "BtoA", {})


def test_a_card_from_before_several_controls_takes_one():
    controls = [
        {"name": name, "signature": name, "dtype": "int32", "shape": [], "about": {}}
        for name in ("a", "b")
    ]
    entry = {"name": "AtoB", "signatures": {"default": "serving_default"}, "controls": controls}
    card = {"directions": [entry]}
    assert selection(card, None, {"b": 1}).signature == "b"
    with pytest.raises(BadArgument) as caught:
        selection(card, None, {"a": 1, "b": 1})
    assert str(caught.value) == (
        "A request to a model from before several controls could be set must set at most one. "
        "Received: a, b. Leave the others out, or export the run again."
    )


def test_values_are_any_numbers_that_fit():
    control = {"name": "map", "dtype": "int32", "shape": [None, 2], "about": {}}
    for value in ([[1, 2], [3, 4], [5, 6]], np.arange(1, 7).reshape(3, 2)):
        assert control_value(control, value).leaves == [1, 2, 3, 4, 5, 6]
        assert control_value(control, value).shape == (3, 2)
    with pytest.raises(BadArgument):
        control_value(control, [[True, False]])


def test_a_direction_of_a_model_without_a_card_is_refused_by_the_server(turning):
    with managed(turning) as manager, serving(manager) as (address, _):  # noqa: SIM117
        with Client(address, "turning") as client, pytest.raises(UnsuitableModel) as caught:
            client.translate(b"never sent", "AtoB")
    assert 'Serving signature key "model_card" not found' in str(caught.value)


def test_the_command_names_a_direction_and_a_control(addresses, tmp_path):
    encoded, _ = picture(4, SIZE)
    (tmp_path / "a.png").write_bytes(encoded)
    place = [str(tmp_path / "a.png"), "--model", "both", "--address", addresses["grpc"]]
    with Client(addresses["grpc"], "both") as client:
        for options, asked in (
            (["--direction", "BtoA"], {"direction": "BtoA"}),
            (["--seed", "4"], {"seed": 4}),
            (["--control", "style=[0.5, 1, 0]"], {"style": [0.5, 1, 0]}),
            (["--direction", "BtoA", "--control", 'season="wet"'], {"season": 1}),
            (
                ["--control", "style=[0.5, 1, 0]", "--control", "season=1", "--seed", "2"],
                {"style": [0.5, 1, 0], "season": 1, "seed": 2},
            ),
        ):
            command.run([*place, "--to", str(tmp_path / "out"), *options])
            if "BtoA" in options:
                asked["direction"] = "BtoA"
            assert (tmp_path / "out/a.png").read_bytes() == client.translate(encoded, **asked)


def test_the_command_sends_each_file_with_values_of_its_own(addresses, tmp_path):
    hints = {}
    (tmp_path / "hints").mkdir()
    (tmp_path / "in").mkdir()
    for index in range(3):
        (tmp_path / f"in/{index}.png").write_bytes(picture(index, SIZE)[0])
        hints[index] = np.roll(HINTS, index, axis=0)
        np.save(tmp_path / f"hints/{index}.npy", hints[index])
    place = [str(tmp_path / "in"), "--model", "both", "--address", addresses["rest"]]
    place += ["--to", str(tmp_path / "out"), "--control", f"hints=@{tmp_path / 'hints'}"]
    command.run([*place, "--control", "season=1"])
    with Client(addresses["grpc"], "both") as client:
        for index, value in hints.items():
            asked = client.translate(picture(index, SIZE)[0], hints=value, season=1)
            assert (tmp_path / f"out/{index}.png").read_bytes() == asked
    np.save(tmp_path / "hints/1.npy", HINTS[:, :, :3])
    np.save(tmp_path / "hints/2.npy", HINTS[:3])
    with pytest.raises(SystemExit) as caught:
        command.run([*place, "--in_flight", "1"])
    first, second = caught.value.code.splitlines()
    assert first.startswith(
        f"error: {tmp_path / 'in/1.png'}: A file of values must fit its control. Received: "
        "INVALID_ARGUMENT: The control hints must be float32 of the shape [any, any, 4]."
    )
    assert "A map must be as high and wide as its image." in second
    (tmp_path / "hints/1.npy").unlink()
    with pytest.raises(BadArgument, match=r"none for 1\. Add or remove files"):
        command.run(place)


def test_controls_that_are_no_json_are_refused():
    for text in ("style", "season=wet", "=1"):
        with pytest.raises(BadArgument) as caught:
            command.control_values([text])
        assert str(caught.value) == (
            "--control must be NAME=JSON, such as style=[0.5,1], or NAME=@FOLDER with a file for "
            f"each image. Received: {text!r}. Write text in double quotes."
        )


@pytest.mark.parametrize(("options", "received"), [({}, "none"), ({"model": "a"}, "both")])
def test_the_command_takes_a_model_or_an_export(tmp_path, options, received):
    if received == "both":
        options["export"] = tmp_path
    with pytest.raises(BadArgument) as caught:
        command.main([tmp_path / "a.png"], tmp_path / "out", **options)
    assert str(caught.value) == (
        f"One of --model and --export must be given. Received: {received}. Name a model of the "
        "server at --address, or the folder of an export."
    )


def test_weights_are_asked_for_by_names_too():
    about = {"kind": "weights", "names": ["photos", "ink", "oil"]}
    control = {"name": "style", "dtype": "float32", "shape": [3], "about": about}
    assert control_value(control, {"oil": 0.5, "photos": 1}).leaves == [1, 0, 0.5]
    with pytest.raises(BadArgument) as error:
        control_value(control, {"neon": 1})
    assert str(error.value) == (
        "The control style has the names photos, ink, oil. Received: 'neon'. Name one of them."
    )
    said = "assertion failed: [The weights of styles must be numbers. Received:] [[0 0 0]]"
    refusal = failure("a:8500", "looks", Code.INVALID_ARGUMENT, said)
    assert str(refusal) == (
        "The server at a:8500 must translate with the model 'looks'. Received: INVALID_ARGUMENT: "
        f"{said}. Give other weights."
    )
