"""Manifests and folders of splits as spreadsheets, other systems and other programs leave them."""

import json
import re
import unicodedata

import numpy as np
import pytest

from tfpix2pix import InputError
from tfpix2pix.data import codecs, layouts, sources

RANDOM = np.random.default_rng(7)


def write(path):
    codecs.write(RANDOM.integers(0, 256, (8, 8, 3)).astype("uint8"), path)


@pytest.fixture
def images(tmp_path):
    for index in range(3):
        for side in "ab":
            write(tmp_path / f"images/{side}/{index}.png")
    return tmp_path


def rows(separator, ends=("images/a/{}.png", "images/b/{}.png")):
    return [separator.join(end.format(index) for end in ends) for index in range(3)]


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("semicolons.csv", ["a;b", *rows(";")]),  # Excel in most of Europe.
        ("tabs.csv", ["a\tb", *rows("\t")]),
        ("spaces.csv", ["a, b", *rows(", ")]),  # Written by hand.
        ("UPPER.CSV", ["A,B", *rows(",")]),
        ("mark.csv", ["\ufeffa,b", *rows(",")]),  # Excel's "CSV UTF-8".
        ("blank.csv", ["a,b", *rows(","), ",", "", ",,"]),  # Rows that a spreadsheet leaves.
        ("windows.csv", ["a,b", *rows(",", ("images\\a\\{}.png", "images\\b\\{}.png"))]),
    ],
)
def test_tables_of_spreadsheets_are_read(images, name, lines):
    (images / name).write_bytes("\r\n".join(lines).encode())
    found = layouts.listing(images / name, "train")
    assert [len(files) for files in found.files] == [2, 2, 2]
    assert (found.unmatched, found.names[0]) == ([], "images/a/0.png")


def test_splits_of_a_table_may_be_called_otherwise(images):
    """As `datasets` and scikit-learn call them."""
    lines = ["a,b,Split"]
    lines += [f"{row},{split}" for row, split in zip(rows(","), ("Train", "validation", "TEST"))]
    (images / "pairs.csv").write_text("\n".join(lines))
    assert layouts.splits(images / "pairs.csv") == ["train", "val", "test"]
    assert layouts.listing(images / "pairs.csv", "test").names == ["images/a/2.png"]
    (images / "pairs.csv").write_text("\n".join(lines).replace("TEST", "holdout"))
    with pytest.raises(InputError) as error:
        layouts.splits(images / "pairs.csv")
    assert str(error.value) == (
        "The column split of a manifest must hold train, val, test. Received: 'holdout' in row 3 "
        f"of {images / 'pairs.csv'}. Correct it."
    )


@pytest.mark.parametrize("start", ["C:\\data\\", "https://example.org/", "elsewhere/"])
def test_paths_of_another_machine_are_named(images, start):
    ends = (f"{start}images/a/{{}}.png", f"{start}images/b/{{}}.png")
    (images / "pairs.csv").write_text("\n".join(["a,b", *rows(",", ends)]))
    with pytest.raises(InputError) as error:
        layouts.listing(images / "pairs.csv", "train")
    assert str(error.value) == (
        "The files of a manifest must be there; their paths are taken from its folder. Received: "
        f"{images / 'pairs.csv'}, of whose 6 files none is, the first of them "
        f"{images / ends[0].format(0)}. Write paths from {images} on, or whole paths of this "
        "machine."
    )


def test_names_with_accents_meet_their_files(images):
    """macOS writes an accent as a character of its own, other systems do not."""
    composed, apart = (unicodedata.normalize(form, "caf\u00e9") for form in ("NFC", "NFD"))
    for form, side in ((composed, "a"), (apart, "b")):
        write(images / f"images/{side}/{form}.png")
    table = [{"a": f"images/a/{apart}.png", "b": f"images/b/{composed}.png"}]
    (images / "pairs.jsonl").write_text("\n".join(map(json.dumps, table)), "utf-8")
    assert len(layouts.listing(images / "pairs.jsonl", "train").files) == 1
    for side in "ab":
        (images / f"images/{side}").rename(images / f"images/{side.upper()}")
    pairs = layouts.listing(images / "images", "train")
    assert (len(pairs.files), pairs.unmatched) == (4, [])


@pytest.mark.parametrize(
    ("folders", "received", "cure"),
    [
        (("Train", "Test"), "Test, Train", "Test to test, Train to train"),
        (("train", "validation"), "validation", "validation to val"),
        (("A/training", "B/training", "A/testing"), "testing, training", "testing to test, "),
        (("Train_A", "Train_B"), "Train_A, Train_B", "Train_A to train_A, Train_B to train_B"),
        (("TrainA", "TrainB"), "TrainA, TrainB", "TrainA to trainA, TrainB to trainB"),
    ],
)
def test_splits_of_other_names_are_not_trained_on(tmp_path, folders, received, cure):
    for folder in folders:
        write(tmp_path / folder / "1.png")
    message = (
        f"Folders of splits must be called train, val, test. Received: {str(tmp_path)!r} with "
        f"{received}, whose images would all be trained on. Rename {cure}"
    )
    with pytest.raises(InputError, match=re.escape(message)):
        layouts.listing(tmp_path, "train")


@pytest.mark.parametrize("leftover", [".gitkeep", ".DS_Store", "Thumbs.db"])
def test_an_empty_split_is_none(tmp_path, leftover):
    write(tmp_path / "train/1.png")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / leftover).write_bytes(b"")
    assert layouts.splits(tmp_path) == ["train"]
    assert layouts.listing(tmp_path, "held_out").names == ["1.png"]


def test_domains_of_equal_names_are_pairs_on_request(tmp_path):
    """Cityscapes and maps come as trainA and trainB."""
    for side in "AB":
        for index in range(2):
            write(tmp_path / f"train{side}/{index}.png")
    with pytest.raises(InputError, match=r"use layout=.folders"):
        sources.pairs(tmp_path)
    assert len(sources.pairs(tmp_path, layout="folders").names) == 2
