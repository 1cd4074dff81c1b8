"""TwinGAN on two toy domains by random codes: other pictures of the same content."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import twin_domains
from tfpix2pix import load_run, preset
from training.engine import loop

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Test heads of A in B by six codes, and the embeddings of these, `[codes, images, ...]`."""
    folder = tmp_path_factory.mktemp("styles")
    twin_domains.write(folder / "data", 400, 40)
    config = preset("twingan_tiny").with_data(folder / "data")
    train = dataclasses.replace(config.train, steps=700, checkpoint_every=350)
    options = {"base_filters": 128, "most_filters": 32, "style_code": 8}
    model = dataclasses.replace(config.model, **options)
    loop.train(dataclasses.replace(config, model=model, train=train), folder / "run")
    run = load_run(folder / "run", averaged=True)
    style = run.directions["AtoB"].controls[0]  # With them the statistics are measured.
    images = np.concatenate([batch[0] for batch in run.held_out(run.examples("test"))])
    made = [
        run.model.translate(images, "AtoB", style.sample((7, number), images))
        for number in range(6)
    ]
    codes = [run.model.encode(one, "B", made=True)[0] for one in made]
    return np.stack(made), np.stack([tf.reshape(one, (len(images), -1)) for one in codes])


def cosines(one, other):
    norms = [np.linalg.norm(x, axis=1) for x in (one, other)]
    return (one * other).sum(1) / (norms[0] * norms[1])


def test_two_codes_make_two_pictures(drawn):
    """They differ by half as much as pictures of two heads, or more."""
    made, _ = drawn
    by_code = np.mean([np.abs(one - made[0]).mean() for one in made[1:]])
    assert by_code > 0.5 * np.abs(made[0] - made[0][::-1]).mean()


def test_their_content_is_one(drawn):
    _, codes = drawn
    for other in codes[1:]:
        assert cosines(codes[0], other).mean() > 0.9
    assert cosines(codes[0], codes[1]).mean() > cosines(codes[0], codes[1][::-1]).mean() + 0.02
