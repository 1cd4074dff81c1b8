"""Files of appearances: read as they were written, and never run."""

import os
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

from tfpix2pix import InputError
from tfpix2pix.families import appearances

RULE = (
    "Appearances must be numbers alone: an .npy of [classes, clusters, features], or an .npz of "
    "[clusters, features] by the number of each class. Received: "
)
FOUND = {2: np.array([[0.25, -0.5], [1.0, 0.0]]), 7: np.array([[0.125, 0.75]])}
# What is read of it.
EXPECTED = {"2": [[0.25, -0.5], [1.0, 0.0]], "7": [[0.125, 0.75]]}


def lists(centroids):
    assert all(rows.dtype == "float32" for rows in centroids.values())
    return {number: rows.tolist() for number, rows in centroids.items()}


def test_rows_of_an_array_that_are_not_numbers_are_left_out(tmp_path):
    table = np.full((9, 3, 2), np.nan)
    for number, rows in FOUND.items():
        table[number, : len(rows)] = rows
    np.save(tmp_path / "file.npy", table)
    assert lists(appearances.read_centroids(tmp_path / "file.npy")) == EXPECTED


def test_the_reference_s_file_is_refused_and_read_as_the_error_says(tmp_path):
    path = tmp_path / "features_clustered_010.npy"
    np.save(path, FOUND)
    made = tmp_path / "features_clustered_010.npz"
    code = (
        f"import numpy as np; found = np.load({str(path)!r}, allow_pickle=True).item(); "
        f"np.savez({str(made)!r}, **{{str(k): v for k, v in found.items()}})"
    )
    message = (
        f"{RULE}{str(path)!r}, which holds pickled objects. Reading these runs whatever is in "
        "them; if you trust the file, give what this makes of it: "
        f'python -c "{code}"'
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        appearances.read_centroids(path)
    subprocess.run([sys.executable, "-c", code], check=True)
    assert lists(appearances.read_centroids(made)) == EXPECTED


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_no_code_of_a_file_is_run(tmp_path):
    attack = Attack(tmp_path / "ran")
    np.save(tmp_path / "array.npy", np.array([attack], dtype=object))
    (tmp_path / "plain.npy").write_bytes(pickle.dumps(attack))
    np.savez(tmp_path / "named.npz", **{"0": np.array([attack], dtype=object)})
    for name in ("array.npy", "plain.npy", "named.npz"):
        with pytest.raises(InputError, match="which holds pickled objects"):
            appearances.read_centroids(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("arrays", "received"),
    [
        ({"0": np.ones(3)}, "where class 0 has float64 of shape (3,), or numbers that are not "),
        ({"1": [[0.5, np.nan]]}, "where class 1 has float64 of shape (1, 2), or numbers that are "),
        ({"0": [["a"]]}, "where class 0 has <U1 of shape (1, 1), or numbers that are not finite"),
        ({"0": np.ones((1, 2)), "3": np.ones((1, 4))}, "whose classes have 2 and 4 features. Give"),
        ({"0": np.ones((0, 2))}, "whose classes have no features. Give such a file, with as many "),
    ],
)
def test_anything_else_is_refused_by_what_it_is(tmp_path, arrays, received):
    path = tmp_path / "file.npz"
    np.savez(path, **arrays)
    message = f"{RULE}{str(path)!r}, {received}"
    with pytest.raises(InputError, match=f"^{re.escape(message)}"):
        appearances.read_centroids(path)


def test_names_and_files_that_are_none_are_refused(tmp_path):
    np.savez(tmp_path / "file.npz", road=np.ones((1, 2)))
    (tmp_path / "text.npy").write_text("")
    for name in ("file.npz", "text.npy", "missing.npy"):
        message = f"{RULE}{str(tmp_path / name)!r} ("
        with pytest.raises(InputError, match=f"^{re.escape(message)}.+\\)\\. Give such a file\\.$"):
            appearances.read_centroids(tmp_path / name)
