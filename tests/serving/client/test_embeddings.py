"""Vectors of images through real servers, compared with the networks."""

import asyncio
import struct

import numpy as np
import pytest

from serving.client import AsyncClient, Client
from serving.client.connection import Target, embedding_call
from serving.client.failures import BadArgument, BadImage, Code, UnsuitableModel
from serving.client.messages import TYPES, PredictResponse
from tests.cases import fixed_weights, open_generator
from tests.cases.embeddings import block_means, expected_means, two_embeddings
from tests.serving.local import managed, picture, resting, serving
from tfpix2pix.export import export

PICTURES = [picture(index, (8 * size, 12 * size)) for index, size in enumerate((1, 2, 1, 3, 1))]
FILES = [encoded for encoded, _ in PICTURES]


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    folder = tmp_path_factory.mktemp("embeddings")
    generator = fixed_weights(open_generator(dropout_levels=0))
    export(generator, folder / "vectors", embeddings=two_embeddings())
    export(generator, folder / "plain")
    with managed(folder) as manager, serving(manager) as (grpc, _), resting(manager) as rest:
        yield {"grpc": grpc, "rest": rest}


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_both_clients_return_the_vectors_in_order(addresses, api):
    expected = [expected_means(block_means(), pixels) for _, pixels in PICTURES]
    with Client(addresses[api], "vectors", in_flight=2) as client:
        vectors = client.embed(FILES)
        assert [type(number) for number in vectors[0]] == [float] * 12
        np.testing.assert_allclose(vectors, expected, atol=1e-5)
        assert client.embed(iter(FILES[:1]), "faces") == vectors[:1]
        assert client.embed([]) == []

    async def run():
        async with AsyncClient(addresses[api], "vectors", in_flight=2) as client:
            return await client.embed(FILES), await client.embed(FILES[1:2], "faces")

    assert asyncio.run(run()) == (vectors, vectors[1:2])


def test_a_stream_goes_on_after_a_failure(addresses):
    unread = BadImage("The image must be readable.", Code.INVALID_ARGUMENT, "gone")
    sent = [FILES[0], b"no image", unread, FILES[1]]
    with Client(addresses["grpc"], "vectors", in_flight=2) as client:
        outcomes = list(client.embed_all(iter(sent), "faces"))
        assert outcomes[::3] == client.embed(FILES[:2])
        assert outcomes[2] is unread
        assert isinstance(outcomes[1], BadImage)

    async def run():
        async with AsyncClient(addresses["grpc"], "vectors", in_flight=2) as client:
            return [one async for one in client.embed_all(sent)]

    assert [str(one) for one in asyncio.run(run())] == [str(one) for one in outcomes]


def test_what_cannot_be_embedded_is_refused(addresses):
    with Client(addresses["grpc"], "vectors") as client:
        with pytest.raises(BadArgument) as caught:
            client.embed(FILES, "cats")
        assert str(caught.value) == (
            "This model has the embeddings faces, depths. Received: 'cats'. Use one of them."
        )
        with pytest.raises(BadImage, match="INVALID_ARGUMENT"):
            client.embed([FILES[0], b"no image"])
        with pytest.raises(UnsuitableModel):  # It takes floats of five channels.
            client.embed(FILES, "depths")
    with Client(addresses["grpc"], "plain") as client, pytest.raises(BadArgument) as caught:
        client.embed(FILES)
    assert str(caught.value) == (
        "This model has the embeddings (none). Received: None. Ask a model that has some."
    )


def test_floats_are_read_however_a_server_writes_them():
    response = PredictResponse()
    call = embedding_call(b"", "embedding")
    target = Target("a:8500", "vectors")
    tensor = response.outputs["embedding"]
    tensor.dtype = TYPES["float32"][0]
    with pytest.raises(UnsuitableModel, match="an answer without `embedding`"):
        target.output(call, response)
    tensor.float_val.extend([0.5, -2.0])
    assert target.output(call, response) == [0.5, -2.0]
    del tensor.float_val[:]
    tensor.tensor_content = struct.pack("<2f", 0.5, -2.0)
    assert target.output(call, response) == [0.5, -2.0]
