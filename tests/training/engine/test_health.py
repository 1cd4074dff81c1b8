import dataclasses
import itertools
import re

import numpy as np
import pytest
import tensorflow as tf

from tests.cases import fixed_weights, smooth_images, tiny_pix2pix
from tfpix2pix import losses
from tfpix2pix.config import DataConfig, TrainConfig
from tfpix2pix.data import pipeline, sources
from tfpix2pix.data.geometry import Geometry
from tfpix2pix.families import FAMILIES
from tfpix2pix.models import Column
from training.engine import health

SIZE = 32


@pytest.fixture(scope="module")
def held_out(facades):
    """Sources and targets of facades: one batch each."""
    pairs = sources.pairs(facades, "test", direction="BtoA")
    ((source, target),) = pipeline.evaluation_batches(pairs, Geometry((SIZE, SIZE)), batch_size=3)
    return source.numpy(), target.numpy()


def sample(source, translated, target=None, direction="translate"):
    """What a model's `columns` returns of a batch."""
    columns = {
        "input": Column("source", direction, source),
        "output": Column("translation", direction, translated, source),
    }
    return columns if target is None else columns | {"target": Column("target", direction, target)}


def examined(*samples, **options):
    return health.Doctor(patience=1).examine(list(samples), **options)


def codes(*samples, **options):
    return [symptom.code for symptom in examined(*samples, **options)]


@pytest.mark.slow
def test_a_training_on_facades_is_healthy_from_the_first_step_on(facades, held_out):
    source, target = held_out
    pairs = sources.pairs(facades, "train", direction="BtoA")
    batches = pipeline.training_batches(pairs, Geometry((SIZE, SIZE)), batch_size=1, seed=3)
    model = tiny_pix2pix()
    step, lines = tf.function(model.train_step), []
    for now, batch in zip(range(201), batches):
        if now in (0, 1, 10, 50, 200):
            columns = model.columns((source, target))
            found = codes(columns, lines=lines, discriminator_losses=model.discriminator_losses)
            assert found == [], now
        logs = step(batch)
        assert np.isfinite([float(value) for value in logs.values()]).all()
        lines.append({"step": now * 10, **{name: float(value) for name, value in logs.items()}})


def test_an_untrained_generator_is_not_called_ill(held_out):
    source, target = held_out
    model = tiny_pix2pix()  # One for all, since its graph takes longer to make than to compute.
    for seed, gain in itertools.product(range(3), (1, 2)):
        for variable in model.generator.trainable_variables:
            shape = variable.shape
            noise = tf.random.stateless_normal(shape, (seed, len(shape)), stddev=0.02 * gain)
            variable.assign(noise if "kernel" in variable.name else variable)
        assert codes(sample(source, model.translate(source), target)) == []


def test_perfect_noisy_and_blurred_translations_are_healthy(held_out):
    source, target = held_out
    noise = np.random.default_rng(0).normal(0, 0.2, target.shape)
    blurred = sum(np.roll(target, (i, j), (1, 2)) for i in range(4) for j in range(4)) / 16
    for translated in (target, target + noise, blurred, 0.1 * target):
        assert codes(sample(source, translated, target)) == []


def test_one_answer_for_all_is_a_collapse(held_out):
    source, target = held_out
    for answer in (np.repeat(target[:1], 3, axis=0), np.full_like(target, 0.3)):
        (symptom,) = examined(sample(source, answer, target))
        assert symptom.code == "collapse"
        assert symptom.measured.startswith("translations differ by 0.0% of their variance from")
        assert symptom.remedy == "Lower --train.discriminator_learning_rate."


def test_one_answer_is_right_for_one_source_and_for_alike_sources_alone(held_out):
    source, target = (images[:1] for images in held_out)
    assert codes(sample(source, target, target)) == []
    assert codes(*[sample(source, target, target)] * 3) == []


def test_negatives_are_inverted(held_out):
    source, target = held_out
    (symptom,) = examined(sample(source, -0.7 * target, target))
    assert symptom.code == "inverted"
    assert symptom.measured == "the correlation of translations with their targets is -1.00"


