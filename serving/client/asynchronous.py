"""The client for asyncio."""

import asyncio
import json
from collections import deque
from contextlib import asynccontextmanager

from serving.client import decoding, selections, tiles
from serving.client.connected import Connected
from serving.client.connection import (
    MODEL_CARD,
    AsyncGrpcConnection,
    embedding_call,
    translation,
)
from serving.client.failures import ENDING, ClientError, UnsuitableModel
from serving.client.rest_connection import AsyncRestConnection


class AsyncClient(Connected):
    """The same for asyncio, to be used in `async with`; the arguments are those of `Client`.

    Example:
        >>> async def translate(image):
        ...     async with AsyncClient("127.0.0.1:8500", "facades") as client:
        ...         return await client.translate(image)
    """

    _Grpc = AsyncGrpcConnection
    _Rest = AsyncRestConnection

    async def __aenter__(self):
        """Returns the client."""
        return self

    async def __aexit__(self, *_):
        """Closes the connections."""
        await self.close()

    async def close(self):
        """Closes the connections."""
        for server in self._servers.all:
            await server.connection.close()

    async def translate(self, image, direction=None, *, seed=None, tiling=None, **controls):
        """Translates one image, as `Client.translate` does."""
        selection = await self._selected(direction, seed=seed, **controls)
        return await self._translated(image, selection, tiling)

    async def directions(self):
        """Asks for the directions of the model, as `Client.directions` does."""
        return selections.card_directions(await self.model_card())

    async def model_card(self):
        """Asks for the model card, as `Client.model_card` does."""
        return json.loads(await self._answer(MODEL_CARD))

    async def _selected(self, direction, **asked):
        plain = selections.plain_selection(direction, asked)
        if plain is not None:
            return plain
        return selections.selection(await self._known_card(), direction, asked)

    async def _known_card(self):
        if self._card is None:
            self._card = await self.model_card()
        return self._card

    async def _translated(self, image, selection, tiling):
        image = await asyncio.to_thread(decoding.sendable, image)
        if tiling is None:
            return await self._answer(translation(image, selection))
        selections.require_no_map(selection)
        boxes, cut = tiles.cut(image, tiling)
        answers = [await self._answer(translation(tile, selection)) for tile in cut]
        return tiles.join(boxes, answers)

    async def _answer(self, call):
        request = self._servers.request(self.patience)
        for pause, server in request.attempts():
            await asyncio.sleep(pause)
            with request.asked(server):
                if not server.is_checked:
                    request.check(server, await self._card_of(server))
                return await server.connection.answer(call)
        raise request.failure

    async def _card_of(self, server):
        try:
            return await server.connection.answer(MODEL_CARD)
        except UnsuitableModel:
            return None

    async def translate_all(self, images, tiling=None, *, direction=None, seed=None, **controls):
        """Translates a stream of images in order, as `Client.translate_all` does."""
        selection = await self._selected(direction, seed=seed, **controls)

        async def outcome(item):
            image, own = item if isinstance(item, tuple) else (item, {})
            asked = {"seed": seed, **controls, **own}
            chosen = await self._selected(direction, **asked) if own else selection
            return await self._outcome(self._translated, image, chosen, tiling)

        async with _closing(self._in_flight(outcome, images)) as outcomes:
            async for one in outcomes:
                yield one

    async def embed(self, images, embedding=None):
        """Makes a vector of each image, as `Client.embed` does."""
        vectors = []
        async with _closing(self.embed_all(images, embedding)) as outcomes:
            async for vector in outcomes:
                if isinstance(vector, ClientError):
                    raise vector
                vectors.append(vector)
        return vectors

    async def embed_all(self, images, embedding=None):
        """Makes a vector of each image of a stream in order, as `Client.embed_all` does."""
        entry = selections.embedding_entry(await self._known_card(), embedding)
        signature = entry["signatures"]["default"]

        async def vector(image):
            sendable = await asyncio.to_thread(decoding.sendable, image)
            return await self._answer(embedding_call(sendable, signature))

        async def outcome(image):
            return await self._outcome(vector, image)

        async with _closing(self._in_flight(outcome, images)) as outcomes:
            async for one in outcomes:
                yield one

    async def _in_flight(self, answer, items):
        """Yields the answers to items in order, asked `in_flight` at once."""
        pending = deque()
        try:
            for item in items:
                pending.append(asyncio.create_task(answer(item)))
                if len(pending) >= self.in_flight:
                    yield await pending.popleft()
            while pending:
                yield await pending.popleft()
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _outcome(self, answer, image, *options):
        if isinstance(image, ClientError):
            return image
        try:
            return await answer(image, *options)
        except ENDING:
            raise
        except ClientError as error:
            return error


@asynccontextmanager
async def _closing(generator):
    """Closes a generator at the end of a block, as `contextlib.aclosing` of Python 3.10."""
    try:
        yield generator
    finally:
        await generator.aclose()
