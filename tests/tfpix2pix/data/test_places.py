"""Examples of named places: which files are one scene, and that no id changes on the way."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix import InputError
from tfpix2pix.data import augment, codecs, layouts, pipeline, records, sources, stems, tasks
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.data.places import INSTANCE, PHOTO, NamedPlace, present

LABEL = NamedPlace("label", (), PixelFormat(1, "uint8", (0.0, 33.0)), ids=True, kernel="nearest")
SCENE = (LABEL, INSTANCE._replace(optional=True), PHOTO)
TOWNS = ("aachen_000000_000019", "aachen_000001_000019", "bonn_000000_000005")
NAMES = {
    "label": ("label", "gtFine_labelIds.png"),
    "instance": ("inst", "gtFine_instanceIds.png"),
    "photo": ("img", "leftImg8bit.png"),
}


def scene(number, size=(12, 24)):
    """Returns a label map, an instance map of 16 bits above 32,767, and a photo."""
    random = np.random.default_rng(number)
    label = random.integers(0, 34, (*size, 1), "uint8")
    instance = np.where(label > 23, 33_000 + label.astype("uint16") + number, label)
    return label, instance.astype("uint16"), random.integers(0, 256, (*size, 3), "uint8")


def write_scenes(folder, template="{split}_{place}", split="train", places=NAMES):
    """Writes scenes as published ones are named; returns the pixels by the scene's stem."""
    scenes = {}
    for number, town in enumerate(TOWNS):
        scenes[town] = dict(zip(NAMES, scene(number)))
        for place in places:
            short, end = NAMES[place]
            at = template.format(split=split, place=short)
            codecs.write(scenes[town][place], folder / at / f"{town}_{end}")
    return scenes


def all_images(examples):
    """Reads every example, within a dataset as in training."""
    dataset = tf.data.Dataset.range(len(examples.names)).map(examples.read)
    return list(dataset.as_numpy_iterator())


@pytest.mark.parametrize("template", ["{split}_{place}", "{split}/{place}", "{place}/{split}"])
def test_files_of_a_scene_are_found_by_their_stem_to_the_bit(tmp_path, template):
    scenes = write_scenes(tmp_path, template)
    write_scenes(tmp_path, template, "test", ("label", "instance"))
    examples = sources.scenes(tmp_path, "train", SCENE)
    assert examples.names == list(TOWNS)
    assert examples.places == ("label", "instance", "photo")
    assert [kind.dtype for kind in examples.formats] == ["uint8", "int32", "uint8"]
    for read, written in zip(all_images(examples), scenes.values()):
        for pixels, expected in zip(read, written.values()):
            np.testing.assert_array_equal(pixels, expected)
    # Scenes without photos are for translation alone.
    assert layouts.splits(tmp_path, SCENE) == ["train"]
    assert layouts.listing(tmp_path, "held_out", places=SCENE).names == list(TOWNS)
    assert layouts.splits(tmp_path, SCENE[:2]) == ["train", "test"]


