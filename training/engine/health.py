"""The training doctor: detects what goes wrong in a training by its losses and its pictures.

It rather misses a symptom than reports one of a healthy training, from the first step on.
"""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from tfpix2pix.models.non_finite import describe_non_finite

# The thresholds were set on trainings of synthetic facades, healthy ones and broken ones.
SHARE_OF_LOSS = 0.02  # Of a guessing discriminator's loss above the least possible one.
LONG = 2000  # Steps for which a discriminator's loss stays below that share.
SHARE_OF_VARIETY = 0.02  # Of the targets' or the sources', whichever is less.
NEGATIVE = -0.3  # Of a correlation, and of a slope: an untrained generator's is near 0.
OPPOSED = -0.5  # Of the correlation with sources: that of labels or edges and photos is near 0.
ALIKE = 0.5  # Of the correlation of reconstructions with sources.
NOISE = 0.03  # Deviation of noise in translations that no eye sees: 4 of 255 greys.
LOST = 0.1  # Mean error that this noise adds to reconstructions that depend on it.
AMPLITUDE = 0.1  # Of a checkerboard: 13 of 255 greys, where an untrained U-Net has up to 8.
TIMES = 3  # The amplitude of a checkerboard, in amplitudes of the targets'.
LEAST_SIDE = 8  # Pixels; in smaller images there is no frequency beside the highest.
TINY = 1e-12
LOGITS = np.linspace(-20, 20, 81, dtype="float32")  # Where the least loss is looked for.
# What helps any family; those of `Family.remedies` come before them.
REMEDIES = {
    "non_finite": "Lower `train.learning_rate`, or look for broken images with "
    "`python -m training.prepare check`.",
    "strong_discriminator": "Lower `train.discriminator_learning_rate`.",
    "collapse": "Lower `train.discriminator_learning_rate`.",
    "inverted": "Start anew with another `train.seed`.",
    "checkerboard": "Enlarge by resizing instead of transposed convolutions.",
    "hidden": "Weight the reconstruction less.",
}


