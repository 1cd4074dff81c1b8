import base64
import html.parser
import io
import json

import numpy as np
import pytest
from PIL import Image

from tfpix2pix import atomic
from tfpix2pix.data import codecs
from tfpix2pix.datasets import synthetic
from tfpix2pix.doctor import check, presentation
from tfpix2pix.doctor.findings import Finding, Item

HOSTILE = '<img src=x onerror="alert(1)">&.png'


@pytest.fixture
def diagnosis(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data = tmp_path / "houses"
    synthetic.write_pairs(data / "train", 4, (32, 32))
    atomic.write_bytes((data / "train/00000.png").read_bytes(), data / "train" / HOSTILE)
    atomic.write_bytes(b"", data / "train/empty.png")
    return check.diagnose(data)


class Page(html.parser.HTMLParser):
    """Collects what a browser would: the text and the attributes of each tag."""

    def __init__(self, content):
        super().__init__()
        self.tags = []
        self.text = ""
        self.feed(content)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def test_text_lists_findings_with_their_cure_and_the_command(diagnosis):
    data = diagnosis.data
    a, b = (
        f"mean {' '.join(f'{v:.0f}' for v in side.mean)}, "
        f"spread {' '.join(f'{v:.0f}' for v in side.spread)}"
        for side in diagnosis.sides
    )
    assert presentation.text(diagnosis, "train --data houses") == (
        f"{data}: side_by_side, 6 train\n"
        f"  A: 5 photos, 32 x 32 pixels, 3 channels, {a}\n"
        f"  B: 5 label maps of {len(diagnosis.sides[1].palette)} colours, 32 x 32 pixels, 3 "
        f"channels, {b}\n"
        "\n"
        "ERROR: Files that cannot be decoded (1)\n"
        "    train/empty.png (the file is empty)\n"
        '  -> Replace or remove them, or leave them out by bad_files="skip".\n'
        "\n"
        "WARNING: The same example several times (1)\n"
        f"    train/00000.png + train/{HOSTILE}\n"
        "  -> Keep one of each.\n"
        "\n"
        "1 error, 1 warning.\n"
        "\n"
        "To train:\n"
        "  train --data houses\n"
        f"    data.folder {data}: 6 pairs to train on\n"
        "    data.direction BtoA: a guess: B looks like a label map, A like a photo\n"
        "    data.image_size 32: the power of two within the usual shorter side\n"
        "    train.batch_size 1: 6 pairs, as in the paper\n"
        "    data.source_kernel nearest: label maps must not get new colours"
    )


def test_text_names_the_first_of_many_and_hides_control_characters():
    items = [Item((f"{index}\n\x1b[2J.png",)) for index in range(7)]
    group = Item(tuple(f"{index}.png" for index in range(8)), "alike")
    findings = [Finding("x", "note", "Many", "None.", [group, *items])]
    text = presentation.text(check.Diagnosis("d", "photos", {"all": 8}, [], findings, [], {}))
    assert text == (
        "d: photos, 8 all\n\n"
        "NOTE: Many (8)\n"
        "    0.png + 1.png + 2.png + 3.png + 4.png + 3 more (alike)\n"
        "    0??[2J.png\n    1??[2J.png\n    2??[2J.png\n    3??[2J.png\n"
        "    and 3 more\n"
        "  -> None.\n\n"
        "No errors, no warnings."
    )


def test_json_equals_the_diagnosis(diagnosis):
    content = json.loads(presentation.to_json(diagnosis))
    for finding, values in zip(diagnosis.findings, content.pop("findings")):
        items = [Item(tuple(item["files"]), item["detail"]) for item in values.pop("items")]
        assert values.pop("count") == len(items)
        assert Finding(**values, items=items) == finding
    flags = [suggestion.pop("text") for suggestion in content["suggestions"]]
    assert "--data.direction BtoA" in flags
    for name, kind in (("sides", check.Side), ("suggestions", check.Suggestion)):
        loaded = [[*map(tupled, kind(**values))] for values in content.pop(name)]
        assert loaded == [[*map(tupled, expected)] for expected in getattr(diagnosis, name)]
    names = ("data", "layout", "splits", "is_fit", "domains")
    assert content == {name: getattr(diagnosis, name) for name in names}


def tupled(value):
    return tuple(map(tupled, value)) if isinstance(value, (list, tuple)) else value


def test_the_page_shows_names_and_thumbnails_and_runs_nothing_of_them(diagnosis):
    page = Page(presentation.html(diagnosis, "train --data '<houses>'"))
    pictures = page.all("img")
    assert [picture["alt"] for picture in pictures] == ["train/00000.png", f"train/{HOSTILE}"]
    for picture in pictures:
        assert set(picture) == {"src", "alt"}
        start, encoded = picture["src"].split(",")
        assert start == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(encoded))) as thumbnail:
            shown = np.asarray(thumbnail)
        pair = np.concatenate(synthetic.facade((32, 32), (0, 0)), axis=1)
        np.testing.assert_array_equal(shown, pair)
    for finding in diagnosis.findings:
        assert finding.title in page.text
        assert finding.cure in page.text
        for item in finding.items:
            assert str(item) in page.text
    assert "train --data '<houses>'" in page.text
    for suggestion in diagnosis.suggestions:
        assert not suggestion.reason or f"{suggestion}: {suggestion.reason}" in page.text
    assert {"script", "link", "iframe"}.isdisjoint(tag for tag, _ in page.tags)
    classes = [section["class"] for section in page.all("section")]
    assert classes == [finding.severity for finding in diagnosis.findings]