def test_a_checkerboard_is_measured_by_its_amplitude(held_out):
    source, target = held_out
    rows, columns = np.mgrid[:SIZE, :SIZE]
    for pattern in ((-1.0) ** rows, (-1.0) ** columns, (-1.0) ** (rows + columns)):
        board = target + 0.2 * pattern[..., np.newaxis]
        (symptom,) = examined(sample(source, board, target))
        assert symptom.code == "checkerboard"
        amplitude = float(re.search(r"amplitude (\d\.\d+),", symptom.measured).group(1))
        assert amplitude == pytest.approx(0.2, abs=0.015)
        assert codes(sample(source, board, board)) == []  # As it should be.
        assert codes(sample(source, target + 0.05 * pattern[..., np.newaxis], target)) == []


def test_the_doctor_waits_for_a_symptom_to_last(held_out):
    source, target = held_out
    well = sample(source, target, target)
    ill = sample(source, -target, target)
    doctor = health.Doctor(patience=2)
    counts = [len(doctor.examine([columns])) for columns in (ill, well, ill, ill, ill)]
    assert counts == [0, 0, 0, 1, 1]


def test_samples_of_different_sizes_are_compared_where_both_are(held_out):
    source, target = held_out
    pairs = ((source, target), (source[:, 8:], target[:, 8:]))
    assert "inverted" in codes(*(sample(x[:1], -y[:1], y[:1]) for x, y in pairs))


def test_a_collapse_without_targets_is_one_of_sources(held_out):
    source, target = held_out
    (symptom,) = examined(sample(source, np.full_like(target, 0.3)))
    assert symptom.measured.startswith("translations differ by 0.0% of their variance from each ")
    assert re.search(r", sources by \d+%$", symptom.measured)


def cycle(a, b, fake_b, back_a=None, restore=None):
    """What the columns of a model of two directions are of a batch, AtoB first."""
    there = sample(a, fake_b, direction="AtoB")
    there["output"] = there["output"]._replace(reference=b)
    if back_a is not None:
        there["back"] = Column("reconstruction", "AtoB", back_a, restore=restore)
    here = sample(b, b, direction="BtoA")
    return there | {f"{title} of B": column for title, column in here.items()}


def test_domains_that_look_alike_or_not_are_healthy(held_out):
    labels, photos = held_out
    other_photos = photos[::-1, :, ::-1]
    for a, fake_b in ((labels, photos), (photos, other_photos), (photos, 0.5 * photos + 0.2)):
        assert codes(cycle(a, other_photos, fake_b, a)) == []


def test_colours_that_a_cycle_inverts_twice_are_found_without_a_target(held_out):
    _, photos = held_out
    columns = cycle(photos, photos[::-1], -0.7 * photos, 0.9 * photos)
    (symptom,) = examined(columns)
    assert symptom.code == "inverted"
    assert symptom.measured == (
        "AtoB: the correlation of translations with their sources is -1.00, of reconstructions 1.00"
    )
    # What is not restored is not learnt yet, and what is only darker is not inverted.
    assert codes(cycle(photos, photos[::-1], -photos, -photos)) == []
    assert codes(cycle(photos, photos[::-1], photos - 0.5, photos)) == []
    # Nor is a photo of which little is left the negative of it.
    assert codes(cycle(photos, photos[::-1], photos[::-1] - 0.1 * photos, photos)) == []


def test_greys_are_compared_where_channels_differ(held_out):
    labels, photos = held_out
    grey = photos.mean(-1, keepdims=True)
    (symptom,) = examined(cycle(photos, grey[::-1], -grey))
    assert symptom.code == "inverted"
    assert symptom.measured == ("AtoB: the correlation of translations with their sources is -1.00")
    one_hot = np.eye(3)[labels[..., 0].astype(int) % 3] * 2 - 1  # It has no greys.
    assert codes(cycle(one_hot, grey[::-1], -grey)) == []


