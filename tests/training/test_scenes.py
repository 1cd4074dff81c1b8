"""Scenes of pix2pixHD through its programs: two stages, appearances, files, export and client."""

import numpy as np
import pytest
import tensorflow as tf

from serving import export
from serving.client import Client
from serving.client import __main__ as client
from tests.cases.families import pix2pixhd, write_streets
from tests.serving.local import managed, serving
from tfpix2pix import InputError, load_run
from tfpix2pix.data import codecs
from tfpix2pix.testing import save_untrained
from training import cluster_features, translate
from training.engine import loop
from training.evaluation.results import evaluate
from training.train import parse

LABELS = 5
TINY = ["--data.source_labels", str(LABELS), "--model.instance_features", "2"]
TINY += ["--model.clusters", "3", "--model.encoder_filters", "4"]
TINY += ["--train.checkpoint_every", "3", "--train.batch_size", "1"]


def trained(data, run, *options):
    arguments = ["pix2pixhd_debug", "--data", str(data), "--run", str(run), *TINY, *options]
    loop.train(parse(arguments)[0], run)
    return run


class ByBrightness(tf.Module):
    """Takes a pixel for the class that `write_streets` gives its brightness."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def __call__(self, pictures):
        levels = tf.reduce_mean((pictures + 1) * 127.5, -1, keepdims=True)
        return -tf.abs(levels - 40.0 * tf.range(LABELS, dtype="float32") - 20.0)


@pytest.mark.slow
def test_a_segmenter_judges_by_the_maps_of_ids(tmp_path):
    run = save_untrained(pix2pixhd(tmp_path / "data"), tmp_path / "run")
    tf.saved_model.save(ByBrightness(), str(tmp_path / "segmenter"))
    result = evaluate(run, tmp_path / "to", segmenter=tmp_path / "segmenter")
    assert result["targets"]["pixel_accuracy"] == pytest.approx(1.0, abs=0.02)
    network = load_run(run).directions["translate"].network
    right = []
    for index in range(2):
        label, ids = (
            codecs.read(tmp_path / f"data/test_{n}/town_{index}_{n}Ids.png")[np.newaxis]
            for n in ("label", "inst")
        )
        source = 2 * tf.one_hot(label[..., 0], LABELS) - 1
        zeros, photo = tf.zeros(ids.shape, "int32"), tf.fill((1, 32, 64, 3), -2.0)
        made = network([source, tf.constant(ids.astype("int32")), zeros, photo]).numpy()
        pixels = np.round((made + 1) * 127.5).mean(-1)
        right.append(np.abs(pixels - 40 * label[..., 0] - 20) < 20)
    accuracy = result["runs"][0]["mean"]["pixel_accuracy"]
    assert accuracy == pytest.approx(np.mean(right), abs=0.02)
    assert 0 < accuracy < 0.9


@pytest.mark.slow
def test_maps_become_photos_in_two_stages_from_files_to_a_client(tmp_path, capsys):
    data = write_streets(tmp_path / "data")
    first = trained(data, tmp_path / "first", "--train.steps=3", "--data.image_size=[16, 32]")
    second = trained(
        data,
        tmp_path / "second",
        *("--train.start_from", str(first), "--data.image_size=[32, 64]"),
        *("--model.enhancers=1", "--model.enhancer_blocks=1"),
        *("--model.enhancer_steps=3", "--train.steps=6"),
    )

    # Centroids are stored anew, and are as they were.
    centroids = load_run(second)
    assert centroids.directions
    before = centroids.model.state["centroids"].numpy()
    capsys.readouterr()
    cluster_features.main(second, data)
    again = load_run(second)
    assert again.directions
    np.testing.assert_array_equal(again.model.state["centroids"].numpy(), before)
    counts = again.model.state["counts"].numpy()
    lines = [f"class {number:<6} {count:3}" for number, count in enumerate(counts) if count]
    assert counts.sum() > LABELS
    *rows, last = capsys.readouterr().out.strip().splitlines()
    assert rows[-len(lines) :] == lines
    assert last == f"{second} has {counts.sum()} appearances of {(counts > 0).sum()} classes."

    # Folders of maps of both kinds, matched by the stems of their files.
    maps = [f"instances=@{data / 'test_inst'}", "seed=7"]
    controls = [part for one in maps for part in ("--control", one)]
    labels = data / "test_label"
    translate.main([str(labels), "--run", str(second), "--to", str(tmp_path / "out"), *controls])
    made = {path.name: codecs.read(path) for path in (tmp_path / "out").iterdir()}
    assert sorted(made) == ["town_0_labelIds.png", "town_1_labelIds.png"]

    # The network itself, of the same inputs: what files give is what it makes.
    network = again.directions["translate"].network
    label, ids = (codecs.read(data / f"test_{n}/town_1_{n}Ids.png") for n in ("label", "inst"))
    source = 2 * tf.one_hot(label[..., 0], LABELS)[tf.newaxis] - 1
    plain = {
        "image": source,
        "instances": tf.constant(ids[np.newaxis].astype("int32")),
        "appearance": tf.zeros((1, 32, 64, 1), "int32"),
        "photo": tf.fill((1, 32, 64, 3), -2.0),
    }
    answers = [
        127.5 * (network({**plain, "appearance": plain["appearance"] + number})[0].numpy() + 1)
        for number in range(2)
    ]
    assert np.abs(answers[0] - answers[1]).max() > 0

    export.main(str(second), str(tmp_path / "models/streets"))
    with managed(tmp_path / "models") as manager, serving(manager) as (address, _):
        client.main(
            [labels],
            tmp_path / "served",
            "streets",
            address=address,
            seed=7,
            controls={"instances": data / "test_inst"},
        )
        for name, pixels in made.items():
            served = codecs.read(tmp_path / "served" / name).astype(int)
            assert np.abs(served - pixels).max() <= 1
        with Client(address, "streets") as asked:
            for number, expected in enumerate(answers):
                answer = asked.translate(
                    (labels / "town_1_labelIds.png").read_bytes(),
                    instances=ids.tolist(),
                    appearance=np.full((32, 64, 1), number).tolist(),
                )
                difference = np.abs(codecs.decode(answer).pixels - expected)
                assert difference.max() <= 1


def test_a_run_without_features_has_no_appearances_to_find(tmp_path, facades):
    run = tmp_path / "run"
    config, _ = parse(
        ["pix2pix_debug", "--data", str(facades), "--run", str(run), "--train.steps=1"]
    )
    loop.train(config, run)
    with pytest.raises(InputError) as caught:
        cluster_features.main(run)
    assert str(caught.value) == (
        f"A run must have features of instances. Received: {str(run)!r}, without. Train one of "
        "pix2pixHD with --model.instance_features 3."
    )
