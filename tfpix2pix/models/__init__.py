"""Models: Keras models with a training step; their networks come in as arguments."""

from tfpix2pix.models.base import TranslationModel
from tfpix2pix.models.columns import Column
from tfpix2pix.models.cut import CUT
from tfpix2pix.models.cyclegan import CycleGAN
from tfpix2pix.models.hinted import HintedPix2Pix
from tfpix2pix.models.image_pool import ImagePool
from tfpix2pix.models.pix2pix import Pix2Pix
from tfpix2pix.models.pix2pixhd import Pix2PixHD
from tfpix2pix.models.stylization import Stylization
from tfpix2pix.models.twingan import TwinGAN

__all__ = [
    "CUT",
    "Column",
    "CycleGAN",
    "HintedPix2Pix",
    "ImagePool",
    "Pix2Pix",
    "Pix2PixHD",
    "Stylization",
    "TranslationModel",
    "TwinGAN",
]
