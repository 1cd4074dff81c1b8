import json
import random

import numpy as np
import pytest

from tfpix2pix.data import images, pipeline, sources
from tfpix2pix.data.geometry import Geometry

pytestmark = [pytest.mark.slow, pytest.mark.torch]


def test_both_contenders_of_the_data_benchmark_do_the_same_work(facades):
    reference_data = pytest.importorskip("training.reference_data")
    random.seed(0)
    pairs = sources.pairs(facades)
    geometry = Geometry((48, 48), kernels=("bicubic", "bicubic"))
    ours = list(pipeline.evaluation_batches(pairs, geometry))
    reference = reference_data.AlignedPairs(facades / "train", load_size=48, image_size=48)
    for (source, target), theirs in zip(ours, reference):
        for image, other in ((source, theirs["A"]), (target, theirs["B"])):
            pixels = images.to_pixels(image)[0].numpy().astype(int)
            restated = np.rint((other.numpy().transpose(1, 2, 0) + 1) * 127.5)
            straight, mirrored = (np.abs(pixels - r).mean() for r in (restated, restated[:, ::-1]))
            # Pillow clips between its passes what overshoots, TensorFlow at the end.
            assert min(straight, mirrored) < 0.7


def test_the_data_benchmark_prints_a_table_and_writes_its_numbers(facades, tmp_path, capsys):
    from training import benchmark

    options = {"rounds": 2, "pairs": 3, "steps": 0, "batches": 20}
    benchmark.data(facades, to=tmp_path / "data.json", **options)
    printed = capsys.readouterr().out
    measured = json.loads((tmp_path / "data.json").read_text())
    contenders = ["tfpix2pix", "tfpix2pix, cached", "PyTorch"]
    assert [len(measured["pairs_per_second"][name]) for name in contenders] == [2, 2, 2]
    assert len(measured["memory"]) == 10
    for name in contenders:
        assert name in printed
    assert "1.00" in printed
