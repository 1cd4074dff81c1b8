"""Images of numbers as physicians, surveyors and other libraries write them, and damaged files."""

import ast
import io
import re

import numpy as np
import pytest
import tensorflow as tf
import tifffile
from PIL import Image

from tfpix2pix import InputError, atomic
from tfpix2pix.data import arrays, codecs, layouts, records, sources, survey
from tfpix2pix.data.formats import PixelFormat

RANDOM = np.random.default_rng(11)
FLOATS = PixelFormat(None, "float32")


def pairs_of(folder, make, count=4, suffix="npy"):
    for side in "AB":
        for index in range(count):
            path = folder / f"train/{side}/{index}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = make(side, index)
            np.save(path, pixels) if suffix == "npy" else tifffile.imwrite(path, pixels)
    return folder


def received(data, **options):
    with pytest.raises(InputError) as error:
        sources.pairs(data, **options)
    return str(error.value)


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_a_range_that_is_advised_holds_all_pixels_and_names_its_side(tmp_path, direction):
    """z-scores and reflectances: the number that was printed had six digits, and was too small."""
    values = RANDOM.normal(size=(8, 8, 8, 1)).astype("float32")
    pairs_of(tmp_path, lambda side, index: values[index] if side == "B" else 0.5 * np.ones((8, 8)))
    side = "target_range" if direction == "AtoB" else "source_range"
    low, high = map(
        float,
        re.search(
            rf"Give {side}, such as \[(.*),(.*)\];", received(tmp_path, direction=direction)
        ).groups(),
    )
    used = values[:4]
    assert (low <= used.min(), used.max() <= high) == (True, True)
    assert high - low < 1.0001 * (used.max() - used.min())
    wanted = PixelFormat(None, "float32", (low, high))
    formats = (FLOATS, wanted) if direction == "AtoB" else (wanted, FLOATS)
    assert sources.pairs(tmp_path, formats=formats, direction=direction).formats


def test_hounsfield_units_get_a_range_of_their_side(tmp_path):
    """CT as int16 beside MR."""

    def make(side, index):
        image = RANDOM.integers(-1000, 1200, (8, 8)).astype("int16")
        return image if side == "A" else RANDOM.integers(0, 255, (8, 8, 3)).astype("uint8")

    pairs_of(tmp_path, make)
    text = received(tmp_path)
    low, high = map(float, re.search(r"Give source_range, such as \[(.*),(.*)\];", text).groups())
    found = sources.pairs(tmp_path, formats=(PixelFormat(None, None, (low, high)), PixelFormat()))
    assert found.formats[0].value_range == (low, high)


@pytest.mark.parametrize("everywhere", [False, True])
def test_pixels_without_data_are_named(tmp_path, everywhere):
    """-9999 in tiles of elevation, in one of them or in all."""

    def make(side, index):
        image = RANDOM.uniform(0, 1, (8, 8)).astype("float32")
        if side == "A" and (everywhere or index == 2):
            image[2:4, 2:4] = -9999
        return image

    pairs_of(tmp_path, make)
    files = "4 of 4" if everywhere else "1 of 4"
    assert (
        f"The value -9999 of {files} files is far below all others, and probably stands for pixels "
        "without data. Fill these, or leave the files out, and give source_range of what is left."
    ) in received(tmp_path)


def test_bands_first_are_read_as_bands(tmp_path):
    """PyTorch and rasterio."""
    image = RANDOM.integers(0, 256, (3, 40, 64)).astype("uint8")
    np.save(tmp_path / "image.npy", image)
    np.testing.assert_array_equal(codecs.read(tmp_path / "image.npy"), np.moveaxis(image, 0, -1))


def test_volumes_are_refused(tmp_path):
    """Slices of a scan: they were images of 64 channels."""
    np.save(tmp_path / "scan.npy", np.zeros((12, 64, 64), "uint8"))
    with pytest.raises(codecs.UnreadableError) as error:
        codecs.read(tmp_path / "scan.npy")
    assert str(error.value) == (
        "it cannot be decoded: an array of shape (12, 64, 64) may be a volume [slices, height, "
        "width]; save each slice as a file of its own, and images as [height, width, channels]"
    )
    np.save(tmp_path / "bands.npy", np.zeros((40, 64, 13), "uint8"))
    assert codecs.read(tmp_path / "bands.npy").shape == (40, 64, 13)


def write_shards(folder, count=3):
    for index in range(6):
        codecs.write(RANDOM.integers(0, 256, (8, 16, 3)).astype("uint8"), folder / f"{index}.png")
    listing = layouts.listing(folder, "train")
    records.write_shards(listing, "train", folder / "shards", shards=count)
    return folder / "shards"


def test_a_shard_that_did_not_arrive_is_named(tmp_path):
    """Copied by hand, or by a program that was stopped."""
    shards = write_shards(tmp_path)
    (shards / "train-00001-of-00003.tfrecord").unlink()
    with pytest.raises(InputError) as error:
        layouts.listing(shards, "train")
    assert str(error.value) == (
        f"All shards of a split must be there. Received: {shards}, without shard 1 of 3 of "
        "'train', counted from 0. Copy what is missing, or write them again."
    )


