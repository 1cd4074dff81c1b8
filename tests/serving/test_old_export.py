"""An export that was made before there were directions, its card of format 1, is still served."""

import asyncio
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving.client import AsyncClient, Client
from serving.client.failures import BadArgument
from serving.page.translator import Translator
from tests.serving.conftest import managed
from tests.serving.local import resting, serving

BEFORE = Path(__file__).parents[1] / "goldens/before_families.tar.xz"


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(BEFORE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def addresses(before):
    with managed(before / "export") as manager, serving(manager) as (grpc, _):  # noqa: SIM117
        with resting(manager) as rest:
            yield {"grpc": grpc, "rest": rest}


def pixels_of(file):
    return np.asarray(Image.open(file)).astype(int)


def check_equal(encoded, path):
    """Asserts that a file has the pixels of another, up to the rounding of another processor."""
    assert np.abs(pixels_of(io.BytesIO(encoded)) - pixels_of(path)).max() <= 1


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_it_translates_and_samples_as_it_did(before, addresses, api):
    image = (before / "in/x.png").read_bytes()
    with Client(addresses[api], "tiny") as client:
        assert client.model_card()["format"] == 1
        plain = client.translate(image)
        sample = client.translate(image, seed=3)
        check_equal(plain, before / "expected/out/x.png")
        check_equal(sample, before / "expected/out_samples/x_0.png")
        assert client.translate(image, "translate") == plain
        assert client.translate(image, "translate", seed=3) == sample
        assert list(client.translate_all([image], seed=3)) == [sample]
        (direction,) = client.directions().values()
        assert [control["name"] for control in direction["controls"]] == ["seed"]
        with pytest.raises(BadArgument, match=r"^A direction must be one of translate\. Received"):
            client.translate(image, "BtoA")

    async def ask():
        async with AsyncClient(addresses[api], "tiny") as client:
            return await client.translate(image), await client.translate(image, seed=3)

    assert asyncio.run(ask()) == (plain, sample)


def test_the_page_shows_it(before, addresses):
    with Client(addresses["grpc"], "tiny") as client:
        translator = Translator(client, "tiny")
        (name,) = translator.directions
        shown = translator.directions[name]
        assert (name, shown.has_samples, shown.controls) == ("translate", True, [])
        card = client.model_card()
        assert shown.convention.size == tuple(card["image_size"])
        assert shown.convention.kind == card["drawing"]["kind"]
        assert len(shown.convention.examples) == len(card["examples"])
        drawing = (before / "in/x.png").read_bytes()
        made = translator.translate(drawing, seed=3, samples=2)
        assert made.translated == client.translate(made.sent)
        assert made.samples == [client.translate(made.sent, seed=seed) for seed in (3, 4)]
