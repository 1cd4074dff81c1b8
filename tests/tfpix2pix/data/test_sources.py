import os
import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data import codecs, layouts, records, sources, survey
from tfpix2pix.data.formats import PixelFormat, convert, full_range

RANDOM = np.random.default_rng(0)


def noise(*shape, dtype="uint8"):
    return RANDOM.integers(0, 65536, shape).astype(dtype)


def refuses(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


def all_images(examples):
    """Reads every example, within a dataset as in training."""
    dataset = tf.data.Dataset.range(len(examples.names)).map(examples.read)
    return list(dataset.as_numpy_iterator())


def test_the_arrangement_of_a_folder_is_asked_for_once(tmp_path, monkeypatch):
    asked = []
    for name in ("detect", "splits"):
        function = getattr(layouts, name)

        def counted(*arguments, name=name, function=function, **keywords):
            asked.append(name)
            return function(*arguments, **keywords)

        monkeypatch.setattr(layouts, name, counted)
    for name in ("pairs/test/A/1.png", "pairs/test/B/1.png", "two/testA/1.png", "two/testB/2.png"):
        codecs.write(noise(4, 4, 3), tmp_path / name)
    for find, data in (("pairs", "pairs"), ("photos", "pairs"), ("unpaired", "two")):
        asked.clear()
        getattr(sources, find)(tmp_path / data, "held_out")
        assert sorted(asked) == ["detect", "splits"], find


def test_direction_swaps_source_and_target(tmp_path):
    a = noise(4, 6, 3)
    b = noise(4, 6, 3)
    codecs.write(np.concatenate([a, b], axis=1), tmp_path / "1.png")
    ((source, target),) = all_images(sources.pairs(tmp_path))
    np.testing.assert_array_equal([source, target], [a, b])
    ((source, target),) = all_images(sources.pairs(tmp_path, direction="BtoA"))
    np.testing.assert_array_equal([source, target], [b, a])


def test_every_layout_gives_the_same_pairs(tmp_path):
    pairs = {f"{i}": (noise(4, 6, 3), noise(4, 6, 3)) for i in range(3)}
    for name, (a, b) in pairs.items():
        codecs.write(a, tmp_path / f"folders/A/{name}.png")
        codecs.write(b, tmp_path / f"folders/B/{name}.bmp")
        codecs.write(np.concatenate([a, b], axis=1), tmp_path / f"side_by_side/{name}.webp")
    rows = [f"folders/A/{name}.png,folders/B/{name}.bmp" for name in pairs]
    (tmp_path / "manifest.csv").write_text("\n".join(["a,b", *rows]))
    for layout in ("folders", "side_by_side"):
        listing = layouts.listing(tmp_path / layout, "train")
        records.write_shards(listing, "train", tmp_path / f"shards_of_{layout}", shards=1)
    for data in (
        "folders",
        "side_by_side",
        "manifest.csv",
        "shards_of_folders",
        "shards_of_side_by_side",
    ):
        examples = sources.pairs(tmp_path / data)
        assert len(examples.names) == len(set(examples.names)) == 3
        for read, expected in zip(all_images(examples), pairs.values()):
            np.testing.assert_array_equal(read, expected)
        assert examples.sizes.tolist() == [[[4, 6], [4, 6]]] * 3


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(["uint8", "uint16", "float32"]),
    st.integers(1, 6),
    st.sampled_from([".png", ".tiff", ".npy"]),
)
def test_what_files_hold_is_read_to_the_bit_within_a_dataset(
    tmp_path_factory, dtype, channels, suffix
):
    if suffix == ".png" and (dtype == "float32" or channels > 4):
        suffix = ".tiff"
    folder = tmp_path_factory.mktemp("deep")
    a = noise(3, 5, channels, dtype=dtype)
    b = noise(3, 5, 1, dtype=dtype)
    codecs.write(a, folder / f"A/1{suffix}")
    codecs.write(b, folder / f"B/1{suffix}")
    wanted = (PixelFormat(channels, None, (0, 65535)), PixelFormat(None, None, (0, 65535)))
    examples = sources.pairs(folder, formats=wanted)
    assert [kind[:2] for kind in examples.formats] == [(channels, dtype), (1, dtype)]
    ((source, target),) = all_images(examples)
    np.testing.assert_array_equal(source, a)
    np.testing.assert_array_equal(target, b)


