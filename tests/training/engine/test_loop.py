import dataclasses
import json
import re
import signal

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.cases import restored_generator, smooth_images, tiny_pix2pix
from tfpix2pix import InputError, runs
from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.data import codecs
from tfpix2pix.families import pairs
from tfpix2pix.families.family import whole
from tfpix2pix.families.pix2pix import Pix2PixConfig
from training.engine import loop, resuming


@pytest.fixture
def config(facades):
    return ExperimentConfig(
        name="tiny",
        summary="Two minutes' worth of nothing.",
        data=DataConfig(str(facades), direction="BtoA", image_size=32),
        model=Pix2PixConfig(base_filters=4, depth=3, receptive_field=34, penalty="dragan"),
        train=TrainConfig(steps=4, checkpoint_every=2, log_every=3, seed=6),
    )


def longer(config, steps):
    return dataclasses.replace(config, train=dataclasses.replace(config.train, steps=steps))


def contents(run):
    """Returns what the newest checkpoint holds, but for how often was saved."""
    reader = tf.train.load_checkpoint(run / "checkpoints")
    names = [n for n in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in n]
    return {name: reader.get_tensor(name) for name in names if "save_counter" not in name}


@pytest.mark.slow
def test_a_run_folder_holds_what_it_takes_and_a_resumed_run_ends_the_same(config, tmp_path):
    loop.train(config, tmp_path / "parts")
    _, step = loop.train(longer(config, 7), tmp_path / "parts")
    assert step == 7
    loop.train(longer(config, 7), tmp_path / "whole")
    parts, whole = contents(tmp_path / "parts"), contents(tmp_path / "whole")
    assert any("noise" in name for name in whole)
    assert any("OPTIMIZER_SLOT" in name for name in whole)
    assert set(parts) == set(whole)
    for name, value in whole.items():
        np.testing.assert_array_equal(parts[name], value, err_msg=name)

    run = tmp_path / "whole"
    names = {".lock", "config.yaml", "run.json", "metrics.jsonl", "events", "index.html"}
    names |= {"checkpoints", "best", "samples"}
    assert {path.name for path in run.iterdir()} == names
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [2, 3, 4, 6, 7]
    assert set(lines[0]) == {
        "step",
        *("discriminator_gan", "discriminator_penalty", "generator_gan", "generator_l1"),
        *("learning_rate/generator", "learning_rate/discriminator"),
        *("held_out/l1", "held_out/psnr", "held_out/ssim"),
        *("discriminator/real", "discriminator/fake"),
    }
    assert not [name for name in lines[1] if name.startswith("held_out")]
    pictures = sorted((run / "samples").iterdir())
    assert [path.name for path in pictures] == [f"{step:06d}.png" for step in (2, 4, 6, 7)]
    with Image.open(pictures[0]) as picture:
        assert picture.size == (3 * 136 + 8, 3 * 136 + 8 + 32)


@pytest.mark.slow
def test_the_restored_generator_is_the_trained_one(config, tmp_path):
    model, _ = loop.train(longer(config, 2), tmp_path)
    examples = pairs.examples(config, "test")
    source = next(iter(pairs.held_out(config, examples, whole(config)[0])))[0]
    restored = restored_generator(tmp_path)
    np.testing.assert_allclose(restored(source), model.translate(source), atol=1e-6)


@pytest.mark.parametrize("trained", ["by the loop", "by fit"])
def test_a_step_is_traced_once(trained, monkeypatch):
    model = tiny_pix2pix()
    batch = (smooth_images((1, 32, 32, 3)), smooth_images((1, 32, 32, 3), seed=1))
    traces = []
    step = type(model).train_step
    monkeypatch.setattr(type(model), "train_step", lambda *args: traces.append(1) or step(*args))
    if trained == "by fit":
        model.fit(tf.data.Dataset.from_tensors(batch), epochs=2, verbose=0)
    else:
        take_step = loop.training_step(model, tf.distribute.get_strategy())
        take_step(batch)
        take_step(batch)
    assert model.steps_taken == 2
    assert traces == [1]


