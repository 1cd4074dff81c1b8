"""The training doctor: what goes wrong in a training, by its losses and its pictures.

It is silent on healthy trainings, from the first step on, rather than complete.
"""

import math
from collections import Counter, defaultdict
from typing import NamedTuple

import numpy as np

from tfpix2pix.models import faults

SHARE_OF_LOSS, LONG = 0.02, 2000  # Of what a guessing discriminator has, over so many steps.
SHARE_OF_VARIETY = 0.02  # Of the targets' or the sources', whichever is less.
NEGATIVE = -0.3  # Of a correlation, and of a slope: an untrained generator's is near 0.
# Of a checkerboard: 13 of 255 greys, where an untrained U-Net has up to 8; 3 times the targets'.
AMPLITUDE, TIMES = 0.1, 3
TINY = 1e-12
IMAGES = ("source", "translation", "target")


class Symptom(NamedTuple):
    """Something that is wrong with a training.

    Attributes:
        code: `"non_finite"`, `"strong_discriminator"`, `"collapse"`, `"inverted"` or
            `"checkerboard"`.
        measured: What was measured.
        remedy: What to do, with the options of `python -m training.train`.

    Example:
        >>> Symptom("collapse", "...", "Raise --model.l1_weight.").code
        'collapse'
    """

    code: str
    measured: str
    remedy: str


class Doctor:
    """Looks at a training now and then, and tells what it saw several times in a row.

    Args:
        patience: How many times in a row a picture has to be wrong.

    Example:
        >>> striped, grey = np.zeros((2, 1, 16, 16, 3))
        >>> striped[:, ::2] = 0.5
        >>> doctor = Doctor(patience=2)
        >>> doctor.examine([(grey, striped, grey)])
        []
        >>> print(doctor.examine([(grey, striped, grey)])[0].measured)
        a pattern of period 2 has amplitude 0.25, in targets 0.00
    """

    def __init__(self, patience=3):
        self.patience = patience
        self._counts = {}

    def examine(self, samples, lines=(), discriminator_losses=None):
        """Examines held-out examples, and the losses so far.

        Args:
            samples: List of what `model.columns` gives of a batch: dicts of title to
                `tfpix2pix.models.Column`; of batches of different sizes the common part counts.
            lines: Dicts of `"step"` and losses in the order of steps, as of `metrics.jsonl`.
            discriminator_losses: Dict of logged term to `tfpix2pix.losses.AdversarialLoss`; only
                one that has a least value, as Wasserstein's has not, can be saturated.

        Returns:
            List of `Symptom`.
        """
        symptoms = [
            symptom
            for images in _by_direction(samples).values()
            for symptom in _picture_symptoms(**images)
            if symptom is not None
        ]
        counts = Counter(symptom.code for symptom in symptoms)
        self._counts = {code: self._counts.get(code, 0) + 1 for code in counts}
        symptoms = [s for s in symptoms if self._counts[s.code] >= self.patience]
        for term, adversarial in (discriminator_losses or {}).items():
            strong = _strong_discriminator(lines, term, adversarial)
            symptoms += [] if strong is None else [strong]
        return symptoms


def _by_direction(samples):
    """Returns for each direction its source, translation and target images, stacked."""
    batches = defaultdict(lambda: defaultdict(list))
    for columns in samples:
        for column in columns.values():
            batches[column.direction][column.role].append(column.images)
    return {
        direction: {role: _stacked(roles[role]) for role in IMAGES if role in roles}
        for direction, roles in batches.items()
        if "translation" in roles
    }


def _picture_symptoms(source, translation, target=None):
    if target is None:
        return [_collapse(source, translation, source)]
    return [
        _collapse(source, translation, target),
        _inverted(translation, target),
        _checkerboard(translation, target),
    ]


def non_finite(step, logs, model, batch):
    """Finds out where a training ceased to be finite.

    Args:
        step: Number of the step.
        logs: Dict of loss name to float.
        model: `tfpix2pix.models.TranslationModel`, as it is after that step.
        batch: The step's batch.

    Returns:
        `Symptom`, or `None` if all losses are finite.
    """
    measured = faults.non_finite(logs, step, model, batch)
    remedy = (
        "Lower --train.learning_rate, or look for broken images with "
        "`python -m training.prepare check`."
    )
    return measured and Symptom("non_finite", measured, remedy)