def test_files_of_many_kinds_become_one(tmp_path):
    """Grey and RGB become RGB, 8 and 16 bits 16, alpha is dropped; white stays white."""
    written = [noise(4, 4, 1), noise(4, 4, 3, dtype="uint16"), noise(4, 4, 4), noise(4, 4, 2)]
    for i, pixels in enumerate(written):
        codecs.write(pixels, tmp_path / f"{i}.png")
    Image.fromarray(noise(4, 4, 3)).save(tmp_path / "4.jpg")
    examples = sources.photos(tmp_path)
    assert examples.formats == (PixelFormat(3, "uint16", (0.0, 65535.0)),)
    read = [image for (image,) in all_images(examples)]
    for image, pixels in zip(read, written):
        scale = 257 if pixels.dtype == "uint8" else 1
        color = pixels[..., :3] if pixels.shape[-1] > 2 else np.repeat(pixels[..., :1], 3, axis=-1)
        np.testing.assert_array_equal(image, color.astype("uint16") * scale)
    jpeg = np.asarray(Image.open(tmp_path / "4.jpg")).astype(int)
    assert np.abs(read[4] - jpeg * 257).max() <= 4 * 257


def test_colour_becomes_grey_by_its_luma(tmp_path):
    pixels = noise(4, 4, 3)
    codecs.write(pixels, tmp_path / "1.png")
    ((grey,),) = all_images(sources.photos(tmp_path, pixel_format=PixelFormat(1)))
    expected = np.asarray(Image.fromarray(pixels).convert("L")).astype(int)  # Also BT.601.
    assert np.abs(grey[..., 0] - expected).max() <= 1


def test_alpha_can_be_kept_and_is_opaque_where_there_is_none(tmp_path):
    codecs.write(noise(4, 4, 3), tmp_path / "1.png")
    ((image,),) = all_images(sources.photos(tmp_path, pixel_format=PixelFormat(4)))
    assert set(image[..., 3].ravel()) == {255}
    assert convert(np.ones((1, 1, 1), "float32"), 2, "float32").tolist() == [[[1.0, 1.0]]]


