"""What `training.benchmark growth` measures, on the least points of two lines."""

import json

import numpy as np
import pytest
from PIL import Image

from tfpix2pix import InputError
from training import benchmark
from training.benchmarks import scaling


@pytest.mark.slow
def test_trainings_and_translations_are_measured_and_drawn(tmp_path, capsys):
    files = {"to": tmp_path / "growth.json", "plot": tmp_path / "growth.png"}
    ballast = np.ones(2**28)  # The memory of who starts programs is not theirs.
    benchmark.growth(["workers", "whole"], rounds=1, most=512, **files)
    results = json.loads(files["to"].read_text("utf-8"))
    assert {name: list(points) for name, points in results.items()} == {
        "workers": ["1", "2"],
        "whole": ["512"],
    }
    assert results["whole"]["512"]["memory"][0] < ballast.nbytes / 1e6
    one, two = (results["workers"][count] for count in "12")
    assert list(one) == ["first step", "step", "memory"]
    assert list(results["whole"]["512"]) == ["program", "memory"]
    assert 0 < one["step"][0] < one["first step"][0]
    assert two["memory"][0] > 1.5 * one["memory"][0] > 300  # Two programs, each with TensorFlow.
    printed = capsys.readouterr().out
    assert "workers: workers; 128 pixels, 32 filters, batch 2\n" in printed
    assert "s until the first step" in printed
    with Image.open(files["plot"]) as picture:
        assert len(picture.getcolors(picture.width * picture.height)) > 20


def test_the_exponent_is_that_of_a_power_law():
    points = {size: {"step": [3e-6 * size**2], "memory": [7.0, 1.0, 7.0]} for size in (128, 256)}
    assert scaling.table({"size": points}) == [
        "size: pixels a side; 32 filters, batch 1",
        "     128      0.049 s a step       7.000 MB at most",
        "     256      0.197 s a step       7.000 MB at most  exponents 2.00, 0.00",
    ]


def test_what_is_unknown_does_not_grow():
    with pytest.raises(InputError) as caught:
        scaling.measure(["size", "depth"], rounds=1)
    assert str(caught.value) == (
        "What grows must be of size, batch, filters, images, workers, whole, strips. Received: "
        "depth. Rename or remove them."
    )
