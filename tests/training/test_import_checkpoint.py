"""Checkpoints of PyTorch become runs that translate, export and go on training."""

import dataclasses
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

from tests import torch_reference as reference
from tests.cases import restored_generator, smooth_images
from tests.cases.families import write_domains
from tests.torch_reference import saved
from tfpix2pix import InputError, importers, load_run, read_card, runs
from tfpix2pix.checkpointing import saved_values
from tfpix2pix.datasets import synthetic
from tfpix2pix.export import export
from tfpix2pix.families import pairs
from training import import_checkpoint
from training.engine import loop

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.torch


@pytest.mark.parametrize("norm", ["batch", "instance", "none", (torch.nn.BatchNorm2d, True)])
def test_a_unet_and_its_patchgan_are_a_run_that_exports_without_flags(tmp_path, capsys, norm):
    unet = reference.UNet(5, 4, (3, 1), norm=norm)
    g, d = saved(tmp_path, G=unet, D=reference.PatchGAN(4, 6, strided=2, norm=norm))
    run = tmp_path / "runs/imported"
    import_checkpoint.main(g, run, d)
    assert capsys.readouterr().out == (
        f"{run} is a run of pix2pix.\n"
        f"generator: unet_generator of {load_run(run).direction()[1].network.count_params():,} "
        "parameters, imported.\n"
        f"discriminator: patch_discriminator of {discriminator(d).count_params():,} parameters, "
        "imported.\n"
    )
    image = smooth_images((1, 32, 64, 3))
    restored = restored_generator(run)
    np.testing.assert_allclose(restored(image), reference.translated(unet, image), atol=1e-4)
    _, difference = export(restored, tmp_path / "exports/imported")
    assert difference < 1e-4
    options = runs.load_config(run).model
    assert (options.conventions, options.discriminator_filters) == ("pytorch", 6)
    assert (options.receptive_field, options.conditional) == (34, True)
    assert (
        options.norm == options.discriminator_norm == (norm if isinstance(norm, str) else "batch")
    )


def discriminator(path):
    state = importers.read_state_dict(path)
    return importers.imported_discriminator(state, source_channels=3, target_channels=1)[0]


def test_a_generator_alone_leaves_a_discriminator_that_is_named(tmp_path, capsys):
    (g,) = saved(tmp_path, G=reference.UNet(5, 4))
    import_checkpoint.main(g, tmp_path / "run")
    assert capsys.readouterr().out.endswith(
        "\nUntrained, for no file was given for them: discriminator.\n"
    )


def test_training_goes_on_with_a_preset_s_options(tmp_path):
    synthetic.write_pairs(tmp_path / "data/train", 2, (32, 32))
    patchgan = reference.PatchGAN(6, 4, strided=1, norm="instance")
    g, d = saved(tmp_path, G=reference.UNet(5, 4, norm="instance"), D=patchgan)
    run = tmp_path / "run"
    import_checkpoint.main(g, run, d, preset="facades_small")
    config = runs.load_config(run)
    assert (config.name, config.data.direction) == ("facades_small", "BtoA")
    assert config.train.steps == 40_000
    config = config.with_data(tmp_path / "data")
    assert pairs.completed(config, pairs.examples(config, "train")) == config
    before = restored_generator(run).get_weights()
    _, step = loop.train(config, run, until=1)
    after = restored_generator(run).get_weights()
    assert step == 1
    moved = max(np.abs(old - new).max() for old, new in zip(before, after))
    assert 0 < moved < 1e-3


