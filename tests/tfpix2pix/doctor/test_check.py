"""Every fault is planted in a small clean set and must be found by name, and nothing else."""

import re
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tfpix2pix import InputError, atomic
from tfpix2pix.data import codecs, layouts, records
from tfpix2pix.data.palettes import CMP_FACADES
from tfpix2pix.datasets import combine, synthetic
from tfpix2pix.doctor import check

SIZE = (64, 64)
PAIRS = {
    split: [synthetic.facade(SIZE, (seed, index)) for index in range(count)]
    for seed, (split, count) in enumerate({"train": 9, "test": 3}.items())
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path):
    """Clean side-by-side pairs."""
    for split, pairs in PAIRS.items():
        for index, pair in enumerate(pairs):
            put(tmp_path, f"{split}/{index}.png", *pair)
    return tmp_path


@pytest.fixture
def folders(tmp_path):
    """Five of these pairs as A and B."""
    for index, pair in enumerate(PAIRS["train"][:5]):
        for half, pixels in zip("AB", pair):
            codecs.write(pixels, tmp_path / f"{half}/{index}.png")
    return tmp_path


def put(folder, name, a, b):
    codecs.write(np.concatenate([a, b], axis=1), folder / name)


def findings(data, *arguments, **options):
    """Returns what was found: dict of code to severity and items as text."""
    diagnosis = check.diagnose(data, *arguments, **options)
    severities = [finding.severity for finding in diagnosis.findings]
    assert diagnosis.is_fit == ("error" not in severities)
    return {
        finding.code: (finding.severity, [str(item) for item in finding.items])
        for finding in diagnosis.findings
    }


def described(diagnosis):
    return [(side.side, side.count, side.kind) for side in diagnosis.sides]


def test_a_clean_set_has_no_findings_and_is_described(folder):
    diagnosis = check.diagnose(folder, classes=12)
    assert diagnosis.findings == []
    assert diagnosis.is_fit
    assert (diagnosis.layout, diagnosis.splits) == ("side_by_side", {"train": 9, "test": 3})
    a, b = diagnosis.sides
    assert (a.side, a.count, a.kind, a.palette, a.size, a.channels) == (
        "A",
        12,
        "photo",
        [],
        SIZE,
        3,
    )
    assert (b.side, b.kind, b.is_exact) == ("B", "labels", True)
    assert {tuple(color) for color in b.palette} <= set(CMP_FACADES.values())
    labels = np.stack([labels for pairs in PAIRS.values() for _, labels in pairs])
    np.testing.assert_allclose(b.mean, labels.mean((0, 1, 2)), atol=0.051)
    np.testing.assert_allclose(b.spread, labels.std((1, 2)).mean(0), atol=0.051)
    assert [str(suggestion) for suggestion in diagnosis.suggestions] == [
        f"data.folder {folder}",
        "data.layout side_by_side",
        "data.direction BtoA",
        "data.image_size 64",
        "data.source_channels 3",
        "data.target_channels 3",
        "train.batch_size 1",
        "data.source_kernel nearest",
    ]


def test_files_without_partner_are_named(folders):
    (folders / "A/3.png").unlink()
    codecs.write(PAIRS["test"][0][0], folders / "A/single.png")
    assert findings(folders) == {"unmatched": ("error", ["A/single.png", "B/3.png"])}


