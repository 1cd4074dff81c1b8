"""The model of a run as it is used: in float32, whatever it was trained in, in any phase."""

import dataclasses
from typing import Optional

from tfpix2pix.config import ExperimentConfig
from tfpix2pix.families import Phase, get_family
from tfpix2pix.models import TranslationModel


def float32_model(
    config: ExperimentConfig, phase: Optional[Phase] = None, progress: float = 0.0
) -> TranslationModel:
    """Builds the networks of a run to use them: in float32, whatever they were trained in.

    Args:
        config: `tfpix2pix.config.ExperimentConfig`.
        phase: Phase of the training; by default the last.
        progress: Part of the phase's steps that have been taken, in [0, 1).

    Returns:
        `tfpix2pix.models.TranslationModel`, in that phase.

    Example:
        >>> from tfpix2pix.families import preset
        >>> list(float32_model(preset("quickstart")).players)
        ['generator', 'discriminator']
    """
    train = dataclasses.replace(config.train, precision="float32", micro_batches=1, jit=False)
    family = get_family(config.family)
    model = family.model(dataclasses.replace(config, train=train))
    model.enter(phase or family.phases(config)[-1], progress)
    return model
