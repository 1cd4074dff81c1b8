"""Metrics: numbers that say how good translations are."""

from tfpix2pix.metrics.image import mean_image_l1

__all__ = ["mean_image_l1"]
