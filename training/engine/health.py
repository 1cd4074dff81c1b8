"""The training doctor: detects what goes wrong in a training by its losses and its pictures.

It rather misses a symptom than reports one of a healthy training, from the first step on.
"""

import math
from typing import NamedTuple

import numpy as np

from tfpix2pix.models.non_finite import describe_non_finite

# The thresholds were set on trainings of synthetic facades, healthy ones and broken ones.
SHARE_OF_LOSS = 0.02  # Of a guessing discriminator's loss above the least possible one.
LONG = 2000  # Steps for which a discriminator's loss stays below that share.
SHARE_OF_VARIETY = 0.02  # Of the targets' or the sources', whichever is less.
NEGATIVE = -0.3  # Of a correlation, and of a slope: an untrained generator's is near 0.
AMPLITUDE = 0.1  # Of a checkerboard: 13 of 255 greys, where an untrained U-Net has up to 8.
TIMES = 3  # The amplitude of a checkerboard, in amplitudes of the targets'.
LEAST_SIDE = 8  # Pixels; in smaller images there is no frequency beside the highest.
TINY = 1e-12
LOGITS = np.linspace(-20, 20, 81, dtype="float32")  # Where the least loss is looked for.


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
    """Examines a training now and then, and reports symptoms that last.

    Args:
        patience: In how many samples in a row a symptom has to show.

    Example:
        >>> from tfpix2pix.models import Column
        >>> striped, grey = np.zeros((2, 1, 16, 16, 3))
        >>> striped[:, ::2] = 0.5
        >>> sample = {
        ...     "input": Column("source", "translate", grey),
        ...     "output": Column("translation", "translate", striped, grey),
        ...     "target": Column("target", "translate", grey, grey),
        ... }
        >>> doctor = Doctor(patience=2)
        >>> doctor.examine([sample])
        []
        >>> print(doctor.examine([sample])[0].measured)
        a pattern of period 2 has amplitude 0.25, in targets 0.00
    """

    def __init__(self, patience: int = 3):
        self.patience = patience
        self._counts = {}

    def examine(self, samples, lines=(), discriminator_losses=None):
        """Examines held-out examples, and the losses so far.

        Args:
            samples: List of what `tfpix2pix.models.TranslationModel.columns` returns for held-out
                batches; of batches of different sizes the common part is examined. Without targets
                a direction's translations are examined for a collapse alone.
            lines: Dicts of `"step"` and losses in the order of steps, as of `metrics.jsonl`.
            discriminator_losses: Dict of the name of a loss in `lines` to its
                `tfpix2pix.losses.AdversarialLoss`. Only a loss with a least value can be saturated;
                Wasserstein's has none.

        Returns:
            List of `Symptom`.
        """
        directions = dict.fromkeys(column.direction for column in samples[0].values())
        symptoms = {}
        for direction in directions:
            images = _images_by_role(samples, direction)
            if "translation" not in images:
                continue
            for check in (_collapse, _inverted, _checkerboard):
                symptom = check(images)
                if symptom is None:
                    continue
                if len(directions) > 1:
                    symptom = symptom._replace(measured=f"{direction}: {symptom.measured}")
                symptoms[direction, symptom.code] = symptom
        self._counts = {key: self._counts.get(key, 0) + 1 for key in symptoms}
        lasting = [s for key, s in symptoms.items() if self._counts[key] >= self.patience]
        strong = [
            _strong_discriminator(lines, term, adversarial)
            for term, adversarial in (discriminator_losses or {}).items()
        ]
        return [*lasting, *(symptom for symptom in strong if symptom)]


def non_finite(step: int, logs, model, batch):
    """Finds where a training ceased to be finite.

    Args:
        step: Number of the step.
        logs: Dict of loss name to float.
        model: `tfpix2pix.models.TranslationModel`, as it is after that step.
        batch: The step's batch.

    Returns:
        `Symptom`, or `None` if all losses are finite.
    """
    measured = describe_non_finite(logs, step, model, batch)
    remedy = (
        "Lower --train.learning_rate, or look for broken images with "
        "`python -m training.prepare check`."
    )
    return measured and Symptom("non_finite", measured, remedy)


def _strong_discriminator(lines, term, adversarial):
    """Detects a discriminator that has been right about everything for long."""
    lines = [line for line in lines if term in line]
    if not lines or lines[-1]["step"] - lines[0]["step"] < LONG:
        return None
    real, fake = (grid.reshape(-1, 1, 1, 1) for grid in np.meshgrid(LOGITS, LOGITS))
    possible = 0.5 * np.reshape(adversarial.discriminator(real, fake), (len(LOGITS),) * 2)
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


def _collapse(images):
    """Detects translations that all look the same, though their sources and targets differ."""
    reference = "target" if "target" in images else "source"
    share = _variety(images["translation"])
    expected = _variety(images[reference])
    if share >= SHARE_OF_VARIETY * min(_variety(images["source"]), expected):
        return None
    measured = (
        f"translations differ by {share:.1%} of their variance from each other, {reference}s by "
        f"{expected:.0%}"
    )
    if reference == "target":
        remedy = "Raise --model.l1_weight, or lower --train.discriminator_learning_rate."
    else:
        remedy = "Lower --train.discriminator_learning_rate."
    return Symptom("collapse", measured, remedy)


def _inverted(images):
    """Detects translations that are dark where their targets are bright."""
    if "target" not in images:
        return None
    target = _centered(images["target"])
    translated = _centered(images["translation"])
    covariance = (target * translated).mean()
    spread = (target * target).mean()
    correlation = covariance / max(math.sqrt(spread * (translated * translated).mean()), TINY)
    if correlation > NEGATIVE or covariance > NEGATIVE * spread:
        return None
    measured = f"the correlation of translations with their targets is {correlation:.2f}"
    remedy = (
        "Start anew with a higher --model.l1_weight, another --train.seed or --model.gain 0.01."
    )
    return Symptom("inverted", measured, remedy)


def _checkerboard(images):
    """Detects a pattern of period 2 in translations that their targets do not have."""
    if "target" not in images:
        return None
    amplitude = _amplitude(images["translation"])
    usual = _amplitude(images["target"])
    if amplitude < max(AMPLITUDE, TIMES * usual):
        return None
    measured = f"a pattern of period 2 has amplitude {amplitude:.2f}, in targets {usual:.2f}"
    return Symptom("checkerboard", measured, "Use --model.upsampling nearest.")


def _images_by_role(samples, direction):
    """Returns a dict of role to float64 `[examples, height, width, channels]`."""
    batches = {}
    for sample in samples:
        for column in sample.values():
            if column.direction == direction:
                batches.setdefault(column.role, []).append(np.asarray(column.images, "float64"))
    return {role: _stacked(arrays) for role, arrays in batches.items()}


def _stacked(batches):
    height, width = np.min([batch.shape[1:3] for batch in batches], axis=0)
    return np.concatenate([batch[:, :height, :width] for batch in batches])


def _centered(images):
    return images - images.mean((1, 2), keepdims=True)


def _variety(images):
    """Returns the share of the variance that is between examples; it has no scale."""
    return images.var(axis=0).mean() / max(images.var(axis=(0, 1, 2)).mean(), TINY)


def _amplitude(images):
    """Returns the amplitude at the highest frequencies beyond those nearby, which edges have too.

    Power is measured around (0, 1/2), (1/2, 0) and (1/2, 1/2) cycles per pixel, where kernels of
    stride 2 leave their pattern, less the power at 5/16 to 7/16 in the direction of the 1/2.
    """
    height, width = images.shape[1:3]
    if min(height, width) < LEAST_SIDE:
        return 0.0
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