def test_a_place_that_is_optional_may_be_missing_and_others_may_not(tmp_path):
    write_scenes(tmp_path, places=("label", "photo"))
    assert sources.scenes(tmp_path, "train", SCENE).places == ("label", "photo")
    needed = (LABEL, INSTANCE, PHOTO)
    assert present(needed, lambda place: place != INSTANCE) == ()
    message = (
        "Each place of an example must have its folder, as train_label, train/label or "
        f"label/train. Received: {str(tmp_path)!r}, which has none of instance. Add what is "
        "missing; it may be called instance, inst."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        sources.scenes(tmp_path, "train", needed)


def test_a_scene_without_one_of_its_files_is_named(tmp_path):
    write_scenes(tmp_path)
    lost = tmp_path / f"train_inst/{TOWNS[1]}_gtFine_instanceIds.png"
    lost.unlink()
    kept = sources.scenes(tmp_path, "train", SCENE, bad_files="skip")
    assert kept.names == [TOWNS[0], TOWNS[2]]
    assert [fault.split("/")[-1] for fault in kept.skipped] == [
        f"{TOWNS[1]}_gtFine_labelIds.png has no partner",
        f"{TOWNS[1]}_leftImg8bit.png has no partner",
    ]


def test_an_ambiguous_stem_is_refused_with_the_names(tmp_path):
    write_scenes(tmp_path)
    codecs.write(scene(0)[0], tmp_path / f"train_label/{TOWNS[0]}_gtCoarse_labelIds.png")
    message = (
        "The files of an example must be one of each place. Received: "
        f"{tmp_path}/train_label/{TOWNS[0]}_gtCoarse_labelIds.png, "
        f"{tmp_path}/train_label/{TOWNS[0]}_gtFine_labelIds.png, "
        f"{tmp_path}/train_inst/{TOWNS[0]}_gtFine_instanceIds.png and 1 more, which all begin with "
        f"{TOWNS[0]!r}. Rename them so that one of each place does, or name those that belong "
        "together in a manifest."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        sources.scenes(tmp_path, "train", SCENE)


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (("1 2 x/3", "2 x/3 4"), {"2": "2 2", "x/3": "x/3 x/3"}),
        (("cat_1", "cat_3"), {}),  # A number is no name of a place.
        (("cat cat_red", "cat"), {"cat": "cat cat"}),
        (("cat_red cat_blue", "cat_green cat_blue"), {"cat_blue": "cat_blue cat_blue"}),
        (
            ("a_1_gt a_1_b_gt", "a_1_x a_1_b_x"),
            {"a_1": "a_1_gt a_1_x"} | {"a_1_b": "a_1_b_gt a_1_b_x"},
        ),
        (("a.7.ids b-8.ids", "a.7.x b-8.x"), {"a.7": "a.7.ids a.7.x", "b-8": "b-8.ids b-8.x"}),
        (("1_gt 2_gt 3_no", "1_x 2_x 3_x"), {"1": "1_gt 1_x", "2": "2_gt 2_x"}),
        (("", "1"), {}),
    ],
)
def test_stems_are_whole_parts_of_names_with_the_same_rest(folders, expected):
    named = [{name: Path(name) for name in names.split()} for names in folders]
    examples, unmatched = stems.matched(named)
    assert {stem: " ".join(map(str, files)) for stem, files in examples.items()} == expected
    used = " ".join(expected.values()).split()
    assert sorted(map(str, unmatched)) == sorted(
        name for names in folders for name in names.split() if name not in used
    )


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_manifests_have_columns_of_the_places(tmp_path, suffix):
    scenes = write_scenes(tmp_path)
    rows = [
        {
            "photo": f"train_img/{town}_leftImg8bit.png",
            "label": f"train_label/{town}_gtFine_labelIds.png",
            "inst": f"train_inst/{town}_gtFine_instanceIds.png",
            "split": split,
        }
        for town, split in zip(TOWNS, ("train", "test", "train"))
    ]
    rows.append({**rows[0], "photo": "", "split": "val"})
    manifest = tmp_path / f"scenes{suffix}"
    if suffix == ".csv":
        lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    else:
        lines = map(json.dumps, rows)
    manifest.write_text("\n".join(lines))
    assert layouts.splits(manifest, SCENE) == ["train", "test"]
    examples = sources.scenes(manifest, "test", SCENE)
    assert examples.places == ("label", "instance", "photo")
    for pixels, expected in zip(all_images(examples)[0], scenes[TOWNS[1]].values()):
        np.testing.assert_array_equal(pixels, expected)


