"""The data doctor: checks a data set before training, and suggests how to train on it."""

from tfpix2pix.doctor import check, presentation

__all__ = ["check", "presentation"]
