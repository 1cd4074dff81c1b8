import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfpix2pix import InputError, checkpointing, losses, runs
from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.data import codecs
from tfpix2pix.data.palettes import CMP_FACADES
from tfpix2pix.datasets import synthetic
from tfpix2pix.families import pix2pix
from tfpix2pix.families.pix2pix import Pix2PixConfig
from tfpix2pix.inference import Direction
from tfpix2pix.networks import patch_discriminator
from training import ablation
from training.evaluation import ablations, segmenters

BASE = ExperimentConfig(
    name="tiny",
    summary="",
    data=DataConfig(direction="BtoA", image_size=64, load_size=64),
    model=Pix2PixConfig(base_filters=2),
    train=TrainConfig(steps=2),
)


def config_of(size, folder=None):
    data = DataConfig(folder, direction="BtoA", image_size=size, load_size=size)
    return dataclasses.replace(BASE, data=data)


def test_the_rows_are_those_of_the_paper():
    planned = ablations.plan(config_of(128), Path("out"), ["losses", "generator", "patch"], 1)

    def options(table, *names):
        return {
            row: tuple(getattr(config.model, name) for config in runs.values() for name in names)
            for row, runs in planned[table].items()
        }

    # L1 weight, GAN weight, whether the discriminator sees the source (tables 1 and 2).
    assert options("losses", "l1_weight", "gan_weight", "conditional") == {
        "L1": (100, 0, True),
        "GAN": (0, 1, False),
        "cGAN": (0, 1, True),
        "L1+GAN": (100, 1, False),
        "L1+cGAN": (100, 1, True),
    }
    assert options("generator", "skips", "gan_weight", "l1_weight") == {
        "enc-dec L1": (False, 0, 100),
        "enc-dec L1+cGAN": (False, 1, 100),
        "U-Net L1": (True, 0, 100),
        "U-Net L1+cGAN": (True, 1, 100),
    }
    fields = {"1x1": (1,), "16x16": (16,), "70x70": (70,), "286x286": (286,)}
    assert options("patch", "receptive_field") == fields


def test_rows_that_are_the_same_are_one_run_and_seeds_are_several():
    planned = ablations.plan(BASE, Path("out"), ["losses", "generator", "patch"], 2)
    whole = {Path("out/runs/paper,seed=0"), Path("out/runs/paper,seed=1")}
    rows = (("losses", "L1+cGAN"), ("generator", "U-Net L1+cGAN"), ("patch", "70x70"))
    assert all(set(planned[table][row]) == whole for table, row in rows)
    runs = {
        run: config for t in planned.values() for row in t.values() for run, config in row.items()
    }
    assert len(runs) == 2 * 9  # 5 losses, 2 of the other generator, 2 more patches at 64 pixels.
    assert len({(config.model, config.train.seed) for config in runs.values()}) == len(runs)


