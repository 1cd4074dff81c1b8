import json
import os
import re
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tfpix2pix
from tests.cases import tiny_pix2pix
from tfpix2pix import runs
from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.families.pix2pix import Pix2PixConfig
from training.engine import run_log
from training.engine.health import Symptom
from training.engine.run_log import RunLog

CONFIG = ExperimentConfig(
    "tiny <b>",
    "Nothing & less.\nMore.",
    DataConfig("data"),
    Pix2PixConfig(),
    TrainConfig(steps=9, seed=6),
)
COLUMNS = {"input": np.zeros((2, 32, 32, 3), "uint8"), "output": np.ones((2, 32, 32, 3), "uint8")}


def note(run, steps, first=0):
    """Notes some steps of a training whose numbers follow from the step."""
    with RunLog(run, CONFIG, first) as notes:
        for step in steps:
            notes.log(step, {"generator_l1": 30 / step}, learning_rate={"generator": 1e-3 * step})
            notes.warn(step, [Symptom("collapse", f"{step}%", "Raise <it>.")] * (step > 3))
            notes.sample(step, COLUMNS)
    return notes


def events(run):
    read = EventAccumulator(str(run / "events"), size_guidance={"scalars": 0, "images": 0})
    return read.Reload()


def told(run):
    return [(run / name).read_bytes() for name in ("metrics.jsonl", "health.jsonl")]


def test_a_killed_run_that_goes_on_tells_the_same_as_one_that_was_not(tmp_path):
    note(tmp_path / "whole", range(1, 8))
    parts = tmp_path / "parts"
    note(parts, range(1, 7))
    # It was killed amid writing, and the last checkpoint is of step 4.
    with (parts / "metrics.jsonl").open("a") as file:
        file.write('{"step": 7, "gener')
    (written,) = (parts / "events").iterdir()
    os.truncate(written, written.stat().st_size - 3)
    resumed = note(parts, range(5, 8), first=4)
    assert told(parts) == told(tmp_path / "whole")
    assert resumed.lines == [json.loads(line) for line in told(parts)[0].splitlines()]
    for run in (parts, tmp_path / "whole"):
        scalars = events(run).Tensors("loss/generator_l1")
        assert [scalar.step for scalar in scalars] == list(range(1, 8))
    files = {path.name for path in parts.iterdir()}
    assert files == {
        *("config.yaml", "run.json", "metrics.jsonl", "health.jsonl", "index.html"),
        *("events", "samples"),
    }
    assert not list(parts.rglob("*.part"))


def test_tensorboard_reads_numbers_pictures_and_weights(tmp_path):
    model = tiny_pix2pix()
    with RunLog(tmp_path, CONFIG) as notes:
        notes.log(
            3,
            {"generator_l1": tf.constant(2.5)},
            gradient_norm={"generator": 0.5},
            discriminator={"real": 1.0, "fake": -1.0},
            validation=None,
        )
        notes.sample(3, COLUMNS)
        notes.histograms(3, model.players)
    read = events(tmp_path)
    values = {
        tag: tf.make_ndarray(read.Tensors(tag)[0].tensor_proto).item()
        for tag in read.Tags()["tensors"]
        if tag.split("/")[0] in ("loss", "gradient_norm", "validation")
        or tag.startswith(("discriminator/real", "discriminator/fake"))
    }
    assert values == {
        "loss/generator_l1": 2.5,
        "gradient_norm/generator": 0.5,
        "discriminator/real": 1.0,
        "discriminator/fake": -1.0,
    }
    width, height, encoded = tf.make_ndarray(read.Tensors("samples")[0].tensor_proto)
    saved = tf.io.decode_image((tmp_path / "samples/000003.png").read_bytes())
    assert (int(width), int(height)) == (saved.shape[1], saved.shape[0])
    np.testing.assert_array_equal(tf.io.decode_image(encoded), saved)
    assert "generator/down1_conv/kernel" in read.Tags()["tensors"]
    line = json.loads((tmp_path / "metrics.jsonl").read_text())
    assert line == {
        "step": 3,
        "generator_l1": 2.5,
        **{k: v for k, v in values.items() if "loss" not in k},
    }


