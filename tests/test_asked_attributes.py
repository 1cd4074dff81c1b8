"""TwinGAN on two toy domains by attributes: hair of the asked hue, and the pose of the source."""

import dataclasses

import numpy as np
import pytest

from tests.cases import twin_domains
from tfpix2pix import load_run, preset
from tfpix2pix.data.attributes import attribute_vector
from tfpix2pix.datasets.hues import hue_degrees
from training.engine import loop

pytestmark = pytest.mark.slow
SIDE = 16
HUES = {"red": 0, "green": 120, "blue": 240, "yellow": 60, "aqua": 180, "purple": 300}
TRAIN, TEST = 400, 40


def hue_name(hue):
    """Names a hue in [0, 1) after the nearest of `HUES`."""
    far = {name: abs((360 * hue - degree + 180) % 360 - 180) for name, degree in HUES.items()}
    return min(far, key=far.get)


def write_table(file):
    """Writes the hue of each training head of B, but of every tenth, of which it is not known."""
    rows = ["image,hair"]
    for index, latent in enumerate(twin_domains.latents(TRAIN, 11)):
        rows.append(f"trainB/{index:04d}.png,{hue_name(latent[3]) if index % 10 else ''}")
    file.write_text("\n".join(rows))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hues")
    twin_domains.write(folder / "data", TRAIN, TEST)
    write_table(folder / "hues.csv")
    config = preset("twingan_tiny").with_data(folder / "data")
    data = dataclasses.replace(config.data, attributes=str(folder / "hues.csv"))
    train = dataclasses.replace(config.train, steps=700, checkpoint_every=350)
    model = dataclasses.replace(config.model, base_filters=128, most_filters=32)
    config = dataclasses.replace(config, data=data, model=model, train=train)
    loop.train(config, folder / "run")
    return load_run(folder / "run", averaged=True)


@pytest.fixture(scope="module")
def asked(run):
    """Test heads of A translated with each hue, `[hues, images, SIDE, SIDE, 3]` in [0, 1]."""
    batches = list(run.held_out(run.examples("test")))
    images = np.concatenate([batch[0] for batch in batches])
    columns = run.config.model.attributes
    made = []
    for name in HUES:
        vector = np.float32([attribute_vector(columns, {"hair": name})] * len(images))
        made.append(run.model.translate(images, "AtoB", vector).numpy() / 2 + 0.5)
    return np.stack(made)


def hair_hues(images, latents):
    """Returns the hue in degrees of the mean colour of the hair above each face."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] + 0.5
    hues = []
    for image, (row, column, size, _, _) in zip(images, latents):
        radius = 0.22 + 0.1 * size
        down = (y / SIDE - 0.42 - 0.16 * row) / radius
        right = (x / SIDE - 0.35 - 0.3 * column) / radius
        box = (abs(right) < 0.7) & (down < -0.5) & (down > -1.2)
        hues.append(hue_degrees(image[box].mean(0)))
    return np.array(hues)


def test_the_hue_of_the_hair_is_the_one_that_is_asked_for(asked):
    latents = twin_domains.latents(TEST, 20)
    measured = np.radians([hair_hues(images, latents) for images in asked])
    wanted = np.radians([*HUES.values()])[:, np.newaxis] + np.zeros_like(measured)
    pairs = [np.concatenate([np.cos(x), np.sin(x)]).ravel() for x in (measured, wanted)]
    assert np.corrcoef(*pairs)[0, 1] > 0.5


def test_the_pose_is_that_of_the_source_whatever_hue_is_asked_for(asked):
    first, *others = asked
    for other in others:
        own, foreign = twin_domains.correlations(other, first)
        assert own > foreign + 0.25