@pytest.mark.parametrize("build", [reference.ResNet, reference.UNet])
def test_both_generators_and_discriminators_are_a_run_of_two_directions(tmp_path, build):
    size = 2 if build is reference.ResNet else 5
    options = {"norm": "instance"}
    networks = {
        "G_A": build(size, 4, (3, 1), **options),
        "G_B": build(size, 4, (1, 3), **options),
        "D_A": reference.PatchGAN(1, 6, strided=1, norm="instance"),
        "D_B": reference.PatchGAN(3, 6, strided=1, norm="instance"),
    }
    g_a, g_b, d_a, d_b = saved(tmp_path, **networks)
    folder = tmp_path / "run"
    import_checkpoint.main(g_a, folder, reverse=g_b, discriminator_A=d_a, discriminator_B=d_b)
    run = load_run(folder)
    assert (run.config.family, run.config.untrained) == ("cyclegan", ())
    side = 256 if build is reference.ResNet else 32
    assert run.config.data.image_size == (side, side)
    for name, source in (("G_A", (2, 32, 64, 3)), ("G_B", (2, 32, 64, 1))):
        direction = {"G_A": "AtoB", "G_B": "BtoA"}[name]
        image = smooth_images(source)
        expected = reference.translated(networks[name], image)
        translated = run.directions[direction].network(image)
        np.testing.assert_allclose(translated, expected, atol=1e-4)
    # The reference's D_A judges what G_A makes, hence images of B; and ours is called by them.
    players = saved_values(run.checkpoint)
    for name, player in (("D_A", "discriminator_B"), ("D_B", "discriminator_A")):
        kernel = players[f"{player}/patch1_conv/kernel/.ATTRIBUTES/VARIABLE_VALUE"]
        theirs = networks[name].state_dict()["model.0.weight"].numpy()
        np.testing.assert_array_equal(kernel, theirs.transpose(2, 3, 1, 0))
    grey = run.translate(np.zeros((37, 50, 3), "uint8"))
    assert (grey.shape, grey.dtype) == ((37, 50, 1), "uint8")
    _, difference = export(run.directions, tmp_path / "exports/imported")
    assert difference < 1e-4


def test_one_generator_is_a_run_of_its_direction_until_it_is_trained(tmp_path, capsys):
    # The reference's download script calls a published generator of either direction so.
    norm = (partial(torch.nn.InstanceNorm2d, track_running_stats=True), True)
    network = reference.ResNet(1, 4, norm=norm, dropout=True)
    (path,) = saved(tmp_path, G=network)
    folder = tmp_path / "run"
    import_checkpoint.main(path, folder, preset="cyclegan_tiny")
    assert capsys.readouterr().out.splitlines()[2:] == [
        "Statistics of instance norm are left out: as in the reference, nothing uses them.",
        "Untrained, for no file was given for them: generator_BtoA, discriminator_A, "
        "discriminator_B.",
    ]
    run = load_run(folder)
    assert list(run.directions) == ["AtoB"]
    image = smooth_images((1, 32, 32, 3))
    expected = reference.translated(network, image)
    np.testing.assert_allclose(run.directions["AtoB"].network(image), expected, atol=1e-4)
    message = "A direction must be one of AtoB. Received: 'BtoA'. Leave it out for AtoB."
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        run.translate(np.zeros((8, 8, 3), "uint8"), "BtoA")
    draws = [run.translate(np.zeros((16, 16, 3), "uint8"), samples=2, seed=1) for _ in range(2)]
    np.testing.assert_array_equal(*draws)
    assert (draws[0][0] != draws[0][1]).any(), "it has dropout"
    config = run.config.with_data(write_domains(tmp_path / "data"))
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, layout="auto"))
    runs.save_config(config, folder)
    loop.train(config, folder, until=1)
    assert list(load_run(folder).directions) == ["AtoB", "BtoA"]


