import json
import re
from pathlib import Path

import numpy as np
import pytest

from tfpix2pix import InputError
from tfpix2pix.data import codecs, layouts, records
from tfpix2pix.data.places import domain_places


def make(folder, *names):
    for name in names:
        codecs.write(np.zeros((2, 4, 3), "uint8"), folder / name)


def listed(data, split="train", layout="auto"):
    """Returns the layout, the names, and the files relative to the data set."""
    listing = layouts.listing(data, split, layout)
    root = data if data.is_dir() else data.parent
    files = [tuple(Path(f).relative_to(root).as_posix() for f in paths) for paths in listing.files]
    return listing.layout, listing.names, files, [Path(f).name for f in listing.unmatched]


def test_side_by_side_files_are_found_in_the_order_of_their_names(tmp_path):
    make(tmp_path, "b.PNG", "a.jpg", "sub/c.webp", ".hidden/d.png")
    (tmp_path / "notes.txt").write_text("no image")
    names = ["a.jpg", "b.PNG", "sub/c.webp"]
    assert listed(tmp_path) == ("side_by_side", names, [(name,) for name in names], [])


@pytest.mark.parametrize("template", ["{split}/{half}", "{half}/{split}"])
def test_folders_are_paired_by_name_and_never_by_position(tmp_path, template):
    a, b = (template.format(split="train", half=half) for half in "AB")
    make(
        tmp_path,
        f"{a}/1.png",
        f"{a}/2.png",
        f"{a}/x/3.png",
        template.format(split="test", half="A") + "/9.png",
    )
    make(tmp_path, f"{b}/2.jpg", f"{b}/x/3.bmp", f"{b}/4.jpg")
    pairs = [(f"{a}/2.png", f"{b}/2.jpg"), (f"{a}/x/3.png", f"{b}/x/3.bmp")]
    assert listed(tmp_path) == ("folders", ["2", "x/3"], pairs, ["1.png", "4.jpg"])


def test_folders_without_splits_are_of_any_split(tmp_path):
    make(tmp_path, "A/1.png", "B/1.png")
    assert listed(tmp_path, "test") == ("folders", ["1"], [("A/1.png", "B/1.png")], [])