def test_a_checkerboard_is_compared_with_the_other_domain(held_out):
    labels, photos = held_out
    board = 0.2 * (-1.0) ** np.arange(SIZE)[:, np.newaxis, np.newaxis]
    (symptom,) = examined(cycle(labels, photos[::-1], photos + board))
    assert symptom.code == "checkerboard"
    assert re.fullmatch(
        r"AtoB: a pattern of period 2 has amplitude 0\.\d\d, in real images 0\.0\d",
        symptom.measured,
    )
    assert codes(cycle(labels, photos[::-1] + board, photos + board)) == []  # As B is.
    assert codes(sample(labels, photos + board)) == []  # There is nothing to compare with.


def test_a_cycle_that_hides_its_source_in_noise_is_found(held_out):
    """A translation carries its source 40 times weaker than is seen, and the way back reads it."""
    a, b = held_out
    plain = np.full_like(a, 0.25)  # What a discriminator of B would see.
    hidden = cycle(a, b, plain + a / 40, a, lambda translated: 40 * (translated - plain))
    (symptom,) = [s for s in examined(hidden) if s.code == "hidden"]
    assert re.fullmatch(
        r"AtoB: reconstructions differ from their sources by 0\.00, and by \d\.\d\d after noise "
        r"of 0\.03 in the translations",
        symptom.measured,
    )
    # The mean of |N(0, 0.03)|, 40 times.
    noise = float(re.search(r"by (\d\.\d\d) after", symptom.measured).group(1))
    assert noise == pytest.approx(40 * 0.03 * np.sqrt(2 / np.pi), rel=0.05)
    honest = cycle(a, b, 0.5 * a, a, lambda translated: 2 * translated)
    assert codes(honest) == []
    poor = cycle(a, b, b, b, lambda translated: translated)  # Nothing is hidden in it.
    assert "hidden" not in codes(poor)


def test_each_direction_is_examined_on_its_own(held_out):
    source, target = held_out
    there = sample(source, target, direction="AtoB")
    back = sample(target, np.full_like(source, 0.3), direction="BtoA")
    columns = there | {f"{title} back": column for title, column in back.items()}
    (symptom,) = examined(columns)
    assert symptom.code == "collapse"
    assert symptom.measured.startswith("BtoA: translations differ by 0.0%")


def test_images_too_small_for_a_spectrum_are_not_looked_at_for_one():
    tiny = np.random.default_rng(0).uniform(-1, 1, (2, 4, 4, 1))
    assert codes(sample(tiny, tiny, tiny)) == []


SATURATED = {
    "cross_entropy": 0.01,
    "least_squares": 0.004,
    "hinge": 0.01,
}


TERM = "discriminator_A_gan"


def strong(held_out, lines, adversarial):
    source, target = held_out

    def objective(real, fake):
        return 0.5 * adversarial.discriminator(real, fake)

    options = {"lines": lines, "discriminator_losses": {TERM: objective}}
    return examined(sample(source, target, target), **options)


@pytest.mark.parametrize("name", SATURATED)
def test_a_discriminator_that_wins_for_long_is_reported(held_out, name):
    adversarial = losses.adversarial(name)

    def symptoms(values):
        lines = [{"step": 100 * i, TERM: value} for i, value in enumerate(values, 1)]
        return strong(held_out, lines, adversarial)

    saturated = SATURATED[name]
    (symptom,) = symptoms([0.5] * 3 + [saturated] * 20)
    assert symptom.code == "strong_discriminator"
    assert symptom.measured.startswith(f"{TERM} was at most {saturated:.2g} for 2000 steps; by")
    assert "--train.discriminator_learning_rate" in symptom.remedy
    assert symptoms([saturated] * 15) == []  # Not long enough.
    assert symptoms([saturated] * 20 + [0.1] + [saturated] * 5) == []
    assert symptoms([0.1] * 40) == []


