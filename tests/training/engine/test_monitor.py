import dataclasses
import json
import re

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.cases import restored_generator, smooth_images, tiny_pix2pix, values
from tfpix2pix import InputError, load_run, losses
from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.families import pix2pix
from tfpix2pix.families.pix2pix import Pix2PixConfig
from training.engine import loop
from training.engine.checkpoints import Checkpoints
from training.engine.fine_tuning import start_from
from training.engine.monitor import Monitor, validate
from training.engine.run_log import RunLog


@pytest.fixture
def config(facades):
    return ExperimentConfig(
        name="tiny",
        summary="",
        data=DataConfig(str(facades), direction="BtoA", image_size=32),
        model=Pix2PixConfig(base_filters=4, depth=3, receptive_field=16),
        train=TrainConfig(steps=6, checkpoint_every=2, log_every=2, seed=6),
    )


def changed(config, **train):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, **train))


def test_validation_is_the_mean_over_all_examples():
    model = tiny_pix2pix()
    batches = [(smooth_images((n, 32, 32, 3), n), smooth_images((n, 32, 32, 3))) for n in (2, 1)]
    expected = np.mean(
        np.concatenate([losses.l1(target, model.translate(source)) for source, target in batches])
    )
    assert validate(model, batches)["l1"] == pytest.approx(expected, rel=1e-6)


@pytest.mark.slow
def test_what_does_not_learn_stops_early_and_stays_stopped(config, tmp_path):
    config = changed(config, learning_rate=0.0, validate_every=1, patience=2, best_by="ssim")
    for _ in range(2):
        _, step = loop.train(config, tmp_path)
        assert step == 3
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert len({line["held_out/ssim"] for line in lines}) == 1
    best = list((tmp_path / "best").glob("ckpt-*.index"))
    assert [path.name for path in best] == ["ckpt-1.index"]
    best_run = load_run(tmp_path, best=True)
    assert (best_run.step, best_run.validation["ssim"]) == (1, lines[0]["held_out/ssim"])
    source = smooth_images((1, 32, 32, 3))
    np.testing.assert_array_equal(
        restored_generator(tmp_path, best=True)(source),
        restored_generator(tmp_path)(source),
    )


def test_a_training_rolls_back_to_the_last_checkpoint_but_not_for_ever(config, tmp_path):
    model = tiny_pix2pix()
    config = changed(config, rollback_on_nan=True)
    checkpoints = Checkpoints(model, tmp_path, 3)
    batch = (smooth_images((1, 32, 32, 3)),) * 2
    strategy = tf.distribute.get_strategy()
    with RunLog(tmp_path, config, 0) as run_log:
        monitor = Monitor(model, config, checkpoints, run_log, strategy, tasks={})
        monitor.check(1, batch)  # Nothing is wrong yet.

        def spoil():
            model.generator.weights[0].assign(model.generator.weights[0] * np.nan)
            model.trackers["generator_l1"].update_state(np.nan)

        spoil()
        with pytest.raises(
            InputError, match=r"^All losses must be finite\. Received: generator_l1"
        ):
            monitor.check(2, batch)  # There is nowhere to go back to.
        model = tiny_pix2pix()
        checkpoints = Checkpoints(model, tmp_path, 3)
        checkpoints.save(2)
        before = values(model.generator)
        monitor = Monitor(model, config, checkpoints, run_log, strategy, tasks={})
        for step in (3, 4, 5):
            spoil()
            monitor.check(step, batch)
            np.testing.assert_array_equal(values(model.generator)[0], before[0])
        spoil()
        with pytest.raises(InputError, match="at step 6"):
            monitor.check(6, batch)


@pytest.mark.slow
def test_fine_tuning_takes_what_fits_and_says_what_does_not(config, tmp_path):
    loop.train(changed(config, steps=1), tmp_path / "first")
    other = dataclasses.replace(
        config, model=dataclasses.replace(config.model, receptive_field=34, skips=False)
    )
    model = pix2pix.model(other)
    found = start_from(model, tmp_path / "first")
    assert {"generator/down1_conv", "discriminator/patch1_conv"} <= set(found.loaded)
    assert "generator/up1_conv" in found.different
    assert "discriminator/patch3_conv" in found.different + found.missing
    theirs = restored_generator(tmp_path / "first")
    np.testing.assert_array_equal(
        model.generator.get_layer("down2_conv").get_weights()[0],
        theirs.get_layer("down2_conv").get_weights()[0],
    )
    assert re.match(r"\d+ layers were taken; \d+ are of another shape \(", str(found))


def test_a_folder_tells_a_run(config, tmp_path):
    loop.train(changed(config, steps=7), tmp_path, profile=1)
    page = (tmp_path / "index.html").read_text()
    assert "<svg" in page
    assert "samples/000002.png" in page
    with Image.open(tmp_path / "samples/000002.png") as picture:
        assert picture.size[0] > 3 * 128
    session = json.loads((tmp_path / "run.json").read_text())["sessions"][0]
    assert session["packages"]["tensorflow"] == tf.__version__
    assert 0 < session["seconds_per_step"] < 60
    assert len(list((tmp_path / "events/plugins/profile").rglob("*.xplane.pb"))) == 1
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 4, 6, 7]
    measured = [line for line in lines if "gradient_norm/generator" in line]
    assert [line["step"] for line in measured] == [2, 4, 6]
    assert all(0 < line["gradient_norm/discriminator"] < 1e4 for line in measured)
    assert all(np.isfinite(line["discriminator/real"]) for line in lines)
