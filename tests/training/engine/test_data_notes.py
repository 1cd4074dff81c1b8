import dataclasses

import numpy as np
import pytest

from tests.cases.families import FAMILIES, TEST_FAMILIES
from tfpix2pix import atomic, families
from tfpix2pix.data import codecs
from tfpix2pix.families import Phase
from training.engine import batches
from training.engine.data_notes import data_notes

PHASES = [Phase("small", 3, 2, (8, 8)), Phase("large", 3, 2, (32, 32))]


@pytest.fixture(params=FAMILIES)
def completed(request, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, family in TEST_FAMILIES.items():
        monkeypatch.setitem(families.FAMILIES, name, family)
    return batches.completed(FAMILIES[request.param](tmp_path / "data"))


def test_every_family_says_which_images_are_enlarged(completed):
    config, examples = completed
    assert data_notes(config, examples, PHASES) == []
    (note,) = data_notes(config, examples, [*PHASES, Phase("larger", 3, 2, (64, 64))])
    # 5 pairs, 5 scenes of 3 images, 5 photos; of domains 5 and 3, and 4.
    kinds = {"pix2pix": (10, "32 x 32"), "pix2pixhd": (15, "32 x 64"), "hints": (5, "36 x 32")}
    kinds["styles"] = (12, "36 x 32")
    count, sides = kinds.get(config.family, (8, "36 x 32"))
    first = examples.names[0]
    assert note.startswith(
        f"{count} of {count} images are smaller than the 64 x 64 pixels of the training and are "
        f"enlarged, which blurs them: {first} of {sides}, "
    )
    more = f" and {count - 5} more" if count > 5 else ""
    assert note.endswith(f"{more}. Train at a smaller --data.image_size, or on larger images.")
    whole = dataclasses.replace(config, data=dataclasses.replace(config.data, preprocess="pad"))
    assert data_notes(whole, examples, [Phase("larger", 3, 2, (64, 64))]) == []


def test_domains_that_nobody_reads_and_files_that_are_left_out_are_named(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    config = FAMILIES["cyclegan"](tmp_path / "data")
    codecs.write(np.zeros((32, 32, 3), "uint8"), tmp_path / "data/trainC/1.png")
    atomic.write_bytes(b"", tmp_path / "data/trainB/9.png")
    skipping = dataclasses.replace(config.data, bad_files="skip")
    config, examples = batches.completed(dataclasses.replace(config, data=skipping))
    assert data_notes(config, examples, PHASES) == [
        f"1 files are left out: {tmp_path}/data/trainB/9.png: it cannot be decoded: the file is "
        "empty",
        "Folders of other domains, whose images are not read: trainC with 1.",
    ]
