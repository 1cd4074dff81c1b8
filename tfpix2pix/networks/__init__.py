"""Networks: the papers' architectures, as functions that return functional Keras models."""

from tfpix2pix.networks.patchgan import patch_discriminator, receptive_field
from tfpix2pix.networks.unet import unet_generator

__all__ = ["patch_discriminator", "receptive_field", "unet_generator"]
