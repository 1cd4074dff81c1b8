"""Translates images through TensorFlow Serving: as a library, and as a command.

    python -m serving.client IMAGE_OR_FOLDER... --model NAME --address HOST:PORT --to FOLDER

It needs grpcio, protobuf and Pillow, but neither TensorFlow nor tfpix2pix, so it starts in a moment
and runs where they are not installed.
"""

import json
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import Optional

from serving.client import decoding, selections, tiles
from serving.client.asynchronous import AsyncClient as AsyncClient
from serving.client.connected import Connected
from serving.client.connection import (
    MODEL_CARD,
    GrpcConnection,
    embedding_call,
    translation,
)
from serving.client.failures import ENDING, ClientError, UnsuitableModel
from serving.client.rest_connection import RestConnection


class Client(Connected):
    """A connection to servers of the TensorFlow Serving API; close it, or use it in `with`.

    Several threads may use it. An image is sent again, to the next address and with growing
    pauses, while no server answers or all have too much to do. What took too long is sent once
    more, to another address; no other failure is tried again. Of several servers the one with the
    fewest images on the way gets the next, and all must have the same model card, which each is
    asked for before its first image and after it was away.

    Args:
        address: `"host:port"` for gRPC, or `"http://host:port"` for REST; several as a list, or
            with commas between.
        model: Name of the served model.
        version: Version of the model; by default the newest.
        timeout: Seconds that one answer may take.
        patience: Seconds to try again; also how late a server may start.
        in_flight: Images that `translate_all` sends at once, so that no server waits.
        ca: PEM file of the authorities that vouch for the server; gRPC uses TLS where it is given.
        cert: PEM file of this client's certificate, where the server asks for one.
        key: PEM file of the key of `cert`.

    Raises:
        BadArgument: A ValueError: there is no address, or the files of TLS do not do.

    Example:
        >>> with Client("127.0.0.1:8500", "facades") as client:
        ...     output = client.translate(open("input.png", "rb").read())
    """

    _Grpc = GrpcConnection
    _Rest = RestConnection

    def __enter__(self):
        """Returns the client."""
        return self

    def __exit__(self, *_):
        """Closes the connections."""
        self.close()

    def close(self):
        """Closes the connections."""
        for server in self._servers.all:
            server.connection.close()

    def translate(
        self,
        image,
        direction: Optional[str] = None,
        *,
        seed: Optional[int] = None,
        tiling=None,
        **controls,
    ):
        """Translates one image.

        Args:
            image: bytes of a PNG, JPEG, BMP, GIF, TIFF, WebP or Netpbm file; of several images in
                it the first is translated. The pixels are those that the library reads.
            direction: Name of the direction, of a model with several; by default its first.
            seed: Decides all chance, of a model that has it: the noise of dropout, and controls
                that are drawn where they are not set. By default there is none.
            tiling: `serving.client.tiles.Tiling` by which to send an image that is too large for
                the server. A model that normalizes by the image sees each tile as one of its own.
            **controls: Values of inputs beside the image, by their names in the model card: a
                number, lists of them, an array, or the name of a choice.

        Returns:
            bytes of a PNG file of the same size.

        Raises:
            BadArgument: A ValueError: the model has no such direction or control, or the value is
                of another type or shape.
            BadImage: A ClientError: the file cannot be decoded.
            ClientError: Of the class that names the cure, such as `ServerUnavailable`.
        """
        return self._translated(image, self._selected(direction, seed=seed, **controls), tiling)

    def directions(self):
        """Asks for the directions of the model and their controls.

        Returns:
            Dict of the names of directions to dicts, the default one first; among their keys are
            `controls`, a list of dicts with `name`, `dtype`, `shape` and `about`, and `drawing`,
            what their sources look like.

        Raises:
            ClientError: As in `model_card`.
        """
        return selections.card_directions(self.model_card())

    def model_card(self):
        """Asks for the model card: a dict, as `python -m serving.export` wrote it.

        Raises:
            UnsuitableModel: If the model has no card.
            ClientError: As in `translate`.
        """
        return json.loads(self._answer(MODEL_CARD))

    def _selected(self, direction, **asked):
        plain = selections.plain_selection(direction, asked)
        if plain is not None:
            return plain
        return selections.selection(self._known_card(), direction, asked)

    def _known_card(self):
        if self._card is None:
            self._card = self.model_card()
        return self._card

    def _translated(self, image, selection, tiling):
        image = decoding.sendable(image)
        if tiling is None:
            return self._answer(translation(image, selection))
        selections.require_no_map(selection)
        boxes, cut = tiles.cut(image, tiling)
        return tiles.join(boxes, [self._answer(translation(tile, selection)) for tile in cut])

    def _answer(self, call):
        request = self._servers.request(self.patience)
        for pause, server in request.attempts():
            time.sleep(pause)
            with request.asked(server):
                if not server.is_checked:
                    request.check(server, self._card_of(server))
                return server.connection.answer(call)
        raise request.failure

    def _card_of(self, server):
        try:
            return server.connection.answer(MODEL_CARD)
        except UnsuitableModel:
            return None

    def translate_all(
        self,
        images,
        tiling=None,
        *,
        direction: Optional[str] = None,
        seed: Optional[int] = None,
        **controls,
    ):
        """Translates a stream of images, `in_flight` at once, in order.

        Args:
            images: Iterable of bytes of image files, read no further ahead than they are
                sent; `(bytes, controls)` of those with values of their own, a dict of names to
                values. A `ClientError` in place of one is passed on.
            tiling: As of `translate`.
            direction: As of `translate`.
            seed: As of `translate`, of all images.
            **controls: As of `translate`, of all images that have no others.

        Yields:
            For each the bytes of a PNG file, or the `ClientError` that kept it from being made.

        Raises:
            BadArgument: As in `translate`.
            ServerUnavailable: If no server answers any more, as the rest could not be made either.
            DifferentModels: If servers have different models.
        """
        selection = self._selected(direction, seed=seed, **controls)

        def request(item):
            image, own = item if isinstance(item, tuple) else (item, {})
            asked = {"seed": seed, **controls, **own}
            chosen = self._selected(direction, **asked) if own else selection
            return self._translated, image, chosen, tiling

        yield from self._in_flight(self._outcome, map(request, images))

    def embed(self, images, embedding: Optional[str] = None) -> list[list[float]]:
        """Makes a vector of each image, `in_flight` at once, such as to find those that are alike.

        Args:
            images: Iterable of bytes of image files, of any sizes.
            embedding: Name of the embedding, such as the domain of the images, of a model with
                several; by default its first.

        Returns:
            List of a list of floats for each image, in order.

        Raises:
            BadArgument: A ValueError: the model has no such embedding.
            BadImage: A ClientError: a file cannot be decoded.
            ClientError: As in `translate`.
        """
        vectors = []
        for vector in self.embed_all(images, embedding):
            if isinstance(vector, ClientError):
                raise vector
            vectors.append(vector)
        return vectors

    def embed_all(self, images, embedding: Optional[str] = None):
        """Makes a vector of each image of a stream, `in_flight` at once, in order.

        Args:
            images: As of `embed`, read no further ahead than they are sent. A `ClientError` in
                place of one is passed on.
            embedding: As of `embed`.

        Yields:
            For each a list of floats, or the `ClientError` that kept it from being made.

        Raises:
            BadArgument: As in `embed`.
            ServerUnavailable: If no server answers any more, as the rest could not be made either.
            DifferentModels: If servers have different models.
        """
        entry = selections.embedding_entry(self._known_card(), embedding)
        signature = entry["signatures"]["default"]

        def vector(image):
            return self._answer(embedding_call(decoding.sendable(image), signature))

        yield from self._in_flight(self._outcome, ((vector, image) for image in images))

    def _in_flight(self, answer, requests):
        """Yields the answers to requests in order, asked `in_flight` at once."""
        with ThreadPoolExecutor(self.in_flight) as pool:
            pending = deque()
            for request in requests:
                pending.append(pool.submit(answer, *request))
                if len(pending) >= self.in_flight:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

    def _outcome(self, answer, image, *options):
        if isinstance(image, ClientError):
            return image
        try:
            return answer(image, *options)
        except ENDING:
            raise
        except ClientError as error:
            return error
