"""Files of pix2pixHD become a run that translates scenes as PyTorch does."""

import re

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra [torch] is not installed")

from tests.cases.families import write_streets
from tests.torch_reference import saved
from tfpix2pix import InputError, inference, load_run
from tfpix2pix.checkpointing import saved_values
from tfpix2pix.data import codecs
from training import finish, import_checkpoint
from training.benchmarks import pytorch_pix2pixhd as scenes

pytestmark = pytest.mark.torch
CLASSES, FEATURES = 5, 2
SIZES = {"halvings": 3, "blocks": 1}


def channels_first(image):
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))[np.newaxis]).float()


def scene_networks(kind):
    """Returns a generator of five classes, boundaries and two features; encoder; discriminator."""
    channels = CLASSES + 1 + FEATURES
    generators = {
        "global": lambda: scenes.GlobalGenerator(channels, filters=4, **SIZES),
        "local": lambda: scenes.LocalEnhancer(channels, filters=2, local_blocks=1, **SIZES),
    }
    return {
        "G": generators[kind](),
        "E": scenes.GlobalGenerator(3, FEATURES, filters=2, halvings=3, blocks=0),
        "D": scenes.MultiscaleDiscriminator(CLASSES + 4, 4, layers=2),
    }


@pytest.mark.parametrize("kind", ["global", "local"])
def test_files_of_pix2pixhd_are_a_run_that_translates_scenes(tmp_path, capsys, kind):
    networks = scene_networks(kind)
    g, e, d = saved(tmp_path, **networks)
    centroids = np.full((CLASSES, 3, FEATURES), np.nan)
    centroids[:3] = np.random.default_rng(0).uniform(-1, 1, (3, 3, FEATURES))
    np.save(tmp_path / "features_clustered_003.npy", centroids)
    folder = tmp_path / "run"
    appearances = tmp_path / "features_clustered_003.npy"
    import_checkpoint.main(g, folder, d, encoder=e, appearances=appearances)
    printed = capsys.readouterr().out
    assert printed.startswith(f"{folder} is a run of pix2pixhd.\ngenerator: ")
    assert printed.endswith("imported.\nappearances: of features_clustered_003.npy, imported.\n")
    assert printed.count(", imported.\n") == 4

    data = write_streets(tmp_path / "data", splits=[("test", 1)])
    label, ids, photo = (
        codecs.read(data / f"test_{place}/town_0_{place}Ids.png")
        for place in ("label", "inst", "img")
    )
    condition = scenes.shown(
        channels_first(np.eye(CLASSES)[label[..., 0]] * 2 - 1), channels_first(ids.astype("int32"))
    )

    def expected(features):
        with torch.no_grad():
            made = networks["G"](torch.cat([condition, features], 1))
        return made[0].permute(1, 2, 0).numpy()

    run = load_run(folder)
    assert run.config.untrained == ()
    options = run.config.model
    assert (options.instance_features, options.clusters, options.encoder_filters) == (2, 3, 2)
    _, direction = run.direction()
    # The second appearance of every class; classes without any have features of zeros.
    known = np.nan_to_num(centroids)[label[..., 0], 1]
    values = {"instances": ids.astype("int32"), "appearance": np.ones(label.shape, "int32")}
    of_appearances = inference.translate_in(
        direction, direction.task.source(label)[np.newaxis], values
    )[0]
    np.testing.assert_allclose(of_appearances, expected(channels_first(known)), atol=1e-4)
    pixels = (np.asarray(of_appearances) + 1) * 127.5
    written = run.translate(label, **values)
    assert np.abs(written - pixels).max() < 0.51

    image = (photo / 127.5 - 1).astype("float32")
    with torch.no_grad():
        encoded = networks["E"](channels_first(image))
    means = scenes.instance_means(encoded, channels_first(ids.astype("int32")))
    of_photo = inference.translate_in(
        direction,
        direction.task.source(label)[np.newaxis],
        {"instances": ids.astype("int32"), "photo": image},
    )[0]
    np.testing.assert_allclose(of_photo, expected(means), atol=1e-4)
    assert np.abs(of_photo - of_appearances).max() > 0.05, "features count"
    kernel = saved_values(run.checkpoint)[
        "discriminator/scale1_patch1_conv/kernel/.ATTRIBUTES/VARIABLE_VALUE"
    ]
    theirs = networks["D"].state_dict()["scale1_layer0.0.weight"].numpy()
    np.testing.assert_array_equal(kernel, theirs.transpose(2, 3, 1, 0))


def test_an_encoder_without_appearances_finds_them_in_data(tmp_path, capsys):
    g, e = saved(tmp_path, **{n: x for n, x in scene_networks("global").items() if n != "D"})
    run = tmp_path / "run"
    import_checkpoint.main(g, run, encoder=e)
    assert capsys.readouterr().out.endswith(
        "\nUntrained, for no file was given for them: discriminator.\n"
        f"Before it translates: python -m training.finish --run {run} --data DATA\n"
    )
    finish.main(run, write_streets(tmp_path / "data"))
    assert capsys.readouterr().out == (
        f"{run} has the state that it translates by, after steps 0.\n"
    )
    assert list(load_run(run).directions) == ["translate"]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (
            (6, 3, 2),
            "Appearances must be of the generator's classes, 0 to 4. Received: those of 5. Give "
            "the file of its training.",
        ),
        (
            (5, 3, 1),
            "The files of a run must be of networks that were trained together. Received: "
            "instance_features is 2 in encoder, 1 in appearances. Give the files of one training, "
            "or fewer of them.",
        ),
    ],
)
def test_appearances_of_another_training_are_refused(tmp_path, shape, message):
    g, e, _ = saved(tmp_path, **scene_networks("global"))
    np.save(tmp_path / "file.npy", np.ones(shape))
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        import_checkpoint.main(g, tmp_path / "run", encoder=e, appearances=tmp_path / "file.npy")
    assert not (tmp_path / "run").exists()
