"""TwinGAN's phases, rates and options, and what it refuses."""

import dataclasses
import re

import numpy as np
import pytest

from tests.cases.families import twingan
from tfpix2pix import InputError, load_run, losses, preset
from tfpix2pix.data import codecs
from tfpix2pix.families import get_family
from tfpix2pix.testing import save_untrained
from training.engine import loop

FAMILY = get_family("twingan")
PLAYERS = ("encoder", "generator", "discriminator_A", "discriminator_B")


def with_options(config, *, size=None, steps=None, **options):
    data = dataclasses.replace(config.data, image_size=size or config.data.image_size)
    train = dataclasses.replace(config.train, steps=steps or config.train.steps)
    model = dataclasses.replace(config.model, **options)
    return dataclasses.replace(config, data=data, model=model, train=train)


def test_the_paper_s_growth_has_the_images_and_batches_of_its_code():
    config = preset("twingan")
    found = [(p.name, p.steps, p.batch_size, p.image_size[0]) for p in FAMILY.phases(config)]
    names = [("4", 4)]
    for side in (8, 16, 32, 64, 128, 256):
        names += [(f"{side} fade", side), (str(side), side)]
    batches = {128: 4, 256: 3}
    expected = [
        (name, 300_000 // batches.get(side, 8), batches.get(side, 8), side) for name, side in names
    ]
    assert found == expected
    assert sum(steps for _, steps, *_ in found) == config.train.steps
    options = config.model
    assert (options.base_filters, options.most_filters, options.skip_size) == (1024, 256, 256)
    assert (options.content_weight, options.cycle_weight) == (0.1, 0.0)
    assert (options.norm, options.momentum, options.image_norm) == ("batch_renorm", 0.99, "full")
    assert (options.penalty, options.penalty_weight) == ("dragan_variance", 0.25)
    assert (config.train.learning_rate, config.train.ema_decay) == (1e-4, 0.0)


@pytest.mark.parametrize("name", ["twingan_small", "twingan_tiny"])
def test_a_small_growth_has_the_images_that_it_names(name):
    config = preset(name)
    images = {p.name: p.steps * p.batch_size for p in FAMILY.phases(config)}
    assert images == config.model.images


def test_phases_share_the_steps_of_any_training_in_proportion():
    config = with_options(preset("twingan_tiny"), steps=11)
    assert [phase.steps for phase in FAMILY.phases(config)] == [1, 1, 2, 2, 5]
    config = with_options(preset("twingan_tiny"), steps=5, optimizers="kept")
    assert [(p.steps, p.renewed) for p in FAMILY.phases(config)] == [(1, ())] * 5


def test_players_have_adam_of_the_code_at_the_pace_of_the_phase():
    config = with_options(preset("twingan_tiny"), size=(8, 8), base_filters=8)
    model = FAMILY.model(config)
    fade, stable = FAMILY.phases(config)[1:]
    for phase, share, pace in (
        *((fade, 0.0, 1.0), (fade, 0.9, 1.0), (stable, 0.5, 1.0)),
        *((stable, 0.75, 0.55), (stable, 1.0, 0.05)),
    ):
        model.enter(phase, share)
        for player in PLAYERS:
            optimizer = model.optimizers[player]
            rate = 1.2e-3 if player in PLAYERS[2:] else 3e-4
            np.testing.assert_allclose(
                optimizer.learning_rate(optimizer.iterations), pace * rate, rtol=1e-5
            )
            betas = (optimizer.beta_1, optimizer.beta_2)
            np.testing.assert_allclose(betas, (0.5, 0.99), rtol=1e-6)
    assert set(stable.renewed) == set(PLAYERS)


def test_the_options_of_dtn_are_its_losses(tmp_path):
    """Constancy of f and identity of the target by mean squares, and GAN on both (its code)."""
    config = twingan(
        tmp_path,
        content_weight=(15.0, 0.0),
        content_distance="l2",
        reconstruction_weight=(0.0, 15.0),
        reconstruction_distance="l2",
        gan_weight=(0.0, 1.0),
        reconstruction_gan_from=4,
        frozen_encoder=True,
    )
    model = FAMILY.model(config)
    assert model.trained == PLAYERS[1:]
    assert model.distances == (losses.l2, losses.l2)
    assert model.weights_of_terms == {
        "reconstruction": {"A": 0.0, "B": 15.0},
        "gan": {"A": 0.0, "B": 1.0},
        "content": {"A": 15.0, "B": 0.0},
        "cycle": {"A": 0.0, "B": 0.0},
    }


@pytest.mark.slow
def test_a_run_translates_by_statistics_that_are_measured_after_the_training(tmp_path):
    run = load_run(save_untrained(twingan(tmp_path / "data"), tmp_path / "run"))
    norms = [layer for layer in run.direction("AtoB")[1].network.get_layer("encoder").layers
             if hasattr(layer, "batches_seen")]  # fmt: skip
    assert norms
    for norm in norms:
        assert norm.batches_seen.numpy().tolist() == [12, 12, 12, 12]
        assert np.abs(norm.moving_mean).max() > 0


def refused(config, make):
    with pytest.raises(InputError) as caught:
        make(config)
    return str(caught.value)


def test_what_cannot_grow_is_refused():
    tiny = preset("twingan_tiny")
    assert refused(with_options(tiny, size=(32, 16)), FAMILY.model) == (
        "`image_size` must be a square whose side is a power of 2. Received: (32, 16). Use 16, 32, "
        "64, 128 or 256."
    )
    images = "{'4': 1600, '8 fade': 1600, '8': 3200, '16 fade': 3200, '16': 8000}"
    assert refused(with_options(tiny, steps=4), FAMILY.phases) == (
        "Every phase of a growth must have a step, and images. Received: 4 steps for the phases 4, "
        f"8 fade, 8, 16 fade, 16, and images={images}. Train longer, or start at a larger "
        "`first_size`."
    )
    assert refused(with_options(tiny, images={"12": 5, "8": 5}), FAMILY.phases) == (
        "`images` are given for phases of the growth: 4, 8 fade, 8, 16 fade, 16. Received: 12. "
        "Rename or remove them."
    )
    data = dataclasses.replace(tiny.data, target_channels=1)
    message = (
        "One network for all domains needs images of as many channels, and of one size at every "
        "scale. Received: 3, 1 channels, preprocess='resize_and_crop'. Use the preprocess "
        "resize_and_crop, and convert the images."
    )
    assert refused(dataclasses.replace(tiny, data=data), FAMILY.model) == message
    data = dataclasses.replace(tiny.data, preprocess="none")
    found = refused(dataclasses.replace(tiny, data=data), FAMILY.model)
    assert re.search("Received: 3, 3 channels, preprocess='none'", found)


@pytest.mark.slow
def test_an_image_s_vector_is_the_encoder_s_answer_to_the_norms_of_its_domain(tmp_path):
    run = load_run(save_untrained(twingan(tmp_path / "data"), tmp_path / "run", step=2))
    assert list(run.embeddings) == ["A", "B"]
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype("uint8")
    for domain in "AB":
        vector = run.embed([pixels], domain)
        assert run.phase.name == "8 fade"
        faded = run.model.faded(pixels[np.newaxis] / np.float32(127.5) - 1)
        assert np.abs(faded - (pixels / 127.5 - 1)).max() > 0.1
        codes = run.model.encode(faded, domain)[0]
        np.testing.assert_allclose(vector, np.reshape(codes, (1, -1)), atol=1e-5)
    assert np.abs(run.embed([pixels], "A") - vector).max() > 0.1


def test_domains_are_names_of_their_own():
    options = type(preset("twingan").model)
    assert options(domains="faces,anime, cats").domains == ("faces", "anime", "cats")
    assert options(domains=["x", "y"], gan_weight=[1, 2]).gan_weight == (1, 2)
    for domains in ("faces", "A,A", "a-b,c", "1,2"):
        message = (
            "`domains` are two names or more, each of letters and digits, a letter first. "
            f"Received: {domains.replace(',', ', ')}. Name them such as faces,anime."
        )
        assert refused(domains, lambda names: options(domains=names)) == message


def three_domains(folder, **options):
    """Faces and anime by their letters, and cats by their name."""
    config = twingan(folder, domains=("faces", "anime", "cats"), **options)
    for split in ("train", "test"):
        for index in range(2):
            pixels = codecs.read(folder / f"{split}B/{index}.png")[::-1]
            codecs.write(pixels, folder / f"{split}cats/{index}.png")
    return config


@pytest.mark.slow
def test_three_domains_train_on_two_devices_as_on_one(tmp_path, mirrored):
    options = {"norm": "instance", "minibatch_deviation": False, "learning_rates": "equalized"}
    # Without growth, which test_phases.py has: each phase takes half a minute to trace.
    config = three_domains(tmp_path / "data", first_size=8, **options)
    one, _ = loop.train(config, tmp_path / "one")
    two, _ = loop.train(config, tmp_path / "two", mirrored)
    for player, network in one.players.items():
        for weight, same in zip(network.weights, two.players[player].weights):
            # Half a step of Adam, which makes whole ones of rounding errors.
            np.testing.assert_allclose(weight, same, atol=5e-4, err_msg=weight.name)


@pytest.mark.slow
def test_a_run_of_three_domains_has_all_directions_by_name(tmp_path):
    folder = tmp_path / "data"
    config = three_domains(folder)
    run = load_run(save_untrained(config, tmp_path / "run"))
    names = ["faces", "anime", "cats"]
    assert list(run.directions) == [f"{a}_to_{b}" for a in names for b in names if a != b]
    assert run.directions["cats_to_anime"].reverse == "anime_to_cats"
    assert list(run.embeddings) == names
    examples = run.examples("test")
    cats = run.directions["cats_to_anime"]
    assert (cats.sources(examples), cats.references(examples)) == (
        ["testcats/0.png", "testcats/1.png"],
        [f"testB/{index}.png" for index in range(3)],
    )
    batch = next(iter(run.held_out(examples)))
    example = cats.example(batch)
    assert (example.source is batch[2], example.reference is batch[1]) == (True, True)
    pixels = codecs.read(folder / "testcats/0.png")
    made = run.translate(pixels, "cats_to_faces")
    assert made.shape == pixels.shape
    run.model.players["generator"].get_layer("base4_first_norm").gamma[1].assign(
        np.linspace(-1, 2, 6)
    )
    np.testing.assert_array_equal(run.translate(pixels, "cats_to_faces"), made)
    assert (run.translate(pixels, "cats_to_anime") != made).any()
