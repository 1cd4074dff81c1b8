"""The model behind the page: what it was made for, and its translations with their times."""

import time
from typing import NamedTuple

import numpy as np
from PIL import Image

from serving.client.failures import BadImage, Code, UnsuitableModel
from serving.page.sketches import Convention, normalized, read, write


class Translation(NamedTuple):
    """What became of a drawing.

    Attributes:
        sent: bytes of the PNG file that the model was given.
        translated: bytes of the PNG file that it made.
        samples: List of bytes of PNG files, with noise.
        model: Milliseconds that the model took for `translated`.
        network: Milliseconds that the question and the answer travelled.
    """

    sent: bytes
    translated: bytes
    samples: list
    model: float
    network: float


class Translator:
    """One model of a server; any number of visitors may share it.

    Args:
        client: `serving.client.Client` of the model.
        name: Name of the model.

    Attributes:
        name: As given.
        convention: `Convention` of its inputs.
        noisy: Whether it makes samples by seeds.

    Raises:
        ClientError: If the server does not answer, or does not have the model.
    """

    def __init__(self, client, name):
        self._client, self.name = client, name
        card = self._card()
        self.convention = Convention() if card is None else Convention.of_card(card)
        blank = write(np.full((*self.convention.size, 3), 255, "uint8"))
        try:
            client.translate(blank, seed=0)
            self.noisy = True
        except (UnsuitableModel, BadImage):  # There is no such signature, or it takes no files.
            self.noisy = False

    def translate(self, drawing, seed=0, samples=0):
        """Translates a drawing.

        Args:
            drawing: bytes of an image file of any size.
            seed: int, of the first sample; the next ones have the next numbers.
            samples: How many translations with noise to make, besides the one without.

        Returns:
            `Translation`.

        Raises:
            ClientError: If the drawing is no image, or the server does not translate it.
        """
        try:
            pixels = read(drawing)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise BadImage(
                "A drawing must be an image.", Code.INVALID_ARGUMENT, str(error)
            ) from None
        sent = write(normalized(pixels, self.convention))
        translated, whole = _timed(self._client.translate, sent)
        # The card is an answer that takes the model no time; so is the refusal to give one.
        _, network = _timed(self._card)
        noisy = [self._client.translate(sent, seed + index) for index in range(samples)]
        return Translation(sent, translated, noisy, max(whole - network, 0), network)

    def _card(self):
        try:
            return self._client.model_card()
        except UnsuitableModel:
            return None


def _timed(function, *arguments):
    start = time.perf_counter()
    result = function(*arguments)
    return result, 1000 * (time.perf_counter() - start)