def test_a_patch_is_left_out_exactly_where_the_discriminator_refuses_the_size():
    for field in (70, 286):
        least = ablations.least_size(field)
        below = least - least // 3  # The next smaller size that halves as often.
        patch_discriminator((least, least, 3), receptive_field=field, base_filters=1)
        with pytest.raises(InputError):
            patch_discriminator((below, least, 3), receptive_field=field, base_filters=1)
    planned = ablations.plan(config_of(32), Path("out"), ["patch"], 1)
    assert list(planned["patch"]) == ["1x1", "16x16", "70x70"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (64, ["losses", "colour"], 1),
            "`tables` must be of losses, generator, patch. Received: colour. Use for example "
            "--tables losses,patch.",
        ),
        (
            (96, ["patch"], 1),
            "`size` must be a power of 2, at least 32, and `seeds` at least 1. Received: size=96, "
            "seeds=1. Use --size 64 --seeds 1.",
        ),
        (
            (32, ["patch"], 0),
            "`size` must be a power of 2, at least 32, and `seeds` at least 1. Received: size=32, "
            "seeds=0. Use --size 64 --seeds 1.",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused(arguments, message):
    size, tables, seeds = arguments
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        ablations.plan(config_of(size), Path("out"), tables, seeds)


def test_tables_tell_means_and_deviations_over_seeds():
    tables = {
        "patch": {
            "1x1": {"L1": [0.1, 0.2, 0.6], "SSIM": [0.5, 0.5, 0.5]},
            "target": {"L1": [0.0], "SSIM": [1.0]},
        }
    }
    lines = ablations.markdown(tables, {"size": 64, "steps": 3}).splitlines()
    assert lines[:3] == ["# Ablations", "", "size 64, steps 3"]
    start = lines.index("| patch | L1 | SSIM |")
    # The deviation of 0.1, 0.2, 0.6 is sqrt((0.04 + 0.01 + 0.09) / 2).
    assert lines[start + 1 : start + 4] == [
        "| --- | --- | --- |",
        "| 1x1 | 0.300 ± 0.265 | 0.500 ± 0.000 |",
        "| target | 0.000 | 1.000 |",
    ]
    assert (
        "Measured by the image, patches are here as in the paper's images of 256: 1 pixels like 4, "
        "16 pixels like 64, 70 pixels like 280." in lines[start + 5]
    )
    assert lines[start + 5].endswith("286x286 is left out, for it needs images of 96 pixels.")
    assert lines[-1] == "![patch](patch.png)"


class _ByColor(tf.Module):
    """Segments label maps: the nearest of the colours of the classes."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def __call__(self, photo):
        colors = tf.constant(synthetic.LABEL_COLORS / 127.5 - 1, "float32")
        return -tf.reduce_sum((photo[..., tf.newaxis, :] - colors) ** 2, axis=-1)


@pytest.fixture(scope="module")
def by_color(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segmenters") / "by_color"
    colors = [list(color) for color in CMP_FACADES.values()]
    segmenters.save(_ByColor(), {"names": list(CMP_FACADES), "colors": colors}, folder)
    return folder


def test_a_judge_tells_the_source_from_the_target(facades, by_color, monkeypatch):
    """Whoever answers with the label map itself scores 1 by the labels, and little by the photo."""
    monkeypatch.setattr(ablations, "JUDGED_AT_ONCE", 2)  # Of 3 pairs.
    judge = ablations.Judge(config_of(32, str(facades)), by_color)
    same = tf.keras.Sequential([tf.keras.layers.Activation("linear", input_shape=(None, None, 3))])
    scores, pictures = judge.score(Direction(same, judge.task, multiple=1))
    for picture, source in zip(pictures, judge.sources):
        np.testing.assert_array_equal(picture, source)
    assert [scores[name] for name in ("pixel", "class", "IoU")] == [1, 1, 1]
    pairs = list(judge.pairs)
    distance = np.concatenate([losses.l1(target, source) for source, target in pairs])
    assert len(distance) == 3
    assert scores["L1"] == pytest.approx(distance.mean(), rel=1e-5)
    assert scores["SSIM"] < 0.9

    scores, pictures = judge.score()
    assert scores["pixel"] < 0.9
    assert scores["L1"] == 0
    exact = [scores[name] for name in ("SSIM", "Lab", "sharpness")]
    assert exact == pytest.approx([1, 1, 1], abs=1e-5)
    shown = np.rint((pairs[0][1][0].numpy() + 1) * 127.5)
    np.testing.assert_array_equal(pictures[0], shown)


def test_a_row_is_not_trained_twice_nor_taken_for_a_shorter_one(tmp_path):
    model = Pix2PixConfig(base_filters=4, depth=2)
    config = dataclasses.replace(config_of(32, "no-data"), model=model)
    untrained = pix2pix.model(config)
    runs.save_config(config, tmp_path)
    saved = checkpointing.checkpoint(untrained, tf.Variable(2, dtype="int64"))
    tf.train.CheckpointManager(saved, tmp_path / "checkpoints", 1).save(checkpoint_number=2)
    network = ablations.trained(config, tmp_path).network  # Its data is not there to be trained on.
    assert len(network.weights) == len(untrained.generator.weights)
    for weight, other in zip(network.weights, untrained.generator.weights):
        np.testing.assert_array_equal(weight, other)

    shorter = dataclasses.replace(config, train=TrainConfig(steps=1))
    message = (
        f"All rows must be trained for 1 steps. Received: 2 for {tmp_path}. Run the same command "
        "again if it was stopped, else use another --to folder."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        ablations.trained(shorter, tmp_path)


@pytest.mark.slow
def test_one_command_writes_tables_and_pictures_and_trains_nothing_twice(
    facades, by_color, tmp_path, capsys
):
    options = {"tables": "patch", "size": 32, "steps": 1, "filters": 2, "segmenter": by_color}
    ablation.main(str(facades), tmp_path, **options)
    printed = capsys.readouterr().out
    written = json.loads((tmp_path / "ablation.json").read_text())
    assert printed == (tmp_path / "ablation.md").read_text() + "\n"
    assert list(written["tables"]["patch"]) == ["1x1", "16x16", "70x70", "target"]
    with Image.open(tmp_path / "patch.png") as picture:
        assert picture.size == (5 * 136 + 8, 3 * 136 + 8 + 32)
    trained = sorted((tmp_path / "runs").iterdir())
    assert [run.name for run in trained] == [
        "paper,seed=0",
        "receptive_field=1,seed=0",
        "receptive_field=16,seed=0",
    ]
    generator = runs.load_run(trained[1]).directions["translate"].network
    judge = ablations.Judge(config_of(32, str(facades)))
    l1 = np.mean([losses.l1(target, generator(source)) for source, target in judge.pairs])
    assert written["tables"]["patch"]["1x1"]["L1"] == [pytest.approx(l1, abs=1e-5)]

    before = {run: (run / "run.json").stat().st_mtime_ns for run in trained}
    ablation.main(str(facades), tmp_path, **options)
    assert {run: (run / "run.json").stat().st_mtime_ns for run in trained} == before
    assert json.loads((tmp_path / "ablation.json").read_text()) == written

    message = (
        f"A run goes on with the options it was started with. Received for {str(trained[1])!r}: "
        "model.base_filters 2 -> 4. Use those options or another --run folder."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        ablation.main(str(facades), tmp_path, **{**options, "filters": 4})


def test_grey_targets_are_refused(facades, tmp_path):
    for side, channels in (("A", 1), ("B", 3)):
        codecs.write(np.zeros((32, 32, channels), "uint8"), tmp_path / f"data/{side}/0.png")
    message = (
        "What is judged must be in colour. Received: targets of 1 channels. Use other data or the "
        "other --direction."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        ablation.main(str(tmp_path / "data"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