@pytest.mark.slow
def test_a_finished_run_is_left_as_it_is(config, tmp_path):
    loop.train(longer(config, 2), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "checkpoints").iterdir()}
    _, step = loop.train(longer(config, 2), tmp_path)
    assert step == 2
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "checkpoints").iterdir()} == before


def test_bad_files_are_refused_up_front_or_left_out_with_a_note(config, eager, tmp_path, capsys):
    for index in range(3):
        codecs.write(np.zeros((32, 64, 3), "uint8"), tmp_path / f"data/{index}.png")
    (tmp_path / "data/1.png").write_bytes(b"")
    config = dataclasses.replace(
        longer(config, 1), data=dataclasses.replace(config.data, folder=str(tmp_path / "data"))
    )
    with pytest.raises(InputError, match=r"Received 1 of 3 that are not: .*1\.png: it cannot be"):
        loop.train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    skipping = dataclasses.replace(config.data, bad_files="skip")
    loop.train(dataclasses.replace(config, data=skipping), tmp_path / "run")
    note = f"1 files are left out: {tmp_path}/data/1.png: it cannot be decoded: the file is empty"
    assert note in capsys.readouterr().out


@pytest.mark.slow
def test_another_experiment_is_refused_before_anything_is_written(config, tmp_path):
    loop.train(longer(config, 1), tmp_path)
    other = dataclasses.replace(config, model=dataclasses.replace(config.model, norm="batch"))
    message = (
        "A run goes on with the options it was started with. Received for "
        f"{str(tmp_path)!r}: model.norm 'instance' -> 'batch'. Use those options or another --run "
        "folder."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        loop.train(other, tmp_path)
    assert contents(tmp_path)["step/.ATTRIBUTES/VARIABLE_VALUE"] == 1


def test_the_length_is_part_of_a_schedule_that_falls(config, tmp_path):
    linear = dataclasses.replace(config.train, schedule="linear", steps=4)
    runs.save_config(dataclasses.replace(config, train=linear), tmp_path)
    longer_one = dataclasses.replace(linear, steps=8)
    with pytest.raises(InputError, match=r"train\.steps 4 -> 8\. Use those options or another"):
        resuming.check_same_experiment(dataclasses.replace(config, train=longer_one), tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_size": 40}, "must be multiples of 16"),
        ({"image_size": 12}, "must be multiples of 8"),
        ({"folder": "no-such-folder"}, "where there is nothing"),
        ({"load_size": 24}, "`load_size` must be at least `image_size`"),
    ],
)
def test_what_cannot_be_trained_leaves_no_run_behind(config, tmp_path, changes, message):
    depth = 4 if changes.get("image_size") == 40 else 3
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, **changes),
        model=dataclasses.replace(config.model, depth=depth),
    )
    with pytest.raises(InputError, match=message):
        loop.train(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_not_finite_stops_the_training_and_is_named(config, eager, tmp_path):
    train = dataclasses.replace(config.train, learning_rate=1e38, steps=6, checkpoint_every=9)
    with pytest.raises(InputError) as caught:
        loop.train(dataclasses.replace(config, train=train), tmp_path)
    assert str(caught.value) == (
        "All losses must be finite. Received: generator_gan at step 1; first in all layers of the "
        "generator, to which the step has spread it; all checkpoints are from before. Lower "
        "--train.learning_rate, or look for broken images with `python -m training.prepare check`."
    )
    assert not list((tmp_path / "checkpoints").glob("ckpt-*"))


def test_the_first_interrupt_is_noted_and_the_second_acts():
    # What is started in the background of a script ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with loop._interruptible() as interrupted:
        assert not interrupted()
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
def test_a_run_on_two_devices_resumes_and_is_read_on_one(config, mirrored, tmp_path):
    config = dataclasses.replace(
        config, train=dataclasses.replace(config.train, batch_size=2, steps=2)
    )
    loop.train(config, tmp_path / "two", mirrored)
    model, step = loop.train(longer(config, 3), tmp_path / "two", mirrored)
    assert step == 3
    examples = pairs.examples(config, "test")
    source = next(iter(pairs.held_out(config, examples, whole(config)[0])))[0]
    restored = restored_generator(tmp_path / "two")
    np.testing.assert_allclose(restored(source), model.translate(source), atol=1e-6)
