"""Domains are made to differ in one thing each, which must be found and nothing else."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import color, data

from tfpix2pix.data import codecs
from tfpix2pix.doctor import check, domain_looks, domains, portraits
from tfpix2pix.doctor.evidence import gather
from tfpix2pix.doctor.findings import Preparation
from tfpix2pix.doctor.suspicions import side_looks

COUNT = 6
SIDE = 64


@pytest.fixture(autouse=True)
def _place(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(domains, "_FEW", COUNT)


def scene(seed, size=(SIDE, SIDE)):
    """Returns coarse coloured noise, which is like no other."""
    cells = np.random.default_rng(seed).integers(40, 216, (4, 4, 3)).astype("uint8")
    return np.asarray(Image.fromarray(cells).resize(size[::-1], Image.BICUBIC))


def write(folder, change=lambda pixels: pixels, *, first=0, count=COUNT, size=(SIDE, SIDE)):
    images = [change(scene(first + index, size)) for index in range(count)]
    for index, pixels in enumerate(images):
        codecs.write(pixels, f"{folder}/{first + index}.png")
    return images


def found(diagnosis):
    return {
        finding.code: (finding.severity, [str(item) for item in finding.items])
        for finding in diagnosis.findings
    }


def files(folder, first=0, count=3):
    return " + ".join(f"{folder}/{first + index}.png" for index in range(count))


def grey(pixels):
    return np.repeat(pixels[..., :1], 3, axis=-1)


def test_domains_are_measured_as_scikit_image_does():
    images = {"A": write("set/trainA", lambda p: p // 2), "B": write("set/trainB", first=50)}
    write("set/testA", first=90, count=2)
    write("set/testB", first=95, count=1)
    codecs.write(scene(70, (48, 96)), "set/trainB/70.png")
    images["B"].append(scene(70, (48, 96)))
    evidence = gather("set")
    measured = domain_looks.domains(evidence, side_looks(evidence))
    assert list(measured) == ["A", "B"]
    assert [domain.counts for domain in measured.values()] == [
        {"train": COUNT, "test": 2},
        {"train": COUNT + 1, "test": 1},
    ]
    assert measured["B"].smallest == (48, 96)
    assert measured["B"].size == (SIDE, SIDE)
    for name, domain in measured.items():
        blocks = [
            pixels.reshape(16, pixels.shape[0] // 16, 16, -1, 3).mean((1, 3))
            for pixels in images[name]
        ]
        lab = color.rgb2lab(np.floor(np.add(blocks, 0.5)).astype("uint8")).reshape(-1, 3)
        expected = (lab[:, 0].mean(), lab[:, 0].std())
        np.testing.assert_allclose(domain.lightness, expected, atol=0.1)
        chroma = np.linalg.norm(lab[:, 1:], axis=1).mean()
        np.testing.assert_allclose(domain.chroma, chroma, atol=0.1)
        histogram = np.bincount((lab[:, 0] // 10).astype(int), minlength=10) / len(lab)
        np.testing.assert_allclose(domain.histogram, histogram, atol=0.01)
        assert sum(share for *_, share in domain.colors) == pytest.approx(1)
        mean = np.sum([np.multiply(rgb, share) for *rgb, share in domain.colors], axis=0)
        np.testing.assert_allclose(mean, np.mean(blocks, axis=(0, 1, 2)), atol=4)
    assert (measured["A"].grey, measured["A"].barred, measured["A"].plain) == (0, 0, 0)


def test_domains_alike_are_not_reported():
    write("set/trainA")
    write("set/trainB", first=50)
    assert check.diagnose("set").findings == []


def test_a_grey_domain_is_reported_whichever_it_is():
    write("set/trainA", grey)
    write("set/trainB", first=50)
    (text,) = found(check.diagnose("set"))["grey_domain"][1]
    assert text == f"{files('trainA')} + {files('trainB', 50)} (100% of A are grey, 0% of B)"
    shutil.move("set/trainA", "set/trainC")
    shutil.move("set/trainB", "set/trainA")
    shutil.move("set/trainC", "set/trainB")
    (text,) = found(check.diagnose("set"))["grey_domain"][1]
    assert text == f"{files('trainB')} + {files('trainA', 50)} (100% of B are grey, 0% of A)"


def test_label_maps_and_photos_are_two_kinds_whose_differences_are_meant():
    for index in range(COUNT):
        labels = np.full((SIDE, SIDE, 3), 255, "uint8")
        labels[9 + index : -9, 12:-8] = (200, 0, 0)
        labels[20 : 30 + index, 20:40] = 9
        codecs.write(labels, f"set/trainA/{index}.png")
    write("set/trainB", first=50)
    diagnosis = check.diagnose("set")
    assert [domain.kind for domain in diagnosis.domains.values()] == ["labels", "photo"]
    assert found(diagnosis) == {}


def letterbox(pixels):
    pixels = pixels.copy()
    pixels[:8] = 2
    pixels[-8:] = 4
    return pixels


def test_bars_are_reported_with_their_sizes():
    write("set/trainA", letterbox)
    write("set/trainB", first=50)
    codecs.write(scene(70)[:, :54], "set/trainB/70.png")
    frame = np.pad(scene(71), ((5, 5), (9, 9), (0, 0)), constant_values=255)
    codecs.write(frame, "set/trainB/71.png")
    diagnosis = check.diagnose("set")
    bars = [f for f in diagnosis.findings if f.code == "bars"]
    assert [(f.severity, f.title[:11], f.cure) for f in bars] == [
        ("warning", "Images of A", "Networks learn to paint them. Cut the bars off."),
        ("warning", "Images of B", "Networks learn to paint them. Cut the bars off."),
    ]
    assert str(bars[0].items[0]) == "trainA/0.png (12% at the top, 12% at the bottom)"
    assert [str(item) for item in bars[1].items] == [
        "trainB/71.png (7% at the top, 7% at the bottom, 11% at the left, 11% at the right)"
    ]
    write("set/trainB", first=100, count=24)
    assert [f.severity for f in check.diagnose("set").findings if f.code == "bars"] == [
        "warning",
        "note",
    ]


def on_white(pixels):
    white = np.full((SIDE, SIDE, 3), 255, "uint8")
    white[16:48, 10:54] = pixels[16:48, 10:54]
    return white


def test_plain_backgrounds_of_one_domain_are_reported():
    write("set/trainA")
    write("set/trainB", on_white, first=50)
    codecs.write(scene(70), "set/trainB/70.png")
    told = found(check.diagnose("set"))
    assert told.pop("brightness_of_domains")
    assert told == {
        "plain_backgrounds": (
            "note",
            [
                f"{files('trainB', 50)} + {files('trainA')} (86% of B lie on one colour, usually "
                "white, and 0% of A)"
            ],
        )
    }


def test_sizes_and_proportions_are_compared_with_the_cure():
    write("set/trainA", size=(128, 192))
    write("set/trainB", first=50)
    write("set/testA", first=60, count=1, size=(128, 192))
    write("set/testB", first=61, count=1)
    diagnosis = check.diagnose("set")
    shown = "trainA/0.png + trainB/50.png (128 x 192 pixels of A, 64 x 64 pixels of B)"
    assert found(diagnosis) == {
        "sizes_of_domains": ("note", [shown]),
        "proportions_of_domains": ("note", [shown]),
    }
    preparation = diagnosis.findings[1].preparation
    assert preparation.options == {"size": "128", "how": "crop"}
    assert preparation.folders == ("trainA", "testA")
    assert preparation.others == ("trainB", "testB")


def test_few_images_are_reported(monkeypatch):
    monkeypatch.setattr(domains, "_FEW", COUNT + 1)
    write("set/trainA")
    write("set/trainB", first=50, count=COUNT + 1)
    write("set/testA", first=90, count=1)
    write("set/testB", first=91, count=1)
    diagnosis = check.diagnose("set")
    assert found(diagnosis) == {"few_images": ("note", [f"{files('trainA')} ({COUNT} of A)"])}
    assert diagnosis.findings[0].title == f"Domains of fewer than {COUNT + 1} images"


def test_the_same_image_in_both_domains_is_found_however_it_is_saved():
    images = write("set/trainA")
    write("set/trainB", first=50)
    small = Image.fromarray(images[0]).resize((48, 48), Image.LANCZOS)
    small.save("set/trainB/small.jpg", quality=80)
    codecs.write(images[1][:, ::-1], "set/trainB/mirrored.png")
    write("set/testA", lambda pixels: pixels[:, ::-1], first=2, count=1)
    write("set/testB", first=90, count=1)
    told = found(check.diagnose("set"))
    assert sorted(told["both_domains"][1]) == [
        "trainA/0.png + trainB/small.jpg",
        "trainA/1.png + trainB/mirrored.png",
    ]
    assert told["near_leak"] == ("warning", ["trainA/2.png + testA/2.png"])


def test_a_domain_that_cannot_be_read_is_an_error():
    write("set/trainA")
    for name in "12":
        codecs.write(scene(1), f"set/trainB/{name}.png")
        with open(f"set/trainB/{name}.png", "wb") as file:
            file.write(b"a letter")
    write("set/testA", first=70, count=1)
    write("set/testB", first=80, count=1)
    diagnosis = check.diagnose("set")
    told = found(diagnosis)
    assert told["lost_domains"] == ("error", ["trainB/1.png + trainB/2.png (B)"])
    assert set(told) == {"unreadable", "lost_domains"}
    assert not diagnosis.is_fit


def test_a_third_domain_that_nobody_reads_is_named():
    write("set/trainA")
    write("set/trainB", first=50)
    write("set/trainC", first=70, count=2)
    codecs.write(scene(1), "set/cover.png")
    diagnosis = check.diagnose("set")
    assert found(diagnosis) == {
        "unread_domains": ("warning", ["trainC (2 images)"]),
        "strays": ("note", ["cover.png"]),
    }
    assert diagnosis.findings[0].cure == (
        "Of these data A and B are read. To train on another domain, put its images in the place "
        "of one of them; or name all of them, for a family of such models."
    )
    named = check.diagnose("set", domains=("faces", "anime", "cats"))
    assert {name: domain.counts for name, domain in named.domains.items()} == {
        name: {"train": named.domains[name].counts["train"]} for name in ("faces", "anime", "cats")
    }
    assert named.domains["cats"].counts == {"train": 2}
    assert "unread_domains" not in found(named)


def test_more_than_two_domains_are_compared(monkeypatch):
    write("set/trainA")
    write("set/trainB", grey, first=50)
    write("set/testA", lambda p: p // 3, first=70)
    write("set/testB", lambda p: p // 3, first=80)
    evidence = gather("set")

    # As a reader of three domains would have them.
    moved = [
        example._replace(
            split="train", pictures=tuple(p._replace(side="dark") for p in example.pictures)
        )
        if example.split == "test"
        else example
        for example in evidence.examples
    ]
    evidence = evidence._replace(examples=moved)
    measured = domain_looks.domains(evidence, side_looks(evidence))
    assert list(measured) == ["A", "B", "dark"]
    items = {
        finding.code: [str(item).partition(" (")[2] for item in finding.items]
        for finding in domains.judge_domains(evidence, measured)
        if finding.items
    }
    means = [
        np.mean([pixels.features.mean for pixels in evidence.pictures(name)]) for name in measured
    ]
    a, b, dark = (f"{mean:.0f}" for mean in means)
    assert items.pop("brightness_of_domains") == [f"mean {a} of A, {b} of B, {dark} of dark)"]
    assert items == {
        "grey_domain": [
            "100% of B are grey, 0% of A)",
            "100% of B are grey, 0% of dark)",
        ]
    }


class Photo:
    kind = "photo"


def judged(folder):
    return list(portraits.judge_faces(gather(folder), dict.fromkeys("AB", Photo)))


def crew(folder, width, count=8):
    """Writes photos of an astronaut, whose face takes as much of the width as is told."""
    eileen = data.astronaut()[10:240, 110:340]  # Her face is 98 pixels wide.
    side = round(98 / width)
    for index in range(count):
        photo = scene(index, (side, side)).copy()
        left = (side - 230) * index // (count - 1)
        photo[side - 230 :, left : left + 230] = eileen
        codecs.write(photo, f"{folder}/{index}.png")


def test_small_faces_are_reported_with_the_cure_that_cuts_them_out():
    crew("set/trainA", 0.2)
    write("set/trainB", first=50)
    (finding,) = judged("set")
    assert (finding.code, finding.severity, finding.count) == ("small_faces", "note", 8)
    usual = re.fullmatch(
        r"Images of A whose faces are small: usually (\d+)% of the width, in 8 of 8 images that "
        "were searched",
        finding.title,
    )
    assert int(usual[1]) == pytest.approx(20, abs=2)
    assert finding.preparation == Preparation(
        "faces", {"of": "people", "size": "128"}, ("trainA",), ("trainB",)
    )
    for file in Path("set/trainA").iterdir():
        codecs.write(codecs.read(file)[::2, ::2], file)
    (finding,) = judged("set")
    options = finding.preparation.options
    assert 30 < int(options.pop("smallest")) < 50
    assert options == {"of": "people", "size": "64"}


def test_faces_that_fill_images_and_images_without_faces_are_not_reported():
    crew("set/trainA", 0.42)
    write("set/trainB", first=50)
    (finding,) = judged("set")
    assert finding.items == []
    assert "usually 4" in finding.title
