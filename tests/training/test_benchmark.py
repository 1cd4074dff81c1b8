import json
import random
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cases.families import write_domains
from tfpix2pix import InputError, load_run
from tfpix2pix.data import images, pipeline, sources
from tfpix2pix.data.geometry import Geometry
from training.benchmarks import step, worker

pytestmark = [pytest.mark.slow, pytest.mark.torch]
MODES = ((), ("channels_last",), ("compiled",), ("bfloat16",), ("bfloat16", "compiled"))


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
            # Pillow clips between its passes what overshoots, TensorFlow at the end.
            assert distance(pixels, restated) < 0.7


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
    benchmark.step(to=tmp_path / "step.json", other=Path(sys.executable), **options)
    printed = capsys.readouterr().out
    measured = json.loads((tmp_path / "step.json").read_text())
    pytorch = [", ".join(["PyTorch", *modes]) for modes in MODES]
    left_out = measured["left_out"]
    for kind, names in {
        "step": ["tfpix2pix", "tfpix2pix, bfloat16", *pytorch, "tutorial", "tutorial, no oneDNN"],
        "translate": [
            *("tfpix2pix", "tfpix2pix, bfloat16"),
            *("tfpix2pix, exported", "tfpix2pix, exported, bfloat16"),
            *pytorch,
            *("ONNX Runtime", "OpenVINO", "OpenVINO, bfloat16"),
        ],
    }.items():
        here = [n for n in names if f"{kind}: {n}" not in left_out]
        in_other = [f"{n}, other" for n in here if n.startswith("tfpix2pix")]
        assert list(measured[kind]) == [*here, *in_other]
        for name, result in measured[kind].items():
            assert f"\n{name} " in printed
            assert len(result["seconds"]) == 2
            assert result["peak_megabytes"] > 30
        assert measured[kind]["PyTorch, compiled"]["first"] > 1
    assert printed.count("compiling, at its first run") >= 2
    assert "  of PyTorch  of tutorial  of PyTorch's best\n" in printed
    for kind in ("convolution backward_weights", "reorder"):
        assert 0 < measured["trace"][kind] < 1
        assert kind in printed


def test_another_family_is_measured_by_its_preset():
    pytest.importorskip("torch")
    table = worker.contenders("cyclegan")
    modes = [", ".join(["PyTorch", *modes]) for modes in MODES]
    assert list(table["step"]) == ["tfpix2pix", "tfpix2pix, bfloat16", *modes]
    assert list(table["translate"])[-1] == "OpenVINO, bfloat16"
    options = worker.Options("cyclegan_small", size=32, filters=2, batch=1)
    for name in ("tfpix2pix", "PyTorch, bfloat16"):
        table["step"][name].build(options)()
    model, directions = worker.experiment(options)
    assert list(directions) == ["AtoB", "BtoA"]
    first_kernel = model.players["discriminator_A"].trainable_variables[0]
    assert first_kernel.shape == (4, 4, 3, 2)


def test_pytorch_s_gradients_in_bfloat16_are_those_of_float32_but_for_rounding():
    """Those of the generator; batch norm over few pixels makes much of the rounding, 0.12 here."""
    torch = pytest.importorskip("torch")
    from training.benchmarks import pytorch_step

    def gradients(bfloat16):
        torch.manual_seed(0)
        networks = pytorch_step.UNet(5, 8, dropout=False), pytorch_step.PatchGAN(6, 4)
        for network in networks if bfloat16 else ():
            network.forward = worker._rounded(network.forward)
        step = pytorch_step.Step(*networks)
        step(*torch.rand(2, 2, 3, 64, 64).mul(2).sub(1))
        return torch.cat([parameter.grad.ravel() for parameter in networks[0].parameters()])

    exact, rounded = map(gradients, (False, True))
    assert 1e-4 < (rounded - exact).norm() / exact.norm() < 0.2


def test_a_table_gives_ratios_of_pytorch_and_of_its_best_mode():
    def result(*seconds):
        return {"seconds": seconds, "peak_megabytes": 1000, "first": 30.0}

    kinds = {
        "tfpix2pix": result(1, 2, 3),
        "PyTorch": result(4, 8, 4),
        "PyTorch, compiled": result(2, 4, 2),
    }
    missing = {"translate: OpenVINO, bfloat16": ["openvino", "bfloat16"]}
    results = {"step": kinds, "translate": kinds, "left_out": missing, "trace": {"reorder": 0.5}}
    lines = step.table(results)
    assert lines[0].endswith("  of PyTorch  of PyTorch's best")
    assert [line.split() for line in lines[1:5]] == [
        ["tfpix2pix", "2.000", "1.000", "3.000", "1000", "0.25", "0.50"],
        ["PyTorch", "4.000", "4.000", "8.000", "1000", "1.00", "2.00"],
        ["PyTorch,", "compiled", "2.000", "2.000", "4.000", "1000", "0.50", "1.00"],
        ["compiling,", "at", "its", "first", "run", "30.000"],
    ]
    assert "left out: translate: OpenVINO, bfloat16, without openvino and bfloat16" in lines
    assert lines[-1] == "reorder                               0.5000  100.0%"


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


