"""The page: a canvas, and beside or under it what the model makes of the drawing."""

import base64
import json
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # Nothing of a visitor leaves this machine.

import gradio as gr

from serving.client.failures import BadArgument, ClientError
from serving.client.proxies import LOOPBACK
from serving.page.display import shown_palette
from serving.page.interface import AT_ONCE, Page, add_interface
from serving.page.objects import Strokes
from serving.page.sketches import shown_file
from serving.page.widgets import Widgets, parts

FOLDER = Path(__file__).parent
MOST_SAMPLES = 6
KEPT_NOWHERE = "What you draw is stored nowhere."
TIMES = "Model: {0.model:.0f} ms. Network: {0.network:.0f} ms (an answer without the model)."
HINTS = {
    "lines": "Draw with lines. They are sent as wide and in the colours that the model knows.",
    "labels": "Pick a class, and paint where it shall be.",
    "picture": "Draw, or bring a picture.",
}
POINTS = (
    "Bring a picture, and click where you know a colour, or draw a stroke. A hint can be dragged, "
    "or clicked and deleted."
)
OBJECTS = "Each stroke is an object of its own."


def build(translator, gallery=None):
    """Lays out the page.

    Args:
        translator: `serving.page.translator.Translator`.
        gallery: `serving.page.gallery.Gallery` whose look-alikes to show; by default there are
            none.

    Returns:
        `gradio.Blocks`; `launch` starts it.
    """
    with Page(title=translator.name) as page:
        gr.Markdown(f"# {translator.name}")
        hint = gr.Markdown(_hint(translator, next(iter(translator.directions))))
        direction = _direction_select(translator)
        canvas = _canvas(translator)
        if gallery is not None:
            gr.HTML(**parts("gallery"), elem_id="look-alikes")
        widgets, groups = _widgets(translator)
        noise, samples, seed = _noise(translator)
        answer = gr.Textbox(visible=False)
        strokes = gr.Textbox(visible=False)
        all_widgets = [widget for shown in widgets.values() for widget in shown]
        translated = gr.on(
            [
                canvas.input,
                seed.change,
                samples.release,
                *(event for widget in all_widgets for event in widget.events),
            ],
            _translated(translator, widgets, gallery),
            [canvas, direction, strokes, seed, samples, *_components(all_widgets)],
            [answer],
            js=_script("send.js"),
            trigger_mode="always_last",
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=AT_ONCE,
        )
        translated.success(
            None,
            [answer],
            js=_script("answer.js"),
            show_progress="hidden",
            api_visibility="private",
        )
        direction.change(
            _turned(translator),
            [direction],
            [hint, noise, *groups],
            js=_script("turn.js"),
            show_progress="hidden",
            api_visibility="private",
        )
        add_interface(translator)
    return page


@contextmanager
def own_folder():
    """Gives the page a folder of its own for what Gradio keeps, unless GRADIO_TEMP_DIR names one.

    Gradio's is the same for all users of a machine, and belongs to the first of them.

    Raises:
        BadArgument: If nothing can be written there.
    """
    with tempfile.TemporaryDirectory() as temporary:
        given = os.environ.get("GRADIO_TEMP_DIR")
        folder = Path(given or temporary)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            raise BadArgument(
                "The page must be able to write to its folder. Received: GRADIO_TEMP_DIR="
                f"{given}: {error.strerror}. Unset it, or name a folder of yours."
            ) from error
        os.environ["GRADIO_TEMP_DIR"] = str(folder)
        try:
            yield
        finally:
            if given is None:
                del os.environ["GRADIO_TEMP_DIR"]


def launch(page, host: str, port: Optional[int]):
    """Serves a page, without waiting for its end.

    Args:
        page: `gradio.Blocks`; `close` ends it.
        host: Address to listen at.
        port: Port to listen at; `None` for the first free one from 7860 on.

    Raises:
        BadArgument: If it cannot listen there.
    """
    system = ["system-ui", "sans-serif"]  # No font is fetched from anywhere.
    _pass_proxies_by(host)
    try:
        page.launch(
            server_name=host,
            server_port=port,
            theme=gr.themes.Default(font=system, font_mono=["ui-monospace", "monospace"]),
            css=(FOLDER / "layout.css").read_text("utf-8"),
            footer_links=["api"],
            ssr_mode=False,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
        )
    except (OSError, OverflowError) as error:  # Gradio advises what `--port` outranks.
        raise BadArgument(
            "The page must be able to listen at a port from 0 to 65535. Received: "
            f"{host}:{port}, which is taken, or not this machine's. Use another --port."
        ) from error


def _pass_proxies_by(host):
    """Lets Gradio ask itself whether it has started, whatever proxy the machine has."""
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), *LOOPBACK, host]))


def _direction_select(translator):
    # Such as "faces to cats", for `faces_to_cats`.
    choices = [(name.replace("_", " "), name) for name in translator.directions]
    return gr.Dropdown(choices, label="Direction", visible=len(choices) > 1, elem_id="direction")


