"""Look-alikes on the page: thumbnails of the images of an index that are most like a picture."""

import base64
import functools
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from serving.client.failures import BadArgument, ClientError
from serving.client.selections import embedding_entry, weights_sha256
from serving.page.sketches import read
from serving.page.translator import timed
from tfpix2pix.errors import InputError
from tfpix2pix.inference import EmbeddingIndex
from tfpix2pix.models.domain_paths import direction_name

NEIGHBOURS = 5  # In each domain.
TILE = 192  # Pixels of the longer side; screens show half of them.
KEPT = 4096  # Thumbnails; some 30 MB.
WHITE = (255, 255, 255, 255)
TIMES = (
    "Nearest of {count} images by the cosine of their vectors. Vectors: {vectors:.0f} ms. Search: "
    "{search:.1f} ms. Thumbnails: {pictures:.0f} ms."
)
GONE = "The file is gone."
UNREADABLE = "The file is no image that can be shown."


class Gallery:
    """The images of an index that are most like a picture, in each domain of the index.

    Of the files on this machine it reads those that the index names, and shows what is an image.

    Args:
        client: `serving.client.Client` of the model that made the index.
        path: Path of the NPZ file; files go by their path from its folder.

    Raises:
        BadArgument: If the index is damaged, empty or of another model, or this has no embeddings.
        ClientError: If the server does not answer, or does not have the model.
    """

    def __init__(self, client, path: Path):
        self._client = client
        self._folder = Path(path).parent
        try:
            self._index = EmbeddingIndex.load(path)
            card = self._current_card()
            # What a search needs is prepared, or refused, before there is a page.
            self._nearest(np.zeros(embedding_entry(card, None)["length"]))
        except InputError as error:
            raise BadArgument(str(error)) from error
        self._domains = [entry["name"] for entry in card["embeddings"]]

    def look_alikes(self, direction: str, sent: bytes, translated: bytes) -> dict[str, Any]:
        """Finds the look-alikes of a picture and of its translation.

        Args:
            direction: Name of the direction. Where it goes from one domain of the model to another,
                as `direction_name` says, the pictures are taken as images of these. Else what was
                sent is taken as an image of the first, and the translation has no look-alikes.
            sent: bytes of an image file.
            translated: bytes of an image file.

        Returns:
            Dict for `gallery.js`: `failure`, why there are none; or `times`, a sentence, and
            `groups`, a list of dicts of `title` and `rows`, dicts of `domain` and `tiles`, dicts of
            `name`, `distance` and either `picture`, a JPEG file in base64, or `missing`.
        """
        as_sent, as_translated = self._ends(direction)
        asked = {f"Like what was sent, taken as {as_sent}": (sent, as_sent)}
        if as_translated is not None:
            asked[f"Like the result, taken as {as_translated}"] = (translated, as_translated)

        def vectors():
            self._current_card()
            return [self._client.embed([image], domain)[0] for image, domain in asked.values()]

        try:
            made, vector_time = timed(vectors)
        except (BadArgument, ClientError, InputError) as error:
            return {"failure": str(error)}
        answers, search_time = timed(lambda: [self._nearest(vector) for vector in made])
        groups, picture_time = timed(
            lambda: [
                {"title": title, "rows": [self._row(*one) for one in answer.items()]}
                for title, answer in zip(asked, answers)
            ]
        )
        count = len(self._index.names)
        times = {"vectors": vector_time, "search": search_time, "pictures": picture_time}
        return {"groups": groups, "times": TIMES.format(count=count, **times)}

    def _current_card(self):
        """Returns the card, if the model still is the one that made the index."""
        card = self._client.model_card()
        embedding_entry(card, None)
        self._index.check_model(weights_sha256(card))
        return card

    def _nearest(self, vector):
        return self._index.query([vector], neighbours=NEIGHBOURS)[0]

    def _ends(self, direction):
        for start in self._domains:
            for end in self._domains:
                if direction == direction_name(start, end):
                    return start, end
        return self._domains[0], None

    def _row(self, domain, neighbours):
        return {"domain": domain, "tiles": [self._tile(neighbour) for neighbour in neighbours]}

    def _tile(self, neighbour):
        tile = {"name": neighbour.name, "distance": f"{neighbour.distance:.4f}"}
        file = self._folder / neighbour.name
        try:
            return {**tile, "picture": _thumbnail(file, os.stat(file).st_mtime_ns)}
        except FileNotFoundError:
            return {**tile, "missing": GONE}
        except (OSError, SyntaxError, ValueError, ClientError, Image.DecompressionBombError):
            return {**tile, "missing": UNREADABLE}


@functools.lru_cache(KEPT)
def _thumbnail(file, _):
    """Returns a small JPEG file in base64; a file that is changed is read again."""
    picture = Image.fromarray(read(file.read_bytes()))
    picture.thumbnail((TILE, TILE), Image.Resampling.LANCZOS)
    page = Image.new("RGBA", picture.size, WHITE)
    page.alpha_composite(picture)
    encoded = io.BytesIO()
    page.convert("RGB").save(encoded, "jpeg", quality=90)
    return base64.b64encode(encoded.getvalue()).decode("ascii")
