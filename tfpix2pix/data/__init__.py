"""Data: from image files to batches in the networks' range."""

from tfpix2pix.data import (
    augment,
    codecs,
    formats,
    geometry,
    images,
    layouts,
    pipeline,
    sources,
    tasks,
)

__all__ = [
    "augment",
    "codecs",
    "formats",
    "geometry",
    "images",
    "layouts",
    "pipeline",
    "sources",
    "tasks",
]