def test_a_record_that_differs_from_its_checksum_is_named(tmp_path):
    """A bit that a disk has turned; TensorFlow alone finds it in mid-training."""
    shards = write_shards(tmp_path, 1)
    shard = shards / "train-00000-of-00001.tfrecord"
    offset, length = records.places(shard)[3]
    content = bytearray(shard.read_bytes())
    content[offset + length // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError) as error:
        sources.pairs(shards)
    assert str(error.value) == (
        f"The records of a shard must agree with their checksums. Received: {shard}, whose record "
        f"4 of 6, at byte {offset - 12}, does not. Copy the file again, or write it again from the "
        "images."
    )


def test_records_of_other_programs_are_named(tmp_path):
    """As TensorFlow's own examples write them; and compressed ones."""
    example = tf.train.Example()
    example.features.feature["image/encoded"].bytes_list.value.append(b"...")
    for name, options in (("train-a", None), ("test-a", "GZIP")):
        with tf.io.TFRecordWriter(str(tmp_path / f"{name}.tfrecord"), options) as writer:
            writer.write(example.SerializeToString())
    assert received(tmp_path) == (
        "The records of a shard must hold the images of an example by the names of their places, "
        f"a, b. Received: {tmp_path / 'train-a.tfrecord'}, whose records hold image/encoded. Write "
        "them again with these features, each the bytes of an image file, and the feature name."
    )
    assert received(tmp_path, split="test") == (
        "Shards must not be compressed, so that any record can be read. Received: "
        f"{tmp_path / 'test-a.tfrecord'}, a GZIP file. Unpack it, and name it .tfrecord."
    )


def write_pairs(folder, count=3):
    for index in range(count):
        pixels = RANDOM.integers(0, 256, (8, 16, 3)).astype("uint8")
        codecs.write(pixels, folder / f"train/{index}.png")


def test_links_to_nothing_are_named_and_left_out_where_asked(tmp_path):
    """git-annex and DVC link to files that were not fetched."""
    write_pairs(tmp_path)
    (tmp_path / "train/7.png").symlink_to("../.git/annex/objects/7.png")
    fault = "it cannot be read: it is a link to ../.git/annex/objects/7.png, where there is nothing"
    assert f"7.png: {fault}. Replace or remove them" in received(tmp_path)
    found = sources.pairs(tmp_path, bad_files="skip")
    assert (len(found.names), found.skipped) == (3, [f"{tmp_path}/train/7.png: {fault}"])


def test_a_folder_that_is_called_as_an_image_is_a_folder(tmp_path):
    write_pairs(tmp_path)
    codecs.write(np.zeros((8, 16, 3), "uint8"), tmp_path / "train/old.png/9.png")
    assert sources.pairs(tmp_path).names[-1] == "old.png/9.png"


def test_what_one_decoder_takes_and_the_other_refuses_is_still_read(tmp_path):
    """A PNG whose end is missing, which Pillow forgives where its pixels are whole."""
    write_pairs(tmp_path, 1)
    file = io.BytesIO()
    Image.fromarray(RANDOM.integers(0, 256, (8, 16, 3)).astype("uint8")).save(file, "png")
    shortened = file.getvalue()[:-12]
    (tmp_path / "train/5.png").write_bytes(shortened)
    with pytest.raises(tf.errors.OpError):
        tf.io.decode_png(shortened)
    record = survey.examine(shortened)
    assert (record.fault, record.native) == (None, False)
    found = sources.pairs(tmp_path)
    assert found.read(tf.constant(1, "int64"))[0].shape == (8, 8, 3)


def test_bmp_of_16_bits_and_with_bytes_behind_is_read_as_it_is_checked(tmp_path):
    """Of screens of old programs."""
    codecs.write(np.full((8, 16, 3), 99, "uint8"), tmp_path / "train/0.bmp")
    path = tmp_path / "train/0.bmp"
    path.write_bytes(path.read_bytes() + b"more")
    assert int(sources.pairs(tmp_path).read(tf.constant(0, "int64"))[0][0, 0, 0]) == 99


@pytest.mark.parametrize("length", [250, 251])
def test_long_names_can_be_written(tmp_path, length):
    """Of photos named by their captions: 255 bytes are as long as names may be."""
    path = tmp_path / f"{'x' * length}.png"
    codecs.write(np.zeros((2, 2, 3), "uint8"), path)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    with atomic.replacing(tmp_path / ("\u00e4" * 120)) as part:
        part.write_bytes(b"")


def test_an_array_is_read_though_another_thread_disturbs_its_header(monkeypatch):
    """Python 3.11 counts its parser's depth for all threads, and fails where two are mixed up."""
    file = io.BytesIO()
    np.save(file, np.arange(12, dtype="uint8").reshape(3, 4))
    parse, calls = ast.literal_eval, []

    def disturbed(text):
        calls.append(text)
        if len(calls) % 3:
            raise SystemError("AST constructor recursion depth mismatch (before=48, after=44)")
        return parse(text)

    monkeypatch.setattr(ast, "literal_eval", disturbed)
    pixels = arrays.read_npy(file.getvalue(), 12)
    assert (pixels[..., 0].tolist(), len(calls)) == (np.arange(12).reshape(3, 4).tolist(), 6)
