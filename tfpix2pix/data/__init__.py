"""Data: from image files to batches in the networks' range.

Its modules are imported when they are used first: some know nothing of TensorFlow.
"""

from typing import TYPE_CHECKING

from tfpix2pix import lazily

if TYPE_CHECKING:
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

__getattr__, __dir__ = lazily.package(__name__)
