import csv
import json
import re

import numpy as np
import pytest
import scipy.stats
import skimage.color
import tensorflow as tf
from PIL import Image
from tensorflow import keras

from tests.cases.families import TEST_FAMILIES, toy_paper
from tests.training.test_evaluate import Markup
from tfpix2pix import InputError, families, load_run, metrics
from tfpix2pix.data import codecs, images
from tfpix2pix.data.formats import PixelFormat
from tfpix2pix.data.tasks import Pairs
from tfpix2pix.testing import save_untrained
from training.evaluate import evaluate
from training.evaluation import domain_classifier, evaluated_run
from training.evaluation.evaluated_run import Judges, Selection

NAMES = {
    "A": [f"testA/{index}.png" for index in range(5)],
    "B": [f"testB/{index}.png" for index in range(3)],
}
WAYS = {"AtoB": ("A", "B"), "BtoA": ("B", "A")}
COLUMNS = ["input", "output", "reconstruction", "identity"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the toy paper, of two directions that have not learned anything."""
    folder = tmp_path_factory.mktemp("toy")
    with pytest.MonkeyPatch.context() as patch:
        for name, family in TEST_FAMILIES.items():
            patch.setitem(families.FAMILIES, name, family)
        yield save_untrained(toy_paper(folder / "data"), folder / "run")


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """A file of a Keras model of images to their mean colours and the squares of these."""
    image = keras.Input((None, None, 3))
    mean = keras.layers.GlobalAveragePooling2D()(image)
    both = keras.layers.Concatenate()([mean, keras.layers.Multiply()([mean, mean])])
    path = tmp_path_factory.mktemp("features") / "colors.keras"
    keras.Model(image, both, name="colors").save(path)
    return path


@pytest.fixture(scope="module", params=WAYS)
def evaluated(run, features, request, tmp_path_factory):
    """`(direction, folder, result)` of an evaluation of each direction."""
    folder = tmp_path_factory.mktemp("evaluations") / request.param
    return request.param, folder, evaluate(run, folder, direction=request.param, features=features)


def rows(folder):
    with (folder / "images.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def pictures(folder, place):
    """Returns the pictures of a column, uint8 `[count, height, width, 3]`."""
    found = []
    for path in sorted((folder / "pictures" / place).iterdir()):
        with Image.open(path) as image:
            found.append(np.asarray(image))
    return np.stack(found)


def column(folder, name):
    return np.array([float(row[name]) for row in rows(folder)])


def test_each_direction_judges_every_image_of_its_domain_once_in_order(evaluated, run):
    direction, folder, result = evaluated
    source, target = WAYS[direction]
    assert [row["name"] for row in rows(folder)] == NAMES[source]
    assert (result["count"], result["real"]) == (len(NAMES[source]), len(NAMES[target]))
    for place, domain in (("input", source), ("real", target)):
        files = [codecs.read(run.parent / "data" / name) for name in NAMES[domain]]
        expected = [images.resize(pixels, (32, 32)) for pixels in files]
        np.testing.assert_array_equal(pictures(folder, place), expected)


def test_the_cycle_and_the_identity_are_those_of_the_networks(evaluated, run):
    direction, folder, _ = evaluated
    back = WAYS[direction][1] + "to" + WAYS[direction][0]
    directions = load_run(run).directions

    def translated(name, batch):
        style, _, regions = directions[name].controls
        return (
            directions[name].network([batch, style.neutral(batch), regions.neutral(batch)]).numpy()
        )

    source = pictures(folder, "input").astype("float32") / 127.5 - 1
    shown = {"output": translated(direction, source), "identity": translated(back, source)}
    shown["reconstruction"] = translated(back, shown["output"])
    for place, images_of_place in shown.items():
        pixels = np.clip((images_of_place + 1) * 127.5, 0, 255)  # The sum of two tanh.
        np.testing.assert_allclose(pictures(folder, place), pixels, atol=0.51)
    for name, place in (("cycle_l1", "reconstruction"), ("identity_l1", "identity")):
        expected = np.abs(shown[place] - source).mean((1, 2, 3))
        np.testing.assert_allclose(column(folder, name), expected, rtol=1e-4)


def color_distance(one, other):
    """SciPy's Wasserstein distances of L, a and b, rounded to whole units, as one length."""
    one, other = (np.round(skimage.color.rgb2lab(x)).reshape(-1, 3).T for x in (one, other))
    return np.linalg.norm(list(map(scipy.stats.wasserstein_distance, one, other)))


def energy(picture):
    signed = picture / 127.5 - 1
    sums = [(np.diff(signed, axis=axis) ** 2).sum() for axis in (0, 1)]
    return sum(sums) / signed.size


def test_the_domain_is_met_in_colour_sharpness_and_features(evaluated, features):
    """Of the outputs, and of the inputs as they are."""
    _, folder, result = evaluated
    real = pictures(folder, "real")
    domain_energy = np.mean([energy(picture) for picture in real])
    model = keras.models.load_model(features)
    for place, found in (("output", result["runs"][0]["mean"]), ("input", result["inputs"])):
        judged = pictures(folder, place)
        of_each = {
            "domain_color": [color_distance(real, picture) for picture in judged],
            "domain_sharpness": [energy(picture) / domain_energy for picture in judged],
        }
        for name, values in of_each.items():
            assert found[name] == pytest.approx(np.mean(values), rel=2e-3)
            if place == "output":
                np.testing.assert_allclose(column(folder, name), values, rtol=5e-3)
        of_all = color_distance(real, judged)
        assert found["color_distance_of_all"] == pytest.approx(of_all, rel=2e-3)
        for name, metric in (("fid", metrics.FID(model)), ("kid", metrics.KID(model))):
            metric.update_state(*(tf.constant(x / 127.5 - 1, "float32") for x in (real, judged)))
            assert found[name] == pytest.approx(float(metric.result()), rel=1e-3, abs=1e-6)
    assert result["features"] == "colors"
    assert set(result["runs"][0]["mean"]) == {
        *("cycle_l1", "identity_l1", "domain_color", "domain_sharpness"),
        *("lab_intersection_of_all", "color_distance_of_all", "fid", "kid"),
    }
    assert json.loads((folder / "metrics.json").read_text()) == result


def test_the_page_has_four_columns_and_real_images(evaluated):
    _, folder, result = evaluated
    text = (folder / "index.html").read_text("utf-8")
    page = Markup(text)
    assert page.open == []
    assert page.order == list(np.argsort(-column(folder, "cycle_l1")))
    real = [f"pictures/real/{index:05d}.png" for index in range(result["real"])]
    assert page.sources == real + [
        f"pictures/{place}/{index:05d}.png" for index in page.order for place in COLUMNS
    ]
    assert all((folder / source).is_file() for source in page.sources)
    assert "inputs as they are" in text


def test_the_columns_are_those_that_a_direction_has(run, monkeypatch):
    selection = Selection(direction="AtoB")

    def columns(**changes):
        one = load_run(run)
        changed = one.directions["AtoB"]._replace(**changes)
        one.directions["AtoB"] = changed
        monkeypatch.setattr(evaluated_run, "load_run", lambda *_, **__: one)
        return evaluated_run.EvaluatedRun(run, "one", selection, Judges()).columns

    grey = PixelFormat(1, "uint8", (0.0, 255.0))
    to_grey = Pairs((PixelFormat(3, "uint8", (0.0, 255.0)), grey))
    assert columns() == ("input", "output", "reconstruction", "identity")
    assert columns(task=to_grey) == ("input", "output", "reconstruction")
    assert columns(reverse=None) == ("input", "output")
    assert columns(paired=True) == ("input", "output", "target")


def test_a_limit_is_one_of_each_domain_and_runs_are_compared(run, tmp_path):
    result = evaluate([run, run], tmp_path / "to", direction="BtoA", limit=2)
    assert (result["count"], result["real"]) == (2, 2)
    assert not any(change["mean"] for change in result["runs"][1]["difference"].values())
    page = Markup((tmp_path / "to/index.html").read_text("utf-8"))
    assert page.sources[2:9] == [
        f"pictures/{place}/{page.order[0]:05d}.png"
        for place in ("input", *(f"{title}{n}" for title in COLUMNS[1:] for n in (1, 2)))
    ]


class TwoClasses(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def __call__(self, pictures):
        return pictures[..., :2]


def test_a_segmenter_without_labels_and_runs_of_other_images_are_refused(run, tmp_path):
    tf.saved_model.save(TwoClasses(), str(tmp_path / "segmenter"))
    message = (
        "A segmenter judges translations by the labels of their sources, or by what it finds in "
        "their targets. Received: examples without targets, whose sources are no label maps. "
        "Leave the segmenter out."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        evaluate(run, tmp_path / "to", direction="BtoA", segmenter=tmp_path / "segmenter")
    assert [path.name for path in tmp_path.iterdir()] == ["segmenter"]


@pytest.mark.slow
def test_features_are_learned_from_the_domains_and_kept(run, tmp_path, monkeypatch):
    monkeypatch.setattr(domain_classifier, "STEPS", 12)
    monkeypatch.setattr(domain_classifier, "SIDE", 32)
    first = evaluate(run, tmp_path / "one", direction="BtoA", features="domains")
    # Label maps and photos of facades are easily told apart.
    assert first["features_accuracy"] > 0.85
    kept = tmp_path / "one/features.keras"
    again = evaluate(run, tmp_path / "two", direction="BtoA", features=kept)
    assert again["features_accuracy"] is None
    for name in ("kid", "fid"):
        assert again["runs"][0]["mean"][name] == first["runs"][0]["mean"][name]
        assert again["inputs"][name] == first["inputs"][name]
    assert again["features"] == first["features"]
    assert re.fullmatch("domains_[0-9a-f]{8}", first["features"])
    text = (tmp_path / "one/index.html").read_text("utf-8")
    assert f"by the features of {first['features']}, which tell" in text
    # The same seed learns the same, of which the name tells; another does not.
    learned, _ = domain_classifier.trained(load_run(run), "BtoA", steps=12)
    assert learned.name == first["features"]
    domains = [
        [codecs.read(run.parent / f"data/train{domain}/{index}.png") for index in range(count)]
        for domain, count in (("A", 5), ("B", 3))
    ]
    squares = [
        np.mean(learned(np.array(pictures) / np.float32(127.5) - 1) ** 2) for pictures in domains
    ]
    assert np.mean(squares) == pytest.approx(1, rel=0.3)  # Of uncropped ones.
    other, _ = domain_classifier.trained(load_run(run), "BtoA", steps=2, seed=1)
    assert other.name != first["features"]


def test_a_file_that_holds_no_features_is_refused(run, tmp_path):
    path = tmp_path / "features.keras"
    path.write_bytes(b"nothing")
    message = (
        "Features are a file of a Keras model of RGB pictures in [-1, 1], .keras, or weights of "
        f"InceptionV3, .h5. Received: {str(path)!r}, which Keras cannot load. Use --features "
        "domains to train some."
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        evaluate(run, tmp_path / "to", features=path)
