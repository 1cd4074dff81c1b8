import re
import sys

import numpy as np
import pytest

from tfpix2pix import InputError
from tfpix2pix.inference import EmbeddingIndex

RANDOM = np.random.default_rng(0)
VECTORS = RANDOM.normal(size=(40, 7)).astype("float32")
NAMES = [f"{number}.png" for number in range(40)]
DOMAINS = ["cats", *["faces"] * 24, *["cats"] * 15]
QUERIES = np.concatenate([VECTORS[3:5], RANDOM.normal(size=(2, 7)), np.zeros((1, 7))])


def index():
    return EmbeddingIndex("c0ffee" * 10, NAMES, DOMAINS, VECTORS)


def by_hand(metric, domain):
    """Returns `(distances, names)` of a domain for each query, all sorted, in float64."""
    chosen = [place for place, one in enumerate(DOMAINS) if one == domain]
    vectors, queries = (array.astype("float64") for array in (VECTORS[chosen], QUERIES))
    if metric == "l2":
        distances = np.sqrt(((queries[:, None] - vectors[None]) ** 2).sum(-1))
    else:
        lengths = [np.sqrt((array**2).sum(1)) for array in (queries, vectors)]
        distances = 1 - queries @ vectors.T / np.maximum(np.outer(*lengths), 1e-30)
    order = np.argsort(distances, axis=1, kind="stable")
    names = np.array(NAMES)[chosen]
    return np.take_along_axis(distances, order, 1), names[order]


@pytest.mark.parametrize("library", ["faiss", "sklearn"])
@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_the_nearest_are_those_of_brute_force(library, metric, monkeypatch):
    if library == "sklearn":
        monkeypatch.setitem(sys.modules, "faiss", None)
    answers = index().query(QUERIES, neighbours=6, metric=metric)
    assert [list(answer) for answer in answers] == [["cats", "faces"]] * len(QUERIES)
    for domain in ("cats", "faces"):
        distances, names = by_hand(metric, domain)
        for row, answer in enumerate(answers):
            found = answer[domain]
            assert {one.domain for one in found} == {domain}
            np.testing.assert_allclose(
                [one.distance for one in found], distances[row, :6], atol=1e-3 if row < 2 else 1e-6
            )
            if QUERIES[row].any() or metric == "l2":  # Else all are as far.
                assert [one.name for one in found] == names[row, :6].tolist()
    assert answers[0]["faces"][0].name == "3.png"  # The query itself.


def test_more_neighbours_than_there_are_are_all_of_them_and_one_domain_can_be_asked():
    (answer,) = index().query(QUERIES[:1], neighbours=30, among="faces")
    assert list(answer) == ["faces"]
    assert {one.name for one in answer["faces"]} == set(NAMES[1:25])
    assert index().query(np.zeros((0, 7))) == []


def test_a_saved_index_is_the_same_and_leaves_no_part(tmp_path):
    index().save(tmp_path / "new/index.npz")
    loaded = EmbeddingIndex.load(tmp_path / "new/index.npz")
    assert loaded.sha256 == "c0ffee" * 10
    assert loaded.names.tolist() == NAMES
    assert loaded.domains.tolist() == DOMAINS
    assert loaded.vectors.dtype == "float32"
    np.testing.assert_array_equal(loaded.vectors, VECTORS)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["index.npz"]
    EmbeddingIndex("c0ffee").save(tmp_path / "empty.npz")
    empty = EmbeddingIndex.load(tmp_path / "empty.npz")
    added = empty.added(["a long name.png"], "cats", VECTORS[:1])
    assert added.query(VECTORS[:1])[0]["cats"][0].name == "a long name.png"


def test_images_of_the_same_name_are_replaced_in_their_domain_alone():
    added = index().added(["0.png", "1.png"], "cats", -VECTORS[:2])
    assert len(added.names) == 41  # 1.png of faces stays.
    rows = {(n, d): v for n, d, v in zip(added.names, added.domains, added.vectors)}
    np.testing.assert_array_equal(rows["0.png", "cats"], -VECTORS[0])
    np.testing.assert_array_equal(rows["1.png", "cats"], -VECTORS[1])
    np.testing.assert_array_equal(rows["1.png", "faces"], VECTORS[1])
    assert len(index().names) == 40