class Symptom(NamedTuple):
    """Something that is wrong with a training.

    Attributes:
        code: One of the keys of `REMEDIES`.
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
        remedies: Dict of code to what the family of the model helps itself with, as of
            `tfpix2pix.families.Family`; others are those of `REMEDIES`.

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

    def __init__(self, patience: int = 3, remedies: Mapping[str, str] = MappingProxyType({})):
        self.patience = patience
        self.remedies = {**REMEDIES, **remedies}
        self._counts = {}

    def examine(self, samples, lines=(), discriminator_losses=None):
        """Examines held-out examples, and the losses so far.

        Args:
            samples: List of what `tfpix2pix.models.TranslationModel.columns` returns for held-out
                batches; of batches of different sizes the common part is examined. Without targets
                translations are compared with their sources, and with their reference, if any.
            lines: Dicts of `"step"` and losses in the order of steps, as of `metrics.jsonl`.
            discriminator_losses: Dict of the name of a loss in `lines` to what it is a mean of, as
                of `tfpix2pix.models.TranslationModel`. Only a loss with a least value can be
                saturated; Wasserstein's has none.

        Returns:
            List of `Symptom`.
        """
        directions = dict.fromkeys(column.direction for column in samples[0].values())
        images = {direction: _images_by_role(samples, direction) for direction in directions}
        measured = {}
        for direction in directions:
            if "translation" not in images[direction]:
                continue
            prefix = f"{direction}: " if len(directions) > 1 else ""
            for code, check in CHECKS.items():
                text = check(images[direction])
                if text is not None:
                    measured[direction, code] = prefix + text
            text = _hidden(samples, direction)
            if text is not None:
                measured[direction, "hidden"] = prefix + text
        self._counts = {key: self._counts.get(key, 0) + 1 for key in measured}
        found = [(key[1], text) for key, text in measured.items() if self._is_lasting(key)]
        for term, objective in (discriminator_losses or {}).items():
            text = _strong_discriminator(lines, term, objective)
            if text is not None:
                found.append(("strong_discriminator", text))
        return [self._symptom(code, text) for code, text in found]

    def non_finite(self, step: int, logs, model, batch):
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
        return self._symptom("non_finite", measured) if measured else None

    def _is_lasting(self, key):
        return self._counts[key] >= self.patience

    def _symptom(self, code, measured):
        """Returns a symptom whose remedy names options as the command line does."""
        flags = re.sub(r"`((data|model|train)\.\w+)`", r"--\1", self.remedies[code])
        return Symptom(code, measured, flags)


def _strong_discriminator(lines, term, objective):
    """Detects a discriminator that has been right about everything for long."""
    lines = [line for line in lines if term in line]
    if not lines or lines[-1]["step"] - lines[0]["step"] < LONG:
        return None
    real, fake = (grid.reshape(-1, 1, 1, 1) for grid in np.meshgrid(LOGITS, LOGITS))
    possible = np.reshape(objective(real, fake), (len(LOGITS),) * 2)
    least = possible.min()
    guessing = np.diag(possible).min()
    recent = [line[term] for line in lines if line["step"] > lines[-1]["step"] - LONG]
    if least < 0 or max(recent) >= least + SHARE_OF_LOSS * (guessing - least):
        return None
    return (
        f"{term} was at most {max(recent):.2g} for {LONG} steps; by guessing it is {guessing:.2g}"
    )


def _collapse(images):
    """Detects translations that all look the same, though their sources and targets differ."""
    reference, words = _reference(images) or (images["source"], "sources")
    share = _variety(images["translation"])
    expected = _variety(reference)
    if share >= SHARE_OF_VARIETY * min(_variety(images["source"]), expected):
        return None
    return (
        f"translations differ by {share:.1%} of their variance from each other, {words} by "
        f"{expected:.0%}"
    )


def _inverted(images):
    """Detects translations that are dark where their targets, or else sources, are bright."""
    if "target" in images:
        correlation, slope = _correlation(images["target"], images["translation"])
        if max(correlation, slope) > NEGATIVE:
            return None
        return f"the correlation of translations with their targets is {correlation:.2f}"
    correlation, slope = _correlation(images["source"], images["translation"])
    if correlation > OPPOSED or slope > NEGATIVE:
        return None
    measured = f"the correlation of translations with their sources is {correlation:.2f}"
    if "reconstruction" not in images:
        return measured
    # Two inversions cancel out; before that a generator has learnt nothing yet.
    restored, _ = _correlation(images["source"], images["reconstruction"])
    return f"{measured}, of reconstructions {restored:.2f}" if restored >= ALIKE else None


def _checkerboard(images):
    """Detects a pattern of period 2 in translations that real images do not have."""
    reference = _reference(images)
    if reference is None:
        return None
    amplitude = _amplitude(images["translation"])
    usual = _amplitude(reference[0])
    if amplitude < max(AMPLITUDE, TIMES * usual):
        return None
    return f"a pattern of period 2 has amplitude {amplitude:.2f}, in {reference[1]} {usual:.2f}"


CHECKS = {"collapse": _collapse, "inverted": _inverted, "checkerboard": _checkerboard}


def _hidden(samples, direction):
    """Detects reconstructions that are read out of what no eye sees in the translations."""
    errors = []
    noise = np.random.default_rng(0)
    for sample in samples:
        roles = {c.role: c for c in sample.values() if c.direction == direction}
        if "reconstruction" not in roles or roles["reconstruction"].restore is None:
            return None
        source, translated, restored = (
            np.asarray(roles[role].images) for role in ("source", "translation", "reconstruction")
        )
        noisy = translated + noise.normal(0, NOISE, translated.shape).astype("float32")
        noisy = np.asarray(roles["reconstruction"].restore(noisy))
        errors.append([np.abs(images - source).mean() for images in (restored, noisy)])
    error, noisy_error = np.mean(errors, axis=0)
    if noisy_error < max(2 * error, error + LOST):
        return None
    return (
        f"reconstructions differ from their sources by {error:.2f}, and by {noisy_error:.2f} after "
        f"noise of {NOISE} in the translations"
    )


def _reference(images):
    """Returns real images of the kind that translations should be of, and their name."""
    if "target" in images:
        return images["target"], "targets"
    real = images.get("reference")
    if real is None or real.shape[-1] != images["translation"].shape[-1]:
        return None
    return real, "real images"


def _correlation(images, translated):
    """Returns the correlation within images, and the slope; of greys if channels differ."""
    if images.shape[-1] != translated.shape[-1]:
        images, translated = (x.mean(-1, keepdims=True) for x in (images, translated))
    images, translated = _centered(images), _centered(translated)
    covariance = (images * translated).mean()
    spread = (images * images).mean()
    deviations = math.sqrt(spread * (translated * translated).mean())
    return covariance / max(deviations, TINY), covariance / max(spread, TINY)


def _images_by_role(samples, direction):
    """Returns a dict of role, or "reference", to float64 `[examples, height, width, channels]`."""
    batches = {}
    for sample in samples:
        for column in sample.values():
            if column.direction != direction:
                continue
            batches.setdefault(column.role, []).append(column.images)
            if column.role == "translation":
                batches.setdefault("sources", []).append(column.source)
                if column.reference is not None:
                    batches.setdefault("reference", []).append(column.reference)
    stacked = {role: _stacked(arrays) for role, arrays in batches.items()}
    return {"source": stacked.pop("sources", None), **stacked}


def _stacked(batches):
    height, width = np.min([batch.shape[1:3] for batch in batches], axis=0)
    return np.concatenate([np.asarray(x, "float64")[:, :height, :width] for x in batches])


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