def test_broken_and_odd_files_are_named(tmp_path):
    pixels = noise(64, 64, 3)
    Image.fromarray(pixels).save(tmp_path / "a.jpg")
    complete = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "b.jpg").write_bytes(complete[: len(complete) // 2])
    codecs.write(noise(4, 7, 3), tmp_path / "c.png")
    message = (
        "Every file must be a readable image of even width, A in its left and B in its right half, "
        "and have its partner where there are two. Received 2 of 3 that are not: "
        f"{tmp_path}/b.jpg: it cannot be decoded: image file is truncated (1 bytes not processed); "
        f"{tmp_path}/c.png: it is 7 pixels wide. Replace or remove them, or leave them out by "
        'bad_files="skip".'
    )
    with pytest.raises(InputError) as caught:
        sources.pairs(tmp_path)
    assert re.sub(r"\(\d+ bytes", "(1 bytes", str(caught.value)) == message
    examples = sources.pairs(tmp_path, bad_files="skip")
    assert (examples.names, len(examples.skipped)) == (["a.jpg"], 2)
    np.testing.assert_array_equal(examples.sizes, [[[64, 32], [64, 32]]])
    assert len(all_images(examples)) == 1


def test_skipped_examples_do_not_shift_the_rest(tmp_path):
    for i in range(4):
        codecs.write(np.full((2, 2, 1 if i % 2 else 3), i, "uint8"), tmp_path / f"{i}.png")
    (tmp_path / "1.png").write_bytes(b"")
    examples = sources.photos(tmp_path, bad_files="skip")
    assert examples.names == ["0.png", "2.png", "3.png"]
    assert [int(image.max()) for (image,) in all_images(examples)] == [0, 2, 3]


def test_only_the_first_of_many_faults_are_named(tmp_path):
    for index in range(8):
        (tmp_path / f"{index}.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"Received 8 of 8 .* and 3 more\. Replace them: no"):
        sources.pairs(tmp_path)
    with pytest.raises(InputError, match="Received 8 of 8"):  # Nothing would be left.
        sources.pairs(tmp_path, bad_files="skip")


def test_partners_are_required(tmp_path):
    for name in ("A/1.png", "B/1.png", "B/2.png"):
        codecs.write(noise(4, 4, 3), tmp_path / name)
    message = (
        "Every file must be a readable image, and have its partner where there are two. Received 1 "
        f"of 2 that are not: {tmp_path}/B/2.png has no partner. Replace or remove them, or leave "
        'them out by bad_files="skip". Partners have equal names, but for their suffix or what '
        "follows a shared stem; name those that differ in a manifest."
    )
    with refuses(message):
        sources.pairs(tmp_path)
    assert sources.pairs(tmp_path, bad_files="skip").names == ["1"]
    (tmp_path / "A/1.png").rename(tmp_path / "A/3.png")
    with pytest.raises(InputError, match=r"Received 3 of 3 .*/A/3\.png has no partner"):
        sources.pairs(tmp_path, bad_files="skip")


def test_kinds_that_cannot_be_reconciled_are_refused(tmp_path):
    for i, channels in enumerate((3, 3, 6)):
        codecs.write(noise(4, 4, channels), tmp_path / f"{i}.tiff")
    message = (
        "The images of one place must be of one kind, or grey and RGB of 8 and 16 bits. "
        "Received: 2 of 3 channels of uint8, 1 of 6 channels of uint8, for 6 channels of uint8. "
        "Save all alike; a check of the data set names those that differ."
    )
    with refuses(message):
        sources.photos(tmp_path)


def test_floats_need_a_range_unless_they_are_fractions(tmp_path):
    codecs.write(np.array([[[-3.0], [9.5]]], "float32"), tmp_path / "1.npy")
    message = (
        "All pixels must be in their range, for float32 (0.0, 1.0) by default. Received: values "
        "from -3 to 9.5 for (0.0, 1.0). Give target_range, such as [-3,9.5]; of "
        "label maps, the right number of classes."
    )
    with refuses(message):
        sources.photos(tmp_path)
    assert sources.photos(tmp_path, pixel_format=PixelFormat(None, None, (-4, 10))).formats[
        0
    ].value_range == (
        -4,
        10,
    )
    assert full_range("float32") == (0.0, 1.0)


def test_values_that_are_not_finite_are_refused(tmp_path):
    codecs.write(np.array([[[np.nan]]], "float32"), tmp_path / "1.npy")
    with pytest.raises(InputError, match=r"1\.npy: it holds values that are not finite\. Replace"):
        sources.photos(tmp_path)


def test_unpaired_folders_are_no_pairs(tmp_path):
    for name in ("trainA/1.png", "trainB/2.png"):
        codecs.write(noise(4, 4, 3), tmp_path / name)
    message = (
        f"Pairs must belong together. Received: {str(tmp_path)!r} in the layout 'unpaired'. Give "
        "pairs, or a task that makes its sources of photos; if images of equal names in trainA and "
        "trainB belong together, use layout='folders'."
    )
    with refuses(message):
        sources.pairs(tmp_path)
    with refuses("`direction` must be 'AtoB' or 'BtoA'. Received: direction='B2A'."):
        sources.pairs(tmp_path, direction="B2A")
    with refuses("`bad_files` must be refuse or skip. Received: 'drop'."):
        sources.unpaired(tmp_path, bad_files="drop")


def test_pairs_are_not_taken_for_unpaired_domains(tmp_path):
    for name in ("train/A/1.png", "train/B/1.png", "train/B/2.png"):
        codecs.write(noise(4, 4, 3), tmp_path / name)
    for layout, received in (("auto", "folders"), ("photos", "photos")):
        message = (
            "Two domains must lie in the folders trainA and trainB, or in train/A and train/B with "
            f'layout="unpaired". Received: {str(tmp_path)!r} in the layout {received!r}. Arrange '
            "the images so, or train on pairs."
        )
        with refuses(message):
            sources.unpaired(tmp_path, layout=layout)
    a, b = sources.unpaired(tmp_path, layout="unpaired")
    assert (a.names, b.names) == (["train/A/1.png"], ["train/B/1.png", "train/B/2.png"])


def test_bad_files_of_a_domain_are_named_or_skipped(tmp_path):
    for name in ("trainA/1.png", "trainB/1.png", "trainB/2.png"):
        codecs.write(noise(4, 4, 3), tmp_path / name)
    (tmp_path / "trainB/2.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"Received 1 of 2 that are not: .*trainB/2\.png"):
        sources.unpaired(tmp_path)
    a, b = sources.unpaired(tmp_path, bad_files="skip")
    assert (a.names, b.names, len(b.skipped)) == (["trainA/1.png"], ["trainB/1.png"], 1)


def test_pairs_in_records_are_no_photos(tmp_path):
    for name in ("A/1.png", "B/1.png"):
        codecs.write(noise(4, 4, 3), tmp_path / name)
    records.write_shards(layouts.listing(tmp_path, "train"), "train", tmp_path / "shards")
    message = (
        "Examples must have as many images as are asked for, 1. Received: 2 in the layout "
        "'tfrecord'. Use another layout or task."
    )
    with refuses(message):
        sources.photos(tmp_path / "shards")


def test_the_halves_of_a_file_have_equal_channels(tmp_path):
    codecs.write(noise(4, 8, 3), tmp_path / "1.png")
    message = (
        "The halves of a file have equal channels. Received: source and target channels of 1 and "
        "3. Use equal ones, or A and B as files of their own."
    )
    with refuses(message):
        sources.pairs(tmp_path, formats=(PixelFormat(1), PixelFormat(3)))


def test_a_file_is_examined_once_until_it_changes(tmp_path):
    column = survey.Column([str(tmp_path / f"{i}.png") for i in range(3)])
    for file in column.files:
        codecs.write(noise(4, 4, 3), file)
    totals = []

    def progress(records, total):
        totals.append(total)
        return records

    first = survey.examine_images(column, progress=progress)
    assert survey.examine_images(column, progress=progress) == first
    codecs.write(noise(4, 6, 3), column.files[1])
    again = survey.examine_images(column, progress=progress)
    assert (totals, [record.width for record in again]) == ([3, 1], [4, 6, 4])


def test_a_broken_or_unwritable_memory_costs_time_only(tmp_path, monkeypatch):
    codecs.write(noise(4, 4, 3), tmp_path / "1.png")
    column = survey.Column([str(tmp_path / "1.png")])
    home = tmp_path / "home"
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    first = survey.examine_images(column)
    (cache,) = home.rglob("*.json")
    cache.write_text("{")
    assert survey.examine_images(column) == first
    monkeypatch.setenv("XDG_CACHE_HOME", os.devnull)
    assert survey.examine_images(column) == first


def test_a_few_examples_come_from_all_over_the_data(tmp_path):
    for index in range(8):
        codecs.write(np.full((4, 6 + index, 3), 30 * index, "uint8"), tmp_path / f"{index}.png")
    examples = sources.photos(tmp_path)
    few = examples.spread(3)
    assert few.names == [examples.names[index] for index in (0, 4, 7)]
    assert few.sizes.tolist() == [[[4, 6]], [[4, 10]], [[4, 13]]]
    assert [image.max() for (image,) in all_images(few)] == [0, 120, 210]
    assert examples.spread(99).names == examples.names
