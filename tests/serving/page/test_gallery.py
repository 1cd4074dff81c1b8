"""Look-alikes on the page: by real servers, compared with NumPy, and in a real browser."""

import base64
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from serving import demo
from serving.client import Client
from serving.client.failures import BadArgument
from serving.engine.manager import Manager
from serving.engine.model_config import configuration
from serving.page.gallery import Gallery
from tests.cases import fixed_weights, open_generator
from tests.cases.embeddings import expected_means, two_domains
from tests.serving.local import managed, picture, serving, until
from tests.serving.page.browsers import Visitor, launched
from tfpix2pix import InputError, atomic
from tfpix2pix.export import export, named_directions
from tfpix2pix.inference import EmbeddingIndex, embeddings_sha256
from tfpix2pix.translation import index_files

SIZE = (8, 12)
NAMES = {"A": ["faces/0.png", "faces/1.png", "faces/2.png"], "B": ["cats/3.png", "cats/4.png"]}
SENT, SENT_PIXELS = picture(7, SIZE)
TRANSLATED, TRANSLATED_PIXELS = picture(8, SIZE)


@pytest.fixture(scope="module")
def embeddings():
    return two_domains()


@pytest.fixture(scope="module")
def directions():
    (direction,) = named_directions(fixed_weights(open_generator(dropout_levels=0))).values()
    return {"AtoB": direction, "BtoA": direction, "sharper": direction}


@pytest.fixture(scope="module")
def address(directions, embeddings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    export(directions, folder / "twins", embeddings=embeddings, size=SIZE)
    export(directions, folder / "plain")
    with managed(folder) as manager, serving(manager) as (address, _):
        yield address


@pytest.fixture(scope="module")
def client(address):
    with Client(address, "twins") as client:
        yield client


@pytest.fixture
def index(embeddings, tmp_path):
    """The path of an index of images of both domains."""
    path = tmp_path / "made/index.npz"
    for domain, names in NAMES.items():
        for name in names:
            atomic.write_bytes(picture(int(name[-5]), SIZE)[0], tmp_path / name)
        index_files([tmp_path / name for name in names], path, embeddings, domain)
    return path


def by_hand(embeddings, pixels, own):
    """Returns the rows that look-alikes of an image of a domain must have, by NumPy."""
    asked = expected_means(embeddings[own], pixels)
    rows = []
    for domain, names in NAMES.items():
        distances = {}
        for name in names:
            vector = expected_means(embeddings[domain], picture(int(name[-5]), SIZE)[1])
            cosine = vector @ asked / np.linalg.norm(vector) / np.linalg.norm(asked)
            distances[f"../{name}"] = 1 - cosine
        rows.append((domain, sorted(distances.items(), key=lambda one: one[1])))
    return rows


def check_group(group, title, rows):
    assert group["title"] == title
    assert [row["domain"] for row in group["rows"]] == [domain for domain, _ in rows]
    for row, (_, expected) in zip(group["rows"], rows):
        assert [tile["name"] for tile in row["tiles"]] == [name for name, _ in expected]
        found = [float(tile["distance"]) for tile in row["tiles"]]
        np.testing.assert_allclose(found, [distance for _, distance in expected], atol=1e-4)


@pytest.mark.parametrize(("direction", "ends"), [("AtoB", "AB"), ("BtoA", "BA")])
def test_look_alikes_of_both_ends_are_the_nearest_of_each_domain(
    client, index, embeddings, direction, ends
):
    shown = Gallery(client, index).look_alikes(direction, SENT, TRANSLATED)
    sent, translated = shown["groups"]
    start, end = ends
    of_sent = by_hand(embeddings, SENT_PIXELS, start)
    check_group(sent, f"Like what was sent, taken as {start}", of_sent)
    of_result = by_hand(embeddings, TRANSLATED_PIXELS, end)
    check_group(translated, f"Like the result, taken as {end}", of_result)
    assert shown["times"].startswith("Nearest of 5 images by the cosine of their vectors. Vectors:")


def test_a_direction_between_no_domains_has_look_alikes_of_what_was_sent(client, index, embeddings):
    (group,) = Gallery(client, index).look_alikes("sharper", SENT, TRANSLATED)["groups"]
    check_group(group, "Like what was sent, taken as A", by_hand(embeddings, SENT_PIXELS, "A"))


def tiles(shown):
    """Returns a dict of the names of files to the tiles of the first group."""
    return {t["name"]: t for row in shown["groups"][0]["rows"] for t in row["tiles"]}


def decoded(tile):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(tile["picture"]))))


def test_thumbnails_are_of_the_files_as_they_are_now(client, index, tmp_path):
    wide = np.zeros((300, 600, 4), "uint8")
    wide[..., 0] = 200
    wide[:, 300:, 3] = 255  # The left half is transparent.
    Image.fromarray(wide).save(tmp_path / NAMES["A"][0])
    (tmp_path / NAMES["A"][1]).unlink()
    gallery = Gallery(client, index)
    shown = tiles(gallery.look_alikes("AtoB", SENT, TRANSLATED))
    pixels = decoded(shown["../faces/0.png"])
    assert pixels.shape == (96, 192, 3)
    np.testing.assert_allclose(pixels[48, 30], [255, 255, 255], atol=3)
    np.testing.assert_allclose(pixels[48, 160], [200, 0, 0], atol=3)
    assert shown["../faces/1.png"]["missing"] == "The file is gone."
    assert "picture" not in shown["../faces/1.png"]
    assert decoded(shown["../faces/2.png"]).shape == (*SIZE, 3)  # Small ones are not enlarged.
    Image.new("L", (8, 8), 90).save(tmp_path / NAMES["A"][0])
    os.utime(tmp_path / NAMES["A"][0], ns=(1, 1))
    changed = tiles(gallery.look_alikes("AtoB", SENT, TRANSLATED))["../faces/0.png"]
    np.testing.assert_allclose(decoded(changed), np.full((8, 8, 3), 90), atol=2)


