"""Objects on the page: painted and picked in a real browser, with a real server behind it."""

import base64
import dataclasses
import json

import numpy as np
import pytest

from serving.client import Client
from serving.engine.manager import Manager
from serving.engine.model_config import configuration
from serving.page.display import shown_palette
from serving.page.objects import APPEARANCE, INSTANCES, Strokes, packed, unpacked
from serving.page.sketches import write
from serving.page.translator import Translator
from tests import cases
from tests.serving.local import serving
from tests.serving.page.browsers import Visitor, launched, pixels_of
from tfpix2pix.config import PlaceConfig
from tfpix2pix.data.places import INSTANCE
from tfpix2pix.export import export
from tfpix2pix.families import FAMILIES, preset

pytestmark = [
    pytest.mark.slow,
    # Gradio leaves sockets and event loops to the garbage collector; `launched` calls it.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SIZE = (32, 64)
PALETTE = {f"class {number}": [number] * 3 for number in range(5)}
LABELS = {"kind": "labels", "background": [0, 0, 0], "palette": PALETTE}
# The lower half is class 1, in the middle of it a 2; of the upper half one quarter is another sky.
CLASSES = np.zeros((*SIZE, 1), "uint8")
CLASSES[16:] = 1
CLASSES[20:28, 24:40] = 2
OWN = CLASSES.astype("int32") + 40_000
OWN[:16, 32:] = 9


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A server with `scenes`, an untrained model whose objects look as their numbers say."""
    folder = tmp_path_factory.mktemp("scenes")
    config = preset("pix2pixhd_debug")
    places = {INSTANCE.name: PlaceConfig(1, "int32", kernel="nearest")}
    data = dataclasses.replace(config.data, image_size=SIZE, source_labels=5, places=places)
    options = dataclasses.replace(config.model, instance_features=2, clusters=3, encoder_filters=4)
    config = dataclasses.replace(config, data=data, model=options)
    family = FAMILIES[config.family]
    model = family.model(config)
    cases.fixed_weights(model.players["generator"])
    centroids = np.arange(30).reshape(5, 3, 2) % 7 - 3
    model.state["centroids"].assign(centroids.astype("float32"))
    model.state["counts"].assign(np.full(5, 3, "int32"))
    export(
        family.directions(config, model),
        folder / "exports/scenes",
        size=SIZE,
        card={
            "drawings": {"translate": LABELS},
            "examples": {"translate": [(CLASSES, {INSTANCES: OWN}), CLASSES[::-1]]},
        },
    )
    with serving(Manager(configuration(folder / "exports")).start()) as (address, _):
        yield address


def test_a_translation_sees_the_objects_that_are_painted(address):
    classes = CLASSES.copy()
    classes[2:6, 2:20] = 3
    sent = write(classes[..., 0])
    with Client(address, "scenes") as client:
        translator = Translator(client, "scenes")
        (shown,) = translator.directions.values()
        assert [control["name"] for control in shown.controls] == ["photo"]
        marks = unpacked(shown.objects.marks(shown.example_controls[0]), SIZE)
        marks[2:6, 2:20] = 50
        made = translator.translate(sent, strokes=Strokes(packed(marks), {}))
        ids = OWN.copy()
        ids[2:6, 2:20] = new = shown.objects.ids(classes.repeat(3, -1), marks)[2, 2]
        assert new not in OWN
        assert made.translated == client.translate(sent, instances=ids.tolist())
        assert made.objects["ids"] == np.unique(ids).tolist()
        assert made.objects["names"] == ["class 0", "class 0", "class 1", "class 2", "class 3"]
        chosen = Strokes(packed(marks), {new: 2})
        asked = {INSTANCES: ids.tolist(), APPEARANCE: np.where(ids == new, 2, 0).tolist()}
        other = translator.translate(sent, strokes=chosen, seed=6, samples=2)
        assert other.translated == client.translate(sent, **asked)
        for seed, sample in zip((6, 7), other.samples):
            asked[APPEARANCE] = np.where(ids == new, 2, -1 - seed).tolist()
            assert sample == client.translate(sent, **asked, seed=seed)
    changed = np.abs(pixels_of(other.translated).astype(int) - pixels_of(made.translated)).sum(-1)
    assert changed[2:6, 2:20].mean() > 0
    assert other.samples[0] != other.samples[1]


def pick(visitor, x, y):
    """Clicks the result at a point in shares of it."""
    box = visitor.page.locator("#drawing .translated").bounding_box()
    visitor.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])


def outlined(visitor):
    """Returns the corners of the outline, `(left, top, right, bottom)` in the model's pixels."""
    return visitor.page.evaluate(
        """() => {
            const outline = document.querySelector("#drawing .outline");
            if (outline.hasAttribute("hidden")) return null;
            const { x, y, width, height } = outline.firstChild.getBBox();
            return [x, y, x + width, y + height];
        }"""
    )


def drawn(visitor):
    """Returns the marks of the canvas, at the model's size."""
    text = visitor.page.evaluate("document.querySelector('#drawing canvas').strokes")
    return unpacked(base64.b64decode(json.loads(text)["marks"].partition(",")[2]), SIZE)


def test_objects_are_painted_picked_and_given_another_look(chromium, address):
    with launched(address, "scenes") as url, Client(address, "scenes") as client:
        visitor = Visitor(chromium, url, clear=False)
        appearances = visitor.page.locator("#drawing .appearances button")

        def shows(classes, **controls):
            expected = pixels_of(client.translate(write(classes), **controls))
            visitor.result(lambda _: True)
            visitor.until(
                lambda: np.array_equal(pixels_of(visitor.content("#drawing .translated")), expected)
            )

        # The example has the instances of the card, and a look of the model's choice.
        own = {INSTANCES: OWN.tolist()}
        shows(CLASSES[..., 0], **own)
        assert outlined(visitor) is None
        assert appearances.first.is_disabled()
        pick(visitor, 0.5, 0.75)
        visitor.until(lambda: outlined(visitor) == [24, 20, 40, 28])
        assert visitor.page.get_by_text("Chosen object: class 2").is_visible()
        appearances.get_by_text("appearance 2", exact=True).click()
        shows(CLASSES[..., 0], **own, appearance=(CLASSES == 2).astype(int).tolist())
        visitor.click("Undo")
        shows(CLASSES[..., 0], **own)
        # Two strokes of one class that touch are two objects; the third goes on with the second.
        visitor.click("Clear")
        visitor.until(lambda: outlined(visitor) is None)
        visitor.click("class 3")
        visitor.page.locator("#drawing .size").fill("8")
        visitor.stroke((0.25, 0.25), (0.4, 0.25))
        visitor.stroke((0.4, 0.4), (0.6, 0.4))
        visitor.click("Same object")
        visitor.stroke((0.8, 0.5), (0.8, 0.75))
        marks = drawn(visitor)
        nothing, first, second = np.unique(marks)
        assert nothing == 0
        assert marks[8, 20] == first
        assert marks[12, 32] == marks[20, 51] == second
        classes = np.where(marks > 0, 3, 0).astype("uint8")
        shows(classes, instances=marks[..., np.newaxis].tolist())
        for (x, y), mark in (((0.3, 0.25), first), ((0.8, 0.6), second)):
            pick(visitor, x, y)
            rows, columns = np.nonzero(marks == mark)
            sides = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            visitor.until(lambda sides=sides: outlined(visitor) == sides)
        appearances.get_by_text("appearance 3", exact=True).click()
        chosen = {
            INSTANCES: marks[..., np.newaxis].tolist(),
            APPEARANCE: np.where(marks == second, 2, 0)[..., np.newaxis].tolist(),
        }
        shows(classes, **chosen)
        # A file of numbers is drawn in the colours of the page, and sent as it is.
        file = {"name": "p.png", "mimeType": "image/png", "buffer": write(CLASSES[..., 0])}
        visitor.page.locator("#drawing input[type=file]").set_input_files(file)
        colors = np.array(list(shown_palette(PALETTE).values()))
        visitor.result(lambda sent: np.array_equal(sent, colors[CLASSES[..., 0]]))
        shows(CLASSES[..., 0])
        assert not drawn(visitor).any()
        assert visitor.errors == []
