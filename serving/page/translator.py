"""The model behind the page: its directions, and its translations with their times."""

import time
from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

import numpy as np

from serving.client.control_files import example_values
from serving.client.failures import BadImage, UnsuitableModel
from serving.client.selections import ONLY, card_directions
from serving.page.objects import CONTROLS, Objects, Strokes
from serving.page.sketches import Convention, normalized, read, write

SEED = "seed"  # Kind of control for which the page has samples.


class Translation(NamedTuple):
    """The translation of a drawing.

    Attributes:
        sent: bytes of the image file that went to the model.
        translated: bytes of the PNG file that came back.
        samples: List of bytes of PNG files, with noise.
        model: Milliseconds that the model took for `translated`.
        network: Milliseconds that the question and the answer travelled.
        objects: What `Objects.shown` returns of a drawing with strokes, else `None`.
    """

    sent: bytes
    translated: bytes
    samples: list
    model: float
    network: float
    objects: Optional[dict] = None


class ShownDirection(NamedTuple):
    """A direction of the model as the page shows it.

    Attributes:
        convention: `Convention` of its sources.
        controls: List of what the card says of each control, the seed left out.
        has_samples: Whether it makes samples by seeds.
        example_controls: List of a dict of the names of controls to values for each example.
        objects: `serving.page.objects.Objects`, if it takes instances.
        points: Name of the control of hints at points, which the canvas takes; `None` without one.
            Then sources are sent as they are, at any size.
    """

    convention: Convention
    controls: list
    has_samples: bool
    example_controls: list = []  # noqa: RUF012, nobody changes it.
    objects: Optional[Objects] = None
    points: Optional[str] = None

    def source(self, drawing: bytes):
        """Returns a drawing like the training images.

        Args:
            drawing: bytes of an image file of any size.

        Returns:
            uint8 `[height, width, 3]`.

        Raises:
            BadImage: As of `serving.page.sketches.read`.
        """
        return normalized(read(drawing), self.convention)

    def own_controls(self, pixels) -> dict[str, Any]:
        """Returns the values that an example of the card has, and of any other drawing none.

        Args:
            pixels: uint8 `[height, width, 3]`, as they are sent.
        """
        for example, controls in zip(self.convention.examples, self.example_controls):
            if controls and np.array_equal(pixels, read(example)[..., :3]):
                return controls
        return {}


class Translator:
    """One model of a server; any number of visitors may share it.

    Args:
        client: `serving.client.Client` of the model.
        name: Name of the model.

    Attributes:
        name: As received.
        directions: Dict of the names of directions to `ShownDirection`, the default one first.

    Raises:
        ClientError: If the server does not answer, or does not have the model.
    """

    def __init__(self, client, name: str):
        self._client = client
        self.name = name
        card = self._card()
        if card is None:
            convention = Convention()
            self.directions = {ONLY: ShownDirection(convention, [], self._samples(convention))}
            return
        self.directions = {}
        for direction, entry in card_directions(card).items():
            convention = Convention.from_card(entry, card["image_size"])
            controls = [c for c in entry["controls"] if c["about"].get("kind") != SEED]
            # A card of format 1 does not say whether there are samples.
            has_samples = len(controls) < len(entry["controls"]) and (
                "directions" in card or self._samples(convention)
            )
            examples = example_values(entry)
            objects = Objects.from_card(controls, convention, examples)
            points = None
            if objects is not None:
                controls = [c for c in controls if c["name"] not in CONTROLS]
            else:
                kinds = {control["about"].get("kind"): control["name"] for control in controls}
                points = kinds.get("points")
                controls = [c for c in controls if c["name"] != points]
            self.directions[direction] = ShownDirection(
                convention, controls, has_samples, examples, objects, points
            )

    def translate(
        self,
        drawing: bytes,
        direction: Optional[str] = None,
        *,
        seed: int = 0,
        samples: int = 0,
        controls: Optional[Mapping[str, Any]] = None,
        strokes: Optional[Strokes] = None,
    ) -> Translation:
        """Translates a drawing.

        Args:
            drawing: bytes of an image file of any size.
            direction: Name of the direction; by default the first.
            seed: int, of the first sample; the next ones have the next numbers.
            samples: How many translations with noise to make, besides the one without.
            controls: Dict of the names of controls to values; `None` asks for nothing, or of an
                example for the value that it has in the card.
            strokes: Of a drawing whose objects the model shall see, in a direction with `objects`.

        Returns:
            `Translation`.

        Raises:
            BadArgument: If the model has no such direction or control.
            ClientError: If the drawing is no image, or the server does not translate it.
        """
        first = next(iter(self.directions))
        shown = self.directions.get(direction, self.directions[first])
        source = shown.source(drawing) if shown.points is None else None
        sent = drawing if source is None else write(source)
        # The first direction needs no card, which the model may not have.
        name = None if direction == first else direction
        asked = {key: value for key, value in (controls or {}).items() if value is not None}
        drawn = {} if strokes is None else shown.objects.controls(source, strokes)
        own = {} if source is None else shown.own_controls(source)
        values = {**own, **drawn, **asked}

        def answer(**options):
            return self._client.translate(sent, name, **{**values, **options})

        translated, seconds = timed(answer)
        # The card is an answer that takes the model no time; so is the refusal to give one.
        _, network = timed(self._card)
        values.pop(SEED, None)  # The samples have seeds of their own.
        noisy = []
        for number in range(seed, seed + samples):
            chance = {} if strokes is None else shown.objects.sample(drawn, strokes, number)
            noisy.append(answer(seed=number, **chance))
        objects = None if strokes is None else shown.objects.shown(source, drawn)
        return Translation(sent, translated, noisy, max(seconds - network, 0), network, objects)

    def _card(self):
        try:
            return self._client.model_card()
        except UnsuitableModel:
            return None

    def _samples(self, convention):
        """Asks for a sample, since there is no card to tell whether the model makes any."""
        blank = write(np.full((*convention.size, 3), 255, "uint8"))
        try:
            self._client.translate(blank, seed=0)
        except (UnsuitableModel, BadImage):  # There is no such signature, or it takes no files.
            return False
        return True


def timed(function):
    """Calls a function without arguments; returns `(result, milliseconds)`."""
    start = time.perf_counter()
    result = function()
    return result, 1000 * (time.perf_counter() - start)