def test_two_files_of_one_name_are_refused(tmp_path):
    make(tmp_path, "A/1.png", "A/1.jpg", "B/1.png")
    message = (
        "The images of a folder must differ in more than their suffix, since partners and outputs "
        f"have the same name otherwise. Received: {tmp_path}/A/1.jpg and {tmp_path}/A/1.png. "
        "Rename or remove one."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        layouts.listing(tmp_path, "train")


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_manifests_name_files_relative_to_themselves(tmp_path, suffix):
    make(tmp_path, "x/1.png", "y/7.png", "x/2.png")
    rows = [
        ("x/1.png", "y/7.png", "train"),
        ("x/2.png", "y/7.png", "test"),
        ("x/1.png", "no", "train"),
    ]
    manifest = tmp_path / f"pairs{suffix}"
    if suffix == ".csv":
        manifest.write_text("\n".join(map(",".join, [("a", "b", "split"), *rows])))
    else:
        manifest.write_text("\n".join(json.dumps(dict(zip(("a", "b", "split"), r))) for r in rows))
    assert listed(manifest) == ("manifest", ["x/1.png"], [("x/1.png", "y/7.png")], ["no"])
    assert layouts.splits(manifest) == ["train", "test"]


def test_a_manifest_of_other_columns_is_refused(tmp_path):
    manifest = tmp_path / "pairs.csv"
    manifest.write_text("a,b\n1.png,2.png\n3.png,\n")
    message = (
        "Each row of a manifest must name its files in the columns `a` and `b`. Received: "
        f"{manifest}, where 1 of 2 rows do not, the first of them row 2. Fill it in, or remove it."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        layouts.listing(manifest, "train")
    broken = tmp_path / "pairs.jsonl"
    broken.write_text('{"a": 1')
    message = (
        "A manifest must be CSV with a first line of column names, or JSON, an object a line. "
        f"Received: {broken}, which is not (Expecting ',' delimiter: line 1 column 8 (char 7)). "
        "Mend it."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        layouts.listing(broken, "train")


def test_unpaired_folders_and_photos(tmp_path):
    make(tmp_path, "trainA/1.png", "trainB/1.png", "trainB/2.png", "testA/3.png", "testB/4.png")
    names = ["trainA/1.png", "trainB/1.png", "trainB/2.png"]
    assert listed(tmp_path) == ("unpaired", names, [(name,) for name in names], [])
    assert layouts.splits(tmp_path) == ["train", "test"]
    photos = listed(tmp_path / "trainB", layout="photos")
    assert photos == ("photos", ["1.png", "2.png"], [("1.png",), ("2.png",)], [])


@pytest.mark.parametrize("template", ["{split}/{half}", "{half}/{split}"])
def test_two_folders_are_pairs_unless_they_are_said_to_be_unpaired(tmp_path, template):
    a, b = (template.format(split="train", half=half) for half in "AB")
    make(tmp_path, f"{a}/1.png", f"{b}/1.png", f"{b}/B/2.png")
    assert listed(tmp_path)[:2] == ("folders", ["1"])
    names = [f"{a}/1.png", f"{b}/1.png", f"{b}/B/2.png"]
    unpaired = listed(tmp_path, layout="unpaired")
    assert unpaired == ("unpaired", names, [(name,) for name in names], [])
    assert [layouts.domain(name) for name in names] == ["A", "B", "B"]
    assert layouts.domain("trainB/A/1.png") == "B"


def test_domains_have_folders_of_their_names_or_of_their_letters(tmp_path):
    places = domain_places(("faces", "anime", "cats"))
    names = ["trainA/1.png", "train/anime/B/1.png", "cats/train/1.png"]
    make(tmp_path, *names, "testanime/1.png")
    assert layouts.listing(tmp_path, "train", "unpaired", places=places).names == names
    assert [layouts.domain(name, places) for name in names] == ["faces", "anime", "cats"]
    assert layouts.splits(tmp_path, places, layout="unpaired") == ["train", "test"]
    message = (
        "Unpaired data must have images of all domains, in the folders trainfaces, trainanime and "
        f"traincats, or train/faces, train/anime and train/cats. Received: {str(tmp_path)!r}, "
        "which has 0 images of faces, 1 images of anime and 0 images of cats in its split 'test'. "
        "Add the others."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        layouts.listing(tmp_path, "test", "unpaired", places=places)
    make(tmp_path, "trainx/1.png", "trainB/2.png", "traincats/1.png")
    of_x = layouts.listing(tmp_path, "train", "unpaired", places=domain_places(("x", "B", "cats")))
    # Where B is a name, letters are no others.
    assert of_x.names == ["trainx/1.png", "trainB/2.png", "traincats/1.png"]


def test_unpaired_folders_without_splits_are_of_any_split(tmp_path):
    make(tmp_path, "A/1.png", "B/7.png")
    assert listed(tmp_path, "test", "unpaired")[1] == ["A/1.png", "B/7.png"]


def test_a_domain_without_images_is_refused(tmp_path):
    make(tmp_path, "trainA/1.png", "testA/1.png", "testB/1.png")
    message = (
        "Unpaired data must have images of all domains, in the folders trainA and trainB, or "
        f"train/A and train/B. Received: {str(tmp_path)!r}, which has 1 images of A and 0 images "
        "of B in its split 'train'. Add the others."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        layouts.listing(tmp_path, "train")


def test_a_split_that_is_missing_is_refused(tmp_path):
    make(tmp_path, "train/1.png", "val/1.png")
    message = (
        f"The data must have the split that is asked for. Received: 'test' of {str(tmp_path)!r}, "
        "which has train, val. Divide the images into splits, or ask for one of these."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        layouts.listing(tmp_path, "test")


def test_no_data_is_refused(tmp_path):
    make(tmp_path, "a.png")
    for path, what in ((tmp_path / "none", "nothing"), (tmp_path / "a.png", "a file")):
        message = (
            "The data must be a folder of images or a manifest (.csv, .jsonl). Received: "
            f"{str(path)!r}, where there is {what}. Give the folder that holds the images or their "
            "`train` folder, and check the spelling."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            layouts.listing(path, "train")
    (tmp_path / "empty").mkdir()
    message = (
        "The data must hold images in the layout 'side_by_side', as .jpg, .jpeg, .png, .bmp, .tif, "
        ".tiff, .webp, .npy, .gif, .jfif, .jpe, .pgm, .ppm files (a manifest or TFRecords may name "
        "or hold them). Received: "
        f"{str(tmp_path / 'empty')!r}, which has none. Give the folder that holds the files or its "
        "parent with `train` and `test`, or another layout."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        layouts.listing(tmp_path / "empty", "train")
    message = (
        "`layout` must be auto or one of side_by_side, folders, manifest, tfrecord, unpaired, "
        "photos. Received: 'pairs'."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        layouts.listing(tmp_path, "train", "pairs")


def test_shards_hold_the_files_to_the_byte_and_are_written_once(tmp_path):
    make(tmp_path, *(f"pairs/A/{i}.png" for i in range(5)), *(f"pairs/B/{i}.jpg" for i in range(5)))
    listing = layouts.listing(tmp_path / "pairs", "train")
    to = tmp_path / "shards"
    assert records.write_shards(listing, "train", to, shards=2) == (2, 0)
    names = ["train-00000-of-00002.tfrecord", "train-00001-of-00002.tfrecord"]
    assert sorted(path.name for path in to.iterdir()) == names
    assert layouts.detect(to) == "tfrecord"
    contents = [
        records.content(to / name, *place) for name in names for place in records.places(to / name)
    ]
    expected = {
        name.encode(): tuple(Path(file).read_bytes() for file in files)
        for name, files in zip(listing.names, listing.files)
    }
    assert {name: (a, b) for a, b, name in contents} == expected

    (to / names[1]).unlink()  # As if interrupted.
    before = (to / names[0]).stat().st_mtime_ns
    assert records.write_shards(listing, "train", to, shards=2) == (1, 1)
    assert (to / names[0]).stat().st_mtime_ns == before


def test_shards_of_another_number_or_cut_off_are_refused(tmp_path):
    make(tmp_path, *(f"pairs/{i}.png" for i in range(4)))
    listing = layouts.listing(tmp_path / "pairs", "train")
    to = tmp_path / "shards"
    records.write_shards(listing, "train", to, shards=2)
    message = (
        f"The shards of a split must be of one set. Received: {to}, which has "
        "train-00000-of-00002.tfrecord and shall get train-00000-of-00003.tfrecord. Remove the old "
        "ones or use another folder."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        records.write_shards(listing, "train", to, shards=3)
    shard = to / "train-00000-of-00002.tfrecord"
    content = shard.read_bytes()
    for size, fault in ((len(content) - 3, "need more"), (0, "are missing")):
        shard.write_bytes(content[:size])
        message = (
            f"A shard must be a whole TFRecord file. Received: {shard} of {size} bytes, whose "
            f"records {fault}. Write it again from the images."
        )
        with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
            records.places(shard)