def test_smoothed_labels_have_a_least_loss_and_wasserstein_has_none(held_out):
    def symptoms(adversarial, value):
        lines = [{"step": step, TERM: value} for step in (0, 1500, 3000)]
        return strong(held_out, lines, adversarial)

    smoothed = losses.adversarial("cross_entropy", real_label=0.9)
    least = -0.5 * (0.9 * np.log(0.9) + 0.1 * np.log(0.1))
    assert len(symptoms(smoothed, least + 0.005)) == 1
    assert symptoms(smoothed, least + 0.05) == []
    assert symptoms(losses.adversarial("wasserstein"), -1000.0) == []


def test_the_model_says_what_its_discriminator_minimizes(held_out):
    """Two scales are judged by one sum, four times what pix2pix halves."""
    lines = [{"step": step, TERM: 0.04} for step in (0, 1500, 3000)]

    def two_scales(real, fake):
        return 2 * losses.cross_entropy.discriminator(real, fake)

    options = {"lines": lines, "discriminator_losses": {TERM: two_scales}}
    (symptom,) = examined(sample(*held_out, held_out[1]), **options)
    assert symptom.measured == f"{TERM} was at most 0.04 for 2000 steps; by guessing it is 2.8"
    assert strong(held_out, lines, losses.cross_entropy) == []


def test_a_family_has_its_own_remedies(held_out):
    source, target = held_out
    doctor = health.Doctor(patience=1, remedies={"inverted": "Raise `model.cycle_weight` to 20."})
    (symptom,) = doctor.examine([sample(source, -target, target)])
    assert symptom.remedy == "Raise --model.cycle_weight to 20."
    (symptom,) = examined(sample(source, -target, target))
    assert symptom.remedy == "Start anew with another --train.seed."


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_remedies_are_of_known_symptoms_and_name_options_of_the_family(name):
    family = FAMILIES[name]
    assert set(family.remedies) <= set(health.REMEDIES)
    sections = {"model": family.options, "train": TrainConfig, "data": DataConfig}
    for text in {**health.REMEDIES, **family.remedies}.values():
        assert text.endswith(".")
        for section, option in re.findall(r"`(\w+)\.(\w+)`", text):
            assert option in {field.name for field in dataclasses.fields(sections[section])}, text


def test_lines_without_a_discriminator_mean_nothing(held_out):
    assert strong(held_out, [], losses.cross_entropy) == []
    lines = [{"step": step, "l1": 0.0} for step in (1, 5000)]
    assert strong(held_out, lines, losses.cross_entropy) == []


LOGS = {"generator_l1": float("nan"), "generator_gan": 1.0}
IMAGES = smooth_images((2, SIZE, SIZE, 3)), smooth_images((2, SIZE, SIZE, 3), seed=1)


def broken(player, layer, value):
    model = tiny_pix2pix()
    for network in model.players.values():
        fixed_weights(network)
    weight = getattr(model, player).get_layer(layer).weights[0]
    weight.assign(tf.fill(weight.shape, value))
    return model


@pytest.mark.parametrize(
    ("model", "place"),
    [
        (("generator", "up2_conv", float("nan")), "the weights of up2_conv of the generator"),
        (("generator", "down2_conv", 3e38), "the output of down2_conv of the generator"),
        (
            ("discriminator", "patch2_conv", float("inf")),
            "the weights of patch2_conv of the discriminator",
        ),
        (("discriminator", "patch2_conv", 1.0), "the losses; the layers are finite on this batch"),
    ],
)
def test_the_first_layer_that_is_not_finite_is_named(model, place):
    symptom = health.Doctor().non_finite(12, LOGS, broken(*model), IMAGES)
    assert symptom.code == "non_finite"
    assert symptom.measured == f"generator_l1 at step 12; first in {place}"


def test_broken_images_are_told_from_broken_networks():
    source, target = IMAGES
    nothing = tiny_pix2pix()
    told = health.Doctor().non_finite(1, LOGS, nothing, (source, target * float("nan")))
    assert told.measured == "generator_l1 at step 1; first in the target images"
    assert health.Doctor().non_finite(1, {"l1": 1.0}, nothing, (source, target)) is None
