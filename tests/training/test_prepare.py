import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import skimage.data

from tfpix2pix import InputError, atomic
from tfpix2pix.data import codecs, records, sources
from training import prepare

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 24, 3)).astype("uint8")


@pytest.fixture(autouse=True)
def _photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for index in range(10):
        codecs.write(PHOTO, f"photos/{index}.png")


def shapes(folder):
    return {
        file.relative_to(folder).as_posix(): codecs.read(file).shape
        for file in Path(folder).rglob("*.png")
    }


def report(made, skipped, folder="out"):
    return (
        f"{folder}: {made} files made, {skipped} were there already. Train on them: python -m "
        f"training.train facades --data {folder} --data.direction AtoB --run runs/{folder}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "shape"),
    [
        (["combine", "photos", "photos"], (20, 48, 3)),
        (["edges", "photos"], (20, 48, 3)),
        (["edges", "photos", "--size", "16", "--method", "xdog"], (16, 32, 3)),
        (["edges", "photos", "--samples", "1", "--size", "[8,12]"], (8, 24, 3)),
        (["grayscale", "photos", "--size", "16"], (16, 32, 3)),
        (["blank", "photos", "--share", "0.3"], (20, 48, 3)),
        (["resize", "photos", "--size", "8", "--halves", "true"], (8, 16, 3)),
    ],
)
def test_commands_make_a_set_to_train_on_and_say_how(capsys, arguments, shape):
    for numbers in ((10, 0), (0, 10)):
        prepare.main([*arguments, "--to", "out"])
        printed = capsys.readouterr()
        assert printed.out == report(*numbers)
        assert "10/10" in printed.err
    assert shapes("out") == {f"{index}.png": shape for index in range(10)}


def test_commands_can_be_pasted_whatever_a_folder_is_called(capsys):
    prepare.main(["grayscale", "photos", "--to", "my pairs"])
    command = capsys.readouterr().out.partition("Train on them: ")[2]
    assert shlex.split(command)[3:] == (
        ["facades", "--data", "my pairs", "--data.direction", "AtoB", "--run", "runs/my pairs"]
    )
    prepare.main(["check", "my pairs"])
    command = re.search(r"^  (python .*)$", capsys.readouterr().out, re.MULTILINE)[1]
    assert shlex.split(command)[3:6] == ["facades", "--data", "my pairs"]
    assert shlex.split(command)[-2:] == ["--run", "runs/my pairs"]


def test_split_trains_on_what_is_left(capsys):
    prepare.main(["split", "photos", "--to", "out", "--val", "0", "--test", "0.3", "--seed", "1"])
    assert capsys.readouterr().out == report(10, 0)
    parts = [name.split("/")[0] for name in shapes("out")]
    assert {part: parts.count(part) for part in parts} == {"train": 7, "test": 3}


