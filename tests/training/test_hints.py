"""Trainings on toys whose colours nobody can guess: hints decide them."""

import numpy as np
import pytest
import tensorflow as tf
from skimage.color import lab2rgb, rgb2lab

from tfpix2pix import load_run
from tfpix2pix.data import codecs, edges, hint_points
from training.engine import loop
from training.train import parse

pytestmark = pytest.mark.slow
SIDE = 32
RED = (230, 60, 60)
GREEN = (60, 170, 60)
OPTIONS = ["--model.base_filters", "12", "--train.batch_size", "4"]
OPTIONS += ["--train.learning_rate", "0.001", "--train.seed", "3"]


def write_discs(folder, count, seed):
    """Writes photos of a disc of one lightness on grey, whose hue nothing but itself tells."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for index in range(count):
        y, x = random.uniform(11, 21, 2)
        disc = np.hypot(rows - y, columns - x) < random.uniform(8, 10)
        hue = random.uniform(0, 2 * np.pi)
        lab = np.full((SIDE, SIDE, 3), (85.0, 0, 0))
        lab[disc] = (60, 40 * np.cos(hue), 40 * np.sin(hue))
        codecs.write(np.round(255 * lab2rgb(lab)).astype("uint8"), folder / f"{index}.png")


def trained(folder, *options):
    write_discs(folder / "data/train", 60, seed=0)
    write_discs(folder / "data/test", 12, seed=1)
    run = folder / "run"
    arguments = ["hints_debug", "--data", str(folder / "data"), "--run", str(run)]
    loop.train(parse([*arguments, *OPTIONS, *options])[0], run)
    photos = [codecs.read(path) for path in sorted((folder / "data/test").glob("*.png"))]
    return load_run(run), photos


@pytest.fixture(scope="module")
def photos_run(tmp_path_factory):
    return trained(tmp_path_factory.mktemp("photos"), "--train.steps", "400")


def disc_of(photo):
    return rgb2lab(photo)[..., 0] < 72


def middle(mask):
    return [round(axis.mean()) for axis in np.nonzero(mask)]


def redness(image, mask):
    return rgb2lab(image)[..., 1][mask].mean()


def test_a_hint_colours_what_it_lies_in(photos_run):
    run, photos = photos_run
    for photo in photos[:6]:
        disc = disc_of(photo)
        y, x = middle(disc)
        red = run.translate(photo, hints=[(y, x, RED, 2)])
        green = run.translate(photo, hints=[(y, x, GREEN, 2)])
        patch = np.zeros(disc.shape, bool)
        patch[y - 2 : y + 3, x - 2 : x + 3] = True
        assert redness(red, patch) > redness(green, patch) + 40
        assert redness(red, disc) > redness(green, disc) + 30
        assert abs(redness(red, ~disc)) < 8
        # A green hint that is moved out of the disc no longer colours it.
        beside = run.translate(photo, hints=[(1, 1, GREEN, 1), (y, x, RED, 2)])
        assert redness(beside, disc) > redness(green, disc) + 30


def test_colour_follows_the_hint_around_the_wheel(photos_run):
    run, photos = photos_run
    photo = photos[0]
    disc = disc_of(photo)
    y, x = middle(disc)
    for hue in np.arange(0, 2 * np.pi, np.pi / 3):
        asked = np.array([60, 40 * np.cos(hue), 40 * np.sin(hue)])
        color = 255 * lab2rgb(asked)
        made = rgb2lab(run.translate(photo, hints=[(y, x, tuple(color), 2)]))[disc].mean(0)
        angle = np.angle(complex(*made[1:]) / complex(*asked[1:]))
        assert abs(np.degrees(angle)) < 40


def test_more_hints_are_nearer_to_the_photo(photos_run):
    run, photos = photos_run
    errors = {}
    for count in (0, 1, 32):
        squares = []
        for number, photo in enumerate(photos):
            key = tf.constant([5, number], "int64")
            points = hint_points.revealed(photo[np.newaxis], count, key)[0].numpy()
            made = run.translate(photo, hints=points).astype(float)
            squares.append(((made - photo) ** 2).mean())
        errors[count] = 10 * np.log10(255**2 / np.mean(squares))
    assert errors[0] < errors[1] < errors[32]
    assert errors[32] > errors[0] + 3


def test_the_hue_of_a_region_of_line_art_moves_to_the_stroke(tmp_path):
    run, photos = trained(tmp_path, "--data.task", "line_art", "--train.steps", "600")
    moved = []
    for photo in photos[:6]:
        disc = disc_of(photo)
        y, x = middle(disc)
        made = []
        for color in (RED, GREEN):
            stroke = [(y, x + step, color, 2) for step in range(-4, 5, 2)]
            made.append(redness(run.translate(edges.extract(photo)[..., :1], hints=stroke), disc))
        moved.append(made[0] - made[1])
    assert min(moved) > 20
