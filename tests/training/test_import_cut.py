"""Files of contrastive-unpaired-translation become runs that translate and go on training."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

from tests import torch_reference as reference
from tests.cases import restored_generator, smooth_images
from tests.torch_reference import saved
from tfpix2pix import InputError, importers, load_run, runs
from training import import_checkpoint
from training.benchmarks import pytorch_cut

pytestmark = [pytest.mark.slow, pytest.mark.torch]


def files(folder, *, wrapped, **options):
    """Saves networks as on a CPU (wrapped) or a GPU; returns them and the paths."""
    networks = pytorch_cut.networks(4, units=16, **options)
    paths = saved(folder, **networks)
    for path in paths if wrapped else ():
        state = torch.load(path, weights_only=True)
        torch.save({f"module.{name}": value for name, value in state.items()}, path)
    return networks, paths


@pytest.mark.parametrize("antialiased", [True, False])
def test_files_become_a_run_of_the_same_networks(tmp_path, capsys, antialiased):
    options = {"antialiased": antialiased, "blocks": 7}
    networks, (g, d, f) = files(tmp_path, wrapped=antialiased, **options)
    run = tmp_path / "run"
    import_checkpoint.main(g, run, d, projector=f)
    printed = capsys.readouterr().out
    assert printed.startswith(f"{run} is a run of cut.\ngenerator: resnet_generator of ")
    assert "\nprojector: patch_projector of " in printed
    assert "Untrained" not in printed
    image = smooth_images((2, 32, 40, 3))
    expected = reference.translated(networks["G"], image)
    np.testing.assert_allclose(restored_generator(run)(image), expected, atol=1e-4)
    players = load_run(run).restored().model.players
    judged = reference.translated(networks["D"], image)
    np.testing.assert_allclose(players["discriminator"](image), judged, atol=1e-4)
    maps = load_run(run).model.maps(image)
    rows = [m[:, :2, :3].numpy().reshape(2, 6, -1) for m in maps]
    vectors = networks["F"]([torch.from_numpy(r.reshape(12, -1)) for r in rows])
    for ours, theirs in zip(players["projector"](rows), vectors):
        ours = ours.numpy().reshape(12, 16)
        ours /= np.linalg.norm(ours, axis=1, keepdims=True) + 1e-7
        np.testing.assert_allclose(ours, theirs.detach(), atol=1e-4)
    config = runs.load_config(run)
    assert (config.model.antialiased, config.model.receptive_field) == (antialiased, 70)
    # Their numbers 12 and 16 count blurs.
    blocks = ("block1", "block5") if antialiased else ("block3", "block7")
    assert config.model.features == ("image", "down1", "down2", *blocks)


def test_a_preset_decides_what_files_do_not(tmp_path, capsys):
    _, (g, d, _) = files(tmp_path, wrapped=False, blocks=6)
    import_checkpoint.main(g, tmp_path / "run", d, preset="fastcut_small")
    assert capsys.readouterr().out.endswith("no file was given for them: projector.\n")
    options = runs.load_config(tmp_path / "run").model
    assert (options.mirrored, options.antialiased, options.features) == ("half", True, None)


def test_files_that_do_not_fit_are_refused(tmp_path):
    state = {
        name: value.numpy() for name, value in pytorch_cut.Projector([3, 8], 4).state_dict().items()
    }
    state.pop("mlp_1.2.bias")
    message = (
        "A projection has two dense layers for each map, mlp_0.0 and mlp_0.2 those of the first. "
        "The first weight that differs: 'mlp_1.2.bias', of shape none instead of (4,). Give a file "
        "such as latest_net_F.pth."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        importers.imported_projector(state)
    _, (g, *_) = files(tmp_path, wrapped=False, blocks=6)
    (f,) = saved(tmp_path, F=pytorch_cut.Projector([3, 8], 4))
    message = (
        "The projection must be of the generator's maps image, down1, down2, block1, block5, of "
        "(3, 8, 16, 16, 16) channels. Received: one of (3, 8). Leave out the projector, which "
        "training makes anew."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        import_checkpoint.main(g, tmp_path / "run", projector=f)
    (g,) = saved(tmp_path, G=reference.ResNet(1, 4, norm="batch"))
    message = (
        "The networks must have instance norm, or none: one pass gives the features of several "
        "images. Received: 'batch' in checkpoint. Train on with the authors' code."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        import_checkpoint.main(g, tmp_path / "run", preset="cut")