def _canvas(translator):
    conventions = {name: _shown(one) for name, one in translator.directions.items()}
    board = parts("canvas")
    scripts = [_script(f"{name}.js") for name in ("labels", "objects", "hints")]
    board["js_on_load"] = "".join([*scripts, board["js_on_load"]])
    return gr.HTML(**board, elem_id="drawing", conventions=conventions)


def _shown(direction):
    """Returns the convention of a direction as the canvas has it, in the colours of the page."""
    convention, objects = direction.convention, direction.objects
    palette = shown_palette(convention.palette)
    # The background is a class, if there are any.
    names = {tuple(color): name for name, color in convention.palette.items()}
    background = palette.get(names.get(tuple(convention.background)), convention.background)
    shown = {
        **convention._asdict(),
        "palette": palette,
        "background": background,
        "own_palette": convention.palette,
        "examples": [_encoded(shown_file(one, convention)) for one in convention.examples],
        "objects": None,
        "points": direction.points is not None,
    }
    if objects is not None:
        begun = [objects.marks(values) for values in direction.example_controls]
        shown["objects"] = {
            "known": len(objects.known),
            "marks": [marks and _encoded(marks) for marks in begun],
            "appearances": objects.appearances,
            "chance": objects.chance,
        }
    return shown


def _widgets(translator):
    """Returns a dict of direction to list of `Widgets`, and the group of each direction's."""
    widgets = {}
    groups = []
    first = next(iter(translator.directions))
    for name, shown in translator.directions.items():
        with gr.Column(visible=name == first) as group:
            size = shown.convention.size
            widgets[name] = [Widgets(control, size, name) for control in shown.controls]
        groups.append(group)
    return widgets, groups


def _noise(translator):
    first = next(iter(translator.directions.values()))
    with gr.Row(visible=first.has_samples) as row:
        samples = gr.Slider(0, MOST_SAMPLES, 0, step=1, label="Samples with noise")
        seed = gr.Number(0, label="Seed", precision=0, minimum=0)
    return row, samples, seed


def _translated(translator, widgets, gallery):
    """Returns the function of an event to what `answer.js` shows then, as JSON: no file is kept."""

    def translated(drawing, direction, strokes, seed, samples, *values):
        seed = int(seed or 0)
        shown = translator.directions[direction]
        count = int(samples) if shown.has_samples else 0
        controls = _controls(widgets, direction, values)
        if shown.points is not None:
            controls[shown.points] = json.loads(strokes)
        try:
            translation = translator.translate(
                base64.b64decode(drawing.partition(",")[2]),
                direction,
                seed=seed,
                samples=count,
                controls=controls,
                strokes=_strokes(strokes) if shown.objects else None,
            )
        except (BadArgument, ClientError) as error:
            return json.dumps({"failure": str(error)})
        answer = {
            "sent": _sent(translation, shown),
            "translated": _encoded(translation.translated),
            "samples": [_encoded(sample) for sample in translation.samples],
            "seed": seed,
            "times": TIMES.format(translation),
        }
        if translation.objects is not None:
            places = _encoded(translation.objects["places"])
            answer["objects"] = {**translation.objects, "places": places}
        if gallery is not None:
            answer["look_alikes"] = gallery.look_alikes(
                direction, translation.sent, translation.translated
            )
        return json.dumps(answer)

    return translated


def _turned(translator):
    """Returns the function of the name of a direction to what the page shows of it."""

    def turned(direction):
        shown = translator.directions[direction]
        groups = [gr.Column(visible=name == direction) for name in translator.directions]
        return _hint(translator, direction), gr.Row(visible=shown.has_samples), *groups

    return turned


def _controls(widgets, direction, values):
    """Returns the values of a direction's controls, among those of all widgets."""
    rest = list(values)
    controls = {}
    for name, shown in widgets.items():
        for widget in shown:
            count = len(widget.components)
            if name == direction:
                controls[widget.name] = widget.value(rest[:count])
            del rest[:count]
    return controls


def _sent(translation, shown):
    """Returns what was sent, if it is another picture than the canvas has."""
    if shown.points is not None:
        return None
    return _encoded(shown_file(translation.sent, shown.convention))


def _strokes(text):
    """Reads what `objects.js` says of a drawing."""
    told = json.loads(text)
    return Strokes(base64.b64decode(told["marks"].partition(",")[2]), told["appearances"])


def _components(widgets):
    return [component for widget in widgets for component in widget.components]


def _hint(translator, direction):
    shown = translator.directions[direction]
    objects = [OBJECTS] if shown.objects else []
    drawn = HINTS[shown.convention.kind] if shown.points is None else POINTS
    return " ".join([drawn, *objects, KEPT_NOWHERE])


def _script(name):
    return (FOLDER / name).read_text("utf-8")


def _encoded(content):
    return base64.b64encode(content).decode("ascii")
