"""Importers: build our networks from PyTorch checkpoints of other implementations.

They read those of pytorch-CycleGAN-and-pix2pix, its U-Nets, ResNets and PatchGANs, and those of its
descendants pix2pixHD and contrastive-unpaired-translation. Names and shapes in a file give the
options of its network, and everything in it finds its place or is refused.
"""

from tfpix2pix.importers.discriminators import (
    imported_discriminator,
    imported_multiscale_discriminator,
)
from tfpix2pix.importers.generators import generator_kind, imported_generator
from tfpix2pix.importers.projectors import imported_projector
from tfpix2pix.importers.state_dicts import idle_statistics, plain_state, read_state_dict

__all__ = [
    "generator_kind",
    "idle_statistics",
    "imported_discriminator",
    "imported_generator",
    "imported_multiscale_discriminator",
    "imported_projector",
    "plain_state",
    "read_state_dict",
]