def _strong_discriminator(lines, term, adversarial):
    """Tells whether a discriminator has been right about everything for long."""
    lines = [line for line in lines if term in line]
    if not lines or lines[-1]["step"] - lines[0]["step"] < LONG:
        return None
    logits = np.linspace(-20, 20, 81, dtype="float32")
    real, fake = (grid.reshape(-1, 1, 1, 1) for grid in np.meshgrid(logits, logits))
    possible = 0.5 * np.reshape(adversarial.discriminator(real, fake), (81, 81))
    least = possible.min()
    guessing = np.diag(possible).min()
    recent = [line[term] for line in lines if line["step"] > lines[-1]["step"] - LONG]
    if least < 0 or max(recent) >= least + SHARE_OF_LOSS * (guessing - least):
        return None
    measured = (
        f"{term} was at most {max(recent):.2g} for {LONG} steps; by guessing it is {guessing:.2g}"
    )
    remedy = "Lower --train.discriminator_learning_rate, or use --model.real_label 0.9."
    return Symptom("strong_discriminator", measured, remedy)


def _collapse(source, translated, target):
    """Tells whether all translations look the same, though their sources and targets differ."""
    of_source, share, of_target = (_variety(images) for images in (source, translated, target))
    if share >= SHARE_OF_VARIETY * min(of_source, of_target):
        return None
    measured = (
        f"translations differ by {share:.1%} of their variance from each other, targets by "
        f"{of_target:.0%}"
    )
    remedy = "Raise --model.l1_weight, or lower --train.discriminator_learning_rate."
    return Symptom("collapse", measured, remedy)


def _inverted(translated, target):
    """Tells whether translations are dark where their targets are bright."""
    x, y = (images - images.mean((1, 2), keepdims=True) for images in (target, translated))
    covariance, spread = (x * y).mean(), (x * x).mean()
    correlation = covariance / max(math.sqrt(spread * (y * y).mean()), TINY)
    if correlation > NEGATIVE or covariance > NEGATIVE * spread:
        return None
    measured = f"the correlation of translations with their targets is {correlation:.2f}"
    remedy = (
        "Start anew with a higher --model.l1_weight, another --train.seed or --model.gain 0.01."
    )
    return Symptom("inverted", measured, remedy)


def _checkerboard(translated, target):
    """Tells whether translations have a pattern of period 2 that their targets have not."""
    amplitude, of_targets = _amplitude(translated), _amplitude(target)
    if amplitude < max(AMPLITUDE, TIMES * of_targets):
        return None
    measured = f"a pattern of period 2 has amplitude {amplitude:.2f}, in targets {of_targets:.2f}"
    return Symptom("checkerboard", measured, "Use --model.upsampling nearest.")


def _stacked(batches):
    height, width = np.min([batch.shape[1:3] for batch in batches], axis=0)
    return np.concatenate([np.asarray(x, "float64")[:, :height, :width] for x in batches])


def _variety(images):
    """Returns the share of the variance that is between examples; it has no scale."""
    return images.var(axis=0).mean() / max(images.var(axis=(0, 1, 2)).mean(), TINY)


def _amplitude(images):
    """Returns the amplitude at the highest frequencies beyond those nearby, which edges have too.

    Power is measured around (0, 1/2), (1/2, 0) and (1/2, 1/2) cycles per pixel, where kernels of
    stride 2 leave their pattern, less the power at 5/16 to 7/16 in the direction of the 1/2.
    """
    height, width = images.shape[1:3]
    if min(height, width) < 8:
        return 0.0  # There is no frequency nearby.
    spectra = np.fft.fft2(images, axes=(1, 2)) / (height * width)
    power = (np.abs(spectra) ** 2).mean(axis=(0, 3))
    rows = np.abs(np.fft.fftfreq(height))[:, np.newaxis]
    columns = np.abs(np.fft.fftfreq(width))[np.newaxis]
    excess = [0.0]
    for along, across in ((rows, columns), (columns, rows)):
        for near in (across <= 1 / 16, across >= 7 / 16):
            peak = power[near & (along >= 7 / 16)]
            nearby = power[near & (along >= 5 / 16) & (along < 7 / 16)]
            excess.append((peak.mean() - nearby.mean()) * peak.size)
    return math.sqrt(max(excess))
