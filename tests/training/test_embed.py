import dataclasses
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cases.families import TEST_FAMILIES, toy_paper
from tfpix2pix import InputError, atomic, families, load_run
from tfpix2pix.data import codecs
from tfpix2pix.inference import EmbeddingIndex
from tfpix2pix.testing import save_untrained
from training import embed

PHOTOS = ["photos/1.png", "photos/in/2.jpg", "photos/in/3.png"]
FACES = ["faces/1.png", "faces/2.png"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`run` and `other` of the toy paper; `photos`, of domain A, and `faces`, of B; an index."""
    folder = tmp_path_factory.mktemp("look_alikes")
    random = np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(families.FAMILIES, "toy", TEST_FAMILIES["toy"])
        patched.chdir(folder)
        config = toy_paper(folder / "data")
        save_untrained(config, folder / "run")
        train = dataclasses.replace(config.train, seed=9)
        save_untrained(dataclasses.replace(config, train=train), folder / "other")
        for seed, name in enumerate((*PHOTOS, *FACES)):
            pixels = random.integers(0, 256, (20 + seed, 30, 3)) * (0.2 + 0.2 * seed)
            codecs.write(pixels.clip(0, 255).astype("uint8"), name)
        started("photos", "--domain", "A", "--to", "made/index.npz")
        started("faces", "--domain", "B", "--to", "made/index.npz")
    return folder


@pytest.fixture(autouse=True)
def _known(folder, monkeypatch):
    monkeypatch.setitem(families.FAMILIES, "toy", TEST_FAMILIES["toy"])
    monkeypatch.chdir(folder)


def started(*arguments, run="run"):
    embed.main(**embed.parsed(["--run", run, *map(str, arguments)]))


def by_hand(query, domain, metric="cosine", run="run"):
    """Returns `(file, distance)` of all photos and faces, the nearest of each domain first."""
    run = load_run(run)
    asked = run.embed([codecs.read(query)], domain)[0].astype("float64")
    answers = []
    for other, files in (("A", PHOTOS), ("B", FACES)):
        vectors = run.embed(map(codecs.read, files), other).astype("float64")
        if metric == "l2":
            distances = np.sqrt(((vectors - asked) ** 2).sum(1))
        else:
            lengths = np.sqrt((vectors**2).sum(1) * (asked**2).sum())
            distances = 1 - vectors @ asked / lengths
        order = np.argsort(distances)
        answers.extend((files[place], other, distances[place]) for place in order)
    return answers


def test_files_are_in_the_index_once_in_each_domain(capsys):
    for _ in range(2):
        started("faces", "photos/1.png", "photos/in", "--domain", "A", "--to", "again.npz")
        started("faces", "--domain", "B", "--to", "again.npz")
    first, second, *_ = printed = capsys.readouterr().out.splitlines()
    assert (first, second) == ("again.npz has 5 of A.", "again.npz has 5 of A and 2 of B.")
    assert printed[2:] == [second] * 2
    index = EmbeddingIndex.load("again.npz")
    assert sorted(zip(index.domains, index.names)) == [
        *(("A", name) for name in (*FACES, *PHOTOS)),
        *(("B", name) for name in FACES),
    ]
    expected = load_run("run").embed([codecs.read(FACES[1])], "B")[0]
    (place,) = np.nonzero((index.names == FACES[1]) & (index.domains == "B"))[0]
    np.testing.assert_array_equal(index.vectors[place], expected)


def test_a_query_is_answered_in_both_domains_as_by_hand(capsys):
    started("--query", "photos/in/3.png", "--domain", "B", "--index", "made/index.npz")
    printed = capsys.readouterr()
    first, *lines = printed.out.splitlines()
    assert first == "photos/in/3.png as B"
    assert [line.split()[::2] for line in lines] == [
        [domain, file] for file, domain, _ in by_hand("photos/in/3.png", "B")
    ]
    assert "1/1" in printed.err


def test_neighbours_elsewhere_go_by_their_whole_path(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder / "made")
    started("--query", folder / FACES[0], "--index", "index.npz", "--among", "B", run="../run")
    printed = capsys.readouterr().out.splitlines()[1:]
    assert {line.split()[2] for line in printed} == {str(folder / name) for name in FACES}


def test_answers_are_json_by_another_metric_of_one_domain_or_fewer(capsys):
    options = ("--index", "made/index.npz", "--metric", "l2", "--json_lines", "true")
    started("--query", "faces", "--domain", "B", *options, "--neighbours", 2, "--among", "A")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = [(q, *answer) for q in FACES for answer in by_hand(q, "B", "l2")[:2]]
    assert [(one["query"], one["name"], one["domain"]) for one in lines] == [
        (query, name, domain) for query, name, domain, _ in expected
    ]
    found = [one["distance"] for one in lines]
    np.testing.assert_allclose(found, [one[-1] for one in expected], rtol=1e-4)
    assert {one["query_domain"] for one in lines} == {"B"}


def test_the_picture_has_a_row_for_each_domain_and_white_where_a_file_is_gone(folder, tmp_path):
    shutil.copytree(folder / "made", tmp_path / "made")  # The whole place moves.
    shutil.copytree(folder / "photos", tmp_path / "photos")
    started("--query", PHOTOS[0], "--index", tmp_path / "made/index.npz", "--to", "answers.png")
    with Image.open("answers.png") as picture:
        pixels = np.asarray(picture)
    width, height = 256 + 8, 256 + 48 + 8
    assert pixels.shape == (32 + 2 * height + 8, 4 * width + 8, 3)
    tiles = [
        [pixels[32 + row * height :][:256, 8 + column * width :][:, :256] for column in range(4)]
        for row in range(2)
    ]
    shown = [[bool((tile < 250).any()) for tile in row] for row in tiles]
    assert shown == [[True] * 4, [True, False, False, False]]  # The faces did not move along.
    np.testing.assert_array_equal(tiles[0][1], tiles[0][0])  # It is nearest to itself.
    below = pixels[32 + 256 :][:48, 8 + width :][:, :256]
    assert (below[:24] < 128).any()
    assert (below[24:] < 128).any()


def test_files_that_cannot_be_read_are_left_out_and_told(capsys):
    atomic.write_bytes(b"Dear diary", "mixed/1.png")
    codecs.write(np.zeros((9, 9, 5), "uint8"), "mixed/2.npy")
    codecs.write(np.zeros((9, 9, 4), "uint8"), "mixed/3.png")
    with pytest.raises(SystemExit) as caught:
        started("mixed", "--to", "mixed.npz")
    assert re.fullmatch(
        r"error: 2 of the files were left out:\n"
        r"mixed/1.png: it cannot be decoded: it is no image of a known format\n"
        r"mixed/2.npy: .*5 channels.*",
        caught.value.code,
    )
    assert capsys.readouterr().out == "mixed.npz has 1 of A.\n"
    with pytest.raises(SystemExit):
        started("mixed/1.png", "--to", "none.npz")
    assert not Path("none.npz").exists()
    with pytest.raises(InputError) as caught:
        started("--query", "mixed/1.png", "--index", "mixed.npz")
    assert str(caught.value) == (
        "Look-alikes are found of images that can be read and that the model takes. Received: "
        "'mixed/1.png': it cannot be decoded: it is no image of a known format. Replace it, or "
        "leave it out."
    )


def test_an_index_of_another_run_is_neither_searched_nor_added_to():
    before = Path("made/index.npz").read_bytes()
    for arguments in (("--query", *PHOTOS, "--index"), (*PHOTOS, "--to")):
        with pytest.raises(InputError, match=r"^An index must be of the model that it is used"):
            started(*arguments, "made/index.npz", run="other")
    assert Path("made/index.npz").read_bytes() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("photos",),
        ("photos", "--index", "made/index.npz", "--to", "new.npz"),
        ("photos", "--query", "photos", "--to", "new.npz"),
        ("--query", "photos", "--to", "new.npz"),
        (),
    ],
)
def test_what_is_to_be_done_must_be_clear(arguments):
    with pytest.raises(InputError) as caught:
        started(*arguments)
    assert str(caught.value) == (
        "An index is made by `PHOTOS --to INDEX`, and searched by `--query IMAGES --index INDEX`. "
        "Received: another combination of PHOTOS, --query, --index and --to. Give those of one."
    )


def test_unknown_domains_and_places_without_images_are_refused(capsys):
    with pytest.raises(InputError, match=r"^This run has the embeddings A, B. Received: 'C'."):
        started("photos", "--domain", "C", "--to", "new.npz")
    with pytest.raises(InputError, match=r"^The index has the domains A, B. Received: 'C'."):
        started("--query", "photos", "--index", "made/index.npz", "--among", "C")
    Path("bare").mkdir()
    for place in ("bare", "nowhere"):
        with pytest.raises(InputError) as caught:
            started("photos", place, "--to", "new.npz")
        assert str(caught.value) == (
            "Images must be files, or folders that have some, .jpg, .jpeg, .png, .bmp, .tif, "
            ".tiff, .webp, .npy, .gif, .jfif, .jpe, .pgm, .ppm files. Received: "
            f"{place!r}, where there is none. Check the spelling."
        )
    with pytest.raises(SystemExit):
        started("--query", "photos", "--index", "made/index.npz", "--neighbours", "0")
    assert "neighbours" in capsys.readouterr().err
    assert not Path("new.npz").exists()