def test_files_that_are_broken_are_named(folder):
    complete = (folder / "train/0.png").read_bytes()
    atomic.write_bytes(complete[: len(complete) // 2], folder / "train/0.png")
    atomic.write_bytes(b"", folder / "train/1.png")
    atomic.write_bytes(b"a letter", folder / "test/2.png")
    with (folder / "train/bomb.npy").open("wb") as bomb:
        header = {"descr": "|u1", "fortran_order": False, "shape": (99999, 99999)}
        np.lib.format.write_array_header_1_0(bomb, header)
    (code,), ((severity, items),) = zip(*findings(folder).items())
    assert (code, severity) == ("unreadable", "error")
    names = [item.split(" (")[0] for item in items]
    assert names == ["train/0.png", "train/1.png", "train/bomb.npy", "test/2.png"]
    assert items[1] == "train/1.png (the file is empty)"
    assert "decompression bomb" in items[2]


def test_odd_widths_are_named(folder):
    codecs.write(PAIRS["test"][0][0][:, 1:], folder / "train/1.png")
    assert findings(folder) == {"odd_width": ("error", ["train/1.png (63 pixels wide)"])}


def test_formats_under_other_suffixes_are_named(folder):
    shutil.move(folder / "train/3.png", folder / "train/3.jpg")
    atomic.write_bytes(b"", folder / "train/notes.txt")
    atomic.write_bytes(b"", folder / ".hidden")
    assert findings(folder) == {
        "suffix": ("warning", ["train/3.jpg (PNG)"]),
        "strays": ("note", ["train/notes.txt"]),
    }


def test_frames_alpha_and_turned_images_are_named(folders):
    photo, labels = (Image.fromarray(pixels) for pixels in PAIRS["train"][0])
    (folders / "B/0.png").unlink()
    labels.save(folders / "B/0.tiff", save_all=True, append_images=[labels])
    alpha = Image.new("L", SIZE, 255)
    alpha.putpixel((3, 3), 254)
    photo.putalpha(alpha)
    photo.save(folders / "A/0.png")
    opaque = Image.fromarray(PAIRS["train"][1][0])
    opaque.putalpha(255)
    opaque.save(folders / "A/1.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = Image.fromarray(np.rot90(PAIRS["train"][2][0]))
    turned.save(folders / "A/2.png", exif=exif)
    assert findings(folders) == {
        "frames": ("warning", ["B/0.tiff (2 frames)"]),
        "alpha": ("warning", ["A/0.png"]),
        "mixed_kinds": (
            "warning",
            [f"A/{index}.png (4 channels of uint8)" for index in (0, 1)],
        ),
        "turned": ("note", ["A/2.png"]),
    }


def test_sizes_are_compared_in_pairs_and_over_the_set(folders):
    photo, _ = synthetic.facade((32, 48), seed=7)
    codecs.write(photo, folders / "A/1.png")
    assert findings(folders) == {
        "pair_sizes": ("warning", ["A/1.png + B/1.png (32 x 48 pixels and 64 x 64 pixels)"]),
        "sizes": ("note", ["A/1.png (32 x 48 pixels)"]),
    }


def test_kinds_that_cannot_be_converted_are_an_error(folders):
    deep = PAIRS["train"][0][0].astype("uint16") * 257
    codecs.write(deep, folders / "A/0.png")
    assert findings(folders) == {"mixed_kinds": ("warning", ["A/0.png (3 channels of uint16)"])}
    (folders / "A/1.png").unlink()
    codecs.write(PAIRS["train"][1][0].astype("float32"), folders / "A/1.tiff")
    problems = findings(folders)
    assert problems["unfit_kinds"] == (
        "error",
        ["A/0.png (3 channels of uint16)", "A/1.tiff (3 channels of float32)"],
    )
    assert problems["float_range"][0] == "warning"


def test_equal_examples_are_found_whatever_their_encoding(folder):
    complete = codecs.read(folder / "train/2.png")
    codecs.write(complete, folder / "train/again.bmp")
    codecs.write(codecs.read(folder / "train/4.png"), folder / "test/0.tiff")
    (folder / "test/0.png").unlink()
    assert findings(folder) == {
        "leak": ("error", ["train/4.png + test/0.tiff"]),
        "duplicates": ("warning", ["train/2.png + train/again.bmp"]),
    }


@pytest.mark.parametrize("how", ["encoded", "smaller", "brighter", "noisy", "mirrored"])
def test_nearly_equal_examples_are_found(folder, how):
    def changed(pixels):
        if how == "encoded":
            return codecs.decode(codecs.encode(pixels, ".jpg")).pixels
        if how == "smaller":
            return combine.fit(pixels, (56, 56))
        if how == "mirrored":
            return pixels[:, ::-1]
        noise = np.random.default_rng(0).normal(0, 5, pixels.shape) if how == "noisy" else 9
        return np.clip(pixels.astype(int) + noise, 0, 255).astype("uint8")

    put(folder, "train/near.png", *map(changed, PAIRS["train"][3]))
    put(folder, "test/near.png", *map(changed, PAIRS["train"][5]))
    problems = findings(folder)
    print(problems)
    assert problems["near_leak"] == ("warning", ["train/5.png + test/near.png"])
    assert problems["near_duplicates"] == ("warning", ["train/3.png + train/near.png"])
    assert "leak" not in problems


def test_an_image_with_two_partners_is_found(folder):
    put(folder, "train/8.png", PAIRS["train"][0][0], PAIRS["train"][8][1])
    put(folder, "test/2.png", PAIRS["test"][2][0], PAIRS["train"][1][1])
    problems = findings(folder)
    print(problems)
    assert problems["shared"] == ("note", ["train/0.png + train/8.png"])
    assert problems["shared_leak"] == ("warning", ["train/1.png + test/2.png"])


def test_pairs_of_equal_halves_are_found(folder):
    put(folder, "train/0.png", PAIRS["train"][0][0], PAIRS["train"][0][0])
    assert findings(folder)["identical"] == ("warning", ["train/0.png"])


def test_a_shifted_half_is_found_with_its_shift(folder):
    photo, labels = PAIRS["train"][6]
    put(folder, "train/6.png", photo, np.roll(labels, 6, axis=1))
    assert findings(folder) == {
        "misaligned": ("warning", ["train/6.png (B lies 0% too low and 9% too far right)"])
    }


@pytest.fixture
def drawings(tmp_path):
    """Grainy bags on white beside their outlines, 1 pixel wide."""
    folder = tmp_path / "drawings"
    for index in range(9):
        random = np.random.default_rng(index)
        inside = np.zeros(SIZE, bool)
        for top, left, height, width in random.integers((4, 4, 12, 12), (30, 30, 30, 30), (3, 4)):
            inside[top : top + height, left : left + width] = True
        color = random.integers(20, 150, 3) + random.integers(0, 60, (*SIZE, 1))
        edge = np.any([np.roll(inside, 1, axis) != inside for axis in (0, 1)], axis=0)
        pair = [np.where(inside[..., None], color, 255), np.where(edge[..., None], [0] * 3, 255)]
        put(folder, f"{index}.png", *(half.astype("uint8") for half in pair))
    return folder


def test_drawings_are_sources_and_are_not_resized_by_nearest(drawings):
    diagnosis = check.diagnose(drawings)
    assert diagnosis.findings == []
    assert [side.kind for side in diagnosis.sides] == ["photo", "drawing"]
    reasons = {str(suggestion): suggestion.reason for suggestion in diagnosis.suggestions}
    reason = "a guess: B looks like a drawing, A like a photo"
    assert reasons["data.direction BtoA"] == reason
    assert "data.source_kernel nearest" not in reasons


def test_halves_of_different_pairs_are_found(drawings):
    pair, other = (codecs.read(drawings / f"{index}.png") for index in (2, 5))
    put(drawings, "2.png", other[:, 63::-1], pair[:, 64:])
    assert findings(drawings) == {"unrelated": ("warning", ["2.png"])}


def test_exchanged_halves_are_found(folder):
    put(folder, "train/7.png", *PAIRS["train"][7][::-1])
    assert findings(folder)["swapped"] == ("warning", ["train/7.png"])


def test_blank_and_dark_images_are_found(folder):
    photo, labels = PAIRS["train"][2]
    put(folder, "train/1.png", photo * 0 + 9, PAIRS["train"][1][1])
    put(folder, "train/2.png", photo // 8, labels)
    problems = findings(folder)
    print(problems)
    assert problems["blank"] == ("warning", ["train/1.png"])
    severity, (item,) = problems["exposure"]
    assert severity == "note"
    assert item.startswith(f"train/2.png (mean {(photo // 8).mean():.0f}, the usual is ")


def test_label_maps_in_jpeg_are_found_with_their_colours(tmp_path):
    for index in range(8):
        photo, labels = synthetic.facade((256, 256), index)
        codecs.write(np.concatenate([photo, labels], axis=1), tmp_path / f"{index}.jpg")
    diagnosis = check.diagnose(tmp_path)
    (finding,) = diagnosis.findings
    assert (finding.code, finding.severity, finding.count) == ("blurred_labels", "warning", 8)
    palette = np.array(diagnosis.sides[1].palette)
    colors = np.array(list(CMP_FACADES.values()))
    nearest = np.abs(palette[:, None] - colors).max(-1)
    assert nearest.min(1).max() <= 4
    assert len(set(nearest.argmin(1))) == len(palette) >= 9
    assert "data.source_kernel nearest" not in [
        str(suggestion) for suggestion in diagnosis.suggestions
    ]


@pytest.fixture
def ids(folders):
    for file in (folders / "B").iterdir():
        colors = codecs.read(file)
        ids = (colors[..., None, :] == synthetic.LABEL_COLORS).all(-1).argmax(-1)
        codecs.write(ids[..., None].astype("uint8"), file)
    return folders


def test_ids_that_are_not_below_the_classes_are_an_error(ids):
    highest = {f"B/{i}.png": codecs.read(ids / f"B/{i}.png").max() for i in range(5)}
    too_high = [f"{name} (id {high})" for name, high in highest.items() if high >= 10]
    assert too_high
    assert findings(ids, classes=10) == {"label_ids": ("error", too_high)}
    assert findings(ids, classes=12) == {}
    texts = [str(suggestion) for suggestion in check.diagnose(ids).suggestions]
    assert {"data.source_channels 1", "data.target_channels 3"} <= set(texts)


def test_masks_of_0_and_1_are_label_maps_that_are_not_blank(ids):
    for file in (ids / "B").iterdir():
        codecs.write((codecs.read(file) > 1).astype("uint8"), file)
    photo = codecs.read(ids / "A/1.png")
    codecs.write(np.roll(photo, 8, axis=0), ids / "A/1.png")
    diagnosis = check.diagnose(ids, classes=2)
    assert [(side.kind, side.is_exact, len(side.palette)) for side in diagnosis.sides] == [
        ("photo", False, 0),
        ("labels", True, 2),
    ]
    assert [finding.code for finding in diagnosis.findings] == ["misaligned"]


def test_records_photos_and_unpaired_sets_are_examined(folder, tmp_path_factory):
    shards = tmp_path_factory.mktemp("shards")
    records.write_shards(layouts.listing(folder, "train"), "train", shards)
    assert findings(shards) == {}
    domains = tmp_path_factory.mktemp("domains")
    for index, pair in enumerate(PAIRS["train"]):
        for domain, pixels in zip("AB", pair):
            codecs.write(pixels, domains / f"train{domain}/{index}{domain}.png")
    diagnosis = check.diagnose(domains)
    assert described(diagnosis) == [("A", 9, "photo"), ("B", 9, "labels")]
    assert [finding.code for finding in diagnosis.findings] == ["few_images"]
    assert [str(suggestion) for suggestion in diagnosis.suggestions] == [
        f"data.folder {domains}",
        "data.layout unpaired",
        f"data.image_size {2 ** int(np.log2(PAIRS['train'][0][0].shape[0]))}",
    ]
    assert findings(domains / "trainA", "photos") == {}
    for domain in "AB":
        (domains / f"train{domain}").rename(domains / domain)
    assert described(check.diagnose(domains, "unpaired")) == [("A", 9, "photo"), ("B", 9, "labels")]


def test_two_domains_are_compared(tmp_path):
    for index, (photo, _) in enumerate(PAIRS["train"]):
        codecs.write(photo // 4, tmp_path / f"trainA/{index}.png")
    for index in range(100):
        grey = np.random.default_rng(index).integers(156, 256, (32, 32, 1)).astype("uint8")
        codecs.write(grey, tmp_path / f"trainB/{index}.png")
    codecs.write(grey[::-1], tmp_path / "testB/0.png")
    codecs.write(PAIRS["train"][3][0] // 4, tmp_path / "testA/again.png")
    codecs.write(PAIRS["train"][4][0] // 4, tmp_path / "trainB/of_a.tiff")
    codecs.write(PAIRS["train"][6][0] // 4, tmp_path / "trainA/twin.png")
    mean = np.mean([(photo // 4).mean((0, 1)) for photo, _ in PAIRS["train"]])
    told = findings(tmp_path)
    assert told["leak"] == ("error", ["trainA/3.png + testA/again.png"])
    assert told["both_domains"] == ("warning", ["trainA/4.png + trainB/of_a.tiff"])
    assert told["duplicates"] == ("warning", ["trainA/6.png + trainA/twin.png"])
    assert told["uneven_domains"] == (
        "note",
        [f"trainA/0.png + trainB/0.png ({len(PAIRS['train']) + 1} of A, 101 of B)"],
    )
    (text,) = told["brightness_of_domains"][1]
    a, b = map(int, re.search(r"\(mean (\d+) of A, (\d+) of B\)", text).groups())
    assert (a, b) == (pytest.approx(mean, abs=1), pytest.approx(205.5, abs=3))


def test_a_domain_of_16_bits_is_not_brighter_than_one_of_8(tmp_path):
    for index in range(3):
        pixels = np.random.default_rng(index).integers(0, 256, (32, 32, 1)).astype("uint8")
        codecs.write(pixels, tmp_path / f"trainA/{index}.png")
        codecs.write(pixels[::-1].astype("uint16") * 257, tmp_path / f"trainB/{index}b.png")
    diagnosis = check.diagnose(tmp_path)
    assert [finding.code for finding in diagnosis.findings] == ["few_images"]
    assert [side.mean for side in diagnosis.sides] == [(pytest.approx(127, abs=3),) * 3] * 2


def test_where_nothing_is_nothing_is_diagnosed(tmp_path):
    with pytest.raises(InputError, match=r"^The data must hold images in the layout"):
        check.diagnose(tmp_path)


@settings(max_examples=5, suppress_health_check=list(HealthCheck), deadline=None)
@given(seed=st.integers(0, 2**30), height=st.sampled_from([32, 48, 96]))
def test_clean_sets_raise_no_alarm(seed, height, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    synthetic.write_pairs(folder, 6, (height, 64), seed=seed)
    assert check.diagnose(folder).findings == []
