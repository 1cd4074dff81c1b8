"""Models: Keras models with a training step; their networks come in as arguments."""

from tfpix2pix.models.base import TranslationModel
from tfpix2pix.models.pix2pix import Pix2Pix

__all__ = ["Pix2Pix", "TranslationModel"]
