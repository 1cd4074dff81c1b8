"""TwinGAN on two toy domains: what it has to show that it is what the article describes."""

import dataclasses

import numpy as np
import pytest

from tests.cases import twin_domains
from tfpix2pix import load_run, preset
from training.engine import loop

pytestmark = pytest.mark.slow
SIDE = 16


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """All images of the test, in [0, 1]: real ones, reconstructions, translations; embeddings."""
    folder = tmp_path_factory.mktemp("twins")
    latents = twin_domains.write(folder / "data")
    config = preset("twingan_tiny").with_data(folder / "data")
    train = dataclasses.replace(config.train, steps=700, checkpoint_every=350)
    model = dataclasses.replace(config.model, base_filters=128, most_filters=32)
    config = dataclasses.replace(config, model=model, train=train)
    loop.train(config, folder / "run")
    run = load_run(folder / "run", averaged=True)
    assert list(run.directions) == ["AtoB", "BtoA"]  # With them the statistics are measured.
    found = {"latents": latents, "model": run.model}
    for split in ("train", "test"):
        batches = list(run.held_out(run.examples(split)))
        for number, domain in enumerate("AB"):
            found[split, domain] = np.concatenate([batch[number] for batch in batches])
    for source in "AB":
        for target in "AB":
            made = run.model.translate(found["test", source], f"{source}to{target}")
            found[f"{source}to{target}"] = made.numpy()
        found["codes", source] = run.model.encode(found["test", source], source)[0].numpy()
    return found


@pytest.mark.parametrize("domain", "AB")
def test_reconstructions_are_far_closer_than_the_mean_image(domain, seen):
    real = seen["test", domain]
    baseline = twin_domains.mean_image_l1(seen["train", domain], real)
    assert np.abs(seen[f"{domain}to{domain}"] - real).mean() < 0.6 * baseline


@pytest.mark.parametrize(("source", "target"), ["AB", "BA"])
def test_translations_are_taken_for_the_other_domain_and_are_not_all_alike(source, target, seen):
    is_target = twin_domains.classifier(seen["train", source], seen["train", target])
    assert is_target(seen["test", target]).mean() > 0.95
    assert is_target(seen["test", source]).mean() < 0.05
    translated = seen[f"{source}to{target}"]
    assert is_target(translated).mean() > 0.8
    real = seen["test", target]
    assert twin_domains.diversity(translated, real) > 0.7
    untouched = twin_domains.energy_distance(seen["test", source], real)
    assert twin_domains.energy_distance(translated, real) < untouched / 3


@pytest.mark.parametrize(("source", "target"), ["AB", "BA"])
def test_a_translation_follows_its_own_source(source, target, seen):
    """By luminance, most of what the same heads drawn in the other domain do; and like these."""
    sources = seen["test", source]
    translated = seen[f"{source}to{target}"]
    twins = twin_domains.heads(seen["latents"][source], target)
    twins = twins.reshape(len(twins), SIDE, 2, SIDE, 2, 3).mean((2, 4))
    own, others = twin_domains.correlations(translated, sources)
    true_own, true_others = twin_domains.correlations(twins, sources)
    assert own - others > 0.6 * (true_own - true_others) > 0.1
    own, others = twin_domains.correlations(translated, twins)
    assert own > others + 0.25


@pytest.mark.parametrize(("source", "target"), ["AB", "BA"])
def test_the_nearest_embeddings_are_of_heads_alike(source, target, seen):
    codes = seen["codes", source], seen["codes", target]
    latents = seen["latents"][source], seen["latents"][target]
    found, chance = twin_domains.recall(*codes, *latents)
    assert found >= 3 * chance


def test_norms_alone_make_the_domain(seen):
    """Other kernels are not there: reconstruction and translation differ by rows of the norms."""
    model = seen["model"]
    tables = {"gamma", "beta", "moving_mean", "moving_variance", "batches_seen"}
    of_domains = {
        weight.name.split("/")[-1].split(":")[0]
        for player in model.translators
        for weight in model.players[player].weights
        if weight.shape[0] in (2, 4) and "_norm/" in weight.name
    }
    assert of_domains == tables
    assert np.abs(seen["AtoB"] - seen["AtoA"]).mean() > 0.1
