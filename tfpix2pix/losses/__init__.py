"""Losses: pure functions, one float32 value per example, no weights and no batch reduction."""

from tfpix2pix.losses.adversarial import (
    AdversarialLoss,
    cross_entropy,
    cross_entropy_discriminator,
    cross_entropy_generator,
)
from tfpix2pix.losses.reconstruction import l1

__all__ = [
    "AdversarialLoss",
    "cross_entropy",
    "cross_entropy_discriminator",
    "cross_entropy_generator",
    "l1",
]