def says(message):
    return pytest.raises(InputError, match=f"^{re.escape(message)}$")


def test_what_does_not_fit_is_refused():
    message = (
        "The index has the domains cats, faces. Received: 'dogs'. Use one of them, or none for all."
    )
    with says(message):
        index().query(QUERIES, among="dogs")
    with says("The index has the domains (none). Received: None. Add images to it."):
        EmbeddingIndex("c0ffee").query(QUERIES)
    message = (
        "`neighbours` must be at least 1 and `metric` one of cosine, l2. Received: {}. Change them."
    )
    with says(message.format("neighbours=0, metric='cosine'")):
        index().query(QUERIES, neighbours=0)
    with says(message.format("neighbours=5, metric='l1'")):
        index().query(QUERIES, metric="l1")
    message = (
        "Vectors must be as long as those of the index. Received: vectors of shape (2, 5) for "
        "(40, 7). Embed all images by one model."
    )
    for refused in (lambda x: index().query(x), lambda x: index().added("ab", "cats", x)):
        with says(message):
            refused(np.zeros((2, 5)))
    message = (
        "An index must be of the model that it is used with, in the same weights. Received: an "
        "index of the weights c0ffeec0... for badbadba.... Use the model that made the "
        "index, or make an index of the images by this one."
    )
    with says(message):
        index().check_model("bad" * 20)
    index().check_model("c0ffee" * 10)
    wrong = (
        "An index must have one name and one domain for each vector of finite numbers, `[count, "
        "length]`. Received: {} names, 1 domains and vectors of shape {}. Make it again of the "
        "images."
    )
    for names, vectors in (("ab", [[1.0]]), ("a", [1.0]), ("a", [[np.nan]])):
        with says(wrong.format(len(names), np.shape(vectors))):
            EmbeddingIndex("c0ffee", names, ["cats"], vectors)


class Pickled:
    """Would write a file if it were unpickled."""

    def __reduce__(self):
        return (open, ("unpickled", "w"))


def test_files_that_are_no_index_are_refused_and_nothing_is_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    index().save("good.npz")
    content = (tmp_path / "good.npz").read_bytes()
    arrays = dict(np.load("good.npz"))
    middle = len(content) // 2
    (tmp_path / "cut.npz").write_bytes(content[:middle])
    changed = bytes([content[middle] ^ 1])
    (tmp_path / "changed.npz").write_bytes(content[:middle] + changed + content[middle + 1 :])
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "text.npz").write_bytes(b"Dear diary")
    np.save(tmp_path / "array.npz.npy", VECTORS)
    np.savez("fewer.npz", **{name: arrays[name] for name in ("sha256", "names", "vectors")})
    np.savez("other.npz", **{**arrays, "names": np.arange(40)})
    np.savez("objects.npz", **{**arrays, "names": np.array([Pickled()], "object")})
    files = [*tmp_path.iterdir(), tmp_path / "none.npz", tmp_path]
    files.remove(tmp_path / "good.npz")
    for file in files:
        with pytest.raises(InputError) as caught:
            EmbeddingIndex.load(file)
        message = (
            "An index must be a whole NPZ file of sha256, names, domains and vectors. Received: "
            f"{str(file)!r} (REASON). Check the spelling. Make it again of the images if it is "
            "damaged."
        )
        assert re.fullmatch(re.escape(message).replace("REASON", ".+"), str(caught.value))
    assert not (tmp_path / "unpickled").exists()


def test_without_a_library_the_extra_is_named(monkeypatch):
    for library in ("faiss", "sklearn.neighbors"):
        monkeypatch.setitem(sys.modules, library, None)
    message = (
        "An index is searched by scikit-learn, or by FAISS. Received: no sklearn.neighbors. "
        "Install it by `pip install tfpix2pix[index]`."
    )
    with says(message):
        index().query(QUERIES)
