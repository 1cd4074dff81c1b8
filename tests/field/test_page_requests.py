"""Calls of the page's programming interface as people's own programs make them."""

import base64
import gc
import io
import json
import socket
import tempfile

import gradio as gr
import numpy as np
import pytest
import requests
from PIL import Image

from serving.client.failures import BadArgument, BadImage
from serving.page import layout
from serving.page.sketches import read
from tests.serving.local import picture, serving
from tests.serving.page.browsers import launched, pixels_of

pytestmark = [
    pytest.mark.slow,  # With the other pages, since each leaves things behind in its process.
    # Gradio leaves sockets and event loops to the garbage collector; `launched` calls it.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ANSWER_LIMIT = 60  # Seconds.
NO_IMAGE = "An image must be the base64 of a file, or a data URL of that. Received: "
NO_CONTROLS = "Controls must be a JSON object of their names and values. Received: "
WRITE = '. Write them as {"seed": 7}, or leave them out.'


@pytest.fixture(scope="module")
def url(manager):
    with pytest.MonkeyPatch.context() as patch, serving(manager) as (address, _):
        # Of a machine with a proxy, on which Gradio must find itself.
        for name in ("http_proxy", "HTTP_PROXY"):
            patch.setenv(name, "http://127.0.0.1:9")
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "intranet")
        with launched(address, "tiny") as url:
            yield url


def call(url, *arguments, name="translate"):
    """Returns what the page answers: the base64 of a file, or a dict with an error."""
    asked = f"{url}gradio_api/call/{name}"
    event = requests.post(asked, json={"data": arguments}, timeout=ANSWER_LIMIT).json()
    answer = requests.get(f"{asked}/{event['event_id']}", timeout=ANSWER_LIMIT).text
    told = json.loads(answer.partition("data: ")[2])
    return told if isinstance(told, dict) else told[0]


def test_base64_is_read_in_every_form_and_arguments_may_be_left_out(url):
    """A data URL of a browser, lines of `base64`, text for URLs; JSON written as JSON."""
    text = base64.b64encode(picture(3, (256, 256))[0]).decode()
    expected = call(url, text, None)
    lines = base64.encodebytes(base64.b64decode(text)).decode()
    web_safe = base64.urlsafe_b64encode(base64.b64decode(text)).decode().rstrip("=")
    for form in (text, f"data:image/png;base64,{text}", lines, web_safe):
        assert call(url, form) == expected
    for arguments in ((text,), (text, None, None), (text, None, {}), (text, "translate")):
        assert call(url, *arguments, name="translate_with") == expected


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("translate", (), f"{NO_IMAGE}None. Encode the bytes of the file."),
        ("translate", ({"a": 1}, 7), f"{NO_IMAGE}{{'a': 1}}. Encode the bytes of the file."),
        ("translate", ("***",), f"{NO_IMAGE}'***'. Encode the bytes of the file."),
        (
            "translate",
            ("aGVsbG8=",),
            "A drawing must be an image file. Received: INVALID_ARGUMENT: 5 bytes of another "
            "format. Correct the image; PNG and JPEG files are understood.",
        ),
        (
            "translate",
            (None, "x"),
            f"{NO_IMAGE}None. Encode the bytes of the file.",
        ),
        ("translate_with", ("aGVsbG8=", None, "{"), f"{NO_CONTROLS}'{{'{WRITE}"),
        ("translate_with", ("aGVsbG8=", None, "[1]"), f"{NO_CONTROLS}'[1]'{WRITE}"),
    ],
)
def test_bad_calls_get_one_sentence(url, caplog, capfd, name, arguments, text):
    """Nobody can act on an empty error or on an object's address in memory."""
    assert call(url, *arguments, name=name)["error"] == text
    assert "Traceback" not in capfd.readouterr().err + caplog.text


@pytest.mark.parametrize("seed", ["x", 1.5, True, [1], 2**70])
def test_seeds_of_another_type_are_refused(url, seed):
    """As forms send them, and of programs with numbers beyond 64 bits."""
    text = base64.b64encode(picture()[0]).decode()
    assert call(url, text, seed)["error"] == (
        f"The control seed must be one int64. Received: {seed!r}. Correct the value."
    )


def test_photos_of_phones_and_of_sixteen_bits_are_seen_as_they_are(url):
    """Upright by EXIF; scans of 16 bits were nearly white."""
    grey = np.linspace(0, 65535, 256).astype("uint16")[None].repeat(256, 0)
    deep, plain, turned = (io.BytesIO() for _ in range(3))
    Image.fromarray(grey).save(deep, "png")
    Image.fromarray(np.rint(grey / 257).astype("uint8")).save(plain, "png")
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = Image.fromarray(np.rint(grey / 257).astype("uint8")).rotate(90)
    sideways.save(turned, "png", exif=exif)
    answers = [call(url, base64.b64encode(file.getvalue()).decode()) for file in (plain, deep)]
    assert answers[0] == answers[1]
    upright = call(url, base64.b64encode(turned.getvalue()).decode())
    np.testing.assert_array_equal(
        pixels_of(base64.b64decode(upright)), pixels_of(base64.b64decode(answers[0]))
    )


@pytest.mark.parametrize(("mode", "kind"), [("F", "floats"), ("I", "32 bits")])
def test_files_whose_white_nobody_knows_are_refused(mode, kind):
    """Of ImageJ and of remote sensing: they were all black, or white."""
    file = io.BytesIO()
    Image.new(mode, (4, 4)).save(file, "tiff")
    with pytest.raises(BadImage) as caught:
        read(file.getvalue())
    assert str(caught.value) == (
        f"A drawing must have 8 or 16 bits. Received: INVALID_ARGUMENT: a TIFF of {kind}. Save it "
        "as PNG."
    )


def test_the_page_keeps_files_in_a_folder_of_its_own(monkeypatch, tmp_path):
    """Of the second user of a machine: Gradio's folder belongs to the first."""
    monkeypatch.delenv("GRADIO_TEMP_DIR", raising=False)
    with layout.own_folder():
        first = gr.utils.get_upload_folder()
        with tempfile.TemporaryFile(dir=first):
            pass
    assert gr.utils.get_upload_folder() != first
    (tmp_path / "file").touch()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "file"))
    with pytest.raises(BadArgument) as caught, layout.own_folder():
        pass
    assert str(caught.value) == (
        f"The page must be able to write to its folder. Received: GRADIO_TEMP_DIR={tmp_path}/file: "
        "File exists. Unset it, or name a folder of yours."
    )


def test_a_port_that_is_taken_names_the_option(monkeypatch):
    """Of the second page on a machine; Gradio names a variable that `--port` outranks."""
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    with socket.create_server(("127.0.0.1", 0)) as taken, gr.Blocks() as page:
        for port in (taken.getsockname()[1], 80000):
            with pytest.raises(BadArgument) as caught:
                layout.launch(page, "127.0.0.1", port)
            assert str(caught.value) == (
                "The page must be able to listen at a port from 0 to 65535. Received: "
                f"127.0.0.1:{port}, which is taken, or not this machine's. Use another --port."
            )
    del page, caught
    gc.collect()  # Of the event loops of Gradio, here, where a warning of them counts for nothing.
