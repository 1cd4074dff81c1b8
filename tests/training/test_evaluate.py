import contextlib
import csv
import dataclasses
import io
import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pytest
import skimage.metrics
import tensorflow as tf
from PIL import Image
from tensorflow import keras

from tests.cases import fixed_weights
from tfpix2pix import InputError, metrics
from tfpix2pix.config import DataConfig, ExperimentConfig, TrainConfig
from tfpix2pix.data.palettes import CMP_FACADES
from tfpix2pix.datasets import synthetic
from tfpix2pix.families.pix2pix import Pix2PixConfig
from tfpix2pix.runs import load_config, load_run, save_config
from tfpix2pix.testing import save_untrained
from training import evaluate as program
from training.evaluate import evaluate
from training.evaluation import results_page, scores
from training.evaluation.evaluated_run import judged_direction

NAMES = ["00000.png", "00001.png", "00002.png"]


def untrained_run(folder, data, seed=0, **options):
    """A run as a training leaves it, of a generator that has not learned anything."""
    config = ExperimentConfig(
        name=f"<{folder.name}>",
        summary="",
        data=DataConfig(str(data), **{"direction": "BtoA", "image_size": 32, **options}),
        model=Pix2PixConfig(base_filters=2, depth=2),
        train=TrainConfig(seed=seed),
    )
    return save_untrained(config, folder)


class NearestColor(tf.Module):
    """Takes a pixel for the class whose colour is nearest."""

    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def __call__(self, pictures):
        colors = tf.constant(synthetic.ALBEDO * 2 - 1, "float32")
        return -tf.norm(pictures[..., tf.newaxis, :] - colors, axis=-1)


@pytest.fixture(scope="module")
def runs(facades, tmp_path_factory):
    """Two runs of the same targets; the sources of the first are one-hot."""
    folder = tmp_path_factory.mktemp("runs")
    return [
        untrained_run(folder / "one", facades, 1, source_labels="cmp_facades"),
        untrained_run(folder / "<two>", facades, 2),
    ]


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory):
    folder = tmp_path_factory.mktemp("segmenter")
    tf.saved_model.save(NearestColor(), str(folder))
    return folder


