"""Hints on the page: set, moved and deleted in a real browser, with a real server behind it."""

import base64
import json

import numpy as np
import pytest

from serving.client import Client
from serving.page.sketches import write
from serving.page.translator import Translator
from tests.serving.local import managed, serving
from tests.serving.page.browsers import Visitor, launched, pixels_of
from tfpix2pix.datasets import synthetic

pytestmark = [
    pytest.mark.slow,
    # Gradio leaves sockets and event loops to the garbage collector; `launched` calls it.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SIZE = (96, 128)
PHOTO = write(synthetic.facade(SIZE, 5)[0])
RED, BLUE, GREEN = [208, 48, 32], [32, 64, 224], [16, 160, 32]
RADIUS = 2  # 2% of 96 pixels.
MODEL = "hints"


@pytest.fixture(scope="module")
def address(exported_hints):
    with managed(exported_hints[1]) as manager, serving(manager) as (address, _):
        yield address


class Colourist(Visitor):
    """A visitor with a photo, who compares what is shown with the client's answers."""

    def __init__(self, chromium, url, client, photo=PHOTO, **options):
        super().__init__(chromium, url, clear=False, **options)
        self.client, self.photo = client, photo
        self.until(lambda: self.content("#drawing .translated"))  # Of the example.
        self.upload(photo)

    def upload(self, photo):
        file = {"name": "p.png", "mimeType": "image/png", "buffer": photo}
        self.page.locator("#drawing input[type=file]").set_input_files(file)
        self.photo = photo
        self.shows([])

    def at(self, row, column):
        """Returns where the middle of a pixel of the photo is on the screen."""
        box = self.page.locator("#drawing canvas").bounding_box()
        height, width = pixels_of(self.photo).shape[:2]
        x = box["x"] + (column + 0.5) / width * box["width"]
        return x, box["y"] + (row + 0.5) / height * box["height"]

    def press(self, *places, button="left"):
        """Clicks a pixel, or draws through several."""
        for index, place in enumerate(places):
            self.page.mouse.move(*self.at(*place), steps=1 if index == 0 else 8)
            if index == 0:
                self.page.mouse.down(button=button)
        self.page.mouse.up(button=button)

    def take(self, color):
        self.page.locator("#drawing .color input").fill("#" + bytes(color).hex())

    def points(self):
        return json.loads(self.page.evaluate("document.querySelector('#drawing canvas').strokes"))

    def shows(self, points):
        """Waits for the answer to points; returns its pixels."""
        self.until(lambda: self.points() == points)
        expected = self.client.translate(self.photo, hints=points)
        self.until(lambda: self.content("#drawing .translated") == expected)
        return pixels_of(expected).astype(int)

    def swatches(self, name):
        buttons = self.page.locator(f"#drawing .{name} button").all()
        return [button.get_attribute("title") for button in buttons]


@pytest.fixture
def visitor(chromium, address):
    with launched(address, MODEL) as url, Client(address, MODEL) as client:
        visitor = Colourist(chromium, url, client)
        yield visitor
        assert visitor.errors == []
        assert visitor.hosts == {url.split("/")[2]}
        visitor.page.context.close()


def test_hints_change_the_result_where_they_are_set(visitor):
    plain = visitor.shows([])
    visitor.take(RED)
    visitor.press((30, 40))
    first = [30, 40, *RED, RADIUS]
    red = visitor.shows([first])
    visitor.take(BLUE)
    visitor.press((70, 100))
    second = [70, 100, *BLUE, RADIUS]
    both = visitor.shows([first, second])
    # The network mixes colours within 5 by 5 pixels.
    far = RADIUS + 2
    for before, after, (row, column, *_) in ((plain, red, first), (red, both, second)):
        changed = np.argwhere((before != after).any(-1))
        assert np.abs(changed - (row, column)).max() == far
    assert red[30, 40, 0] > red[30, 40, 2] + 50
    assert both[70, 100, 2] > both[70, 100, 0] + 50
    link = visitor.page.locator("#drawing .actions a", has_text="Download")
    kept = base64.b64decode(link.get_attribute("href").partition(",")[2])
    np.testing.assert_array_equal(pixels_of(kept), both)


def test_hints_are_moved_deleted_and_undone(visitor):
    visitor.take(RED)
    visitor.press((30, 40))
    visitor.take(BLUE)
    visitor.press((70, 100))
    first, second = [30, 40, *RED, RADIUS], [70, 100, *BLUE, RADIUS]
    visitor.shows([first, second])
    visitor.press((30, 40), (20, 60))
    moved = [20, 60, *RED, RADIUS]
    visitor.shows([moved, second])
    visitor.press((70, 100), (90, 140))  # No hint leaves the photo.
    visitor.shows([moved, [90, 127, *BLUE, RADIUS]])
    visitor.click("Undo")
    visitor.shows([moved, second])
    visitor.press((70, 100), button="right")
    visitor.shows([moved])
    visitor.press((20, 60))
    visitor.page.keyboard.press("Delete")
    visitor.shows([])
    for points in ([moved], [moved, second], [first, second]):
        visitor.click("Undo")
        visitor.shows(points)
    visitor.click("Redo")
    visitor.shows([moved, second])
    assert visitor.page.get_by_role("button", name="Delete").is_disabled()
    visitor.press((70, 100))
    visitor.click("Delete")
    visitor.shows([moved])
    visitor.click("Clear")
    visitor.shows([])
    visitor.click("Undo")
    visitor.shows([moved])
    # Another photo has no hints, and the one before comes back with its own.
    before = visitor.photo
    visitor.upload(write(synthetic.facade((64, 48), 9)[0]))
    visitor.click("Undo")
    visitor.photo = before
    visitor.shows([moved])


def test_strokes_colours_and_suggestions(visitor):
    visitor.take(GREEN)
    visitor.press((20, 20), (20, 50))
    stroke = visitor.points()
    assert stroke[0] == [20, 20, *GREEN, RADIUS]
    assert {row[0] for row in stroke} == {20}
    columns = np.array([row[1] for row in stroke])
    assert columns[-1] >= 48
    assert np.diff(columns).min() > 0
    assert np.diff(columns).max() <= 2 * RADIUS + 1
    answer = visitor.shows(stroke)
    # What is taken now is for the next hint, but a hint that is clicked again changes at once.
    visitor.take(BLUE)
    visitor.press((60, 60))
    visitor.take(RED)
    blue = [60, 60, *BLUE, RADIUS]
    visitor.shows([*stroke, blue])
    assert visitor.swatches("recent") == ["#d03020", "#2040e0", "#10a020"]
    # Of the first answer, since the click was on it: around the place and about as bright.
    suggested = visitor.swatches("suggestions")
    assert 1 <= len(suggested) <= 9
    near = answer[50:71, 50:71].reshape(-1, 3)
    for color in suggested:
        levels = [int(color[start : start + 2], 16) for start in (1, 3, 5)]
        assert np.abs(near - levels).max(-1).min() < 24
    visitor.page.locator("#drawing .suggestions button").first.click()
    levels = [int(suggested[0][start : start + 2], 16) for start in (1, 3, 5)]
    visitor.shows([*stroke, [60, 60, *levels, RADIUS]])
    visitor.press((20, 30))
    visitor.page.locator("#drawing .recent button[title='#d03020']").click()
    visitor.shows([*[[*row[:2], *RED, RADIUS] for row in stroke], [60, 60, *levels, RADIUS]])
    visitor.page.locator("#drawing .size").fill("4")
    visitor.shows([*[[*row[:2], *RED, 4] for row in stroke], [60, 60, *levels, RADIUS]])


def test_an_example_is_hinted_on_a_phone(chromium, address):
    with launched(address, MODEL) as url, Client(address, MODEL) as client:
        visitor = Visitor(chromium, url, clear=False, size=(390, 844))
        example = base64.b64decode(client.model_card()["directions"][0]["examples"][0])
        plain = client.translate(example)
        visitor.until(lambda: visitor.content("#drawing .translated") == plain)
        box = visitor.page.locator("#drawing canvas").bounding_box()
        result = visitor.page.locator("#drawing .translated").bounding_box()
        assert (box["width"], box["height"]) == (result["width"], result["height"])
        visitor.stroke((0.5, 0.5))
        text = "document.querySelector('#drawing canvas').strokes"
        visitor.until(lambda: len(json.loads(visitor.page.evaluate(text))) == 1)
        (point,) = json.loads(visitor.page.evaluate(text))
        height, width = pixels_of(example).shape[:2]
        assert point[:2] == [height // 2, width // 2]
        hinted = client.translate(example, hints=[point])
        visitor.until(lambda: visitor.content("#drawing .translated") == hinted)
        assert visitor.page.evaluate("document.documentElement.scrollWidth") == 390
        assert visitor.errors == []


def test_a_photo_is_sent_as_it_came(address):
    with Client(address, MODEL) as client:
        translator = Translator(client, MODEL)
        (shown,) = translator.directions.values()
        assert (shown.points, shown.controls) == ("hints", [])
        point = [(30, 40, RED, 2)]
        made = translator.translate(PHOTO, controls={"hints": point})
        assert made.sent == PHOTO
        assert made.translated == client.translate(PHOTO, hints=point)
        assert pixels_of(made.translated).shape == (*SIZE, 3)
