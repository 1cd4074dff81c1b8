"""Losses: pure functions, one float32 value per example, no weights and no batch reduction."""

from tfpix2pix.losses.contrastive import patch_nce
from tfpix2pix.losses.features import content, feature_matching, gram, perceptual
from tfpix2pix.losses.gan import (
    AdversarialLoss,
    adversarial,
    cross_entropy,
    cross_entropy_discriminator,
    cross_entropy_generator,
    hinge,
    hinge_discriminator,
    least_squares,
    least_squares_discriminator,
    least_squares_generator,
    linear_generator,
    wasserstein,
    wasserstein_discriminator,
)
from tfpix2pix.losses.penalties import dragan, dragan_variance, penalty, r1, wgan_gp
from tfpix2pix.losses.reconstruction import l1, l2, masked_l1

__all__ = [
    "AdversarialLoss",
    "adversarial",
    "content",
    "cross_entropy",
    "cross_entropy_discriminator",
    "cross_entropy_generator",
    "dragan",
    "dragan_variance",
    "feature_matching",
    "gram",
    "hinge",
    "hinge_discriminator",
    "l1",
    "l2",
    "least_squares",
    "least_squares_discriminator",
    "least_squares_generator",
    "linear_generator",
    "masked_l1",
    "patch_nce",
    "penalty",
    "perceptual",
    "r1",
    "wasserstein",
    "wasserstein_discriminator",
    "wgan_gp",
]
