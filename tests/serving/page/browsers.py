"""Pages and visitors with real browsers."""

import base64
import gc
import io
from contextlib import contextmanager

import numpy as np
from PIL import Image

from serving.client import Client
from serving.page.gallery import Gallery
from serving.page.layout import build, launch
from serving.page.translator import Translator

WAIT = 10_000  # Milliseconds.


def pixels_of(encoded):
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


@contextmanager
def launched(address, model, index=None):
    """Serves a page, with look-alikes of an index; yields its URL."""
    with Client(address, model, patience=0) as client:
        gallery = None if index is None else Gallery(client, index)
        page = build(Translator(client, model), gallery)
        launch(page, "127.0.0.1", None)
        try:
            yield page.local_url
        finally:
            page.close(verbose=False)
            del page
            gc.collect()


class Visitor:
    """A visitor with a browser of their own, who begins with a clear sheet."""

    def __init__(self, chromium, url, *, clear=True, size=(1280, 720)):
        viewport = {"width": size[0], "height": size[1]}
        self.page = chromium.new_context(viewport=viewport).new_page()
        self.page.set_default_timeout(WAIT)
        self.hosts, self.errors = set(), []
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2]))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(url)
        self.page.wait_for_selector("#drawing canvas")
        if clear:
            self.click("Clear")
            self.result(lambda sent: (sent == sent[0, 0]).all())

    def stroke(self, *points):
        """Draws through points, in shares of the canvas."""
        box = self.page.locator("#drawing canvas").bounding_box()
        for index, (x, y) in enumerate(points):
            at = (box["x"] + x * box["width"], box["y"] + y * box["height"])
            self.page.mouse.move(*at, steps=3)
            if index == 0:
                self.page.mouse.down()
        self.page.mouse.up()

    def click(self, name):
        self.page.locator("#drawing button", has_text=name).first.click()

    def result(self, accepted=lambda sent: sent.min() < 128):
        """Waits for a result of a drawing that is accepted, by default one with ink.

        Returns `(sent, translated)`.
        """
        found = []

        def ready():
            images = ("sent img", "translated")
            found[:] = [self.content(f"#drawing .{image}") for image in images]
            return all(found) and accepted(pixels_of(found[0]))

        self.until(ready)
        return found

    def content(self, image):
        """Returns the bytes of the file that an image shows."""
        source = self.page.locator(image).get_attribute("src")
        return source and base64.b64decode(source.partition(",")[2])

    def until(self, condition):
        for _ in range(WAIT // 100):
            if condition():
                return
            self.page.wait_for_timeout(100)
        raise AssertionError("what was waited for did not come")
