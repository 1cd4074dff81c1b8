"""Layers: normalization, dropout, convolutions and blocks, which know no paper's architecture."""

from tfpix2pix.layers.conventions import CONVENTIONS, Conventions
from tfpix2pix.layers.convolution import (
    AlignedConv2DTranspose,
    DoublingConv2D,
    MatrixConv2D,
    MatrixConv2DTranspose,
    SpectralConv2D,
)
from tfpix2pix.layers.domain_norms import DomainNormalization, OneHot
from tfpix2pix.layers.dropout import Dropout
from tfpix2pix.layers.growing import (
    EqualizedConv2D,
    Fade,
    MinibatchDeviation,
    PixelNormalization,
    ThriftyLeakyReLU,
)
from tfpix2pix.layers.instances import (
    AppearanceLookup,
    FeatureChoice,
    InstanceBoundaries,
    InstanceMean,
)
from tfpix2pix.layers.norms import BatchNormalization, InstanceNormalization, normalization
from tfpix2pix.layers.point_maps import ImageSize, PointMap, WorkingSize
from tfpix2pix.layers.pooling import (
    BlurPooling2D,
    BorderlessAveragePooling2D,
    NearestDoubling2D,
)
from tfpix2pix.layers.projection import ConditionProjection
from tfpix2pix.layers.reflected import ReflectedConv2D, ReflectionPadding2D

__all__ = [
    "CONVENTIONS",
    "AlignedConv2DTranspose",
    "AppearanceLookup",
    "BatchNormalization",
    "BlurPooling2D",
    "BorderlessAveragePooling2D",
    "ConditionProjection",
    "Conventions",
    "DomainNormalization",
    "DoublingConv2D",
    "Dropout",
    "EqualizedConv2D",
    "Fade",
    "FeatureChoice",
    "ImageSize",
    "InstanceBoundaries",
    "InstanceMean",
    "InstanceNormalization",
    "MatrixConv2D",
    "MatrixConv2DTranspose",
    "MinibatchDeviation",
    "NearestDoubling2D",
    "OneHot",
    "PixelNormalization",
    "PointMap",
    "ReflectedConv2D",
    "ReflectionPadding2D",
    "SpectralConv2D",
    "ThriftyLeakyReLU",
    "WorkingSize",
    "normalization",
]
