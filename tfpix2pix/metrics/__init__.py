"""Metrics: numbers that say how good translations are."""

from tfpix2pix.metrics.image import mean_image_l1, psnr, ssim

__all__ = ["mean_image_l1", "psnr", "ssim"]
