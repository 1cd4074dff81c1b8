"""Networks: the papers' architectures, as functions that return functional Keras models."""

from tfpix2pix.networks.cut import feature_maps, patch_projector
from tfpix2pix.networks.growth import TwinNetworks
from tfpix2pix.networks.hinted import hinted_translator
from tfpix2pix.networks.patchgan import (
    image_discriminator,
    patch_discriminator,
    receptive_field,
)
from tfpix2pix.networks.perceptual import PerceptualFeatures
from tfpix2pix.networks.pix2pixhd import (
    enhanced_generator,
    multiscale_discriminator,
    scene_translator,
)
from tfpix2pix.networks.resnet import resnet_generator
from tfpix2pix.networks.style_encoders import style_encoders
from tfpix2pix.networks.stylization import style_translator, stylization_generator
from tfpix2pix.networks.twingan import (
    twingan_discriminators,
    twingan_embedder,
    twingan_encoders,
    twingan_generators,
    twingan_translator,
)
from tfpix2pix.networks.unet import unet_generator

__all__ = [
    "PerceptualFeatures",
    "TwinNetworks",
    "enhanced_generator",
    "feature_maps",
    "hinted_translator",
    "image_discriminator",
    "multiscale_discriminator",
    "patch_discriminator",
    "patch_projector",
    "receptive_field",
    "resnet_generator",
    "scene_translator",
    "style_encoders",
    "style_translator",
    "stylization_generator",
    "twingan_discriminators",
    "twingan_embedder",
    "twingan_encoders",
    "twingan_generators",
    "twingan_translator",
    "unet_generator",
]
