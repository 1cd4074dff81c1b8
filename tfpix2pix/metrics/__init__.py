"""Metrics: numbers that say how good translations are.

Functions of `(target, translated)` give a value per example, classes one over all batches.
"""

from tfpix2pix.losses import l1, l2
from tfpix2pix.metrics.distribution import FID, KID
from tfpix2pix.metrics.image import mean_image_l1, ms_ssim, psnr, sharpness, sharpness_ratio, ssim
from tfpix2pix.metrics.inception import inception_features
from tfpix2pix.metrics.lab import LabDistance, LabIntersection, color_distance, lab_intersection
from tfpix2pix.metrics.means import L1, L2, MSSSIM, PSNR, SSIM, ColorDistance, SharpnessRatio
from tfpix2pix.metrics.segmentation import SegmentationScores, segmentation_scores

__all__ = [
    "FID",
    "KID",
    "L1",
    "L2",
    "MSSSIM",
    "PSNR",
    "SSIM",
    "ColorDistance",
    "LabDistance",
    "LabIntersection",
    "SegmentationScores",
    "SharpnessRatio",
    "color_distance",
    "inception_features",
    "l1",
    "l2",
    "lab_intersection",
    "mean_image_l1",
    "ms_ssim",
    "psnr",
    "segmentation_scores",
    "sharpness",
    "sharpness_ratio",
    "ssim",
]