def test_run_json_tells_how_it_was_started_each_time(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "x", "a b"], raising=False)
    note(tmp_path, range(1, 3))
    note(tmp_path, range(2, 4), first=1)
    content = json.loads((tmp_path / "run.json").read_text())
    assert content["seed"] == 6
    first, second = content["sessions"]
    assert (first["step"], first["last_step"]) == (0, 2)
    assert (second["step"], second["last_step"]) == (1, 3)
    assert second["command"] == "python -m x 'a b'"
    keras_2 = sys.modules.get("tf_keras", keras)
    assert second["packages"] == {
        "tfpix2pix": tfpix2pix.__version__,
        "tensorflow": tf.__version__,
        keras_2.__name__: keras_2.__version__,
        "numpy": np.__version__,
    }
    assert second["python"] == sys.version.split()[0]
    assert any("CPU" in device for device in second["devices"])
    assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", second["commit"])
    assert first["started"] <= first["ended"] <= second["started"]
    assert runs.load_config(tmp_path) == CONFIG


def test_outside_of_a_checkout_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert run_log._commit() is None


def test_the_page_shows_pictures_curves_warnings_and_configuration_and_needs_no_network(tmp_path):
    note(tmp_path, range(1, 6))
    (tmp_path / "samples/000008.png").write_bytes(b"Of a run that went further before.")
    note(tmp_path, [6], first=5)
    page = (tmp_path / "index.html").read_text("utf-8")
    assert "<h1>tiny &lt;b&gt;, step 6 of 9</h1>" in page
    sources = re.findall(r'src="([^"]+)"', page)
    assert sources == [f"samples/{step:06d}.png" for step in (6, 6, 5, 4, 3, 2, 1)]
    assert all((tmp_path / source).is_file() for source in sources)
    assert "//" not in page
    flat = " ".join(page.split())
    assert "<b>collapse</b>, steps 4 to 6: 6%. Raise &lt;it&gt;." in flat
    assert "folder: data" in page
    assert "Nothing &amp; less." in page
    assert "generator_l1: 5</figcaption>" in page
    assert "learning_rate/generator: 0.006</figcaption>" in page
    assert page.count("<svg") == 2


def points_of(drawing):
    polyline = ElementTree.fromstring(drawing).find("polyline")
    pairs = (pair.split(",") for pair in polyline.get("points").split())
    return np.array([[float(x), float(y)] for x, y in pairs])


def test_a_curve_keeps_to_its_frame_and_to_the_order_of_values():
    values = np.random.default_rng(0).uniform(-5, 100, 50)
    x, y = points_of(run_log.curve(list(enumerate(values)))).T
    assert 40 < x.min() < x.max() < run_log.WIDTH
    assert 0 <= y.min() < y.max() < run_log.HEIGHT - 15
    assert (np.diff(x) > 0).all()
    np.testing.assert_allclose(np.corrcoef(values, y)[0, 1], -1, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "count"),
    [
        ([2.0] * 3, 3),
        ([7.0], 1),
        ([1.0, float("nan"), 3.0, float("inf")], 2),
        (range(9999), run_log.MOST_POINTS),
    ],
)
def test_a_curve_copes_with_few_with_many_and_with_broken_values(values, count):
    assert len(points_of(run_log.curve(list(enumerate(values))))) == count


def test_no_values_make_no_curve():
    assert run_log.curve([]) == run_log.curve([(1, float("nan"))]) == ""


def test_a_page_before_anything_happened_is_a_page(tmp_path):
    with RunLog(tmp_path, CONFIG):
        pass
    assert "step 0 of 9" in Path(tmp_path / "index.html").read_text("utf-8")