def test_two_domains_are_split_to_train_in_both_directions(capsys):
    for index in range(10):
        codecs.write(PHOTO, f"all/A/{index}.png")
        codecs.write(PHOTO, f"all/B/{index}.png")
    options = ["--val", "0", "--test", "0.2", "--layout", "unpaired"]
    prepare.main(["split", "all", "--to", "out", *options])
    assert capsys.readouterr().out == (
        "out: 20 files made, 0 were there already. Train on them: python -m training.train "
        "horse2zebra --data out --run runs/out\n"
    )
    parts = [name.split("/")[0] for name in shapes("out")]
    counts = {part: parts.count(part) for part in parts}
    assert counts == {"trainA": 8, "testA": 2, "trainB": 8, "testB": 2}
    assert [len(domain.names) for domain in sources.unpaired("out", "test")] == [2, 2]
    prepare.main(["check", "out/"])
    assert "python -m training.train horse2zebra --data out --data.layout unpaired --data." in (
        capsys.readouterr().out
    )
    message = (
        "TFRecords must be of pairs, or of photos. Received: images of two domains, whose records "
        "nothing could tell apart. Train on the files as they are."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        prepare.main(["tfrecord", "out", "--to", "packed"])


def test_resized_photos_are_no_pairs_to_train_on(capsys):
    options = ["--size", "[8,12]", "--how", "pad", "--kernel", "area"]
    prepare.main(["resize", "photos", "--to", "out", *options])
    assert capsys.readouterr().out == "out: 10 files made, 0 were there already.\n"
    assert set(shapes("out").values()) == {(8, 12, 3)}


def test_samples_make_several_pairs_of_a_photo(capsys):
    prepare.main(["edges", "photos", "--to", "out", "--samples", "2"])
    assert capsys.readouterr().out == report(20, 0)
    assert set(shapes("out")) == {f"{i}_{j}.png" for i in range(10) for j in "01"}


@pytest.mark.parametrize("function", prepare.COMMANDS, ids=lambda f: f.__name__)
def test_every_command_explains_its_arguments(capsys, function):
    with pytest.raises(SystemExit) as caught:
        prepare.main([function.__name__, "--help"])
    assert caught.value.code == 0
    help_text = " ".join(capsys.readouterr().out.split())
    summary, _, described = function.__doc__.partition("\n")
    assert summary.rstrip(".") in help_text
    for name, description in re.findall(r"^        (\w+): (.*)$", described, re.MULTILINE):
        assert description in help_text or name in ("to", "from_file")


def test_errors_of_the_library_come_through():
    message = (
        "`fractions` must be positive and sum to 1. Received: {'train': -0.5, 'val': 0.5, 'test': "
        "1.0}, which sum to 1. Use for example {'train': 0.8, 'val': 0.1, 'test': 0.1}."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        prepare.main(["split", "photos", "--to", "out", "--val", "0.5", "--test", "1"])
    assert not Path("out").exists()


@pytest.mark.slow
def test_the_program_ends_in_one_paragraph():
    run = subprocess.run(
        [sys.executable, "-m", "training.prepare", "grayscale", "none", "--to", "out"],
        env={**os.environ, "PYTHONPATH": str(Path(prepare.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1] == (
        "error: What is prepared must be a folder of images. Received: 'none', where there is "
        "nothing. Check the spelling."
    )
    assert "Traceback" not in run.stderr


def test_tfrecord_packs_every_split_once(capsys):
    prepare.main(["split", "photos", "--to", "sets", "--val", "0.2", "--test", "0"])
    capsys.readouterr()
    for numbers in ((4, 0), (0, 4)):
        prepare.main(["tfrecord", "sets", "--to", "packed", "--shards", "2"])
        assert capsys.readouterr().out == report(*numbers, "packed")
    assert sorted(path.name for path in Path("packed").iterdir()) == [
        f"{split}-0000{i}-of-00002.tfrecord" for split in ("train", "val") for i in range(2)
    ]
    pairs = sources.pairs("packed", "val")
    assert (len(pairs.names), pairs.sizes.tolist()) == (2, [[[20, 12], [20, 12]]] * 2)


def test_tfrecord_packs_as_many_images_as_there_are_places():
    for folder, name in (("label", "1_ids"), ("inst", "1_ids"), ("img", "1_photo")):
        codecs.write(np.full((4, 6, 1), 7, "uint8"), f"scenes/train_{folder}/{name}.png")
    prepare.main(["tfrecord", "scenes", "--to", "shards", "--places", "[label,instance,photo]"])
    shard = "shards/train-00000-of-00001.tfrecord"
    (place,) = records.places(shard)
    assert records.image_names(shard, *place) == ["instance", "label", "photo"]


def test_fetch_unpacks_an_archive_that_was_downloaded_by_hand(capsys):
    for split, count in (("train", 400), ("val", 100), ("test", 106)):
        for index in range(count):
            atomic.write_bytes(b"", f"facades/{split}/{index}.jpg")
    with tarfile.open("facades.tar.gz", "w:gz") as archive:
        archive.add("facades")
    prepare.main(["fetch", "facades", "--to", "data", "--from", "facades.tar.gz"])
    assert capsys.readouterr().out == (
        "data/facades is there. Train on it: python -m training.train facades --data data/facades "
        "--data.direction BtoA --run runs/facades\n"
    )
    assert len(list(Path("data/facades/train").iterdir())) == 400


def test_check_prints_writes_and_exits_by_its_finding(capsys):
    prepare.main(["edges", "photos", "--to", "pairs"])
    capsys.readouterr()
    prepare.main(["check", "pairs", "--to", "report"])
    printed = capsys.readouterr().out
    assert printed.startswith("pairs: side_by_side, 10 all\n")
    assert "WARNING: The same example several times (1)" in printed
    assert "No errors, 1 warning." in printed
    assert "python -m training.train facades --data pairs --data.layout side_by_side" in printed
    assert "<!doctype html>" in Path("report/check.html").read_text()
    assert json.loads(Path("report/check.json").read_text())["is_fit"]
    Path("pairs/3.png").write_bytes(b"")
    with pytest.raises(SystemExit) as caught:
        prepare.main(["check", "pairs"])
    assert caught.value.code == 1
    assert "ERROR: Files that cannot be decoded (1)\n    3.png (the file is empty)" in (
        capsys.readouterr().out
    )


def test_the_commands_that_check_prints_mend_what_it_found(capsys):
    astronaut = skimage.data.astronaut()  # Her face is 95 pixels wide.
    random = np.random.default_rng(0)
    for index in range(4):
        photo = np.full((512, 600, 3), random.integers(0, 256, 3)).astype("uint8")
        photo[:, 20 * index : 20 * index + 512] = astronaut
        for folder in ("trainA", "testA"):
            codecs.write(photo, f"my crew/{folder}/{folder}{index}.png")
        anime = random.integers(0, 256, (64, 64, 3)).astype("uint8")
        codecs.write(anime, f"my crew/trainB/{index}.png")
        codecs.write(anime[::-1], f"my crew/testB/{index}.png")
    with pytest.raises(SystemExit):  # The photos of both splits are alike.
        prepare.main(["check", "my crew"])
    printed = capsys.readouterr().out
    (start,) = [index for index in range(len(printed)) if printed.startswith("cut them out", index)]
    commands = re.findall(r"^     (\S.*)$", printed[start:].split("\n\n")[0], re.MULTILINE)
    assert [shlex.split(command)[:4] for command in commands] == [
        *[["python", "-m", "training.prepare", "faces"]] * 2,
        *[["cp", "-r", f"my crew/{name}", f"my crew-faces/{name}"] for name in ("trainB", "testB")],
    ]
    for command in commands[:2]:
        prepare.main(shlex.split(command)[3:])
    for command in commands[2:]:
        subprocess.run(shlex.split(command), check=True)
    capsys.readouterr()
    with pytest.raises(SystemExit):
        prepare.main(["check", "my crew-faces"])
    printed = capsys.readouterr().out
    assert "my crew-faces: unpaired, 8 train, 8 test\n" in printed
    assert "faces are small" not in printed
    assert "not used" not in printed
    assert "will be enlarged" not in printed


def test_hues_of_a_domain_are_measured_and_a_training_by_them_is_named(capsys):
    for domain, color in (("A", (0, 0, 0)), ("B", (0, 200, 0))):
        codecs.write(np.full((8, 8, 3), color, "uint8"), Path(f"faces/train{domain}/1.png"))
    prepare.main(["hues", "faces", "--to", "hues.csv", "--of", "[hair]"])
    assert capsys.readouterr().out == (
        "hair: green 1\nTrain by them: python -m training.train twingan_tiny --data faces "
        "--data.attributes hues.csv --run runs/faces\n"
    )
    assert Path("hues.csv").read_text() == "image,hair\ntrainB/1.png,green\n"
