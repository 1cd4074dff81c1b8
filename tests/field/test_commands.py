"""Commands as people write them."""

from pathlib import Path

import jsonargparse
import numpy as np
import pytest
import tensorflow as tf

from tests.cases import open_generator
from tfpix2pix import InputError, PixelFormat, load_run, preset, runs
from tfpix2pix.checkpointing import newest_checkpoint, saved_step
from tfpix2pix.config import DataConfig
from tfpix2pix.data import codecs
from tfpix2pix.export import export
from tfpix2pix.families.feeding import stated_folder
from tfpix2pix.locations import check_local
from tfpix2pix.translation import Translator, program
from training.engine import loop
from training.train import parse


def test_the_configuration_of_a_run_starts_the_same_experiment(tmp_path):
    """To repeat a run with another seed, or a colleague's run."""
    first, _ = parse(["facades_small", "--data", "d", "--run", "r", "--model.norm", "batch"])
    runs.save_config(first, tmp_path)
    recorded = str(tmp_path / "config.yaml")
    again, options = parse(["facades_small", "--config", recorded, "--run", "other"])
    assert (again, options.run) == (first, "other")
    again, _ = parse(["facades_small", f"--config={recorded}", "--run", "o", "--train.seed", "5"])
    assert (again.train.seed, again.model.norm) == (5, "batch")


def test_a_configuration_of_another_preset_or_none_is_refused(tmp_path):
    first, _ = parse(["quickstart", "--data", "d", "--run", "r"])
    runs.save_config(first, tmp_path)
    recorded = tmp_path / "config.yaml"
    with pytest.raises(InputError) as caught:
        parse(["facades", "--config", str(recorded), "--run", "other"])
    assert str(caught.value) == (
        "The configuration of a run must be that of the preset beside it. Received: facades and a "
        "configuration of quickstart. Use quickstart."
    )
    recorded.write_text("name: quickstart\ndata: 5\n")
    with pytest.raises(InputError) as caught:
        parse(["quickstart", "--config", str(recorded), "--run", "other"])
    assert str(caught.value) == (
        "A configuration must be the config.yaml of a run, or what --print_config prints. "
        f"Received: {recorded} (KeyError: 'model'). Correct it, or name another."
    )


# TensorFlow writes what it cannot read: a night's training, and then "Remove the run".
@pytest.mark.parametrize("name", ["lr=[1e-4]", "what?", "all*", "back\\slash"])
def test_folders_that_tensorflow_cannot_read_are_refused_before_the_first_step(name, tmp_path):
    folder = tmp_path / name
    message = (
        "TensorFlow reads no folder whose path holds one of * ? [ \\, which stand for other "
        f"characters. Received: {str(folder)!r}. Use another name; a folder that is there can be "
        "renamed."
    )
    for use in (
        lambda: loop.train(preset("quickstart"), folder),
        lambda: runs.save_config(preset("quickstart"), folder),
        lambda: export(open_generator(), folder),
        lambda: newest_checkpoint(folder),
    ):
        with pytest.raises(InputError) as caught:
            use()
        assert str(caught.value) == message
    assert not folder.exists()


def test_a_run_that_was_trained_there_can_be_renamed(tmp_path):
    saved = tf.train.Checkpoint(step=tf.Variable(3, dtype="int64"))
    before = tmp_path / "lr=[1e-4]"
    tf.train.CheckpointManager(saved, before / "checkpoints", 1).save(3)
    with pytest.raises(InputError, match="can be renamed"):
        newest_checkpoint(before)
    after = before.rename(tmp_path / "lr=1e-4")
    assert saved_step(newest_checkpoint(after)) == 3


# tensorpack #1317, google-research/kubric #68: `gs://` became the folder `gs:`.
@pytest.mark.parametrize("address", ["gs://bucket/run", "s3://bucket/run"])
def test_buckets_are_refused_before_the_first_step(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for place in (address, Path(address)):
        message = (
            f"Data, runs and exports lie on this machine. Received: {str(place)!r}, an address. "
            "Mount it as a folder, or use a folder here and copy it."
        )
        for use in (
            lambda place=place: loop.train(preset("quickstart"), place),
            lambda place=place: export(open_generator(), place),
            lambda place=place: load_run(place),
        ):
            with pytest.raises(InputError) as caught:
                use()
            assert str(caught.value) == message
    assert not list(tmp_path.iterdir())
    check_local("C:/runs/mine")


# magenta #321, dankcli #6: a shell leaves `~` alone after an equals sign and in quotes.
def test_the_home_folder_is_found_after_an_equals_sign(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    config, options = parse(["quickstart", "--data=~/set", "--run", "~/runs/a"])
    assert config.data.folder == f"{tmp_path}/set"
    assert options.run == f"{tmp_path}/runs/a"
    codecs.write(np.zeros((2, 4, 1), "uint8"), tmp_path / "black/1.png")

    def open_negative(*, controls):
        grey = PixelFormat(1, "uint8", (0.0, 255.0))
        return Translator(lambda pixels: [255 - pixels], grey, grey)

    parser = jsonargparse.ArgumentParser()
    parser.add_argument("--control", **program.CONTROL)
    program.translate_by(parser, open_negative, ["~/black", "--to=~/white"])
    assert codecs.read(tmp_path / "white/1.png").max() == 255


def test_the_home_folder_is_found_in_a_configuration(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text('data:\n  folder: "~/set"\nrun: ~/runs/a\n')
    config, options = parse(["quickstart", "--config", f"{tmp_path}/mine.yaml"])
    assert config.data.folder == f"{tmp_path}/set"
    assert options.run == f"{tmp_path}/runs/a"


def test_data_in_a_bucket_are_named():
    """gs:// became gs:/, and the message advised to check the spelling."""
    with pytest.raises(InputError, match=r"exports lie on this machine\. Received: "):
        stated_folder(DataConfig(folder="gs://bucket/data"))
