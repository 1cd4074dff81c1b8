"""The page: a canvas on the left, on the right what the model makes of the drawing."""

import base64
import binascii
import html
import io
import os
from pathlib import Path
from typing import Optional

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # Nothing of a visitor leaves this machine.

import gradio as gr
from PIL import Image

from serving.client.failures import ClientError

FOLDER = Path(__file__).parent
MOST_SAMPLES = 6
KEPT = 3600  # Seconds that results stay in Gradio's folder of temporary files.
AT_ONCE = 4  # Visitors whose drawings are translated at the same time.
STYLE = """
.gradio-container { max-width: 1160px !important; margin: 0 auto !important; }
#result img { width: 100%; }
#drawing { padding: 0; }
#failure { color: #b42318; padding: 10px; border: 1px solid currentColor; border-radius: 6px; }
"""
# Read when the request is sent: an event that had to wait comes with the data of an earlier one.
CURRENT_DRAWING = """(_, seed, samples) =>
    [document.querySelector("#drawing canvas").drawing, seed, samples]"""
TIMES = "Model: {0.model:.0f} ms. Network: {0.network:.0f} ms (an answer without the model)."
HINTS = {
    "lines": "Draw with lines. They are sent as wide and in the colours that the model knows.",
    "labels": "Pick a class, and paint where it shall be.",
    "picture": "Draw, or bring a picture.",
}


def build(translator):
    """Lays out the page.

    Args:
        translator: `serving.page.translator.Translator`.

    Returns:
        `gradio.Blocks`; `launch` starts it.
    """

    def translated(drawing, seed, samples):
        drawing, seed = base64.b64decode(drawing.partition(",")[2]), int(seed or 0)
        try:
            made = translator.translate(drawing, seed, int(samples))
        except ClientError as error:
            # The last result stays, and so does the drawing.
            return gr.skip(), gr.skip(), gr.skip(), gr.HTML(html.escape(str(error)), visible=True)
        times = TIMES.format(made)
        pair = (_image(made.sent), _image(made.translated))
        noisy = [(_image(sample), f"Seed {seed + i}") for i, sample in enumerate(made.samples)]
        return pair, gr.Gallery(noisy, visible=bool(noisy)), times, gr.HTML(visible=False)

    def translate(image: str, seed: Optional[int] = None) -> str:
        """Translates the base64 of an image file into that of a PNG file.

        The image is fitted and normalized as a drawing is. With a seed there is noise, of models
        that have it.
        """
        try:
            decoded = base64.b64decode(image, validate=True)
            made = translator.translate(decoded, seed or 0, 0 if seed is None else 1)
        except (binascii.Error, ClientError) as error:
            raise gr.Error(str(error)) from None
        return base64.b64encode((made.samples or [made.translated])[0]).decode("ascii")

    with gr.Blocks(title=translator.name, delete_cache=(KEPT, KEPT)) as page:
        gr.Markdown(f"# {translator.name}\n{HINTS[translator.convention.kind]}")
        with gr.Row():
            with gr.Column(min_width=300):
                canvas = _canvas(translator.convention)
            with gr.Column(min_width=300):
                result = gr.ImageSlider(
                    label="Drawing as sent | result",
                    format="png",
                    interactive=False,
                    max_height=620,
                    elem_id="result",
                )
                failure = gr.HTML(visible=False, elem_id="failure")
                again = gr.Button("Translate again", size="sm")
                times = gr.Markdown(elem_id="times")
                with gr.Row(visible=translator.noisy):
                    samples = gr.Slider(0, MOST_SAMPLES, 0, step=1, label="Samples with noise")
                    seed = gr.Number(0, label="Seed", precision=0, minimum=0)
                gallery = gr.Gallery(
                    label="Samples", visible=False, columns=3, format="png", elem_id="samples"
                )
        gr.on(
            [canvas.input, again.click, seed.change, samples.release],
            translated,
            [canvas, seed, samples],
            [result, gallery, times, failure],
            js=CURRENT_DRAWING,
            trigger_mode="always_last",
            show_progress="hidden",
            api_visibility="private",
            concurrency_limit=AT_ONCE,
        )
        gr.api(translate, concurrency_limit=AT_ONCE)
    return page


def launch(page, host, port, *, block=True):
    """Serves a page.

    Args:
        page: `gradio.Blocks`.
        host: Address to listen at.
        port: Port to listen at.
        block: Whether to wait until Ctrl-C.

    Raises:
        OSError: If it cannot listen there.
    """
    system = ["system-ui", "sans-serif"]  # No font is fetched from anywhere.
    page.launch(
        server_name=host,
        server_port=port,
        theme=gr.themes.Default(font=system, font_mono=["ui-monospace", "monospace"]),
        css=STYLE,
        footer_links=["api"],
        ssr_mode=False,
        share=False,
        prevent_thread_lock=not block,
    )


def _canvas(convention):
    examples = [base64.b64encode(example).decode("ascii") for example in convention.examples]
    return gr.HTML(
        html_template=(FOLDER / "canvas.html").read_text("utf-8"),
        css_template=(FOLDER / "canvas.css").read_text("utf-8"),
        js_on_load=(FOLDER / "canvas.js").read_text("utf-8"),
        elem_id="drawing",
        convention={**convention._asdict(), "examples": examples},
    )


def _image(encoded):
    return Image.open(io.BytesIO(encoded)).convert("RGB")
