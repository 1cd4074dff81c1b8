"""The demo page in a real browser, with real servers behind it."""

import base64
import json
import urllib.request
from contextlib import ExitStack

import numpy as np
import pytest
import tensorflow as tf

from serving import demo
from serving.client import Client
from serving.client.failures import BadArgument, BadImage, UnknownModel, UnsuitableModel
from serving.engine.manager import Manager
from serving.engine.model_config import configuration
from serving.page.sketches import write
from serving.page.translator import Translator
from serving.page.widgets import Widgets
from tests import cases
from tests.cases.directions import two_directions
from tests.serving.local import picture, resting, serving
from tests.serving.page.browsers import WAIT, Visitor, launched, pixels_of
from tfpix2pix import inference
from tfpix2pix.data import images
from tfpix2pix.export import export
from tfpix2pix.networks import unet_generator

pytestmark = [
    pytest.mark.slow,
    # Gradio leaves sockets and event loops to the garbage collector; `launched` calls it.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SIZE = (32, 64)
LINES = {
    "kind": "lines",
    "background": [255, 255, 255],
    "line_color": [0, 0, 0],
    "line_width": 2.0,
}
PALETTE = {"wall": [250, 20, 30], "door": [10, 200, 60], "window": [130, 110, 45]}
ATTRIBUTES = {"kind": "attributes", "columns": {"hair": ["blue", "red"], "age": [7, 9]}}
LABELS = {"kind": "labels", "background": [250, 20, 30], "palette": PALETTE}
# The upper half black, the left half, and the lower.
EXAMPLES = [np.full((*SIZE, 3), 255, "uint8") for _ in range(3)]
EXAMPLES[0][:16] = EXAMPLES[1][:, :32] = EXAMPLES[2][16:] = 0


class Foreign(tf.Module):
    """Serves images upside down, without a card."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="image_bytes")])
    def turn(self, image_bytes):
        def one(encoded):
            return tf.io.encode_png(tf.reverse(tf.io.decode_png(encoded, 3), [0]))

        return {"output_bytes": tf.map_fn(one, image_bytes)}


@pytest.fixture(scope="module")
def generator():
    return cases.fixed_weights(unet_generator((None, None, 3), depth=3, base_filters=4))


@pytest.fixture(scope="module")
def manager(generator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    for name, drawing in {"lines": LINES, "labels": LABELS}.items():
        export(
            generator,
            folder / name,
            size=SIZE,
            card={"drawings": {"translate": drawing}, "examples": {"translate": EXAMPLES}},
        )
    export(
        two_directions(),
        folder / "both",
        size=SIZE,
        card={
            "drawings": {"AtoB": LABELS, "BtoA": LINES},
            "examples": {"BtoA": EXAMPLES[:1], "AtoB": [(EXAMPLES[0], {"season": 1})]},
        },
    )
    foreign = Foreign()
    tf.saved_model.save(foreign, str(folder / "foreign/1"), {"serving_default": foreign.turn})
    return Manager(configuration(folder)).start()


@pytest.fixture(scope="module")
def address(manager):
    with serving(manager) as (address, _):
        yield address


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_the_client_brings_the_card_and_the_noise_of_a_seed(generator, manager, address, api):
    encoded, pixels = picture(0, SIZE)
    with resting(manager) as url, Client({"grpc": address, "rest": url}[api], "lines") as client:
        assert client.model_card()["drawing"] == LINES
        noisy = pixels_of(client.translate(encoded, seed=7))
    source = images.to_signed(pixels)[tf.newaxis]
    expected = images.to_pixels(inference.translate(generator, source, samples=1, seed=7)[0, 0])
    assert np.abs(noisy.astype(int) - expected.numpy().astype(int)).max() <= 1


def test_a_model_without_a_card_is_told_so_and_gets_a_plain_canvas(address):
    with Client(address, "foreign") as client:
        with pytest.raises(UnsuitableModel):
            client.model_card()
        translator = Translator(client, "foreign")
        (shown,) = translator.directions.values()
        assert shown.convention.size == (256, 256)
        assert not shown.has_samples
        encoded, pixels = picture(1, (256, 256))
        np.testing.assert_array_equal(
            pixels_of(translator.translate(encoded).translated), pixels[::-1]
        )


def test_a_drawing_is_translated_with_samples_and_times(address):
    encoded, _ = picture(2, (8, 12))
    with Client(address, "lines") as client:
        made = Translator(client, "lines").translate(encoded, seed=5, samples=2)
        assert made.translated == client.translate(made.sent)
        assert made.samples == [client.translate(made.sent, seed=seed) for seed in (5, 6)]
        assert made.model >= 0
        assert made.network > 0
        with pytest.raises(BadImage) as caught:
            Translator(client, "lines").translate(b"broken")
    assert str(caught.value).startswith(
        "A drawing must be an image file. Received: INVALID_ARGUMENT: 6 bytes of another format. "
    )


def test_an_unknown_model_is_reported_before_there_is_a_page(address):
    with pytest.raises(UnknownModel):
        demo.main(address, "nothing")


@pytest.fixture
def visitor(chromium, address, request):
    with launched(address, getattr(request, "param", "lines")) as url:
        visitor = Visitor(chromium, url)
        yield visitor
        assert visitor.errors == []
        assert visitor.hosts == {url.split("/")[2]}
        visitor.page.context.close()


@pytest.mark.parametrize("size", [(1280, 720), (390, 844)])
@pytest.mark.parametrize("model", ["lines", "labels"])
def test_the_page_opens_with_the_first_example_answered(chromium, address, model, size):
    with launched(address, model) as url, Client(address, model) as client:
        visitor = Visitor(chromium, url, clear=False, size=size)
        sent, translated = visitor.result(lambda sent: True)
        np.testing.assert_array_equal(pixels_of(sent), EXAMPLES[0])
        np.testing.assert_array_equal(pixels_of(translated), pixels_of(client.translate(sent)))
        canvas, result = (
            visitor.page.locator(f"#drawing {one}").bounding_box()
            for one in ("canvas", "img.translated")
        )
        assert (canvas["width"], canvas["height"]) == (result["width"], result["height"])
        assert canvas["width"] / canvas["height"] == pytest.approx(SIZE[1] / SIZE[0], 0.01)
        if size[0] == 1280:
            assert canvas["y"] == result["y"]
            assert canvas["x"] + canvas["width"] < result["x"] < 720
        else:
            assert canvas["x"] == result["x"]
            assert 0 < result["y"] - canvas["y"] - canvas["height"] < 16
        width = visitor.page.evaluate("document.documentElement.scrollWidth")
        assert width == size[0]
        assert visitor.errors == []


def test_with_the_mirror_one_half_draws_the_other(visitor):
    visitor.click("Mirror")
    visitor.stroke((0.2, 0.2), (0.2, 0.8))
    pixels = pixels_of(visitor.result(lambda sent: is_inked(sent, 0.2, 0.5))[0])
    assert all(is_inked(pixels, 0.8, y) for y in (0.25, 0.5, 0.75))
    assert not is_inked(pixels, 0.5, 0.5)
    ink = (255 - pixels.astype(float)).sum((0, 2))
    assert ink[:32].sum() == pytest.approx(ink[32:].sum(), rel=0.05)
    visitor.click("Undo")  # Both halves are one step.
    visitor.result(lambda sent: sent.min() == 255)
    visitor.click("Mirror")
    visitor.stroke((0.2, 0.2), (0.2, 0.8))
    sent, _ = visitor.result(lambda sent: is_inked(sent, 0.2, 0.5))
    assert not is_inked(pixels_of(sent), 0.8, 0.5)


@pytest.mark.parametrize("visitor", ["labels"], indirect=True)
def test_only_lines_are_mirrored(visitor):
    assert visitor.page.locator("#drawing button", has_text="Mirror").is_hidden()


def test_a_random_example_is_another_one_and_can_be_undone(visitor):
    visitor.page.locator("#drawing .examples button").first.click()
    visitor.result(lambda sent: np.array_equal(sent, EXAMPLES[0]))
    shown = 0
    for _ in range(4):
        visitor.click("Random")
        others = [example for index, example in enumerate(EXAMPLES) if index != shown]
        sent, _ = visitor.result(lambda sent, others=others: any((sent == o).all() for o in others))
        (shown,) = [i for i, example in enumerate(EXAMPLES) if (pixels_of(sent) == example).all()]
    for _ in range(4):
        visitor.click("Undo")
    visitor.result(lambda sent: np.array_equal(sent, EXAMPLES[0]))


@pytest.mark.parametrize("visitor", ["foreign"], indirect=True)
def test_a_model_without_examples_has_no_random_one(visitor):
    assert visitor.page.locator("#drawing button", has_text="Random").is_hidden()


WORD = [
    [(0.25, 0.3), (0.1, 0.3), (0.1, 0.7), (0.25, 0.7)],
    [(0.35, 0.7), (0.45, 0.3), (0.55, 0.7)],
    [(0.4, 0.55), (0.5, 0.55)],
    [(0.65, 0.3), (0.9, 0.3)],
    [(0.775, 0.3), (0.775, 0.7)],
]


@pytest.mark.parametrize(
    ("strokes", "inked", "clear"),
    [
        ([], [], [(0.5, 0.5)]),
        ([[(0.5, 0.5)]], [(0.5, 0.5)], [(0.3, 0.5), (0.7, 0.5)]),
        (WORD, [point for stroke in WORD for point in stroke], [(0.6, 0.5), (0.2, 0.5)]),
    ],
    ids=["empty", "dot", "word"],
)
def test_odd_sketches_are_answered(visitor, address, strokes, inked, clear):
    for stroke in strokes:
        visitor.stroke(*stroke)
    sent, translated = visitor.result(lambda sent: all(is_inked(sent, *point) for point in inked))
    assert not any(is_inked(pixels_of(sent), *point) for point in clear)
    with Client(address, "lines") as client:
        np.testing.assert_array_equal(pixels_of(translated), pixels_of(client.translate(sent)))
    assert visitor.page.locator("#failure").is_hidden()


@pytest.mark.parametrize("visitor", ["lines", "labels", "foreign"], indirect=True)
def test_an_all_black_sheet_is_answered(visitor):
    black = write(np.zeros((*SIZE, 3), "uint8"))
    before = visitor.content("#drawing .sent img")
    file = {"name": "p.png", "mimeType": "image/png", "buffer": black}
    visitor.page.locator("#drawing input[type=file]").set_input_files(file)
    visitor.until(lambda: visitor.content("#drawing .sent img") != before)
    assert visitor.page.locator("#failure").is_hidden()


def test_nothing_that_is_drawn_is_stored(chromium, address, monkeypatch, tmp_path):
    for variable in ("GRADIO_TEMP_DIR", "TMPDIR"):
        monkeypatch.setenv(variable, str(tmp_path))
    with launched(address, "lines") as url:
        visitor = Visitor(chromium, url)
        visitor.stroke(*HOUSE)
        visitor.result()
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


HOUSE = [(0.3, 0.8), (0.3, 0.4), (0.5, 0.15), (0.7, 0.4), (0.7, 0.8), (0.3, 0.8)]


def is_inked(sent, x, y):
    """Whether a drawing as it was sent has ink within 2 pixels of a point in shares."""
    row, column = int(y * SIZE[0]), int(x * SIZE[1])
    return sent[max(row - 2, 0) : row + 3, column - 2 : column + 3].min() < 128


def test_a_house_drawn_with_the_mouse_is_translated(visitor, address):
    visitor.stroke(*HOUSE)
    sent, translated = visitor.result()
    pixels = pixels_of(sent)
    assert pixels.shape == (*SIZE, 3)
    assert all(is_inked(pixels, *corner) for corner in HOUSE)
    assert not is_inked(pixels, 0.5, 0.55)
    with Client(address, "lines") as client:
        np.testing.assert_array_equal(pixels_of(translated), pixels_of(client.translate(sent)))
    visitor.until(lambda: "Network" in visitor.page.locator("#drawing .times").inner_text())


def test_strokes_are_erased_undone_redone_and_cleared(visitor):
    for y in (0.2, 0.5, 0.8):  # The last of quick strokes wins.
        visitor.stroke((0.2, y), (0.8, y))
    visitor.result(lambda sent: all(is_inked(sent, 0.5, y) for y in (0.2, 0.5, 0.8)))
    visitor.click("Eraser")
    visitor.page.locator("#drawing .size").fill("8")
    visitor.stroke((0.5, 0.3), (0.5, 0.7))
    visitor.result(lambda sent: not is_inked(sent, 0.5, 0.5) and is_inked(sent, 0.3, 0.5))
    visitor.click("Undo")
    visitor.result(lambda sent: is_inked(sent, 0.5, 0.5))
    visitor.click("Redo")
    visitor.result(lambda sent: not is_inked(sent, 0.5, 0.5))
    visitor.click("Clear")
    visitor.result(lambda sent: sent.min() == 255)


@pytest.mark.parametrize("visitor", ["foreign"], indirect=True)
def test_a_picture_comes_by_upload_by_paste_and_from_the_webcam(visitor):
    # Smooth, as the browser enlarges it to the canvas.
    pixels = np.mgrid[0:256, 0:256, 0:1].sum(0).repeat(3, -1).astype("uint8") // 4
    encoded = write(pixels)

    def canvas_is_it(sent):
        return np.abs(sent.astype(int) - pixels).mean() < 3

    file = {"name": "p.png", "mimeType": "image/png", "buffer": encoded}
    visitor.page.locator("#drawing input[type=file]").set_input_files(file)
    sent, translated = visitor.result(canvas_is_it)
    np.testing.assert_array_equal(pixels_of(translated), pixels_of(sent)[::-1])
    visitor.click("Clear")
    visitor.result(lambda sent: sent.min() == 255)
    visitor.page.evaluate(
        """async (data) => {
            const blob = await (await fetch("data:image/png;base64," + data)).blob();
            const transfer = new DataTransfer();
            transfer.items.add(new File([blob], "p.png", { type: "image/png" }));
            document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
        }""",
        base64.b64encode(encoded).decode(),
    )
    visitor.result(canvas_is_it)
    visitor.click("Webcam")
    visitor.page.wait_for_function(
        "document.querySelector('#drawing video').videoWidth > 0", timeout=WAIT
    )
    visitor.click("Take picture")
    visitor.result(lambda sent: not canvas_is_it(sent) and sent.std() > 1)
    broken = {**file, "buffer": b"broken"}
    visitor.page.locator("#drawing input[type=file]").set_input_files(broken)
    visitor.until(
        lambda: (
            visitor.page.locator("#drawing [role=status]").inner_text()
            == "This is no image that the browser can read."
        )
    )


@pytest.mark.parametrize("visitor", ["labels"], indirect=True)
def test_a_class_is_picked_by_its_name(visitor):
    visitor.click("door")
    visitor.stroke((0.2, 0.5), (0.8, 0.5))
    visitor.click("window")
    visitor.stroke((0.2, 0.8), (0.8, 0.8))
    sent, _ = visitor.result(lambda sent: len(np.unique(sent.reshape(-1, 3), axis=0)) == 3)
    pixels = pixels_of(sent)
    assert pixels[16, 32].tolist() == PALETTE["door"]
    assert pixels[25, 32].tolist() == PALETTE["window"]
    assert {tuple(c) for c in pixels.reshape(-1, 3)} == {tuple(c) for c in PALETTE.values()}
    visitor.page.locator("#drawing .examples button").first.click()
    visitor.result(
        lambda sent: np.array_equal(sent, EXAMPLES[0])
    )  # The example as it is, though of no class.


def test_samples_have_seeds_and_the_result_can_be_kept(visitor, address):
    visitor.stroke(*HOUSE)
    sent, translated = visitor.result()
    with visitor.page.expect_download() as download:
        visitor.page.locator("#drawing a[download]").click()
    with open(download.value.path(), "rb") as file:
        np.testing.assert_array_equal(pixels_of(file.read()), pixels_of(translated))
    number = visitor.page.locator("input[aria-label$='Samples with noise'][type=number]")
    number.fill("2")
    number.press("Enter")
    seed = visitor.page.get_by_label("Seed", exact=True)
    seed.fill("40")
    seed.press("Enter")
    visitor.page.get_by_text("Seed 41").wait_for()
    with Client(address, "lines") as client:
        for index, seed in enumerate((40, 41)):
            shown = visitor.content(f"#drawing .samples figure >> nth={index} >> img")
            np.testing.assert_array_equal(
                pixels_of(shown), pixels_of(client.translate(sent, seed=seed))
            )
    assert visitor.page.locator("#drawing .samples img").count() == 2


def test_a_server_that_goes_away_is_reported_and_the_drawing_stays(chromium, manager):
    with ExitStack() as stack:
        first = ExitStack()
        address, _ = first.enter_context(serving(manager))
        visitor = Visitor(chromium, stack.enter_context(launched(address, "lines")))
        visitor.stroke(*HOUSE)
        before = visitor.result()
        first.close()
        visitor.stroke((0.1, 0.9), (0.9, 0.9))
        failure = visitor.page.locator("#failure")
        failure.wait_for()
        assert f"The server at {address} must translate with the model 'lines'. Received: " in (
            failure.inner_text()
        )
        assert visitor.result() == before
        stack.enter_context(serving(manager, port=int(address.rpartition(":")[2])))
        visitor.page.wait_for_timeout(1500)  # gRPC connects anew after a second at most.
        visitor.page.get_by_role("button", name="Translate again").click()
        drawn = visitor.result(lambda sent: is_inked(sent, 0.5, 0.9))[0]
        assert all(is_inked(pixels_of(drawn), *corner) for corner in HOUSE)
        failure.wait_for(state="hidden")


def test_visitors_do_not_see_each_other(chromium, address):
    with launched(address, "lines") as url:
        one, two = Visitor(chromium, url), Visitor(chromium, url)
        one.stroke((0.2, 0.2), (0.8, 0.2))
        first = one.result(lambda sent: is_inked(sent, 0.5, 0.2))
        assert pixels_of(two.content("#drawing .sent img")).min() == 255
        two.stroke((0.2, 0.8), (0.8, 0.8))
        two.result(lambda sent: is_inked(sent, 0.5, 0.8) and not is_inked(sent, 0.5, 0.2))
        one.page.get_by_role("button", name="Translate again").click()
        one.page.wait_for_timeout(1000)
        assert one.result()[0] == first[0]


def choose(visitor, label, option):
    """Chooses an option of the shown select of a label."""
    visitor.page.locator(f"input[aria-label='{label}']").locator("visible=true").click()
    visitor.page.get_by_role("option", name=option).click()


def test_an_example_has_the_controls_of_the_card_where_none_are_set(address):
    with Client(address, "both") as client:
        translator = Translator(client, "both")
        for drawn, controls, asked in (
            (EXAMPLES[0], {"season": None}, {"season": 1}),
            (EXAMPLES[0], {"style": [0, 0, 0]}, {"season": 1, "style": [0, 0, 0]}),
            (EXAMPLES[0], {"season": 0}, {"season": 0}),
            (EXAMPLES[1], {}, {}),
        ):
            made = translator.translate(write(drawn), controls=controls)
            assert made.translated == client.translate(made.sent, **asked)


def paint(visitor, label, *points):
    """Paints on the shown surface of a control through points in shares of it."""
    canvas = visitor.page.locator(f"canvas[aria-label='{label}']").locator("visible=true")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    for index, (x, y) in enumerate(points):
        # In the middle of a pixel of the map.
        spot = [(int(x * SIZE[1]) + 0.5) / SIZE[1], (int(y * SIZE[0]) + 0.5) / SIZE[0]]
        at = (box["x"] + spot[0] * box["width"], box["y"] + spot[1] * box["height"])
        visitor.page.mouse.move(*at, steps=3)
        if index == 0:
            visitor.page.mouse.down()
    visitor.page.mouse.up()


def test_directions_are_selected_and_have_widgets_for_their_controls(chromium, address):
    with launched(address, "both") as url, Client(address, "both") as client:
        visitor = Visitor(chromium, url)

        def shows(accepted, *asked, **controls):
            def matches(sent):
                return accepted(sent) and np.array_equal(
                    pixels_of(visitor.content("#drawing .translated")),
                    pixels_of(client.translate(write(sent), *asked, **controls)),
                )

            visitor.result(matches)

        def is_painted(sent):
            return {tuple(c) for c in sent.reshape(-1, 3)} <= {tuple(c) for c in PALETTE.values()}

        def is_drawn(sent):
            return is_inked(sent, 0.5, 0.5) and not is_inked(sent, 0.5, 0.2)

        visitor.click("door")
        visitor.stroke((0.2, 0.5), (0.8, 0.5))
        shows(lambda sent: (sent[16, 32] == PALETTE["door"]).all())
        choose(visitor, "Direction", "BtoA")
        visitor.page.get_by_text("Draw with lines.").wait_for()
        shows(lambda sent: np.array_equal(sent, EXAMPLES[0]), "BtoA")
        visitor.click("Clear")
        visitor.stroke((0.2, 0.5), (0.8, 0.5))
        shows(is_drawn, "BtoA")
        choose(visitor, "season", "wet")
        shows(is_drawn, "BtoA", season=1)
        choose(visitor, "season", "As the model chooses")
        shows(is_drawn, "BtoA")
        visitor.page.get_by_label("Set style").locator("visible=true").check()
        shows(is_drawn, "BtoA", style=[0, 0, 0])
        red = visitor.page.locator("input[aria-label$='red'][type=number]").locator("visible=true")
        red.fill("0.5")
        red.press("Enter")
        shows(is_drawn, "BtoA", style=[0.5, 0, 0])
        choose(visitor, "season", "wet")
        both = {"style": [0.5, 0, 0], "season": 1}
        shows(is_drawn, "BtoA", **both)
        surface = visitor.page.locator(".surface").locator("visible=true")
        surface.locator("button", has_text="wall").click()
        hints = np.zeros((*SIZE, 4))
        hints[..., 0] = 1
        for x, y in ((0.25, 0.5), (0.75, 0.25)):
            paint(visitor, "hints", (x, y))
            row, column = int(y * SIZE[0]), int(x * SIZE[1])
            hints[row - 3 : row + 3, column - 3 : column + 3] = np.eye(4)[1]
            shows(is_drawn, "BtoA", hints=hints, **both)
        choose(visitor, "Direction", "AtoB")  # Its sheet and its widgets are as they were left.
        shows(is_painted)
        classes = np.zeros((*SIZE, 4))
        classes[..., 0] = 1
        classes[13:19, 13:51] = np.eye(4)[2]  # The brush is 6 pixels wide.
        surface.locator("button", has_text="door").click()
        paint(visitor, "hints", (0.25, 0.5), (0.75, 0.5))
        shows(is_painted, hints=classes)
        surface.locator("button", has_text="Undo").click()
        shows(is_painted)
        choose(visitor, "Direction", "BtoA")
        shows(is_drawn, "BtoA", hints=hints, **both)
        assert visitor.errors == []


@pytest.mark.parametrize(
    ("control", "shown", "value"),
    [
        (ATTRIBUTES, [-1, False, 8], None),
        (ATTRIBUTES, [1, False, 8], {"hair": "red"}),
        (ATTRIBUTES, [0, True, 7.5], {"hair": "blue", "age": 7.5}),
        ({"kind": "slider", "range": [0, 2], "default": 1.0}, [1.0], None),
        ({"kind": "slider", "range": [0, 2], "default": 1.0}, [1.5], 1.5),
        ({"kind": "slider", "range": [1, 2]}, [False, 1.5], None),
        ({"kind": "slider", "range": [1, 2]}, [True, 1.0], 1.0),
        ({"kind": "choice", "names": ["dry", "wet"], "default": 1}, [1], None),
        ({"kind": "choice", "names": ["dry", "wet"], "default": 1}, [0], 0),
        ({"kind": "choice", "names": ["dry", "wet"]}, [-1], None),
        ({"kind": "numbers", "names": ["a", "b"], "range": [0, 1]}, [True, 0.0, 1.0], [0.0, 1.0]),
        ({"kind": "numbers", "default": [0.5, 0.25]}, [0.5, 0.25], None),
        ({"kind": "weights", "names": ["a", "b"]}, [True, 0.75, 0.25], [0.75, 0.25]),
        ({"kind": "weights", "names": ["a", "b"]}, [True, 0.5, 1.5], [0.25, 0.75]),
        ({"kind": "weights", "names": ["a", "b"]}, [False, 0.5, 0.5], None),
        ({"kind": "weights", "default": [0.0, 1.0]}, [0.0, 1.0], None),
        ({"kind": "weights", "default": [0.0, 1.0]}, [0.5, 1.0], [1 / 3, 2 / 3]),
        ({"kind": "text"}, ["[[1, 2], [3, 4]]"], [[1, 2], [3, 4]]),
        ({"kind": "text"}, [""], None),
        ({}, ["true"], True),
    ],
)
def test_a_widget_left_as_it_is_asks_for_nothing(control, shown, value):
    shape = [2] if control.get("kind") in ("numbers", "weights") else []
    widgets = Widgets({"name": "x", "dtype": "float32", "shape": shape, "about": control})
    assert len(widgets.components) == len(shown)
    assert widgets.value(shown) == value


def test_a_text_that_is_no_json_is_refused():
    widgets = Widgets({"name": "x", "dtype": "float32", "shape": [None], "about": {}})
    with pytest.raises(BadArgument, match=r"^The control x must be JSON\. Received: '\[1': "):
        widgets.value(["[1"])


def test_a_direction_and_a_control_are_asked_for_over_http(address):
    encoded, _ = picture(4, SIZE)
    with launched(address, "both") as url, Client(address, "both") as client:
        for direction, controls in (("BtoA", {}), ("BtoA", {"season": 1}), (None, {"seed": 3})):
            arguments = (base64.b64encode(encoded).decode(), direction, json.dumps(controls))
            answer = call(url, *arguments, name="translate_with")
            (translated,) = json.loads(answer.partition("data: ")[2])
            sent = Translator(client, "both").translate(encoded, direction).sent
            assert base64.b64decode(translated) == client.translate(sent, direction, **controls)
        for direction, controls in (("AtoC", "{}"), ("AtoB", "5"), ("AtoB", '{"mood": 1}')):
            arguments = (base64.b64encode(encoded).decode(), direction, controls)
            assert "event: error" in call(url, *arguments, name="translate_with")


def call(url, *arguments, name="translate"):
    """Calls the page's interface as any HTTP client does; returns the events."""
    body = json.dumps({"data": arguments}).encode()
    asked = urllib.request.Request(
        f"{url}gradio_api/call/{name}", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(asked, timeout=10) as response:
        event = json.load(response)["event_id"]
    with urllib.request.urlopen(f"{asked.full_url}/{event}", timeout=10) as response:
        return response.read().decode()


def test_the_page_answers_http_clients(address):
    encoded, pixels = picture(4, (256, 256))
    with launched(address, "foreign") as url:
        made = call(url, base64.b64encode(encoded).decode(), None)
        (translated,) = json.loads(made.partition("data: ")[2])
        np.testing.assert_array_equal(pixels_of(base64.b64decode(translated)), pixels[::-1])
        assert "event: error" in call(url, base64.b64encode(b"broken").decode(), None)
