"""Trainings on toys: discs that are grey in photos, and of a colour in each style."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.color import rgb2lab

from serving import export
from tfpix2pix import load_run
from tfpix2pix.data import codecs
from tfpix2pix.translation import export_translator
from training.engine import loop
from training.train import parse

pytestmark = pytest.mark.slow
SIDE = 32
COLOURS = {
    "photos": (120, 120, 120), "rust": (200, 60, 50), "sea": (50, 80, 200), "moss": (60, 160, 60)
}  # fmt: skip
OPTIONS = ["--model.base_filters", "8", "--model.receptive_field", "16", "--train.batch_size", "2"]
OPTIONS += ["--train.learning_rate", "0.001", "--train.seed", "5", "--train.steps", "300"]


def write_discs(folder, domain, count, seed):
    """Writes images of a disc of the domain's colour, of other lightnesses, on light grey."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for index in range(count):
        y, x = random.uniform(11, 21, 2)
        disc = np.hypot(rows - y, columns - x) < random.uniform(7, 10)
        image = np.full((SIDE, SIDE, 3), 225.0)
        image[disc] = np.array(COLOURS[domain]) * random.uniform(0.8, 1.1)
        codecs.write(image.clip(0, 255).astype("uint8"), folder / f"{index}.png")


def train(folder, run, *options):
    arguments = ["styles_debug", "--data", str(folder / "data"), "--run", str(folder / run)]
    loop.train(parse([*arguments, *OPTIONS, *options])[0], folder / run)
    return load_run(folder / run)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("discs")
    for seed, domain in enumerate(COLOURS):
        write_discs(folder / f"data/train{domain}", domain, 40, seed)
        write_discs(folder / f"data/test{domain}", domain, 6, 10 + seed)
    return folder


@pytest.fixture(scope="module")
def run(folder):
    return train(folder, "run", "--model.domains", "photos,rust,sea")


@pytest.fixture(scope="module")
def photos(folder):
    return [codecs.read(path) for path in sorted((folder / "data/testphotos").glob("*.png"))]


def colours(run, photos, **options):
    """Returns a and b of CIE Lab in the middle of the discs of translations, `[photos, 2]`."""
    made = []
    for photo in photos:
        disc = photo[..., 0] < 180
        lab = rgb2lab(run.translate(photo, **options))
        made.append(lab[disc][:, 1:].mean(0))
    return np.array(made)


def test_blends_lie_between_their_styles(run, photos):
    rust = colours(run, photos, direction="photos_to_rust").mean(0)
    sea = colours(run, photos, direction="photos_to_sea").mean(0)
    assert rust[0] > 15, "the discs are not red"
    assert sea[1] < -15, "the discs are not blue"
    shares = np.linspace(0, 1, 5)
    blends = [
        colours(run, photos, style={"rust": 1 - share, "sea": share}).mean(0) for share in shares
    ]
    np.testing.assert_allclose((blends[0], blends[-1]), (rust, sea), atol=1e-6)
    along = np.array(blends) @ (sea - rust)
    assert (np.diff(along) > 0).all(), along


def test_weights_of_no_style_are_refused_by_a_run(run, photos):
    with pytest.raises(tf.errors.InvalidArgumentError, match="not all 0, in the order photos, rus"):
        run.translate(photos[0], style={"rust": 0})


def test_styles_are_exported_with_their_proof_and_warmed_up(folder, run, photos):
    export.main(folder / "run", folder / "exports/discs")
    version = folder / "exports/discs/1"
    records = tf.data.TFRecordDataset(str(version / "assets.extra/tf_serving_warmup_requests"))
    assert len(list(records)) > len(run.directions)
    answered = export_translator(version, controls={"style": {"rust": 0.5, "sea": 0.5}})
    (made,) = answered.translate(photos[0])
    expected = run.translate(photos[0], style=[0, 0.5, 0.5])
    assert np.abs(made.astype(int) - expected).max() <= 1


def test_a_new_style_is_learned_beside_styles_that_stay_to_the_bit(folder, run, photos):
    names = ("--model.domains", "photos,rust,sea,moss", "--model.new_style", "moss")
    more = train(folder, "more", *names, "--train.start_from", str(folder / "run"))
    moss = colours(more, photos, direction="photos_to_moss").mean(0)
    assert moss[0] < -10, "the discs are not green"
    for photo in photos:
        for style in ("rust", "sea"):
            direction = f"photos_to_{style}"
            before, after = (r.translate(photo, direction=direction) for r in (run, more))
            np.testing.assert_array_equal(before, after)