def test_the_unpaired_quality_benchmark_evaluates_both_runs_alike(tmp_path, capsys, monkeypatch):
    from training import benchmark
    from training.evaluation import domain_classifier

    monkeypatch.setattr(domain_classifier, "STEPS", 2)
    data = write_domains(tmp_path / "data")
    to = tmp_path / "quality"
    options = {"size": 32, "filters": 2, "steps": 3, "seed": 5}
    written = []
    for _ in range(2):  # What is finished is not repeated.
        benchmark.unpaired_quality(data, to, **options)
        written.append((to / "PyTorch/config.yaml").stat().st_mtime_ns)
    assert written[0] == written[1]
    printed = capsys.readouterr().out
    measured = json.loads((to / "quality.json").read_text())
    for direction in ("AtoB", "BtoA"):
        for name in ("tfpix2pix", "PyTorch"):
            assert f"{direction} {name}" in printed
            assert 0.05 < measured[direction][name]["cycle_l1"] < 2
            assert np.isfinite(list(measured[direction][name].values())).all()
        assert "cycle_l1" not in measured[direction]["input"]
    assert (to / "quality.png").stat().st_size > 1000
    # The run that was imported translates as PyTorch's network does.
    torch = pytest.importorskip("torch")
    reference = pytest.importorskip("training.benchmarks.pytorch_cyclegan")
    network = reference.ResNet(6, 2)
    network.load_state_dict(torch.load(to / "checkpoints/latest_net_G_B.pth"))
    source = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype("float32")
    with torch.no_grad():
        expected = network(torch.from_numpy(source.transpose(0, 3, 1, 2))).numpy()
    ours = load_run(to / "PyTorch").directions["BtoA"].network(source)
    np.testing.assert_allclose(ours, expected.transpose(0, 2, 3, 1), atol=1e-4)


def test_an_interrupted_training_of_the_reference_goes_on(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    program = pytest.importorskip("training.benchmarks.pytorch_cyclegan_train")
    monkeypatch.setattr(program, "SAVE_EVERY", 2)
    data = str(write_domains(tmp_path / "data"))
    options = {"size": 32, "filters": 2, "blocks": 1, "steps": 5, "seed": 3}
    program.main(data, tmp_path, **options)
    whole = torch.load(tmp_path / "latest_net_G_A.pth")
    progress = torch.load(tmp_path / "progress.pt")
    assert progress["step"] == 4
    assert [len(kept) for kept in progress["pools"].values()] == [4, 4]
    rates = [group["lr"] for name in "GD" for group in progress[name]["param_groups"]]
    # 3 of the 4 parts of the second half have been taken off before the fifth step.
    assert rates == pytest.approx([2e-4 / 4] * 2)
    program.main(data, tmp_path, **options)
    resumed = torch.load(tmp_path / "latest_net_G_A.pth")
    moved = (torch.cat([(resumed[n] - progress["G_A"][n]).abs().ravel() for n in whole])).max()
    assert 0 < moved < 2e-4  # One step of the last rate.


def test_unaligned_images_of_the_reference_are_ours_by_the_same_kernel(tmp_path):
    reference_data = pytest.importorskip("training.benchmarks.pytorch_data")
    random.seed(0)
    data = write_domains(tmp_path)
    domains = sources.unpaired(data)
    geometry = Geometry((48, 48), kernels=("bicubic", "bicubic"))
    ours = list(pipeline.unpaired_evaluation_batches(domains, geometry))
    reference = reference_data.UnalignedImages(data, load_size=48, image_size=48)
    assert len(reference) == 5
    b_images = [images.to_pixels(b)[0].numpy().astype(int) for _, b in ours[:3]]
    chosen = set()
    for _ in range(4):
        for index, (a, _) in enumerate(ours):
            pair = {
                domain: np.rint((image.numpy().transpose(1, 2, 0) + 1) * 127.5)
                for domain, image in reference[index].items()
            }
            a_image = images.to_pixels(a)[0].numpy().astype(int)
            assert distance(a_image, pair["A"]) < 0.7
            away = [distance(image, pair["B"]) for image in b_images]
            assert min(away) < 0.7
            chosen.add(int(np.argmin(away)))
    assert chosen == {0, 1, 2}


def distance(image, other):
    """Returns the mean difference of an image and another one, which may be mirrored."""
    return min(np.abs(image - other).mean(), np.abs(image - other[:, ::-1]).mean())