def test_a_manifest_without_a_needed_column_is_refused(tmp_path):
    manifest = tmp_path / "scenes.csv"
    manifest.write_text("label,inst\n1.png,2.png\n3.png,4.png")
    message = (
        "Each row of a manifest must name its files in the columns `label` and `photo`. Received: "
        f"{manifest}, where 2 of 2 rows do not, the first of them row 1. Its columns are label, "
        "inst; name them label, instance, photo and, if there are splits, split."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        sources.scenes(manifest, "train", SCENE)


def test_records_hold_as_many_images_as_there_are_places(tmp_path):
    scenes = write_scenes(tmp_path / "data")
    listing = layouts.listing(tmp_path / "data", "train", places=SCENE)
    records.write_shards(listing, "train", tmp_path / "shards", shards=2)
    examples = sources.scenes(tmp_path / "shards", "train", SCENE)
    assert examples.places == ("label", "instance", "photo")
    expected = [list(scenes[TOWNS[number]].values()) for number in (0, 2, 1)]
    for read, written in zip(all_images(examples), expected):
        for pixels, stored in zip(read, written):
            np.testing.assert_array_equal(pixels, stored)
    shard = tmp_path / "shards/train-00000-of-00002.tfrecord"
    message = (
        "The records of a shard must hold the images of an example by the names of their places, "
        f"a, b. Received: {shard}, whose records hold instance, label, photo. Write them again "
        "with these features, each the bytes of an image file, and the feature name."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        sources.pairs(tmp_path / "shards")


def test_pairs_of_any_layout_are_scenes_of_two_places(tmp_path):
    a, b = (np.random.default_rng(seed).integers(0, 256, (4, 6, 3), "uint8") for seed in (0, 1))
    for name, pixels in {
        "letters/train_A/1.png": a,
        "letters/train_B/1.png": b,
        "halves/train/1.png": np.concatenate([a, b], axis=1),
    }.items():
        codecs.write(pixels, tmp_path / name)
    listing = layouts.listing(tmp_path / "halves", "train")
    records.write_shards(listing, "train", tmp_path / "shards")
    places = (NamedPlace("label"), INSTANCE._replace(optional=True), PHOTO)
    for data in ("letters", "halves", "shards"):
        for direction, expected in (("AtoB", (a, b)), ("BtoA", (b, a))):
            examples = sources.scenes(tmp_path / data, "train", places, direction=direction)
            assert examples.places == ("label", "photo"), data
            np.testing.assert_array_equal(all_images(examples)[0], expected)
    ids = np.full((4, 6, 1), 70_000, "float32").astype("int32")
    (tmp_path / "letters/train_inst").mkdir()
    np.save(tmp_path / "letters/train_inst/1.npy", ids)
    examples = sources.scenes(tmp_path / "letters", "train", places)
    assert examples.places == ("label", "instance", "photo")
    np.testing.assert_array_equal(all_images(examples)[0][1], ids)


def test_ids_above_the_classes_are_refused_with_the_file(tmp_path):
    write_scenes(tmp_path)
    faulty = tmp_path / f"train_label/{TOWNS[2]}_gtFine_labelIds.png"
    codecs.write(np.full((12, 24, 1), 34, "uint8"), faulty)
    message = f"{faulty}: it has the id 34, and the greatest of its place is 33; of pixels of "
    message += "no class give ignored_label"
    with pytest.raises(InputError, match=re.escape(message)):
        sources.scenes(tmp_path, "train", SCENE)
    kept = sources.scenes(tmp_path, "train", SCENE, bad_files="skip")
    assert (kept.names, kept.skipped) == (list(TOWNS[:2]), [message])


def test_all_places_get_one_window_and_ids_stay_ids(tmp_path):
    """The photo shows in its first channel which label a pixel has, in the second which id."""
    ids = {}
    for number in range(4):
        label = np.random.default_rng(number).integers(0, 34, (5, 7, 1), "uint8")
        label = label.repeat(4, axis=0).repeat(4, axis=1)
        instance = label.astype("int32") * 1000 + 2**30 + number
        photo = np.concatenate([label * 7, np.full_like(label, number), label], axis=-1)
        codecs.write(label, tmp_path / f"label/{number}.png")
        (tmp_path / "inst").mkdir(exist_ok=True)
        np.save(tmp_path / f"inst/{number}.npy", instance)
        codecs.write(photo, tmp_path / f"img/{number}.png")
        ids[number] = set(np.unique(instance))
    examples = sources.scenes(tmp_path, "train", SCENE)
    geometry = Geometry((16, 16), preprocess="crop", kernels=("nearest", "nearest", "bilinear"))
    task = tasks.Labels.of(examples.formats, (34, None))
    for gigabytes in (1.0, 0.0):
        batches = pipeline.training_batches(
            examples, geometry, task=task, batch_size=2, cache_gigabytes=gigabytes
        )
        labels, instances, photos = next(iter(batches))
        assert (labels.shape, instances.dtype) == ((2, 16, 16, 34), tf.int32)
        label = np.argmax(labels, axis=-1)
        shown = np.rint((photos.numpy() + 1) * 127.5).astype(int)
        np.testing.assert_array_equal(shown[..., 0], label * 7)
        np.testing.assert_array_equal(instances[..., 0], label * 1000 + 2**30 + shown[..., 1])

    resized = Geometry((24, 24), load_size=(27, 31), kernels=geometry.kernels)
    for _, instances, photos in pipeline.training_batches(examples, resized, task=task).take(6):
        number = int(np.rint((photos.numpy()[..., 1].mean() + 1) * 127.5))
        assert set(np.unique(instances)) <= ids[number]
    held_out = pipeline.evaluation_batches(examples, resized, task=task)
    assert [batch[1].shape for batch in held_out] == [(1, 24, 24, 1)] * 4


def test_places_of_other_sizes_need_a_resize(tmp_path):
    write_scenes(tmp_path)
    for town in TOWNS:
        small = scene(0, (6, 12))[1]
        codecs.write(small, tmp_path / f"train_inst/{town}_gtFine_instanceIds.png")
    examples = sources.scenes(tmp_path, "train", SCENE)
    message = (
        "The preprocess 'crop' needs label and instance and photo of one size. Received 3 of 3 "
        "examples that differ: "
        + ", ".join(f"{town} of 12 x 24 and 6 x 12 and 12 x 24" for town in TOWNS)
        + '. Use preprocess="resize_and_crop".'
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        pipeline.training_batches(examples, Geometry((6, 6), preprocess="crop"))
    task = tasks.Labels.of(examples.formats, (34, None))
    kernels = ("nearest", "nearest", "bilinear")
    batches = pipeline.evaluation_batches(examples, Geometry((12, 24), kernels=kernels), task=task)
    batch = next(iter(batches))
    expected = scene(0, (6, 12))[1].repeat(2, axis=0).repeat(2, axis=1)
    np.testing.assert_array_equal(batch[1][0], expected)


def test_jitter_cuts_and_mirrors_images_of_any_type_alike():
    numbers = np.arange(8 * 9).reshape(8, 9, 1)
    images = tuple(tf.constant(numbers, dtype) for dtype in ("uint8", "int32", "float32"))
    for seed in range(6):
        cut = augment.jitter(images, (4, 4), seed=(seed, 1))
        for image in cut[1:]:
            np.testing.assert_array_equal(tf.cast(image, "uint8"), cut[0])