@pytest.fixture(scope="module")
def alone(runs, segmenter, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluations") / "alone"
    return folder, evaluate(runs[0], folder, segmenter=segmenter)


@pytest.fixture(scope="module")
def both(runs, tmp_path_factory):
    """`(folder, result, printed)` of the program."""
    folder = tmp_path_factory.mktemp("evaluations") / "both"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        program.main(["--run", *map(str, runs), "--to", str(folder)])
    return folder, json.loads((folder / "metrics.json").read_text()), printed.getvalue()


def rows(folder):
    with (folder / "images.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def picture(folder, place, index):
    with Image.open(folder / f"pictures/{place}/{index:05d}.png") as image:
        return np.asarray(image)


def classes(pixels):
    """Returns the class that `NearestColor` finds in each pixel."""
    distance = np.linalg.norm(pixels[..., np.newaxis, :] / 255 - synthetic.ALBEDO, axis=-1)
    return distance.argmin(axis=-1)


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_numbers_of_each_image_are_those_of_its_pictures(alone):
    """But for the rounding to 8 bits."""
    folder, _ = alone
    assert [row["name"] for row in rows(folder)] == NAMES
    for index, row in enumerate(rows(folder)):
        target, output = (picture(folder, place, index) for place in ("target", "output"))
        photo, labels = synthetic.facade((32, 32), (1, index))
        np.testing.assert_array_equal(target, photo)
        np.testing.assert_array_equal(picture(folder, "input", index), labels)
        error = (target.astype(float) - output) / 127.5
        assert float(row["l1"]) == pytest.approx(np.abs(error).mean(), abs=3e-3)
        assert float(row["l2"]) == pytest.approx((error**2).mean(), abs=5e-3)
        psnr = skimage.metrics.peak_signal_noise_ratio(target, output)
        assert float(row["psnr"]) == pytest.approx(psnr, abs=0.05)
        assert set(row) == {
            *("number", "name", "run", "l1", "l2", "psnr", "ssim"),
            *("lab_intersection", "color_distance", "sharpness_ratio"),  # Too small for MS-SSIM.
        }


def test_metrics_json_tells_means_medians_and_what_was_evaluated(alone, runs, facades):
    folder, result = alone
    assert json.loads((folder / "metrics.json").read_text()) == result
    (run,) = result["runs"]
    for name in ("l1", "ssim", "color_distance"):
        values = [float(row[name]) for row in rows(folder)]
        assert run["mean"][name] == pytest.approx(np.mean(values))
        assert run["median"][name] == pytest.approx(np.median(values))
    assert (run["run"], run["title"], run["experiment"]) == (str(runs[0]), "one", "<one>")
    assert (run["step"], run["best"], run["averaged"]) == (7, False, False)
    assert run["checkpoint"] == str(runs[0] / "checkpoints/ckpt-7")
    assert run["data"] == str(facades)
    assert result["count"] == 3
    assert result["packages"]["tensorflow"] == tf.__version__
    run = load_run(runs[0])
    training, held_out = (list(run.held_out(run.examples(split))) for split in ("train", "test"))
    expected = metrics.mean_image_l1(training, held_out)
    assert result["baseline_l1"] == pytest.approx(expected, rel=1e-6)


def test_the_colours_of_all_images_are_counted_together(alone):
    folder, result = alone
    metric = metrics.LabIntersection()
    for index in range(3):
        metric.update_state(
            *(
                tf.constant(picture(folder, place, index)[np.newaxis], "float32") / 127.5 - 1
                for place in ("target", "output")
            )
        )
    of_all = result["runs"][0]["mean"]["lab_intersection_of_all"]
    assert of_all == pytest.approx(float(metric.result()), rel=1e-5)


class Markup(HTMLParser):
    """Checks that elements are closed, and collects pictures and what is bold."""

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.order, self.best = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag not in ("meta", "img", "input", "path", "option"):
            self.open.append(tag)
        self.sources += [attributes["src"]] if "src" in attributes else []
        self.order += [int(attributes["id"][7:])] if tag == "article" else []
        self.best.append(attributes.get("class") == "best") if tag == "td" else None

    def handle_endtag(self, tag):
        if tag not in ("path", "option"):
            assert self.open.pop() == tag


def test_the_page_shows_the_worst_first_and_needs_no_network(alone):
    folder, _ = alone
    text = (folder / "index.html").read_text("utf-8")
    page = Markup(text)
    assert page.open == []
    l1 = [float(row["l1"]) for row in rows(folder)]
    assert page.order == list(np.argsort(l1)[::-1])
    assert page.sources == [
        f"pictures/{place}/{index:05d}.png"
        for index in page.order
        for place in ("input", "output", "target")
    ]
    assert all((folder / source).is_file() for source in page.sources)
    assert "//" not in text
    assert not any(page.best)
    assert {path.name for path in folder.iterdir()} == {
        *("index.html", "metrics.json", "images.csv", "pictures")
    }


def test_several_runs_are_compared_on_the_same_examples(both, alone):
    folder, result, _ = both
    one, two = result["runs"]
    single = alone[1]["runs"][0]
    assert {**one, "mean": None} == {**single, "mean": None}
    assert one["mean"] == {name: single["mean"][name] for name in one["mean"]}
    assert two["title"] == "<two>"
    for index in range(3):
        np.testing.assert_array_equal(
            picture(folder, "output1", index), picture(alone[0], "output", index)
        )
    values = [
        np.array([float(row["psnr"]) for row in rows(folder) if row["run"] == run["title"]])
        for run in (one, two)
    ]
    change = two["difference"]["psnr"]
    assert change["mean"] == pytest.approx((values[1] - values[0]).mean())
    assert change["low"] <= change["mean"] <= change["high"]
    text = (folder / "index.html").read_text("utf-8")
    assert "&lt;two&gt;" in text
    assert "<two>" not in text
    page = Markup(text)
    assert page.sources[:4] == [
        f"pictures/{place}/{page.order[0]:05d}.png"
        for place in ("input", "output1", "output2", "target")
    ]
    bold = list(zip(page.best[1::3], page.best[2::3]))
    better = {
        "l1": np.less,
        "psnr": np.greater,
        "sharpness_ratio": lambda a, b: abs(a - 1) < abs(b - 1),
    }
    names = [name for name in scores.MEASURES if name in one["mean"]]
    assert len(bold) == len(names)
    for name, is_better in better.items():
        first = bool(is_better(one["mean"][name], two["mean"][name]))
        assert bold[names.index(name)] == (first, not first)


def test_runs_differ_by_the_pairs_that_have_a_finite_difference():
    random = np.random.default_rng(3)
    first, other = random.normal(0, 1, (2, 400))
    change = scores.difference(np.append(first, np.inf), np.append(other, np.inf), seed=1)
    pairs = other - first
    assert change["mean"] == pytest.approx(pairs.mean())
    # Of so many pairs the mean is distributed normally; 1000 resamples place a bound to 6% of it.
    half = 1.96 * pairs.std(ddof=1) / 20
    bounds = [pairs.mean() - half, pairs.mean() + half]
    assert [change["low"], change["high"]] == pytest.approx(bounds, abs=0.2 * half)
    assert scores.difference(np.array([np.inf]), np.array([np.inf])) is None


def test_the_histogram_counts_every_example():
    values = np.random.default_rng(0).uniform(0.1, 0.4, 200)
    drawing = results_page.histogram([values], 0.5)
    heights = np.array([float(y) for y in re.findall(r"V([\d.]+)H", drawing)])
    counts, _ = np.histogram(values, results_page.BINS, (values.min(), 0.5))
    bottom, top = results_page.HEIGHT - 20, 10
    np.testing.assert_allclose(bottom - heights, counts / counts.max() * (bottom - top), atol=0.06)
    assert "mean image" in drawing
    assert "mean image" not in results_page.histogram([values[:1]], None)


def test_other_data_and_a_limit_in_place_of_an_earlier_evaluation(runs, alone, segmenter, tmp_path):
    shutil.copytree(alone[0], tmp_path / "to")
    other = tmp_path / "other"
    synthetic.write_pairs(other / "test", 4, (32, 48), seed=5)
    result = evaluate(runs[1], tmp_path / "to", data=other, limit=2, segmenter=segmenter)
    assert result["count"] == len(rows(tmp_path / "to")) == 2
    assert result["runs"][0]["data"] == str(other)
    assert result["baseline_l1"] is None  # Nothing to train on is there.
    assert len(list((tmp_path / "to/pictures/input").iterdir())) == 2
    assert {path.name for path in tmp_path.iterdir()} == {"other", "to"}
    # Without labels it is what the segmenter finds in the targets that counts.
    output, target = (
        classes(np.stack([picture(tmp_path / "to", place, index) for index in range(2)]))
        for place in ("output", "target")
    )
    accuracy = result["runs"][0]["mean"]["pixel_accuracy"]
    assert accuracy == pytest.approx(np.mean(output == target), abs=1e-3)
    assert result["targets"] == {}


def refused(message, call):
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        call()


def test_what_cannot_be_used_is_refused_and_leaves_all_as_it_was(runs, alone, facades, tmp_path):
    to = tmp_path / "to"
    shutil.copytree(alone[0], to)
    before = contents(tmp_path)
    refused(
        "`limit` must be at least 1. Received: 0. Leave it out for all.",
        lambda: evaluate(runs[0], to, limit=0),
    )
    refused(
        "The results need a folder of their own, or that of an earlier evaluation. Received: "
        f"{str(runs[0])!r}, which holds checkpoints, config.yaml. Use another --to.",
        lambda: evaluate(runs[0], runs[0]),
    )
    refused(
        "A segmenter is a SavedModel whose call takes RGB images, float32 [batch, height, width, "
        f"3], and returns logits. Received: {str(facades)!r} (SavedModel file does not exist at: "
        f"{facades}/{{saved_model.pbtxt|saved_model.pb}}). Make one with `python -m "
        "training.segmenter`.",
        lambda: evaluate(runs[0], to, segmenter=facades),
    )
    config = load_config(runs[1])
    reversed_data = dataclasses.replace(config.data, direction="AtoB")
    other = tmp_path / "other"
    shutil.copytree(runs[1], other)
    save_config(dataclasses.replace(config, data=reversed_data), other)
    refused(
        "Runs are compared on the same examples, by name and by target or real images. Received: "
        f"{str(runs[0])!r} and {str(other)!r}, of which they differ. Evaluate them apart; if they "
        "differ in data alone, name these by --data.",
        lambda: evaluate([runs[0], other], to),
    )
    assert {p: b for p, b in contents(tmp_path).items() if p.parts[0] != "other"} == before
    assert {path.name for path in tmp_path.iterdir()} == {"to", "other"}


def test_a_direction_is_chosen_by_its_name_and_must_have_something_real(runs, alone, tmp_path):
    named = evaluate(runs[0], tmp_path / "named", direction="translate", limit=1)
    assert named["runs"][0]["direction"] == "translate" == alone[1]["runs"][0]["direction"]
    refused(
        "A direction must be one of translate. Received: 'back'. Leave it out for translate.",
        lambda: evaluate(runs[0], tmp_path / "to", direction="back"),
    )
    run = load_run(runs[0])
    run.directions = {"AtoB": run.directions["translate"]._replace(paired=False)}
    refused(
        "Translations are compared with their targets, or with real images of what they are "
        "translated into, so a direction that is not `paired` must have `references`. Received: "
        f"direction 'AtoB' of {str(runs[0])!r}, which has none. Name them in the family 'pix2pix'.",
        lambda: judged_direction(run),
    )
    assert [path.name for path in tmp_path.iterdir()] == ["named"]


def test_a_segmenter_gives_the_paper_s_score(alone):
    folder, result = alone
    colors = {color: index for index, color in enumerate(CMP_FACADES.values())}
    for place, values in (("output", result["runs"][0]["mean"]), ("target", result["targets"])):
        confusion = np.zeros((12, 12))
        for index in range(3):
            labels = picture(folder, "input", index).reshape(-1, 3).tolist()
            found = classes(picture(folder, place, index)).ravel()
            np.add.at(confusion, ([colors[tuple(color)] for color in labels], found), 1)
        right, of_class = np.diag(confusion), confusion.sum(axis=1)
        union = of_class + confusion.sum(axis=0) - right
        expected = {
            "pixel_accuracy": right.sum() / of_class.sum(),
            "class_accuracy": np.mean(right[of_class > 0] / of_class[of_class > 0]),
            "iou": np.mean(right[union > 0] / union[union > 0]),
        }
        assert {name: values[name] for name in expected} == pytest.approx(expected, abs=1e-3)
    assert "<th>target</th>" in (folder / "index.html").read_text("utf-8")


@pytest.mark.slow
def test_rgb_sources_in_the_colours_of_a_segmenter_s_classes_are_labels(
    runs, alone, segmenter, tmp_path
):
    shutil.copytree(segmenter, tmp_path / "segmenter")
    description = tmp_path / "segmenter/assets.extra/classes.json"
    description.parent.mkdir()
    names, colors = zip(*CMP_FACADES.items())
    description.write_text(json.dumps({"names": names, "colors": colors}))
    result = evaluate(runs[1], tmp_path / "to", segmenter=tmp_path / "segmenter")
    assert result["targets"] == pytest.approx(alone[1]["targets"], abs=1e-6)
    photos = untrained_run(tmp_path / "photos", result["runs"][0]["data"], direction="AtoB")
    result = evaluate(photos, tmp_path / "to", segmenter=tmp_path / "segmenter")
    assert result["targets"] == {}


def test_the_program_prints_the_means(both):
    folder, result, printed = both
    l1 = [run["mean"]["l1"] for run in result["runs"]]
    assert re.search(r"^mean +one +<two>$", printed, re.MULTILINE)
    assert re.search(rf"^L1 +{l1[0]:.4g} +{l1[1]:.4g}$", printed, re.MULTILINE)
    assert printed.endswith(f"Look at {folder}/index.html.\n")


@pytest.mark.slow
def test_fid_and_kid_are_measured_with_given_weights(runs, tmp_path):
    path = tmp_path / "inception.h5"
    fixed_weights(
        keras.applications.InceptionV3(include_top=False, weights=None, pooling="avg")
    ).save_weights(path)
    result = evaluate(runs[0], tmp_path / "to", features=path)
    assert result["features"].startswith("inception_v3")
    for name, metric in (("fid", metrics.FID), ("kid", metrics.KID)):
        metric = metric(metrics.inception_features(path))
        pictures = (
            np.stack([picture(tmp_path / "to", place, index) for index in range(3)])
            for place in ("target", "output")
        )
        metric.update_state(*(tf.constant(of, "float32") / 127.5 - 1 for of in pictures))
        expected = float(metric.result())
        assert result["runs"][0]["mean"][name] == pytest.approx(expected, rel=0.02)
