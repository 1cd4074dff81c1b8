import json

import numpy as np
import pytest

from tfpix2pix.data import codecs, edges
from training import benchmark
from training.benchmarks import edge_scores


def rows(*indices, width=20):
    lines = np.zeros((30, width), bool)
    lines[list(indices)] = True
    return lines


@pytest.mark.parametrize(
    ("lines", "given", "expected"),
    [
        (rows(10), rows(12), [20, 20, 20, 20]),
        (rows(10), rows(13), [0, 20, 0, 20]),
        (rows(10, 20), rows(11), [20, 40, 20, 20]),
        (rows(10), rows(11, 20), [20, 20, 20, 40]),
        (rows(), rows(5), [0, 0, 0, 20]),
        (rows(5), rows(), [0, 20, 0, 0]),
    ],
)
def test_pixels_within_the_tolerance_match(lines, given, expected):
    assert edge_scores.matches(lines, given, 2).tolist() == expected


def test_thick_lines_count_as_thin_ones():
    thick = rows(9, 10, 11)
    near, drawn, found, given = edge_scores.matches(thick, rows(10), 2)
    assert near == drawn <= 20
    assert found == given == 20


@pytest.mark.parametrize("direction", ["AtoB", "BtoA"])
def test_the_benchmark_measures_every_method_on_held_out_pairs(tmp_path, capsys, direction):
    photo = np.zeros((64, 64, 3), "uint8")
    photo[16:48, 20:50] = 200
    halves = [photo, edges.extract(photo)]
    for split, pair in (("train", [photo, photo]), ("test", halves)):
        pair = pair if direction == "AtoB" else pair[::-1]
        codecs.write(np.hstack(pair), tmp_path / split / "1.png")
    benchmark.edges(tmp_path, [64, 32], direction, tmp_path / "edges.json")
    printed = capsys.readouterr().out
    measured = json.loads((tmp_path / "edges.json").read_text())
    assert list(measured) == ["64", "32"]
    for methods in measured.values():
        assert list(methods) == [*edges.METHODS, "sampled"]
        for method, scores in methods.items():
            assert f"  {method} " in printed
            assert scores["milliseconds"] > 0
    # Beside itself a drawing is perfect.
    exact = measured["64"]["oriented"]
    assert (exact["precision"], exact["recall"], exact["F"]) == (1, 1, 1)
    assert measured["32"]["oriented"]["recall"] > 0.8
    assert measured["64"]["xdog"]["F"] < 1
    assert " 1.000   1.000   1.000 " in printed


def test_nothing_drawn_and_nothing_given_score_nothing(tmp_path):
    blank = np.full((32, 64, 3), 255, "uint8")
    codecs.write(blank, tmp_path / "1.png")
    ((_, methods),) = edge_scores.measure(tmp_path, [32]).items()
    assert [methods["oriented"][name] for name in ("precision", "recall", "F")] == [0, 0, 0]
