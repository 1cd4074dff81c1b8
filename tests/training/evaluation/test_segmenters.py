import json
import re

import numpy as np
import pytest
import tensorflow as tf

from tfpix2pix import InputError, atomic
from tfpix2pix.config import DataConfig
from tfpix2pix.data import codecs, pipeline, sources, tasks
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.data.palettes import CMP_FACADES
from tfpix2pix.datasets import synthetic
from training import segmenter
from training.evaluation import segmenters


@pytest.mark.slow
def test_a_segmenter_finds_what_was_labelled(tmp_path, capsys):
    for split, count in (("train", 40), ("test", 6)):
        synthetic.write_pairs(tmp_path / "pairs" / split, count, (32, 32), seed=count)
    to = tmp_path / "models/segmenter"
    segmenter.main(str(tmp_path / "pairs"), "cmp_facades", to, size=32, filters=8, steps=150)
    printed = capsys.readouterr().out
    assert [path.name for path in to.parent.iterdir()] == [to.name]

    described = json.loads((to / "assets.extra/classes.json").read_text())
    assert (described["direction"], described["steps"], described["seed"]) == ("AtoB", 150, 0)
    segment, labels = segmenters.load(to)
    assert labels == CMP_FACADES

    # What the photos show is found in them, not in their neighbours.
    pairs = sources.pairs(tmp_path / "pairs", "test")
    task = tasks.task("pairs", pairs.formats, (None, labels))
    batches = pipeline.evaluation_batches(pairs, Geometry((32, 32)), task=task, batch_size=6)
    photo, one_hot = next(iter(batches))
    logits = segment(photo)
    assert (logits.shape, logits.dtype) == ((6, 32, 32, 12), tf.float32)
    found = np.argmax(logits, axis=-1) == np.argmax(one_hot, axis=-1)
    shuffled = np.argmax(logits, axis=-1) == np.argmax(np.roll(one_hot, 1, axis=0), axis=-1)
    assert found.mean() == pytest.approx(described["held_out"]["pixel_accuracy"], abs=1e-6)
    assert f"pixel accuracy {found.mean():.3f}" in printed
    assert found.mean() > shuffled.mean() + 0.1

    assert segment(photo[:1, :21, :17]).shape == (1, 21, 17, 12)
    np.testing.assert_allclose(segment(photo[:1]), logits[:1], atol=1e-4)


@pytest.mark.slow
def test_numbered_classes_of_grey_photos(tmp_path):
    random = np.random.default_rng(0)
    for index in range(2):
        ids = random.integers(0, 3, (16, 16, 1)).astype("uint8")
        codecs.write(ids, tmp_path / f"data/A/{index}.png")
        codecs.write(ids * 100, tmp_path / f"data/B/{index}.png")
    options = {"direction": "BtoA", "size": 16, "filters": 2, "steps": 1, "seed": 3}
    segmenter.main(str(tmp_path / "data"), 3, tmp_path / "model", **options)
    segment, labels = segmenters.load(tmp_path / "model")
    assert (labels, segment(tf.zeros((2, 16, 16, 3))).shape) == (3, (2, 16, 16, 3))
    described = json.loads((tmp_path / "model/assets.extra/classes.json").read_text())
    assert (described["names"], described["colors"]) == (["0", "1", "2"], None)


def test_a_segmenter_of_any_origin_can_be_loaded(tmp_path):
    module = tf.Module()
    photos = tf.TensorSpec((None, None, None, 3))
    module.__call__ = tf.function(lambda photo: 2 * photo[..., :2], input_signature=[photos])
    labels = {"sky": (0, 0, 255), "sea": (0, 99, 99)}
    described = {"names": list(labels), "colors": [[0, 0, 255], [0, 99, 99]]}
    segmenters.save(module, described, tmp_path / "model")
    segment, loaded = segmenters.load(tmp_path / "model")
    assert loaded == DataConfig(source_labels=labels).source_labels == labels
    assert segment(tf.ones((1, 2, 2, 3))).numpy().tolist() == np.full((1, 2, 2, 2), 2.0).tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_is_no_segmenter_is_refused(tmp_path):
    message = (
        "A segmenter is a SavedModel with assets.extra/classes.json, as `python -m "
        f"training.segmenter` makes it. Received: {str(tmp_path)!r}, which is none. Check the "
        "spelling or train it first."
    )
    atomic.write_bytes(b'{"names": ["sky"], "colors": null}', tmp_path / segmenters.DESCRIPTION)
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        segmenters.load(tmp_path)


def test_what_is_there_is_not_written_over(tmp_path):
    message = (
        f"The segmenter must be new. Received: {str(tmp_path)!r}, which exists. Use another --to "
        "folder."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        segmenter.main("no-data", 2, tmp_path)