def test_nothing_but_images_leaves_the_machine(client, index, tmp_path):
    for name, content in zip(NAMES["A"], (b"password", picture(1)[0][:-60], b"")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / NAMES["B"][0]).unlink()
    (tmp_path / NAMES["B"][0]).mkdir()
    shown = tiles(Gallery(client, index).look_alikes("AtoB", SENT, TRANSLATED))
    unreadable = [shown[f"../{name}"] for name in (*NAMES["A"], NAMES["B"][0])]
    assert {tile["missing"] for tile in unreadable} == {"The file is no image that can be shown."}
    assert not any("picture" in tile for tile in unreadable)


def test_an_index_that_does_not_fit_is_refused_before_there_is_a_page(
    address, index, embeddings, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    EmbeddingIndex("c0ffee" * 10, ["1"], ["A"], np.ones((1, 12))).save("other.npz")
    sha256 = embeddings_sha256(embeddings)
    EmbeddingIndex(sha256).save("empty.npz")
    EmbeddingIndex(sha256, ["1"], ["A"], np.ones((1, 2))).save("short.npz")
    for path, text in {
        "other.npz": (
            "An index must be of the model that it is used with, in the same weights. Received: an "
            f"index of the weights c0ffeec0... for {sha256[:8]}.... Use the model that made the "
            "index, or make an index of the images by this one."
        ),
        "empty.npz": ("The index has the domains (none). Received: None. Add images to it."),
        "short.npz": (
            "Vectors must be as long as those of the index. Received: vectors of shape (1, 12) for "
            "(1, 2). Embed all images by one model."
        ),
    }.items():
        with pytest.raises(BadArgument) as caught:
            demo.main(address, "twins", index=Path(path))
        assert str(caught.value) == text
    with pytest.raises(BadArgument, match=r"^An index must be a whole NPZ file .*'none\.npz'"):
        demo.main(address, "twins", index=Path("none.npz"))
    with pytest.raises(BadArgument) as caught:
        demo.main(address, "plain", index=index)
    assert str(caught.value) == (
        "This model has the embeddings (none). Received: None. Ask a model that has some."
    )


def test_what_has_no_vector_says_why(client, index):
    gallery = Gallery(client, index)
    assert "INVALID_ARGUMENT" in gallery.look_alikes("AtoB", b"no image", TRANSLATED)["failure"]


def test_a_version_that_takes_over_is_told_apart(directions, index, embeddings, tmp_path):
    folder = tmp_path / "exports"
    directions = {"AtoB": directions["AtoB"]}
    export(directions, folder / "twins", embeddings=embeddings)
    manager = Manager(configuration(folder), poll_seconds=0.02).start()
    with serving(manager) as (address, _), Client(address, "twins") as client:
        gallery = Gallery(client, index)
        assert "groups" in gallery.look_alikes("AtoB", SENT, TRANSLATED)
        other = two_domains()
        other["A"].network.set_weights([0 * x for x in other["A"].network.get_weights()])
        export(directions, folder / "twins", embeddings=other)
        sha256 = embeddings_sha256(other)
        until(lambda: client.model_card()["embeddings_sha256"] == sha256)
        with pytest.raises(InputError) as expected:
            EmbeddingIndex.load(index).check_model(sha256)
        failure = gallery.look_alikes("AtoB", SENT, TRANSLATED)["failure"]
        assert failure == str(expected.value)
    manager.stop()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_visitor_sees_the_look_alikes_of_a_picture(
    chromium, address, index, embeddings, tmp_path
):
    script = "<img src=x onerror=alert(1)>.png"
    (tmp_path / "cats" / script).write_bytes(SENT)
    index_files([tmp_path / "cats" / script], index, embeddings, "B")
    (tmp_path / NAMES["A"][1]).unlink()
    with launched(address, "twins", index) as url:
        visitor = Visitor(chromium, url, clear=False)
        page = visitor.page
        assert page.locator(".gallery").is_hidden()
        file = {"name": "p.png", "mimeType": "image/png", "buffer": SENT}
        page.locator("#drawing input[type=file]").set_input_files(file)
        page.get_by_text("Like the result, taken as B").wait_for()
        visitor.until(lambda: page.locator(".gallery figure img").count() == 10)
        nearest = page.locator(".gallery .row").nth(1)
        assert nearest.locator("h4").inner_text() == "Nearest in B"
        names = [one.inner_text() for one in nearest.locator(".name").all()]
        assert script in names
        assert page.locator(".gallery .name img").count() == 0
        gone = page.locator(".gallery .missing")
        assert gone.all_inner_texts() == ["The file is gone."] * 2
        figure = gone.first.locator("xpath=..")
        assert figure.get_attribute("title") == "../faces/1.png"
        columns = [page.locator(".gallery .group").nth(i).bounding_box() for i in (0, 1)]
        canvas, result = (
            page.locator(f"#drawing {one}").bounding_box() for one in ("canvas", "img.translated")
        )
        assert [one["x"] for one in columns] == pytest.approx([canvas["x"], result["x"]], abs=2)
        assert visitor.errors == []
        assert visitor.hosts == {url.split("/")[2]}
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_without_an_index_the_page_has_no_gallery(chromium, address):
    with launched(address, "twins") as url:
        visitor = Visitor(chromium, url)
        assert visitor.page.locator("#look-alikes").count() == 0
        assert visitor.errors == []
