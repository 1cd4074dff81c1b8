"""Models: Keras models with a training step; their networks come in as arguments."""

from tfpix2pix.models.base import Column, TranslationModel
from tfpix2pix.models.pix2pix import Pix2Pix

__all__ = ["Column", "Pix2Pix", "TranslationModel"]
