"""Widgets of a model's controls, chosen by what the model card says about each."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Callable

import gradio as gr

from serving.client.attribute_rows import KIND
from serving.client.failures import BadArgument
from serving.page.maps import painted_value, surface

FOLDER = Path(__file__).parent
UNSET = "As the model chooses"


def parts(name: str) -> dict[str, str]:
    """Reads the files of which a component is made.

    Args:
        name: Their name, before `.html`, `.css` and `.js`.

    Returns:
        Dict of arguments of `gradio.HTML`.
    """
    suffixes = {"html_template": "html", "css_template": "css", "js_on_load": "js"}
    return {
        argument: (FOLDER / f"{name}.{suffix}").read_text("utf-8")
        for argument, suffix in suffixes.items()
    }


class Widgets:
    """The widgets of one control; what a visitor leaves as it is asks for nothing.

    A slider says so by its default value, or where the card has none by a box to tick; a surface
    by nothing that is painted.

    Args:
        control: What the card says of the control: dict of `name`, `dtype`, `shape`, `about`.
        size: `(height, width)` in pixels of the images that are sent.
        direction: Name of the direction, among the directions of the page.

    Attributes:
        name: Name of the control.
        components: List of `gradio` components.
        events: List of their events at which to translate again.
    """

    def __init__(
        self, control: Mapping[str, Any], size: tuple[int, int] = (256, 256), direction: str = ""
    ):
        self.name = control["name"]
        self._control = control
        self._direction = direction
        self._about = control["about"]
        self._step = None if control["dtype"].startswith("float") else 1
        self._title = self._about.get("title", self.name)
        kind = self._about.get("kind")
        build = {
            "slider": self._slider,
            "choice": self._choice,
            "numbers": self._numbers,
            "weights": self._weights,
            KIND: self._attributes,
        }
        if kind in ("numbers", "weights") and None in control["shape"]:
            build = {}
        self._surface = surface(control, size)
        count = control["shape"][0] if len(control["shape"]) == 1 else 1
        made = build.get(kind, self._text) if self._surface is None else self._painting
        self.components, self.events, self._read = made(count)

    def value(self, shown: Sequence[Any]) -> Any:
        """Returns the value of the control, or `None` to ask for nothing.

        Args:
            shown: Values of `components`.

        Raises:
            BadArgument: If a text is no JSON.
        """
        return self._read(shown)

    def _slider(self, _) -> tuple[list, list, Callable]:
        (default,) = self._defaults(1)
        sliders = self._sliders([self._title], [default])
        return self._with_switch(sliders, lambda values: values[0])

    def _numbers(self, count):
        names = self._about.get("names") or [f"{self._title} {i + 1}" for i in range(count)]
        sliders = self._sliders(names, self._defaults(count))
        return self._with_switch(sliders, list)

    def _weights(self, count):
        names = self._about.get("names") or [f"{self._title} {i + 1}" for i in range(count)]
        starts = self._about.get("default", [1 / count] * count)
        sliders = [gr.Slider(0, 1, value=start, label=name) for start, name in zip(starts, names)]

        def shares(values):
            total = sum(values)
            return [value / total if total else 1 / count for value in values]

        return self._with_switch(sliders, shares)

    def _painting(self, _):
        name = f"surface-{self._direction}-{self.name}"
        component = gr.HTML(
            value=name,  # `send.js` puts what is painted in its place.
            **parts("surface"),
            surface={**self._surface, "id": name, "title": self._title},
        )

        def read(shown):
            _, _, encoded = (shown[0] or "").partition(",")
            if not encoded:
                return None
            return painted_value(base64.b64decode(encoded), self._control, self._surface)

        return [component], [component.input], read

    def _choice(self, _):
        names = self._about["names"]
        default = self._about.get("default")
        unset = [] if default is not None else [(UNSET, -1)]
        choices = [*unset, *((name, index) for index, name in enumerate(names))]
        start = -1 if default is None else default
        dropdown = gr.Dropdown(choices, value=start, label=self._title)
        return [dropdown], [dropdown.input], lambda shown: None if shown[0] == start else shown[0]

    def _attributes(self, _):
        """One list or slider for each attribute; what is left as it is says nothing."""
        columns = self._about["columns"]
        parts = {}
        for name, column in columns.items():
            kind = "choice" if isinstance(column[0], str) else "slider"
            about = {"kind": kind, "names" if kind == "choice" else "range": column, "title": name}
            control = {"name": name, "dtype": "float32", "shape": [], "about": about}
            parts[name] = Widgets(control)
        components = [one for part in parts.values() for one in part.components]
        events = [event for part in parts.values() for event in part.events]

        def read(shown):
            rest = list(shown)
            values = {}
            for name, part in parts.items():
                own, rest = rest[: len(part.components)], rest[len(part.components) :]
                value = part.value(own)
                if value is not None:
                    is_words = isinstance(columns[name][0], str)
                    values[name] = columns[name][value] if is_words else value
            return values or None

        return components, events, read

    def _text(self, _):
        text = gr.Textbox(label=f"{self._title} (JSON)", lines=1)

        def read(shown):
            if not (shown[0] or "").strip():
                return None
            try:
                return json.loads(shown[0])
            except ValueError as error:
                raise BadArgument(
                    f"The control {self.name} must be JSON. Received: {shown[0]!r}: {error}. Write "
                    "numbers in brackets, and text in double quotes."
                ) from None

        return [text], [text.submit], read

    def _defaults(self, count):
        low, high = self._about.get("range", (-1.0, 1.0))
        default = self._about.get("default", min(max(0, low), high))
        return list(default) if isinstance(default, (list, tuple)) else [default] * count

    def _sliders(self, labels, values):
        low, high = self._about.get("range", (-1.0, 1.0))
        return [
            gr.Slider(low, high, value=value, step=self._step, label=label)
            for label, value in zip(labels, values)
        ]

    def _with_switch(self, sliders, result):
        events = [slider.input for slider in sliders]
        if "default" in self._about:
            start = [slider.value for slider in sliders]
            return sliders, events, lambda shown: None if shown == start else result(shown)
        switch = gr.Checkbox(False, label=f"Set {self._title}")
        return (
            [switch, *sliders],
            [switch.input, *events],
            lambda shown: result(shown[1:]) if shown[0] else None,
        )
