"""What a training says of data that it uses in part, or that changed."""

import json
import os
import re

import numpy as np
import pytest
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data import codecs, sources
from tfpix2pix.doctor.check import diagnose
from tfpix2pix.families import preset
from tfpix2pix.testing import save_untrained
from training import translate
from training.engine import loop
from training.engine.locking import locked
from training.train import parse

RANDOM = np.random.default_rng(17)


def noise(*shape):
    return RANDOM.integers(0, 256, shape).astype("uint8")


def write_pairs(folder, count=4, a=(16, 16, 3), b=(16, 16, 3)):
    for index in range(count):
        codecs.write(noise(*a), folder / f"train/A/{index}.png")
        codecs.write(noise(*b), folder / f"train/B/{index}.png")
    return folder


def said(data, tmp_path, monkeypatch, *options):
    """Returns all notes of a training."""
    notes = []
    monkeypatch.setattr(loop.tqdm, "write", notes.append)
    run = tmp_path / "run"
    arguments = ["pix2pix_debug", "--data", str(data), "--run", str(run), "--train.steps", "1"]
    loop.train(parse([*arguments, *options])[0], run)
    return notes, run


def test_what_is_dropped_and_stretched_is_said(tmp_path, monkeypatch):
    """Alpha of screenshots, pages of scans, videos and photos of phones beside the images."""
    data = write_pairs(tmp_path / "data", a=(16, 16, 4), b=(16, 24, 3))
    pages = [Image.fromarray(noise(16, 24, 3)) for _ in range(3)]
    pages[0].save(data / "train/B/0.tif", save_all=True, append_images=pages[1:])
    (data / "train/B/0.png").unlink()
    for name in ("train/A/9.heic", "film.mp4", "more.mp4"):
        (data / name).write_bytes(b"...")
    notes, _ = said(data, tmp_path, monkeypatch)
    for note in (
        "Alpha of 4 of 4 files is not used.",
        "Of 1 of 4 files with several frames or pages the first alone is used.",
        "3 files are of formats that are not read: .heic (1), .mp4 (2).",
        "In 4 of 4 examples the images have not the same proportions; each is stretched to the "
        "size of the training.",
    ):
        assert note in notes


def test_plain_data_need_no_words(tmp_path, monkeypatch):
    data = write_pairs(tmp_path / "data", a=(64, 64, 3), b=(64, 64, 3))
    notes, _ = said(data, tmp_path, monkeypatch)
    assert notes == []


def test_images_that_were_added_between_two_starts_are_said(tmp_path, monkeypatch):
    """To go on with more data: it is no longer the run that was started."""
    data = write_pairs(tmp_path / "data", a=(64, 64, 3), b=(64, 64, 3))
    _, run = said(data, tmp_path, monkeypatch)
    write_pairs(tmp_path / "data", 6, (64, 64, 3), (64, 64, 3))
    notes, _ = said(data, tmp_path, monkeypatch, "--train.steps", "2")
    assert notes == [
        "The examples are not those of the last start: 4 then, 6 now. The run goes on, but is no "
        "longer the one that was started."
    ]
    sessions = json.loads((run / "run.json").read_text())["sessions"]
    assert [session["data"]["examples"] for session in sessions] == [4, 6]


@pytest.mark.parametrize("layout", ["auto", "side_by_side"])
def test_images_that_were_never_combined_are_not_cut_in_half(tmp_path, layout):
    """Square photos and sketches in folders of their own."""
    for folder in ("photo", "sketch"):
        for index in range(2):
            codecs.write(noise(16, 16, 3), tmp_path / f"{folder}/{index}.png")
    if layout == "side_by_side":
        assert len(sources.pairs(tmp_path, layout=layout).names) == 4
        return
    with pytest.raises(InputError) as error:
        sources.pairs(tmp_path)
    assert str(error.value) == (
        "Files that hold A in their left and B in their right half are wider than high. Received: "
        f"{str(tmp_path)!r}, whose 4 files are square. Put A and B into folders of these names, "
        "with equal names of partners, or name the files of each pair in a manifest; if these are "
        "halves all the same, set layout='side_by_side'."
    )


