"""Indexes that the client makes through real servers, compared with those of the library."""

import io
import itertools
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from serving.client import __main__ as command
from serving.client import image_files, indexing
from serving.client.failures import BadArgument, Code
from serving.client.index_files import Index, read_index, write_index
from tests.cases import fixed_weights, open_generator
from tests.cases.embeddings import expected_means, two_domains
from tests.serving.local import managed, picture, resting, serving
from tfpix2pix import InputError
from tfpix2pix.export import export, model_card, publication
from tfpix2pix.inference import EmbeddingIndex, embeddings_sha256
from tfpix2pix.translation import find_look_alikes, index_files

NAMES = ["photos/1.png", "photos/in/2.png", "photos/in/3.png"]


@pytest.fixture(scope="module")
def generator():
    return fixed_weights(open_generator(dropout_levels=0))


@pytest.fixture(scope="module")
def embeddings():
    return two_domains()


def card_without_hash(*arguments, **options):
    """Returns a card as exports had it before it told the hash of embeddings."""
    card = model_card(*arguments, **options)
    assert card.pop("embeddings_sha256")
    return card


@pytest.fixture(scope="module")
def manager(generator, embeddings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports")
    export(generator, folder / "twins", embeddings=embeddings)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(publication, "model_card", card_without_hash)
        export(generator, folder / "old", embeddings=embeddings)
    with managed(folder) as manager:
        yield manager


@pytest.fixture(scope="module")
def addresses(manager):
    with serving(manager) as (grpc, _), resting(manager) as rest:
        yield {"grpc": grpc, "rest": rest}


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with `photos`, where the program runs."""
    for index, name in enumerate(NAMES):
        image_files.write(picture(index, (8 * (index + 1), 24))[0], tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def embed(address, *arguments, model="twins"):
    command.run([*arguments, "--model", model, "--address", address, "--embed", "true"])


def rows(index):
    """Returns a dict of `(domain, name)` to vectors."""
    return dict(zip(zip(index.domains.tolist(), index.names.tolist()), index.vectors))


@pytest.mark.parametrize("api", ["grpc", "rest"])
def test_an_index_made_through_a_server_is_that_of_the_networks(addresses, embeddings, api, capsys):
    embed(addresses[api], "photos", "--to", "made/online.npz")
    embed(addresses[api], "photos/in", "--domain", "B", "--to", "made/online.npz")
    told = capsys.readouterr().out.splitlines()
    assert told == ["made/online.npz has 3 of A.", "made/online.npz has 3 of A and 2 of B."]
    index_files(["photos"], "made/offline.npz", embeddings, "A")
    index_files(["photos/in"], "made/offline.npz", embeddings, "B")
    online, offline = (EmbeddingIndex.load(f"made/{name}line.npz") for name in ("on", "off"))
    assert online.sha256 == offline.sha256
    found, expected = rows(online), rows(offline)
    assert set(found) == set(expected)
    assert ("B", "../photos/in/3.png") in found
    for key, vector in expected.items():
        np.testing.assert_allclose(found[key], vector, atol=1e-5)
    (answer,) = find_look_alikes(["photos/in/3.png"], "made/online.npz", embeddings, "B")
    nearest = answer.neighbours["B"][0]
    assert nearest.name == "photos/in/3.png"
    assert nearest.distance < 1e-6


def test_files_of_the_client_and_of_the_library_are_the_same(place):
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")
    names = ["a.png", "Gänse/\N{DUCK}.png", "a" * 90]
    library = EmbeddingIndex("c0ffee" * 10, names, ["A", "cats", "A"], vectors)
    client = Index("c0ffee" * 10).added("A", dict(zip(names[::2], vectors[::2].tolist())))
    client = client.added("cats", {names[1]: vectors[1].tolist()})
    write_index(client, place / "client.npz")
    library.save(place / "library.npz")
    read = EmbeddingIndex.load(place / "client.npz")
    assert read.sha256 == library.sha256
    assert {key: row.tolist() for key, row in rows(read).items()} == {
        key: row.tolist() for key, row in rows(library).items()
    }
    assert read_index(place / "library.npz") == client  # A dict's order is not compared.
    assert client.counts == {"A": 2, "cats": 1}
    with zipfile.ZipFile(place / "client.npz") as archive:
        assert len(archive.read("vectors.npy")) == 128 + vectors.nbytes  # As aligned as NumPy's.
    write_index(Index("c0ffee"), place / "empty.npz")
    assert EmbeddingIndex.load(place / "empty.npz").vectors.shape == (0, 0)
    assert read_index(place / "empty.npz") == Index("c0ffee")


def test_images_of_the_same_name_are_replaced_in_their_domain_alone():
    index = Index("c0ffee").added("A", {"1": [1.0], "2": [2.0]}).added("B", {"1": [3.0]})
    again = index.added("A", {"1": [9.0]})
    assert again.counts == {"A": 2, "B": 1}
    assert again.vectors["A", "1"] == np.float32([9.0]).tobytes()
    assert again.vectors["B", "1"] == np.float32([3.0]).tobytes()
    with pytest.raises(BadArgument) as caught:
        index.check_model("c0ffee", 2)
    assert str(caught.value) == (
        "Vectors of an index must be of one length. Received: 1 and 2 numbers. Make another index "
        "of the other embedding."
    )


def test_an_index_of_another_model_is_refused_as_by_the_library(addresses, embeddings):
    write_index(Index("c0ffee" * 10), Path("other.npz"))
    before = Path("other.npz").read_bytes()
    with pytest.raises(InputError) as expected:
        EmbeddingIndex.load("other.npz").check_model(embeddings_sha256(embeddings))
    with pytest.raises(BadArgument) as caught:
        embed(addresses["grpc"], "photos", "--to", "other.npz")
    assert str(caught.value) == str(expected.value)
    assert Path("other.npz").read_bytes() == before


def damaged():
    """Yields names and contents of files that are no index."""
    whole = {"sha256": np.array("c0"), "names": np.array(["1"]), "domains": np.array(["A"])}
    vectors = np.ones((1, 2), "float32")
    for name, arrays in {
        "fields": whole,
        "counts": {**whole, "vectors": np.ones((2, 2), "float32")},
        "doubles": {**whole, "vectors": np.ones((1, 2))},
        "order": {**whole, "vectors": np.asfortranarray(np.ones((3, 2), "float32"))},
        "records": {**whole, "vectors": np.zeros(1, [("x", "f4")])},
        "objects": {**whole, "vectors": vectors, "names": np.array([{}])},
    }.items():
        file = io.BytesIO()
        np.savez(file, **arrays)
        yield name, file.getvalue()
    file = io.BytesIO()
    np.savez(file, **whole, vectors=vectors)
    yield "cut", file.getvalue()[:-30]
    yield "text", b"Dear diary"
    yield "nothing", b""


@pytest.mark.parametrize(("name", "content"), list(damaged()), ids=[name for name, _ in damaged()])
def test_what_is_no_index_is_refused_before_a_server_is_asked(place, name, content):
    (place / "index.npz").write_bytes(content)
    with pytest.raises(BadArgument) as caught:
        embed("127.0.0.1:1", "photos", "--to", "index.npz")
    assert re.fullmatch(
        r"An index must be a whole NPZ file of sha256, names, domains and vectors\. Received: "
        r"'index\.npz' \(.+\)\. Check the spelling\. Make it again of the images if it is "
        r"damaged\.",
        str(caught.value),
    )
    assert (place / "index.npz").read_bytes() == content


def test_files_that_cannot_be_embedded_are_left_out_and_told(addresses, place, capsys):
    (place / "photos/bad.png").write_bytes(b"Dear diary")
    with pytest.raises(SystemExit) as caught:
        embed(addresses["grpc"], "photos", "--to", "index.npz")
    assert re.fullmatch(
        r"error: photos/bad\.png: The server at \S+ must translate with the model 'twins'\. "
        r"Received: INVALID_ARGUMENT: .*",
        caught.value.code,
    )
    assert capsys.readouterr().out == "index.npz has 3 of A.\n"
    with pytest.raises(SystemExit):
        embed(addresses["grpc"], "photos/bad.png", "--to", "none.npz")
    assert capsys.readouterr().out == "none.npz has no images, and is not written.\n"
    assert not (place / "none.npz").exists()


def test_what_was_made_before_the_server_was_lost_is_kept(manager, monkeypatch, capsys):
    monkeypatch.setattr(indexing, "CHECKED", 1)
    # Two requests of the card at first; then a vector and the card again, for each image.
    options = ("--to", "index.npz", "--patience", "0", "--in_flight", "1")
    lost = serving(manager, *[(Code.UNAVAILABLE, "away")] * 9, passed=5)
    told = pytest.raises(SystemExit, match=r"^error: [^\n]*UNAVAILABLE[^\n]*$")
    with lost as (address, _), told:
        embed(address, "photos", *options)
    assert capsys.readouterr().out == "index.npz has 1 of A.\n"
    before = rows(EmbeddingIndex.load("index.npz"))
    assert list(before) == [("A", NAMES[0])]
    with serving(manager) as (address, interceptor):
        embed(address, "photos", *options, "--resume", "true")
        assert interceptor.calls == 6
        assert capsys.readouterr().out == "index.npz has 3 of A.\n"
        embed(address, "photos", *options, "--resume", "true")
        assert interceptor.calls == 7
    after = rows(EmbeddingIndex.load("index.npz"))
    np.testing.assert_array_equal(after["A", NAMES[0]], before["A", NAMES[0]])


def test_vectors_of_two_models_do_not_meet(generator, manager, tmp_path):
    embeddings = two_domains()
    network = embeddings["A"].network
    network.set_weights([2 * weight for weight in network.get_weights()])
    export(generator, tmp_path / "exports/twins", embeddings=embeddings)

    class Changing:
        """A manager that has the other model from the second request on."""

        def __init__(self, later):
            self._managers = itertools.chain([manager], itertools.repeat(later))

        def acquire(self, spec):
            return next(self._managers).acquire(spec)

    with (
        managed(tmp_path / "exports") as later,
        serving(Changing(later)) as (address, _),
        pytest.raises(SystemExit) as caught,
    ):
        embed(address, "photos", "--to", "index.npz")
    assert caught.value.code == (
        "error: A model must stay the same while vectors are made by it. Received: "
        "FAILED_PRECONDITION: another version took over. Make the index again, in a new file, or "
        "name the version."
    )
    assert not Path("index.npz").exists()


def test_what_cannot_be_asked_for_is_refused(addresses):
    with pytest.raises(BadArgument) as caught:
        embed(addresses["grpc"], "photos", "--to", "index.npz", model="old")
    assert str(caught.value) == (
        "An index needs a model whose card has the hash of the weights that vectors are made by. "
        "Received: a card without it. Export the run again."
    )
    with pytest.raises(BadArgument) as caught:
        embed(addresses["grpc"], "photos", "--to", "index.npz", "--domain", "C")
    assert str(caught.value) == (
        "This model has the embeddings A, B. Received: 'C'. Use one of them."
    )
    with pytest.raises(BadArgument, match=r"^The images must be files, .* Received: nowhere\."):
        embed("127.0.0.1:1", "photos", "nowhere", "--to", "index.npz")
    with pytest.raises(BadArgument) as caught:
        embed("127.0.0.1:1", "photos", "--to", "out", "--seed", "7", "--control", "style=1")
    assert str(caught.value) == (
        "--embed makes vectors, which no option of translations changes. Received: --seed, "
        "--control. Leave it out."
    )
    with pytest.raises(BadArgument) as caught:
        command.run(["photos", "--model", "twins", "--to", "out", "--domain", "B"])
    assert str(caught.value) == (
        "--domain is of vectors, which --embed true makes. Received: --domain without it. Add "
        "--embed true, or leave --domain out."
    )
    assert not Path("index.npz").exists()


def test_half_of_each_file_is_embedded(addresses, embeddings, place):
    encoded, pixels = picture(7, (8, 24))
    (place / "pair.png").write_bytes(encoded)
    embed(addresses["grpc"], "pair.png", "--to", "index.npz", "--half", "right")
    vector = EmbeddingIndex.load("index.npz").vectors
    np.testing.assert_allclose(vector, [expected_means(embeddings["A"], pixels[:, 12:])], atol=1e-5)
