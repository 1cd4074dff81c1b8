import json
import re
import sys
from pathlib import Path

import pytest

from tfpix2pix import InputError
from training.benchmarks import step, worker

pytestmark = [pytest.mark.slow, pytest.mark.torch]
MODES = ((), ("channels_last",), ("compiled",), ("bfloat16",), ("bfloat16", "compiled"))


def options_of(preset, **sizes):
    return worker.options_of(worker.configured(preset, **sizes))


def test_the_step_benchmark_measures_all_contenders_in_turns(tmp_path, capsys):
    pytest.importorskip("torch")
    from training import benchmark

    options = {"size": 32, "filters": 2, "rounds": 2}
    benchmark.step(to=tmp_path / "step.json", other=Path(sys.executable), **options)
    printed = capsys.readouterr().out
    measured = json.loads((tmp_path / "step.json").read_text())
    pytorch = [", ".join(["PyTorch", *modes]) for modes in MODES]
    left_out = measured["left_out"]
    for kind, names in {
        "step": ["tfpix2pix", "tfpix2pix, bfloat16", *pytorch],
        "translate": [
            *("tfpix2pix", "tfpix2pix, bfloat16"),
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
    assert "  of PyTorch  of PyTorch's best\n" in printed


def test_another_family_is_measured_by_its_preset():
    pytest.importorskip("torch")
    table = worker.contenders("cyclegan")
    modes = [", ".join(["PyTorch", *modes]) for modes in MODES]
    assert list(table["step"]) == ["tfpix2pix", "tfpix2pix, bfloat16", *modes]
    assert list(table["translate"])[-1] == "OpenVINO, bfloat16"
    options = options_of("cyclegan_small", size=32, filters=2)
    for name in ("tfpix2pix", "PyTorch, bfloat16"):
        table["step"][name].build(options)()
    model, directions = worker.experiment(options)
    assert list(directions) == ["AtoB", "BtoA"]
    first_kernel = model.players["discriminator_A"].trainable_variables[0]
    assert first_kernel.shape == (4, 4, 3, 2)


def test_networks_that_grow_are_measured_in_the_phase_of_a_size():
    pytest.importorskip("torch")
    for contenders in worker.contenders("twingan").values():
        for size, name in ((4, "tfpix2pix"), (16, "tfpix2pix"), (16, "PyTorch, bfloat16")):
            options = options_of("twingan_small", size=size, filters=8, batch=2)
            assert worker.experiment(options)[0].side == size
            contenders[name].build(options)()


def test_scenes_are_measured_with_labels_and_instances():
    pytest.importorskip("torch")
    options = options_of("streets_tiny", size=32, filters=4)
    assert (options.size, options.classes) == ([32, 64], 35)
    model, _ = worker.experiment(options)
    for player, count in (("generator", 36), ("discriminator", 39)):
        first_kernel = model.players[player].trainable_variables[0]
        assert tuple(first_kernel.shape[2:]) == (count, 4), player
    for kind, contenders in worker.contenders("pix2pixhd").items():
        for name in ("tfpix2pix", "PyTorch", "PyTorch, bfloat16"):
            made = contenders[name].build(options)()
            shape = made.shape if kind == "translate" else None
            assert shape in (None, (2, 32, 64, 3), (2, 3, 32, 64)), name
            if kind == "step" and name != "tfpix2pix":
                assert set(made) == {"discriminator_gan", "generator_gan", "generator_features"}


def test_one_direction_is_measured_with_blurs():
    pytest.importorskip("torch")
    options = options_of("fastcut_small", size=32, filters=4)
    for kind, contenders in worker.contenders("cut").items():
        for name in ("tfpix2pix", "PyTorch", "PyTorch, bfloat16"):
            made = contenders[name].build(options)()
            shape = made.shape if kind == "translate" else None
            assert shape in (None, (1, 32, 32, 3), (1, 3, 32, 32)), name
            if kind == "step" and name != "tfpix2pix":
                assert set(made) == {"discriminator_gan", "generator_gan", "generator_nce"}


@pytest.mark.parametrize("preset", ["hints_tiny", "colorization"])
def test_what_is_made_of_photos_is_measured_with_its_channels_and_points(preset):
    pytest.importorskip("torch")
    options = options_of(preset, size=32, filters=4)
    has_points = preset == "hints_tiny"
    assert (options.channels, options.points) == ((1, 2), 64 if has_points else 0)
    _, *points, _ = worker._examples(options)
    if has_points:
        is_hint = points[0][..., 2] >= 0
        assert (is_hint.sum(1) == worker.HINTS).all()
        ends = [points[0][..., :2] + sign * points[0][..., 2:3] for sign in (-1, 1)]
        assert ends[0][is_hint].min() >= 0
        assert ends[1][is_hint].max() <= 31
    family = "hints" if has_points else "pix2pix"
    for kind, contenders in worker.contenders(family).items():
        for name in ("tfpix2pix", "PyTorch", "PyTorch, bfloat16"):
            made = contenders[name].build(options)()
            shape = made.shape[1:] if kind == "translate" else None
            assert shape in (None, (32, 32, 2), (2, 32, 32)), name
            if kind == "step" and name != "tfpix2pix":
                terms = {"discriminator_gan", "generator_gan", "generator_l1"}
                assert set(made) == terms | ({"generator_hints"} if has_points else set())


def test_pytorch_s_gradients_in_bfloat16_are_those_of_float32_but_for_rounding():
    """Those of the generator; batch norm over few pixels makes much of the rounding, 0.12 here."""
    torch = pytest.importorskip("torch")
    from training.benchmarks import pytorch_pix2pix

    def gradients(bfloat16):
        torch.manual_seed(0)
        generator = pytorch_pix2pix.UNet(5, 8, dropout=False)
        networks = {"G": generator, "D": pytorch_pix2pix.PatchGAN(6, 4)}
        for network in networks.values() if bfloat16 else ():
            network.forward = worker._rounded(network.forward)
        step = pytorch_pix2pix.Step(networks)
        step(*torch.rand(2, 2, 3, 64, 64).mul(2).sub(1))
        return torch.cat([parameter.grad.ravel() for parameter in generator.parameters()])

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
    results = {"step": kinds, "translate": kinds, "left_out": missing}
    lines = step.table(results)
    assert lines[0].endswith("  of PyTorch  of PyTorch's best")
    assert [line.split() for line in lines[1:5]] == [
        ["tfpix2pix", "2.000", "1.000", "3.000", "1000", "0.25", "0.50"],
        ["PyTorch", "4.000", "4.000", "8.000", "1000", "1.00", "2.00"],
        ["PyTorch,", "compiled", "2.000", "2.000", "4.000", "1000", "0.50", "1.00"],
        ["compiling,", "at", "its", "first", "run", "30.000"],
    ]
    assert lines[-1] == "left out: translate: OpenVINO, bfloat16, without openvino and bfloat16"


def test_the_step_benchmark_refuses_sizes_that_are_no_powers_of_2():
    from training import benchmark

    message = "`size` must be a power of 2, at least 32. Received: size=100. Use 128 or 64."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        benchmark.step(size=100)
    message = "`size` must be a power of 2, at least 4. Received: size=2. Use 4."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        benchmark.step("twingan_small", size=2)
