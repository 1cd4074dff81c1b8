import json
import random
import re

import numpy as np
import pytest

from tfpix2pix import InputError
from tfpix2pix.data import images, pipeline, sources
from tfpix2pix.data.geometry import Geometry

pytestmark = [pytest.mark.slow, pytest.mark.torch]


def test_both_contenders_of_the_data_benchmark_do_the_same_work(facades):
    reference_data = pytest.importorskip("training.benchmarks.pytorch_data")
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


def test_the_step_benchmark_measures_all_contenders_in_turns(tmp_path, capsys):
    from training import benchmark

    options = {"size": 32, "filters": 2, "rounds": 2, "threads": 2}
    benchmark.step(to=tmp_path / "step.json", **options)
    printed = capsys.readouterr().out
    measured = json.loads((tmp_path / "step.json").read_text())
    tutorials = ["tutorial", "tutorial, no oneDNN"]
    assert list(measured["step"]) == ["tfpix2pix", "PyTorch", *tutorials]
    assert list(measured["translate"]) == ["tfpix2pix", "tfpix2pix, exported", "PyTorch"]
    for results in (measured["step"], measured["translate"]):
        for name, result in results.items():
            assert name in printed
            assert len(result["seconds"]) == 2
            assert result["peak_megabytes"] > 100
    for kind in ("convolution backward_weights", "reorder"):
        assert 0 < measured["trace"][kind] < 1
        assert kind in printed


def test_the_tutorial_s_networks_have_their_published_number_of_parameters():
    from training.benchmarks import tutorial

    assert tutorial.generator(256, 64).count_params() == 54_425_859
    assert tutorial.discriminator(256, 64).count_params() == 2_770_433


def test_the_step_benchmark_refuses_sizes_that_are_no_powers_of_2():
    from training import benchmark

    message = "`size` must be a power of 2, at least 32. Received: size=100. Use 128 or 64."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        benchmark.step(size=100)


def test_the_quality_benchmark_measures_what_both_make_of_the_same_pairs(facades, tmp_path, capsys):
    """The targets, measured by themselves, are what no translation can exceed."""
    from training import benchmark

    options = {"size": 32, "filters": 2, "steps": 3, "seed": 5}
    for _ in range(2):  # What is finished is not repeated.
        benchmark.quality(facades, tmp_path, **options)
    printed = capsys.readouterr().out
    measured = json.loads((tmp_path / "quality.json").read_text())
    assert measured["target"] == {
        "L1": 0,
        "SSIM": 1,
        "colour distance": 0,
        "sharpness ratio": pytest.approx(1),
    }
    translated = np.load(tmp_path / "translated.npy")
    assert translated.shape == np.load(tmp_path / "sources.npy").shape
    for name in ("tfpix2pix", "PyTorch"):
        assert name in printed
        assert 0.05 < measured[name]["L1"] < 1.5
        assert measured[name]["SSIM"] < 0.9
    assert (tmp_path / "quality.png").stat().st_size > 1000
