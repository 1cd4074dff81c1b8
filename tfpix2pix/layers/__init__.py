"""Layers and blocks: state and maths; they know no paper's architecture."""

from tfpix2pix.layers.dropout import Dropout
from tfpix2pix.layers.normalization import BatchNormalization, InstanceNormalization, normalization

__all__ = ["BatchNormalization", "Dropout", "InstanceNormalization", "normalization"]
