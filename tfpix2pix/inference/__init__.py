"""Inference: translation of images of any size and number, and what becomes of norm and dropout."""

from tfpix2pix.inference.norm_surgery import output_difference, recalibrated, with_instance_norm
from tfpix2pix.inference.translation import size_multiple, translate

__all__ = [
    "output_difference",
    "recalibrated",
    "size_multiple",
    "translate",
    "with_instance_norm",
]