@pytest.mark.parametrize(
    ("a", "b"), [("{}_A", "{}_B"), ("photo{}", "sketch{}"), ("Cat{}", "cat{}"), ("{}", "00{}")]
)
def test_names_that_differ_are_told_the_rule(tmp_path, a, b):
    """Suffixes, prefixes, upper case, zeros."""
    for index in range(1, 4):
        codecs.write(noise(16, 16, 3), tmp_path / f"train/A/{a.format(index)}.png")
        codecs.write(noise(16, 16, 3), tmp_path / f"train/B/{b.format(index)}.png")
    if a == "{}_A":
        assert len(sources.pairs(tmp_path).names) == 3
        return
    for bad_files in ("refuse", "skip"):
        with pytest.raises(InputError) as error:
            sources.pairs(tmp_path, bad_files=bad_files)
        assert re.search(
            "Partners have equal names, but for their suffix or what follows a shared stem; name "
            "those that differ in a manifest.$",
            str(error.value),
        )
        assert "skip" not in str(error.value)


def test_the_message_of_sizes_knows_the_batch(tmp_path, monkeypatch):
    """Images of many sizes, as they are, in batches of two."""
    for index, side in enumerate((30, 64)):
        for place in "AB":
            codecs.write(noise(side, side, 3), tmp_path / f"data/train/{place}/{index}.png")
    options = ("--data.preprocess", "none", "--train.batch_size", "2")
    with pytest.raises(InputError) as error:
        said(tmp_path / "data", tmp_path, monkeypatch, *options)
    (cure,) = re.findall('Use preprocess="([a-z_]+)"', str(error.value))
    notes, _ = said(
        tmp_path / "data",
        tmp_path,
        monkeypatch,
        "--data.preprocess",
        cure,
        "--train.batch_size",
        "2",
    )
    assert notes is not None


def test_two_trainings_do_not_share_a_run(tmp_path, monkeypatch):
    """Started twice, from two windows: both wrote checkpoints over each other's."""
    data = write_pairs(tmp_path / "data", a=(64, 64, 3), b=(64, 64, 3))
    with locked(tmp_path / "run"), pytest.raises(InputError) as error:
        said(data, tmp_path, monkeypatch)
    assert str(error.value) == (
        f"One training at a time may use a run folder. Received: {str(tmp_path / 'run')!r}, in "
        f"which process {os.getpid()} trains. Wait for it, or use another --run."
    )
    _, run = said(data, tmp_path, monkeypatch)
    assert (run / "run.json").exists()


def test_an_empty_test_folder_is_said(tmp_path, monkeypatch):
    data = write_pairs(tmp_path / "data", a=(64, 64, 3), b=(64, 64, 3))
    (data / "test").mkdir()
    (data / "test/.gitkeep").write_bytes(b"")
    notes, _ = said(data, tmp_path, monkeypatch)
    assert notes == ["The folder test has no images; the training is judged by its own."]


def test_a_translation_says_what_it_does_not_read(tmp_path, capsys):
    """Videos and photos of phones among the images."""
    codecs.write(noise(32, 32, 3), tmp_path / "in/1.png")
    (tmp_path / "in/film.mp4").write_bytes(b"...")
    config = preset("pix2pix_debug").with_data(write_pairs(tmp_path / "data"))
    run = save_untrained(config, tmp_path / "run")
    translate.main([str(tmp_path / "in"), "--run", str(run), "--to", str(tmp_path / "out")])
    assert "1 files are of formats that are not read: .mp4 (1).\n" in capsys.readouterr().err


def test_a_check_sees_squares_and_pixels_without_data_as_a_training_does(tmp_path):
    for index in range(3):
        codecs.write(noise(16, 16, 3), tmp_path / f"squares/{index}.png")
        for side in "AB":
            image = RANDOM.uniform(0, 1, (8, 8)).astype("float32")
            image[:2] = -9999 if (side, index) == ("A", 2) else image[:2]
            path = tmp_path / f"tiles/train/{side}/{index}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, image)
    codes = {
        finding.code: len(finding.items) for finding in diagnose(tmp_path / "squares").findings
    }
    assert codes["whole"] == 3
    found = diagnose(tmp_path / "tiles")
    items = {finding.code: [i.files for i in finding.items] for finding in found.findings}
    assert items["no_data"] == [("train/A/2.npy",)]
    assert not any("range" in setting.option for setting in found.suggestions)
