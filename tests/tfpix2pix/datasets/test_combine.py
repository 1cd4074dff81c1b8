import os
import re
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tfpix2pix import InputError
from tfpix2pix.data import codecs, edges, layouts
from tfpix2pix.data.parallel import map_in_parallel
from tfpix2pix.datasets import combine, derive, jobs

RANDOM = np.random.default_rng(0)


def noise(*shape, dtype="uint8"):
    if dtype == "float32":
        return RANDOM.normal(size=shape).astype(dtype)
    return RANDOM.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)


def write(folder, *names, image=None):
    for name in names:
        codecs.write(noise(4, 6, 3) if image is None else image, folder / name)


def files_in(folder):
    return {p.relative_to(folder).as_posix() for p in Path(folder).rglob("*") if p.is_file()}


def times(folder):
    return {name: os.stat(folder / name).st_mtime_ns for name in files_in(folder)}


def refuses(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


def break_file(path):
    path.write_bytes(path.read_bytes()[:40])


# combine


def test_partners_are_found_by_name_and_their_pixels_kept(tmp_path):
    sides = {}
    for name, suffixes in (
        ("train/2", ".png .tiff"),
        ("test/x.1", ".bmp .png"),
        ("9", ".png .PNG"),
    ):
        for side, suffix in zip("ab", suffixes.split()):
            sides[side, name] = noise(4, 6, 3)
            codecs.write(sides[side, name], tmp_path / side / (name + suffix))
    (tmp_path / "a/notes.txt").write_text("no image")
    write(tmp_path, "a/.hidden.png")
    done = combine.combine_folders(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    assert done == jobs.Done(3, 0)
    assert files_in(tmp_path / "out") == {"train/2.png", "test/x.1.png", "9.png"}
    for name in ("train/2", "test/x.1", "9"):
        with Image.open(tmp_path / f"out/{name}.png") as image:
            expected = np.hstack([sides["a", name], sides["b", name]])
            np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize(
    ("channels", "dtype", "suffix"),
    [
        (4, "uint8", ".png"),
        (3, "uint16", ".png"),
        (1, "uint16", ".png"),
        (6, "uint16", ".tiff"),
        (3, "float32", ".tiff"),
    ],
)
def test_combine_keeps_every_bit(tmp_path, channels, dtype, suffix):
    both = [noise(4, 6, channels, dtype=dtype) for _ in "ab"]
    for side, image in zip("ab", both):
        codecs.write(image, tmp_path / side / f"1{'.npy' if suffix == '.tiff' else '.png'}")
    combine.combine_folders(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    combined = codecs.read(tmp_path / f"out/1{suffix}")
    assert combined.dtype == dtype
    np.testing.assert_array_equal(combined, np.concatenate(both, axis=1))


def test_grey_beside_colour_becomes_colour(tmp_path):
    grey = noise(4, 6, 1)
    color = noise(4, 6, 3)
    write(tmp_path / "a", "1.png", image=grey)
    write(tmp_path / "b", "1.png", image=color)
    combine.combine_folders(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    expected = np.hstack([np.dstack([grey] * 3), color])
    np.testing.assert_array_equal(codecs.read(tmp_path / "out/1.png"), expected)


def test_files_without_partner_are_named_and_nothing_is_written(tmp_path):
    write(tmp_path / "a", "both.png", *(f"train/{i}.png" for i in range(7)))
    write(tmp_path / "b", "both.png", "train/7.png")
    a = tmp_path / "a"
    message = (
        "Every image of A must have a partner in B of the same name, whatever its suffix, and the "
        f"reverse. Received 8 of 10 without one: {a}/train/0.png, {a}/train/1.png, "
        f"{a}/train/2.png, {a}/train/3.png, {a}/train/4.png and 3 more. Rename, add or remove "
        "files."
    )
    with refuses(message):
        combine.combine_folders(a, tmp_path / "b", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unlike_partners_are_named_and_nothing_is_written(tmp_path):
    write(tmp_path / "a", "alike.png", "size.png", "bits.png", "alpha.png")
    write(tmp_path / "b", "alike.png")
    write(tmp_path / "b", "size.png", image=noise(4, 7, 3))
    write(tmp_path / "b", "bits.png", image=noise(4, 6, 3, dtype="uint16"))
    write(tmp_path / "b", "alpha.png", image=noise(4, 6, 4))
    a = tmp_path / "a"
    b = tmp_path / "b"
    message = (
        "Both images of a pair must have the same height, width, channels and bits. Received 3 of "
        f"4 pairs that differ: {a}/alpha.png has 4x6 pixels, 3 channels of uint8 and {b}/alpha.png "
        f"has 4x6 pixels, 4 channels of uint8, {a}/bits.png has 4x6 pixels, 3 channels of uint8 "
        f"and {b}/bits.png has 4x6 pixels, 3 channels of uint16, {a}/size.png has 4x6 pixels, 3 "
        f"channels of uint8 and {b}/size.png has 4x7 pixels, 3 channels of uint8. Resize both "
        "folders to one size, or convert the files."
    )
    with refuses(message):
        combine.combine_folders(a, b, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_broken_files_are_all_named_after_the_rest_was_written(tmp_path):
    names = [f"{i}.png" for i in range(9)]
    write(tmp_path / "a", *names)
    write(tmp_path / "b", *names)
    for name in names[:7]:
        break_file(tmp_path / "b" / name)
    with pytest.raises(InputError) as caught:
        combine.combine_folders(tmp_path / "a", tmp_path / "b", tmp_path / "out")
    named = ", ".join(f"{tmp_path}/b/{name} (it cannot be decoded: ...)" for name in names[:7])
    assert re.sub(r"decoded: [^)]*\)", "decoded: ...)", str(caught.value)) == (
        "Every file must be an image that can be used. Received 7 of 9 that are not: "
        f"{named}; the rest was written. Replace or remove them and run the same command again."
    )
    assert files_in(tmp_path / "out") == {"7.png", "8.png"}


def test_what_is_done_is_not_done_again_unless_its_input_is_newer(tmp_path):
    a = tmp_path / "a"
    b = tmp_path / "b"
    out = tmp_path / "out"
    for folder in (a, b):
        write(folder, *(f"{i}.png" for i in range(4)))

    def interrupted(iterable, total):
        assert total in (4, 2)
        for index, item in enumerate(iterable):
            if index == 2 and len(files_in(out)) >= 2:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        combine.combine_folders(a, b, out, progress=interrupted)
    before = times(out)
    assert 2 <= len(before) <= 4
    assert not any(name.endswith(".part") for name in before)
    assert combine.combine_folders(a, b, out) == jobs.Done(4 - len(before), len(before))
    complete = times(out)
    assert {name: complete[name] for name in before} == before
    assert combine.combine_folders(a, b, out) == jobs.Done(0, 4)
    assert times(out) == complete

    later = max(complete.values()) + 10**9
    write(b, "2.png", image=noise(4, 6, 3))
    os.utime(b / "2.png", ns=(later, later))
    assert combine.combine_folders(a, b, out) == jobs.Done(1, 3)
    np.testing.assert_array_equal(codecs.read(out / "2.png")[:, 6:], codecs.read(b / "2.png"))


def test_an_interruption_leaves_what_has_not_begun():
    begun = []

    def work(item):
        begun.append(item)
        time.sleep(0.01)

    def interrupted(iterable, total):
        yield next(iterable)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(map_in_parallel(work, list(range(100)), interrupted))
    assert 1 <= len(begun) < 50


# split

TENTHS = {"train": 0.8, "val": 0.1, "test": 0.1}


def test_a_split_is_whole_seeded_and_made_of_links(tmp_path):
    names = {f"{i}.png" for i in range(20)}
    write(tmp_path / "all", *sorted(names))
    assert combine.split_folder(tmp_path / "all", tmp_path / "1", TENTHS, seed=3) == jobs.Done(
        20, 0
    )
    parts = [files_in(tmp_path / "1" / part) for part in TENTHS]
    assert [len(part) for part in parts] == [16, 2, 2]
    assert set.union(*parts) == names
    for part, inside in zip(TENTHS, parts):
        assert all(
            (tmp_path / "1" / part / name).samefile(tmp_path / "all" / name) for name in inside
        )
    assert combine.split_folder(tmp_path / "all", tmp_path / "1", TENTHS, seed=3) == jobs.Done(
        0, 20
    )

    write(tmp_path / "again", *sorted(names, reverse=True))
    combine.split_folder(tmp_path / "again", tmp_path / "2", TENTHS, seed=3)
    assert files_in(tmp_path / "2") == files_in(tmp_path / "1")
    combine.split_folder(tmp_path / "again", tmp_path / "3", TENTHS, seed=4)
    assert files_in(tmp_path / "3") != files_in(tmp_path / "1")


def test_files_of_one_name_stay_together(tmp_path):
    for index in range(6):
        write(tmp_path / "all", f"A/{index}.jpg", f"B/{index}.png", f"B/{index}.tiff")
    combine.split_folder(tmp_path / "all", tmp_path / "out", {"train": 0.5, "test": 0.5})
    assert len(files_in(tmp_path / "out")) == 18
    for part in ("train", "test"):
        inside = {Path(name).with_suffix("").name for name in files_in(tmp_path / "out" / part)}
        assert len(inside) == 3
        expected = {f"A/{i}.jpg" for i in inside} | {f"B/{i}.png" for i in inside}
        assert files_in(tmp_path / "out" / part) == expected | {f"B/{i}.tiff" for i in inside}


def test_two_domains_are_divided_each_on_its_own(tmp_path):
    write(tmp_path / "all", *(f"A/{i}.jpg" for i in range(10)))
    write(tmp_path / "all", *(f"B/x/{i}b.png" for i in range(20)))
    done = combine.split_folder(tmp_path / "all", tmp_path / "out", TENTHS, seed=3)
    assert done == jobs.Done(30, 0)
    found = {folder.name: len(files_in(folder)) for folder in (tmp_path / "out").iterdir()}
    assert found == {
        **{"trainA": 8, "valA": 1, "testA": 1},
        **{"trainB": 16, "valB": 2, "testB": 2},
    }
    a, b = (
        set.union(*(files_in(tmp_path / f"out/{part}{letter}") for part in TENTHS))
        for letter in "AB"
    )
    assert a == {f"{i}.jpg" for i in range(10)}
    assert b == {f"x/{i}b.png" for i in range(20)}
    assert layouts.detect(tmp_path / "out") == "unpaired"
    again = combine.split_folder(tmp_path / "all", tmp_path / "out", TENTHS, seed=3)
    assert again == jobs.Done(0, 30)


def test_names_in_common_can_be_a_coincidence(tmp_path):
    for letter, count in (("A", 4), ("B", 6)):
        write(tmp_path / "all", *(f"{letter}/{i}.png" for i in range(count)))
    halves = {"train": 0.5, "test": 0.5}
    combine.split_folder(tmp_path / "all", tmp_path / "out", halves, layout="unpaired")
    found = {folder.name: len(files_in(folder)) for folder in (tmp_path / "out").iterdir()}
    assert found == {"trainA": 2, "testA": 2, "trainB": 3, "testB": 3}
    for layout, folder in (("unpaired", tmp_path / "all/A"), ("pairs", tmp_path / "all")):
        message = (
            "`layout` must be auto, or unpaired for a folder with A and B. Received: "
            f"layout={layout!r}, folder={str(folder)!r}. Move the images of each domain there."
        )
        with refuses(message):
            combine.split_folder(folder, tmp_path / "other", halves, layout=layout)


def test_without_links_files_are_copied(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    write(tmp_path / "all", "1.png")
    for done in (jobs.Done(1, 0), jobs.Done(0, 1)):
        assert combine.split_folder(tmp_path / "all", tmp_path / "out", {"train": 1.0}) == done
    copy = tmp_path / "out/train/1.png"
    file = tmp_path / "all/1.png"
    assert copy.read_bytes() == file.read_bytes()
    assert not copy.samefile(file)


@given(
    total=st.integers(1, 300),
    weights=st.lists(st.integers(1, 100), min_size=1, max_size=5),
)
def test_every_split_gets_its_share_and_at_least_one(total, weights):
    shares = np.array(weights) / sum(weights)
    counts = combine._counts(total, shares)
    assert counts.sum() == total
    assert counts.min() >= (total >= len(shares))
    assert np.abs(counts - shares * total).max() < len(shares) + 1


def test_another_split_into_the_same_folder_is_refused(tmp_path):
    write(tmp_path / "all", *(f"{i}.png" for i in range(4)))
    combine.split_folder(tmp_path / "all", tmp_path / "out", {"train": 1.0})
    before = times(tmp_path / "out")
    message = (
        "The folder to split into must hold nothing but an earlier split of the same files, "
        f"fractions and seed. Received 4 other images: {tmp_path}/out/train/0.png, "
        f"{tmp_path}/out/train/1.png, {tmp_path}/out/train/2.png, {tmp_path}/out/train/3.png. Use "
        "another folder or remove them."
    )
    with refuses(message):
        combine.split_folder(tmp_path / "all", tmp_path / "out", {"test": 1.0})
    assert times(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("fractions", "total"),
    [({}, "0"), ({"train": 0.8, "test": 0.1}, "0.9"), ({"train": 1.2, "test": -0.2}, "1")],
)
def test_wrong_fractions_are_refused(tmp_path, fractions, total):
    message = (
        f"`fractions` must be positive and sum to 1. Received: {fractions}, which sum to {total}. "
        "Use for example {'train': 0.8, 'val': 0.1, 'test': 0.1}."
    )
    with refuses(message):
        combine.split_folder(tmp_path, tmp_path / "out", fractions)


# resize and fit


def test_crop_keeps_the_centre_and_pad_everything():
    image = np.zeros((4, 12, 1), "uint16")
    image[:, 4:8] = 500
    assert (combine.fit(image, (4, 4), "crop") == 500).all()
    assert (combine.fit(image.transpose(1, 0, 2), (2, 2), "crop") == 500).all()
    padded = combine.fit(image, (6, 6), "pad", "nearest")[..., 0].tolist()
    line = [0, 0, 500, 500, 0, 0]
    assert padded == [[65535] * 6, [65535] * 6, line, line, [65535] * 6, [65535] * 6]
    stretched = combine.fit(image, (1, 3), "stretch", "area")
    assert stretched[0, :, 0].tolist() == [0, 500, 0]


@given(
    old=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    new=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    how=st.sampled_from(combine.WAYS),
)
def test_any_size_can_be_made_of_any(old, new, how):
    fitted = combine.fit(np.full((*old, 2), 255, "uint8"), new, how)
    assert fitted.shape == (*new, 2)
    assert (fitted == 255).all()


def test_resize_writes_every_folder_s_files(tmp_path):
    write(tmp_path / "in", "train/1.jpg", "2.png", image=noise(8, 12, 3))
    write(tmp_path / "in", "deep.tiff", image=noise(8, 12, 5, dtype="uint16"))
    options = {"how": "stretch", "kernel": "nearest"}
    for done in (jobs.Done(3, 0), jobs.Done(0, 3)):
        assert combine.resize_folder(tmp_path / "in", tmp_path / "out", (4, 6), **options) == done
    assert files_in(tmp_path / "out") == {"train/1.png", "2.png", "deep.tiff"}
    deep = codecs.read(tmp_path / "out/deep.tiff")
    assert (deep.shape, deep.dtype) == ((4, 6, 5), "uint16")
    assert np.isin(deep, codecs.read(tmp_path / "in/deep.tiff")).all()


def test_halves_do_not_mix(tmp_path):
    left = np.full((8, 8, 3), 10, "uint8")
    right = np.full((8, 8, 3), 250, "uint8")
    write(tmp_path / "in", "1.png", image=np.hstack([left, right]))
    combine.resize_folder(tmp_path / "in", tmp_path / "out", (3, 5), halves=True)
    expected = np.repeat([[10] * 5 + [250] * 5], 3, axis=0)
    np.testing.assert_array_equal(codecs.read(tmp_path / "out/1.png")[..., 0], expected)


def test_odd_widths_have_no_halves(tmp_path):
    write(tmp_path / "in", "1.png", "2.png")
    write(tmp_path / "in", "2.png", image=noise(4, 7, 3))
    message = (
        "Every file must be an image that can be used. Received 1 of 2 that are not: "
        f"{tmp_path}/in/2.png (it is 7 pixels wide, so it has no equal halves); the rest was "
        "written. Replace or remove them and run the same command again."
    )
    with refuses(message):
        combine.resize_folder(tmp_path / "in", tmp_path / "out", (4, 4), halves=True)
    assert files_in(tmp_path / "out") == {"1.png"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"how": "fill"}, "`how` must be one of stretch, crop, pad. Received: 'fill'."),
        ({"size": (4, 0)}, "`size` must be positive. Received: (4, 0)."),
        (
            {"kernel": "magic"},
            "`kernel` must be one of bilinear, bicubic, area, nearest. Received: 'magic'.",
        ),
    ],
)
def test_wrong_options_of_resize_are_refused_at_once(tmp_path, options, message):
    with refuses(message):
        combine.resize_folder(tmp_path / "none", tmp_path / "out", **{"size": (4, 4), **options})


# edges, grayscale and blank


@pytest.mark.parametrize("samples", [1, 8])
def test_edges_lie_beside_their_photo(tmp_path, samples):
    photo = np.zeros((24, 32, 3), "uint8")
    photo[6:18, 10:22] = 200
    seed = zlib.crc32(b"train/1")
    drawings = {"train/1.png": edges.extract(photo)}
    if samples > 1:
        drawings = {f"train/1_{i}.png": edges.sampled(photo, (seed, i)) for i in range(samples)}
        assert len(np.unique(list(drawings.values()))) > 2  # Smooth pens have grey borders.
    for dtype, scale in (("uint8", 1), ("uint16", 257)):
        write(tmp_path / dtype, "train/1.png", image=photo.astype(dtype) * scale)
        to = tmp_path / f"{dtype}_pairs"
        assert derive.edges(tmp_path / dtype, to, samples=samples) == jobs.Done(samples, 0)
        for name, drawing in drawings.items():
            expected = np.hstack([drawing, photo]).astype(dtype) * scale
            np.testing.assert_array_equal(codecs.read(to / name), expected)


def test_samples_are_seeded_by_name_alone(tmp_path):
    photo = noise(24, 40, 3)
    write(tmp_path / "one", "a/1.png", image=photo)
    write(tmp_path / "two", "a/1.png", "b/1.png", image=photo)
    assert derive.edges(tmp_path / "one", tmp_path / "1", (24, 24), samples=3) == jobs.Done(3, 0)
    assert derive.edges(tmp_path / "two", tmp_path / "2", (24, 24), samples=3) == jobs.Done(6, 0)
    assert files_in(tmp_path / "2") == {f"{part}/1_{i}.png" for part in "ab" for i in range(3)}
    pairs = {name: codecs.read(tmp_path / "2" / name) for name in files_in(tmp_path / "2")}
    for name in files_in(tmp_path / "1"):
        np.testing.assert_array_equal(codecs.read(tmp_path / "1" / name), pairs[name])
    assert len({pair[:, :24].tobytes() for pair in pairs.values()}) == 6
    for pair in pairs.values():
        np.testing.assert_array_equal(pair[:, 24:], photo[:, 8:32])


def test_grayscale_is_pillow_s_within_a_level(tmp_path):
    photo = noise(8, 10, 3)
    write(tmp_path / "in", "1.png", image=photo)
    write(tmp_path / "in", "grey.png", image=photo[..., :1])
    derive.grayscale(tmp_path / "in", tmp_path / "out")
    a, b = np.split(codecs.read(tmp_path / "out/1.png"), 2, axis=1)
    np.testing.assert_array_equal(b, photo)
    expected = np.asarray(Image.fromarray(photo).convert("L")).astype(int)
    assert np.abs(a - expected[..., np.newaxis]).max() <= 1
    both = np.split(codecs.read(tmp_path / "out/grey.png"), 2, axis=1)
    np.testing.assert_array_equal(both, [np.dstack([photo[..., 0]] * 3)] * 2)


@pytest.mark.parametrize(("share", "side"), [(0.5, 8), (0.3, 5), (1.0, 16)])
def test_blank_whitens_the_centre_box_alone(tmp_path, share, side):
    photo = noise(20, 16, 3) // 2
    write(tmp_path / "in", "1.png", image=photo)
    derive.blank(tmp_path / "in", tmp_path / "out", (16, 16), share=share)
    a, b = np.split(codecs.read(tmp_path / "out/1.png"), 2, axis=1)
    np.testing.assert_array_equal(b, photo[2:18])
    start = (16 - side) // 2
    expected = photo[2:18].copy()
    expected[start : start + side, start : start + side] = 255
    np.testing.assert_array_equal(a, expected)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (
            derive.edges,
            {"method": "hed"},
            "`method` must be one of oriented, canny, xdog. Received: 'hed'.",
        ),
        (derive.edges, {"samples": 0}, "`samples` must be at least 1. Received: 0."),
        (derive.blank, {"share": 0}, "`share` must be above 0 and at most 1. Received: 0."),
        (derive.grayscale, {"size": (0, 4)}, "`size` must be positive. Received: (0, 4)."),
    ],
)
def test_wrong_options_are_refused_at_once(tmp_path, function, options, message):
    with refuses(message):
        function(tmp_path / "none", tmp_path / "out", **options)


# Folders


def test_folders_that_cannot_be_prepared_are_refused(tmp_path):
    write(tmp_path, "twice/1.png", "twice/1.jpg")
    (tmp_path / "empty").mkdir()
    start = "What is prepared must be a folder of images"
    for folder, to, message in (
        (
            "none",
            "out",
            f"{start}. Received: '{tmp_path}/none', where there is nothing. Check the spelling.",
        ),
        (
            "twice/1.png",
            "out",
            f"{start}. Received: '{tmp_path}/twice/1.png', where there is a "
            "file. Check the spelling.",
        ),
        (
            "empty",
            "out",
            f"{start}, {', '.join(codecs.SUFFIXES)} files. Received: "
            f"'{tmp_path}/empty', which has none. Give the folder that holds them.",
        ),
        (
            "twice",
            "out",
            "The images of a folder must differ in more than their suffix, since partners "
            f"and outputs have the same name otherwise. Received: {tmp_path}/twice/1.jpg and "
            f"{tmp_path}/twice/1.png. Rename or remove one.",
        ),
        (
            "twice",
            "twice/out",
            "The folder to write to must not lie in one that is read, or it "
            f"would be read the next time. Received: '{tmp_path}/twice/out' in '{tmp_path}/twice'. "
            "Use another.",
        ),
    ):
        with refuses(message):
            derive.grayscale(tmp_path / folder, tmp_path / to)
        assert not (tmp_path / to).exists()
