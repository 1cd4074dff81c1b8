import dataclasses
import json
import re

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix import InputError, checkpointing, load_run, runs
from tfpix2pix.data import codecs
from tfpix2pix.export import run_details, source_details
from tfpix2pix.families import preset

QUICKSTART = preset("quickstart")


def saved_run(folder, data, **options):
    """Writes what a card is made of: configuration, weights, notes of the training."""
    options = {"folder": str(data), "image_size": (32, 32), "direction": "BtoA", **options}
    config = dataclasses.replace(
        QUICKSTART,
        data=dataclasses.replace(QUICKSTART.data, **options),
        model=dataclasses.replace(QUICKSTART.model, base_filters=2, depth=2),
    )
    runs.save_config(config, folder)
    step = tf.Variable(20, dtype="int64")
    checkpointing.checkpoint(runs.float32_model(config), step).save(
        folder / checkpointing.CHECKPOINTS / "ckpt"
    )
    lines = [{"step": 10, "held_out/l1": 0.5}, {"step": 20, "loss": 1.0}]
    lines += [{"step": 30, "held_out/l1": 0.1}]
    (folder / runs.METRICS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return load_run(folder)


def write_drawings(folder, split, count):
    """Writes pairs of noise and one line of 2 pixels, in another row of each."""
    for index in range(count):
        photo = np.random.default_rng(index).integers(0, 256, (64, 64, 3)).astype("uint8")
        lines = np.full((64, 64, 3), 255, "uint8")
        lines[8 + index : 10 + index, 4:60] = 0
        codecs.write(np.concatenate([photo, lines], axis=1), folder / split / f"{index}.png")


def test_a_card_describes_a_run_at_its_checkpoint(tmp_path):
    details = run_details(saved_run(tmp_path / "run", tmp_path / "gone"))
    assert (details["step"], details["metrics"]) == (20, {"l1": 0.5})
    assert details["config"]["data"]["direction"] == "BtoA"
    assert details["config"]["data"]["folder"] is None  # Nobody needs to know where data lie.


def test_drawings_and_examples_are_those_of_the_data(tmp_path):
    write_drawings(tmp_path / "data", "train", 9)
    write_drawings(tmp_path / "data", "test", 8)
    details = source_details(saved_run(tmp_path / "run", tmp_path / "data"))
    white, black = [255, 255, 255], [0, 0, 0]
    width = {"line_width": pytest.approx(1.0, abs=0.25)}  # 2 pixels, of 64 that become 32.
    assert details["drawings"] == {
        "translate": {"kind": "lines", "background": white, "line_color": black, **width}
    }
    examples = [picture for picture, values in details["examples"]["translate"] if values == {}]
    tops = [int(np.argmax((example < 200).any(axis=(1, 2)))) for example in examples]
    assert tops == [4, 4, 5, 6, 7, 7]  # Of the held-out lines 0, 1, 3, 4, 6 and 7: of all 8.
    assert {example.shape for example in examples} == {(32, 32, 3)}


@pytest.mark.parametrize(("preprocess", "width"), [("crop", 2.0), ("scale_width", 1.0)])
def test_lines_are_as_wide_as_networks_see_them(tmp_path, preprocess, width):
    write_drawings(tmp_path / "data", "train", 3)
    run = saved_run(tmp_path / "run", tmp_path / "data", preprocess=preprocess)
    drawing = source_details(run)["drawings"]["translate"]
    assert drawing["line_width"] == pytest.approx(width, abs=0.25)


def test_sources_that_a_task_makes_of_photos_are_shown(tmp_path):
    write_drawings(tmp_path / "data", "train", 2)
    options = {"task": "colorization", "layout": "photos", "direction": "AtoB"}
    details = source_details(saved_run(tmp_path / "run", tmp_path / "data", **options))
    assert details["drawings"]["translate"]["kind"] == "picture"
    for example, _ in details["examples"]["translate"]:
        assert np.ptp(example.astype(int), axis=-1).max() <= 2  # Grey.


def test_a_run_without_its_data_shows_nothing(tmp_path):
    run = saved_run(tmp_path / "run", tmp_path / "gone")
    with pytest.raises(InputError, match=re.escape(str(tmp_path / "gone"))):
        source_details(run)