def test_names_of_files_decide_where_a_network_fits_two_families(tmp_path):
    for name, family in (("G", "pix2pix"), ("G_A", "cyclegan")):
        (path,) = saved(tmp_path, **{name: reference.UNet(5, 4)})
        import_checkpoint.main(path, tmp_path / f"run_{name}")
        assert runs.load_config(tmp_path / f"run_{name}").family == family
    import_checkpoint.main(path, tmp_path / "as_pix2pix", preset="facades")
    assert runs.load_config(tmp_path / "as_pix2pix").family == "pix2pix"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"preset": "colorization"},
            "The networks of a preset must be those of the files. Received: colorization, whose "
            "generator has down1_conv/kernel:0 of shape (4, 4, 1, 4), where the file has "
            "down1_conv/kernel:0 of shape (4, 4, 3, 4). Start from another preset.",
        ),
        (
            {"encoder": True},
            "The files must be those of one family: pix2pix takes checkpoint, discriminator with a "
            "unet; cyclegan takes checkpoint, reverse, discriminator_A, discriminator_B with a "
            "resnet or unet; cut takes checkpoint, discriminator, projector with a resnet or "
            "antialiased; pix2pixhd takes checkpoint, discriminator, encoder, appearances with a "
            "global or enhanced. Received: checkpoint, encoder with a unet. Leave out what is not "
            "of the family.",
        ),
        (
            {"discriminator": True},
            "The files of a run must be of networks that were trained together. Received: bias is "
            "None in checkpoint, 'all' in discriminator. Give the files of one training, or fewer "
            "of them.",
        ),
        (
            {"reverse": True},
            "The state dict of a U-Net or ResNet has a kernel model.model.0.weight of 4x4 or "
            "model1_1.1.weight of 7x7 or model.1.weight of 7x7. Received: one that starts with "
            "'model.0.weight' of shape (4, "
            "6, 4, 4). Give a file such as latest_net_G.pth.",
        ),
        (
            {"discriminator_A": True},
            "Every weight must have its place. The first that differs: patch1_conv/kernel of shape "
            "(4, 4, 3, 4), for which the checkpoint has (4, 4, 6, 4) under 'model.0.weight'. Give "
            "a checkpoint of a U-Net, ResNet or PatchGAN as its authors build it.",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused(tmp_path, options, message):
    patchgan = reference.PatchGAN(6, 4, norm=(torch.nn.BatchNorm2d, True))
    g, d = saved(tmp_path, G=reference.UNet(5, 4), D=patchgan)
    options = {name: d if value is True else value for name, value in options.items()}
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        import_checkpoint.main(g, tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_generators_that_were_not_trained_together_are_refused(tmp_path):
    g_a, g_b = saved(tmp_path, G_A=reference.ResNet(2, 4), G_B=reference.UNet(5, 4))
    message = (
        "The files of a run must be of networks that were trained together. Received: blocks is 2 "
        "in checkpoint, None in reverse. Give the files of one training, or fewer of them."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        import_checkpoint.main(g_a, tmp_path / "run", reverse=g_b)


def test_a_run_that_exists_is_refused(tmp_path):
    message = (
        f"The run must be new. Received: {str(tmp_path)!r}, which exists. Use another --to folder."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        import_checkpoint.main(tmp_path / "latest_net_G.pth", tmp_path)


def program(module, *arguments):
    command = [sys.executable, "-m", module, *map(str, arguments)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout, result.stderr


@pytest.mark.slow
def test_by_command_files_become_a_run_that_is_exported_and_trained_on(tmp_path):
    g_a, d_a = saved(tmp_path, G_A=reference.ResNet(1, 4), D_A=reference.PatchGAN(3, 4))
    run = tmp_path / "run"
    command = ("training.import_checkpoint", g_a, "--discriminator_A", d_a, "--to", run)
    status, output, errors = program(*command, "--preset", "cyclegan_tiny")
    assert status == 0, errors
    assert output.startswith(f"{run} is a run of cyclegan.\ngenerator_AtoB: resnet_generator of ")
    status, output, errors = program(*command)
    assert (status, output) == (1, "")
    assert errors.splitlines()[-1].startswith("error: The run must be new. Received: ")
    status, output, errors = program("serving.export", "--run", run, "--to", tmp_path / "horses")
    assert status == 0, errors
    directions = read_card(tmp_path / "horses/1")["directions"]
    assert [direction["name"] for direction in directions] == ["AtoB"]
    data = ("--data", write_domains(tmp_path / "data"), "--run", tmp_path / "tuned")
    size = ("--model.blocks", 1, "--model.base_filters", 4, "--model.receptive_field", 70)
    start = ("--train.steps", 1, "--train.start_from", run)
    status, output, errors = program("training.train", "cyclegan_tiny", *data, *size, *start)
    assert status == 0, errors
    assert f"From {run}: " in output
    assert list(load_run(tmp_path / "tuned").directions) == ["AtoB", "BtoA"]
    _, output, _ = program("training.import_checkpoint", "--help")
    assert "File such as latest_net_G_B.pth." in " ".join(output.split())