def test_names_that_are_no_text_can_be_presented():
    finding = Finding("x", "note", "One", "None.", [Item(("\udcff.png",))])
    diagnosis = check.Diagnosis("d", "photos", {"all": 1}, [], [finding], [], {})
    assert "    ?.png\n" in presentation.text(diagnosis)
    for present in (presentation.text, presentation.to_json, presentation.html):
        assert present(diagnosis).encode()


def test_large_and_deep_images_have_small_thumbnails(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    deep = np.linspace(0, 4095, 300 * 600).reshape(300, 600, 1).astype("uint16")
    for split in ("train", "test"):
        codecs.write(deep, tmp_path / f"data/{split}/1.png")
    (thumbnail, _) = check.diagnose(tmp_path / "data", "photos").thumbnails.values()
    with Image.open(io.BytesIO(thumbnail)) as picture:
        assert picture.size == (192, 96)
        assert min(high - low for low, high in picture.getextrema()) > 250


@pytest.fixture
def horses(tmp_path, monkeypatch):
    """Two domains, one of which has bars and other proportions."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for index in range(3):
        photo, _ = synthetic.facade((32, 32), index)
        codecs.write(photo, tmp_path / f"horses/trainA/{index}.png")
        wide = np.pad(synthetic.facade((48, 96), 9 + index)[0], ((8, 8), (0, 0), (0, 0)))
        codecs.write(wide, tmp_path / f"horses/trainB/{index}.png")
    return check.diagnose(tmp_path / "horses")


def mending(finding):
    prepared = finding.preparation
    return f"{prepared.command} {' '.join(prepared.folders)}\ncp <others>" if prepared else ""


def test_domains_are_described_and_commands_follow_the_cure(horses):
    text = presentation.text(horses, mending=mending)
    a, b = horses.domains.values()
    assert (
        f"     3 train; smallest 32 x 32 pixels; lightness {a.lightness[0]:.0f}, deviation "
        f"{a.lightness[1]:.0f}, chroma {a.chroma:.0f}; 0% grey, 0% with bars, 0% on a plain "
        "background\n"
    ) in text
    assert "0% grey, 100% with bars, 0% on a plain background\n" in text
    assert (
        "  -> Both are resized to one size, so that networks learn to stretch. Crop those of B to "
        "squares.\n"
        "     resize trainB\n"
        "     cp <others>\n"
    ) in text
    page = Page(presentation.html(horses, mending=mending))
    assert "resize trainB\ncp <others>" in page.text
    styles = [span["style"] for span in page.all("span") if "title" in span]
    for domain in (a, b):
        heights = [f"height: {100 * s / max(domain.histogram)}%" for s in domain.histogram]
        assert all(any(height in style for style in styles) for height in heights)
        for *rgb, share in domain.colors:
            color = f"background: rgb({', '.join(map(str, rgb))})"
            assert any(f"width: {100 * share}%" in s and color in s for s in styles)
    content = json.loads(presentation.to_json(horses))
    assert content["domains"]["B"]["barred"] == 1
    (resize,) = [f["preparation"] for f in content["findings"] if f["preparation"]]
    assert resize["command"] == "resize"
    assert resize["folders"] == ["trainB"]
